// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPod, enterHostCgroups } from './preflight.ts';

const HOST: Readonly<Record<string, string>> = { '/proc/self/ns/pid': 'pid:[4026531836]', '/proc/self/ns/cgroup': 'cgroup:[4026531835]' };
const OWN: Readonly<Record<string, string>> = { '/proc/self/ns/pid': 'pid:[4026532001]', '/proc/self/ns/cgroup': 'cgroup:[4026532002]' };

test('a pod that does not show the host’s processes and cgroups is refused, with the cure of each', () => {
  checkPod(
    (path) => HOST[path] ?? '',
    () => [],
  );
  assert.throws(
    () =>
      checkPod(
        (path) => OWN[path] ?? '',
        () => [],
      ),
    {
      code: 'NOT_SUPPORTED',
      message: /pid name space: set hostPID.*cgroup name space/,
    },
  );
  assert.throws(
    () =>
      checkPod(
        (path) => HOST[path] ?? '',
        () => ['CAP_KILL'],
      ),
    { message: /has no CAP_KILL.*add it/ },
  );
  assert.throws(() => checkPod((path) => (path.endsWith('pid') ? HOST : OWN)[path] ?? ''), {
    message: /^starting: it is not in the host’s cgroup/,
  });
});

test('in a pod with a cgroup name space of its own the agent enters the host’s and starts anew', () => {
  const HOSTS = 'cgroup:[4026531835]';
  const play = (own: string, first: string, entering?: Error): string[] => {
    const done: string[] = [];
    enterHostCgroups({
      readLink: (path) => (path === '/proc/1/ns/cgroup' ? first : own),
      enter: (path) => {
        if (entering !== undefined) throw entering;
        done.push(path);
      },
      startAnew: () => void done.push('anew'),
    });
    return done;
  };
  assert.deepEqual(play(HOSTS, HOSTS), []);
  assert.deepEqual(play('cgroup:[1]', 'cgroup:[1]'), [], 'process 1 is not the host’s');
  assert.deepEqual(play('cgroup:[1]', HOSTS), ['/proc/1/ns/cgroup', 'anew']);
  assert.throws(() => play('cgroup:[1]', HOSTS, new Error('EPERM')), {
    code: 'NOT_SUPPORTED',
    message: /cgroup name space: EPERM: it needs/,
  });
});
