// SPDX-License-Identifier: Apache-2.0
import type { PathResolver } from '../lower.ts';
import type { Family, Policy, Posture, Rule } from '../model.ts';

/** A rule and whose it is. */
export interface Named {
  readonly policy: Policy;
  readonly rule: Rule;
}

/** What stands around an access besides its rules. */
export interface World {
  readonly resolve: PathResolver;
  /** The posture of a family, undefined without Allow rules. */
  posture(family: Family): Posture | undefined;
  /** Whether the name within the superblock is looked at: only while there are Block rules by path. */
  readonly secondName: boolean;
}

/** An outcome and the rules that may be named for it: at equal rank any of them. */
export interface Decision {
  readonly outcome: 'passed' | 'audited' | 'denied';
  readonly rules?: readonly string[] | undefined;
}

/** A rule by what does not depend on how rules are numbered. */
export function ruleKey(policy: Pick<Policy, 'kind' | 'namespace' | 'name'>, rule: { readonly field: string }): string {
  return `${policy.kind}/${policy.namespace}/${policy.name}:${rule.field}`;
}
