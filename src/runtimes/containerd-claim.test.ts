// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { ownsCgroup } from './containerd-inventory.ts';
import { ContainerdTracker } from './containerd-tracker.ts';
import type { Claims } from './containerd-tracker.ts';
import { openContainerd } from './containerd.ts';
import { ContainerCreateSchema } from './gen/event-types_pb.ts';
import { EnvelopeSchema } from './gen/events_pb.ts';
import { PrivateContainerd, whyNoContainers } from './testing/private-containerd.ts';
import { sampleContainer as container } from './testing/sample-container.ts';

const HEX = 'ab'.repeat(32);
const GONE = 4_194_304; // above every pid

const OWNERS: readonly (readonly [id: string, declared: string | undefined, cgroup: string, owns: boolean])[] = [
  ['web', '/default/web', '/default/web', true],
  ['web', '/default/web', '/default/web/init', true],
  ['web', '/default/web', '/default/web-2', false],
  ['web', '/default/web', '/default', false],
  [HEX, undefined, `/kubepods.slice/kubepods-pod1.slice/cri-containerd-${HEX}.scope`, true],
  [HEX, undefined, `/kubepods/burstable/pod1/${HEX}`, true],
  [HEX, undefined, `/system.slice/docker-${HEX}.scope`, true],
  ['my-web', undefined, '/system.slice/nerdctl-my-web.scope', true],
  ['web', undefined, '/user.slice/session-1.scope', false],
];

for (const [id, cgroupPath, cgroup, owns] of OWNERS) {
  test(`claim: ${id.slice(0, 6)} at ${cgroupPath ?? 'no place'} ${owns ? 'owns' : 'does not own'} ${cgroup}`, () => {
    assert.equal(ownsCgroup(container({ id, cgroupPath }), cgroup), owns);
  });
}

test('claim: the first process of a container that has none; a list from before it was told does not take it away', () => {
  const listed = container({ cgroupPath: '/default/web' });
  const tracker = new ContainerdTracker(new Map([[listed.key, listed]]));
  assert.equal(tracker.ownerOf('/default/web/below')?.key, listed.key);
  const [change] = tracker.claim(listed, process.pid);
  assert.ok(change?.kind === 'prepared' && change.container.initPid === process.pid && change.container.status === 'created');
  assert.deepEqual(tracker.claim(listed, 7), [], 'it has one');
  assert.deepEqual(tracker.reconcile(new Map([[listed.key, listed]])), []);
  const told = container({ cgroupPath: '/default/web', initPid: process.pid, status: 'running' });
  assert.deepEqual(
    tracker.reconcile(new Map([[told.key, told]])).map(({ kind }) => kind),
    ['started'],
  );
});

test('claim: an event that is told late, and another connection, do not take it away', async () => {
  const listed = container({ cgroupPath: '/default/web' });
  const both = new Map([[listed.key, listed]]);
  const claims: Claims = new Map();
  const tracker = new ContainerdTracker(new Map(), claims);
  assert.equal(tracker.claim(listed, process.pid)[0]?.kind, 'prepared');
  const value = toBinary(ContainerCreateSchema, create(ContainerCreateSchema, { id: listed.id }));
  const namespace = listed.runtimeNamespace;
  const late = create(EnvelopeSchema, { namespace, topic: '/containers/create', event: { typeUrl: '', value } });
  assert.deepEqual(await tracker.apply(late, () => Promise.resolve(listed)), [], 'made, says containerd, without a process');
  const next = new ContainerdTracker(both, claims);
  assert.deepEqual(
    next.list().map(({ initPid }) => initPid),
    [process.pid],
  );
  assert.deepEqual(next.reconcile(both), []);
  assert.deepEqual(new ContainerdTracker(new Map(), claims).list(), []);
  assert.equal(claims.size, 0, 'the container is gone');
});

test('claim: a process that is gone is the container’s no longer', () => {
  const listed = container();
  const tracker = new ContainerdTracker(new Map([[listed.key, listed]]));
  tracker.claim(listed, GONE);
  assert.deepEqual(
    tracker.reconcile(new Map([[listed.key, listed]])).map(({ kind }) => kind),
    ['released'],
  );
});

test(
  'claim: a real containerd knows a container before its task',
  { skip: (await whyNoContainers()) ?? false, timeout: 60_000 },
  async (t) => {
    await using daemon = new PrivateContainerd();
    await daemon.start();
    const source = openContainerd(daemon.socket);
    assert.equal(await source.claim('/default/early', process.pid), 'away', 'nobody watches');
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const change of source.watch(stop.signal))
        if ('container' in change) seen.push(`${change.kind} ${change.container.initPid}`);
    })();
    t.after(() => stop.abort());
    await daemon.ctr('containers', 'create', '--rootfs', daemon.rootfs, 'early', '/bin/true');
    while ((await source.claim('/default/early', process.pid)) !== 'claimed') await sleep(50);
    assert.deepEqual(seen.at(-1), `prepared ${process.pid}`);
    assert.equal(await source.claim('/default/other', process.pid), 'unknown');
    stop.abort();
    await watching;
    assert.equal(await source.claim('/default/early', process.pid), 'away');
  },
);
