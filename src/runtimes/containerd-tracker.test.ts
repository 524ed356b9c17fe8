// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { KubeArmorError } from '#base';
import type { Container } from './container.ts';
import { ContainerdTracker } from './containerd-tracker.ts';
import { ContainerDeleteSchema, TaskCreateSchema, TaskDeleteSchema, TaskExitSchema, TaskStartSchema } from './gen/event-types_pb.ts';
import { EnvelopeSchema } from './gen/events_pb.ts';
import type { Envelope } from './gen/events_pb.ts';
import { sampleContainer as container } from './testing/sample-container.ts';

const NOBODY = 4_194_304; // above every pid: no cgroup is found for it

const running = container({ status: 'running', initPid: NOBODY });
const envelope = (topic: string, value: Uint8Array): Envelope =>
  create(EnvelopeSchema, { namespace: 'default', topic, event: { typeUrl: '', value } });
const taskCreate = (pid: number): Envelope =>
  envelope('/tasks/create', toBinary(TaskCreateSchema, create(TaskCreateSchema, { containerId: 'web', pid })));
const taskStart = (pid: number): Envelope =>
  envelope('/tasks/start', toBinary(TaskStartSchema, create(TaskStartSchema, { containerId: 'web', pid })));
const taskExit = (pid: number, id = 'web'): Envelope =>
  envelope('/tasks/exit', toBinary(TaskExitSchema, create(TaskExitSchema, { containerId: 'web', id, pid })));
const taskDelete = (pid: number, id = ''): Envelope =>
  envelope('/tasks/delete', toBinary(TaskDeleteSchema, create(TaskDeleteSchema, { containerId: 'web', id, pid })));
const containerDelete = envelope('/containers/delete', toBinary(ContainerDeleteSchema, create(ContainerDeleteSchema, { id: 'web' })));

const cases: readonly { name: string; known: Container[]; events: Envelope[]; fetched?: Container; kinds: string[] }[] = [
  {
    name: 'the whole life',
    known: [container()],
    events: [taskCreate(NOBODY), taskStart(NOBODY), taskExit(NOBODY), taskDelete(NOBODY)],
    kinds: ['prepared', 'started', 'exited', 'released'],
  },
  { name: 'events older than the list change nothing', known: [running], events: [taskCreate(NOBODY), taskStart(NOBODY)], kinds: [] },
  { name: 'the end of an earlier process is not the end of this one', known: [running], events: [taskExit(5), taskDelete(5)], kinds: [] },
  {
    name: 'the end of an exec is not the end of the container',
    known: [running],
    events: [taskExit(NOBODY, 'exec-1'), taskDelete(NOBODY, 'exec-1')],
    kinds: [],
  },
  { name: 'a new process without the old one’s end', known: [running], events: [taskCreate(NOBODY + 1)], kinds: ['prepared'] },
  { name: 'deleted', known: [running], events: [containerDelete], kinds: ['deleted'] },
  {
    name: 'deleted and made anew before we looked',
    known: [running],
    events: [containerDelete],
    fetched: container(),
    kinds: ['released'],
  },
  { name: 'an event of a container that we do not know', known: [], events: [taskStart(NOBODY)], fetched: running, kinds: ['started'] },
  { name: 'an event of a container that is gone already', known: [], events: [taskStart(NOBODY)], kinds: [] },
  { name: 'a topic that nobody asked for', known: [running], events: [envelope('/tasks/oom', new Uint8Array([0xff]))], kinds: [] },
];
for (const c of cases) {
  test(`tracker: ${c.name}`, async () => {
    const tracker = new ContainerdTracker(new Map(c.known.map((known) => [known.key, known])));
    const kinds: string[] = [];
    for (const event of c.events)
      kinds.push(...(await tracker.apply(event, () => Promise.resolve(c.fetched))).map((change) => change.kind));
    assert.deepEqual(kinds, c.kinds);
  });
}

test('tracker: a list tells what events did not', () => {
  const tracker = new ContainerdTracker(new Map([['default/web', running]]));
  const list = (...containers: Container[]): string[] =>
    tracker.reconcile(new Map(containers.map((one) => [one.key, one]))).map((change) => change.kind);
  assert.deepEqual(list({ ...running }), []);
  assert.deepEqual(list({ ...running, labels: { a: 'b' } }), ['updated']);
  assert.deepEqual(list(container({ labels: { a: 'b' } })), ['released']);
  assert.deepEqual(list(container({ labels: { a: 'b' } }), container({ key: 'k8s.io/new' })), ['created']);
  assert.deepEqual(list(), ['deleted', 'deleted']);
});

test('tracker: an event that cannot be read', async () => {
  const tracker = new ContainerdTracker(new Map());
  const garbage = envelope('/tasks/start', new Uint8Array([0xff, 0xff]));
  await assert.rejects(
    tracker.apply(garbage, () => Promise.resolve(undefined)),
    (error) => error instanceof KubeArmorError && error.code === 'PROTOCOL',
  );
});
