// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeArmorError } from '#base';
import { readMounts } from './mountinfo.ts';
import { openScratchCgroup, removeScratchCgroup } from './scratch-cgroup.ts';

const hasVersion2 = readMounts('/proc/self/mountinfo').some(({ fileSystem }) => fileSystem === 'cgroup2');

// where there is one the group `proof` of test/vm makes it, kills what is in it and removes it
test('without a hierarchy of version 2 there is none, and nothing to remove', { skip: hasVersion2 }, async () => {
  const isTold = (error: unknown): boolean =>
    error instanceof KubeArmorError && error.code === 'NOT_SUPPORTED' && /mount -t cgroup2/.test(error.message);
  await assert.rejects(openScratchCgroup('scratch-test'), isTold);
  await removeScratchCgroup('scratch-test');
});
