// SPDX-License-Identifier: Apache-2.0
import type { RuleCoverage, TestResult } from '#policy';
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import { KubeArmorError } from '#base';
import type { Io } from '../io.ts';
import { junitText } from '../junit.ts';
import type { JunitCase } from '../junit.ts';
import { issueText, rulePlace } from '../policy-set.ts';
import { runTestFiles } from '../run-tests.ts';
import type { RunSuite, TestRun } from '../run-tests.ts';
import type { Text } from '../text.ts';
import { writeReport } from '../write-report.ts';

/** `karmor policy test FILE…`: accesses and the verdicts they should have; exit 1 if one differs, 65 if a file is wrong. */
export const policyTest: Command = {
  arguments: [
    { name: '<file...>', summary: 'test files, folders (every .yaml, .yml and .json with `tests` below), - for stdin', completes: 'file' },
  ],
  options: [
    { flags: '-v, --verbose', summary: 'print the tests that pass too' },
    { flags: '--coverage', summary: 'print how many rules decided a test, and which did not' },
    { flags: '--min-coverage <percent>', summary: 'fail where fewer rules decided a test', value: 'count' },
    { flags: '--junit <file>', summary: 'write the results as JUnit XML to this file', completes: 'file' },
    { flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json'] },
  ],
  details: `Runs the evaluator, which reads the same tables as the kernel: needs no agent, no root and no cluster. A test file names policies, a
workload, and accesses with the verdict that each should have; the format is in docs/guide/policy-tests.md. It exits with 0 if every
test passes, 1 if one fails or the coverage is too low, 65 if a test file or a policy is wrong: then no test is run.

A test file:
  policies: [web.yaml]
  workload: {namespace: shop, labels: {app: web}}
  tests:
    - exec: /bin/sh
      expect: denied

Examples:
  karmor policy test tests/
  karmor policy test --coverage --min-coverage 90 --junit out.xml tests/`,
  async run(names, flags, io) {
    const minimum = flags.count('minCoverage');
    if (minimum !== undefined && minimum > 100)
      throw new KubeArmorError('USAGE', `--min-coverage ${minimum}: write a percentage, 0 to 100`);
    const run = await runTestFiles(names, io);
    const isWrong = run.issues.some(({ severity }) => severity === 'error');
    const verdict = verdictOf(run, minimum);
    if (!isWrong && flags.text('junit') !== undefined)
      await writeReport(flags.text('junit')!, junitText(run.suites.flatMap(junitCases)), io);
    if (flags.text('output') === 'json') await io.outJson(JSON.stringify(toJson(run, verdict), undefined, 2));
    else await print(run, verdict, { flags, io });
    return isWrong ? EXIT_CODES.badData.code : verdict.exitCode;
  },
};

interface Verdict {
  readonly passed: number;
  readonly failed: number;
  /** Percent of the rules that can be enforced; 100 where there are none. */
  readonly coverage: number;
  readonly decided: number;
  readonly rules: number;
  readonly minimum: number | undefined;
  readonly exitCode: ExitCode;
}

/** A rule that several suites name counts once, at its best. */
function bestCoverage(suites: readonly RunSuite[]): { readonly one: RuleCoverage; readonly place: string }[] {
  const order = ['decided', 'matched', 'no', 'not enforced'];
  const best = new Map<string, { one: RuleCoverage; place: string }>();
  for (const { coverage, policies } of suites) {
    for (const one of coverage) {
      const owner = policies.find(({ policy }) => policy === one.policy);
      const place = owner?.place(one.field) ?? one.field;
      const key = `${owner?.file} ${one.policy.kind} ${one.policy.namespace} ${one.policy.name} ${one.field}`;
      const before = best.get(key);
      if (before === undefined || order.indexOf(one.covered) < order.indexOf(before.one.covered)) best.set(key, { one, place });
    }
  }
  return [...best.values()];
}

function verdictOf({ suites }: TestRun, minimum: number | undefined): Verdict {
  const results = suites.flatMap((suite) => suite.results);
  const failed = results.filter(({ failures }) => failures.length > 0).length;
  const rules = bestCoverage(suites).filter(({ one }) => one.covered !== 'not enforced');
  const decided = rules.filter(({ one }) => one.covered === 'decided').length;
  const coverage = rules.length === 0 ? 100 : Math.floor((decided * 1000) / rules.length) / 10;
  const isLow = minimum !== undefined && coverage < minimum;
  const exitCode = failed > 0 || isLow ? EXIT_CODES.findings.code : EXIT_CODES.ok.code;
  return { passed: results.length - failed, failed, coverage, decided, rules: rules.length, minimum, exitCode };
}

async function print(run: TestRun, verdict: Verdict, { flags, io }: { flags: Flags; io: Io }): Promise<void> {
  for (const issue of run.issues) await io.out(issueText(issue));
  if (run.issues.some(({ severity }) => severity === 'error')) {
    await io.out({ text: `${run.files} ${run.files === 1 ? 'file' : 'files'}: no test was run`, colour: 'red' });
    return;
  }
  const passLines = (result: TestResult): Text[] => (flags.isSet('verbose') ? [passLine(result)] : []);
  const lines = run.suites.flatMap((suite) =>
    suite.results.flatMap((result) => (result.failures.length > 0 ? failureLines(result, suite) : passLines(result))),
  );
  if (flags.isSet('coverage') || verdict.minimum !== undefined) lines.push(...coverageLines(run, verdict, flags.isSet('coverage')));
  for (const line of lines) await io.out(line);
  const files = `${run.files} ${run.files === 1 ? 'file' : 'files'}`;
  await io.out({ text: `${files}: ${verdict.passed} passed, ${verdict.failed} failed`, colour: verdict.failed > 0 ? 'red' : 'green' });
}

const passLine = ({ test, answer }: TestResult): Text => [{ text: 'ok', colour: 'green' }, `    ${test.name}: ${answer.outcome}`];

function failureLines(result: TestResult, suite: RunSuite): Text[] {
  const { test, question, failures, selected } = result;
  const place = [suite.file, test.place?.line, test.place?.column].filter((part) => part !== undefined).join(':');
  const lines: Text[] = [[{ text: 'FAIL', colour: 'red' }, `  ${test.name}  (${place})`]];
  for (const failure of failures) lines.push(`      ${failure}`);
  lines.push(`      asked    ${question.operation} ${question.object}`, `      decided  ${deciderText(result, suite)}`);
  if (selected === 0) lines.push('      no policy of this suite selects the workload: see its `namespace` and `labels`');
  return lines;
}

function deciderText({ by, answer }: TestResult, { policies }: RunSuite): string {
  if (by === 'DefaultPosture') return `by the default posture (${answer.outcome === 'denied' ? 'block' : (answer.action ?? '')})`;
  if (by === undefined) return answer.outcome === 'allowed' ? 'by no rule' : '';
  return `by ${by.action}, ${by.policy} ${by.field} (${rulePlace(by, policies)})`;
}

const WHY = {
  matched: 'a test meets it, and other rules decide',
  no: 'no test meets it',
  'not enforced': 'not enforced in this version',
  decided: '',
} as const;

function coverageLines({ suites }: TestRun, { coverage, decided, rules, minimum }: Verdict, isWhole: boolean): Text[] {
  const lines: Text[] = [];
  const missing = bestCoverage(suites).filter(({ one }) => one.covered !== 'decided');
  if (isWhole) for (const { one, place } of missing) lines.push(`${place}: ${one.policy.name} ${one.field}: ${WHY[one.covered]}`);
  const low = minimum !== undefined && coverage < minimum;
  const bound = minimum === undefined ? '' : `, at least ${minimum}% ${low ? 'are wanted' : 'were wanted'}`;
  return [
    ...lines,
    { text: `coverage: ${decided} of ${rules} rules decided a test (${coverage}%)${bound}`, colour: low ? 'red' : 'green' },
  ];
}

function junitCases(suite: RunSuite): JunitCase[] {
  const name = suite.suite.name === '' ? suite.file : `${suite.file}: ${suite.suite.name}`;
  return suite.results.map((result) => ({
    suite: name,
    name: result.test.name,
    file: suite.file,
    line: result.test.place?.line,
    failures: result.failures,
    detail: `${[...result.failures, `asked ${result.question.operation} ${result.question.object}`, `decided ${deciderText(result, suite)}`].join('\n')}`,
  }));
}

function toJson(run: TestRun, { exitCode: _exitCode, ...summary }: Verdict): object {
  return {
    schemaVersion: 1,
    summary: { files: run.files, ...summary, minimum: summary.minimum ?? null },
    issues: run.issues,
    suites: run.suites.map((suite) => ({
      file: suite.file,
      name: suite.suite.name,
      tests: suite.results.map((result) => testJson(result, suite)),
      coverage: suite.coverage.map(({ policy, field, covered }) => ({
        kind: policy.kind,
        namespace: policy.namespace,
        policy: policy.name,
        rule: field,
        covered,
      })),
    })),
  };
}

function testJson({ test, question, answer, by, failures }: TestResult, { policies }: RunSuite): object {
  const rule = by === undefined || by === 'DefaultPosture' ? undefined : by;
  return {
    name: test.name,
    ...test.place,
    operation: question.operation,
    object: question.object,
    expected: test.expect,
    outcome: answer.outcome,
    action: answer.action ?? null,
    policy: by === 'DefaultPosture' ? by : (rule?.policy ?? null),
    rule: rule?.field ?? null,
    place: rule === undefined ? null : rulePlace(rule, policies),
    failures,
  };
}
