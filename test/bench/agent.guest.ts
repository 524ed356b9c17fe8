// SPDX-License-Identifier: Apache-2.0
//
// agent.guest.ts OPS: in the guest, the agent with a real containerd and one container: time until it is ready, its memory, and
// the time from a policy's request to the first refusal in the container. Prints lines of JSON.
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dialGrpc, policyClient, watchFeed } from '#grpc';
import { PolicyStatus } from '#wire';
import { containerdConfig } from '../../tools/testing/containerd-config.ts';
import { PLACES, usrPaths } from './policies.ts';

const ROOT = join(import.meta.dirname, '../..');
const [ops = ''] = process.argv.slice(2);
const home = mkdtempSync(join(tmpdir(), 'bench-'));
const containerdSocket = join(home, 'c.sock');
const socket = join(home, 'k.sock');
const rootfs = join(home, 'rootfs');
const SETTLE_MS = 5000;
const READY_MS = 90_000;
const LOAD_MS = 60_000;
const FLOOD = 50_000;

function say(what: string, value: number, unit: string): void {
  console.log(JSON.stringify({ what, state: '', value, unit }));
}

async function until(what: string, holds: () => boolean, timeoutMs = READY_MS): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not in time: ${what}`);
    await sleep(20);
  }
}

function ctr(...args: readonly string[]): ChildProcess {
  return spawn('ctr', ['--address', containerdSocket, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

function collect(child: ChildProcess): { text: string } {
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (output.text += text.toString()));
  return output;
}

function succeeds(...args: readonly string[]): boolean {
  try {
    execFileSync('ctr', ['--address', containerdSocket, ...args], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function startContainerd(): Promise<ChildProcess> {
  writeFileSync(join(home, 'config.toml'), containerdConfig(home, containerdSocket));
  const child = spawn('containerd', ['--config', join(home, 'config.toml')], { stdio: 'ignore' });
  await until('containerd answers', () => succeeds('version'));
  return child;
}

function makeRootfs(): void {
  for (const name of ['bin', 'proc', 'dev', 'sys', 'tmp', 'etc', PLACES.many]) mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync(ops, join(rootfs, 'bin/ops'));
  chmodSync(join(rootfs, 'bin/ops'), 0o755);
  for (const count of [20, 1000]) writeFileSync(join(rootfs, `etc/secret-${count}`), '');
}

const megabytes = (pid: number): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** Half of the rules speak of programs; the last names the file that the container tries. */
function policy(count: number): object {
  const paths = usrPaths(count - 1, count);
  const half = count / 2;
  const matchPaths = (list: readonly string[]): object => ({ matchPaths: list.map((path) => ({ path })) });
  const spec = {
    selector: { matchLabels: { 'kubearmor.io/container.name': `c${count}` } },
    process: matchPaths(paths.slice(0, half)),
    file: matchPaths([...paths.slice(half), `/etc/secret-${count}`]),
    action: 'Block',
  };
  return { metadata: { name: `rules-${count}` }, spec };
}

async function measureRpc(count: number): Promise<void> {
  const container = ctr('run', '--rm', '--rootfs', rootfs, `c${count}`, '/bin/ops', 'until', '1', '1', `/etc/secret-${count}`);
  const output = collect(container);
  await sleep(SETTLE_MS); // started, and known to the agent
  using transport = dialGrpc({ address: `unix://${socket}` });
  const request = { policy: Buffer.from(JSON.stringify({ type: 'ADDED', object: policy(count) })) };
  const start = process.hrtime.bigint();
  const { status } = await policyClient(transport).containerPolicy(request);
  const answered = process.hrtime.bigint();
  if (status !== PolicyStatus.Applied) throw new Error(`the policy of ${count} rules was answered with ${status}`);
  await until('the container is refused', () => output.text.includes('failed'), 20_000);
  const refused = BigInt(/^\d+$/m.exec(output.text)?.[0] ?? '0');
  if (!output.text.includes('failed 0')) throw new Error(output.text);
  say(`RPC answered, ${count} rules`, Number(answered - start) / 1e6, 'ms');
  say(`RPC in force, ${count} rules`, Number(refused - start) / 1e6, 'ms');
}

/** Denials of distinct files as fast as one process makes them, while somebody reads the stream of alerts. */
async function measureLoad(agentPid: number): Promise<void> {
  execFileSync(ops, ['make', '1', String(FLOOD), join(rootfs, PLACES.many)]);
  using transport = dialGrpc({ address: `unix://${socket}` });
  const stop = new AbortController();
  let told = 0;
  const reading = (async () => {
    for await (const alert of watchFeed(transport, 'alerts', stop.signal)) told += Math.max(1, alert.Count);
  })().catch(() => {});
  const spec = {
    selector: { matchLabels: { 'kubearmor.io/container.name': 'flood' } },
    file: { matchDirectories: [{ dir: `${PLACES.many}/`, recursive: true }] },
    action: 'Block',
  };
  const object = { metadata: { name: 'flood' }, spec };
  await policyClient(transport).containerPolicy({ policy: Buffer.from(JSON.stringify({ type: 'ADDED', object })) });
  const container = ctr('run', '--rm', '--rootfs', rootfs, 'flood', '/bin/ops', 'each', '1', String(FLOOD), PLACES.many);
  const ended = new Promise((resolve) => container.once('close', resolve));
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, megabytes(agentPid))), 100);
  await ended;
  await until('the flood is told', () => told >= FLOOD * 0.9, LOAD_MS).catch(() => {});
  clearInterval(timer);
  stop.abort();
  await reading;
  say('agent RSS under load', peak, 'MB');
  say('agent told under load', (told / FLOOD) * 100, '%');
}

makeRootfs();
const containerd = await startContainerd();
const flags = [`-policyDir=${home}/policies`, `-socket=${socket}`, `-stateDir=${home}/agent`, `-criSocket=unix://${containerdSocket}`];
mkdirSync(join(home, 'policies'));
const started = performance.now();
const agent = spawn(join(ROOT, 'kubearmor'), flags, { stdio: ['ignore', 'pipe', 'pipe'] });
const output = collect(agent);
try {
  await until('the agent is ready', () => output.text.includes('is ready'));
  say('agent ready', (performance.now() - started) / 1000, 's');
  await sleep(SETTLE_MS);
  say('agent RSS idle', megabytes(agent.pid!), 'MB');
  for (const count of [20, 1000]) await measureRpc(count);
  say('agent RSS with 1,000 rules', megabytes(agent.pid!), 'MB');
  await measureLoad(agent.pid!);
} catch (error) {
  console.error(error, output.text.slice(-2000));
  process.exitCode = 1;
}
agent.kill('SIGTERM');
await Promise.race([new Promise((resolve) => agent.once('exit', resolve)), sleep(SETTLE_MS)]);
containerd.kill('SIGKILL');
process.exit();
