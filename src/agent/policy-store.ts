// SPDX-License-Identifier: Apache-2.0
import { formatIssue } from '#base';
import type { Issue } from '#base';
import type { Policy } from '#policy';
import { policyKey } from './policy-identity.ts';

/** A file of policies as it was read. */
export interface PolicyFile {
  readonly path: string;
  /** Equal for equal content. */
  readonly digest: string;
  /** Those that can be taken. */
  readonly policies: readonly Policy[];
  /** Errors and warnings. */
  readonly issues: readonly Issue[];
  /** Whether it is the RPC's to change: it holds one policy, as this agent or KubeArmor writes them. */
  readonly isBackup: boolean;
}

export interface StoredPolicy {
  readonly policy: Policy;
  readonly path: string;
  readonly isBackup: boolean;
}

interface Entry {
  file: PolicyFile;
  /** Policies in force, perhaps from an earlier version of the file. */
  inForce: readonly Policy[];
  problem: string | undefined;
}

/** Why a file, or a policy in it, is not in force as it stands. */
export interface FileProblem {
  readonly path: string;
  readonly problem: string;
}

/**
 * All policies, by the files that hold them. No I/O.
 *
 * A file with an error keeps its last good version in force; one that never was good gives those of its policies that have
 * no error. Of two policies with the same kind, namespace and name the one that was there first counts.
 */
export class PolicyStore {
  readonly #files = new Map<string, Entry>();
  /** Identity → path of the file that has it. */
  readonly #owners = new Map<string, string>();

  /** Takes a file's new content. @returns whether the policies in force changed */
  put(file: PolicyFile): boolean {
    const before = this.#files.get(file.path);
    if (before?.file.digest === file.digest) return false;
    const problem = problemOf(file, before);
    const keepsOld = problem !== undefined && before !== undefined && before.inForce.length > 0;
    const inForce = keepsOld ? before.inForce : file.policies;
    this.#files.set(file.path, { file, inForce, problem: keepsOld ? `${problem}; its last good version stays in force` : problem });
    this.#settle();
    return before === undefined ? inForce.length > 0 : before.inForce !== inForce;
  }

  /** Forgets a file that is gone. @returns whether the policies in force changed */
  remove(path: string): boolean {
    const before = this.#files.get(path);
    this.#files.delete(path);
    this.#settle();
    return before !== undefined && before.inForce.length > 0;
  }

  paths(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** Of the content that was put last. */
  digestOf(path: string): string | undefined {
    return this.#files.get(path)?.file.digest;
  }

  /** By kind, namespace and name. */
  find(key: string): StoredPolicy | undefined {
    return this.policies().find(({ policy }) => policyKey(policy) === key);
  }

  /** What is in force, each identity once, oldest file first. */
  policies(): readonly StoredPolicy[] {
    return [...this.#files.values()].flatMap(({ file: { path, isBackup }, inForce }) =>
      firstOfEach(inForce)
        .filter((policy) => this.#owners.get(policyKey(policy)) === path)
        .map((policy) => ({ policy, path, isBackup })),
    );
  }

  problems(): readonly FileProblem[] {
    return [...this.#files.entries()].flatMap(([path, { problem, inForce }]) => [
      ...(problem === undefined ? [] : [{ path, problem }]),
      ...this.#duplicates(path, inForce),
    ]);
  }

  #duplicates(path: string, policies: readonly Policy[]): FileProblem[] {
    return policies.flatMap((policy, i) => {
      const key = policyKey(policy);
      const owner = this.#owners.get(key);
      const again = policies.findIndex((other) => policyKey(other) === key) < i;
      if (owner === path && !again) return [];
      return [{ path, problem: `${key} is there already, from ${again ? 'the same file' : owner}; this one is not in force` }];
    });
  }

  /** An owner keeps what it has as long as its file has it; else the first file that does. */
  #settle(): void {
    const had = new Map<string, Set<string>>();
    for (const [path, { inForce }] of this.#files) had.set(path, new Set(inForce.map(policyKey)));
    for (const [key, path] of this.#owners) if (had.get(path)?.has(key) !== true) this.#owners.delete(key);
    for (const [path, keys] of had) for (const key of keys) if (!this.#owners.has(key)) this.#owners.set(key, path);
  }
}

function firstOfEach(policies: readonly Policy[]): Policy[] {
  const seen = new Set<string>();
  return policies.filter((policy) => {
    const key = policyKey(policy);
    return !seen.has(key) && seen.add(key);
  });
}

function problemOf({ issues, policies }: PolicyFile, before: Entry | undefined): string | undefined {
  const errors = issues.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first !== undefined) return `${formatIssue(first)}${errors.length > 1 ? ` and ${errors.length - 1} more` : ''}`;
  // A disk that filled up, or an editor, leaves such a file; who means it deletes the file.
  if (policies.length === 0 && (before?.inForce.length ?? 0) > 0) return 'it is empty; delete it to end its policies';
  return undefined;
}
