// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GATE_PATIENCE_MS } from '#enforce';
import { KUBEARMOR } from '../agent-process.ts';
import { errandOf, Fleet, RAN, REFUSED, sidePolicy, writeFleetRoot } from '../fleet.ts';
import type { Side } from '../fleet.ts';
import { isRefused, run, until } from '../running.ts';
import type { Stage, VmCase } from '../stage.ts';

const SIDES = ['a', 'b'] as const;
/** The agent sleeps for so long again and again: whoever starts in between has to wait for it. */
const STOPPED_MS = 400;
const RUNNING_MS = 400;

/** Growth of the agent that is no leak: its heap before the next collection. */
const RSS_MORE_KIB = 32 << 10;

export const rootOf = (stage: Stage): string => join(stage.home, 'fleet-root');

export async function ensureSides(stage: Stage): Promise<void> {
  const agent = await stage.ensureAgent();
  if (!existsSync(rootOf(stage))) writeFleetRoot(rootOf(stage));
  for (const side of SIDES) stage.writePolicy(`side-${side}.yaml`, sidePolicy(side));
  await until('both policies are there', () => {
    assert.ok(agent.isRunning, agent.stderr);
    const file = join(stage.stateDir, 'probe.json');
    const told = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return SIDES.every((side) => told.includes(`"side-${side}"`));
  });
}

/** Stops the agent in its tracks again and again while `work` is done. */
async function whileAgentStumbles<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
  let isDone = false;
  const stumble = (async () => {
    while (!isDone) {
      await stage.agent!.kill('SIGSTOP');
      await sleep(STOPPED_MS);
      await stage.agent!.kill('SIGCONT');
      await sleep(RUNNING_MS);
    }
  })();
  try {
    return await work();
  } finally {
    isDone = true;
    await stumble;
  }
}

interface Started {
  readonly wrong: readonly string[];
  readonly count: number;
}

/** Runs so many containers of the fleet, of both sides in turn; tells of those whose rules did not hold. */
async function runFleet(stage: Stage, name: string, count: number): Promise<Started> {
  const fleet = new Fleet(stage.containerd.socket, rootOf(stage));
  const wrong: string[] = [];
  const one = async (n: number): Promise<void> => {
    const side: Side = SIDES[n % 2]!;
    const { words, expected } = errandOf(side, n >> 1);
    const code = await fleet.run(`${name}-${n}`, side, words);
    if (code !== expected) wrong.push(`${name}-${n} ${words.join(' ')}: ${expected} expected, ${code} came`);
  };
  await Promise.all(Array.from({ length: count }, (_, n) => one(n)));
  await fleet.end();
  return { wrong, count };
}

/** The same through containerd and runc. */
async function runContainerd(stage: Stage, name: string, count: number): Promise<Started> {
  const wrong: string[] = [];
  for (let n = 0; n < count; n++) {
    const side: Side = SIDES[n % 2]!;
    const { words, expected } = errandOf(side, n >> 1);
    const id = `${name}-${n}`;
    const ran = await stage.containerd.ctr('run', '--rm', '--label', `app=${side}`, '--rootfs', rootOf(stage), id, ...words);
    const isRight = expected === REFUSED ? ran.code !== RAN && isRefused(ran) : ran.code === expected;
    if (!isRight) wrong.push(`${id} ${words.join(' ')}: ${expected} expected, ${ran.code} came: ${ran.output.slice(0, 200)}`);
  }
  return { wrong, count };
}

function assertNone({ wrong, count }: Started): void {
  assert.equal(wrong.length, 0, `${wrong.length} of ${count}: ${wrong.slice(0, 5).join('; ')}`);
}

/** What a container leaves behind, if anything. */
interface Footprint {
  readonly bindings: number;
  readonly held: number;
  readonly rssKiB: number;
}

function footprint(stage: Stage): Footprint {
  const status = readFileSync(`/proc/${stage.agent!.pid}/status`, 'utf8');
  return {
    bindings: stage.kernel.entries('bindings'),
    held: stage.kernel.entries('held'),
    rssKiB: Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1]),
  };
}

/** Starts a container of the fleet while no agent answers, and gives the process that waits. */
async function startHeld(stage: Stage, fleet: Fleet, id: string): Promise<{ pid: number; code: Promise<number> }> {
  const { words } = errandOf('a', 0);
  const code = fleet.run(id, 'a', words);
  await until('somebody waits', () => stage.kernel.held().length > 0);
  return { pid: stage.kernel.held()[0]!, code };
}

/** What containers do at once. */
export const STARTS: readonly VmCase[] = [
  {
    name: 'a process that waits goes on waiting when somebody else lets it go on, and dies when it is killed',
    async run(stage) {
      await stage.agent?.stop();
      await stage.start({ startGate: 'wait' });
      await ensureSides(stage);
      const fleet = new Fleet(stage.containerd.socket, rootOf(stage));
      await stage.agent!.kill('SIGSTOP');
      const { pid, code } = await startHeld(stage, fleet, 'nudged');
      const heldBefore = stage.kernel.counter('held');
      for (let n = 0; n < 5; n++) {
        process.kill(pid, 'SIGCONT');
        await until('it waits again', () => stage.kernel.counter('held') > heldBefore + n);
      }
      assert.equal(readFileSync(`/proc/${pid}/comm`, 'utf8'), 'fleet\n', 'its program was not executed');
      await stage.agent!.kill('SIGCONT');
      assert.equal(await code, 0, 'its rules hold');
      await stage.agent!.kill('SIGSTOP');
      const second = await startHeld(stage, fleet, 'killed');
      process.kill(second.pid, 'SIGKILL');
      assert.equal(await second.code, 128 + 9);
      await stage.agent!.kill('SIGCONT');
      await until('it is forgotten', () => stage.kernel.held().length === 0);
      await fleet.end();
      await stage.agent!.stop();
    },
  },
  {
    name: 'containers that do at once what they may not, while the agent stumbles: none succeeds',
    async run(stage) {
      await ensureSides(stage);
      const { fleet, containerd } = stage.counts.starts;
      const startMs = performance.now();
      const before = stage.kernel.counter('held');
      assertNone(await whileAgentStumbles(stage, () => runFleet(stage, 'race', fleet)));
      const ms = performance.now() - startMs;
      const held = stage.kernel.counter('held') - before;
      assert.ok(held > 0, 'nobody had to wait: this shows nothing');
      stage.figures.push(`start race: ${fleet} of the launcher in ${Math.round(ms)} ms, ${held} held, 0 succeeded`);
      const again = stage.kernel.counter('held');
      assertNone(await whileAgentStumbles(stage, () => runContainerd(stage, 'crace', containerd)));
      stage.figures.push(`start race: ${containerd} through containerd, ${stage.kernel.counter('held') - again} held, 0 succeeded`);
      assert.equal(stage.kernel.counter('gate_open') + stage.kernel.counter('gate_expired'), 0);
    },
  },
  {
    name: 'short-lived containers under two opposite policies: no rule of one is ever another’s, and nothing is left',
    async run(stage) {
      await ensureSides(stage);
      const { fleet, containerd } = stage.counts.shortLived;
      const bindings = stage.kernel.entries('bindings');
      assertNone(await runFleet(stage, 'warm', 16));
      await until('the first are gone', () => stage.kernel.entries('bindings') === bindings);
      const before = footprint(stage);
      const startMs = performance.now();
      assertNone(await runFleet(stage, 'short', fleet));
      assertNone(await runContainerd(stage, 'cshort', containerd));
      const ms = performance.now() - startMs;
      const isBack = (): boolean => stage.kernel.entries('bindings') === before.bindings && stage.kernel.entries('held') === 0;
      await until('all are gone', isBack);
      const after = footprint(stage);
      stage.figures.push(
        `short-lived: ${fleet} + ${containerd} containers in ${Math.round(ms)} ms, 0 cross-hits; bindings ${before.bindings} → ${after.bindings}, agent ${before.rssKiB} → ${after.rssKiB} KiB`,
      );
      assert.ok(after.rssKiB < before.rssKiB + RSS_MORE_KIB, JSON.stringify({ before, after }));
    },
  },
  {
    name: 'containers that the runtime does not know, one of them of runc alone, start without a wait',
    async run(stage) {
      await ensureSides(stage);
      const expired = stage.kernel.counter('gate_expired');
      const fleet = new Fleet(stage.containerd.socket, rootOf(stage));
      assert.equal(await fleet.runUnknown('nobodys', errandOf('a', 0).words), 1, 'nobody’s: no rules');
      await fleet.end();
      const bundle = join(stage.home, 'bundle');
      mkdirSync(bundle);
      const process = { args: ['/bin/only-a'], cwd: '/', user: { uid: 0, gid: 0 } };
      const mounts = [{ destination: '/proc', type: 'proc', source: 'proc' }];
      const linux = { namespaces: [{ type: 'mount' }, { type: 'pid' }], cgroupsPath: '/runc-alone' };
      writeFileSync(
        join(bundle, 'config.json'),
        JSON.stringify({ ociVersion: '1.0.2', root: { path: rootOf(stage) }, process, mounts, linux }),
      );
      const ran = await run('runc', '--root', join(stage.home, 'runc'), 'run', '--bundle', bundle, 'alone');
      assert.equal(ran.code, RAN, ran.output);
      assert.ok(stage.kernel.entries('settled') >= 2);
      assert.equal(stage.kernel.counter('gate_expired'), expired);
    },
  },
  {
    name: 'kill -9: who starts soon after waits for the next agent, and is under its rules',
    async run(stage) {
      await ensureSides(stage);
      const fleet = new Fleet(stage.containerd.socket, rootOf(stage));
      await stage.agent!.kill('SIGKILL');
      const { code } = await startHeld(stage, fleet, 'gap');
      await stage.start();
      assert.equal(await code, 0);
      await fleet.end();
    },
  },
  {
    name: 'kill -9, and nobody comes: starts go on without rules, as startGate=open asks for; the next agent says so',
    async run(stage) {
      await ensureSides(stage);
      const fleet = new Fleet(stage.containerd.socket, rootOf(stage));
      await stage.agent!.kill('SIGKILL');
      await sleep(GATE_PATIENCE_MS + 1_000);
      assert.equal(await fleet.run('open', 'a', errandOf('a', 0).words), 1, 'it may what it must not: no agent is there');
      assert.equal(stage.kernel.counter('gate_open') > 0, true);
      await stage.start();
      assert.match(stage.agent!.stderr, /started in new containers, without rules, while no agent answered/);
      assert.equal(await fleet.run('closed', 'a', errandOf('a', 0).words), 0);
      await fleet.end();
    },
  },
  {
    name: 'startGate=wait: whoever starts while no agent is there waits, however long',
    async run(stage) {
      await ensureSides(stage);
      await stage.agent!.stop();
      await stage.start({ startGate: 'wait' });
      const fleet = new Fleet(stage.containerd.socket, rootOf(stage));
      await stage.agent!.stop();
      const { code } = await startHeld(stage, fleet, 'patient');
      await sleep(GATE_PATIENCE_MS + 1_000);
      assert.equal(stage.kernel.held().length, 1);
      await stage.start({ startGate: 'wait' });
      assert.equal(await code, 0);
      await fleet.end();
    },
  },
  {
    name: 'kubearmor -remove lets go who waits',
    async run(stage) {
      await stage.agent?.stop();
      await stage.start({ startGate: 'wait' });
      await ensureSides(stage);
      const fleet = new Fleet(stage.containerd.socket, rootOf(stage));
      await stage.agent!.stop();
      const { code } = await startHeld(stage, fleet, 'left');
      const removed = await run(KUBEARMOR, '-remove', '-yes', ...stage.flags());
      assert.equal(removed.code, 0, removed.output);
      assert.equal(await code, 1, 'nothing is enforced any more');
      await fleet.end();
      stage.isGuarded = false;
    },
  },
];
