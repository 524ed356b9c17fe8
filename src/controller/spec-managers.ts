// SPDX-License-Identifier: Apache-2.0
import { policyRef } from '#cluster';
import type { KubeObject } from '#k8s';
import type { PolicyKind } from '#policy';

/** A policy's specification was written by somebody else than before. */
export interface ManagerChange {
  readonly kind: PolicyKind;
  readonly object: KubeObject;
  readonly before: string;
  readonly now: string;
}

interface Written {
  readonly uid: string;
  readonly generation: number;
  /** Who wrote last; several where their times are the same second. */
  readonly by: readonly string[];
}

/**
 * Remembers who wrote each policy's specification: what GitOps applied, and somebody edits by hand, is worth a word.
 *
 * From the managed fields, which have times of whole seconds: of two who wrote in one second either may have been last, and a change
 * is told only where neither was before.
 */
export class SpecManagers {
  readonly #known = new Map<string, Written>();

  note(kind: PolicyKind, object: KubeObject): ManagerChange | undefined {
    const { name, namespace = '', uid = '', generation = 0 } = object.metadata;
    const ref = policyRef({ kind, namespace, name });
    const before = this.#known.get(ref);
    if (before?.uid === uid && before.generation === generation) return undefined;
    const by = lastWriters(object);
    this.#known.set(ref, { uid, generation, by });
    if (before?.uid !== uid || by.length === 0 || before.by.length === 0 || by.some((one) => before.by.includes(one))) return undefined;
    return { kind, object, before: before.by.join(' or '), now: by.join(' or ') };
  }

  forget(ref: string): void {
    this.#known.delete(ref);
  }
}

function lastWriters({ metadata }: KubeObject): readonly string[] {
  const entries = (Array.isArray(metadata.managedFields) ? metadata.managedFields : []).filter(
    ({ subresource }) => (subresource ?? '') === '',
  );
  const times = entries.map(({ time }) => Date.parse(time ?? '')).filter((time) => !Number.isNaN(time));
  const last = Math.max(...times);
  return [...new Set(entries.flatMap(({ manager, time }) => (manager !== undefined && Date.parse(time ?? '') === last ? [manager] : [])))];
}
