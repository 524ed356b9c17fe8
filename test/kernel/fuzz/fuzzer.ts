// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildNative } from '../native.ts';
import type { Bench } from '../run-case.ts';
import { mountRoots, setStage, unmountRoots } from '../stage.ts';
import type { Stage } from '../stage.ts';
import { alertDifferences, planFor, play } from './play.ts';
import type { Planned } from './plan.ts';
import type { Played } from './play.ts';
import type { Scenario } from './scenario.ts';
import { shrink } from './shrink.ts';
import { DIRECTORIES, FILES, PROGRAMS, ROOT, ROOT_KINDS } from './universe.ts';
import type { RootKind } from './universe.ts';

/** Tries to make a failure smaller: each costs a second in a guest. */
const SHRINKS_MAX = 400;

/** Touches everything, so that no set plays in a root other than the one that a set before it found. */
function copyUp(root: string): void {
  const now = new Date();
  for (const { path } of [...FILES, ...DIRECTORIES, ...PROGRAMS]) utimesSync(join(root, path), now, now);
}

/** Plays scenarios in roots that are made once, each under a key of its own. */
export class Fuzzer implements Disposable {
  readonly #bench: Bench | undefined;
  readonly #home: string;
  readonly #stages = new Map<RootKind, Stage>();
  #keys = 0;
  sets = 0;
  accesses = 0;

  /** @param bench absent: nothing is played, the evaluator and the naive model are compared */
  constructor(bench: Bench | undefined) {
    this.#bench = bench;
    this.#home = mkdtempSync(join(tmpdir(), 'kernel-fuzz-'));
    const directories = ROOT_KINDS.map((kind) => join(this.#home, kind));
    if (bench !== undefined) mountRoots(directories);
    else for (const directory of directories) mkdirSync(directory); // rule paths are resolved there, nothing else
    const programs = bench?.programs ?? { ...buildNative() };
    for (const kind of ROOT_KINDS) {
      const options = { overlay: kind === 'overlay' && bench !== undefined, mergedUsr: kind === 'merged-usr', programs: { ...programs } };
      const stage = setStage(join(this.#home, kind), ROOT, options);
      if (options.overlay) copyUp(stage.root);
      for (const name of ['proc', 'dev']) rmSync(join(stage.root, name), { recursive: true, force: true }); // nobody mounts them then
      this.#stages.set(kind, stage);
    }
  }

  [Symbol.dispose](): void {
    for (const stage of this.#stages.values()) stage.clear();
    if (this.#bench !== undefined) unmountRoots(ROOT_KINDS.map((kind) => join(this.#home, kind)));
    rmSync(this.#home, { recursive: true, force: true });
  }

  /** What must come of a scenario. */
  plan(scenario: Scenario): Planned {
    return planFor(scenario, this.#stages.get(scenario.root)!.root);
  }

  #play(planned: Planned): Promise<Played> {
    const stage = this.#stages.get(planned.scenario.root)!;
    return play(planned, `fuzz ${this.#keys++}`, { root: stage.root, volume: stage.volume, bench: this.#bench });
  }

  /** Plays scenarios; gives the first that fails. */
  async batch(plans: readonly Planned[]): Promise<Scenario | undefined> {
    const all: Played[] = [];
    for (const planned of plans) {
      const played = await this.#play(planned);
      this.sets++;
      this.accesses += played.prediction.accesses;
      if (played.differences.length > 0) return this.#tell(planned.scenario, played.differences);
      all.push(played);
    }
    if (this.#bench === undefined) return undefined;
    const unsettled = await this.#bench.settle();
    if (unsettled !== undefined) console.log(unsettled);
    for (const played of all) {
      const differences = alertDifferences(played, this.#bench);
      if (differences.length > 0) return this.#tell(played.scenario, differences);
    }
    return unsettled === undefined ? undefined : plans.at(-1)?.scenario;
  }

  #tell(scenario: Scenario, differences: readonly string[]): Scenario {
    console.log(`FAILED  ${differences.slice(0, 5).join('\n        ')}`);
    return scenario;
  }

  /** Plays one scenario and waits for its alerts. `played` is absent where it is none. */
  async judge(scenario: Scenario): Promise<{ played?: Played; differences: readonly string[] }> {
    const played = await this.#play(this.plan(scenario));
    if (this.#bench === undefined) return { played, differences: played.differences };
    const unsettled = await this.#bench.settle();
    return {
      played,
      differences: [...played.differences, ...alertDifferences(played, this.#bench), ...(unsettled === undefined ? [] : [unsettled])],
    };
  }

  /** A smaller scenario that still fails. */
  shrunk(scenario: Scenario): Promise<Scenario> {
    const fails = async (candidate: Scenario): Promise<boolean> => {
      try {
        return (await this.judge(candidate)).differences.length > 0;
      } catch {
        return false; // not a policy any more
      }
    };
    return shrink(scenario, fails, SHRINKS_MAX);
  }
}
