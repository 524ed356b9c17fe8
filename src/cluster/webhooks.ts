// SPDX-License-Identifier: Apache-2.0
import type { Kind, KubeObject } from '#k8s';
import { POLICY_KINDS } from './kinds.ts';
import { ANNOTATIONS, LABELS, NAMES } from './names.ts';

export const WEBHOOK_CONFIGURATIONS: Kind = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  namespaced: false,
};

/** Where the controller answers what. */
export const WEBHOOK_PATHS = { policies: '/validate-policies', protection: '/validate-protection' } as const;

/** Of the 5 s it always answers within 4. */
const TIMEOUT_S = 5;

/**
 * The webhook configuration, for whoever installs the controller. Its `caBundle`s are the controller's to write: an apply that does not
 * name them leaves them.
 *
 * Policies: failure policy `Ignore`. When the controller is away the CRDs' schemas still refuse what has the wrong form, and agents
 * refuse what they cannot honour and say so in its status; a rollout that cannot go on would be worse than a late answer.
 *
 * Protection: `Fail`, and the API server asks in labelled namespaces only: who labels a namespace wants no pod there rather than an
 * unprotected one. The installation's own namespace is never asked about, or nothing could come up again.
 *
 * @param namespace where the controller is
 */
export function webhookConfiguration(namespace: string, labels: Readonly<Record<string, string>> = {}): KubeObject {
  const protectedOnly = {
    matchLabels: { [LABELS.requireEnforcement]: 'true' },
    matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: [namespace] }],
  };
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: WEBHOOK_CONFIGURATIONS.kind,
    metadata: { name: NAMES.validatingWebhook, labels: { [LABELS.app]: NAMES.validatingWebhook, ...labels } },
    webhooks: [
      webhook('policies.kubearmor.com', namespace, WEBHOOK_PATHS.policies, {
        failurePolicy: 'Ignore',
        rules: [namespacedRule(), clusterRule()],
      }),
      webhook('bindings.kubearmor.com', namespace, WEBHOOK_PATHS.protection, {
        failurePolicy: 'Fail',
        namespaceSelector: protectedOnly,
        rules: [rule('', 'Namespaced', ['pods/binding'], ['CREATE'])],
      }),
      webhook('pods.kubearmor.com', namespace, WEBHOOK_PATHS.protection, {
        failurePolicy: 'Fail',
        namespaceSelector: protectedOnly,
        rules: [rule('', 'Namespaced', ['pods'], ['CREATE', 'UPDATE'])],
        matchConditions: [{ name: 'names-a-node-or-a-mode', expression: NAMES_NODE_OR_MODE }],
      }),
    ],
  };
}

/**
 * Most pods do neither, and of those that run already only a changed mode is asked about. Before 1.28 the API server asks about all,
 * and the answers are the same.
 */
const NAMES_NODE_OR_MODE = [
  "(request.operation == 'CREATE' && has(object.spec.nodeName) && object.spec.nodeName != '')",
  `(has(object.metadata.annotations) && '${ANNOTATIONS.policy}' in object.metadata.annotations && ` +
    `(oldObject == null || !has(oldObject.metadata.annotations) || !('${ANNOTATIONS.policy}' in oldObject.metadata.annotations) || ` +
    `oldObject.metadata.annotations['${ANNOTATIONS.policy}'] != object.metadata.annotations['${ANNOTATIONS.policy}']))`,
].join(' || ');

function webhook(name: string, namespace: string, path: string, more: object): object {
  return {
    name,
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    matchPolicy: 'Equivalent',
    timeoutSeconds: TIMEOUT_S,
    clientConfig: { service: { name: NAMES.webhookService, namespace, path, port: 443 } },
    ...more,
  };
}

const rule = (group: string, scope: string, resources: readonly string[], operations: readonly string[]): object => ({
  apiGroups: [group],
  apiVersions: ['v1'],
  operations,
  resources,
  scope,
});

const pluralsOf = (namespaced: boolean): string[] =>
  Object.values(POLICY_KINDS).flatMap((kind) => (kind.namespaced === namespaced ? [kind.plural] : []));
const namespacedRule = (): object => rule(POLICY_KINDS.KubeArmorPolicy.group, 'Namespaced', pluralsOf(true), ['CREATE', 'UPDATE']);
const clusterRule = (): object => rule(POLICY_KINDS.KubeArmorPolicy.group, 'Cluster', pluralsOf(false), ['CREATE', 'UPDATE']);

/** DNS names that the API server calls the webhooks' Service by. */
export const webhookHosts = (namespace: string): readonly string[] => [
  `${NAMES.webhookService}.${namespace}.svc`,
  `${NAMES.webhookService}.${namespace}.svc.cluster.local`,
];
