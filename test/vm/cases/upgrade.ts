// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildOtherVersion } from '../../kernel/other-version.ts';
import { errandOf, Fleet } from '../fleet.ts';
import type { Side } from '../fleet.ts';
import { FORBIDDEN, GUARDED, Load } from '../inside.ts';
import { until } from '../running.ts';
import type { Stage, VmCase } from '../stage.ts';
import { ensureSides, rootOf } from './starts.ts';

const HAMMERS = ['u1', 'u2'];
/** Rounds of each hammer, and containers, that count as load. */
const ROUNDS = 3;
const STARTS = 4;

/** Containers that come and go without end, and hammers in one that stays: every forbidden success is a breach. */
class Traffic {
  readonly load: Load;
  readonly wrong: string[] = [];
  started = 0;
  #isEnding = false;
  readonly #fleet: Fleet;
  readonly #loops: readonly Promise<void>[];

  constructor(stage: Stage, load: Load) {
    this.load = load;
    this.#fleet = new Fleet(stage.containerd.socket, rootOf(stage));
    this.#loops = (['a', 'b'] as const).map((side) => this.#start(side));
  }

  async #start(side: Side): Promise<void> {
    for (let n = 0; !this.#isEnding; n++) {
      const { words, expected } = errandOf(side, n);
      const code = await this.#fleet.run(`u${side}-${n}`, side, words);
      this.started++;
      if (code !== expected) this.wrong.push(`u${side}-${n} ${words.join(' ')}: ${expected} expected, ${code} came`);
    }
  }

  async more(): Promise<void> {
    const [rounds, started] = [this.load.rounds(), this.started];
    const goesOn = (): boolean =>
      this.started >= started + STARTS && this.load.rounds().every((now, i) => now >= (rounds[i] ?? 0) + ROUNDS);
    await until('hammers and containers go on', goesOn);
  }

  assertNoBreach(when: string): void {
    assert.deepEqual([...this.load.breaches().slice(0, 5), ...this.wrong.slice(0, 5)], [], when);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    this.load.stop();
    await Promise.all(this.#loops);
    await this.#fleet.end();
    await until('the hammers end', () => this.load.isStopped());
  }
}

let traffic: Traffic | undefined;

async function ensureTraffic(stage: Stage): Promise<Traffic> {
  if (traffic !== undefined) return traffic;
  await stage.agent?.stop();
  await stage.start({ startGate: 'wait' });
  await stage.ensureGuarded();
  await ensureSides(stage);
  const load = new Load(stage.rootfs, HAMMERS);
  await stage.containerd.giveWay('web');
  for (const name of HAMMERS) await stage.containerd.execDetached('web', '/bin/ash', '/tmp/hammer.sh', name, GUARDED, FORBIDDEN);
  traffic = new Traffic(stage, load);
  await traffic.more();
  return traffic;
}

/** Another agent takes over while everything goes on. */
async function replace(stage: Stage, end: 'SIGKILL' | 'SIGTERM', over: Readonly<Record<string, string>>): Promise<void> {
  const running = await ensureTraffic(stage);
  await stage.agent!.kill(end);
  const ms = await stage.start({ startGate: 'wait', ...over });
  await until('one version is left', () => readdirSync(join(stage.bpfFs, 'kubearmor')).length === 1);
  await running.more();
  running.assertNoBreach(`after ${end}, ${JSON.stringify(over)}`);
  stage.figures.push(
    `${end}, then ${JSON.stringify(over)}: ready after ${Math.round(ms)} ms, ${running.started} containers so far, no breach`,
  );
}

/** Agents come and go while containers start and run: no access is judged by no rules, or by half a set. */
export const UPGRADE: readonly VmCase[] = [
  {
    name: 'another configuration, under load',
    run: (stage) => replace(stage, 'SIGTERM', { defaultFilePosture: 'block', visibility: 'process' }),
  },
  {
    name: 'kill -9, and programs with another layout of their maps, under load',
    run: (stage) => replace(stage, 'SIGKILL', { bpfObject: buildOtherVersion() }),
  },
  { name: 'back to the programs of before, under load', run: (stage) => replace(stage, 'SIGTERM', {}) },
  {
    name: 'the load to its end: not one breach',
    async run(stage) {
      const running = await ensureTraffic(stage);
      await running.end();
      running.assertNoBreach('to the end');
      const rounds = running.load.rounds().reduce((sum, n) => sum + n, 0);
      stage.figures.push(`changes of agents: ${rounds} rounds of 4 forbidden accesses, ${running.started} containers, 0 breaches`);
      traffic = undefined;
    },
  },
];
