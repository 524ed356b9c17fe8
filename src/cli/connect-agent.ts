// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { errnoText, KubeArmorError } from '#base';
import { dialGrpc, logClient, policyClient, probeClient, socketOf, watchFeed } from '#grpc';
import type { FeedRecords, GrpcTransport } from '#grpc';
import type { PolicyKind } from '#policy';
import { PolicyStatus as WireStatus, REASON_TRAILER, TRIAL_TRAILER } from '#wire';
import type { ProbeResponse } from '#wire';
import type {
  AgentAddress,
  AgentPort,
  FeedItem,
  FeedRecord,
  PolicyAnswer,
  PolicyMode,
  PolicyStatus,
  ProbeAnswer,
  StreamName,
  TlsText,
} from './ports.ts';

const KINDS: { readonly [K in StreamName]: keyof FeedRecords } = { alert: 'alerts', log: 'logs', message: 'messages' };
const MODES: readonly PolicyMode[] = ['disabled', 'enabled', 'audited'];
/** Long enough for a busy agent, short enough for a person. */
const PING_TIMEOUT_MS = 10_000;

/** By number; an enum of protobuf is open, so a newer agent may send another. */
const STATUS_NAMES: Readonly<Record<number, PolicyStatus | undefined>> = Object.fromEntries(
  Object.entries(WireStatus).map(([name, number]) => [number, name as PolicyStatus]),
);

interface SendOptions {
  onTrailer(trailer: Headers): void;
}
type Send = (request: { readonly policy: Uint8Array }, options: SendOptions) => Promise<{ readonly status: number }>;

/**
 * Speaks to an agent or relay over gRPC; connects at the first call.
 *
 * @throws {KubeArmorError} `USAGE` for a bad address, and for certificates that are missing or wrong; calls throw what `dialGrpc` says
 */
export async function connectAgentPort({ address, tlsCertPath, tls: given, over }: AgentAddress): Promise<AgentPort> {
  const tls = given ?? (tlsCertPath === undefined ? undefined : await readTlsFiles(tlsCertPath));
  const transport = dialGrpc({
    address,
    ...(tls === undefined ? {} : { tls }),
    ...(over === undefined ? {} : { over: await socketOf(over, address) }),
  });
  return {
    [Symbol.dispose]: () => transport.close(),
    ping: async (signal) => void (await logClient(transport).healthCheck({ nonce: 1 }, { signal, timeoutMs: PING_TIMEOUT_MS })),
    watch: (stream, signal) => watchRecords(transport, stream, signal),
    sendPolicy: (kind, event) => sendPolicy(sendOf(transport, kind), event),
    probe: async (signal) => probeAnswerOf(await probeClient(transport).getProbeData({}, { signal })),
  };
}

async function readTlsFiles(folder: string): Promise<TlsText> {
  const failing =
    (name: string) =>
    (error: unknown): never => {
      throw new KubeArmorError('USAGE', `TLS needs ca.crt, client.crt and client.key in ${folder}: ${name}: ${errnoText(error)}`, {
        cause: error,
      });
    };
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8').catch(failing(name));
  const [ca, cert, key] = [await read('ca.crt'), await read('client.crt'), await read('client.key')];
  try {
    createSecureContext({ ca, cert, key });
  } catch (error) {
    throw new KubeArmorError('USAGE', `TLS: the files in ${folder} are no certificates with their key: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return { ca, cert, key };
}

async function* watchRecords(transport: GrpcTransport, stream: StreamName, signal: AbortSignal): AsyncGenerator<FeedItem> {
  for await (const record of watchFeed(transport, KINDS[stream], signal)) yield { stream, record: record as unknown as FeedRecord };
}

/** KubeArmor has one method a kind; cluster policies go with the container policies, told apart by `kind` in the object. */
function sendOf(transport: GrpcTransport, kind: PolicyKind): Send {
  const client = policyClient(transport);
  switch (kind) {
    case 'KubeArmorHostPolicy':
      return (request, options) => client.hostPolicy(request, options);
    case 'KubeArmorNetworkPolicy':
      return (request, options) => client.networkPolicy(request, options);
    case 'KubeArmorPolicy':
    case 'KubeArmorClusterPolicy':
      return (request, options) => client.containerPolicy(request, options);
  }
}

async function sendPolicy(send: Send, event: object): Promise<PolicyAnswer> {
  let reason: string | undefined;
  let trial: string | undefined;
  const onTrailer = (trailer: Headers): void => {
    reason = decodeReason(trailer.get(REASON_TRAILER));
    trial = trailer.get(TRIAL_TRAILER) ?? undefined;
  };
  const { status } = await send({ policy: new TextEncoder().encode(JSON.stringify(event)) }, { onTrailer });
  return { status: STATUS_NAMES[status] ?? 'Failure', reason, ...(trial === undefined ? {} : { trial }) };
}

function decodeReason(text: string | null): string | undefined {
  if (text === null || text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // cut in the middle of a character: better raw than nothing
  }
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);

function probeAnswerOf({ containerMap, hostMap }: ProbeResponse): ProbeAnswer {
  const containers = Object.entries(containerMap).map(([name, { policyList, policyEnabled }]) => ({
    name,
    mode: MODES[policyEnabled] ?? 'disabled',
    policies: policyList.toSorted(),
  }));
  const hosts = Object.entries(hostMap).map(([name, { policyList }]) => ({ name, policies: policyList.toSorted() }));
  return { containers: containers.toSorted(byName), hosts: hosts.toSorted(byName) };
}
