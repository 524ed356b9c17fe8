// SPDX-License-Identifier: Apache-2.0
import { ANNOTATIONS, textsOf } from '#cluster';
import type { KubeObject } from '#k8s';
import type { ComponentPod } from './installation.ts';
import type { LivePolicy } from './live-policies.ts';
import type { NodeState } from './node-states.ts';
import type { ClusterReport } from './probe-cluster.ts';
import type { PodMatch } from './pod-match.ts';

/** For programs. */
export function clusterJson({ verdict, reasons, server, namespace, components, nodes, policies }: ClusterReport): object {
  return {
    schemaVersion: 1,
    verdict,
    reasons,
    cluster: { server, namespace: namespace ?? null },
    components: components.map(({ name, app, node, isReady, containers }) => ({ name, app, node, ready: isReady, containers })),
    nodes: nodes.map(nodeJson),
    policies: policies.map(policyJson),
  };
}

function nodeJson({ name, report, wordAgeSeconds, isFresh, isSchedulable }: NodeState): object {
  if (report === undefined) return { name, state: 'no agent', schedulable: isSchedulable };
  const { policies: _, ...facts } = report;
  return { name, ...facts, state: isFresh ? report.state : 'silent', lastWordSeconds: wordAgeSeconds, schedulable: isSchedulable };
}

/** One policy, for programs; `why` is absent where it is enforced. */
export function policyJson(policy: LivePolicy): object {
  const { ref, kind, namespace, name, generation, effect, why, conditions, workloads, nodes, enforcedNodes, nodeReasons, changed } = policy;
  const told = why === '' ? {} : { why };
  const counts = { workloads, nodes, enforcedNodes };
  return { policy: ref, kind, namespace, name, generation, effect, ...told, ...counts, conditions, nodeReasons, changed: changed ?? null };
}

interface ProbeFacts {
  readonly report: ClusterReport;
  /** Of pods that policies select. */
  readonly matches: readonly PodMatch[];
  readonly namespaces: readonly KubeObject[];
}

/**
 * What `karmor probe --format json` of KubeArmor prints, in its own field names; numbers are texts there.
 *
 * @source reference: KubeArmor's command line, section 1.4
 */
export function kubeArmorProbeJson({ report, matches, namespaces }: ProbeFacts): object {
  const { components, nodes } = report;
  const agents = components.filter(({ app }) => app === 'kubearmor');
  const ready = String(agents.filter(({ isReady }) => isReady).length);
  const deployments = Map.groupBy(
    components.filter(({ app }) => app !== 'kubearmor'),
    ({ app }) => app,
  );
  return {
    'Probe Data': {
      DaemonsetStatus: { desired: String(agents.length), ready, available: ready },
      Deployments: Object.fromEntries([...deployments].map(([app, pods]) => [app, deploymentJson(pods)])),
      Containers: Object.fromEntries(
        components.map(({ name, containers }) => [name, { running: String(containers.length), image_version: containers[0]?.image ?? '' }]),
      ),
      Nodes: Object.fromEntries(
        nodes.filter(({ report: known }) => known !== undefined).map((node, i) => [`Node${i + 1}`, kubeArmorNode(node)]),
      ),
      ArmoredPods: { Namespaces: armoredPods(matches, namespaces) },
    },
  };
}

function deploymentJson(pods: readonly ComponentPod[]): object {
  const ready = String(pods.filter(({ isReady }) => isReady).length);
  return { desired: String(pods.length), ready, available: ready };
}

function kubeArmorNode({ name, report, info, isFresh }: NodeState): object {
  const isEnforcing = isFresh && report !== undefined && report.enforcer !== '';
  return {
    NodeName: name,
    OSImage: report?.osImage ?? info.osImage,
    KernelVersion: report?.kernel ?? info.kernel,
    KubeletVersion: info.kubelet,
    ContainerRuntime: report?.runtime ?? info.runtime,
    ActiveLSM: report?.enforcer ?? '',
    KernelHeaderPresent: true,
    HostSecurity: isEnforcing,
    ContainerSecurity: isEnforcing,
  };
}

function armoredPods(matches: readonly PodMatch[], namespaces: readonly KubeObject[]): object {
  const annotations = new Map(namespaces.map(({ metadata }) => [metadata.name, textsOf(metadata.annotations)]));
  const byNamespace = Map.groupBy(matches, ({ namespace }) => namespace);
  return Object.fromEntries(
    [...byNamespace].map(([namespace, pods]) => {
      const of = annotations.get(namespace) ?? {};
      const visible = (of[ANNOTATIONS.visibility] ?? 'process,network').split(',').map((word) => word.trim());
      return [
        namespace,
        {
          default_posture: {
            FileAction: of[ANNOTATIONS.filePosture] ?? 'audit',
            NetworkAction: of[ANNOTATIONS.networkPosture] ?? 'audit',
            CapabilitiesAction: of[ANNOTATIONS.capabilitiesPosture] ?? 'audit',
          },
          visibility: Object.fromEntries(['file', 'capabilities', 'process', 'network'].map((scope) => [scope, visible.includes(scope)])),
          pod_list: pods.map(({ pod, policies }) => ({ pod_name: pod, policy: policies.join('\n') })),
        },
      ];
    }),
  );
}
