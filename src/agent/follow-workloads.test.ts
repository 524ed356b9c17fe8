// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLogger } from '#base';
import { WorkloadFollower } from './follow-workloads.ts';
import { Protector } from './protector.ts';
import { FakeEnforcer } from './testing/fake-enforcer.ts';
import { bound, plainRoot } from './testing/samples.ts';

test('the agent’s own container is not bound, the pod’s others are', () => {
  const enforcer = new FakeEnforcer();
  const protector = new Protector({ enforcer, logger: noLogger, openRoot: plainRoot });
  const follower = new WorkloadFollower({
    protector,
    gateKeeper: { holds: () => false, review: () => 0, expect: () => {} },
    logger: noLogger,
    hostStays: false,
    isKnown: () => true,
    ownCgroup: '/sys/fs/cgroup/kubepods/pod1/agent',
    onFirst: () => {},
  });
  const own = bound('agent', { cgroupPath: '/sys/fs/cgroup/kubepods/pod1/agent' });
  const beside = bound('agent-2', { cgroupPath: '/sys/fs/cgroup/kubepods/pod1/agent-2' });
  for (const now of [own, beside]) follower.follow({ kind: 'bound', now });
  follower.follow({ kind: 'changed', now: own, before: own });
  assert.deepEqual(enforcer.keys(), [beside.key]);
  follower.stop();
});
