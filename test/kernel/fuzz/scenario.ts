// SPDX-License-Identifier: Apache-2.0
import { compile } from '#policy';
import type { PathResolver, Policy, Postures, RuleSet, Workload } from '#policy';
import type { KernelCase } from '../case.ts';
import { policiesOf, workloadOf } from '../rule-sets.ts';
import type { RootKind } from './universe.ts';

/** A process of the container and what it does: lines as a kernel case has them, without their results. */
export interface Program {
  readonly path: string;
  readonly uid: number;
  readonly steps: readonly string[];
}

/** One policy set with what is tried under it. Plain data: it is written to files, made smaller and played again. */
export interface Scenario {
  readonly root: RootKind;
  readonly audited: boolean;
  readonly postures: Postures;
  /** `spec`s of policies, by rule set: `! swap N` puts the N-th in force. */
  readonly sets: readonly (readonly object[])[];
  readonly programs: readonly Program[];
}

/** A rule set with the policies that it was made of. */
export interface Prepared {
  readonly policies: readonly Policy[];
  readonly ruleSet: RuleSet | undefined;
}

/** The scenario as the beginning of a kernel case; policies are JSON, which is YAML. */
export function caseOf(scenario: Scenario, name: string): Omit<KernelCase, 'run' | 'expect'> & { readonly policies: string[] } {
  const texts = scenario.sets.map((specs) => specs.map(specText));
  const { root, audited, postures: posture } = scenario;
  return {
    name,
    policies: texts[0] ?? [],
    ...(texts.length > 1 ? { swaps: texts.slice(1) } : {}),
    posture,
    ...(audited ? { mode: 'audited' as const } : {}),
    ...(root === 'overlay' ? { overlay: true } : {}),
    ...(root === 'merged-usr' ? { mergedUsr: true } : {}),
  };
}

/** Each key of a spec on a line of its own, as what stands below `spec`. */
const specText = (spec: object): string =>
  Object.entries(spec)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join('\n') || 'severity: 1';

export const workloadFor = (scenario: Scenario, name: string): Workload => workloadOf({ ...caseOf(scenario, name), run: '', expect: [] });

/**
 * Parses and compiles the sets of a scenario.
 *
 * @throws where one is refused: the generator makes something that nobody may write
 */
export function prepare(scenario: Scenario, workload: Workload, resolve: PathResolver): Prepared[] {
  const { policies: first, swaps = [] } = caseOf(scenario, workload.id);
  return [first, ...swaps].map((texts, index) => {
    const policies = policiesOf(texts, index === 0 ? 'p' : `s${index}p`);
    if (policies.length === 0) return { policies, ruleSet: undefined };
    const ruleSet = compile(policies, workload, resolve);
    if ('exceeded' in ruleSet) throw new Error(`beyond the limit of ${ruleSet.limit} ${ruleSet.exceeded}`);
    const [lacking] = ruleSet.notEnforced;
    if (lacking !== undefined) throw new Error(`not enforced: ${lacking.rule.field}: ${lacking.reason}`);
    return { policies, ruleSet };
  });
}
