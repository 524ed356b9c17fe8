// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../config.ts';
import type { AgentConfig } from '../config.ts';
import { readLiveValues, withLiveValues } from './live-config.ts';

function base(...argv: readonly string[]): AgentConfig {
  const result = readConfig({ argv, env: {}, readFile: () => undefined });
  assert.ok('config' in result);
  return result.config;
}

test('what KubeArmor’s installers write is taken without a word', () => {
  const data = {
    gRPC: '32767',
    cluster: 'prod',
    visibility: 'process,network,capabilities',
    defaultFilePosture: 'block',
    defaultCapabilitiesPosture: 'audit',
    defaultNetworkPosture: 'audit',
    defaultPostureLogs: 'true',
    dropResourceFromProcessLogs: 'true',
    alertThrottling: 'true',
    maxAlertPerSec: '10',
    throttleSec: '30',
    matchArgs: 'true',
    'karmor.yaml': 'a: b',
  };
  const { values, problems } = readLiveValues(data, {});
  assert.deepEqual(problems, []);
  const config = withLiveValues(base(), values);
  assert.deepEqual(
    [config.cluster, [...config.visibility], config.postures, config.dropProcessResource],
    ['prod', ['process', 'network', 'capabilities'], { file: 'block', network: 'audit', capabilities: 'audit' }, true],
  );
});

test('a value that means nothing leaves the last good one, key by key, and is told', () => {
  const before = { visibility: 'file', untrackedNs: 'a,b' };
  const { values, problems } = readLiveValues(
    { visibility: 'screens', defaultFilePosture: 'allow', untrackedNs: 'c', lsm: 'apparmor' },
    before,
  );
  assert.deepEqual(values, { visibility: 'file', untrackedNs: 'c' });
  assert.deepEqual(problems, [
    'visibility: `screens` is not a comma list of process, file, network, capabilities, none',
    'defaultFilePosture: `allow` is not one of audit, block',
    'lsm: `apparmor` is not possible: the only enforcer is bpf',
  ]);
  assert.deepEqual(readLiveValues({}, before).values, {}, 'a key that is gone is as the flags say');
});

test('keys that are none, or that count at the start only, are told', () => {
  const { problems } = readLiveValues({ clutser: 'x', constructor: 'y', logPath: 'stdout', hostVisibility: 'default' }, {});
  assert.deepEqual(problems, [
    'clutser: there is no such setting: did you mean `cluster`?',
    'constructor: there is no such setting',
    'logPath: cannot be changed while the agent runs: give it as a flag of the agent',
  ]);
});

test('a throttling that is not KubeArmor’s own is told: nothing is throttled', () => {
  const { problems } = readLiveValues({ alertThrottling: 'false', maxAlertPerSec: '50', throttleSec: '5' }, {});
  const why = 'is not possible: repeated alerts are folded into one with a count, none is dropped and no rate is set';
  assert.deepEqual(problems, [`alertThrottling: \`false\` ${why}`, `maxAlertPerSec: \`50\` ${why}`, `throttleSec: \`5\` ${why}`]);
});

test('the host’s logs stay off without host policies', () => {
  const { values } = readLiveValues({ hostVisibility: 'process' }, {});
  assert.deepEqual([...withLiveValues(base(), values).hostVisibility], []);
  assert.deepEqual([...withLiveValues(base('-enableKubeArmorHostPolicy'), values).hostVisibility], ['process']);
});
