// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeLacks } from './node-lacks.ts';

const good: Parameters<typeof nodeLacks>[0] = {
  kernelRelease: '6.12.0',
  kernelMajor: 6,
  kernelMinor: 12,
  lsms: ['capability', 'bpf'],
  hasBtf: true,
  cgroupRoot: { version: 2, directory: '/sys/fs/cgroup' },
};

test('nodeLacks: each thing that is missing, with its cure', () => {
  assert.deepEqual(nodeLacks(good), []);
  assert.deepEqual(nodeLacks({ ...good, kernelMajor: 5, kernelMinor: 17 }), []);
  const cases: readonly (readonly [Partial<typeof good>, RegExp])[] = [
    [{ kernelMajor: 5, kernelMinor: 16 }, /older than 5\.17 update/],
    [{ hasBtf: false }, /no BTF.*CONFIG_DEBUG_INFO_BTF/],
    [{ lsms: undefined }, /cannot be read mount securityfs/],
    [{ lsms: ['capability', 'yama'] }, /bpf is not active \(active: capability, yama\) add lsm=capability,yama,bpf/],
    [{ cgroupRoot: undefined }, /no cgroup file system.*mount -t cgroup2/],
    [{ cgroupRoot: { version: 1, directory: '/c' } }, /cgroup version 1.*unified_cgroup_hierarchy=1/],
  ];
  for (const [over, says] of cases) {
    const found = nodeLacks({ ...good, ...over });
    assert.equal(found.length, 1);
    assert.match(`${found[0]?.problem} ${found[0]?.cure}`, says);
  }
});
