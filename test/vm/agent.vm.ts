// SPDX-License-Identifier: Apache-2.0
// The agent on an enforcing kernel, end to end: a real containerd, a busybox container, a policy by RPC, a refusal, an alert.
//
//   tools/vm --kernel 6.12 -- tools/node test/vm/agent.vm.ts [FLAG OF THE AGENT...]
//
// Needs root, containerd, ctr, runc and a static busybox. Last line: `N passed, N failed`.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { dialGrpc, healthClient, policyClient, probeClient, watchFeed } from '#grpc';
import type { Alert } from '#wire';
import { PolicyStatus, ServingStatus } from '#wire';

const root = fileURLToPath(new URL('../..', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'agent-vm-'));
const containerdSocket = join(home, 'c.sock');
const rootfs = join(home, 'rootfs');
const policies = join(home, 'policies');
const socket = join(home, 'k.sock');

interface Ran {
  readonly code: number;
  readonly output: string;
}

function run(command: string, ...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 60_000, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 128;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}
const ctr = (...args: readonly string[]): Promise<Ran> => run('ctr', '--address', containerdSocket, ...args);

async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`);
    await sleep(50);
  }
}

/** `sh` and `touch` are programs of their own, copies: what links to busybox mean is the kernel cases' matter. */
function makeRootfs(): void {
  for (const name of ['bin', 'proc', 'dev', 'sys', 'tmp', 'etc']) mkdirSync(join(rootfs, name), { recursive: true });
  for (const name of ['busybox', 'sh', 'touch']) copyFileSync('/bin/busybox', join(rootfs, 'bin', name));
  for (const applet of ['sleep', 'true', 'cat']) symlinkSync('busybox', join(rootfs, 'bin', applet));
  writeFileSync(join(rootfs, 'etc/secret'), 'secret\n');
}

let containerd: ChildProcess | undefined;

async function startContainerd(): Promise<void> {
  const config = [
    'version = 2',
    `root = "${home}/root"`,
    `state = "${home}/state"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]',
    `[grpc]\n  address = "${containerdSocket}"`,
    `[plugins."io.containerd.internal.v1.opt"]\n  path = "${home}/opt"`,
  ];
  writeFileSync(join(home, 'config.toml'), config.join('\n'));
  containerd = spawn('containerd', ['--config', join(home, 'config.toml')], { stdio: 'ignore' });
  await until('containerd answers', async () => (await ctr('version')).code === 0);
}

async function stopContainerd(): Promise<void> {
  const ended = new Promise((resolve) => containerd?.once('exit', resolve));
  containerd?.kill('SIGKILL');
  await ended;
}

const runContainer = (id: string): Promise<Ran> => ctr('run', '-d', '--label', `app=${id}`, '--rootfs', rootfs, id, '/bin/sleep', '1000');
let execs = 0;
const inside = (id: string, ...command: readonly string[]): Promise<Ran> => ctr('task', 'exec', '--exec-id', `e${execs++}`, id, ...command);

class Agent {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  stdout = '';
  stderr = '';

  constructor() {
    const flags = [`-policyDir=${policies}`, `-socket=${socket}`, `-stateDir=${home}/state-agent`, `-criSocket=unix://${containerdSocket}`];
    this.#child = spawn(join(root, 'kubearmor'), [...flags, ...process.argv.slice(2)], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (text: Buffer) => (this.stdout += text.toString()));
    this.#child.stderr?.on('data', (text: Buffer) => (this.stderr += text.toString()));
    this.#ended = new Promise((resolve) => this.#child.once('exit', resolve));
  }

  ready(): Promise<void> {
    return until('the agent is ready', () => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw new Error(`the agent ended: ${this.stderr}`);
      return this.stdout.includes('is ready');
    });
  }

  stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.#ended;
  }
}

/** Alerts of the stream, from now on. */
class Alerts {
  readonly seen: Alert[] = [];
  readonly #stop = new AbortController();
  readonly done: Promise<string>;
  readonly #transport = dialGrpc({ address: `unix://${socket}` });

  constructor() {
    this.done = this.#read();
  }

  async #read(): Promise<string> {
    try {
      for await (const alert of watchFeed(this.#transport, 'alerts', this.#stop.signal)) this.seen.push(alert);
      return 'ended';
    } catch (error) {
      return String(error);
    }
  }

  until(what: string, matches: (alert: Alert) => boolean): Promise<void> {
    return until(
      `alert: ${what}; seen: ${this.seen.map((a) => `${a.PolicyName} ${a.Operation} ${a.Resource}`).join(', ')}`,
      () => this.seen.some(matches),
      10_000,
    );
  }

  close(): void {
    this.#stop.abort();
    this.#transport.close();
  }
}

const blockPath = (name: string, container: string, section: 'process' | 'file', path: string): object => ({
  metadata: { name },
  spec: {
    severity: 5,
    message: `no ${path}`,
    selector: { matchLabels: { 'kubearmor.io/container.name': container } },
    [section]: { matchPaths: [{ path }] },
    action: 'Block',
  },
});

let agent: Agent;
let alerts: Alerts | undefined;

async function send(type: string, object: object): Promise<number> {
  using transport = dialGrpc({ address: `unix://${socket}` });
  return (await policyClient(transport).containerPolicy({ policy: Buffer.from(JSON.stringify({ type, object })) })).status;
}
const isRefused = (ran: Ran): boolean => ran.code !== 0 && /permission denied|EACCES/i.test(ran.output);

const cases: readonly (readonly [name: string, run: () => Promise<void>])[] = [
  [
    'the agent starts, with a container that runs already',
    async () => {
      assert.equal((await runContainer('web')).code, 0);
      agent = new Agent();
      await agent.ready();
      assert.match(agent.stdout, /1 containers protected/);
      alerts = new Alerts();
      await sleep(500);
    },
  ],
  [
    'nothing is refused without a policy',
    async () => {
      const ran = await inside('web', '/bin/sh', '-c', 'cat /etc/secret');
      assert.deepEqual(ran, { code: 0, output: 'secret\n' });
    },
  ],
  [
    'a policy by RPC: once it is answered the next exec is refused',
    async () => {
      assert.equal(await send('ADDED', blockPath('no-shell', 'web', 'process', '/bin/sh')), PolicyStatus.Applied);
      const ran = await inside('web', '/bin/sh', '-c', 'true');
      assert.ok(isRefused(ran), JSON.stringify(ran));
      assert.equal((await inside('web', '/bin/true')).code, 0, 'another program runs');
    },
  ],
  [
    'the alert names policy, rule and container; the line says Blocked',
    async () => {
      await alerts?.until('no-shell', (a) => a.PolicyName === 'no-shell' && a.Action === 'Block');
      const alert = alerts?.seen.find((a) => a.PolicyName === 'no-shell');
      assert.deepEqual(
        [alert?.Operation, alert?.Result, alert?.ContainerName, alert?.RuleField, alert?.Severity, alert?.Message],
        ['Process', 'Permission denied', 'web', 'spec.process.matchPaths[0]', '5', 'no /bin/sh'],
      );
      await until('a line with Blocked', () => /^Blocked: .*no-shell/m.test(agent.stdout));
    },
  ],
  [
    'a file, for reading',
    async () => {
      assert.equal(await send('ADDED', blockPath('no-secret', 'web', 'file', '/etc/secret')), PolicyStatus.Applied);
      const ran = await inside('web', '/bin/cat', '/etc/secret');
      assert.ok(isRefused(ran), JSON.stringify(ran));
      await alerts?.until('no-secret', (a) => a.PolicyName === 'no-secret' && a.Operation === 'File');
    },
  ],
  [
    'a policy of the folder; a new container is under it from its first instruction',
    async () => {
      const yaml = `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: no-touch}\nspec:\n  selector: {matchLabels: {app: late}}\n  process: {matchPaths: [{path: /bin/touch}]}\n`;
      writeFileSync(join(policies, 'touch.yaml'), yaml);
      using transport = dialGrpc({ address: `unix://${socket}` });
      await until('the policy is taken', async () =>
        Object.values((await probeClient(transport).getProbeData({})).containerMap).some((c) => c.policyList.includes('no-touch')),
      );
      assert.equal((await runContainer('late')).code, 0);
      await until('it is refused', async () => isRefused(await inside('late', '/bin/touch', '/tmp/x')), 10_000);
      assert.equal((await inside('late', '/bin/sh', '-c', 'true')).code, 0, 'other containers’ policies are not its');
    },
  ],
  [
    'probe: containers with their policies, and the file',
    async () => {
      using transport = dialGrpc({ address: `unix://${socket}` });
      const probe = await probeClient(transport).getProbeData({});
      assert.deepEqual(probe.containerMap['web']?.policyList.toSorted(), ['no-secret', 'no-shell']);
      assert.equal((await healthClient(transport).check({ service: '' })).status, ServingStatus.SERVING);
      await until('probe.json', () => existsSync(join(home, 'state-agent/probe.json')));
      const detail = JSON.parse(readFileSync(join(home, 'state-agent/probe.json'), 'utf8')) as { enforcer: string; reasons: unknown[] };
      assert.equal(detail.enforcer, 'BPFLSM', JSON.stringify(detail.reasons));
    },
  ],
  [
    'bad requests change nothing',
    async () => {
      for (const object of [{}, { metadata: { name: 'x' }, spec: { nonsense: 1 } }, { metadata: { name: 'no-shell' }, spec: {} }]) {
        assert.equal(await send('ADDED', object), PolicyStatus.Invalid);
      }
      assert.ok(isRefused(await inside('web', '/bin/sh', '-c', 'true')));
    },
  ],
  [
    'a full disk: the answer is Failure, and nothing is lost',
    async () => {
      const filler = join(policies, 'filler');
      await run('dd', 'if=/dev/zero', `of=${filler}`, 'bs=4k');
      assert.equal(await send('ADDED', blockPath('one-more', 'web', 'process', '/bin/cat')), PolicyStatus.Failure);
      assert.equal(await send('MODIFIED', blockPath('no-shell', 'web', 'process', '/bin/cat')), PolicyStatus.Failure);
      assert.ok(isRefused(await inside('web', '/bin/sh', '-c', 'true')));
      rmSync(filler);
      assert.equal(await send('MODIFIED', blockPath('no-shell', 'web', 'process', '/bin/sh')), PolicyStatus.Modified);
    },
  ],
  [
    'containerd goes and comes back: what is protected stays so',
    async () => {
      await stopContainerd();
      await until('the agent notices', () => /the container runtime is away/.test(agent.stderr));
      await startContainerd();
      await until('the agent is connected again', () => (agent.stderr.match(/connected to the container runtime/g) ?? []).length >= 2);
      assert.ok(isRefused(await inside('web', '/bin/sh', '-c', 'true')));
    },
  ],
  [
    'a deleted policy ends when it is answered',
    async () => {
      assert.equal(await send('DELETED', { metadata: { name: 'no-secret' } }), PolicyStatus.Deleted);
      assert.deepEqual(await inside('web', '/bin/cat', '/etc/secret'), { code: 0, output: 'secret\n' });
      assert.equal(await send('DELETED', { metadata: { name: 'no-secret' } }), PolicyStatus.NotExist);
    },
  ],
  [
    'a second agent refuses to start',
    async () => {
      const ran = await run(
        join(root, 'kubearmor'),
        `-socket=${socket}`,
        `-policyDir=${policies}`,
        `-stateDir=${home}/second`,
        ...process.argv.slice(2),
      );
      assert.deepEqual([ran.code, /another agent listens/.test(ran.output)], [1, true], ran.output);
    },
  ],
  [
    'a clean stop: streams end as unavailable, exit code 0',
    async () => {
      const code = await agent.stop();
      assert.equal(code, 0, agent.stderr);
      assert.match((await alerts?.done) ?? '', /KubeArmorError|ended/);
      assert.ok(!existsSync(socket));
    },
  ],
  [
    'a restart: policies are there again, and in force',
    async () => {
      agent = new Agent();
      await agent.ready();
      assert.ok(isRefused(await inside('web', '/bin/sh', '-c', 'true')));
      assert.equal(await agent.stop(), 0);
    },
  ],
];

let passed = 0;
let failed = 0;
makeRootfs();
mkdirSync(policies);
await run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', policies);
await startContainerd();
for (const [name, runCase] of cases) {
  const startMs = performance.now();
  try {
    await runCase();
    passed++;
    console.log(`ok      ${name} (${Math.round(performance.now() - startMs)} ms)`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${error instanceof Error ? error.message : String(error)}`);
    console.log(`--- agent\n${(agent! as Agent | undefined)?.stderr.slice(-3000)}\n${(agent! as Agent | undefined)?.stdout.slice(-2000)}`);
  }
}
alerts?.close();
for (const id of ['web', 'late']) {
  await ctr('task', 'delete', '--force', id);
  await ctr('containers', 'delete', id);
}
await stopContainerd();
await run('umount', policies);
rmSync(home, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
