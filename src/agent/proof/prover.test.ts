// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeArmorError, noLogger } from '#base';
import { parsePolicyText } from '#policy';
import type { Policy } from '#policy';
import { policyKey, withoutKubernetes } from '../policy-identity.ts';
import { Protector } from '../protector.ts';
import { FakeCanary } from '../testing/fake-canary.ts';
import { FakeEnforcer } from '../testing/fake-enforcer.ts';
import { bound, kernelEvent, plainRoot } from '../testing/samples.ts';
import type { PolicyProof } from './port.ts';
import { CANARY_KEY, Prover } from './prover.ts';

const EVERY_MS = 20_000;

function policyOf(name: string, rules: string, container = 'web'): Policy {
  const text = `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: ${name}}
spec: {selector: {matchLabels: {kubearmor.io/container.name: "${container}"}}, ${rules}}`;
  const [policy] = parsePolicyText(text, 'p.yaml').flatMap((parsed) => parsed.policy ?? []);
  assert.ok(policy, text);
  return withoutKubernetes(policy);
}
const FILES = policyOf('files', 'file: {matchPaths: [{path: /secret}, {path: /other}]}, action: Block');
const SHELL = policyOf('shell', 'process: {matchPaths: [{path: /bin/sh}]}, action: Block');

class Stand {
  readonly enforcer = new FakeEnforcer();
  readonly canary: FakeCanary;
  readonly protector: Protector;
  readonly prover: Prover;
  readonly states: string[] = [];
  /** Milliseconds: moved by the tests alone. */
  ms = 1_000;
  readonly #stop = new AbortController();
  #done: Promise<void> | undefined;

  constructor(t: TestContext, everyMs = EVERY_MS) {
    this.canary = new FakeCanary({
      ruleSet: () => this.enforcer.protected.get(CANARY_KEY)?.ruleSet,
      scopeId: () => this.enforcer.scopeOf(CANARY_KEY),
      tell: (event) => void this.prover.takes(event),
    });
    this.prover = new Prover({
      enforcer: this.enforcer,
      canary: this.canary,
      inForce: () => this.protector.inForce(),
      everyMs,
      evidenceMs: 50,
      logger: noLogger,
      now: () => ({ ms: this.ms, wallMs: this.ms }),
    });
    this.protector = new Protector({ enforcer: this.enforcer, logger: noLogger, openRoot: plainRoot, onChange: () => this.prover.wake() });
    this.prover.onChange(() => this.states.push(this.of(FILES).state));
    t.after(() => this.end());
  }

  run(): void {
    this.#done = this.prover.run(this.#stop.signal);
  }
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
  of(policy: Policy): PolicyProof {
    return this.prover.stateOf(policyKey(policy));
  }
  /** Time passes, and what is due by then is done. */
  async later(ms: number): Promise<void> {
    this.ms += ms;
    const plans = this.canary.plans.length;
    this.prover.wake();
    await until(() => this.canary.plans.length > plans);
    await sleep(5);
  }
  async untilState(policy: Policy, state: string): Promise<void> {
    await until(() => this.of(policy).state === state);
  }
}

async function until(holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  while (!holds()) {
    if (performance.now() > deadlineMs) assert.fail(`not in time: ${holds.toString()}`);
    await sleep(2);
  }
}

async function proven(t: TestContext, ...policies: readonly Policy[]): Promise<Stand> {
  const stand = new Stand(t);
  stand.protector.apply(policies);
  stand.protector.bind(bound());
  stand.run();
  for (const policy of policies) await stand.untilState(policy, 'Proven');
  return stand;
}

test('on a kernel that tells no applets none is asked for', async (t) => {
  const stand = new Stand(t);
  stand.enforcer.tellsApplets = false;
  stand.protector.apply([SHELL]);
  stand.protector.bind(bound());
  const [plan] = stand.protector.inForce().map((one) => one.plan());
  assert.deepEqual(
    plan?.probes.flatMap(({ access }) => (access.kind === 'exec' ? [access.applet] : [])),
    [{ unknown: true }, { unknown: true }],
  );
  stand.run();
  await stand.untilState(SHELL, 'Proven');
});

test('what comes into force is proven at once, in mode enabled, and again when its time has come', async (t) => {
  const stand = new Stand(t);
  stand.run();
  assert.equal(stand.of(FILES).state, 'Idle');
  assert.equal(stand.prover.summary().state, 'Idle');
  stand.protector.apply([FILES]);
  const web = bound();
  stand.protector.bind({ ...web, workload: { ...web.workload, mode: 'audited' } });
  assert.equal(stand.of(FILES).state, 'Pending');
  assert.equal(stand.of(FILES).reasons[0]?.code, 'NotProvenYet');
  await stand.untilState(FILES, 'Proven');
  assert.deepEqual(stand.of(FILES), { state: 'Proven', provenAt: 1_000, reasons: [], unprobed: [] });
  assert.equal(stand.enforcer.protected.get(CANARY_KEY)?.mode, 'enabled');
  assert.equal(stand.enforcer.protected.get(CANARY_KEY)?.ruleSet, undefined, 'between proofs it has no rules');
  await stand.later(EVERY_MS);
  assert.equal(stand.of(FILES).provenAt, 1_000 + EVERY_MS);
  assert.deepEqual(stand.states.slice(-1), ['Proven']);
  assert.deepEqual(stand.prover.summary(), { state: 'Proven', provenAt: 1_000 + EVERY_MS, images: 1, failed: 0, problems: [] });
});

test('workloads with the same rules are one image, proven once', async (t) => {
  const stand = await proven(t, FILES, policyOf('all', 'process: {matchPaths: [{path: /x}]}, action: Block', '[web, db]'));
  const plans = stand.canary.plans.length;
  stand.protector.bind(bound('web', { key: 'default/web2', initPid: 8 }));
  await sleep(20);
  assert.equal(stand.canary.plans.length, plans);
  stand.protector.bind(bound('db'));
  await until(() => stand.canary.plans.length > plans);
  assert.equal(stand.prover.summary().images, 2);
});

test('a hook that is gone fails what it guards, with rule, access and what came, until it is back', async (t) => {
  const stand = await proven(t, FILES, SHELL);
  stand.canary.detached.add('read');
  await stand.later(EVERY_MS);
  assert.equal(stand.of(FILES).state, 'Failed');
  assert.deepEqual(stand.of(FILES).reasons[0], {
    code: 'CanaryFailed',
    field: 'spec.file.matchPaths[0]',
    message: '/kubearmor-canary/program: read /secret: it must be denied, and passed',
  });
  assert.equal(stand.of(SHELL).state, 'Proven');
  const { state, failed, problems } = stand.prover.summary();
  assert.deepEqual([state, failed, problems.length], ['Failed', 1, 2]);
  stand.canary.detached.clear();
  await stand.later(EVERY_MS);
  assert.equal(stand.of(FILES).state, 'Proven');
});

test('a denial that nobody tells of is no proof', async (t) => {
  const stand = await proven(t, SHELL);
  stand.canary.isMute = true;
  stand.ms += EVERY_MS;
  stand.prover.wake();
  await stand.untilState(SHELL, 'Failed');
  assert.match(stand.of(SHELL).reasons[0]!.message, /it was denied, and no alert came; shell spec.process.matchPaths\[0\] must tell/);
});

test('where alerts were lost meanwhile nothing is said, but what passed that must be denied', async (t) => {
  const stand = await proven(t, SHELL);
  stand.canary.isMute = true;
  stand.enforcer.counters = () => ({ alerts_lost: BigInt(stand.canary.plans.length) });
  stand.ms += EVERY_MS;
  stand.prover.wake();
  await until(() => stand.canary.plans.length >= 2);
  await sleep(20);
  assert.equal(stand.of(SHELL).state, 'Proven');
  stand.ms += 60_001;
  assert.equal(stand.of(SHELL).state, 'Pending');
  stand.canary.detached.add('exec');
  stand.prover.wake();
  await stand.untilState(SHELL, 'Failed');
});

test('that everything is denied is no proof', async (t) => {
  const stand = new Stand(t);
  stand.protector.apply([SHELL]);
  stand.protector.bind(bound());
  stand.run();
  await stand.untilState(SHELL, 'Proven');
  assert.match(stand.canary.plans[0]!, /^x 0 canary-probe \/kubearmor-canary\/unlisted$/m);
  await stand.end();
  const other = new Stand(t);
  const real = await other.canary.open();
  const denied = (plan: string): string => plan.replaceAll(/^[rwxs] (\d+) .*$/gm, '$1 13');
  other.canary.open = () => Promise.resolve({ ...real, run: (plan) => Promise.resolve(denied(plan)) });
  other.protector.apply([SHELL]);
  other.protector.bind(bound());
  other.run();
  await other.untilState(SHELL, 'Failed');
  assert.ok(other.of(SHELL).reasons.some(({ message }) => /it must pass, and gave EACCES/.test(message)));
});

test('where no canary can run nothing is proven, and the reason is told until one can', async (t) => {
  const stand = new Stand(t);
  stand.canary.failure = new KubeArmorError('HOST_IO', 'making the cgroup /sys/fs/cgroup/x: EROFS');
  stand.protector.apply([SHELL]);
  stand.protector.bind(bound());
  stand.run();
  await until(() => stand.of(SHELL).reasons[0]?.code === 'CanaryCannotRun');
  assert.equal(stand.of(SHELL).state, 'Pending');
  assert.deepEqual(stand.prover.summary().problems, ['no rule can be proven: making the cgroup /sys/fs/cgroup/x: EROFS']);
  stand.canary.failure = undefined;
  stand.prover.wake();
  await stand.untilState(SHELL, 'Proven');
  assert.deepEqual(stand.prover.summary().problems, []);
});

test('what somebody changed is not proven at once, for whom it concerns, and stays so for a while', async (t) => {
  const other = policyOf('other', 'file: {matchPaths: [{path: /b}]}, action: Block', 'db');
  const stand = await proven(t, FILES);
  stand.protector.apply([FILES, other]);
  stand.protector.bind(bound('db'));
  await stand.untilState(other, 'Proven');
  stand.prover.distrust([{ what: 'the cgroup of default/web was unbound in the kernel', problem: undefined, workloads: ['default/web'] }]);
  assert.deepEqual(stand.of(FILES).reasons, [{ code: 'Tampered', message: 'the cgroup of default/web was unbound in the kernel' }]);
  assert.equal(stand.of(FILES).state, 'Failed');
  assert.equal(stand.states.at(-1), 'Failed');
  assert.equal(stand.of(other).state, 'Proven');
  stand.ms += 9_000;
  stand.prover.wake();
  await sleep(20);
  assert.equal(stand.of(FILES).state, 'Failed');
  await stand.later(1_000);
  assert.equal(stand.of(FILES).state, 'Proven');
  stand.prover.distrust([{ what: 'the pin x was removed', problem: 'EBADF' }]);
  assert.deepEqual([stand.of(FILES).state, stand.of(other).state], ['Failed', 'Failed']);
});

test('rules of which none can be tried are no proof and no failure', async (t) => {
  const only = policyOf('only', 'capabilities: {matchCapabilities: [{capability: kill}]}, action: Block');
  const stand = new Stand(t);
  stand.protector.apply([only, SHELL]);
  stand.protector.bind(bound());
  stand.run();
  await stand.untilState(only, 'Unprobed');
  assert.deepEqual(stand.of(only).unprobed, [
    { field: 'spec.capabilities.matchCapabilities[0]', reason: 'CAP_KILL has no use that is harmless' },
  ]);
  assert.equal(stand.of(SHELL).state, 'Proven');
});

test('a capability that the agent has not itself is not tried', async (t) => {
  const boot = policyOf('boot', 'capabilities: {matchCapabilities: [{capability: sys_boot}]}, action: Block');
  const stand = new Stand(t);
  stand.canary.capabilities = ~(1n << 22n);
  stand.protector.apply([boot]);
  stand.protector.bind(bound());
  stand.run();
  await stand.untilState(boot, 'Unprobed');
  const why = 'a canary cannot use CAP_SYS_BOOT: the agent itself does not have it';
  assert.deepEqual(stand.of(boot).unprobed, [{ field: 'spec.capabilities.matchCapabilities[0]', reason: why }]);
});

test('where the first rule of a family cannot be tried the next one proves the policy, and its failure counts', async (t) => {
  const both = policyOf('both', 'capabilities: {matchCapabilities: [{capability: sys_boot}, {capability: sys_chroot}]}, action: Block');
  const stand = new Stand(t);
  stand.canary.capabilities = ~(1n << 22n);
  stand.protector.apply([both]);
  stand.protector.bind(bound());
  stand.run();
  await stand.untilState(both, 'Proven');
  assert.deepEqual(
    stand.of(both).unprobed.map(({ field }) => field),
    ['spec.capabilities.matchCapabilities[0]'],
  );
  stand.canary.detached.add('capability');
  await stand.later(EVERY_MS);
  await stand.untilState(both, 'Failed');
});

test('of many rules of one policy all are tried in time, some in each round', async (t) => {
  const paths = Array.from({ length: 100 }, (_, i) => `{path: /many/${i}}`).join(', ');
  const many = policyOf('many', `file: {matchPaths: [${paths}]}, action: Block`);
  const stand = await proven(t, many);
  for (let i = 0; i < 3; i++) await stand.later(EVERY_MS);
  const tried = new Set<string>(stand.canary.plans.flatMap((plan) => plan.match(/\/many\/\d+$/gm) ?? []));
  assert.equal(tried.size, 100);
  assert.ok(stand.canary.plans.every((plan) => (plan.match(/^[rwx] /gm)?.length ?? 0) <= 36));
});

test('switched off nothing is tried or said, and what an agent before left is ended', async (t) => {
  const stand = new Stand(t, 0);
  stand.enforcer.protect(CANARY_KEY, { cgroupId: 1n, mode: 'enabled', ruleSet: undefined });
  stand.protector.apply([SHELL]);
  stand.protector.bind(bound());
  stand.run();
  await stand.end();
  assert.equal(stand.of(SHELL).state, 'Off');
  assert.equal(stand.prover.summary().state, 'Off');
  assert.equal(stand.canary.opened, 0);
  assert.equal(stand.canary.cleared, 1);
  assert.deepEqual(stand.enforcer.keys(), ['default/web']);
});

test('events of the canary are the prover’s, all others not; at the end nothing is left', async (t) => {
  const stand = await proven(t, SHELL);
  assert.equal(stand.prover.takes(kernelEvent({ scopeId: stand.enforcer.scopeOf(CANARY_KEY) })), true);
  assert.equal(stand.prover.takes(kernelEvent({ scopeId: stand.enforcer.scopeOf('default/web') })), false);
  await stand.end();
  assert.equal(stand.canary.closed, 1);
  assert.deepEqual(stand.enforcer.keys(), ['default/web']);
});
