// SPDX-License-Identifier: Apache-2.0
import type { Kind, KubeApi, KubeObject, ObjectRef, OwnerReference } from './api.ts';
import { recordOf, textOf } from './read-object.ts';

/** @source Kubernetes API reference, Lease v1 */
export const LEASES: Kind = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', namespaced: true };

export interface LeaseOptions {
  readonly ref: ObjectRef;
  /** Who holds it: unique among all that may. */
  readonly holder: string;
  /** How long it holds without being renewed, in seconds. */
  readonly durationS: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly fieldManager: string;
}

export interface LeaseRecord {
  /** Empty: nobody's. */
  readonly holder: string;
  readonly durationS: number;
  /** As written, by the clock of who wrote it: good for telling one renewal from the next, not for computing ages. */
  readonly renewTime: string;
  readonly transitions: number;
}

/** Reads a Lease's spec; what is missing or broken is as if nobody held it. */
export function readLease(lease: KubeObject): LeaseRecord {
  const spec = recordOf(lease, 'spec');
  const { leaseDurationSeconds: durationS, leaseTransitions: transitions } = spec;
  return {
    holder: textOf(spec, 'holderIdentity') ?? '',
    durationS: typeof durationS === 'number' && durationS > 0 ? durationS : 0,
    renewTime: textOf(spec, 'renewTime') ?? '',
    transitions: typeof transitions === 'number' ? transitions : 0,
  };
}

/**
 * Renews a Lease that is this holder's alone, such as a heartbeat; makes it where it is not there. One write, whoever held it.
 *
 * @throws {KubeArmorError} as `KubeApi.apply`
 */
export async function renewLease(api: KubeApi, options: LeaseOptions, signal?: AbortSignal): Promise<void> {
  const spec = { holderIdentity: options.holder, leaseDurationSeconds: options.durationS, renewTime: microTime(Date.now()) };
  await api.apply(LEASES, leaseObject(options, spec), { fieldManager: options.fieldManager, ...(signal === undefined ? {} : { signal }) });
}

/** A Lease as it is written. */
export function leaseObject({ ref, labels, ownerReferences }: LeaseOptions, spec: Readonly<Record<string, unknown>>): KubeObject {
  const { name, namespace } = ref;
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
  };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
}

/** RFC 3339 with the six digits that MicroTime wants. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
