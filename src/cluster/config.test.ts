// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nested } from '#policy/testing';
import { readConfig } from './config.ts';

const NOTHING = { args: [], env: [], imagePullSecrets: [], nodeSelector: {}, tolerations: [] };

test('readConfig: what is left out has defaults, as what Go programs write for it', () => {
  const expected = {
    postures: { file: 'audit', network: 'audit', capabilities: 'audit' },
    visibility: 'process,network,capabilities',
    printed: { logs: false, alerts: false, messages: false },
    throttling: { enabled: true, alertsPerSecond: 10, seconds: 30 },
    seccomp: false,
    matchArgs: true,
    dropResourceFromProcessLogs: false,
    nri: false,
    webhookPort: 9443,
    global: { imagePullSecrets: [], tolerations: [], nodeSelector: {}, env: [] },
    components: { agent: NOTHING, init: NOTHING, relay: NOTHING, controller: NOTHING },
    tls: { dnsNames: ['localhost'], addresses: ['127.0.0.1'] },
    recommended: {
      enable: false,
      matchExpressions: [{ key: 'namespace', operator: 'NotIn', values: ['kube-system', 'kubearmor'] }],
      exclude: [],
    },
  };
  for (const spec of [
    undefined,
    null,
    {},
    { maxAlertPerSec: 0, throttleSec: 0, controllerPort: 0, defaultVisibility: '', kubearmorImage: { image: '' } },
  ]) {
    assert.deepEqual(readConfig({ spec }), { config: expected, issues: [] });
  }
});

test('readConfig: what is written is taken', () => {
  const { config, issues } = readConfig({
    spec: {
      defaultFilePosture: 'block',
      alertThrottling: true,
      maxAlertPerSec: 5,
      kubearmorImage: {
        image: 'registry.example:5000/kubearmor:v1',
        imagePullPolicy: 'IfNotPresent',
        args: ['-enableKubeArmorHostPolicy=true'],
        env: [
          { name: 'A', value: 'b' },
          { name: 'C', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        ],
        imagePullSecrets: [{ name: 'pull' }],
        tolerations: [{ operator: 'Exists' }],
      },
      globalNodeSelector: { zone: 'a' },
      tls: { enable: true, extraDnsNames: ['relay.example'] },
      recommendedPolicies: { enable: true, matchExpressions: [], excludePolicy: ['harden-crypto-miners'] },
      adapters: { elasticsearch: { enabled: true, url: 'https://es.example', auth: { caCertSecretName: 'ca' } } },
    },
  });
  assert.deepEqual(issues, []);
  assert.deepEqual(config?.components.agent, {
    image: 'registry.example:5000/kubearmor:v1',
    imagePullPolicy: 'IfNotPresent',
    args: ['-enableKubeArmorHostPolicy=true'],
    env: [
      { name: 'A', value: 'b' },
      { name: 'C', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    ],
    imagePullSecrets: ['pull'],
    nodeSelector: {},
    tolerations: [{ operator: 'Exists' }],
  });
  assert.deepEqual(config?.throttling, { enabled: true, alertsPerSecond: 5, seconds: 30 });
  assert.deepEqual(config?.tls, { enable: true, dnsNames: ['relay.example'], addresses: ['127.0.0.1'] });
  assert.deepEqual(config?.recommended, { enable: true, matchExpressions: [], exclude: ['harden-crypto-miners'] });
  assert.deepEqual(config?.elasticsearch, {
    url: 'https://es.example',
    alertsIndex: 'kubearmor-alerts',
    secretName: 'elastic-secret',
    usernameKey: 'username',
    passwordKey: 'password',
    allowInsecureTls: false,
    caCertSecretName: 'ca',
    caCertKey: 'ca.crt',
  });
});

test('readConfig: every problem is told at once, and nothing is taken', () => {
  const { config, issues } = readConfig({
    spec: {
      defaultFilePostur: 'block',
      defaultNetworkPosture: 'deny',
      matchArgs: 'true',
      kubearmorImage: { imagePullPolicy: 'Sometimes', tolerations: {} },
      adapters: { elasticsearch: { enabled: true } },
    },
  });
  assert.equal(config, undefined);
  assert.deepEqual(
    issues.map(({ severity, code, at }) => `${severity} ${code} ${at}`),
    [
      'error FIELD_UNKNOWN spec.defaultFilePostur',
      'error VALUE_UNKNOWN spec.defaultNetworkPosture',
      'error TYPE_WRONG spec.matchArgs',
      'error VALUE_UNKNOWN spec.kubearmorImage.imagePullPolicy',
      'error TYPE_WRONG spec.kubearmorImage.tolerations',
      'error FIELD_MISSING spec.adapters.elasticsearch.url',
    ],
  );
});

test('readConfig: what is no longer used is a warning', () => {
  const { config, issues } = readConfig({ spec: { kubeRbacProxyImage: { image: 'x' } } });
  assert.notEqual(config, undefined);
  assert.deepEqual(
    issues.map(({ severity, at }) => `${severity} ${at}`),
    ['warning spec.kubeRbacProxyImage'],
  );
});

test('readConfig: never throws, whatever the object', () => {
  const inherited: unknown = Object.create({ spec: { defaultFilePosture: 'block' } });
  for (const object of [undefined, null, 1, 'x', [], {}, inherited]) assert.equal(readConfig(object).config?.postures.file, 'audit');
  for (const spec of [1, 'x', []]) assert.equal(readConfig({ spec }).issues[0]?.code, 'TYPE_WRONG');
});

test('readConfig: what nests too deep is refused', () => {
  const { config, issues } = readConfig({ spec: { globalEnv: [{ name: 'A', valueFrom: nested(5_000) }] } });
  assert.deepEqual([config, issues.map(({ code }) => code)], [undefined, ['LIMIT_EXCEEDED']]);
});
