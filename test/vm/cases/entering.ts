// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { OTHER, RAN } from '../fleet.ts';
import type { Side } from '../fleet.ts';
import { isRefused } from '../running.ts';
import type { Ran } from '../running.ts';
import type { Stage, VmCase } from '../stage.ts';
import { ensureSides, rootOf } from './starts.ts';

/** Reads what it may not and what it may; 0 where the rules of its side hold. */
const errand = (side: Side): string[] => ['/bin/entry', `/etc/${OTHER[side]}`, `/etc/${side}`];
const LONG = '1000';

async function runContainer(stage: Stage, id: string, side: Side, ...options: readonly string[]): Promise<Ran> {
  return await stage.containerd.ctr('run', '--rm', '--label', `app=${side}`, ...options, '--rootfs', rootOf(stage), id, ...errand(side));
}

async function startContainer(stage: Stage, id: string, side: Side): Promise<void> {
  const ran = await stage.containerd.ctr('run', '-d', '--label', `app=${side}`, '--rootfs', rootOf(stage), id, ...errand(side), LONG);
  assert.equal(ran.code, 0, ran.output);
}

/** What enters a container is under its rules. */
async function assertEntered(stage: Stage, id: string, side: Side): Promise<void> {
  const read = await stage.containerd.exec(id, ...errand(side));
  assert.equal(read.code, 0, `what enters ${id} reads: ${JSON.stringify(read)}`);
  const forbidden = await stage.containerd.exec(id, `/bin/only-${OTHER[side]}`);
  assert.ok(isRefused(forbidden), `what enters ${id} runs: ${JSON.stringify(forbidden)}`);
  assert.equal((await stage.containerd.exec(id, `/bin/only-${side}`)).code, RAN);
}

const KINDS: Readonly<Record<string, readonly string[]>> = {
  privileged: ['--privileged'],
  hostpid: ['--with-ns', 'pid:/proc/1/ns/pid'],
  hostnet: ['--net-host'],
  'privileged-hostpid': ['--privileged', '--with-ns', 'pid:/proc/1/ns/pid', '--net-host'],
};

/** Containers of every kind, and what happens to them. */
export const ENTERING: readonly VmCase[] = [
  {
    name: 'privileged containers, with the host’s pid and network name spaces: their first program is under their rules',
    async run(stage) {
      await ensureSides(stage);
      for (const [kind, options] of Object.entries(KINDS)) {
        const ran = await runContainer(stage, kind, 'a', ...options);
        assert.equal(ran.code, 0, `${kind}: ${JSON.stringify(ran)}`);
      }
    },
  },
  {
    name: 'what enters a container by exec, also of a sidecar in its pid name space, is under its rules at once',
    async run(stage) {
      await ensureSides(stage);
      await startContainer(stage, 'main', 'a');
      await assertEntered(stage, 'main', 'a');
      const pid = /^main\s+(\d+)/m.exec((await stage.containerd.ctr('task', 'ls')).output)?.[1] ?? '';
      const sidecar = await runContainer(stage, 'sidecar', 'b', '--with-ns', `pid:/proc/${pid}/ns/pid`);
      assert.equal(sidecar.code, 0, JSON.stringify(sidecar));
    },
  },
  {
    name: 'a container that was paused is under its rules when it goes on',
    async run(stage) {
      await ensureSides(stage);
      assert.equal((await stage.containerd.ctr('task', 'pause', 'main')).code, 0);
      assert.equal((await stage.containerd.ctr('task', 'resume', 'main')).code, 0);
      await assertEntered(stage, 'main', 'a');
    },
  },
  {
    name: 'the same name again, as another workload: the other rules hold',
    async run(stage) {
      await ensureSides(stage);
      await stage.containerd.remove('main');
      await startContainer(stage, 'main', 'b');
      await assertEntered(stage, 'main', 'b');
      await stage.containerd.remove('main');
    },
  },
];
