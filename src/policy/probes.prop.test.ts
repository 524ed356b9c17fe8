// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compile } from './compile.ts';
import { evaluate } from './evaluate.ts';
import { layOut } from './probe-layout.ts';
import { probesOf } from './probes.ts';
import { policies, workload } from './testing/arbitraries.ts';
import { naiveEvaluate } from './testing/naive-evaluate.ts';

const RUNS = Number(process.env['KUBEARMOR_TOOLS_RUNS'] ?? 60);

test('every probe has the evaluator’s verdict and the naive model’s, and every rule is probed or named with a reason', () => {
  const property = fc.property(policies, workload, fc.boolean(), (set, of, tellsApplets) => {
    const made = compile(set, of);
    assert.ok(!('exceeded' in made));
    const plan = probesOf(made, set, { tellsApplets });
    const spoken = new Set([...plan.probes.flatMap(({ proves }) => proves), ...plan.unprobed.map(({ rule }) => rule.id)]);
    for (const { id } of made.notEnforced.map(({ rule }) => rule)) spoken.add(id);
    assert.deepEqual(
      [...spoken].toSorted((a, b) => a - b),
      made.rules.map(({ id }) => id),
    );
    for (const { access, expected, proves } of plan.probes) {
      assert.deepEqual(evaluate(made.image, access), expected);
      assert.equal(expected.outcome === 'passed', proves.length === 0);
      const naive = naiveEvaluate(set, of, access);
      assert.equal(naive.outcome, expected.outcome, JSON.stringify(access));
    }
  });
  fc.assert(property, { numRuns: RUNS });
});

test('the first probes have one of each policy and family that has any, and no probe needs a root that cannot be', () => {
  const property = fc.property(policies, workload, (set, of) => {
    const made = compile(set, of);
    assert.ok(!('exceeded' in made));
    const plan = probesOf(made, set);
    const keys = (probes: typeof plan.probes): Set<string> =>
      new Set(probes.flatMap(({ family, proves }) => proves.map((id) => `${made.rules[id]!.policy} ${family}`)));
    assert.deepEqual(keys(plan.probes.slice(0, plan.first)), keys(plan.probes));
    let rest: readonly (typeof plan.probes)[number][] = plan.probes;
    while (rest.length > 0) {
      const root = layOut(rest);
      assert.ok(root.probes.length > 0);
      rest = root.rest;
    }
  });
  fc.assert(property, { numRuns: RUNS });
});
