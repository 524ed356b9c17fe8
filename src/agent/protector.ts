// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import type { Enforcer, Visibility } from '#enforce';
import { compile, probesOf } from '#policy';
import type { NotEnforced, Policy, RuleSet, Workload } from '#policy';
import type { BoundWorkload } from '#workloads';
import { ContainerPaths } from './path-resolver.ts';
import type { OpenRoot } from './path-resolver.ts';
import { policyKey, selectsHere } from './policy-identity.ts';
import type { InForce } from './proof/prover.ts';

export interface ProtectorOptions {
  readonly enforcer: Pick<Enforcer, 'protect' | 'release' | 'workloadOf' | 'keys' | 'dropOthers' | 'tellsApplets'>;
  readonly logger: Logger;
  /** What is logged of a workload; absent: nothing. */
  readonly visibilityOf?: (workload: Workload) => Visibility | undefined;
  /** Why rules must not be put in force for a workload although they can be; absent: they may. */
  readonly guard?: Guard;
  /** Whether a policy governs a workload. Default: as on a node without Kubernetes. */
  readonly selects?: Selects;
  /** Called whenever rules came into force, or ended. */
  readonly onChange?: () => void;
  /** Default: the real root file systems. */
  readonly openRoot?: OpenRoot;
}

export type Selects = (policy: Policy, workload: Workload) => boolean;

/** Looks at rules before they are in force. @returns what is wrong with them */
export type Guard = (workload: Workload, selected: readonly Policy[], ruleSet: RuleSet) => string | undefined;

interface Guarded {
  bound: BoundWorkload;
  readonly paths: ContainerPaths;
  /** The policies whose rules are in force; undefined before the first time. */
  inForce: readonly Policy[] | undefined;
  selected: readonly Policy[];
  /** What is loaded, and from what it was compiled; undefined where nothing is. */
  loaded: Pick<InForce, 'policies' | 'ruleSet'> | undefined;
  notEnforced: readonly NotEnforced[];
  /** Why the policies that select it now are not those in force. */
  problem: string | undefined;
}

/** Rules that are compiled and not yet in force. */
export interface Plan {
  readonly items: readonly { readonly key: string; readonly selected: readonly Policy[]; readonly ruleSet: RuleSet | undefined }[];
}

/** What is in force where. */
export interface WorkloadStatus {
  readonly key: string;
  readonly workload: Workload;
  readonly policies: readonly Policy[];
  readonly notEnforced: readonly NotEnforced[];
  readonly problem: string | undefined;
  /** The policies that select it; those in force may be others, see `problem`. */
  readonly selected: readonly Policy[];
  /** A pod's sandbox, which runs nothing of its user's. */
  readonly isSandbox: boolean;
}

/** Workloads that are gone and whose last events may still come. */
const REMEMBERED_MAX = 4096;

/**
 * Keeps every workload under the rules of the policies that select it.
 *
 * Where rules cannot be compiled or loaded the rules of before stay in force and the status says so.
 */
export class Protector {
  readonly #enforcer: ProtectorOptions['enforcer'];
  readonly #logger: Logger;
  readonly #visibilityOf: NonNullable<ProtectorOptions['visibilityOf']>;
  readonly #guard: Guard;
  readonly #selects: Selects;
  readonly #openRoot: OpenRoot | undefined;
  readonly #onChange: () => void;
  readonly #guarded = new Map<string, Guarded>();
  readonly #gone = new Map<string, Workload>();
  #policies: readonly Policy[] = [];

  constructor({ enforcer, logger, visibilityOf, guard, selects, openRoot, onChange }: ProtectorOptions) {
    this.#enforcer = enforcer;
    this.#logger = logger;
    this.#visibilityOf = visibilityOf ?? (() => undefined);
    this.#guard = guard ?? (() => undefined);
    this.#selects = selects ?? selectsHere;
    this.#openRoot = openRoot;
    this.#onChange = onChange ?? (() => {});
  }

  /** A workload is there, or what selects it changed. When this returns its rules are in force. */
  bind(bound: BoundWorkload): void {
    const { key } = bound;
    const before = this.#guarded.get(key);
    if (before !== undefined && before.bound.initPid === bound.initPid) {
      const same = isDeepStrictEqual(before.bound.workload, bound.workload);
      before.bound = bound;
      if (!same) before.inForce = undefined;
      this.#update(before);
      return;
    }
    const paths = new ContainerPaths(bound, this.#openRoot, this.#logger);
    const guarded: Guarded = { bound, paths, inForce: undefined, selected: [], loaded: undefined, notEnforced: [], problem: undefined };
    this.#guarded.set(key, guarded);
    this.#update(guarded);
  }

  unbind(key: string): void {
    const guarded = this.#guarded.get(key);
    if (guarded === undefined) return;
    this.#guarded.delete(key);
    this.#gone.delete(key);
    this.#gone.set(key, guarded.bound.workload);
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= REMEMBERED_MAX) break;
      this.#gone.delete(oldest);
    }
    this.#enforcer.release(key);
    this.#onChange();
  }

  /**
   * All containers are told of: what an agent before us bound and is gone is released, and what another version of it left
   * in force ends.
   *
   * @param toCome what is bound soon
   */
  takeOver(toCome: readonly string[] = []): void {
    for (const key of this.#enforcer.keys()) if (!this.#guarded.has(key) && !toCome.includes(key)) this.#enforcer.release(key);
    this.#enforcer.dropOthers();
  }

  /**
   * Compiles what a set of policies would change. Nothing is in force yet.
   *
   * @returns the bound that is exceeded, and where
   */
  plan(policies: readonly Policy[]): Plan | { readonly refused: string } {
    const items: Plan['items'][number][] = [];
    for (const guarded of this.#guarded.values()) {
      const { workload } = guarded.bound;
      const selected = this.#selectedBy(policies, workload);
      if (isSame(selected, this.#selectedBy(this.#policies, workload))) continue; // what is wrong there already is not this change's doing
      const compiled = this.#compile(guarded, selected);
      if (compiled !== undefined && 'refused' in compiled)
        return { refused: workload.kind === 'host' ? compiled.refused : `${compiled.refused} of ${nameOf(guarded)}` };
      items.push({ key: guarded.bound.key, selected, ruleSet: compiled });
    }
    return { items };
  }

  /**
   * From now on these policies count: everything that is bound is under them when this returns.
   *
   * @param plan of the same policies, to save compiling them again
   * @returns what could not be put in force, each with its workload
   */
  apply(policies: readonly Policy[], plan: Plan = { items: [] }): readonly string[] {
    this.#policies = policies;
    for (const { key, selected, ruleSet } of plan.items) {
      const guarded = this.#guarded.get(key);
      if (guarded !== undefined && isSame(selected, this.#selectedBy(policies, guarded.bound.workload)))
        this.#protect(guarded, selected, ruleSet);
    }
    for (const guarded of this.#guarded.values()) this.#update(guarded);
    return [...this.#guarded.values()].flatMap((guarded) =>
      guarded.problem === undefined ? [] : [`${nameOf(guarded)}: ${guarded.problem}`],
    );
  }

  /** The workload of an event, also for a while after it is gone. */
  workloadOf(scopeId: number): Workload | undefined {
    const key = this.#enforcer.workloadOf(scopeId);
    return key === undefined ? undefined : (this.#guarded.get(key)?.bound.workload ?? this.#gone.get(key));
  }

  /** The rules in force, by workload. Many can have the same. */
  inForce(): readonly InForce[] {
    return [...this.#guarded.values()].flatMap(({ bound: { key }, paths, loaded }) => {
      if (loaded === undefined) return [];
      const { policies, ruleSet } = loaded;
      const { tellsApplets } = this.#enforcer;
      return [{ key, policies, ruleSet, plan: () => paths.with((resolve) => probesOf(ruleSet, policies, { resolve, tellsApplets })) }];
    });
  }

  status(): readonly WorkloadStatus[] {
    return [...this.#guarded.values()].map(({ bound, inForce, selected, notEnforced, problem }) => ({
      key: bound.key,
      workload: bound.workload,
      policies: inForce ?? [],
      notEnforced,
      problem,
      selected,
      isSandbox: bound.isSandbox,
    }));
  }

  #selectedBy(policies: readonly Policy[], workload: Workload): readonly Policy[] {
    return workload.mode === 'disabled' ? [] : policies.filter((policy) => this.#selects(policy, workload));
  }

  #compile({ bound: { workload }, paths }: Guarded, selected: readonly Policy[]): RuleSet | { readonly refused: string } | undefined {
    if (selected.length === 0) return undefined;
    const compiled = paths.with((resolve) => compile(selected, workload, resolve));
    if ('exceeded' in compiled) return { refused: `more than ${compiled.limit} ${compiled.exceeded}` };
    const refused = this.#guard(workload, selected, compiled);
    return refused === undefined ? compiled : { refused };
  }

  #update(guarded: Guarded): void {
    const selected = this.#selectedBy(this.#policies, guarded.bound.workload);
    guarded.selected = selected;
    if (isSame(selected, guarded.inForce)) {
      guarded.problem = undefined;
      return;
    }
    const compiled = this.#compile(guarded, selected);
    if (compiled === undefined || !('refused' in compiled)) return this.#protect(guarded, selected, compiled);
    this.#fail(guarded, compiled.refused);
    if (guarded.inForce === undefined) this.#protectInPart(guarded, selected);
  }

  /** A new workload has no rules of before: the policies that came last give way, each as a whole, until the others fit. */
  #protectInPart(guarded: Guarded, selected: readonly Policy[]): void {
    const { problem } = guarded;
    for (let count = selected.length - 1; count >= 0; count--) {
      const fewer = selected.slice(0, count);
      const compiled = this.#compile(guarded, fewer);
      if (compiled !== undefined && 'refused' in compiled) continue;
      const out = selected.slice(count).map(policyKey).join(', ');
      this.#protect(guarded, fewer, compiled);
      guarded.problem = `${problem}; not in force: ${out}`;
      return;
    }
  }

  #protect(guarded: Guarded, selected: readonly Policy[], ruleSet: RuleSet | undefined): void {
    const { key, cgroupId, workload, hadStarted: started } = guarded.bound;
    const visibility = workload.mode === 'disabled' ? undefined : this.#visibilityOf(workload);
    try {
      // without rules the host's tasks need no scope: that would cost each of their accesses
      if (workload.kind === 'host' && ruleSet === undefined && !seesAny(visibility)) this.#enforcer.release(key);
      else this.#enforcer.protect(key, { cgroupId, started, mode: workload.mode, ruleSet, visibility });
    } catch (error) {
      if (!(error instanceof KubeArmorError)) throw error;
      return this.#fail(guarded, error.message);
    }
    guarded.inForce = selected;
    guarded.loaded = ruleSet === undefined ? undefined : { policies: selected, ruleSet };
    guarded.notEnforced = ruleSet?.notEnforced ?? [];
    guarded.problem = undefined;
    this.#onChange();
  }

  #fail(guarded: Guarded, problem: string): void {
    if (guarded.problem !== problem)
      this.#logger.error('the rules of a workload stay as they were', { workload: nameOf(guarded), problem });
    guarded.problem = problem;
  }
}

/** Policies are values: the same object is the same policy. */
const isSame = (selected: readonly Policy[], inForce: readonly Policy[] | undefined): boolean =>
  inForce?.length === selected.length && selected.every((policy, i) => policy === inForce[i]);

const seesAny = (visibility: Visibility | undefined): boolean =>
  visibility !== undefined && (visibility.process || visibility.file || visibility.network);
const nameOf = ({ bound: { workload } }: Guarded): string =>
  workload.kind === 'host' ? 'the host' : workload.containerName || workload.id;
