// SPDX-License-Identifier: Apache-2.0
import type { PolicyKind } from '#policy';
import { POLICY_KINDS } from './kinds.ts';

/** The key of a policy in a node's report: `ksp/shop/no-shell`, `csp/no-miners`. */
export function policyRef({
  kind,
  namespace,
  name,
}: {
  readonly kind: PolicyKind;
  readonly namespace: string;
  readonly name: string;
}): string {
  const { short, namespaced } = POLICY_KINDS[kind];
  return namespaced ? `${short}/${namespace}/${name}` : `${short}/${name}`;
}
