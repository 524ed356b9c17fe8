// SPDX-License-Identifier: Apache-2.0
import { CORE, NAMES } from '#cluster';
import type { KubeObject } from '#k8s';
import { labelsOf, objectOf } from './object.ts';

/** The Secrets of certificates of agents, relay and their clients; the operator makes them. */
export const NETWORK_SECRETS: readonly string[] = [
  NAMES.caSecret,
  NAMES.agentSecret,
  NAMES.relaySecret,
  NAMES.relayClientSecret,
  NAMES.clientSecret,
];

/**
 * The Secret of the webhooks' certificates, empty: the controller fills it and may make none. A type cannot be changed, so whoever may only
 * fill it gets no token of a service account by it.
 */
export const webhookSecret = (namespace: string): KubeObject =>
  objectOf(
    CORE.secrets,
    { name: NAMES.webhookSecret, namespace, labels: labelsOf('kubearmor-operator', NAMES.webhookSecret) },
    { type: 'Opaque' },
  );
