// SPDX-License-Identifier: Apache-2.0
import { dirname, isAbsolute, join } from 'node:path';
import { KubeArmorError } from '#base';
import type { Issue } from '#base';
import type { SuiteResult, TestSuite } from '#policy';
import type { Io } from './io.ts';
import { current, loaded, loadPolicySet } from './policy-set.ts';
import type { LoadedPolicy } from './policy-set.ts';
import { readPolicyFiles } from './policy-files.ts';
import type { PolicyFile } from './policy-files.ts';

/** A suite that was run. */
export interface RunSuite extends SuiteResult {
  readonly file: string;
  readonly suite: TestSuite;
  readonly policies: readonly LoadedPolicy[];
}

/** What all test files gave. */
export interface TestRun {
  readonly suites: readonly RunSuite[];
  /** Of test files and of the policies they name; with an error no test was run. */
  readonly issues: readonly Issue[];
  readonly files: number;
}

/**
 * Reads test files, the policies that they name, and runs them if all of that is right: a mistake in one is told with those of the
 * others, and nothing is run beside it.
 *
 * @throws {KubeArmorError} as `readPolicyFiles`, for what the command line names
 */
export async function runTestFiles(names: readonly string[], io: Io): Promise<TestRun> {
  const [{ parseTestFile, runSuite }, { MULTICALL_BINARIES }] = await Promise.all([import('#policy'), import('#host')]);
  const issues: Issue[] = [];
  const ready: Pick<RunSuite, 'file' | 'suite' | 'policies'>[] = [];
  let files = 0;
  for await (const file of testFiles(names, io)) {
    issues.push(...file.issues);
    if (file.text === undefined) continue;
    files++;
    const parsed = parseTestFile(file.text, file.name, MULTICALL_BINARIES);
    if (parsed.length === 0) issues.push(withoutTests(file.name));
    for (const { suite, issues: found } of parsed) {
      issues.push(...found);
      if (suite !== undefined) ready.push({ file: file.name, suite, policies: await policiesOf(suite, { file: file.name, issues, io }) });
    }
  }
  if (files === 0 && issues.length === 0)
    throw new KubeArmorError('USAGE', `${names.join(', ')}: no test file in it (a YAML file with \`tests:\`)`);
  if (issues.some(({ severity }) => severity === 'error')) return { suites: [], issues, files };
  const suites = ready.map((one): RunSuite => {
    const result = runSuite(
      one.suite,
      one.policies.map(({ policy }) => policy),
    );
    if ('exceeded' in result)
      throw new KubeArmorError('LIMIT_EXCEEDED', `${one.file}: its policies are beyond the limit of ${result.limit} ${result.exceeded}`);
    return { ...one, ...result };
  });
  return { suites, issues, files };
}

/** What the names stand for; of folders only what has tests. */
async function* testFiles(names: readonly string[], io: Io): AsyncGenerator<PolicyFile> {
  for (const name of names) {
    for await (const file of readPolicyFiles(name, io)) {
      if (file.text === undefined || !file.isFound || isTestFile(file.name, file.text)) yield file;
    }
  }
}

function withoutTests(file: string): Issue {
  const cure = 'add `policies:` and `tests:`';
  return { severity: 'error', code: 'FIELD_MISSING', file, at: 'tests', problem: 'there is no test in it', cure };
}

/** In a folder policies and tests may lie side by side: a test file has `tests` at the top of a document. */
function isTestFile(name: string, text: string): boolean {
  return /\.ya?ml$/i.test(name) ? /^tests\s*:/m.test(text) : /"tests"\s*:/.test(text);
}

interface Reading {
  readonly file: string;
  readonly issues: Issue[];
  readonly io: Io;
}

/** The policies of a suite; what is wrong with them is told, warnings only of those that stand in the test file. */
async function policiesOf({ policies }: TestSuite, { file, issues, io }: Reading): Promise<LoadedPolicy[]> {
  const all: LoadedPolicy[] = [];
  for (const entry of policies) {
    if ('document' in entry) {
      const { policy, placeOf } = entry.document;
      if (policy !== undefined) all.push(loaded(policy, file, placeOf));
      continue;
    }
    const path = isAbsolute(entry.file) || file === 'stdin' ? entry.file : join(dirname(file), entry.file);
    try {
      const set = await loadPolicySet([path], io);
      issues.push(...set.issues.filter(({ severity }) => severity === 'error'));
      all.push(...set.all);
    } catch (error) {
      if (!(error instanceof KubeArmorError)) throw error;
      issues.push({
        severity: 'error',
        code: 'FILE_UNREADABLE',
        file,
        ...entry.place,
        at: 'policies',
        problem: error.message,
        cure: 'paths count from the folder of the test file',
      });
    }
  }
  return current(all);
}
