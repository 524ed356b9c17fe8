// SPDX-License-Identifier: Apache-2.0
import { NAMES } from '#cluster';
import type { Toleration } from '#cluster';
import type { KubeObject } from '#k8s';
import { accountObjects, ACCOUNTS } from './access.ts';
import { CONFINED, deployment, namespaceVariable } from './deployments.ts';
import { PROBE_TIMEOUT_S, startupProbe } from './installation.ts';
import type { Images } from './installation.ts';
import { OPERATOR_CLUSTER_RULES, operatorNamespaceRules } from './operator-access.ts';

/** The operator, as whoever installs it wants it. */
export interface OperatorInstallation {
  readonly namespace: string;
  readonly images: Images;
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  readonly imagePullSecrets?: readonly string[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly Toleration[];
  readonly args?: readonly string[];
  /** Absolute path of the runtime's socket on every node. */
  readonly socket?: string;
}

/** Environment variables by which the operator is told its images; KubeArmor's names. */
export const IMAGE_VARIABLES: Readonly<Record<'agent' | 'relay' | 'controller', string>> = {
  agent: 'RELATED_IMAGE_KUBEARMOR',
  relay: 'RELATED_IMAGE_KUBEARMOR_RELAY_SERVER',
  controller: 'RELATED_IMAGE_KUBEARMOR_CONTROLLER',
};

/**
 * What brings the operator into a cluster, in the order of applying: account, roles, Deployment. Namespace and definitions come before, a
 * KubeArmorConfig after; they are not here because a package manager may have its own way with them.
 */
export function operatorObjects(wanted: OperatorInstallation): KubeObject[] {
  const { namespace, images, socket } = wanted;
  const by = 'kubearmor-installer';
  const account = {
    name: NAMES.operator,
    clusterRole: 'kubearmor-operator-clusterrole',
    clusterRules: [...OPERATOR_CLUSTER_RULES, ...ACCOUNTS.flatMap(({ clusterRules }) => clusterRules)],
    namespaceRules: [...operatorNamespaceRules(socket), ...ACCOUNTS.flatMap(({ namespaceRules }) => namespaceRules)],
  };
  return [
    ...accountObjects(account, namespace, by),
    deployment({
      name: NAMES.operator,
      namespace,
      by,
      replicas: 1,
      // One at a time: two versions would undo each other's work. Not Recreate: a server-side apply cannot make that of KubeArmor's
      // Deployment of this name, which has the other type's defaults.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      pod: operatorPod(wanted),
      container: {
        name: NAMES.operator,
        image: images.operator,
        imagePullPolicy: wanted.imagePullPolicy ?? 'IfNotPresent',
        args: [...(socket === undefined ? [] : [`-socket-file=${socket}`]), ...(wanted.args ?? [])],
        env: [
          namespaceVariable,
          ...(Object.keys(IMAGE_VARIABLES) as (keyof typeof IMAGE_VARIABLES)[]).map((name) => ({
            name: IMAGE_VARIABLES[name],
            value: images[name],
          })),
        ],
        startupProbe: startupProbe({ httpGet: { path: '/healthz', port: 'health' } }),
        livenessProbe: { httpGet: { path: '/healthz', port: 'health' }, periodSeconds: 20, timeoutSeconds: PROBE_TIMEOUT_S },
        readinessProbe: { httpGet: { path: '/readyz', port: 'health' }, periodSeconds: 5, timeoutSeconds: PROBE_TIMEOUT_S },
        ports: [{ name: 'health', containerPort: 8081, protocol: 'TCP' }],
        resources: { requests: { cpu: '10m', memory: '96Mi' } },
        securityContext: CONFINED.container,
      },
    }),
  ];
}

function operatorPod({ nodeSelector = {}, tolerations = [], imagePullSecrets = [] }: OperatorInstallation): object {
  return {
    nodeSelector: { 'kubernetes.io/os': 'linux', ...nodeSelector },
    ...(tolerations.length === 0 ? {} : { tolerations }),
    ...(imagePullSecrets.length === 0 ? {} : { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) }),
  };
}
