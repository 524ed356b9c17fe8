// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runInThisContext } from 'node:vm';
import fc from 'fast-check';
import { parseRun } from '../case.ts';
import type { KernelCase } from '../case.ts';
import { MUTATIONS } from '../mutations.ts';
import { policiesOf } from '../rule-sets.ts';
import { asCase } from './as-case.ts';
import { scenario } from './arbitraries.ts';
import { Fuzzer } from './fuzzer.ts';
import { keepPlans, readPlans } from './plan.ts';
import { shrink } from './shrink.ts';

const SETS = 25;
const asRoot = { skip: process.getuid?.() === 0 ? false : 'makes files of other users: needs root' };

test('random policy sets: evaluator and naive model say the same, and plans are read as they were kept', asRoot, async (t) => {
  using fuzzer = new Fuzzer(undefined);
  const plans = fc.sample(scenario, SETS).map((one) => fuzzer.plan(one));
  assert.equal(await fuzzer.batch(plans), undefined);
  const path = join(tmpdir(), `plans-${process.pid}`);
  t.after(() => rmSync(path, { force: true }));
  keepPlans(path, plans);
  const images = (list: typeof plans): unknown => list.map(({ prepared }) => prepared.map(({ ruleSet }) => ruleSet?.image));
  const again = readPlans(path);
  assert.deepEqual(images(again), images(plans));
  assert.deepEqual(
    again.map(({ prediction }) => prediction),
    plans.map(({ prediction }) => prediction),
  );
});

test('every scenario can be written as a kernel case', asRoot, async () => {
  using fuzzer = new Fuzzer(undefined);
  for (const one of fc.sample(scenario, SETS)) {
    const { played } = await fuzzer.judge(one);
    assert.ok(played);
    const text = asCase(played, ['a difference']);
    const [kernelCase] = runInThisContext(`[${text}]`) as KernelCase[];
    assert.ok(kernelCase);
    assert.deepEqual(
      parseRun(kernelCase.run).map(({ program, steps }) => [program, steps.filter(({ kind }) => kind === 'operation').length]),
      played.prediction.programs.map(({ program, steps }) => [
        program.path,
        steps.filter(({ text: step }) => !step.startsWith('! ')).length,
      ]),
    );
    assert.equal(policiesOf(kernelCase.policies, 'p').length, one.sets[0]!.length);
    assert.equal(kernelCase.swaps?.length ?? 0, one.sets.length - 1);
  }
});

test('a failure is made as small as it can be', async () => {
  const [big] = fc.sample(
    scenario.filter(({ programs }) => programs.some(({ steps }) => steps.some((step) => step.startsWith('run ')))),
    1,
  );
  const runs = (one: typeof big): boolean => one!.programs.some(({ steps }) => steps.some((step) => step.startsWith('run ')));
  const small = await shrink(big!, (one) => Promise.resolve(runs(one)), 10_000);
  assert.deepEqual(
    small.programs.map(({ steps }) => steps.length),
    [1],
  );
  assert.deepEqual([small.sets, small.root, small.audited], [[[]], 'plain', false]);
});

test('five mutations each of matcher, compiler and evaluator are for the fuzzer', () => {
  for (const part of ['matcher', 'compiler', 'evaluator'] as const)
    assert.equal(MUTATIONS.filter((mutation) => mutation.part === part && mutation.foundBy === 'fuzzer').length, 5, part);
});
