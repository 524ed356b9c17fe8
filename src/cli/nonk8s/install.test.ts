// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { KubeArmorError } from '#base';
import { installCommand, uninstallCommand } from '../commands/install.ts';
import type { Io } from '../io.ts';
import type { AgentPort } from '../ports.ts';
import { runCli } from '../run-cli.ts';
import { FakeAgent, recordingIo } from '../testing.ts';
import { MACHINE_INSTALL_FLAGS, MACHINE_UNINSTALL_FLAGS } from './machine-flags.ts';
import { FakeMachine } from './testing-machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'karmor-machine-'));
after(() => rmSync(folder, { recursive: true }));
const ARCH = process.arch === 'arm64' ? 'arm64' : 'amd64';
const nameOf = (version: string): string => `kubearmor_${version}_linux-${ARCH}.deb`;

/** Puts a package, whose text is its version, beside the others and makes it the latest. */
function release(version: string): { readonly deb: string; readonly sum: string } {
  const at = join(folder, `v${version}`);
  mkdirSync(at, { recursive: true });
  const sum = createHash('sha256').update(version).digest('hex');
  writeFileSync(join(at, nameOf(version)), version);
  writeFileSync(join(at, 'SHA256SUMS'), `${'0'.repeat(64)}  other.deb\n${sum}  ${nameOf(version)}\n`);
  writeFileSync(join(folder, 'latest'), `v${version}\n`);
  return { deb: join(at, nameOf(version)), sum };
}

interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

type Around = Partial<Pick<Io, 'kubeArmorTraces' | 'connect' | 'env'>> & { readonly agent?: AgentPort };

async function karmor(machine: FakeMachine, words: readonly string[], around: Around = {}): Promise<Told> {
  const { io, out, err } = recordingIo({ machine: async () => machine, ...around });
  const code = await runCli(words, io);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

const install = (machine: FakeMachine, words: readonly string[] = [], around: Around = {}): Promise<Told> =>
  karmor(machine, ['install', '--nonk8s', '--from', folder, ...words], around);

const running = (): Pick<Io, 'kubeArmorTraces'> => ({
  kubeArmorTraces: async () => ({ agents: [{ pid: 812, exe: '/KubeArmor/kubearmor' }], profiles: [], pins: [], unread: [] }),
});

test('the latest of a release is shown, installed, and not a second time', async () => {
  const machine = new FakeMachine();
  const { deb, sum } = release('1.2.3');
  const told = await install(machine);
  assert.deepEqual([told.code, told.err], [0, '']);
  assert.deepEqual(told.out.split('\n'), [
    '+ package kubearmor: 1.2.3; none is installed now',
    `  from ${deb}`,
    `  SHA-256 ${sum}, which was checked`,
    '  by apt-get',
    '  /opt/kubearmor/kubearmor.yaml and /opt/kubearmor/policies stay where they are there',
    'kubearmor 1.2.3 is installed in /opt/kubearmor',
    'whether it enforces, and what to do if not: sudo karmor probe',
  ]);
  assert.deepEqual(machine.kept, new Map());
  const again = await install(machine);
  assert.equal(again.code, 0);
  assert.match(again.out, /^nothing to change: kubearmor 1\.2\.3 is installed already\n/);
  assert.deepEqual(machine.done, ['install 1.2.3']);
});

test('--dry-run shows it without root, and changes nothing', async () => {
  const machine = new FakeMachine();
  machine.isRoot = false;
  machine.state = { version: '1.0.0', state: 'installed' };
  release('1.2.3');
  const told = await install(machine, ['--dry-run', '--block=all']);
  assert.equal(told.code, 0);
  assert.match(told.out, /^~ package kubearmor: 1\.0\.0 → 1\.2\.3\n/);
  assert.match(told.out, /^\+ defaultNetworkPosture of \/opt\/kubearmor\/kubearmor\.yaml: block$/m);
  assert.deepEqual(machine.done, []);
  const denied = await install(machine);
  assert.equal(denied.code, 2);
  assert.match(denied.err, /needs root/);
  assert.deepEqual(machine.done, []);
});

test('what does not bear the checksum of its release is not installed', async () => {
  const machine = new FakeMachine();
  const { deb, sum } = release('1.2.3');
  writeFileSync(deb, '6.6.6');
  const told = await install(machine);
  assert.equal(told.code, 74);
  assert.match(told.err, /is not what its release says \(SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}\); nothing was changed/);
  assert.deepEqual(machine.done, []);
  release('1.2.3');
  assert.equal((await karmor(machine, ['install', '--nonk8s', '--from', deb])).code, 2);
  assert.equal((await karmor(machine, ['install', '--nonk8s', '--from', deb, '--sha256', sum])).code, 0);
  assert.deepEqual(machine.done, ['install 1.2.3']);
});

test('the place of releases has no default', async () => {
  release('1.2.3');
  const machine = new FakeMachine();
  const told = await karmor(machine, ['install', '--nonk8s']);
  assert.equal(told.code, 2);
  assert.match(told.err, /where are the releases\? give --from, or set KUBEARMOR_RELEASES/);
  assert.equal((await karmor(machine, ['install', '--nonk8s'], { env: { KUBEARMOR_RELEASES: folder } })).code, 0);
  const cluster = await karmor(machine, ['install', '--from', folder]);
  assert.match(cluster.err, /--from: it is of --nonk8s/);
});

test('a version that is older than what is installed is taken only by its name', async () => {
  const machine = new FakeMachine();
  release('1.2.3');
  machine.state = { version: '1.3.0', state: 'installed' };
  const told = await install(machine);
  assert.equal(told.code, 1);
  assert.match(told.err, /1\.2\.3 is older than 1\.3\.0, which is installed: name it with --tag/);
  assert.equal((await install(machine, ['--tag', 'v1.2.3'])).code, 0);
  assert.deepEqual(machine.done, ['install 1.2.3, older']);
});

test('an installation that did not end is done again', async () => {
  const machine = new FakeMachine();
  release('1.2.3');
  machine.state = { version: '1.2.3', state: 'broken' };
  machine.said = ['kubearmor: the agent did not start: journalctl -u kubearmor'];
  const told = await install(machine);
  assert.match(told.out, /^~ package kubearmor: 1\.2\.3, which was not installed whole → 1\.2\.3\n/);
  assert.equal(told.err, 'kubearmor: the agent did not start: journalctl -u kubearmor');
  assert.deepEqual(machine.done, ['install 1.2.3']);
});

test('machines: without apt-get it says what dpkg leaves out, without dpkg it installs nothing', async () => {
  const machine = new FakeMachine();
  release('1.2.3');
  machine.installer = 'dpkg';
  assert.match(
    (await install(machine, ['--dry-run'])).out,
    /by dpkg, as apt-get is not here: what the package depends on has to be installed/,
  );
  machine.installer = undefined;
  const told = await install(machine);
  assert.equal(told.code, 1);
  assert.match(told.err, /neither apt-get nor dpkg is here, .*docs\/guide\/install\.md says how to unpack it by hand/);
  assert.match((await karmor(machine, ['uninstall', '--nonk8s'])).err, /neither apt-get nor dpkg/);
});

test('KubeArmor’s own is named and not overwritten', async () => {
  const machine = new FakeMachine();
  release('1.2.3');
  machine.state = { version: '1.7.2', state: 'installed' };
  machine.other = { isPackage: true, paths: ['/opt/kubearmor/kubearmor'] };
  for (const words of [[], ['--dry-run'], ['--tag=v1.2.3']]) {
    const told = await install(machine, words, running());
    assert.equal(told.code, 1);
    assert.match(
      told.err,
      /KubeArmor’s own is on this machine \(its package, version 1\.7\.2, \/opt\/kubearmor\/kubearmor, \/KubeArmor\/kubearmor as process 812\): .*--take-over/,
    );
  }
  assert.match((await karmor(machine, ['uninstall', '--nonk8s'])).err, /KubeArmor’s own is on this machine .*it goes with what brought it/);
  assert.deepEqual(machine.done, []);
});

test('--take-over stops KubeArmor’s service and installs over it; an agent that is no service stays and is named', async () => {
  const machine = new FakeMachine();
  release('1.2.3');
  machine.state = { version: '1.7.2', state: 'installed' };
  machine.other = { isPackage: true, paths: ['/opt/kubearmor/kubearmor'] };
  const refused = await install(machine, ['--take-over'], running());
  assert.equal(refused.code, 1);
  assert.match(refused.err, /no service of systemd \(\/KubeArmor\/kubearmor as process 812\): end it/);
  assert.deepEqual(machine.done, ['stop']);
  const told = await install(machine, ['--take-over']);
  assert.deepEqual([told.code, told.err], [0, '']);
  assert.match(
    told.out,
    /^- KubeArmor’s own: its package, version 1\.7\.2, \/opt\/kubearmor\/kubearmor\n~ package kubearmor: 1\.7\.2 → 1\.2\.3\n/,
  );
  assert.deepEqual(machine.done, ['stop', 'stop', 'install 1.2.3, older']);
});

test('an agent of ours that no package brought is not installed over', async () => {
  const machine = new FakeMachine();
  release('1.2.3');
  const told = await install(machine, [], { agent: new FakeAgent() });
  assert.equal(told.code, 1);
  assert.match(told.err, /an agent runs here that no package brought/);
  assert.deepEqual(machine.done, []);
});

test('postures and visibility go into the settings, and the rest of them stays', async () => {
  const machine = new FakeMachine();
  release('1.2.3');
  const words = ['--block=file', '--audit', 'network', '--host-block=all', '--viz=process,network', '--host-viz', 'none'];
  const told = await install(machine, words);
  assert.deepEqual([told.code, told.err], [0, '']);
  assert.equal(
    machine.settings,
    `# Settings of the agent.
cluster: default

defaultFilePosture: block
defaultNetworkPosture: audit
visibility: process,network
hostDefaultFilePosture: block
hostDefaultNetworkPosture: block
hostDefaultCapabilitiesPosture: block
hostVisibility: none
`,
  );
  const again = await install(machine, words);
  assert.match(again.out, /^nothing to change/);
  const other = await install(machine, ['--audit=file']);
  assert.match(other.out, /^~ defaultFilePosture of \/opt\/kubearmor\/kubearmor\.yaml: block → audit\n/);
  assert.match(machine.settings ?? '', /^defaultFilePosture: audit$/m);
  assert.match(machine.settings ?? '', /^hostVisibility: none$/m);
  assert.deepEqual(machine.done, ['install 1.2.3', 'settings', 'restart', 'settings', 'restart']);
});

test('settings that the agent could not read are told before anything is changed', async () => {
  const machine = new FakeMachine();
  release('1.2.3');
  machine.settings = '- a list\n';
  const told = await install(machine, ['--block=all']);
  assert.equal(told.code, 2);
  assert.match(told.err, /reading \/opt\/kubearmor\/kubearmor\.yaml: it is no list of settings; nothing was changed/);
  assert.deepEqual(machine.done, []);
});

const refusals: readonly (readonly [words: readonly string[], why: RegExp])[] = [
  [['--vm-mode=docker'], /--vm-mode: systemd is how it is/],
  [['--secure-containers=false'], /enableKubeArmorPolicy: false/],
  [['--registry=r.example', '-n', 'security'], /--namespace: it is of a cluster: leave it out; --registry: the package holds no images/],
  [['--save'], /--dry-run shows/],
  [['--context=prod'], /--context: it is of a cluster/],
  [['--host-block=proces'], /--host-block does not take 'proces': it is one of all, file/],
  [['--viz=all'], /--viz does not take 'all'/],
  [['--host-audit=all', '--host-block=file'], /--host-audit and --host-block both mean file/],
];
for (const [words, why] of refusals)
  test(`install --nonk8s ${words.join(' ')} is refused with the reason`, async () => {
    const machine = new FakeMachine();
    const told = await install(machine, words);
    assert.equal(told.code, 2);
    assert.match(told.err, why);
    assert.deepEqual(machine.done, []);
  });

test('KubeArmor’s own flags of this mode at what is so here are taken without a word', async () => {
  release('1.2.3');
  const words = ['--vm-mode=systemd', '--secure-containers', '--image-pull-policy=always', '--verify=false', '--annotateExisting=false'];
  const told = await install(new FakeMachine(), words);
  assert.deepEqual([told.code, told.err], [0, '']);
  assert.match((await install(new FakeMachine(), ['--image-pull-policy=never'])).err, /^--image-pull-policy: .*; it does nothing$/);
});

test('every flag of install and uninstall is answered for a machine, or is our own', () => {
  const ours = new Set(['--dry-run', '--wait', '--take-over', '--backup', '--from', '--sha256']);
  const longOf = ({ flags }: { readonly flags: string }): string => /--[\w-]+/.exec(flags)?.[0] ?? '';
  for (const [command, known] of [
    [installCommand, MACHINE_INSTALL_FLAGS],
    [uninstallCommand, MACHINE_UNINSTALL_FLAGS],
  ] as const) {
    const names = (command.options ?? []).map(longOf).filter((name) => !ours.has(name));
    assert.deepEqual(known.map(({ option }) => longOf(option)).toSorted(), names.toSorted());
  }
});

test('upgrade --nonk8s wants something to upgrade', async () => {
  const machine = new FakeMachine();
  release('1.2.3');
  const upgrade = (): Promise<Told> => karmor(machine, ['upgrade', '--nonk8s', '--from', folder]);
  assert.match((await upgrade()).err, /the package is not installed: `karmor install --nonk8s` does it/);
  machine.state = { version: '1.2.2', state: 'installed' };
  assert.equal((await upgrade()).code, 0);
  assert.deepEqual(machine.done, ['install 1.2.3']);
});

/** An agent that is there from the `looks`-th look on. */
function agentFrom(looks: number): Pick<Io, 'connect'> {
  let looked = 0;
  const agent = new FakeAgent();
  return {
    connect: async () => {
      if (++looked < looks) throw new KubeArmorError('UNREACHABLE', 'nothing listens');
      return agent;
    },
  };
}

test('--wait waits until the agent answers, and says how its unit is', async () => {
  release('1.2.3');
  const machine = new FakeMachine();
  machine.units = ['activating', 'activating', 'active'];
  const told = await install(machine, ['--wait'], agentFrom(5));
  assert.equal(told.code, 0);
  assert.match(
    told.out,
    /\nkubearmor\.service is activating\nkubearmor\.service is active\nthe agent answers on unix:\/\/\/run\/kubearmor\/kubearmor\.sock\nwhether it enforces/,
  );
});

test('--wait has an end, and does not wait for what nobody starts', async () => {
  release('1.2.3');
  const machine = new FakeMachine();
  machine.units = ['activating'];
  const told = await install(machine, ['--wait']);
  assert.equal(told.code, 1);
  assert.equal(told.err, 'the agent does not answer within 3 minutes: journalctl -u kubearmor');
  const other = new FakeMachine();
  other.hasSystemd = false;
  const without = await install(other, ['--verify']);
  assert.equal(without.code, 1);
  assert.match(
    without.err,
    /systemd does not run here, so nothing starts the agent: run \/opt\/kubearmor\/kubearmor in \/opt\/kubearmor as root/,
  );
});
