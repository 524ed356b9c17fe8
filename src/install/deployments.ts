// SPDX-License-Identifier: Apache-2.0
import { NAMES } from '#cluster';
import type { KubeObject } from '#k8s';
import { agentTolerations, componentOf, imageFields, placement, PROBE_TIMEOUT_S, startupProbe } from './installation.ts';
import type { Installation } from './installation.ts';
import { KINDS } from './kinds.ts';
import { labelsOf, objectOf, podLabels } from './object.ts';
import type { InstalledBy } from './object.ts';
import { tlsVolume } from './tls-volume.ts';

/** The user of the images that need no root. */
const NOBODY = 65_532;

/** For programs that touch nothing of their node. */
export const CONFINED = {
  pod: { runAsNonRoot: true, runAsUser: NOBODY, runAsGroup: NOBODY, fsGroup: NOBODY, seccompProfile: { type: 'RuntimeDefault' } },
  container: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
} as const;

export const namespaceVariable = {
  name: 'KUBEARMOR_NAMESPACE',
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
} as const;

export interface DeploymentRow {
  readonly name: string;
  readonly namespace: string;
  readonly by: InstalledBy;
  readonly replicas: number;
  readonly pod: object;
  readonly container: object;
  /** Where the default, some more while they are replaced, would be wrong. */
  readonly strategy?: object;
}

/** A Deployment whose selector is KubeArmor's: selectors cannot be changed, so its Deployments of that name are taken over as they are. */
export function deployment({ name, namespace, by, replicas, pod, container, strategy }: DeploymentRow): KubeObject {
  return objectOf(
    KINDS.deployments,
    { name, namespace, labels: labelsOf(by, name) },
    {
      spec: {
        replicas,
        selector: { matchLabels: { 'kubearmor-app': name } },
        ...(strategy === undefined ? {} : { strategy }),
        template: {
          metadata: { labels: podLabels(by, name) },
          spec: { serviceAccountName: name, securityContext: CONFINED.pod, ...pod, containers: [container] },
        },
      },
    },
  );
}

/** The controller: both replicas answer the API server, on two nodes where there are two. */
export function controllerDeployment(installation: Installation): KubeObject {
  const component = componentOf(installation, 'controller');
  const { webhookPort } = installation.config;
  const reachesAll = agentTolerations(installation).some(
    ({ key = '', effect = '', operator }) => `${key}${effect}${operator}` === 'Exists',
  );
  const near = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { 'kubearmor-app': NAMES.controller } } };
  return deployment({
    name: NAMES.controller,
    namespace: installation.namespace,
    by: 'kubearmor-operator',
    replicas: 2,
    pod: {
      ...placement(component),
      // Pods of namespaces that require enforcement do not start without it.
      priorityClassName: 'system-cluster-critical',
      affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: near }] } },
    },
    container: {
      name: 'manager',
      ...imageFields(component),
      args: [`-webhook-port=${webhookPort}`, ...(reachesAll ? [] : ['-nodes-without-agent=ordinary']), ...component.args],
      env: [namespaceVariable, ...component.env],
      ports: [
        { name: 'webhook', containerPort: webhookPort, protocol: 'TCP' },
        { name: 'health', containerPort: 8081, protocol: 'TCP' },
      ],
      startupProbe: startupProbe({ httpGet: { path: '/healthz', port: 'health' } }),
      livenessProbe: { httpGet: { path: '/healthz', port: 'health' }, periodSeconds: 20, timeoutSeconds: PROBE_TIMEOUT_S },
      readinessProbe: { httpGet: { path: '/readyz', port: 'health' }, periodSeconds: 5, timeoutSeconds: PROBE_TIMEOUT_S },
      resources: { requests: { cpu: '10m', memory: '128Mi' } },
      securityContext: CONFINED.container,
    },
  });
}

/** One replica of two is always there while nodes are drained. */
export function controllerBudget({ namespace }: Installation): KubeObject {
  return objectOf(
    KINDS.disruptionBudgets,
    { name: NAMES.controller, namespace, labels: labelsOf('kubearmor-operator', NAMES.controller) },
    { spec: { minAvailable: 1, selector: { matchLabels: { 'kubearmor-app': NAMES.controller } } } },
  );
}

/** The relay. One: each would tell every client everything. */
export function relayDeployment(installation: Installation): KubeObject {
  const component = componentOf(installation, 'relay');
  const { printed } = installation.config;
  const tls = tlsVolume({ server: NAMES.relaySecret, client: NAMES.relayClientSecret });
  return deployment({
    name: NAMES.relay,
    namespace: installation.namespace,
    by: 'kubearmor-operator',
    replicas: 1,
    pod: { ...placement(component), volumes: [tls.volume] },
    container: {
      name: 'kubearmor-relay-server',
      ...imageFields(component),
      args: [...component.args],
      env: [
        namespaceVariable,
        { name: 'ENABLE_STDOUT_LOGS', value: String(printed.logs) },
        { name: 'ENABLE_STDOUT_ALERTS', value: String(printed.alerts) },
        { name: 'ENABLE_STDOUT_MSGS', value: String(printed.messages) },
        ...component.env,
      ],
      ports: [{ name: 'grpc', containerPort: 32_767, protocol: 'TCP' }],
      startupProbe: startupProbe({ tcpSocket: { port: 'grpc' } }),
      readinessProbe: { tcpSocket: { port: 'grpc' }, periodSeconds: 5, timeoutSeconds: PROBE_TIMEOUT_S },
      livenessProbe: { tcpSocket: { port: 'grpc' }, periodSeconds: 20, timeoutSeconds: PROBE_TIMEOUT_S },
      resources: { requests: { cpu: '10m', memory: '96Mi' } },
      securityContext: CONFINED.container,
      volumeMounts: [tls.mount],
    },
  });
}
