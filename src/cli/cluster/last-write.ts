// SPDX-License-Identifier: Apache-2.0
import { boundedText } from '#cluster';
import type { KubeObject } from '#k8s';

/** Who changed what is asked of an object (not its status) last. */
export interface LastWrite {
  /** Field managers, as `kubectl-client-side-apply`; several where they wrote in one second. */
  readonly by: string;
  /** RFC 3339, whole seconds. */
  readonly at: string;
}

/** From managed fields; undefined where the server sent none. */
export function lastWrite({ metadata }: KubeObject): LastWrite | undefined {
  const writes = (metadata.managedFields ?? []).flatMap(({ manager, time, subresource }) =>
    manager === undefined || time === undefined || (subresource ?? '') !== '' || Number.isNaN(Date.parse(time)) ? [] : [{ manager, time }],
  );
  const at = writes.map(({ time }) => time).toSorted((a, b) => Date.parse(b) - Date.parse(a))[0];
  if (at === undefined) return undefined;
  const by = new Set(writes.filter(({ time }) => Date.parse(time) === Date.parse(at)).map(({ manager }) => boundedText(manager, 128)));
  return { by: [...by].join(' or '), at };
}

/** `by kubectl at 2026-11-22T12:00:00Z`; empty where nobody knows. */
export const lastWriteText = (write: LastWrite | undefined): string => (write === undefined ? '' : `by ${write.by} at ${write.at}`);
