// SPDX-License-Identifier: Apache-2.0
import type { Action, Family, PolicyKind } from './model.ts';

/**
 * What a rule id of an image stands for: enough to explain an event without a second match.
 *
 * Ids are indexes into the `rules` of the compiled image whose id the event carries.
 */
export interface RuleInfo {
  readonly id: number;
  readonly kind: PolicyKind;
  readonly namespace: string;
  readonly policy: string;
  /** Field path in the policy, e.g. `spec.process.matchPaths[0]`. */
  readonly field: string;
  readonly family: Family;
  readonly action: Action;
  readonly severity: number;
  readonly tags: readonly string[];
  readonly message: string;
}
