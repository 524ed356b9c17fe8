// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPod } from './preflight.ts';

const HOST: Readonly<Record<string, string>> = { '/proc/self/ns/pid': 'pid:[4026531836]', '/proc/self/ns/cgroup': 'cgroup:[4026531835]' };
const OWN: Readonly<Record<string, string>> = { '/proc/self/ns/pid': 'pid:[4026532001]', '/proc/self/ns/cgroup': 'cgroup:[4026532002]' };

test('a pod that does not show the host’s processes and cgroups is refused, with the cure of each', () => {
  checkPod((path) => HOST[path] ?? '');
  assert.throws(() => checkPod((path) => OWN[path] ?? ''), {
    code: 'NOT_SUPPORTED',
    message: /pid name space: set hostPID.*cgroup name space/,
  });
  assert.throws(() => checkPod((path) => (path.endsWith('pid') ? HOST : OWN)[path] ?? ''), {
    message: /^starting: it is not in the host’s cgroup/,
  });
});
