// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helpText, readConfig } from './config.ts';
import type { ControllerConfig } from './config.ts';

function configOf(argv: readonly string[], env: Record<string, string> = {}): ControllerConfig {
  const result = readConfig(argv, env);
  assert.ok('config' in result, JSON.stringify(result));
  return result.config;
}

test('readConfig: nothing given', () => {
  assert.deepEqual(configOf([]), {
    namespace: 'kubearmor',
    kubeconfig: undefined,
    webhookPort: 9443,
    webhookClientCa: undefined,
    webhookHosts: [],
    health: { host: '', port: 8081 },
    metrics: undefined,
    countedNodes: 'reached',
    debug: false,
    hostname: 'controller',
  });
});

test('readConfig: a flag counts before its variable, with one dash or two; a switch needs no value', () => {
  const env = { KUBEARMOR_NAMESPACE: 'kube-system', KUBEARMOR_WEBHOOK_PORT: '1', HOSTNAME: 'pod-1', KUBEARMOR_DEBUG: '' };
  const config = configOf(['--webhook-port=2', '-metrics-bind-address', '[::1]:9', '-debug', '-nodes-without-agent=ignore'], env);
  assert.deepEqual(
    [config.namespace, config.webhookPort, config.metrics, config.debug, config.countedNodes, config.hostname],
    ['kube-system', 2, { host: '::1', port: 9 }, true, 'none', 'pod-1'],
  );
});

test('readConfig: KubeArmor’s own arguments are taken as written, or refused with the reason', () => {
  configOf(['--health-probe-bind-address=:8081', '--metrics-bind-address=127.0.0.1:8080', '--leader-elect', '--webhook-port=9443']);
  const result = readConfig(['--annotateExisting=true', '--leader-elect=false', '--metrics-bind-address=:8080'], {});
  assert.ok('issues' in result);
  assert.match(result.issues.map(({ cure }) => cure).join('\n'), /restarts a workload[^]*undo each other[^]*loopback/);
});

test('readConfig: every problem at once', () => {
  const result = readConfig(['-webhookport=1', 'word', '-webhook-port=70000', '-namespace'], { KUBEARMOR_NODES_WITHOUT_AGENT: 'maybe' });
  assert.ok('issues' in result);
  assert.deepEqual(
    result.issues.map(({ code, at }) => `${code} ${at}`),
    [
      'SETTING_UNKNOWN -webhookport',
      'SETTING_INVALID word',
      'SETTING_INVALID -namespace',
      'SETTING_INVALID environment variable KUBEARMOR_NODES_WITHOUT_AGENT',
      'SETTING_INVALID -webhook-port',
    ],
  );
  assert.equal(result.issues[0]?.cure, 'did you mean `webhook-port`?');
});

test('readConfig: help and version', () => {
  assert.deepEqual(readConfig(['--help', '-x'], {}), { text: 'help' });
  assert.deepEqual(readConfig(['-version'], {}), { text: 'version' });
  assert.match(helpText(), /-webhook-port=9443/);
});
