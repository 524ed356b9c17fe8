// SPDX-License-Identifier: Apache-2.0
import type { Issue } from '#base';
import type { Policy } from '#policy';
import type { Io } from './io.ts';
import { loadPolicyChecker } from './parse-policies.ts';
import type { CheckedDocument, CheckPolicies } from './parse-policies.ts';
import { readPolicyFiles } from './policy-files.ts';
import type { PolicyFile, ReadOptions } from './policy-files.ts';

/** What was found in one file, or about a folder as a whole. */
export interface FileReport {
  readonly file: string;
  /** Whether there was a text to check: not of a folder, nor of what could not be read. */
  readonly isRead: boolean;
  /** One a document that is, or should be, a policy. */
  readonly documents: readonly Pick<CheckedDocument, 'policy' | 'placeOf'>[];
  /** Of all documents and of the file itself, in order of their places. */
  readonly issues: readonly Issue[];
  /** Documents of other API groups, which are left out in folders. */
  readonly skipped: number;
}

/** What is said of documents that were left out. */
export const skippedText = (count: number): string =>
  `${count} ${count === 1 ? 'document of another kind' : 'documents of other kinds'} skipped`;

/**
 * Checks what the command line names, file by file: what the agent would say, and what only all of it together shows.
 *
 * @throws {KubeArmorError} as `readPolicyFiles`
 */
export async function* checkFiles(names: readonly string[], io: Io, options: ReadOptions = {}): AsyncGenerator<FileReport> {
  const check = await loadPolicyChecker();
  const doubles = new Doubles();
  for (const name of names) {
    let hasContent = false;
    for await (const file of readPolicyFiles(name, io, options)) {
      const report = checkFile(file, check, doubles);
      hasContent ||= report.documents.length > 0 || report.issues.some(({ severity }) => severity === 'error');
      yield report;
    }
    if (!hasContent) yield { file: name, isRead: false, documents: [], issues: [noPolicyIn(name)], skipped: 0 };
  }
}

function checkFile(file: PolicyFile, check: CheckPolicies, doubles: Doubles): FileReport {
  const { name, isFound, text, issues } = file;
  if (text === undefined) return { file: name, isRead: false, documents: [], issues, skipped: 0 };
  const all = check(text, name);
  const documents = all.filter(({ isForeign }) => !(isFound && isForeign === true));
  const told = documents.flatMap((document) => [...document.issues, ...doubles.note(document, name)]);
  if (all.length === 0) told.push(isFound ? emptyIn(name) : noPolicyIn(name));
  return { file: name, isRead: true, documents, issues: told.toSorted(byPlace), skipped: all.length - documents.length };
}

const byPlace = (a: Issue, b: Issue): number => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);

const NO_POLICY_CURE = 'name the files or folders that have some';
const noPolicyIn = (file: string): Issue => {
  const problem = 'there is no policy in it';
  return { severity: 'error', code: 'POLICY_MISSING', file: nameOf(file), at: '', problem, cure: NO_POLICY_CURE };
};
/** In a folder with others: nothing is wrong by it, and somebody may have meant otherwise. */
const emptyIn = (file: string): Issue => {
  const problem = 'there is no policy in it';
  return { severity: 'warning', code: 'POLICY_MISSING', file, at: '', problem, cure: 'remove the file, or fill it in' };
};
const nameOf = (name: string): string => (name === '-' ? 'stdin' : name);

/** Policies seen so far, by what the agent knows them by. */
class Doubles {
  readonly #seen = new Map<string, string>();

  note({ policy, placeOf }: CheckedDocument, file: string): Issue[] {
    if (policy === undefined) return [];
    const place = placeOf?.('metadata.name');
    const key = JSON.stringify([policy.kind, policy.namespace, policy.name]);
    const before = this.#seen.get(key);
    this.#seen.set(key, place === undefined ? file : `${file}:${place.line}`);
    return before === undefined ? [] : [doubleOf(policy, before, { file, ...place })];
  }
}

function doubleOf({ kind, namespace, name }: Policy, before: string, place: Pick<Issue, 'file' | 'line' | 'column'>): Issue {
  const problem = `${kind} ${namespace === '' ? name : `${namespace}/${name}`} is in ${before} too, and this one replaces it`;
  const cure = 'give one of them another name, or remove one';
  return { severity: 'warning', code: 'POLICY_DUPLICATE', ...place, at: 'metadata.name', problem, cure };
}
