// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { KubeArmorError } from '#base';
import { POLICY_KINDS, policyStatus, readConditions } from '#cluster';
import type { PolicyStatus } from '#cluster';
import type { KubeApi } from '#k8s';
import { isMap } from '#policy';
import type { ClusterState } from './cluster-state.ts';

/** Who writes, in managed fields. */
export const FIELD_MANAGER = 'kubearmor-controller';

/** Between two writes of one status that differ in numbers only, such as those of pods that come and go. */
export const COUNTS_EVERY_MS = 10_000;

interface Parts {
  readonly api: KubeApi;
  readonly state: ClusterState;
  readonly steadyMs: () => number;
  readonly now: () => Date;
  readonly onWritten: () => void;
}

/** Brings statuses of policies to what is known; it writes only where something differs. */
export class StatusWriter {
  readonly #parts: Parts;
  readonly #writtenMs = new Map<string, number>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * @returns in how many milliseconds to come again; undefined: when something changes
   * @throws {KubeArmorError} as `KubeApi.patch`, but for conflicts: what came between is told by the watch
   */
  async write(ref: string, signal: AbortSignal): Promise<number | undefined> {
    const { state, steadyMs, now } = this.#parts;
    const policy = state.policy(ref);
    const known = state.stateOf(ref, steadyMs());
    if (policy === undefined) this.#writtenMs.delete(ref);
    if (policy === undefined || known === undefined) return undefined;
    const status = policyStatus(
      known,
      readConditions(policy.status),
      now()
        .toISOString()
        .replace(/\.\d+Z$/, 'Z'),
    );
    if (isDeepStrictEqual(plain(status), policy.status)) return undefined;
    const waitMs = (this.#writtenMs.get(ref) ?? Number.NEGATIVE_INFINITY) + COUNTS_EVERY_MS - steadyMs();
    if (waitMs > 0 && saysTheSame(status, policy.status)) return waitMs;
    const { uid, resourceVersion } = policy;
    try {
      const body = { metadata: { uid, resourceVersion }, status };
      const options = { fieldManager: FIELD_MANAGER, subresource: 'status', signal } as const;
      state.putPolicy(policy.kind, await this.#parts.api.patch(POLICY_KINDS[policy.kind], policy.ref, body, options));
    } catch (error) {
      if (error instanceof KubeArmorError && error.code === 'API_CONFLICT') return undefined;
      throw error;
    }
    this.#writtenMs.set(ref, steadyMs());
    this.#parts.onWritten();
    return undefined;
  }
}

/** As it comes back from the server. */
const plain = (status: PolicyStatus): unknown => JSON.parse(JSON.stringify(status));

/** Whether only numbers and texts differ. */
function saysTheSame(status: PolicyStatus, written: unknown): boolean {
  if (!isMap(written) || written['observedGeneration'] !== status.observedGeneration) return false;
  const essence = ({ conditions }: Pick<PolicyStatus, 'conditions'>): unknown =>
    conditions.map(({ type, status: is, reason, observedGeneration }) => [type, is, reason, observedGeneration]);
  return isDeepStrictEqual(essence(status), essence(readConditions(written)));
}
