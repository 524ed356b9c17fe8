// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import type { Policy, PolicyKind } from '#policy';
import { backupText, listPolicyFiles, parsePolicyFile, readPolicyFile } from './policy-files.ts';
import type { Backups } from './policy-files.ts';
import { policyKey } from './policy-identity.ts';
import type { PolicyId } from './policy-identity.ts';
import { PolicyJudge } from './policy-judge.ts';
import type { PolicyStatus } from './policy-judge.ts';
import { PolicyStore } from './policy-store.ts';
import type { FileProblem, PolicyFile, StoredPolicy } from './policy-store.ts';
import type { Plan, Protector } from './protector.ts';
import { Trials } from './trials.ts';
import type { Trial } from './trials.ts';

export interface PolicyKeeperOptions {
  readonly directory: string;
  readonly backups: Backups;
  readonly protector: Protector;
  /** Kinds that are switched on. */
  readonly kinds: ReadonlySet<PolicyKind>;
  readonly logger: Logger;
}

export type PutResult =
  | { readonly kind: 'added' | 'modified' | 'unchanged' }
  /** The policy cannot be taken: beyond a limit. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** This node failed; nothing changed. */
  | { readonly kind: 'failed'; readonly reason: string };
export type RemoveResult = { readonly kind: 'removed' | 'absent' } | { readonly kind: 'failed'; readonly reason: string };

export interface KeeperStatus {
  readonly policies: readonly PolicyStatus[];
  /** Files, or policies in them, that are not in force as they stand. */
  readonly files: readonly FileProblem[];
  /** Workloads whose rules could not be put in force. */
  readonly workloads: readonly string[];
}

/** Hidden, so that it is no file of policies. */
const TRIALS_FILE = '.trials.json';
/** After a roll-back that failed. */
const RETRY_MS = 1_000;

/**
 * All policies of this node and their way into force: from the folder and from the RPC, one change after the other.
 *
 * Policies of the RPC are files of the same folder: what is answered as applied is in force, and on the disk.
 */
export class PolicyKeeper {
  readonly #options: PolicyKeeperOptions;
  readonly #store = new PolicyStore();
  readonly #judge: PolicyJudge;
  readonly #trials: Trials;
  #nextRollBack: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #folderProblem: string | undefined;
  #notInForce: readonly string[] = [];

  constructor(options: PolicyKeeperOptions) {
    this.#options = options;
    this.#judge = new PolicyJudge(options.kinds);
    this.#trials = new Trials(path.join(options.directory, TRIALS_FILE), options.backups);
  }

  /**
   * Ends what is on trial since before this agent and out of time, and goes on with the rest. To be called before all else.
   *
   * @throws {KubeArmorError} `HOST_IO`
   */
  async resume(): Promise<void> {
    this.#trials.load();
    await this.#inTurn(() => this.#rollBack());
  }

  /** Reads the folder; what changed is in force when this resolves. What is wrong is in the status. */
  rescan(): Promise<void> {
    return this.#inTurn(() => this.#rescan());
  }

  /**
   * Takes a policy of the RPC.
   *
   * @param trialMs it is in force for so long, and then again what was before, unless it is confirmed; absent: for good
   */
  put(policy: Policy, trialMs?: number): Promise<PutResult> {
    return this.#inTurn(() => this.#put(policy, trialMs));
  }

  /** Policies of this name that are on trial are in force for good. @returns whether there was one */
  confirm(name: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const mine = this.#trials.all().filter((trial) => trial.name === name);
      for (const { key } of mine) await this.#trials.close(key);
      return mine.length > 0;
    });
  }

  /** Ends a policy of the RPC. */
  remove(id: PolicyId): Promise<RemoveResult> {
    return this.#inTurn(() => this.#remove(id));
  }

  policies(): readonly StoredPolicy[] {
    return this.#store.policies();
  }

  status(): KeeperStatus {
    const guarded = this.#options.protector.status();
    const folder = this.#folderProblem;
    return {
      policies: this.#judge.statuses(this.#store.policies(), guarded),
      files: [...(folder === undefined ? [] : [{ path: this.#options.directory, problem: folder }]), ...this.#store.problems()],
      workloads: this.#notInForce,
    };
  }

  async #rescan(): Promise<void> {
    const { directory, logger } = this.#options;
    const paths = await this.#listFiles();
    if (paths === undefined) return;
    const before = this.#problemTexts();
    let changed = false;
    for (const gone of this.#store.paths().filter((path) => !paths.includes(path))) changed = this.#store.remove(gone) || changed;
    for (const path of paths) {
      const file = await readPolicyFile(path, this.#store.digestOf(path));
      if (file !== undefined && file !== 'same') changed = this.#store.put(this.#withinLimits(file)) || changed;
    }
    if (changed) {
      this.#apply();
      logger.info('policies were read', { directory, policies: this.#store.policies().length });
    }
    for (const problem of this.#problemTexts()) if (!before.includes(problem)) logger.error(problem);
  }

  async #listFiles(): Promise<readonly string[] | undefined> {
    const { directory, logger } = this.#options;
    try {
      const paths = await listPolicyFiles(directory);
      this.#folderProblem = undefined;
      return paths;
    } catch (error) {
      if (!(error instanceof KubeArmorError)) throw error;
      if (this.#folderProblem === undefined) logger.error('policies stay as they are', { why: error.message });
      this.#folderProblem = `${error.message}; policies stay as they are`;
      return undefined;
    }
  }

  #problemTexts(): string[] {
    return this.#store.problems().map(({ path, problem }) => `${path}: ${problem}`);
  }

  /** A policy that exceeds a limit by itself is an error of its file. */
  #withinLimits(file: PolicyFile): PolicyFile {
    const beyond = file.policies.filter((policy) => this.#judge.beyondLimit(policy) !== undefined);
    if (beyond.length === 0) return file;
    const issues = beyond.map((policy) => ({
      severity: 'error' as const,
      code: 'LIMIT_EXCEEDED',
      file: file.path,
      at: '',
      problem: `${policyKey(policy)}: ${this.#judge.beyondLimit(policy)}`,
      cure: 'split or shorten it',
    }));
    return { ...file, policies: file.policies.filter((policy) => !beyond.includes(policy)), issues: [...file.issues, ...issues] };
  }

  async #put(sent: Policy, trialMs: number | undefined): Promise<PutResult> {
    const key = policyKey(sent);
    const before = this.#store.find(key);
    const target = before?.path ?? this.#options.backups.pathOf(sent);
    const obstacle = this.#obstacle(before, target);
    if (obstacle !== undefined) return { kind: 'failed', reason: obstacle };
    const text = backupText(sent);
    const file = parsePolicyFile(target, text);
    const plan = this.#planFor(file);
    if ('refused' in plan) return { kind: 'refused', reason: plan.refused };
    try {
      if (trialMs !== undefined) await this.#try({ key, name: sent.name, path: target, before: textBefore(before) }, trialMs);
      await this.#options.backups.save(target, text);
      const result = await this.#takeIn(file, before, plan);
      if (trialMs === undefined && result.kind !== 'failed') await this.#trials.close(key);
      return result;
    } catch (error) {
      return failed(error);
    }
  }

  async #takeIn(file: PolicyFile, before: StoredPolicy | undefined, plan: Plan): Promise<PutResult> {
    const changed = this.#store.put(file);
    const problems = this.#apply(plan);
    if (problems.length > 0 && changed) return await this.#takeBack(file.path, before?.policy, problems);
    if (before === undefined) return { kind: 'added' };
    return { kind: changed ? 'modified' : 'unchanged' };
  }

  /** What was before a trial that is open already is what comes back. */
  async #try(trial: Omit<Trial, 'until' | 'lengthMs'>, lengthMs: number): Promise<void> {
    const { before } = this.#trials.get(trial.key) ?? trial;
    await this.#trials.set({ ...trial, before, until: Date.now() + lengthMs, lengthMs });
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#nextRollBack);
    const next = Math.min(...this.#trials.all().map((trial) => Trials.remainingMs(trial)));
    if (!Number.isFinite(next)) return;
    this.#nextRollBack = setTimeout(() => void this.#inTurn(() => this.#rollBack()), next).unref();
  }

  /** What was before comes back for every trial that is out of time. */
  async #rollBack(): Promise<void> {
    const { backups, logger } = this.#options;
    const over = this.#trials.all().filter((trial) => Trials.remainingMs(trial) === 0);
    try {
      for (const { key, path: file, before } of over) {
        if (before === undefined) await backups.remove(file);
        else await backups.save(file, before);
        if (before === undefined) this.#store.remove(file);
        else this.#store.put(parsePolicyFile(file, before));
        this.#apply();
        await this.#trials.close(key);
        logger.warn(`${key} was not confirmed in time: ${before === undefined ? 'it is removed' : 'its version of before is back'}`);
      }
    } catch (error) {
      if (!(error instanceof KubeArmorError)) throw error;
      logger.error('a policy on trial cannot be rolled back; it is tried again', { why: error.message });
      this.#nextRollBack = setTimeout(() => void this.#inTurn(() => this.#rollBack()), RETRY_MS).unref();
      return;
    }
    this.#schedule();
  }

  /** What is an operator's is not the RPC's to change. */
  #obstacle(before: StoredPolicy | undefined, path: string): string | undefined {
    if (before !== undefined) return before.isBackup ? undefined : `it is defined in ${path}; change it there`;
    return this.#store.paths().includes(path) ? `the file ${path} is in the way` : undefined;
  }

  #planFor({ path, policies: [policy] }: PolicyFile): ReturnType<Protector['plan']> {
    if (policy === undefined) throw new Error(`the policy for ${path} cannot be read back`);
    const beyond = this.#judge.beyondLimit(policy);
    if (beyond !== undefined) return { refused: beyond };
    return this.#options.protector.plan(this.#active({ policy, path, isBackup: true }));
  }

  /** Puts in force what the store holds. @returns what could not be, and could before */
  #apply(plan?: Plan): readonly string[] {
    const before = this.#notInForce;
    this.#notInForce = this.#options.protector.apply(this.#active(), plan);
    return this.#notInForce.filter((problem) => !before.includes(problem));
  }

  /** The kernel refused: as if nothing had been sent. */
  async #takeBack(path: string, before: Policy | undefined, problems: readonly string[]): Promise<PutResult> {
    if (before === undefined) {
      await this.#options.backups.remove(path);
      this.#store.remove(path);
    } else {
      await this.#options.backups.save(path, backupText(before));
      this.#store.put(parsePolicyFile(path, backupText(before)));
    }
    this.#apply();
    return { kind: 'failed', reason: problems.join('; ') };
  }

  async #remove(id: PolicyId): Promise<RemoveResult> {
    const found = this.#store.find(policyKey(id));
    if (found === undefined) return { kind: 'absent' };
    if (!found.isBackup) return { kind: 'failed', reason: `it is defined in ${found.path}; remove it there` };
    try {
      await this.#options.backups.remove(found.path);
      await this.#trials.close(policyKey(id));
    } catch (error) {
      return failed(error);
    }
    this.#store.remove(found.path);
    const problems = this.#apply();
    return problems.length === 0 ? { kind: 'removed' } : { kind: 'failed', reason: problems.join('; ') };
  }

  /** The policies that count, with one put in or replaced. */
  #active(put?: StoredPolicy): Policy[] {
    const key = put === undefined ? undefined : policyKey(put.policy);
    const all = this.#store.policies().map(({ policy }) => policy);
    const replaced = all.map((policy) => (put !== undefined && policyKey(policy) === key ? put.policy : policy));
    const whole = put === undefined || replaced.includes(put.policy) ? replaced : [...replaced, put.policy];
    return whole.filter((policy) => this.#judge.isOn(policy));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => {});
    return mine;
  }
}

const textBefore = (before: StoredPolicy | undefined): string | undefined => (before === undefined ? undefined : backupText(before.policy));

function failed(error: unknown): { readonly kind: 'failed'; readonly reason: string } {
  if (!(error instanceof KubeArmorError)) throw error;
  return { kind: 'failed', reason: error.message };
}
