// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { noLogger } from '#base';
import type { ContainerSource } from '#runtimes';
import type { BoundWorkload } from '#workloads';
import type { RuntimeState } from './runtime-source.ts';
import { GateKeeper } from './start-gate.ts';
import { FakeEnforcer } from './testing/fake-enforcer.ts';
import { bound } from './testing/samples.ts';

const AWAY: RuntimeState = { kind: 'away', why: 'x' };
const CONNECTED: RuntimeState = { kind: 'connected', socket: '/c' };

interface Over {
  readonly state?: RuntimeState;
  readonly answer?: Awaited<ReturnType<ContainerSource['claim']>>;
  readonly cgroup?: string | undefined;
  readonly whenSilent?: 'open' | 'wait';
  readonly expireMs?: number;
  readonly awayMs?: number;
  readonly ownCgroup?: string;
}

class Keeping {
  readonly enforcer = new FakeEnforcer();
  readonly warnings: string[] = [];
  readonly claims: string[] = [];
  bound: BoundWorkload[] = [];
  nowMs = 1_000;
  answer: Awaited<ReturnType<ContainerSource['claim']>>;
  readonly keeper: GateKeeper;

  constructor(over: Over = {}) {
    this.answer = over.answer ?? 'claimed';
    this.keeper = new GateKeeper({
      enforcer: this.enforcer,
      runtime: {
        state: over.state ?? CONNECTED,
        claim: (cgroupPath, pid) => {
          this.claims.push(`${pid} ${cgroupPath}`);
          return Promise.resolve(this.answer);
        },
      },
      bound: () => this.bound,
      whenSilent: over.whenSilent ?? 'open',
      logger: { ...noLogger, warn: (message) => void this.warnings.push(message) },
      cgroupOf: () => ('cgroup' in over ? over.cgroup : '/web/inner'),
      cgroupRoot: '/sys/fs/cgroup',
      expireMs: over.expireMs ?? 10_000,
      awayMs: over.awayMs ?? 60_000,
      nowMs: () => this.nowMs,
      ownCgroup: over.ownCgroup,
      cgroupId: (directory) => BigInt(directory.length),
    });
  }

  get gate(): FakeEnforcer['gate'] {
    return this.enforcer.gate;
  }

  get waiting(): number[] {
    return [...this.gate.waiting.keys()];
  }

  bind(): void {
    this.bound = [bound('web')];
    this.enforcer.protect('default/web', { cgroupId: 7n, mode: 'enabled', ruleSet: undefined });
  }
}

test('who waits is asked for once, and let go when its container has its rules', async () => {
  const keeping = new Keeping();
  keeping.gate.hold(5);
  assert.equal(keeping.keeper.review(), 1);
  assert.equal(keeping.keeper.review(), 1);
  assert.deepEqual(keeping.claims, ['5 /web/inner']);
  assert.equal(keeping.keeper.holds(5), true);
  keeping.bound = [bound('web')];
  assert.equal(keeping.keeper.review(), 1, 'bound, and its rules could not be loaded');
  keeping.bind();
  assert.equal(keeping.keeper.review(), 0);
  assert.deepEqual(keeping.waiting, []);
  assert.equal(keeping.gate.settled.size, 0);
});

test('a cgroup beside a bound one is not covered by it', () => {
  const keeping = new Keeping({ cgroup: '/web-2' });
  keeping.bind();
  keeping.gate.hold(5);
  assert.equal(keeping.keeper.review(), 1);
});

test('what is no container is let go, and not held again', async () => {
  const keeping = new Keeping({ answer: 'unknown' });
  keeping.gate.hold(5);
  keeping.keeper.review();
  await turn();
  assert.deepEqual(keeping.waiting, []);
  assert.deepEqual([...keeping.gate.settled], [7n]);
  assert.deepEqual(keeping.warnings, []);
});

test('while the runtime cannot be asked they wait; where there is none they do not', async () => {
  for (const [state, left] of [
    [AWAY, [5]],
    [{ ...AWAY, isAbsent: true }, []],
  ] as const) {
    const keeping = new Keeping({ answer: 'away', state });
    keeping.gate.hold(5);
    keeping.keeper.review();
    await turn();
    assert.deepEqual(keeping.waiting, left);
  }
});

test('nobody waits for ever: with a warning and a count', async () => {
  const keeping = new Keeping({ answer: 'claimed', expireMs: 20 });
  keeping.gate.hold(5, { heldMs: 60_000 });
  assert.equal(keeping.keeper.review(), 1, 'what a slow agent takes does not count');
  await turn();
  assert.equal(keeping.keeper.review(), 1);
  keeping.nowMs += 25;
  assert.equal(keeping.keeper.review(), 0);
  assert.equal(keeping.gate.expired, 1);
  assert.match(keeping.warnings.join(), /starts without rules/);
});

test('a runtime that is away has longer, and its first answer counts anew; with startGate=wait it has for ever', async () => {
  for (const whenSilent of ['open', 'wait'] as const) {
    const keeping = new Keeping({ answer: 'away', state: AWAY, whenSilent, expireMs: 0, awayMs: 20 });
    keeping.gate.hold(5);
    keeping.keeper.review();
    await turn();
    assert.equal(keeping.keeper.review(), 1);
    keeping.nowMs += 25;
    assert.equal(keeping.keeper.review(), whenSilent === 'open' ? 0 : 1, whenSilent);
  }
  const keeping = new Keeping({ answer: 'away', state: AWAY, expireMs: 20 });
  keeping.gate.hold(5);
  keeping.keeper.review();
  await turn();
  keeping.answer = 'claimed';
  keeping.nowMs += 25;
  assert.equal(keeping.keeper.review(), 1, 'it was away for longer than an answer is good for');
  await turn();
  keeping.nowMs += 25;
  assert.equal(keeping.keeper.review(), 0);
});

test('nobody waits in the agent’s own container, nor is asked for', () => {
  const keeping = new Keeping({ ownCgroup: '/sys/fs/cgroup/web' });
  keeping.gate.hold(5);
  assert.equal(keeping.keeper.review(), 0);
  assert.deepEqual([keeping.claims, [...keeping.gate.settled]], [[], [7n]]);
  const beside = new Keeping({ ownCgroup: '/sys/fs/cgroup/we' });
  beside.gate.hold(5);
  assert.equal(beside.keeper.review(), 1);
});

test('the agent’s own cgroup is settled before anybody waits, as its thread waits for its children’s exec', async () => {
  const keeping = new Keeping({ ownCgroup: '/sys/fs/cgroup/web' });
  const settled: boolean[] = [];
  const beat = keeping.gate.beat.bind(keeping.gate);
  keeping.gate.beat = (whenSilent) => {
    settled.push(keeping.gate.settled.has(18n));
    beat(whenSilent);
  };
  const stop = new AbortController();
  const running = keeping.keeper.run(stop.signal);
  stop.abort();
  await running;
  assert.deepEqual(settled, [true]);
});

test('containers of the agent’s pod do not wait, those of whoever else starts it do', async () => {
  for (const [above, isPod] of [
    ['/k/kubepods/burstable/pod72cddf95-fb98-4846-afba-f3576a3e3e83', true],
    ['/k/kubepods-burstable-pod72cddf95_fb98_4846_afba_f3576a3e3e83.slice', true],
    ['/k/system.slice', false],
    ['/k/kubepods', false],
  ] as const) {
    const keeping = new Keeping({ ownCgroup: `${above}/agent` });
    const stop = new AbortController();
    const running = keeping.keeper.run(stop.signal);
    stop.abort();
    await running;
    assert.deepEqual([...keeping.gate.settledBelow], isPod ? [BigInt(above.length)] : [], above);
  }
});

test('a process that is gone is forgotten', () => {
  const keeping = new Keeping({ cgroup: undefined });
  keeping.gate.hold(5);
  assert.equal(keeping.keeper.review(), 0);
  assert.deepEqual(keeping.claims, []);
});

test('at its end the gate opens, or stays as it is, as asked for', async (t: TestContext) => {
  for (const [whenSilent, mode, left] of [
    ['open', 'off', []],
    ['wait', 'wait', [5]],
  ] as const) {
    const keeping = new Keeping({ whenSilent, answer: 'away', state: AWAY });
    const stop = new AbortController();
    t.after(() => stop.abort());
    const running = keeping.keeper.run(stop.signal);
    assert.equal(keeping.gate.mode, whenSilent);
    keeping.gate.hold(5);
    stop.abort();
    await running;
    assert.equal(keeping.gate.mode, mode);
    assert.deepEqual(keeping.waiting, left);
  }
});

test('who found the gate shut just before it opened is let go too', async () => {
  const keeping = new Keeping();
  const stop = new AbortController();
  const running = keeping.keeper.run(stop.signal);
  stop.abort();
  while (keeping.gate.mode !== 'off') await turn();
  keeping.gate.hold(5);
  await running;
  assert.deepEqual(keeping.waiting, []);
});

test('who is held while the gate is kept is seen to at once', async () => {
  const keeping = new Keeping({ answer: 'unknown' });
  const stop = new AbortController();
  const running = keeping.keeper.run(stop.signal);
  await turn();
  keeping.gate.hold(5);
  await turn();
  await turn();
  await turn();
  assert.deepEqual(keeping.waiting, []);
  stop.abort();
  await running;
});

test('what passed while no agent answered is told', async () => {
  const keeping = new Keeping();
  keeping.enforcer.counts = { ...keeping.enforcer.counts, gate_open: 3n };
  const stop = new AbortController();
  const running = keeping.keeper.run(stop.signal);
  stop.abort();
  await running;
  assert.match(keeping.warnings.join(), /without rules, while no agent answered/);
});
