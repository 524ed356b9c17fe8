// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Access } from './access.ts';
import { compile } from './compile.ts';
import type { RuleSet } from './compile.ts';
import { deciderOf } from './deciders.ts';
import type { Decider } from './deciders.ts';
import { diffFor } from './diff.ts';
import { evaluate, judge } from './evaluate.ts';
import { Explainer } from './explain.ts';
import { lint } from './lint.ts';
import type { Policy, Workload } from './model.ts';
import { access, policies, workload, workloadOf } from './testing/arbitraries.ts';

/** `KUBEARMOR_TOOLS_RUNS` asks for more: a failure is then told without shrinking, which takes minutes here. */
const RUNS = Number(process.env['KUBEARMOR_TOOLS_RUNS'] ?? 30);
const accesses = fc.array(access, { minLength: 40, maxLength: 80 });

function compiled(set: readonly Policy[], of: Workload): RuleSet {
  const made = compile(set, of);
  assert.ok(!('exceeded' in made), JSON.stringify(made));
  return made;
}

/** What the tools say they cover: names in the workload's own mount name space. */
function isCovered(one: Access): boolean {
  if (one.kind === 'socket' || one.kind === 'capability') return true;
  return (one.object.state ?? 'own') === 'own' && one.object.superblockPath === undefined;
}

test('an explanation has the evaluator’s verdict, and its first candidate predicts it', () => {
  const property = fc.property(policies, workload, accesses, (set, of, asked) => {
    const made = compiled(set, of);
    const explainer = new Explainer(made, set, of);
    for (const one of asked.slice(0, 12)) {
      const { verdict, candidates, posture, decider } = explainer.explain(one);
      assert.deepEqual(verdict, evaluate(made.image, one));
      if (typeof decider === 'number')
        assert.ok(
          candidates.some(({ rule, isDecider }) => isDecider && rule.id === decider),
          JSON.stringify(one),
        );
      if (one.kind === 'read-write' || one.kind === 'rename' || one.kind === 'map-exec') continue; // several accesses in one, or none with a posture
      const first = candidates.find(({ rule }) => rule.action !== 'Audit');
      const isAudited = candidates.some(({ rule }) => rule.action === 'Audit');
      const open = first === undefined ? posture.value : 'none';
      const outcome = first?.rule.action === 'Block' || open === 'block' ? 'denied' : isAudited || open === 'audit' ? 'audited' : 'passed';
      assert.equal(verdict.outcome, outcome, JSON.stringify({ one, verdict, candidates, posture }));
    }
  });
  fc.assert(property, { numRuns: RUNS, endOnFailure: true });
});

const DEAD = new Set(['RULE_SHADOWED', 'RULE_DUPLICATE', 'RULE_MATCHES_NOTHING']);

test('a rule that lint calls shadowed decides nothing', () => {
  const property = fc.property(policies, accesses, (set, asked) => {
    const of = workloadOf({ file: 'audit', network: 'audit', capabilities: 'audit' });
    const made = compiled(set, of);
    const dead = new Set(lint(set).flatMap(({ code, policy, at }) => (DEAD.has(code) ? [`${set[policy]!.name} ${at}`] : [])));
    for (const one of asked.filter(isCovered)) {
      const winner = deciderOf(judge(made.image, one));
      if (typeof winner === 'number') {
        const { policy, field } = made.rules[winner]!;
        assert.ok(!dead.has(`${policy} ${field}`), `${policy} ${field} is called dead and decides ${JSON.stringify(one)}`);
      }
    }
  });
  fc.assert(property, { numRuns: RUNS, endOnFailure: true });
});

test('every change that diff tells is one, and no change of a sampled access is missed', () => {
  let cutShort = 0;
  const property = fc.property(policies, policies, workload, accesses, (before, after, of, asked) => {
    const found = diffFor({ before, after }, of);
    assert.ok(!('exceeded' in found));
    const [from, to] = [compiled(before, of), compiled(after, of)];
    const pairOf = (one: Access): string => `${sideOf(from, one)} -> ${sideOf(to, one)}`;
    const told = new Set(found.changes.map(({ witness }) => pairOf(witness)));
    for (const { witness, before: was, after: is } of found.changes) {
      assert.equal(wholeOf(from, witness).outcome, was.outcome);
      assert.equal(wholeOf(to, witness).outcome, is.outcome);
      assert.notEqual(was.outcome, is.outcome);
    }
    // more accesses than it tries, and it says so
    if (!found.isComplete) {
      cutShort++;
      return;
    }
    for (const one of asked.filter(isCovered)) {
      if (evaluate(from.image, one).outcome === evaluate(to.image, one).outcome) continue;
      if (wholeOf(from, one).outcome === wholeOf(to, one).outcome) continue;
      assert.ok(told.has(pairOf(one)), `missed ${pairOf(one)} for ${JSON.stringify(one)}`);
    }
  });
  fc.assert(property, { numRuns: RUNS, endOnFailure: true });
  assert.ok(cutShort * 10 < RUNS, `${cutShort} of ${RUNS} were cut short`);
});

interface Whole {
  readonly outcome: 'passed' | 'audited' | 'denied';
  readonly decider: Decider;
}

/** What becomes of an access, of a mapping with the read that is in it. */
function wholeOf(set: RuleSet, one: Access): Whole {
  const steps = one.kind === 'map-exec' ? [one, { ...one, kind: 'read' as const }] : [one];
  const judged = steps.map((step) => judge(set.image, step));
  const strict = (['denied', 'audited'] as const).flatMap((outcome) => judged.find(({ verdict }) => verdict.outcome === outcome) ?? []);
  const told = strict[0] ?? judged.findLast((each) => deciderOf(each) !== undefined) ?? judged[0]!;
  return { outcome: told.verdict.outcome, decider: deciderOf(told) };
}

function sideOf(set: RuleSet, one: Access): string {
  const { outcome, decider } = wholeOf(set, one);
  const rule = typeof decider === 'number' ? set.rules[decider] : undefined;
  return `${outcome} ${rule === undefined ? (decider ?? '') : `${rule.policy} ${rule.field}`}`;
}
