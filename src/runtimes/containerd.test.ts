// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeArmorError } from '#base';
import { readProcess, resolveInRoot } from '#host';
import type { Container, ContainerChange, ContainerEvent } from './container.ts';
import { containerdVersion, openContainerd } from './containerd.ts';
import { PrivateContainerd, whyNoContainers } from './testing/private-containerd.ts';

const skip = (await whyNoContainers()) ?? false;

test('containerd that is not there: lost is told once, list throws', async () => {
  const source = openContainerd('/no/such/containerd.sock');
  await assert.rejects(source.list(), (error) => error instanceof KubeArmorError && error.code === 'RUNTIME_UNREACHABLE');
  const kinds: string[] = [];
  for await (const change of source.watch(AbortSignal.timeout(700))) kinds.push(change.kind);
  assert.deepEqual(kinds, ['lost']);
});

/** Collects changes; each `until…` waits for one, with a deadline, and takes it. */
class Watched {
  readonly seen: ContainerChange[] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #wake = Promise.withResolvers<void>();

  constructor(socket: string) {
    this.#done = this.#collect(socket);
  }

  async #collect(socket: string): Promise<void> {
    for await (const change of openContainerd(socket).watch(this.#stop.signal)) {
      this.seen.push(change);
      this.#wake.resolve();
      this.#wake = Promise.withResolvers<void>();
    }
  }

  /** The container as that event tells of it. Earlier events of the container are forgotten. */
  async until(kind: ContainerEvent, id: string): Promise<Container> {
    const change = await this.#take((seen) => seen.kind === kind && 'container' in seen && seen.container.id === id);
    assert.ok('container' in change);
    return change.container;
  }

  async untilSynced(): Promise<Extract<ContainerChange, { kind: 'synced' }>> {
    const change = await this.#take((seen) => seen.kind === 'synced');
    assert.ok(change.kind === 'synced');
    return change;
  }

  async untilLost(): Promise<void> {
    await this.#take((seen) => seen.kind === 'lost');
  }

  async #take(wanted: (change: ContainerChange) => boolean): Promise<ContainerChange> {
    const deadlineMs = performance.now() + 30_000;
    for (;;) {
      const at = this.seen.findIndex(wanted);
      const found = this.seen[at];
      if (found !== undefined) {
        const later = this.seen.splice(at).slice(1);
        const forgotten = 'container' in found ? this.seen.filter((change) => isOf(change, found.container.key)) : [];
        this.seen.push(...later);
        for (const change of forgotten) this.seen.splice(this.seen.indexOf(change), 1);
        return found;
      }
      if (performance.now() > deadlineMs) throw new Error(`not seen in time: ${wanted.toString()}; seen: ${this.describe()}`);
      await Promise.race([this.#wake.promise, sleep(1000)]);
    }
  }

  describe(): string {
    return this.seen.map((change) => `${change.kind}${'container' in change ? ` ${change.container.key}` : ''}`).join(', ');
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

const isOf = (change: ContainerChange | undefined, key: string): boolean =>
  change !== undefined && 'container' in change && change.container.key === key;
const ids = (containers: readonly Container[]): string[] => containers.map((container) => container.key).sort();

test('a real containerd', { skip, timeout: 180_000 }, async (t) => {
  const daemon = new PrivateContainerd();
  t.after(() => daemon[Symbol.asyncDispose]());
  await daemon.start();
  const watched = new Watched(daemon.socket);
  t.after(() => watched.stop());
  const source = openContainerd(daemon.socket);
  const sleeper = (namespace: string, id: string): Promise<unknown> =>
    daemon.ctr('-n', namespace, 'run', '-d', '--label', `app=${id}`, '--rootfs', daemon.rootfs, id, '/bin/sleep', '1000');

  await t.test('answers', async () => {
    assert.match(await containerdVersion(daemon.socket), /^v?\d+\.\d+/);
    assert.deepEqual(await source.list(), []);
    assert.equal((await watched.untilSynced()).containers.length, 0);
  });

  await t.test('a new container: created, prepared, started, with cgroup and root', async () => {
    const beforeNs = BigInt(Date.now()) * 1_000_000n;
    await sleeper('default', 'web');
    const created = await watched.until('created', 'web');
    assert.equal(created.key, 'default/web');
    const { createdNs = 0n } = created;
    assert.ok(createdNs >= beforeNs && createdNs <= BigInt(Date.now() + 1) * 1_000_000n, `made at ${createdNs}, asked for at ${beforeNs}`);
    assert.deepEqual([created.initPid, created.cgroup, created.cgroupPath], [undefined, undefined, '/default/web']);
    const prepared = await watched.until('prepared', 'web');
    const started = await watched.until('started', 'web');
    assert.equal(prepared.status, 'created');
    assert.ok(prepared.cgroup !== undefined && prepared.initPid !== undefined);
    assert.equal(started.status, 'running');
    assert.equal(started.labels['app'], 'web');
    assert.deepEqual(started.cgroup, prepared.cgroup);
    assert.match(started.cgroup?.directory ?? '', /\/default\/web$/);
    assert.equal(readProcess(started.initPid ?? 0)?.nsPids.at(-1), 1);
    assert.ok(started.mounts.some((mount) => mount.destination === '/proc' && mount.source === undefined));
    const shell = resolveInRoot(`/proc/${started.initPid}/root`, '/bin/sh');
    assert.deepEqual(shell.multicall, { binary: '/bin/busybox', applet: 'sh', hardLink: false });
  });

  await t.test('the same id in another namespace is another container', async () => {
    await sleeper('k8s.io', 'web');
    await watched.until('started', 'web');
    assert.deepEqual(ids(await source.list()), ['default/web', 'k8s.io/web']);
  });

  await t.test('labels changed; an exec is nobody’s business', async () => {
    await daemon.ctr('containers', 'label', 'web', 'tier=front');
    assert.equal((await watched.until('updated', 'web')).labels['tier'], 'front');
    await daemon.ctr('tasks', 'exec', '--exec-id', 'e1', 'web', '/bin/true');
    await daemon.ctr('containers', 'label', 'web', 'tier=back');
    await watched.until('updated', 'web');
    assert.equal(watched.describe(), '');
  });

  await t.test('an image that containerd knows: its digest', async () => {
    const { digest } = await daemon.importImage('test.invalid/box:1');
    await daemon.ctr('run', '-d', '--snapshotter', 'native', 'test.invalid/box:1', 'boxed', '/bin/sleep', '1000');
    const started = await watched.until('started', 'boxed');
    assert.deepEqual([started.image, started.imageDigest], ['test.invalid/box:1', digest]);
  });

  await t.test('containerd killed: lost once, nothing ended; back: synced with what happened meanwhile', async () => {
    const { initPid } = (await source.list()).find((one) => one.id === 'boxed') ?? {};
    assert.ok(initPid !== undefined);
    await daemon.kill();
    await watched.untilLost();
    process.kill(initPid, 'SIGKILL');
    assert.equal(watched.describe(), '');
    await daemon.start();
    const synced = await watched.untilSynced();
    assert.ok(synced.gapMs > 0);
    assert.deepEqual(ids(synced.containers), ['default/boxed', 'default/web', 'k8s.io/web']);
    for (const { id, status, cgroup } of synced.containers) {
      if (id === 'boxed') assert.notEqual(status, 'running');
      else assert.ok(status === 'running' && cgroup !== undefined);
    }
    await daemon.ctr('tasks', 'delete', 'boxed').catch(() => {}); // some releases have done it themselves
    await daemon.ctr('containers', 'delete', 'boxed');
    await watched.until('deleted', 'boxed');
  });

  await t.test('an end: exited, released, deleted', async () => {
    await daemon.ctr('-n', 'k8s.io', 'tasks', 'kill', '-s', 'SIGKILL', 'web');
    assert.equal((await watched.until('exited', 'web')).status, 'stopped');
    await daemon.ctr('-n', 'k8s.io', 'tasks', 'delete', 'web');
    assert.equal((await watched.until('released', 'web')).cgroup, undefined);
    await daemon.ctr('-n', 'k8s.io', 'containers', 'delete', 'web');
    assert.equal((await watched.until('deleted', 'web')).runtimeNamespace, 'k8s.io');
    assert.deepEqual(ids(await source.list()), ['default/web']);
  });

  await t.test('a burst of short ones leaves nothing', async () => {
    const names = Array.from({ length: 5 }, (_, i) => `short${i}`);
    await Promise.all(names.map((name) => daemon.ctr('run', '--rm', '--rootfs', daemon.rootfs, name, '/bin/true')));
    for (const name of names) await watched.until('deleted', name);
    assert.deepEqual(ids(await source.list()), ['default/web']);
  });
});
