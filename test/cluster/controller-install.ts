// SPDX-License-Identifier: Apache-2.0
// The controller against a real API server, as whoever installs it would set it up, but for the address of its webhooks.
import { globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { parse } from 'yaml';
import { noLogger } from '#base';
import { CONTROLLER_CLUSTER_RULES, CONTROLLER_NAMESPACE_RULES, CORE, WEBHOOK_CONFIGURATIONS, webhookConfiguration } from '#cluster';
import { webhookSecret } from '#install';
import type { Kind, KubeApi, KubeObject } from '#k8s';
import type { ControllerConfig } from '../../src/controller/config.ts';
import { reviewThreadOf } from '../../src/controller/start-review-thread.ts';
import { runController } from '../../src/controller/wire-up.ts';
import type { WireUpParts } from '../../src/controller/wire-up.ts';
import type { Ran } from '../vm/running.ts';
import { grant } from './grant.ts';

/** Of a control plane, what these cases need. */
export interface Plane {
  api(options?: { readonly user?: { readonly name: string; readonly group?: string }; readonly port?: number }): KubeApi & Disposable;
  kubectl(...args: readonly string[]): Promise<Ran>;
}

export const NAMESPACE = 'kubearmor';
export const CONTROLLER_ACCOUNT = `system:serviceaccount:${NAMESPACE}:kubearmor-controller`;
const BY = { fieldManager: 'test' };
const CRDS: Kind = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

/** Definitions, namespaces and what the controller may do. */
export async function install(api: KubeApi): Promise<void> {
  const folder = join(import.meta.dirname, '../../api/crd');
  for (const file of globSync('*.yaml', { cwd: folder }))
    await api.apply(CRDS, parse(readFileSync(join(folder, file), 'utf8')) as KubeObject, BY);
  for (const [name, labels] of [
    [NAMESPACE, {}],
    ['shop', {}],
    ['guarded', { 'kubearmor.io/require-enforcement': 'true' }],
  ] as const)
    await api.apply(CORE.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }, BY);
  await api.apply(CORE.secrets, webhookSecret(NAMESPACE), BY);
  const rules = { cluster: CONTROLLER_CLUSTER_RULES, namespace: CONTROLLER_NAMESPACE_RULES };
  await grant(api, { name: 'kubearmor-controller', user: CONTROLLER_ACCOUNT }, rules);
}

/** The webhook configuration, at a port of this machine in place of the Service. */
export async function configureWebhooks(api: KubeApi, port: number): Promise<void> {
  const configuration = webhookConfiguration(NAMESPACE);
  const webhooks = (configuration['webhooks'] as readonly { readonly clientConfig: { readonly service: { readonly path: string } } }[]).map(
    (webhook) => ({ ...webhook, clientConfig: { url: `https://localhost:${port}${webhook.clientConfig.service.path}` } }),
  );
  await api.apply(WEBHOOK_CONFIGURATIONS, { ...configuration, webhooks }, BY);
}

/** A replica that runs with the rights of its service account. */
export class Replica implements AsyncDisposable {
  readonly port: number;
  readonly #stop = new AbortController();
  readonly #api: KubeApi & Disposable;
  readonly #done: Promise<void>;

  constructor(plane: Plane, name: string, port: number, over: Partial<Pick<WireUpParts, 'clocks' | 'logger'>> = {}) {
    this.port = port;
    this.#api = plane.api({ user: { name: CONTROLLER_ACCOUNT } });
    const config: ControllerConfig = {
      namespace: NAMESPACE,
      kubeconfig: undefined,
      webhookPort: port,
      webhookHosts: ['localhost'],
      webhookClientCa: undefined,
      health: { host: '127.0.0.1', port: 0 },
      metrics: undefined,
      countedNodes: 'reached',
      debug: false,
      hostname: name,
    };
    const startThread = reviewThreadOf(new URL('../../src/controller/main.ts', import.meta.url));
    const logger = { ...noLogger, warn: console.log, error: console.log };
    this.#done = runController(config, { api: this.#api, startThread, logger, ...over }, this.#stop.signal);
    this.#done.catch(() => {}); // told when it is disposed
  }

  /** Once is enough; again does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    this.#api[Symbol.dispose]();
  }
}

/** A port that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
