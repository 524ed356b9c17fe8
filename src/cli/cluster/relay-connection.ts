// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { CORE, fieldOf, NAMES, textOf } from '#cluster';
import { tlsFolder } from '../agent-address.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import type { AgentAddress, AgentPort, TlsText } from '../ports.ts';
import type { ClusterPort } from './cluster-port.ts';
import { componentPods, findInstallation } from './installation.ts';
import type { Target } from './target.ts';

/** @source reference: KubeArmor's port of the relay and of agents */
const PORT = 32_767;
const RELAY_APP = 'kubearmor-relay';

/** Makes connections to what tells alerts and logs: as often as one is needed. */
export interface FeedConnector extends Disposable {
  connect(): Promise<AgentPort>;
}

/**
 * What `target` means for `karmor logs`. What was chosen in a cluster is told once.
 *
 * @throws {KubeArmorError} as `openCluster`
 */
export async function feedConnector(target: Target, flags: Flags, io: Io, say: (text: string) => void): Promise<FeedConnector> {
  if (target.note !== undefined) say(target.note);
  if (target.kind === 'agent') return { connect: () => io.connect(target.to), [Symbol.dispose]: () => {} };
  const cluster = await io.cluster(target.asked);
  const connection = new RelayConnection({ cluster, flags, io, say, isInPod: target.isInPod });
  return { connect: () => connection.connect(), [Symbol.dispose]: () => cluster[Symbol.dispose]() };
}

interface RelayParts {
  readonly cluster: ClusterPort;
  readonly flags: Flags;
  readonly io: Io;
  readonly say: (text: string) => void;
  /** Then the service is reached as every pod reaches it. */
  readonly isInPod: boolean;
}

/**
 * Connections to the relay of a cluster, over the API server. Pod and certificates are looked up each time: both may have been replaced
 * since the last one.
 */
class RelayConnection {
  readonly #parts: RelayParts;
  #namespace: string | undefined;
  #told = '';

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  async connect(): Promise<AgentPort> {
    const { cluster, io, isInPod } = this.#parts;
    const namespace = await this.#findNamespace();
    const secured = await this.#certificates(namespace);
    const address = `${NAMES.relayService}.${namespace}.svc:${PORT}`;
    if (isInPod) {
      this.#tell(`the relay at ${address}, ${securityText(secured)}`);
      return io.connect({ address, ...secured });
    }
    const pods = await componentPods(cluster, namespace, io.signal, RELAY_APP);
    const pod = pods.find(({ isReady }) => isReady);
    if (pod === undefined) throw noRelay(namespace, pods.length);
    this.#tell(`the relay ${namespace}/${pod.name} of the cluster at ${cluster.server}, ${securityText(secured)}`);
    const over = await cluster.pods.forward(pod, PORT, io.signal);
    return io.connect({ address, over, ...secured });
  }

  async #findNamespace(): Promise<string> {
    const { cluster, flags, io, say, isInPod } = this.#parts;
    if (this.#namespace !== undefined) return this.#namespace;
    // a pod that may list no pods can reach the service all the same
    if (isInPod) return (this.#namespace = flags.text('kubearmorNamespace') ?? NAMES.namespace);
    const { namespace, isFound } = await findInstallation(cluster, flags.text('kubearmorNamespace'), io.signal);
    if (isFound) say(`there is no KubeArmor in the namespace ${NAMES.namespace}; its pods are in ${namespace}: that one is used`);
    return (this.#namespace = namespace);
  }

  /** From the folder that is named, else from the cluster. */
  async #certificates(namespace: string): Promise<Secured> {
    const { cluster, flags, io } = this.#parts;
    if (flags.text('tlsCertPath') !== undefined || flags.text('tlsCertProvider') === 'external') return { tlsCertPath: tlsFolder(flags) };
    const ref = { name: NAMES.clientSecret, namespace };
    const secret = await cluster.api.get(CORE.secrets, ref, io.signal).catch(cannotRead(namespace));
    if (secret !== undefined) return { tls: tlsOf(secret['data'], `the Secret ${namespace}/${NAMES.clientSecret}`) };
    if (!flags.isSet('secure')) return {};
    throw new KubeArmorError(
      'USAGE',
      `--secure: there is no Secret ${namespace}/${NAMES.clientSecret}; name a folder of certificates with --tlsCertPath`,
    );
  }

  /** Once, and again when it changes. */
  #tell(text: string): void {
    if (text !== this.#told) this.#parts.say(text);
    this.#told = text;
  }
}

/** Certificates, or their folder; neither: no TLS. */
type Secured = Pick<AgentAddress, 'tls' | 'tlsCertPath'>;

const securityText = ({ tls, tlsCertPath }: Secured): string =>
  tls === undefined && tlsCertPath === undefined ? `without TLS: there is no Secret ${NAMES.clientSecret}` : 'mutual TLS';

/** Retryable: a relay that is replaced is away for a moment. */
function noRelay(namespace: string, count: number): KubeArmorError {
  const why = count === 0 ? 'there is none' : `none of ${count} is ready`;
  return new KubeArmorError('UNREACHABLE', `looking for the relay in the namespace ${namespace}: ${why}`);
}

function cannotRead(namespace: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof KubeArmorError) || error.code !== 'API_REFUSED') throw error;
    const cure = `ask for read access to the Secret ${namespace}/${NAMES.clientSecret}, or name a folder of certificates with --tlsCertPath`;
    throw new KubeArmorError('API_REFUSED', `${error.message}: ${cure}`, { cause: error });
  };
}

/** @throws {KubeArmorError} `CONFIG_INVALID` where a part is missing */
function tlsOf(data: unknown, what: string): TlsText {
  const part = (...names: readonly string[]): string => {
    const found = names.map((name) => textOf(data, name) ?? '').find((text) => text !== '');
    if (found === undefined) throw new KubeArmorError('CONFIG_INVALID', `reading ${what}: ${names[0]} is missing`);
    return Buffer.from(found, 'base64').toString('utf8');
  };
  if (fieldOf(data, 'ca.crt') === undefined) throw new KubeArmorError('CONFIG_INVALID', `reading ${what}: ca.crt is missing`);
  return { ca: part('ca.crt'), cert: part('tls.crt', 'client.crt'), key: part('tls.key', 'client.key') };
}
