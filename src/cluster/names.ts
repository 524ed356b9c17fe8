// SPDX-License-Identifier: Apache-2.0

/**
 * Names that KubeArmor's users, and what they have written around it, know.
 *
 * @source reference: KubeArmor's Kubernetes part, section 10
 */
export const NAMES = {
  /** Where it is installed unless told otherwise. */
  namespace: 'kubearmor',
  configMap: 'kubearmor-config',
  relayService: 'kubearmor',
  webhookService: 'kubearmor-controller-webhook-service',
  webhookSecret: 'kubearmor-controller-webhook-server-cert',
  validatingWebhook: 'kubearmor-controller-validating-webhook-configuration',
  mutatingWebhook: 'kubearmor-controller-mutating-webhook-configuration',
  caSecret: 'kubearmor-ca',
  clientSecret: 'kubearmor-client-certs',
  relaySecret: 'kubearmor-relay-server-certs',
  /** Not KubeArmor's: there agents make their own, with the authority's key. */
  agentSecret: 'kubearmor-agent-certs',
  relayClientSecret: 'kubearmor-relay-client-certs',
  /** In every agent's certificate: pods have no names, so who dials one asks for this. */
  agentHost: 'kubearmor-agent',
  agent: 'kubearmor',
  relay: 'kubearmor-relay',
  controller: 'kubearmor-controller',
  operator: 'kubearmor-operator',
} as const;

export const LABELS = {
  /** On every pod of ours, with the program's name. */
  app: 'kubearmor-app',
  /** On a namespace: pods that would start unprotected are refused. */
  requireEnforcement: 'kubearmor.io/require-enforcement',
  enforcer: 'kubearmor.io/enforcer',
  runtime: 'kubearmor.io/runtime',
  socket: 'kubearmor.io/socket',
  btf: 'kubearmor.io/btf',
  apparmorfs: 'kubearmor.io/apparmorfs',
  securityfs: 'kubearmor.io/securityfs',
  seccomp: 'kubearmor.io/seccomp',
  /** On every object that the operator, or who installs it, made: what bears it and is not wanted any more is removed. */
  installedBy: 'kubearmor.io/installed-by',
} as const;

export const ANNOTATIONS = {
  /** Of a KubeArmorConfig: `true` lets the operator end another installation's enforcers. */
  takeOver: 'kubearmor.io/take-over',
  /** Of the ConfigMap: generation and spec of the last KubeArmorConfig that could be read. */
  lastConfig: 'kubearmor.io/last-config',
  /** Of a pod: `enabled`, `audited` or `disabled`. */
  policy: 'kubearmor-policy',
  /** Of a pod or namespace: comma list of process, file, network, capabilities, or none. */
  visibility: 'kubearmor-visibility',
  /** Of a namespace: `audit` or `block`. */
  filePosture: 'kubearmor-file-posture',
  networkPosture: 'kubearmor-network-posture',
  capabilitiesPosture: 'kubearmor-capabilities-posture',
} as const;

/** The Lease by which a node's agent says that its report holds now. */
export const nodeLeaseName = (node: string): string => `kubearmor-node-${node}`;
