// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#base';
import { formatJson } from '#events';
import type { Alert, Log, Message } from '#events';
import { createHealth, dialGrpc, everyAddress, Feed, logService, serveGrpc, TlsFolder } from '#grpc';
import type { Listen } from '#grpc';
import type { AgentSource } from './agent-source.ts';
import type { RelayConfig } from './config.ts';
import { FanIn } from './fan-in.ts';

export interface RelayParts {
  readonly agents: AgentSource;
  readonly logger: Logger;
  /** One line of JSON, where records are printed. */
  readonly print: (line: string) => void;
  /** Told when it serves. */
  readonly onServing?: (address: string) => void;
  /** Of this run among others, for EventIDs. */
  readonly runId: string;
}

const SERVICES = ['', 'feeder.LogService'];

/**
 * Runs the relay until aborted: clients are served first, then agents are read.
 *
 * @throws {KubeArmorError} `CONFIG_INVALID` for certificates, `HOST_IO` for a port, that cannot be used
 */
export async function runRelay(config: RelayConfig, parts: RelayParts, signal: AbortSignal): Promise<void> {
  const { agents, logger, print, onServing, runId } = parts;
  const { tlsCertPath, port, printed } = config;
  const agentName = config.agentName === '' ? {} : { serverName: config.agentName };
  const open = (role: 'server' | 'client', folder: string): Promise<TlsFolder> => TlsFolder.open({ folder, logger }, role);
  const tls =
    tlsCertPath === undefined ? undefined : { server: await open('server', tlsCertPath), client: await open('client', tlsCertPath) };
  const feed = new Feed({ runId });
  const health = createHealth(SERVICES);
  const listen: Listen =
    tls === undefined
      ? { kind: 'tcp', host: '127.0.0.1', port, insecureLoopback: true }
      : { kind: 'tcp', host: everyAddress(), port, tls: tls.server.current };
  const server = await serveGrpc({ services: [logService(feed), health.service], listen, logger });
  for (const name of SERVICES) health.set(name, true);
  onServing?.(server.address);
  const fanIn = new FanIn({
    feed,
    dial: (address) => dialGrpc({ address, ...(tls === undefined ? {} : { tls: tls.client.current, ...agentName }) }),
    tell: (kind, record) => printed.has(kind) && print(formatJson(record as unknown as Alert | Log | Message)),
    logger,
  });
  const stop = new AbortController();
  const until = AbortSignal.any([signal, stop.signal]);
  const followed = tls === undefined ? [] : [tls.server.follow(until, (files) => server.renewTls(files)), tls.client.follow(until)];
  try {
    await fanIn.run(agents, signal);
  } finally {
    stop.abort();
    await Promise.all(followed);
    for (const name of SERVICES) health.set(name, false);
    await server.stop();
  }
}
