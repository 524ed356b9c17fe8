// SPDX-License-Identifier: Apache-2.0
// demo.ts [--kept]: the tutorial, our own pages, then the wiki's checks, in a hybrid cluster, with the pages' own lines. --kept: in the one that up.ts
// keeps. Ends with `N of N claims hold`; exits 1 where one does not. Needs a release in .cache/release/demo (make demo-cluster).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { latestIn, makeSite } from '../../tools/release/site.ts';
import { isRefused } from '../vm/running.ts';
import { Hybrid, HybridCluster } from './cluster.ts';
import { makeWebImage, ownImages } from './images.ts';
import { isReady } from './install.ts';
import { inKernel } from './in-kernel.ts';
import { GREETING, openOutside, RELEASES } from './outside.ts';
import { playOwnPages } from './play-page.ts';
import { playWiki } from './play-wiki.ts';
import { Terminal } from './terminal.ts';
import { LINES, NAMESPACE } from './tutorial.ts';

const { kept } = parseArgs({ options: { kept: { type: 'boolean', default: false } } }).values;
/** Of `make demo-cluster`. */
const release = (): string => latestIn(join(import.meta.dirname, '../../.cache/release/demo'));
const IMAGE = 'docker.io/library/nginx:alpine';
/** Ours, where the page does not say how one knows that a policy is in force. */
const enforced = (name: string): string => `kubectl wait --for=condition=Enforced ksp/${name} -n ${NAMESPACE} --timeout=170s`;

async function setUp(terminal: Terminal, cluster: Hybrid): Promise<void> {
  terminal.step('Installation, options 1 and 2: karmor by its script, KubeArmor by Helm; releases are served on loopback');
  terminal.claim('the script installs karmor', /is installed as/.test((await terminal.type(LINES.install.karmor)).output));
  for (const line of [LINES.install.repository, LINES.install.update, LINES.install.helm])
    terminal.claim(line.split(' ', 3).join(' '), (await terminal.type(line)).code === 0);
  terminal.note('programs start under emulation: some minutes');
  await isReady(cluster);
  const pods = await terminal.type(LINES.install.pods);
  terminal.claim('KubeArmor runs', pods.code === 0 && !/0\/1/.test(pods.output));
  const probe = await terminal.type(LINES.install.probe);
  terminal.claim('it enforces', probe.code === 0 && /ENFORCING/.test(probe.output));
}

async function deploy(terminal: Terminal): Promise<void> {
  terminal.step('Exercise, setup');
  await terminal.type(LINES.setup.namespace);
  await terminal.type(LINES.setup.deploy);
  terminal.claim('the web application is there', (await terminal.type(LINES.setup.wait)).code === 0);
}

async function observe(terminal: Terminal, cluster: Hybrid): Promise<void> {
  terminal.step('Task 1: observe without policies');
  await using page = terminal.open(LINES.observe.logs);
  terminal.note('It shows alerts, and nothing is forbidden yet; what happens is in the telemetry:');
  await using system = terminal.open(`${LINES.observe.logs} --logFilter=system`);
  await system.listens(() => cluster.kubectl('exec', '-n', NAMESPACE, 'deploy/web-app', '--', 'ls', '/usr'));
  const [ls, cat, wget] = [
    await terminal.type(LINES.observe.ls),
    await terminal.type(LINES.observe.cat),
    await terminal.type(LINES.observe.wget),
  ];
  terminal.claim('the files are listed', /\betc\b/.test(ls.output));
  terminal.claim('the configuration is read', /worker_processes/.test(cat.output));
  terminal.claim('the outside world is reached', wget.output.includes(GREETING));
  terminal.claim('karmor logs follows the cluster', page.isRunning);
  terminal.claim('karmor logs: ls', await system.shows(/Process \/bin\/ls/));
  terminal.claim('karmor logs: wget', await system.shows(/Process \/usr\/bin\/wget/));
  const curl = await terminal.type(LINES.test.curl);
  terminal.claim('nginx serves its page', /Welcome/.test(curl.output));
}

async function audit(terminal: Terminal, alerts: Shown): Promise<void> {
  terminal.step('Task 2: apply an audit policy');
  await terminal.type(LINES.audit.apply);
  terminal.claim('it is in force', (await terminal.type(enforced('web-app-audit'))).code === 0);
  const cat = await terminal.type(LINES.audit.cat);
  terminal.claim('the file is read', /^root:/m.test(cat.output));
  terminal.claim('and that is told of', await alerts.shows(/ - Audit - File .*\/etc\/passwd/));
}

async function harden(terminal: Terminal): Promise<void> {
  terminal.step('Task 3: apply an enforcement policy');
  terminal.claim('it is taken', (await terminal.type(LINES.harden.apply)).code === 0);
  terminal.claim('it is in force', (await terminal.type(enforced('web-app-hardened'))).code === 0);
  await terminal.type(`kubectl get ksp -n ${NAMESPACE}`);
}

async function tryIt(terminal: Terminal): Promise<void> {
  terminal.step('Task 4: test the hardened container');
  terminal.note('The page’s own list has no curl, so it is refused as wget is; nginx is asked from outside.');
  terminal.claim('curl is refused', isRefused(await terminal.type(LINES.test.curl)));
  const address = `kubectl get pod -n ${NAMESPACE} -l app=web-app -o jsonpath={.items[0].status.podIP}`;
  terminal.claim('nginx still serves its page', /Welcome/.test((await terminal.type(`curl -s http://$(${address})/`)).output));
  terminal.claim('a shell is refused', isRefused(await terminal.type(LINES.test.shell)));
  terminal.claim('wget is refused', isRefused(await terminal.type(LINES.test.wget)));
  terminal.claim('reading the password file is refused', isRefused(await terminal.type(LINES.test.cat)));
}

async function check(terminal: Terminal, alerts: Shown): Promise<void> {
  terminal.step('Task 5: check the logs');
  terminal.note(`in the other terminal: ${LINES.check.logs}`);
  for (const program of ['/bin/sh', '/usr/bin/wget', '/bin/cat'])
    terminal.claim(
      `${program}, refused`,
      await alerts.shows(new RegExp(`^MatchedPolicy - Block - Process ${program}.*web-app-hardened`, 'm')),
    );
  const blocked = await terminal.type('kubectl logs -n kubearmor -l app=kubearmor --tail=-1 | grep Blocked | tail -n 3');
  terminal.claim('the agent’s own log has them too', /web-app-hardened/.test(blocked.output));
}

async function cleanUp(terminal: Terminal, cluster: Hybrid, before: string): Promise<void> {
  terminal.step('Cleanup');
  terminal.claim('the namespace goes', (await terminal.type(LINES.cleanup.namespace)).code === 0);
  terminal.claim('no policy is left', /No resources found/.test((await terminal.type('kubectl get ksp -A')).output));
  const left = async (): Promise<boolean> =>
    (await cluster.kubectl('get', 'kubearmornodes', '-o', 'jsonpath={.items[*].status.policies}')).output === '{}';
  terminal.claim('nor in what the node reports', await terminal.eventually(left));
  terminal.claim(
    `in the kernel is what was there before: ${before}`,
    await terminal.eventually(async () => (await inKernel(cluster)) === before),
  );
}

type Shown = Pick<ReturnType<Terminal['open']>, 'shows'>;

/** The exercise of the tutorial. */
async function exercise(terminal: Terminal, cluster: Hybrid): Promise<void> {
  const before = await inKernel(cluster);
  await deploy(terminal);
  await observe(terminal, cluster);
  await using alerts = terminal.open(LINES.check.logs);
  await audit(terminal, alerts);
  await harden(terminal);
  await tryIt(terminal);
  await check(terminal, alerts);
  await cleanUp(terminal, cluster, before);
}

async function play(cluster: Hybrid): Promise<boolean> {
  // The node has no registry; what the page's image is made of is this machine's own nginx.
  await cluster.guest.run(`ctr -n k8s.io images tag localhost/web-app:demo ${IMAGE}`);
  const home = mkdtempSync(join(tmpdir(), 'kubearmor-demo-'));
  try {
    makeSite({ at: RELEASES, release: release(), out: join(home, 'site') });
    using outside = await openOutside(join(home, 'site'));
    void outside;
    const terminal = new Terminal(cluster, home);
    await setUp(terminal, cluster);
    await exercise(terminal, cluster);
    await playOwnPages(terminal);
    await playWiki(terminal, cluster);
    return terminal.end();
  } finally {
    rmSync(home, { recursive: true });
  }
}

async function main(): Promise<boolean> {
  if (kept) return await play(Hybrid.kept());
  await using cluster = await HybridCluster.start({ images: [makeWebImage(), ownImages(release()).archive] });
  return await play(cluster);
}

process.exitCode = (await main()) ? 0 : 1;
