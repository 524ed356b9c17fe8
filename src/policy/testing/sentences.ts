// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Access, PathAccess } from '../access.ts';
import { asWritten, compile } from '../compile.ts';
import { evaluate } from '../evaluate.ts';
import type { PathResolver } from '../lower.ts';
import { parsePolicyText } from '../parse.ts';
import { workloadOf } from './arbitraries.ts';

/** Every posture is audit. */
const AUDIT = workloadOf({ file: 'audit', network: 'audit', capabilities: 'audit' });
/** Every posture is block. */
export const BLOCK = workloadOf({ file: 'block', network: 'block', capabilities: 'block' });

interface Options {
  readonly workload?: typeof AUDIT;
  readonly resolve?: PathResolver;
}

/** Says `denied by <field>` and the like of accesses under one spec, written as YAML flow. */
function judge(spec: string, { workload = AUDIT, resolve = asWritten }: Options = {}): (access: Access) => string {
  const text = `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: p}\nspec: {${spec}}\n`;
  const [document] = parsePolicyText(text);
  assert.ok(document?.policy, JSON.stringify(document?.issues));
  const made = compile([document.policy], workload, resolve);
  assert.ok(!('exceeded' in made));
  return (access) => {
    const verdict = evaluate(made.image, access);
    if (verdict.outcome === 'passed') return 'passed';
    const by = verdict.rule === undefined ? 'posture' : made.rules[verdict.rule]!.field.replace(/^spec\./, '');
    return `${verdict.outcome} by ${by}`;
  };
}

type Extra = Partial<Pick<PathAccess, 'owner' | 'subject' | 'applet'>> & Partial<Omit<PathAccess['object'], 'path'>>;

/** An access to a path by `/bin/task`, not the owner, unless said otherwise. */
export function on(kind: PathAccess['kind'], path: string, extra: Extra = {}): PathAccess {
  const { owner = false, subject = '/bin/task', applet, state, superblockPath } = extra;
  const access = { kind, object: { path, state, superblockPath }, owner, applet };
  return 'subject' in extra ? { ...access, subject: extra.subject } : { ...access, subject };
}

/** One sentence: a spec, and accesses with what they get. */
export interface Sentence extends Options {
  readonly says: string;
  readonly spec: string;
  readonly gets: readonly (readonly [Access, string])[];
}

/** One test a sentence. */
export function check(sentences: readonly Sentence[]): void {
  for (const { says, spec, gets, ...options } of sentences) {
    void test(says, () => {
      const verdict = judge(spec, options);
      for (const [access, wanted] of gets) assert.equal(verdict(access), wanted, JSON.stringify(access));
    });
  }
}
