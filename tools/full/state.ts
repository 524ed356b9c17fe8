// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What came of one unit. */
export interface UnitResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  readonly attempts: number;
  readonly measures: Readonly<Record<string, number>>;
  /** Releases that its output names. */
  readonly kernels: readonly string[];
}

/** A run so far, of one content of the tree. */
export interface RunState {
  readonly commit: string;
  /** The tree differs from the commit. */
  readonly changed: boolean;
  /** Hash of the tree: results of another one do not count. */
  readonly content: string;
  readonly seed: number;
  /** By `PART UNIT`. */
  readonly results: Record<string, UnitResult>;
}

/** The page that a run writes itself: no part of what is tested. */
export const PAGE = 'docs/reference/verification.md';

function git(root: string, words: readonly string[], index?: string): string {
  const env = index === undefined ? process.env : { ...process.env, GIT_INDEX_FILE: index };
  const { status, stdout, stderr } = spawnSync('git', ['-C', root, ...words], { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`git ${words.join(' ')}: ${stderr}`);
  return stdout.trim();
}

/** Commit and content of the tree as it is on the disk, with what is not committed. */
export function identify(root: string): Pick<RunState, 'commit' | 'changed' | 'content'> {
  const home = join(root, '.cache/test-full');
  mkdirSync(home, { recursive: true });
  const index = join(home, `index.${process.pid}`);
  const treeOf = (...start: readonly string[]): string => {
    git(root, start, index);
    git(root, ['rm', '-q', '--cached', '--ignore-unmatch', '--', PAGE], index);
    return git(root, ['write-tree'], index);
  };
  try {
    const committed = treeOf('read-tree', 'HEAD');
    const content = treeOf('add', '-A');
    return { commit: git(root, ['rev-parse', 'HEAD']), changed: content !== committed, content };
  } finally {
    rmSync(index, { force: true });
  }
}

const fileOf = (root: string, content: string): string => join(root, '.cache/test-full', `${content}.json`);

/** The run of this content, or a new one. */
export function openState(root: string, seed: number): RunState {
  const identity = identify(root);
  try {
    const state = JSON.parse(readFileSync(fileOf(root, identity.content), 'utf8')) as RunState;
    return { ...state, ...identity };
  } catch {
    return { ...identity, seed, results: {} };
  }
}

/** Kept after every unit: an interrupted run loses the unit that it was at. */
export function keepState(root: string, state: RunState): void {
  const path = fileOf(root, state.content);
  writeFileSync(`${path}.new`, JSON.stringify(state, undefined, 1));
  renameSync(`${path}.new`, path);
}
