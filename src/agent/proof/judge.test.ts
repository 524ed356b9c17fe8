// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KernelEvent } from '#events';
import type { Access, Probe, RuleInfo, Verdict } from '#policy';
import { kernelEvent } from '../testing/samples.ts';
import { isAllTold, judgeProbes } from './judge.ts';
import type { Evidence } from './judge.ts';

const rule = (id: number, policy: string): RuleInfo => ({
  id,
  kind: 'KubeArmorPolicy',
  namespace: 'n',
  policy,
  field: `spec.file.matchPaths[${id}]`,
  family: 'file',
  action: 'Block',
  severity: 1,
  tags: [],
  message: '',
});
const RULES = [rule(0, 'a'), rule(1, 'b')];
const READ: Access = { kind: 'read', object: { path: '/x' }, owner: true, subject: '/bin/s' };
const CAP: Access = { kind: 'capability', capability: 22, subject: '/bin/s' };
const SOCKET: Access = { kind: 'socket', op: 'create', domain: 2, type: 1, protocol: 6, subject: '/bin/s' };
const DENIED: Verdict = { outcome: 'denied', rule: 0 };
const AUDITED: Verdict = { outcome: 'audited', rule: 0 };
const told = (over: Partial<KernelEvent> = {}): KernelEvent =>
  kernelEvent({ hook: 'FILE_OPEN', path: '/x', ruleId: 0, outcome: 'denied', ...over });

function judged(access: Access, expected: Verdict, errno: number | undefined, ...events: readonly KernelEvent[]): string {
  const probe: Probe = { access, expected, family: 'file', proves: [0] };
  const errnos = new Map(errno === undefined ? [] : [[0, errno]]);
  const evidence: Evidence = { answers: { errnos, notStarted: [] }, events, rules: RULES, ruleOf: ({ ruleId }) => RULES[ruleId ?? -1] };
  const { failures, passed, undecided } = judgeProbes([probe], evidence);
  assert.equal(failures.length + passed.length + undecided.length, 1);
  if (undecided.length > 0) return 'undecided';
  return failures[0]?.message.replace(/^.*?: .*?: /, '') ?? 'passed';
}

test('denied is what was refused and told with the rule', () => {
  assert.equal(judged(READ, DENIED, 13, told()), 'passed');
  assert.equal(judged(CAP, DENIED, 1, told({ hook: 'CAPABLE', capability: 22 })), 'passed');
  assert.equal(judged(SOCKET, DENIED, 13, told({ hook: 'SOCKET_CREATE', socket: { domain: 2, type: 1, protocol: 6 } })), 'passed');
  assert.equal(judged(READ, { outcome: 'denied' }, 13, told({ ruleId: undefined })), 'passed');
});

test('what passed, what another module refused, and what was not tried is not denied', () => {
  assert.equal(judged(READ, DENIED, 0, told()), 'it must be denied, and passed');
  assert.equal(judged(READ, DENIED, 2, told()), 'it must be denied, and gave ENOENT');
  assert.equal(judged(READ, DENIED, 13), 'it was denied, and no alert came; a spec.file.matchPaths[0] must tell');
  assert.equal(judged(READ, DENIED, undefined, told()), 'it was not tried');
  assert.equal(judged(CAP, DENIED, 38), 'undecided');
});

test('an alert of another rule, outcome, object or kind is not this one’s', () => {
  const instead = 'instead of a spec.file.matchPaths[0] (denied)';
  assert.equal(
    judged(READ, DENIED, 13, told({ ruleId: 1 })),
    `it was denied, and the alert names b spec.file.matchPaths[1] (denied) ${instead}`,
  );
  assert.equal(
    judged(READ, DENIED, 13, told({ outcome: 'audited' })),
    `it was denied, and the alert names a spec.file.matchPaths[0] (audited) ${instead}`,
  );
  for (const event of [told({ path: '/y' }), told({ hook: 'SECURITY_BPRM_CHECK' })])
    assert.match(judged(READ, DENIED, 13, event), /no alert came/);
  assert.match(judged(CAP, DENIED, 1, told({ hook: 'CAPABLE', capability: 21 })), /no alert came/);
  const other = told({ hook: 'SOCKET_BIND', socket: { domain: 2, type: 1, protocol: 6 } });
  assert.match(judged(SOCKET, DENIED, 13, other), /no alert came/);
});

test('audited is what passed and was told; of a socket only that it was told', () => {
  const event = told({ outcome: 'audited' });
  assert.equal(judged(READ, AUDITED, 0, event), 'passed');
  assert.equal(judged(READ, AUDITED, 13, event), 'it must pass, and gave EACCES');
  assert.match(judged(READ, AUDITED, 0), /^it passed, and no alert came/);
  assert.equal(judged(CAP, AUDITED, 22, told({ outcome: 'audited', hook: 'CAPABLE', capability: 22 })), 'passed');
});

test('what must pass passes', () => {
  assert.equal(judged(READ, { outcome: 'passed' }, 0), 'passed');
  assert.equal(judged(READ, { outcome: 'passed' }, 13, told()), 'it must pass, and gave EACCES');
});

test('an alert is waited for only where it could make a difference', () => {
  const probe: Probe = { access: READ, expected: DENIED, family: 'file', proves: [0] };
  const isTold = (errno: number, ...events: readonly KernelEvent[]): boolean =>
    isAllTold([probe], { answers: { errnos: new Map([[0, errno]]), notStarted: [] }, events, rules: RULES, ruleOf: () => RULES[0] });
  assert.deepEqual([isTold(13), isTold(13, told()), isTold(0)], [false, true, true]);
});
