// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from '#base';
import { isBpffs } from '#libbpf';
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

/** Root that may not mount, as in a container without privileges. */
const WITHOUT_MOUNTS = 'exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$@"';
const NO_BPFFS = /starting: mounting a BPF file system at .*: mount -t bpf bpf .*, or set bpfFsPath/;

/** An agent that cannot start leaves in force what one before it did. */
export const LACKS: readonly VmCase[] = [
  {
    name: 'a second agent refuses to start',
    async run(stage) {
      await stage.ensureGuarded();
      const ran = await run(KUBEARMOR, ...stage.flags({ stateDir: join(stage.home, 'second') }));
      assert.deepEqual([ran.code, /another agent listens/.test(ran.output)], [ERRORS.HOST_IO.exitCode, true], ran.output);
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
      mkdirSync(join(stage.home, 'bare'));
      startWith(stage, 'no-btf', 'mount -t tmpfs none /sys/kernel/btf');
      startWith(stage, 'empty-btf', 'mount --bind /dev/null /sys/kernel/btf/vmlinux', { bpfFsPath: fresh });
      startWith(stage, 'no-bpffs', ':', { bpfFsPath: join(file, 'bpf') });
      startWith(stage, 'no-mount', WITHOUT_MOUNTS, { bpfFsPath: join(stage.home, 'bare') });
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
    name: 'no BPF file system, and no directory for one: the agent says so; the rules of before hold',
    run: () => assertRefuses('no-bpffs', 1, NO_BPFFS),
  },
  {
    name: 'no BPF file system, and mounting one is not permitted: the same, and nothing of that agent is left',
    async run(stage) {
      await assertRefuses('no-mount', 1, NO_BPFFS);
      await assertRefuses('no-mount', 1, /EPERM/);
      const left = [join(stage.home, 'bare'), join(stage.home, 'no-mount')].flatMap((folder) =>
        existsSync(folder) ? readdirSync(folder) : [],
      );
      assert.deepEqual([left, existsSync(join(stage.home, 'no-mount.sock')), isBpffs(join(stage.home, 'bare'))], [[], false, false]);
    },
  },
];
