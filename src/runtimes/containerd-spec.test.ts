// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseSpec, podOf } from './containerd-spec.ts';
import { findRuntimeSocket } from './sockets.ts';

const bytes = (spec: unknown): Uint8Array => Buffer.from(JSON.stringify(spec));

test('parseSpec: cgroup, mounts, annotations', () => {
  const facts = parseSpec(
    bytes({
      linux: { cgroupsPath: 'system.slice:ctr:web' },
      annotations: { a: 'b', bad: 1 },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/etc/hosts', type: 'bind', source: '/var/h', options: ['rbind', 'ro'] },
        { destination: '/data', source: '/srv', options: ['bind'] },
        { type: 'tmpfs' },
        'rubbish',
      ],
    }),
  );
  assert.deepEqual(facts, {
    cgroupPath: '/system.slice/ctr-web.scope',
    annotations: { a: 'b' },
    mounts: [
      { destination: '/proc', source: undefined, readOnly: false },
      { destination: '/etc/hosts', source: '/var/h', readOnly: true },
      { destination: '/data', source: '/srv', readOnly: false },
    ],
  });
});

test('parseSpec: whatever is not a specification has no facts', () => {
  const none = { cgroupPath: undefined, mounts: [], annotations: {} };
  for (const spec of [null, [], 7, 'x', {}, { linux: 3, mounts: {}, annotations: [] }]) assert.deepEqual(parseSpec(bytes(spec)), none);
  assert.deepEqual(parseSpec(new Uint8Array([0xff])), none);
  assert.deepEqual(parseSpec(new Uint8Array()), none);
});

test('podOf: annotations before labels, and only where kubelet works', () => {
  const labels = {
    'io.kubernetes.pod.name': 'p',
    'io.kubernetes.pod.namespace': 'ns',
    'io.kubernetes.pod.uid': 'u',
    'io.kubernetes.container.name': 'c',
  };
  assert.deepEqual(podOf('id', 'k8s.io', { 'io.kubernetes.cri.sandbox-id': 's', 'io.kubernetes.cri.sandbox-namespace': 'real' }, labels), {
    namespace: 'real',
    podName: 'p',
    podUid: 'u',
    containerName: 'c',
    sandboxId: 's',
    isSandbox: false,
  });
  assert.equal(podOf('id', 'default', {}, labels), undefined, 'an image’s labels do not make a pod');
  assert.equal(podOf('id', 'k8s.io', {}, {}), undefined);
  const sandbox = podOf('s', 'k8s.io', {}, { ...labels, 'io.cri-containerd.kind': 'sandbox' });
  assert.deepEqual([sandbox?.isSandbox, sandbox?.sandboxId, sandbox?.containerName], [true, 's', '']);
});

test('findRuntimeSocket: containerd before Docker; files are no sockets', async () => {
  const root = mkdtempSync(join(tmpdir(), 'sock-'));
  assert.equal(findRuntimeSocket(root), undefined);
  mkdirSync(join(root, 'run/k3s/containerd/containerd.sock'), { recursive: true });
  mkdirSync(join(root, 'run/containerd'));
  const servers = ['run/docker.sock', 'run/containerd/containerd.sock'].map((path) => createServer().listen(join(root, path)));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  assert.deepEqual(findRuntimeSocket(root), { kind: 'containerd', path: `${root}/run/containerd/containerd.sock` });
  for (const server of servers) server.close();
  rmSync(root, { recursive: true });
});
