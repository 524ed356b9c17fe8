// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errandOf, Fleet, RAN, REFUSED, sidePolicy, writeFleetRoot } from '../fleet.ts';
import type { Side } from '../fleet.ts';
import { isRefused, until } from '../running.ts';
import type { Stage, VmCase } from '../stage.ts';

const SIDES = ['a', 'b'] as const;
/** The agent sleeps for so long again and again: whoever starts in between has to wait for it. */
const STOPPED_MS = 400;
const RUNNING_MS = 400;

const rootOf = (stage: Stage): string => join(stage.home, 'fleet-root');

async function ensureSides(stage: Stage): Promise<void> {
  const agent = await stage.ensureAgent();
  mkdirSync(rootOf(stage), { recursive: true });
  writeFleetRoot(rootOf(stage));
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

/** What containers do at once. */
export const STARTS: readonly VmCase[] = [
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
];
