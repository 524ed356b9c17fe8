// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { KubeArmorError, servePages } from '#base';
import type { Logger, Page } from '#base';
import { WEBHOOK_PATHS, webhookHosts } from '#cluster';
import type { KubeApi } from '#k8s';
import { readCertificate } from '#pki';
import type { ControllerConfig } from './config.ts';
import { Controller } from './controller.ts';
import type { ControllerParts } from './controller.ts';
import { podAsker, policyWebhook } from './policy-webhook.ts';
import { protectionWebhook } from './protection.ts';
import type { StartThread } from './reviews.ts';
import { WebhookServer } from './webhook-server.ts';

export interface WireUpParts {
  readonly api: KubeApi;
  readonly startThread: StartThread;
  readonly logger: Logger;
  /** Default: this machine's. */
  readonly clocks?: Pick<ControllerParts, 'steadyMs' | 'wallMs'>;
  /** Told when it serves. */
  readonly onServing?: (ports: { readonly health: number; readonly webhook: number }) => void;
}

const CLOCKS = { steadyMs: () => performance.now(), wallMs: () => Date.now() } as const;

/**
 * Runs one replica with its servers until aborted.
 *
 * @throws {KubeArmorError} `HOST_IO` where a port or file cannot be used
 */
export async function runController(
  config: ControllerConfig,
  { api, startThread, logger, clocks = CLOCKS, onServing }: WireUpParts,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, hostname, countedNodes, webhookPort } = config;
  const { steadyMs, wallMs } = clocks;
  const holder = `${hostname}_${randomUUID()}`;
  const options = { namespace, holder, countedNodes, hosts: [...webhookHosts(namespace), ...config.webhookHosts] };
  let onCertificates = (): void => {};
  const parts = { api, startThread, logger, steadyMs, wallMs, onCertificates: () => onCertificates() };
  using controller = new Controller(options, parts);
  const { metrics } = controller;
  const clientAuthorities = config.webhookClientCa === undefined ? {} : { clientAuthorities: await readText(config.webhookClientCa) };
  await using server = await WebhookServer.open({
    port: webhookPort,
    logger,
    ...clientAuthorities,
    admit: {
      [WEBHOOK_PATHS.policies]: policyWebhook({
        reviews: controller.reviews,
        hasPod: podAsker(api),
        facts: () => controller.state.facts(steadyMs()),
      }),
      [WEBHOOK_PATHS.protection]: protectionWebhook((node) => controller.state.unprotected(node, steadyMs())),
    },
    onAnswer: (path, outcome, ms) => {
      metrics.add('kubearmor_controller_admission_total', { path, outcome });
      metrics.add('kubearmor_controller_admission_seconds_total', { path }, ms / 1_000);
    },
  });
  onCertificates = () => showCurrent(controller, server, logger);
  onCertificates();
  const ready: Page = () => readiness(controller, server);
  const healthy: Page = () => ({ code: 200, text: 'ok\n' });
  await using health = await servePages(config.health, { '/healthz': healthy, '/livez': healthy, '/readyz': ready });
  await using _metrics =
    config.metrics === undefined ? undefined : await servePages(config.metrics, { '/metrics': () => metricsPage(controller, steadyMs()) });
  onServing?.({ health: health.port, webhook: server.port });
  await controller.run(signal);
}

/** Shows what the Secret has now. One that TLS does not take is replaced by whoever leads. */
function showCurrent({ certificates, metrics }: Controller, server: WebhookServer, logger: Logger): void {
  const { current } = certificates.held;
  if (current === undefined) return;
  try {
    server.show(current);
  } catch (error) {
    if (!(error instanceof KubeArmorError)) throw error;
    return logger.error(error.message, { code: error.code });
  }
  const expiry = readCertificate(current.certificate)?.validToDate.getTime() ?? 0;
  metrics.set('kubearmor_controller_certificate_expiry_seconds', Math.floor(expiry / 1_000));
}

/** Ready to answer the API server: it knows the cluster and has a certificate to show. */
function readiness(controller: Controller, server: WebhookServer): { code: number; text: string } {
  const missing = [...controller.waitsFor, ...(server.hasCertificate ? [] : ['a certificate'])];
  return missing.length === 0 ? { code: 200, text: 'ok\n' } : { code: 503, text: `waits for ${missing.join(', ')}\n` };
}

function metricsPage(controller: Controller, steadyMs: number): { code: number; text: string; type: string } {
  const { metrics, state } = controller;
  metrics.setAll('kubearmor_controller_nodes', 'state', state.nodeCounts(steadyMs));
  metrics.setAll('kubearmor_controller_policies', 'status', state.policyCounts());
  return { code: 200, text: metrics.render(), type: 'text/plain; version=0.0.4; charset=utf-8' };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new KubeArmorError('HOST_IO', `reading ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
