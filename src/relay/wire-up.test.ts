// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { KubeArmorError, noLogger } from '#base';
import { dialGrpc, Feed, healthClient, logService, serveGrpc, watchFeed } from '#grpc';
import type { TlsFiles } from '#grpc';
import { AlertSchema } from '#wire';
import type { AgentSource } from './agent-source.ts';
import { readConfig } from './config.ts';
import type { RelayConfig } from './config.ts';
import { runRelay } from './wire-up.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'relay-tls-'));
after(() => rmSync(folder, { recursive: true }));
const openssl = (...words: string[]): void => void execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' });
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

before(() => {
  openssl('req', '-x509', ...KEY, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=ca');
  writeFileSync(path.join(folder, 'ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1,DNS:kubearmor-agent');
  for (const name of ['server', 'client']) {
    openssl('req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', '/CN=kubearmor');
    const made = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext'];
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...made);
  }
});
const files = (name: string): TlsFiles => {
  const read = (file: string): Buffer => readFileSync(path.join(folder, file));
  return { ca: read('ca.crt'), cert: read(`${name}.crt`), key: read(`${name}.key`) };
};

function configured(...argv: readonly string[]): RelayConfig {
  const result = readConfig(argv, {});
  assert.ok('config' in result, JSON.stringify(result));
  return result.config;
}

/** One agent that stays. */
const only = (address: string): AgentSource => ({
  async *watch(signal) {
    yield [{ key: 'a', node: 'n', address }];
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  },
});

interface Running extends AsyncDisposable {
  readonly address: string;
  readonly printed: string[];
}

async function relay(config: RelayConfig, agents: AgentSource): Promise<Running> {
  const stop = new AbortController();
  const serving = Promise.withResolvers<string>();
  const printed: string[] = [];
  const print = (line: string): void => void printed.push(line);
  const done = runRelay(config, { agents, logger: noLogger, print, onServing: serving.resolve, runId: 'relay' }, stop.signal);
  done.catch(serving.reject);
  const address = (await serving.promise).replace(/^.*:/, '127.0.0.1:');
  return {
    address,
    printed,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}

test(
  'with mutual TLS on both sides: what an agent tells comes to a client, and is printed where asked for',
  { timeout: 30_000 },
  async () => {
    const feed = new Feed({ runId: 'agent' });
    const listen = { kind: 'tcp', host: '127.0.0.1', port: 0, tls: files('server') } as const;
    const agent = await serveGrpc({ services: [logService(feed)], listen, logger: noLogger });
    await using one = await relay(configured('-gRPCPort=0', `-tlsCertPath=${folder}`, '-stdoutAlerts'), only(agent.address));
    using transport = dialGrpc({ address: one.address, tls: files('client') });
    assert.equal((await healthClient(transport).check({ service: 'feeder.LogService' })).status, 1);
    const alerts = watchFeed(transport, 'alerts');
    const first = alerts.next();
    const tell = setInterval(() => feed.publishAlert(create(AlertSchema, { PolicyName: 'no-shell', Count: 1 })), 20);
    const got = (await first).value;
    clearInterval(tell);
    assert.equal(got?.PolicyName, 'no-shell');
    assert.match(got.EventID, /^agent-a\d+$/);
    assert.match(one.printed[0] ?? '', /"PolicyName":"no-shell"/);
    using stranger = dialGrpc({ address: one.address });
    await assert.rejects(healthClient(stranger).check({}), (error) => error instanceof KubeArmorError);
    await alerts.return();
    await agent.stop(10);
  },
);

test('certificates that are not there are told with their place', async () => {
  const config = configured('-gRPCPort=0', '-tlsCertPath=/nonexistent');
  const done = runRelay(config, { agents: only('127.0.0.1:1'), logger: noLogger, print: () => {}, runId: 'r' }, AbortSignal.timeout(5_000));
  await assert.rejects(done, (error) => error instanceof KubeArmorError && error.message.includes('/nonexistent/ca.crt (tlsCertPath)'));
});

test('settings: KubeArmor’s flags and variables, and every wrong one at once', () => {
  assert.equal(configured().tlsCertPath, '/var/lib/kubearmor/tls');
  const told = readConfig(['--gRPCPort', '7'], { ENABLE_STDOUT_LOGS: 'TRUE' });
  assert.ok('config' in told);
  assert.deepEqual([told.config.port, [...told.config.printed]], [7, ['logs']]);
  const wrong = readConfig(['-gRPCPort=x', '-grpcport=1', '-tlsCertProvider=self'], { ENABLE_DASHBOARDS: 'true' });
  assert.ok('issues' in wrong);
  assert.deepEqual(wrong.issues.map(({ at }) => at).toSorted(), [
    '-gRPCPort',
    '-grpcport',
    '-tlsCertProvider',
    'environment variable ENABLE_DASHBOARDS',
  ]);
});
