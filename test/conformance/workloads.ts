// SPDX-License-Identifier: Apache-2.0
import type { Visibility } from '#enforce';
import type { Postures, Workload } from '#policy';
import { describeWorkload, hostWorkload } from '#workloads';
import { CONTAINER_NAMESPACE } from '../../src/agent/policy-identity.ts';
import type { CaseWorkload, ConformanceCase } from './format.ts';

/** What stands in an agent's configuration or ConfigMap. */
export interface GlobalConfig {
  readonly postures: Postures;
  readonly visibility: ReadonlySet<string>;
  readonly dropProcessResource: boolean;
}

const every = (posture: Postures['file']): Postures => ({ file: posture, network: posture, capabilities: posture });
const ALL = new Set(['process', 'file', 'network', 'capabilities']);
const SEEN_ALL = { visibility: ALL, dropProcessResource: false };

/** How the agent is set up before a case begins (the format's README, section 3). */
const BASELINES: Readonly<Record<string, GlobalConfig>> = {
  'ci-k8s': { ...SEEN_ALL, postures: every('block') },
  'ci-systemd': { ...SEEN_ALL, postures: every('audit') },
  'legacy-script': { ...SEEN_ALL, postures: every('block') },
  none: { ...SEEN_ALL, postures: every('audit') },
};
const TEST_DEFAULT: GlobalConfig = { postures: every('audit'), visibility: new Set(), dropProcessResource: false };

export function baselineOf({ baseline, preconditions, posture: meant }: ConformanceCase): GlobalConfig {
  const name = baseline ?? preconditions?.baseline ?? 'none';
  const config = BASELINES[name];
  if (config === undefined) throw new Error(`no baseline is called ${name}`);
  return meant === undefined ? config : { ...config, postures: every(meant) };
}

const wordsOf = (list: string): Set<string> => new Set(list.split(',').map((word) => word.trim()));
function visibilityFrom(list: string): ReadonlySet<string> {
  const words = wordsOf(list);
  return words.has('none') || list === '' ? new Set() : words;
}

function posture(text: string | undefined, otherwise: Postures['file']): Postures['file'] {
  if (text === undefined) return otherwise;
  if (text !== 'audit' && text !== 'block') throw new Error(`no posture is called ${text}`);
  return text;
}

/** Values of the ConfigMap, over the defaults that the cases start from; those of other features are left to missing.ts. */
export function configOf(changes: Readonly<Record<string, string>>): GlobalConfig {
  const { Visibility: seen = 'none', DropResourceFromProcessLogs: drop = 'false' } = changes;
  const { file, network, capabilities } = TEST_DEFAULT.postures;
  return {
    postures: {
      file: posture(changes['DefaultFilePosture'], file),
      network: posture(changes['DefaultNetworkPosture'], network),
      capabilities: posture(changes['DefaultCapabilitiesPosture'], capabilities),
    },
    visibility: visibilityFrom(seen),
    dropProcessResource: drop === 'true',
  };
}

type Annotations = Readonly<Record<string, string>>;

/** A namespace's annotations come before the configuration, each for itself. */
export function posturesOf(annotations: Annotations, { postures }: GlobalConfig): Postures {
  return {
    file: posture(annotations['kubearmor-file-posture'], postures.file),
    network: posture(annotations['kubearmor-network-posture'], postures.network),
    capabilities: posture(annotations['kubearmor-capabilities-posture'], postures.capabilities),
  };
}

export function visibilityOf(annotations: Annotations, { visibility }: GlobalConfig): Visibility {
  const own = annotations['kubearmor-visibility'];
  const seen = own === undefined ? visibility : visibilityFrom(own);
  return { process: seen.has('process'), file: seen.has('file'), network: seen.has('network') };
}

/** Whom a step is about: one container of a pod, or the host. */
export interface Place {
  readonly pod: CaseWorkload;
  /** Empty for the host. */
  readonly container: string;
}

/** KubeArmor's cases name the host as a workload without containers, and sometimes do not list it. */
export const HOST: CaseWorkload = { name: 'host', containers: [], fs_family: 'host', labels: {} };
export const isHost = ({ containers = [] }: CaseWorkload): boolean => containers.length === 0;

/** Namespace of a workload: outside Kubernetes every container is in one. */
export const namespaceOf = ({ namespace }: CaseWorkload, env: string): string =>
  env === 'k8s' ? (namespace ?? 'default') : CONTAINER_NAMESPACE;

/** The host's postures are settings of their own, which no case changes. */
const HOST_POSTURES = every('audit');

/** As the agent would name it: a container, made from what Kubernetes or the runtime says of it; or the host. */
export function describePlace(id: string, { pod, container }: Place, env: string, postures: Postures): Workload {
  const labels = pod.labels ?? {};
  if (isHost(pod)) {
    const own = Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== '*'));
    return hostWorkload(own['kubernetes.io/hostname'] ?? pod.name, own, HOST_POSTURES);
  }
  const podName = env === 'k8s' ? pod.name : container;
  const identity = {
    runtimeNamespace: 'k8s.io',
    namespace: namespaceOf(pod, env),
    podName,
    containerName: container,
    image: pod.image ?? '',
    labels,
    isSandbox: false,
    isPod: env === 'k8s',
    policyAnnotation: undefined,
  };
  return describeWorkload(id, identity, { posturesOf: () => postures });
}
