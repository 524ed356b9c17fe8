// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KubeArmorError, noLogger } from '#base';
import { Feed, grpcService, logService, serveGrpc } from '#grpc';
import { AlertSchema, PolicyService, PolicyStatus, ProbeService } from '#wire';
import { create } from '@bufbuild/protobuf';
import { connectAgentPort } from './connect-agent.ts';
import { runCli } from './run-cli.ts';
import { recordingIo } from './testing.ts';

interface Served extends AsyncDisposable {
  readonly address: string;
  readonly feed: Feed;
  readonly received: { method: string; event: Record<string, unknown> }[];
}

/** Our own server on a socket, with the services that an agent has. */
async function serve(): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'karmor-grpc-'));
  const feed = new Feed({ runId: 'r' });
  const received: Served['received'] = [];
  const take =
    (method: string) =>
    (request: { policy: Uint8Array }, { responseTrailer }: { responseTrailer: Headers }) => {
      if (method === 'network') responseTrailer.set('kubearmor-reason', encodeURIComponent('zu viele Regeln: ä\n2'));
      received.push({ method, event: JSON.parse(new TextDecoder().decode(request.policy)) as Record<string, unknown> });
      return { status: PolicyStatus.Applied };
    };
  const server = await serveGrpc({
    logger: noLogger,
    listen: { kind: 'unix', path: join(folder, 'agent.sock') },
    services: [
      logService(feed),
      grpcService(PolicyService, { containerPolicy: take('container'), hostPolicy: take('host'), networkPolicy: take('network') }),
      grpcService(ProbeService, {
        getProbeData: () => ({
          containerList: ['b', 'a'],
          containerMap: { b: { policyEnabled: 2, policyList: ['y', 'x'] }, a: { policyEnabled: 1 } },
          hostMap: { node1: { policyList: ['h'] } },
        }),
      }),
    ],
  });
  const stop = async (): Promise<void> => {
    await server.stop(0);
    rmSync(folder, { recursive: true, force: true });
  };
  return { address: server.address, feed, received, [Symbol.asyncDispose]: stop };
}

test('connectAgentPort: probe, sorted and named', async () => {
  await using agent = await serve();
  using port = await connectAgentPort({ address: agent.address });
  assert.deepEqual(await port.probe(new AbortController().signal), {
    containers: [
      { name: 'a', mode: 'enabled', policies: [] },
      { name: 'b', mode: 'audited', policies: ['x', 'y'] },
    ],
    hosts: [{ name: 'node1', policies: ['h'] }],
  });
});

test('connectAgentPort: each kind goes to its method as KubeArmor’s event', async () => {
  await using agent = await serve();
  using port = await connectAgentPort({ address: agent.address });
  for (const kind of ['KubeArmorPolicy', 'KubeArmorHostPolicy', 'KubeArmorNetworkPolicy', 'KubeArmorClusterPolicy'] as const) {
    const reason = kind === 'KubeArmorNetworkPolicy' ? 'zu viele Regeln: ä\n2' : undefined;
    assert.deepEqual(await port.sendPolicy(kind, { type: 'ADDED', object: { kind } }), { status: 'Applied', reason });
  }
  assert.deepEqual(
    agent.received.map(({ method, event }) => [method, event['type'], (event['object'] as { kind: string }).kind]),
    [
      ['container', 'ADDED', 'KubeArmorPolicy'],
      ['host', 'ADDED', 'KubeArmorHostPolicy'],
      ['network', 'ADDED', 'KubeArmorNetworkPolicy'],
      ['container', 'ADDED', 'KubeArmorClusterPolicy'],
    ],
  );
});

test('karmor logs over a real connection', async () => {
  await using agent = await serve();
  const { io, out, err } = recordingIo({ connect: connectAgentPort });
  const running = runCli(['logs', '--gRPC', agent.address, '--limit', '2', '--json'], io);
  for (let tries = 0; tries < 1_000 && agent.feed.stats('alerts').subscribers === 0; tries++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  for (const Resource of ['/bin/sh', '/bin/\ud800x']) {
    agent.feed.publishAlert(create(AlertSchema, { Type: 'MatchedPolicy', Operation: 'Process', Resource, Action: 'Block' }));
  }
  assert.equal(await running, 0, err.join('\n'));
  assert.deepEqual(
    out.map((line) => (JSON.parse(line) as { Resource: string }).Resource),
    ['/bin/sh', '/bin/\ufffdx'],
  );
});

test('connectAgentPort: nobody there, no certificate, no address', async () => {
  const signal = new AbortController().signal;
  using port = await connectAgentPort({ address: 'unix:///nonexistent/agent.sock' });
  await assert.rejects(port.ping(signal), (error) => error instanceof KubeArmorError && error.code === 'UNREACHABLE');
  await assert.rejects(
    connectAgentPort({ address: 'h:1', tlsCertPath: '/nonexistent' }),
    (error) =>
      error instanceof KubeArmorError && error.code === 'USAGE' && error.message.endsWith('ca.crt: no such file or folder (ENOENT)'),
  );
  await assert.rejects(connectAgentPort({ address: 'nonsense' }), (error) => error instanceof KubeArmorError && error.code === 'USAGE');
});

test('connectAgentPort: files that are no certificates', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'karmor-tls-'));
  for (const name of ['ca.crt', 'client.crt', 'client.key']) writeFileSync(join(folder, name), 'no certificate');
  await assert.rejects(
    connectAgentPort({ address: 'h:1', tlsCertPath: folder }),
    (error) => error instanceof KubeArmorError && error.code === 'USAGE' && /are no certificates/.test(error.message),
  );
  rmSync(folder, { recursive: true });
});

test('an address without a host is this machine, as KubeArmor’s examples write it', async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => void server.listen(0, 'localhost', resolve));
  using port = await connectAgentPort({ address: `:${(server.address() as AddressInfo).port}` });
  await assert.rejects(port.ping(new AbortController().signal), KubeArmorError);
  assert.equal(connections, 1);
  server.close();
});
