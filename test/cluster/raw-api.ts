// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { parse } from 'yaml';
import type { Kind } from '#k8s';

export interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Asked {
  readonly body?: unknown;
  /** Content type of the body; JSON unless told otherwise. */
  readonly type?: string;
  readonly accept?: string;
}

interface KubeconfigFile {
  readonly clusters: readonly { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }[];
  readonly users: readonly { readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string } }[];
}

/** The API server as it is, for tests that want what our client hides: field validation, tables, statuses. */
export class RawApi implements Disposable {
  readonly #server: string;
  readonly #agent: Agent;

  /** @param kubeconfig file with one cluster and one user with a client certificate in it, as a test's control plane writes it */
  constructor(kubeconfig: string) {
    const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8')) as KubeconfigFile;
    const [cluster, user] = [clusters[0]?.cluster, users[0]?.user];
    if (cluster === undefined || user === undefined) throw new RangeError(`${kubeconfig} has no cluster or user`);
    const decoded = (data: string): Buffer => Buffer.from(data, 'base64');
    this.#server = cluster.server;
    this.#agent = new Agent({
      keepAlive: true,
      ca: decoded(cluster['certificate-authority-data']),
      cert: decoded(user['client-certificate-data']),
      key: decoded(user['client-key-data']),
    });
  }

  async ask(method: string, path: string, { body, type = 'application/json', accept = 'application/json' }: Asked = {}): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const headers = { accept, ...(body === undefined ? {} : { 'content-type': type }) };
    const call = request(new URL(path, this.#server), { method, agent: this.#agent, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: bodyOf(Buffer.concat(parts).toString()) }));
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  }

  /** Server-side apply; JSON is YAML. */
  apply(path: string, body: unknown, manager = 'test'): Promise<Reply> {
    return this.ask('PATCH', `${path}?fieldManager=${manager}&force=true`, { body, type: 'application/apply-patch+yaml' });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

function bodyOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return { text };
  }
}

/** Where the objects of a kind are. */
export function pathOf({ group, version, plural, namespaced }: Kind, namespace: string): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespaced ? `${root}/namespaces/${namespace}/${plural}` : `${root}/${plural}`;
}
