// SPDX-License-Identifier: Apache-2.0
import { compile } from './compile.ts';
import type { CompileExceeded, RuleSet } from './compile.ts';
import { isMatched, winnersOf } from './deciders.ts';
import { judge } from './evaluate.ts';
import { notEnforceable } from './lower.ts';
import type { Policy, Workload } from './model.ts';
import { alone } from './one-rule.ts';
import { answer } from './question-verdict.ts';
import type { Answer } from './question-verdict.ts';
import type { Question } from './questions.ts';
import type { RuleInfo } from './rule-info.ts';
import { selects } from './select.ts';
import type { PolicyTest, TestSuite } from './test-file.ts';
import { ANY_PROGRAM, unnamedProgram } from './universe.ts';

/** One test as it went. */
export interface TestResult {
  readonly test: PolicyTest;
  readonly question: Question;
  readonly answer: Answer;
  /** The rule that decided; `DefaultPosture`; undefined where none did. */
  readonly by: RuleInfo | 'DefaultPosture' | undefined;
  /** What differs, in words: `expected denied, was allowed`. Empty where the test passed. */
  readonly failures: readonly string[];
  /** Policies that select the workload. */
  readonly selected: number;
}

/** How far the tests reached one rule. */
export interface RuleCoverage {
  readonly policy: Policy;
  readonly field: string;
  /** `decided`: it won at least once; `matched`: only others won; `no`: no test meets it; `not enforced`: no test can. */
  readonly covered: 'decided' | 'matched' | 'no' | 'not enforced';
}
export interface SuiteResult {
  readonly results: readonly TestResult[];
  readonly coverage: readonly RuleCoverage[];
}

/** Runs the tests of one suite on the evaluator, as the kernel would decide; or says which limit its policies exceed. */
export function runSuite({ root, tests }: TestSuite, policies: readonly Policy[]): SuiteResult | CompileExceeded {
  const groups = new Map<string, { readonly set: RuleSet; readonly selected: readonly Policy[] }>();
  const coverage = new Coverage(policies);
  const unnamed = unnamedProgram(policies, root.resolver) ?? ANY_PROGRAM;
  const results: TestResult[] = [];
  for (const test of tests) {
    const key = JSON.stringify({ ...test.workload, mode: '' });
    const known = groups.get(key);
    const selected = known?.selected ?? policies.filter((policy) => selects(policy, test.workload));
    const set = known?.set ?? compile(selected, test.workload, root.resolver);
    if ('exceeded' in set) return set;
    groups.set(key, { set, selected });
    const question = test.question(unnamed);
    const given = answer(set, question, test.workload.mode);
    const by = typeof given.decider === 'number' ? set.rules[given.decider] : given.decider;
    results.push({ test, question, answer: given, by, failures: failuresOf(test, given, by), selected: selected.length });
    coverage.note(set, question, { ...test.workload, mode: test.workload.mode });
  }
  return { results, coverage: coverage.finish(results, root.resolver) };
}

function failuresOf(test: PolicyTest, given: Answer, by: RuleInfo | 'DefaultPosture' | undefined): string[] {
  const failures: string[] = [];
  const differ = (what: string, expected: string | undefined, actual: string | undefined, same = expected === actual): void => {
    if (expected !== undefined && !same) failures.push(`${what}expected ${expected}, was ${actual ?? 'none'}`);
  };
  differ('', test.expect, given.outcome);
  const policy = by === 'DefaultPosture' ? by : by?.policy;
  differ('policy: ', test.policy, policy);
  const field = by === 'DefaultPosture' ? undefined : by?.field;
  differ('rule: ', test.rule, field, field !== undefined && (field === test.rule || field.startsWith(`${test.rule ?? ''}#`)));
  differ('action: ', test.action, given.action);
  return failures;
}

/** Which rules won, and which were met. */
class Coverage {
  readonly #policies: readonly Policy[];
  readonly #decided = new Set<string>();

  constructor(policies: readonly Policy[]) {
    this.#policies = policies;
  }

  note(set: RuleSet, { steps }: Question, { mode }: Workload): void {
    if (mode === 'disabled') return;
    for (const access of steps) {
      for (const id of winnersOf(judge(set.image, access))) {
        const info = set.rules[id]!;
        this.#decided.add(keyOf(info.kind, info.namespace, info.policy, info.field));
      }
    }
  }

  finish(results: readonly TestResult[], resolver: TestSuite['root']['resolver']): RuleCoverage[] {
    return this.#policies.flatMap((policy) =>
      policy.rules.map((rule): RuleCoverage => {
        const { field } = rule;
        if (this.#decided.has(keyOf(policy.kind, policy.namespace, policy.name, field))) return { policy, field, covered: 'decided' };
        if (notEnforceable(rule) !== undefined) return { policy, field, covered: 'not enforced' };
        const mine = results.filter(({ test }) => test.workload.mode !== 'disabled' && selects(policy, test.workload));
        const single = mine.length === 0 ? undefined : compile([alone(rule)], mine[0]!.test.workload, resolver);
        if (single === undefined || 'exceeded' in single) return { policy, field, covered: 'no' };
        const isMet = mine.some(({ question }) => question.steps.some((access) => isMatched(judge(single.image, access))));
        return { policy, field, covered: isMet ? 'matched' : 'no' };
      }),
    );
  }
}

const keyOf = (...parts: readonly string[]): string => parts.join('\0');
