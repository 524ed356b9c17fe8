// SPDX-License-Identifier: Apache-2.0
import { ANNOTATIONS, NAMES } from '#cluster';
import type { KubeObject } from '#k8s';
import type { Installation } from './installation.ts';
import { KINDS } from './kinds.ts';
import { labelsOf, objectOf } from './object.ts';

/** Where clients find the relay, and the API server the webhooks. */
export function services({ namespace, config }: Installation): KubeObject[] {
  const service = (name: string, app: string, port: object): KubeObject =>
    objectOf(
      KINDS.services,
      { name, namespace, labels: labelsOf('kubearmor-operator', app) },
      { spec: { type: 'ClusterIP', selector: { 'kubearmor-app': app }, ports: [port] } },
    );
  return [
    service(NAMES.relayService, NAMES.relay, { name: 'grpc', port: 32_767, targetPort: 32_767, protocol: 'TCP' }),
    service(NAMES.webhookService, NAMES.controller, { name: 'webhook', port: 443, targetPort: config.webhookPort, protocol: 'TCP' }),
  ];
}

/**
 * What agents read while they run. Keys that others put there, as `hostVisibility`, stay theirs. KubeArmor's `matchArgs`,
 * `alertThrottling`, `maxAlertPerSec` and `throttleSec` are left out: they choose among things that are not chosen here, and an agent says
 * so of each that it finds.
 */
export function configMap({ namespace, config, record }: Installation): KubeObject {
  const { postures, visibility, dropResourceFromProcessLogs } = config;
  return objectOf(
    KINDS.configMaps,
    {
      name: NAMES.configMap,
      namespace,
      labels: labelsOf('kubearmor-operator', 'kubearmor-configmap'),
      ...(record === undefined ? {} : { annotations: { [ANNOTATIONS.lastConfig]: record } }),
    },
    {
      data: {
        gRPC: '32767',
        visibility,
        defaultFilePosture: postures.file,
        defaultNetworkPosture: postures.network,
        defaultCapabilitiesPosture: postures.capabilities,
        dropResourceFromProcessLogs: String(dropResourceFromProcessLogs),
      },
    },
  );
}
