// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeArmorError, noLogger } from '#base';
import type { Tampering } from '#enforce';
import type { Alert } from '#events';
import { IntegrityWatch } from './integrity-watch.ts';

function watch(rounds: readonly (readonly Tampering[] | KubeArmorError)[]): { watch: IntegrityWatch; alerts: Alert[]; logged: string[] } {
  const alerts: Alert[] = [];
  const logged: string[] = [];
  const left = [...rounds];
  const checkIntegrity = (): readonly Tampering[] => {
    const next = left.shift() ?? [];
    if (next instanceof KubeArmorError) throw next;
    return next;
  };
  const names = { clusterName: 'c', hostName: 'h', nodeId: 'n', version: '1' };
  const enforcer = { checkIntegrity, report: { name: 'BPFLSM', missing: [] } };
  const logger = { ...noLogger, error: (text: string) => void logged.push(text) };
  return { watch: new IntegrityWatch({ enforcer, names, tell: (alert) => void alerts.push(alert), logger }), alerts, logged };
}

test('what was set right is told once, as an alert of the node, and remembered', () => {
  const { watch: it, alerts, logged } = watch([[{ what: 'the pin x was removed', problem: undefined }]]);
  it.check();
  it.check();
  assert.deepEqual(logged, ['the pin x was removed']);
  assert.deepEqual(
    alerts.map(({ PolicyName, Type, Action, Result, Resource }) => [PolicyName, Type, Action, Result, Resource]),
    [['KubeArmorSelfProtection', 'MatchedHostPolicy', 'Audit', 'Passed', 'the pin x was removed; set right']],
  );
  assert.match(it.reasons()[0]?.problem ?? '', /the pin x was removed; set right/);
});

test('what cannot be set right is told once, and again when it can', () => {
  const wrong = { what: 'the pin x was removed', problem: 'EPERM' };
  const { watch: it, alerts } = watch([[wrong], [wrong], [], [{ ...wrong, problem: undefined }]]);
  for (const state of [/not set right: EPERM/, /not set right: EPERM/, /; set right/, /; set right/]) {
    it.check();
    assert.match(it.reasons()[0]?.problem ?? '', state);
  }
  assert.equal(alerts.length, 1);
});

test('a state that cannot be read is a reason, not the end', () => {
  const { watch: it, logged } = watch([new KubeArmorError('KERNEL_CALL', 'looking up: EPERM')]);
  it.check();
  assert.deepEqual(logged, ['the state in the kernel cannot be compared']);
  assert.match(it.reasons()[0]?.problem ?? '', /looking up: EPERM/);
});

test('every look is told to whom it concerns, also where nothing is new', () => {
  const told: (readonly Tampering[])[] = [];
  const wrong = { what: 'the cgroup of a was unbound in the kernel', problem: undefined, workloads: ['a'] };
  const rounds = [[wrong], [wrong], []];
  const enforcer = { checkIntegrity: () => rounds.shift() ?? [], report: { name: 'X', missing: [] } };
  const names = { clusterName: 'c', hostName: 'h', nodeId: 'n', version: '1' };
  const it = new IntegrityWatch({ enforcer, names, tell: () => {}, distrust: (found) => void told.push(found), logger: noLogger });
  for (let i = 0; i < 3; i++) it.check();
  assert.deepEqual(told, [[wrong], [wrong], []]);
});
