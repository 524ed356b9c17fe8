// SPDX-License-Identifier: Apache-2.0
import { NAMES } from '#cluster';

/** The Secrets of certificates of agents, relay and their clients; the operator makes them. */
export const NETWORK_SECRETS: readonly string[] = [
  NAMES.caSecret,
  NAMES.agentSecret,
  NAMES.relaySecret,
  NAMES.relayClientSecret,
  NAMES.clientSecret,
];
