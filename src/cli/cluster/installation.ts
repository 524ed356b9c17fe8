// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { CORE, fieldOf, LABELS, listOf, NAMES, textOf } from '#cluster';
import type { KubeObject } from '#k8s';
import type { ClusterPort } from './cluster-port.ts';

/** A pod of ours. */
export interface ComponentPod {
  readonly name: string;
  readonly namespace: string;
  /** `kubearmor`, `kubearmor-relay` …: its label `kubearmor-app`. */
  readonly app: string;
  readonly node: string | undefined;
  readonly isReady: boolean;
  /** Containers by name with their images. */
  readonly containers: readonly { readonly name: string; readonly image: string }[];
  readonly object: KubeObject;
}

/**
 * The namespace of the installation: the one that is named, else `kubearmor`, else the only other one with its pods.
 *
 * Anybody may put our label on a pod of theirs, so what is found outside `kubearmor` is worth a word: see `isFound`.
 *
 * @throws {KubeArmorError} `NOT_SUPPORTED` where there is none, `USAGE` where there are several
 */
export async function findInstallation(
  { api }: Pick<ClusterPort, 'api'>,
  asked: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly namespace: string; readonly isFound: boolean }> {
  if (asked !== undefined && asked !== '') return { namespace: asked, isFound: false };
  const usual = await api.list(CORE.pods, { namespace: NAMES.namespace, labelSelector: LABELS.app, atMost: 1 }, signal);
  if (usual.length > 0) return { namespace: NAMES.namespace, isFound: false };
  const agents = await api.list(CORE.pods, { labelSelector: `${LABELS.app} in (kubearmor,kubearmor-relay)` }, signal);
  const [only, ...others] = new Set(agents.flatMap(({ metadata }) => metadata.namespace ?? []));
  if (only === undefined) {
    throw new KubeArmorError(
      'NOT_SUPPORTED',
      `looking for KubeArmor: no pod in any namespace has the label ${LABELS.app}: is it installed?`,
    );
  }
  if (others.length > 0) {
    throw new KubeArmorError(
      'USAGE',
      `pods with the label ${LABELS.app} are in ${[only, ...others].toSorted().join(', ')}: name the one that is meant`,
    );
  }
  return { namespace: only, isFound: true };
}

/** Pods of an installation, in order of their names. */
export async function componentPods(
  { api }: Pick<ClusterPort, 'api'>,
  namespace: string,
  signal: AbortSignal,
  app?: string,
): Promise<ComponentPod[]> {
  const labelSelector = app === undefined ? LABELS.app : `${LABELS.app}=${app}`;
  const pods = await api.list(CORE.pods, { namespace, labelSelector }, signal);
  return pods.map(componentPod).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function componentPod(object: KubeObject): ComponentPod {
  const { name, namespace = '', labels = {}, deletionTimestamp } = object.metadata;
  const conditions = listOf(object['status'], 'conditions');
  const ready = conditions.find((condition) => textOf(condition, 'type') === 'Ready');
  const containers = listOf(object['spec'], 'containers');
  return {
    name,
    namespace,
    app: labels[LABELS.app] ?? '',
    node: textOf(object['spec'], 'nodeName'),
    isReady: deletionTimestamp === undefined && fieldOf(ready, 'status') === 'True',
    containers: containers.map((one) => ({ name: textOf(one, 'name') ?? '', image: textOf(one, 'image') ?? '' })),
    object,
  };
}
