// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { servePages } from '#base';
import type { Logger, Page } from '#base';
import { CONFIGS, readConfig } from '#cluster';
import { removeInstallation, shapeOfSocket } from '#install';
import type { KubeApi } from '#k8s';
import type { OperatorConfig } from './config.ts';
import { FIELD_MANAGER, Operator } from './operator.ts';

export interface WireUpParts {
  readonly api: KubeApi;
  readonly logger: Logger;
  /** Told when it serves. */
  readonly onServing?: (healthPort: number) => void;
}

/** Of a removal: two minutes for nodes to end enforcement. */
const REMOVAL = { pause: (): Promise<void> => sleep(2_000), looks: 60 } as const;

/**
 * Runs the operator with its health pages until aborted.
 *
 * @throws {KubeArmorError} `HOST_IO` where a port cannot be used; as `KubeApi` where definitions cannot be applied
 */
export async function runOperator(config: OperatorConfig, { api, logger, onServing }: WireUpParts, signal: AbortSignal): Promise<void> {
  const operator = new Operator({ ...config, removal: REMOVAL }, { api, logger, wallMs: () => Date.now() });
  const ready: Page = () => {
    const { waitsFor } = operator;
    return waitsFor.length === 0 ? { code: 200, text: 'ok\n' } : { code: 503, text: `waits for ${waitsFor.join(', ')}\n` };
  };
  const healthy: Page = () => ({ code: 200, text: 'ok\n' });
  await using health = await servePages(config.health, { '/healthz': healthy, '/livez': healthy, '/readyz': ready });
  onServing?.(health.port);
  await operator.run(signal);
}

/** Deletes what asks for an installation, and takes it out; for who is about to delete the operator, and whether or not that runs. */
export async function uninstall(
  { namespace, images, socket }: OperatorConfig,
  { api, logger }: WireUpParts,
  signal: AbortSignal,
): Promise<void> {
  for (const { metadata } of await api.list(CONFIGS, { namespace }, signal)) await api.delete(CONFIGS, metadata, { signal });
  const { config } = readConfig({});
  if (config === undefined) throw new TypeError('an empty KubeArmorConfig is not taken');
  const shapes = socket === undefined ? [] : [shapeOfSocket(socket)];
  const tell = (text: string): void => logger.info(text);
  const left = await removeInstallation({ namespace, config, images }, { api, fieldManager: FIELD_MANAGER, ...REMOVAL, tell, shapes });
  for (const { name, nodes } of left) logger.warn('enforcement was not seen to end; it ends when these nodes start again', { name, nodes });
}
