// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compile } from './compile.ts';
import type { RuleSet } from './compile.ts';
import { evaluate } from './evaluate.ts';
import type { Access, Verdict } from './access.ts';
import type { Policy, Workload } from './model.ts';
import { access, policies, policyOf, workload } from './testing/arbitraries.ts';
import { naiveEvaluate } from './testing/naive-evaluate.ts';
import { ruleKey } from './testing/naive-model.ts';

function compiled(set: readonly Policy[], of: Workload): RuleSet {
  const made = compile(set, of);
  assert.ok(!('exceeded' in made), JSON.stringify(made));
  return made;
}

function keyOf({ rules }: RuleSet, verdict: Verdict): string | undefined {
  if (verdict.outcome === 'passed' || verdict.rule === undefined) return undefined;
  const { kind, namespace, policy, field } = rules[verdict.rule]!;
  return ruleKey({ kind, namespace, name: policy }, { field });
}

function assertAgrees(set: readonly Policy[], of: Workload, accesses: readonly Access[]): void {
  const ruleSet = compiled(set, of);
  for (const one of accesses) {
    const verdict = evaluate(ruleSet.image, one);
    const wanted = naiveEvaluate(set, of, one);
    assert.equal(verdict.outcome, wanted.outcome, JSON.stringify({ one, verdict, wanted }));
    const key = keyOf(ruleSet, verdict);
    const named = wanted.rules === undefined ? key === undefined : key !== undefined && wanted.rules.includes(key);
    assert.ok(named, `${key} is none of ${JSON.stringify(wanted)} for ${JSON.stringify(one)}`);
  }
}

const accesses = fc.array(access, { minLength: 30, maxLength: 60 });

test('the image says what the design page says', () => {
  fc.assert(fc.property(policies, workload, accesses, assertAgrees), { numRuns: 300 });
});

/** Names that may stand anywhere, and directories anywhere that count ever after: too many states for one automaton. */
const FILLER = policyOf(
  'filler',
  [
    ...Array.from({ length: 60 }, (_, i) => ({ kind: 'execname' as const, name: `n${(i * i * 7919) % 1000}-${i}` })),
    ...['d1', 'e2', 'f3', 'g4', 'h5', 'i6', 'j7'].map((name) => ({ kind: 'glob' as const, glob: `/**/${name}/**` })),
  ].map((object) => ({
    family: 'file',
    object,
    action: 'Audit',
    subjects: [],
    severity: 1,
    tags: [],
    message: '',
    ownerOnly: false,
    readOnly: false,
  })),
);

test('an image of several automata says the same', () => {
  const property = fc.property(policies, workload, accesses, (set, of, asked) => {
    const { image } = compiled([...set, FILLER], of);
    assert.ok(image[3] !== 0, 'was not split: the filler must be harder');
    assertAgrees([...set, FILLER], of, asked);
  });
  fc.assert(property, { numRuns: 8, endOnFailure: true });
});

test('replaying a set, in any order, gives the same bytes', () => {
  fc.assert(
    fc.property(policies, workload, (set, of) => {
      const { image, rules, flags } = compiled(set, of);
      const again = compiled(structuredClone(set).toReversed(), of);
      assert.deepEqual({ image: again.image, rules: again.rules, flags: again.flags }, { image, rules, flags });
    }),
    { numRuns: 100 },
  );
});

test('the names of policies never change an outcome', () => {
  fc.assert(
    fc.property(policies, workload, accesses, (set, of, asked) => {
      const renamed = set.map((policy, i) => ({
        ...policy,
        name: `z${9 - i}`,
        kind: i % 2 === 0 ? policy.kind : ('KubeArmorClusterPolicy' as const),
      }));
      const [before, after] = [compiled(set, of), compiled(renamed, of)];
      for (const one of asked) assert.equal(evaluate(after.image, one).outcome, evaluate(before.image, one).outcome, JSON.stringify(one));
    }),
    { numRuns: 100 },
  );
});

const RANK = { passed: 0, audited: 0, denied: 1 } as const;

test('adding a Block rule never permits anything new, whatever the policy is called', () => {
  fc.assert(
    fc.property(policies, policies, workload, accesses, (set, more, of, asked) => {
      const blocks = more.map((policy, i) => ({
        ...policyOf(
          i % 2 === 0 ? `a${i}` : `z${i}`,
          policy.rules.filter((rule) => rule.action === 'Block'),
        ),
      }));
      const before = compiled(set, of);
      const after = compiled([...blocks, ...set], of);
      for (const one of asked) {
        assert.ok(RANK[evaluate(after.image, one).outcome] >= RANK[evaluate(before.image, one).outcome], JSON.stringify(one));
      }
    }),
    { numRuns: 150 },
  );
});

test('adding an Allow rule never denies within families that had one', () => {
  fc.assert(
    fc.property(policies, policies, workload, accesses, (set, more, of, asked) => {
      const had = new Set(set.flatMap(({ rules }) => rules.filter(({ action }) => action === 'Allow').map(({ family }) => family)));
      const allows = more.map((policy, i) =>
        policyOf(
          `n${i}`,
          policy.rules.filter((rule) => rule.action === 'Allow' && had.has(rule.family)),
        ),
      );
      const before = compiled(set, of);
      const after = compiled([...set, ...allows], of);
      for (const one of asked) {
        assert.ok(RANK[evaluate(after.image, one).outcome] <= RANK[evaluate(before.image, one).outcome], JSON.stringify(one));
      }
    }),
    { numRuns: 150 },
  );
});
