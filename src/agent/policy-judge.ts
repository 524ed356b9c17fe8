// SPDX-License-Identifier: Apache-2.0
import { ANY_WORKLOAD, asWritten, compile, isPlain, notEnforcedOf } from '#policy';
import type { CompileExceeded, NotEnforced, Policy, PolicyKind } from '#policy';
import type { PolicyId } from './policy-identity.ts';
import type { WorkloadStatus } from './protector.ts';

/** One policy and what became of it. */
export interface PolicyStatus {
  readonly id: PolicyId;
  readonly path: string;
  /** The names of the workloads under its rules. */
  readonly workloads: readonly string[];
  /** Rules that this node cannot enforce, with the reason. */
  readonly notEnforced: readonly { readonly field: string; readonly reason: string }[];
  /** Why it is not in force although it was taken. */
  readonly problem: string | undefined;
}

/** Says of a policy by itself what this node makes of it. */
export class PolicyJudge {
  readonly #kinds: ReadonlySet<PolicyKind>;
  readonly #alone = new WeakMap<Policy, readonly NotEnforced[] | CompileExceeded>();

  /** @param kinds those that are switched on */
  constructor(kinds: ReadonlySet<PolicyKind>) {
    this.#kinds = kinds;
  }

  isOn({ kind }: Policy): boolean {
    return this.#kinds.has(kind);
  }

  /** Why a policy cannot be taken whatever else is there. */
  beyondLimit(policy: Policy): string | undefined {
    const alone = this.#compiledAlone(policy);
    return 'exceeded' in alone ? `it has more than ${alone.limit} ${alone.exceeded}` : undefined;
  }

  /** Rules that this node cannot enforce, also of a policy that selects nobody yet. */
  notEnforced(policy: Policy): readonly NotEnforced[] {
    const alone = this.#compiledAlone(policy);
    return 'exceeded' in alone ? [] : alone;
  }

  /** Why a policy that was taken is not in force. */
  whyIdle({ kind, selector }: Policy): string | undefined {
    if (!this.#kinds.has(kind)) return `policies of kind ${kind} are switched off`;
    return selector.target === 'node' && kind !== 'KubeArmorHostPolicy' ? 'network policies for nodes are not enforced yet' : undefined;
  }

  /** Of all policies. Workloads are looked at once, not once a policy: a node of a cluster has all policies of it. */
  statuses(all: readonly { readonly policy: Policy; readonly path: string }[], guarded: readonly WorkloadStatus[]): PolicyStatus[] {
    const byPolicy = new Map<Policy, WorkloadStatus[]>(all.map(({ policy }) => [policy, []]));
    for (const status of guarded) for (const policy of status.policies) byPolicy.get(policy)?.push(status);
    return all.map(({ policy, path }) => this.#statusOf(policy, path, byPolicy.get(policy) ?? []));
  }

  #statusOf(policy: Policy, path: string, mine: readonly WorkloadStatus[]): PolicyStatus {
    return {
      id: { kind: policy.kind, namespace: policy.namespace, name: policy.name },
      path,
      workloads: mine.map(({ workload }) => workload.containerName || workload.id),
      notEnforced: this.notEnforced(policy).map(({ rule, reason }) => ({ field: rule.field, reason })),
      problem: this.whyIdle(policy),
    };
  }

  /** An agent hears of every policy of its cluster: those that cannot exceed anything are not compiled for that. */
  #compiledAlone(policy: Policy): readonly NotEnforced[] | CompileExceeded {
    const known = this.#alone.get(policy);
    if (known !== undefined) return known;
    const kept = isPlain(policy) ? notEnforcedOf(policy) : compiledAlone(policy);
    this.#alone.set(policy, kept);
    return kept;
  }
}

function compiledAlone(policy: Policy): readonly NotEnforced[] | CompileExceeded {
  const compiled = compile([policy], ANY_WORKLOAD, asWritten);
  return 'exceeded' in compiled ? compiled : compiled.notEnforced;
}
