// SPDX-License-Identifier: Apache-2.0
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { KubeArmorError } from '#base';
import { held, readText } from './access.ts';
import type { ClusterAccess, Identity } from './access.ts';
import { execIdentity, readExecPlugin } from './exec-plugin.ts';
import type { RunProgram } from './exec-plugin.ts';
import { isRecord, recordOf, textOf } from './read-object.ts';

const TEXT_MAX = 4 * 1024 * 1024;

export interface KubeconfigOptions {
  /** Default: the file's `current-context`. */
  readonly context?: string | undefined;
  /** Starts an exec plugin. Absent: a user of that kind is refused. */
  readonly run?: RunProgram | undefined;
  /** The environment of exec plugins. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

interface Named {
  readonly value: Record<string, unknown>;
  /** Relative paths are relative to its file. */
  readonly folder: string;
}

/** What several kubeconfig files say together: of two of a name the first counts. */
interface Kubeconfig {
  readonly clusters: Map<string, Named>;
  readonly users: Map<string, Named>;
  readonly contexts: Map<string, Named>;
  current: string | undefined;
}

/**
 * Access as a kubeconfig says: certificates and tokens in it or in files, and exec plugins.
 *
 * @param paths the files, as in `KUBECONFIG`; those that are not there are left out, but one must be
 * @throws {KubeArmorError} `CONFIG_INVALID` where it cannot be read or asks for what is not supported, `HOST_IO` where no file is there
 */
export async function kubeconfigAccess(paths: readonly string[], options: KubeconfigOptions = {}): Promise<ClusterAccess> {
  return accessOf(await readAll(paths), paths.join(':'), options);
}

/** The contexts that these files have, by name. Throws as `kubeconfigAccess`. */
export async function kubeconfigContexts(paths: readonly string[]): Promise<readonly string[]> {
  const { contexts } = await readAll(paths);
  return [...contexts.keys()];
}

async function readAll(paths: readonly string[]): Promise<Kubeconfig> {
  const config = emptyConfig();
  let missing: unknown;
  let found = 0;
  for (const path of paths) {
    const text = await readText(path).catch((error: unknown) => void (missing = error));
    if (text === undefined) continue;
    found++;
    collect(config, text, path, dirname(resolve(path)));
  }
  if (found === 0) throw missing ?? new KubeArmorError('CONFIG_INVALID', 'reading the kubeconfig: no file is named');
  return config;
}

/** The same of a kubeconfig's text; files that it names are relative to `folder`. */
export function kubeconfigTextAccess(text: string, folder: string, options: KubeconfigOptions = {}): ClusterAccess {
  const config = emptyConfig();
  collect(config, text, 'the text given', folder);
  return accessOf(config, 'the text given', options);
}

const emptyConfig = (): Kubeconfig => ({ clusters: new Map(), users: new Map(), contexts: new Map(), current: undefined });

function invalid(path: string, why: string): KubeArmorError {
  return new KubeArmorError('CONFIG_INVALID', `reading the kubeconfig ${path}: ${why}`);
}

function collect(config: Kubeconfig, text: string, path: string, folder: string): void {
  if (text.length > TEXT_MAX) throw invalid(path, `longer than ${TEXT_MAX} characters`);
  const document = parseDocument(text, { logLevel: 'silent' });
  const [problem] = document.errors;
  // below its first line the parser shows the text, which may have secrets
  if (problem !== undefined) throw invalid(path, problem.message.split('\n', 1)[0]?.replace(/:$/, '') ?? '');
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (!isRecord(value)) throw invalid(path, 'not a mapping');
  for (const [list, item, into] of [
    ['clusters', 'cluster', config.clusters],
    ['users', 'user', config.users],
    ['contexts', 'context', config.contexts],
  ] as const) {
    for (const [name, found] of namedOf(value, list, item)) if (!into.has(name)) into.set(name, { value: found, folder });
  }
  const current = textOf(value, 'current-context') ?? '';
  if (config.current === undefined && current !== '') config.current = current;
}

function namedOf(config: Record<string, unknown>, list: string, item: string): (readonly [string, Record<string, unknown>])[] {
  const entries = Object.hasOwn(config, list) ? config[list] : undefined;
  if (!Array.isArray(entries)) return [];
  return entries.filter(isRecord).flatMap((entry) => {
    const name = textOf(entry, 'name');
    return name === undefined ? [] : [[name, recordOf(entry, item)] as const];
  });
}

function accessOf(config: Kubeconfig, path: string, options: KubeconfigOptions): ClusterAccess {
  const name = options.context ?? config.current;
  if (name === undefined) throw invalid(path, 'no current-context, and no context is asked for');
  const context = config.contexts.get(name);
  if (context === undefined) throw invalid(path, `no context "${name}"; it has: ${[...config.contexts.keys()].join(', ') || 'none'}`);
  const clusterName = textOf(context.value, 'cluster') ?? '';
  const cluster = config.clusters.get(clusterName);
  if (cluster === undefined) throw invalid(path, `context "${name}" names the cluster "${clusterName}", which is not there`);
  const userName = textOf(context.value, 'user') ?? '';
  const user = userName === '' ? { value: {}, folder: cluster.folder } : config.users.get(userName);
  if (user === undefined) throw invalid(path, `context "${name}" names the user "${userName}", which is not there`);
  refuseUnsupported(path, cluster.value, user.value);
  return {
    server: readServer(path, textOf(cluster.value, 'server') ?? ''),
    tlsServerName: textOf(cluster.value, 'tls-server-name'),
    insecure: cluster.value['insecure-skip-tls-verify'] === true,
    namespace: textOf(context.value, 'namespace'),
    identify: held(identifier(path, cluster, user, options)),
  };
}

/** By field: what we do not do, in the words of the message. */
const UNSUPPORTED: readonly (readonly [of: 'cluster' | 'user', field: string, why: string])[] = [
  ['cluster', 'proxy-url', 'proxies are not supported: name the API server itself'],
  ['user', 'auth-provider', 'auth-provider was removed from Kubernetes in 1.26: use an exec plugin'],
  ['user', 'username', 'passwords were removed from Kubernetes in 1.19: use a token or a certificate'],
  ['user', 'as', 'impersonation is not supported: use credentials of that user'],
];

function refuseUnsupported(path: string, cluster: Record<string, unknown>, user: Record<string, unknown>): void {
  for (const [of, field, why] of UNSUPPORTED) {
    const record = of === 'cluster' ? cluster : user;
    if (Object.hasOwn(record, field) && record[field] !== '') throw invalid(path, `${of}.${field}: ${why}`);
  }
}

function readServer(path: string, text: string): URL {
  const server = URL.parse(text);
  if (server === null || !['https:', 'http:'].includes(server.protocol))
    throw invalid(path, `cluster.server: "${text}" is no URL of a server`);
  return server;
}

function identifier(
  path: string,
  cluster: Named,
  user: Named,
  options: KubeconfigOptions,
): () => Promise<Identity & { expiresMs?: number }> {
  const exec = readExecPlugin(recordOf(user.value, 'exec'), user.folder);
  if (exec === undefined && Object.hasOwn(user.value, 'exec'))
    throw invalid(path, 'user.exec: needs a command and an apiVersion of v1 or v1beta1');
  if (exec !== undefined && options.run === undefined)
    throw invalid(path, 'user.exec: exec plugins are not supported here: use a token or a certificate');
  return async () => {
    const ca = await dataOrFile(cluster, 'certificate-authority');
    if (exec !== undefined && options.run !== undefined) return { ca, ...(await execIdentity(exec, options.run, options.env ?? {})) };
    const [cert, key] = [await dataOrFile(user, 'client-certificate'), await dataOrFile(user, 'client-key')];
    const tokenFile = textOf(user.value, 'tokenFile') ?? '';
    const token = tokenFile === '' ? textOf(user.value, 'token') : (await readText(resolve(user.folder, tokenFile))).trim();
    return { ca, cert, key, token };
  };
}

async function dataOrFile({ value, folder }: Named, field: string): Promise<string | undefined> {
  const data = textOf(value, `${field}-data`) ?? '';
  if (data !== '') return Buffer.from(data, 'base64').toString('utf8');
  const file = textOf(value, field) ?? '';
  return file === '' ? undefined : readText(resolve(folder, file));
}
