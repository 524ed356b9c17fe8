// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KUBEARMOR } from '../agent-process.ts';
import { run } from '../running.ts';
import type { Ran } from '../running.ts';
import type { Stage, VmCase } from '../stage.ts';

/** Starts that cannot succeed, by name; all at once, as each takes long in a guest. */
const starts = new Map<string, Promise<Ran>>();

/** An agent in a mount name space of its own, after `mounts`. */
function startWith(stage: Stage, name: string, mounts: string, over: Readonly<Record<string, string>> = {}): void {
  const flags = stage.flags({ socket: join(stage.home, `${name}.sock`), stateDir: join(stage.home, name), ...over });
  starts.set(name, run('timeout', '170', 'unshare', '--mount', 'sh', '-ec', `${mounts}\nexec "$@"`, 'sh', KUBEARMOR, ...flags));
}

/** It ended with an exit code that says so, and a line with what, where, why and what to do; not with a stack. */
async function assertRefuses(name: string, code: number, told: RegExp): Promise<void> {
  const ran = await starts.get(name);
  assert.equal(ran?.code, code, ran?.output ?? 'it was not started');
  assert.match(ran?.output ?? '', told);
  assert.doesNotMatch(ran?.output ?? '', /^\s+at .*\.ts:\d+/m);
}

const NO_BTF = /starting: .*the kernel has no BTF \(\/sys\/kernel\/btf\/vmlinux\).*use one built with/;

/** An agent that cannot start leaves in force what one before it did. */
export const LACKS: readonly VmCase[] = [
  {
    name: 'a second agent refuses to start',
    async run(stage) {
      await stage.ensureGuarded();
      const ran = await run(KUBEARMOR, ...stage.flags({ stateDir: join(stage.home, 'second') }));
      assert.deepEqual([ran.code, /another agent listens/.test(ran.output)], [1, true], ran.output);
    },
  },
  {
    name: 'a clean stop: exit code 0, no socket, and rules that hold',
    async run(stage) {
      const agent = await stage.ensureGuarded();
      assert.equal(await agent.stop(), 0, agent.stderr);
      assert.ok(!existsSync(stage.socket));
      const file = join(stage.home, 'a-file');
      const fresh = join(stage.home, 'fresh-bpf');
      writeFileSync(file, '');
      mkdirSync(fresh);
      startWith(stage, 'no-btf', 'mount -t tmpfs none /sys/kernel/btf');
      startWith(stage, 'empty-btf', 'mount --bind /dev/null /sys/kernel/btf/vmlinux', { bpfFsPath: fresh });
      startWith(stage, 'no-bpffs', ':', { bpfFsPath: join(file, 'bpf') });
    },
  },
  {
    name: 'no BTF of the kernel: the agent says what, where and what to do; the rules of before hold',
    run: () => assertRefuses('no-btf', 1, NO_BTF),
  },
  {
    name: 'BTF that cannot be read: the same',
    run: () => assertRefuses('empty-btf', 1, NO_BTF),
  },
  {
    name: 'no BPF file system, and none can be mounted: the agent says so; the rules of before hold',
    run: () => assertRefuses('no-bpffs', 1, /starting: mounting a BPF file system at .*: mount -t bpf bpf .*, or set bpfFsPath/),
  },
];
