// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#base';
import { CORE, fieldsOf, NAMES, WEBHOOK_CONFIGURATIONS } from '#cluster';
import type { KubeApi, KubeObject } from '#k8s';
import { nextStep, takeStep } from '#pki';
import type { RenewalStep, ServingCertificates } from '#pki';
import { isMap } from '#policy';
import { readCertificates, withCertificates } from './certificate-secret.ts';
import { FIELD_MANAGER } from './status-writer.ts';

interface Parts {
  readonly api: KubeApi;
  /** DNS names that the API server calls the webhooks by. */
  readonly hosts: readonly string[];
  readonly wallMs: () => number;
  readonly steadyMs: () => number;
  readonly logger: Logger;
  readonly onStep: (step: RenewalStep['step']) => void;
}

/** The API server trusts these, since then (by the steady clock). */
interface Told {
  readonly bundle: string;
  readonly sinceMs: number;
}

/**
 * Keeps the webhooks' certificates good: in the Secret, where every replica reads them, and as `caBundle` in the webhook configuration,
 * where the API server does.
 *
 * One replica, the one that leads, calls `maintain`. Everything is decided anew from what the API server has, so it may end anywhere.
 */
export class Certificates {
  readonly #parts: Parts;
  #secret: KubeObject | undefined;
  #configuration: KubeObject | undefined;
  #told: Told | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  putSecret(secret: KubeObject | undefined): void {
    this.#secret = secret;
  }

  putConfiguration(configuration: KubeObject | undefined): void {
    this.#configuration = configuration;
  }

  get held(): ServingCertificates {
    return readCertificates(this.#secret);
  }

  /**
   * Takes the next step, if there is one, and tells the API server whom to trust.
   *
   * @throws {KubeArmorError} as `KubeApi`; a conflict means that another was quicker, and the watch tells of it
   */
  async maintain(signal: AbortSignal): Promise<void> {
    const { wallMs, steadyMs, hosts, logger, onStep } = this.#parts;
    const secret = this.#secret;
    if (secret === undefined) return logger.warn('webhook certificates: there is no Secret for them: the operator makes it');
    const held = this.held;
    const told = this.#told?.bundle === bundleOf(held) ? this.#told : undefined;
    const facts = { nowMs: wallMs(), hosts, toldForMs: told === undefined ? undefined : steadyMs() - told.sinceMs };
    const step = nextStep(held, facts);
    if (step.step !== 'keep') {
      this.#secret = await this.#store(secret, takeStep(held, step, facts), signal);
      logger.info(`webhook certificates: ${step.step}`, { why: step.why });
      onStep(step.step);
    }
    await this.#tell(bundleOf(this.held), signal);
  }

  /** Somebody else's write in between is a conflict. */
  #store(secret: KubeObject, held: ServingCertificates, signal: AbortSignal): Promise<KubeObject> {
    return this.#parts.api.replace(CORE.secrets, withCertificates(secret, held), { fieldManager: FIELD_MANAGER, signal });
  }

  async #tell(bundle: string, signal: AbortSignal): Promise<void> {
    const configuration = this.#configuration;
    if (configuration === undefined) {
      this.#told = undefined;
      return;
    }
    const caBundle = Buffer.from(bundle).toString('base64');
    const webhooks = Array.isArray(configuration['webhooks']) ? (configuration['webhooks'] as readonly unknown[]).filter(isMap) : [];
    if (!webhooks.every(({ clientConfig }) => fieldsOf(clientConfig)['caBundle'] === caBundle)) {
      const { resourceVersion } = configuration.metadata;
      const told = webhooks.map((webhook) => ({ ...webhook, clientConfig: { ...fieldsOf(webhook['clientConfig']), caBundle } }));
      const body = { metadata: { resourceVersion }, webhooks: told };
      const options = { fieldManager: FIELD_MANAGER, signal };
      this.#configuration = await this.#parts.api.patch(WEBHOOK_CONFIGURATIONS, { name: NAMES.validatingWebhook }, body, options);
      this.#parts.logger.info('webhook certificates: the API server is told whom to trust');
    }
    if (this.#told?.bundle !== bundle) this.#told = { bundle, sinceMs: this.#parts.steadyMs() };
  }
}

const bundleOf = ({ authorities }: ServingCertificates): string => authorities.join('');
