// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeArmorError, noLogger } from '#base';
import { dialGrpc, Feed, healthClient, policyClient, probeClient, watchFeed } from '#grpc';
import type { GrpcTransport } from '#grpc';
import type { ContainerChange, ContainerSource } from '#runtimes';
import { sampleContainer } from '#runtimes/testing';
import { PolicyStatus, REASON_TRAILER, ServingStatus, TRIAL_TRAILER } from '#wire';
import { startAgent } from './agent.ts';
import type { AgentParts, RunningAgent } from './agent.ts';
import { readConfig } from './config.ts';
import { RuntimeSource } from './runtime-source.ts';
import { CANARY_KEY } from './proof/prover.ts';
import { FakeCanary } from './testing/fake-canary.ts';
import { FakeEnforcer } from './testing/fake-enforcer.ts';
import { kernelEvent, plainRoot, policyObject } from './testing/samples.ts';

const web = sampleContainer({
  image: 'busybox',
  labels: { app: 'web' },
  status: 'running',
  initPid: 7,
  cgroupPath: '/default/web',
  cgroup: { id: 7n, path: '/c', directory: '/sys/fs/cgroup/c', version: 2 },
});

/** Tells of the containers, then of nothing until aborted. */
function sourceOf(...changes: readonly ContainerChange[]): ContainerSource {
  return {
    claim: () => Promise.resolve('unknown'),
    list: () => Promise.resolve([]),
    async *watch(signal) {
      yield* changes;
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    },
  };
}

/** Removed when every agent has stopped: one that still runs would write into them. */
const directories: string[] = [];
after(() => directories.forEach((directory) => rmSync(directory, { recursive: true, force: true })));
function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'agent-'));
  directories.push(directory);
  return directory;
}

interface Started {
  readonly agent: RunningAgent;
  readonly enforcer: FakeEnforcer;
  readonly lines: string[];
  readonly directory: string;
  readonly transport: GrpcTransport;
}

async function start(t: TestContext, over: Partial<AgentParts> & { flags?: readonly string[]; directory?: string } = {}): Promise<Started> {
  const directory = over.directory ?? newDirectory();
  const socket = join(directory, 'k.sock');
  const argv = [`-policyDir=${directory}/policies`, `-socket=${socket}`, `-stateDir=${directory}`, ...(over.flags ?? [])];
  const result = readConfig({ argv, env: {}, readFile: () => undefined });
  assert.ok('config' in result, JSON.stringify(result));
  const enforcer = over.enforcer instanceof FakeEnforcer ? over.enforcer : new FakeEnforcer();
  const lines: string[] = [];
  const agent = await startAgent({
    config: result.config,
    enforcer,
    runtime: new RuntimeSource({
      socket: '/none',
      logger: noLogger,
      open: () => sourceOf({ kind: 'synced', containers: [web], gapMs: 0 }),
    }),
    feed: new Feed({ runId: 'r' }),
    names: { clusterName: 'default', hostName: 'node', nodeId: 'id', version: '9.9.9', wallClock: () => new Date(0) },
    host: { kernelRelease: '6.12', osImage: 'Linux' },
    peerCredentials: () => ({ pid: 1, uid: 0, gid: 0 }),
    lines: { write: (line) => void lines.push(line), close: () => {}, lost: 0 },
    json: undefined,
    toldLosses: { load: () => ({ alerts: 0n, logs: 0n }), save: () => {} },
    logger: noLogger,
    canary: new FakeCanary({
      ruleSet: () => enforcer.protected.get(CANARY_KEY)?.ruleSet,
      scopeId: () => enforcer.scopeOf(CANARY_KEY),
      tell: (event) => enforcer.emit(event),
    }),
    kubearmorProbePath: join(directory, 'karmorProbeData.cfg'),
    openRoot: plainRoot,
    ...over,
  });
  const transport = dialGrpc({ address: `unix://${socket}` });
  t.after(async () => {
    transport.close();
    await agent.stop();
  });
  return { agent, enforcer, lines, directory, transport };
}
const event = (type: string, object: object): { policy: Uint8Array } => ({ policy: Buffer.from(JSON.stringify({ type, object })) });

async function until(holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  while (!holds()) {
    if (performance.now() > deadlineMs) assert.fail(`not in time: ${holds.toString()}`);
    await sleep(10);
  }
}

test('from a policy by RPC to an alert on the stream, a line and the probe', { timeout: 20_000 }, async (t) => {
  const { agent, enforcer, lines, directory, transport } = await start(t);
  assert.equal(agent.containers, 1);
  const added = await policyClient(transport).containerPolicy(event('ADDED', policyObject('no-shell', '/bin/sh')));
  assert.equal(added.status, PolicyStatus.Applied);
  assert.equal(enforcer.protected.get('default/web')?.ruleSet?.rules.length, 1);

  const stream = watchFeed(transport, 'alerts')[Symbol.asyncIterator]();
  const first = stream.next();
  await until(() => {
    if (lines.length < 20) enforcer.emit(kernelEvent());
    return lines.length >= 20;
  });
  const told = setInterval(() => enforcer.emit(kernelEvent()), 20);
  const { value } = await first;
  clearInterval(told);
  assert.equal(value?.PolicyName, 'no-shell');
  assert.match(lines[0] ?? '', /Blocked/);
  await stream.return?.(undefined);

  const probe = await probeClient(transport).getProbeData({});
  assert.deepEqual(probe.containerMap['web']?.policyList, ['no-shell']);
  assert.equal(probe.containerMap['web']?.policyEnabled, 1);
  const file = join(directory, 'probe.json');
  await until(() => existsSync(file) && readFileSync(file, 'utf8').includes('no-shell'));
  const detail = JSON.parse(readFileSync(file, 'utf8')) as { status: string; version: string; postures: object };
  assert.deepEqual([detail.status, detail.version], ['enforcing', '9.9.9']);
  assert.equal(statSync(join(directory, 'karmorProbeData.cfg')).mode & 0o777, 0o600);
});

test('the reason of a refusal comes as a trailer; the policies of before stay', { timeout: 20_000 }, async (t) => {
  const { transport, enforcer } = await start(t);
  const client = policyClient(transport);
  await client.containerPolicy(event('ADDED', policyObject('a', '/bin/sh')));
  let reason = '';
  const onTrailer = (trailer: Headers): void => void (reason = decodeURIComponent(trailer.get(REASON_TRAILER) ?? ''));
  const answer = await client.containerPolicy(event('MODIFIED', { metadata: { name: 'a' }, spec: { selektor: {} } }), { onTrailer });
  assert.equal(answer.status, PolicyStatus.Invalid);
  assert.match(reason, /selektor/);
  assert.equal(enforcer.protected.get('default/web')?.ruleSet?.rules.length, 1);
});

test('a host policy on trial, over the wire: the trailer tells, and it ends by itself', { timeout: 20_000 }, async (t) => {
  const { transport, enforcer } = await start(t, { flags: ['-enableKubeArmorHostPolicy', '-hostVisibility=none'] });
  const spec = { nodeSelector: { matchLabels: { 'kubernetes.io/hostname': 'node' } }, process: { matchPaths: [{ path: '/x' }] } };
  const policy = Buffer.from(JSON.stringify({ type: 'ADDED_FOR', seconds: 1, object: { metadata: { name: 'h' }, spec } }));
  let trial: string | null = null;
  const onTrailer = (trailer: Headers): void => void (trial = trailer.get(TRIAL_TRAILER));
  assert.equal((await policyClient(transport).hostPolicy({ policy }, { onTrailer })).status, PolicyStatus.Applied);
  assert.equal(trial, '1');
  assert.equal(enforcer.protected.get('host')?.ruleSet?.rules.length, 1);
  assert.deepEqual((await probeClient(transport).getProbeData({})).hostMap['node']?.policyList, ['h']);
  await until(() => !enforcer.protected.has('host'));
});

test('a folder of policies is followed; a restart finds what was there', { timeout: 20_000 }, async (t) => {
  const first = await start(t);
  const { directory, enforcer } = first;
  const file = join(directory, 'policies', 'p.yaml');
  const yaml = `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: p}\nspec: {process: {matchPaths: [{path: /x}]}}\n`;
  const rules = (): number => enforcer.protected.get('default/web')?.ruleSet?.rules.length ?? 0;
  writeFileSync(file, yaml);
  await until(() => rules() === 1);
  writeFileSync(file, 'a: [');
  await sleep(400);
  assert.equal(rules(), 1, 'a file that breaks keeps its last good version');
  writeFileSync(file, yaml.replace('/x}', '/x}, {path: /y}'));
  await until(() => rules() === 2);
  rmSync(file);
  await until(() => rules() === 0);
  await policyClient(first.transport).containerPolicy(event('ADDED', policyObject('kept', '/bin/sh')));
  await first.agent.stop();
  const second = await start(t, { directory });
  assert.equal(second.enforcer.protected.get('default/web')?.ruleSet?.rules[0]?.policy, 'kept');
});

test('what happened while no agent ran is told to a stream that comes back', { timeout: 20_000 }, async (t) => {
  const enforcer = new FakeEnforcer();
  enforcer.protect('default/web', { cgroupId: 7n, mode: 'enabled', ruleSet: undefined });
  enforcer.unread.push(kernelEvent());
  const { transport, lines } = await start(t, { enforcer });
  await sleep(300);
  assert.deepEqual(lines, [], 'it waits for the stream');
  const stream = watchFeed(transport, 'alerts')[Symbol.asyncIterator]();
  const { value } = await stream.next();
  assert.equal(value?.ContainerID, 'web');
  assert.equal(lines.length, 1);
  await stream.return?.(undefined);
});

test('what happened while no agent ran is told all the same where nobody comes back', { timeout: 20_000 }, async (t) => {
  const enforcer = new FakeEnforcer();
  enforcer.protect('default/web', { cgroupId: 7n, mode: 'enabled', ruleSet: undefined });
  enforcer.unread.push(kernelEvent());
  const { lines } = await start(t, { enforcer });
  await sleep(4_000);
  await until(() => lines.length === 1);
});

test('health: serving, by name', { timeout: 20_000 }, async (t) => {
  const { transport } = await start(t);
  for (const service of ['', 'feeder.LogService', 'policy.PolicyService', 'policy.ProbeService']) {
    assert.equal((await healthClient(transport).check({ service })).status, ServingStatus.SERVING, service);
  }
  await assert.rejects(healthClient(transport).check({ service: 'unknown' }));
});

test('a stop ends streams with Unavailable and removes the socket', { timeout: 20_000 }, async (t) => {
  const { agent, transport, directory } = await start(t);
  const next = watchFeed(transport, 'alerts')[Symbol.asyncIterator]().next();
  await sleep(100);
  await Promise.all([assert.rejects(next, (error) => error instanceof KubeArmorError && error.code === 'UNREACHABLE'), agent.stop()]);
  assert.ok(!existsSync(join(directory, 'k.sock')));
});

test('without a container runtime the agent serves all the same and says so', { timeout: 20_000 }, async (t) => {
  const runtime = new RuntimeSource({ socket: undefined, logger: noLogger, find: () => undefined, retryMs: 10 });
  const { transport, directory } = await start(t, { runtime });
  assert.equal((await policyClient(transport).containerPolicy(event('ADDED', policyObject('a', '/bin/sh')))).status, PolicyStatus.Applied);
  await until(() => existsSync(join(directory, 'probe.json')));
  assert.match(readFileSync(join(directory, 'probe.json'), 'utf8'), /"degraded"[\s\S]*the container runtime is away: there is no socket/);
});

test('a runtime that comes later is found', { timeout: 20_000 }, async (t) => {
  let isThere = false;
  const runtime = new RuntimeSource({
    socket: undefined,
    logger: noLogger,
    retryMs: 10,
    find: () => (isThere ? { kind: 'containerd', path: '/c.sock' } : undefined),
    open: () => sourceOf({ kind: 'synced', containers: [web], gapMs: 0 }),
  });
  const { enforcer } = await start(t, { runtime });
  assert.equal(enforcer.protected.size, 0);
  isThere = true;
  await until(() => enforcer.protected.size === 1);
  assert.deepEqual(runtime.state, { kind: 'connected', socket: '/c.sock' });
});

test('TCP with plaintext on loopback where it is asked for, health beside it', { timeout: 20_000 }, async (t) => {
  const { agent } = await start(t, { flags: ['-gRPC=0', '-gRPCHealthPort=0', '-grpcInsecure'] });
  assert.equal(agent.addresses.length, 3);
  const [, api = '', health = ''] = agent.addresses;
  using transport = dialGrpc({ address: api });
  await probeClient(transport).getProbeData({});
  using healthTransport = dialGrpc({ address: health });
  assert.equal((await healthClient(healthTransport).check({ service: '' })).status, ServingStatus.SERVING);
  await assert.rejects(probeClient(healthTransport).getProbeData({}));
});

test('TLS without certificates: a clear error, and nothing is left', { timeout: 20_000 }, async (t) => {
  const directory = newDirectory();
  const flags = ['-gRPC=0', '-tlsEnabled', `-tlsCertPath=${directory}/tls`];
  await assert.rejects(
    start(t, { directory, flags }),
    (error) => error instanceof KubeArmorError && /ca\.crt \(tlsCertPath\): .*ENOENT/.test(error.message),
  );
  assert.ok(!existsSync(join(directory, 'k.sock')));
});

test('a link in the place of the probe file is replaced, not followed', { timeout: 20_000 }, async (t) => {
  const directory = newDirectory();
  const [victim, link] = [join(directory, 'victim'), join(directory, 'karmorProbeData.cfg')];
  writeFileSync(victim, 'precious');
  symlinkSync(victim, link);
  await start(t, { directory });
  await until(() => readFileSync(link, 'utf8').includes('ActiveLSM'));
  assert.equal(readFileSync(victim, 'utf8'), 'precious');
});

test('a part that fails for good is told', { timeout: 20_000 }, async (t) => {
  const boom = new Error('a bug');
  const runtime = new RuntimeSource({
    socket: '/x',
    logger: noLogger,
    open: () => ({
      claim: () => Promise.resolve('unknown'),
      list: () => Promise.resolve([]),
      watch: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(boom) }) }),
    }),
  });
  await assert.rejects(start(t, { runtime }), boom);
});

test(
  'its folders and its socket are guarded; what somebody changed in the kernel is a line and a reason',
  { timeout: 20_000 },
  async (t) => {
    const { enforcer, lines, directory } = await start(t);
    const guarded = enforcer.calls.filter((call) => call.startsWith('guard '));
    assert.equal(guarded.at(-1), `guard ${directory}/policies ${directory} ${directory}/k.sock`);
    enforcer.tampered.push({ what: 'the pin x was removed', problem: 'EPERM' });
    const file = join(directory, 'probe.json');
    await until(() => existsSync(file) && readFileSync(file, 'utf8').includes('the pin x was removed'));
    assert.ok(lines.some((line) => line.includes('the pin x was removed')));
  },
);

test('what a canary proved stands in the probe file; what it did not is a reason', { timeout: 20_000 }, async (t) => {
  const { agent, enforcer, directory, transport, lines } = await start(t);
  interface File {
    readonly proof: string;
    readonly status: string;
    readonly policies: readonly { readonly proof: { readonly state: string } }[];
  }
  const probed = (): File => JSON.parse(readFileSync(join(directory, 'probe.json'), 'utf8')) as File;
  await policyClient(transport).containerPolicy(event('ADDED', policyObject('no-shell', '/bin/sh')));
  await until(() => existsSync(join(directory, 'probe.json')) && probed().policies[0]?.proof.state === 'Proven');
  assert.match(probed().proof, /^1 rule set proven by a canary, all since 20/);
  assert.equal(probed().status, 'enforcing');
  assert.deepEqual(lines, [], 'nobody hears of canaries');
  enforcer.tampered.push({ what: 'image 1 was taken out of the kernel', problem: undefined, workloads: ['default/web'] });
  await until(() => probed().policies[0]?.proof.state === 'Failed');
  assert.match(probed().proof, /^failed for 1 of 1 rule set$/);
  assert.equal(probed().status, 'degraded');
  assert.equal(agent.proofs.summary().failed, 1);
});
