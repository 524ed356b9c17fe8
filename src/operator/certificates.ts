// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#base';
import { CORE, NAMES } from '#cluster';
import type { ClusterConfig } from '#cluster';
import { webhookSecret } from '#install';
import type { KubeApi, KubeObject } from '#k8s';
import { renewNetwork } from '#pki';
import { isStored, leafRows, readNetwork, secretsOf } from './certificate-secrets.ts';
import type { Secrets } from './certificate-secrets.ts';

interface Parts {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly wallMs: () => number;
  readonly logger: Logger;
}

/** Keeps the Secrets of certificates of agents, relay and clients; that of the webhooks it makes, and the controller fills it. */
export class Certificates {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Makes what is missing and renews what is old. @param secrets as they are @throws {KubeArmorError} as `KubeApi` */
  async maintain(config: ClusterConfig, secrets: Secrets, signal: AbortSignal): Promise<void> {
    const { namespace, wallMs, logger } = this.#parts;
    const rows = leafRows(namespace, config);
    const { after, steps } = renewNetwork(readNetwork(secrets, rows), rows, wallMs());
    for (const step of steps) logger.info(`certificates: ${step}`);
    for (const secret of secretsOf(namespace, after)) {
      if (isStored(secret, secrets)) continue;
      await this.#store(secret, secrets.get(secret.metadata.name), signal);
    }
    const ours = webhookSecret(namespace);
    const found = secrets.get(NAMES.webhookSecret);
    if (found?.['type'] !== ours['type']) await this.#store(ours, found, signal);
  }

  /** A Secret's type cannot be changed: KubeArmor's of another type is made anew. */
  async #store(secret: KubeObject, before: KubeObject | undefined, signal: AbortSignal): Promise<void> {
    const { api } = this.#parts;
    const options = { fieldManager: NAMES.operator, signal };
    const isOfAnotherType = before !== undefined && before['type'] !== undefined && before['type'] !== secret['type'];
    if (isOfAnotherType) await api.delete(CORE.secrets, secret.metadata, { signal });
    await api.apply(CORE.secrets, secret, options);
  }
}
