// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '#k8s';
import { isMap } from '#policy';

/** How far a DaemonSet or Deployment is. */
export interface Rollout {
  readonly wanted: number;
  /** Up to date and ready. */
  readonly ready: number;
  readonly isDone: boolean;
}

const countsOf = (value: unknown): ((field: string) => number) => {
  const map: Readonly<Record<string, unknown>> = isMap(value) ? value : {};
  return (field) => {
    const count = Object.hasOwn(map, field) ? map[field] : undefined;
    return typeof count === 'number' && count >= 0 ? count : 0;
  };
};

/** Reads the status of a workload; one whose controller has not looked at it yet is not done. */
export function rolloutOf(workload: KubeObject): Rollout {
  const status = countsOf(workload['status']);
  const isSeen = status('observedGeneration') >= (workload.metadata.generation ?? 1);
  if (workload.kind === 'DaemonSet') {
    const [wanted, current] = [status('desiredNumberScheduled'), status('updatedNumberScheduled')];
    const ready = Math.min(status('numberReady'), current);
    return { wanted, ready, isDone: isSeen && ready >= wanted };
  }
  const wanted = countsOf(workload['spec'])('replicas');
  const ready = Math.min(status('readyReplicas'), status('updatedReplicas'));
  return { wanted, ready, isDone: isSeen && ready >= wanted };
}
