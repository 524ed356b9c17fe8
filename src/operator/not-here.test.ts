// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '#cluster';
import { notHere } from './not-here.ts';

function toldOf(spec: object): string[] {
  const { config, issues } = readConfig({ spec });
  assert.deepEqual(issues, []);
  assert.ok(config);
  return notHere(config).map((text) => text.slice(0, text.indexOf(':')));
}

test('what KubeArmor’s installers write by themselves is nothing that is not here', () => {
  assert.deepEqual(toldOf({}), []);
  assert.deepEqual(toldOf({ alertThrottling: true, maxAlertPerSec: 10, throttleSec: 30, matchArgs: true }), []);
  assert.deepEqual(toldOf({ maxAlertPerSec: 0, throttleSec: 0 }), [], 'Go programs write 0 where nothing was set');
});

test('a throttling that somebody chose is told: nothing is throttled', () => {
  assert.deepEqual(toldOf({ alertThrottling: false }), ['spec.alertThrottling']);
  assert.deepEqual(toldOf({ maxAlertPerSec: 50, throttleSec: 5 }), ['spec.maxAlertPerSec', 'spec.throttleSec']);
});

test('arguments that shall not be looked at are told: no rule looks at them yet', () => {
  assert.deepEqual(toldOf({ matchArgs: false }), ['spec.matchArgs']);
});
