// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BpfMap } from '#libbpf';
import { buildNative } from '../../kernel/native.ts';
import { until } from '../running.ts';
import type { Stage, VmCase } from '../stage.ts';

const ATTACKER = 'attacker';

/** The folder of pins of the programs in force. */
function pinsOf(stage: Stage): string {
  const root = join(stage.bpfFs, 'kubearmor');
  return join(root, readdirSync(root)[0]!);
}

const alertsOf = (stage: Stage): readonly Record<string, unknown>[] =>
  readFileSync(stage.jsonLog, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ policyName }) => policyName === 'KubeArmorSelfProtection');

/** A container with everything that there is: all capabilities, the node's processes, its whole file system, no policy. */
async function ensureAttacker(stage: Stage): Promise<void> {
  if (existsSync(join(stage.rootfs, 'bin/stim'))) return;
  copyFileSync(buildNative().stim, join(stage.rootfs, 'bin/stim'));
  await stage.containerd.runPrivileged(ATTACKER, '/bin/stim', 'pause 100000000');
  await until('the agent knows the attacker', () => stage.agent!.stderr.includes(`detected a container name=${ATTACKER}`));
}

/** What the attacker tries, each with the errors that are an answer. */
async function attack(stage: Stage, attempts: Readonly<Record<string, string>>): Promise<void> {
  const { output } = await stage.containerd.exec(ATTACKER, '/bin/stim', ...Object.keys(attempts));
  const results = output.trim().split('\n');
  const wrong = Object.entries(attempts).flatMap(([attempt, wanted], i) =>
    results[i] === wanted ? [] : [`${attempt}: ${wanted} expected, ${results[i]} came`],
  );
  assert.deepEqual(wrong, []);
}

async function attackEverything(stage: Stage): Promise<void> {
  const pid = stage.agent!.pid;
  const pins = `/host${pinsOf(stage)}`;
  const outside = '/host/run';
  await attack(stage, {
    [`kill ${pid} 9`]: 'EPERM',
    [`kill ${pid} 19`]: 'EPERM',
    [`sigio ${pid} 9`]: 'OK', // it is not sent
    [`limit ${pid}`]: 'EPERM',
    [`ptrace ${pid}`]: 'EPERM',
    [`vmread ${pid}`]: 'EPERM',
    [`open rw /proc/${pid}/mem`]: 'EACCES',
    [`steal d ${pid} 0`]: 'EPERM',
    [`open w /proc/${pid}/fd/2`]: 'EACCES',
    [`hold m r /proc/${pid}/ns/mnt`]: 'EACCES',
    'bpf-ids map': 'EPERM',
    'bpf-ids prog': 'EPERM',
    'bpf-ids link': 'EPERM',
    [`bpf-get m ${pins}/map_scopes`]: 'EPERM',
    [`bpf-get p ${pins}/prog_enroll`]: 'EPERM',
    [`bpf-get p ${pins}/prog_adopt`]: 'EPERM',
    [`bpf-get l ${pins}/link_ka_file_open`]: 'OK', // harmless: see the next two
    'bpf-replace l': 'EPERM',
    'bpf-detach l': 'EPERM',
    [`unlink ${pins}/link_ka_file_open`]: 'EPERM',
    [`rename ${pins}/map_tasks ${pins}/x`]: 'EPERM',
    [`rename ${pins} ${pins}x`]: 'EPERM',
    [`umount /host${stage.bpfFs}`]: 'EPERM',
    [`mount tmpfs x /host${stage.policies}`]: 'EPERM',
    [`open w+creat /host${stage.policies}/x.yaml`]: 'EPERM',
    [`unlink /host${stage.policies}/guard.yaml`]: 'EPERM',
    [`rename /host${stage.policies} /host${stage.disk}/x`]: 'EPERM',
    [`open w /host${stage.stateDir}/bpf-lsm.json`]: 'EPERM',
    'sock s unix stream': 'OK',
    [`connect s /host${stage.socket}`]: 'EPERM',
    [`unlink /host${stage.socket}`]: 'EPERM',
    [`open w+creat ${outside}/tampering-test`]: 'OK', // what is not ours is not our matter
    [`unlink ${outside}/tampering-test`]: 'OK',
    'hold n r /proc/1/ns/mnt': 'OK',
    'setns n': 'OK',
    [`move-mount ${stage.bpfFs} ${outside.slice('/host'.length)}`]: 'EPERM',
    [`mount tmpfs x ${stage.policies}`]: 'EPERM',
    [`umount ${stage.bpfFs}`]: 'EPERM',
    [`unlink ${pinsOf(stage)}/link_ka_file_open`]: 'EPERM',
  });
}

/** The enforcement itself under attack: from a privileged container, and by root on the node. */
export const TAMPERING: readonly VmCase[] = [
  {
    name: 'a privileged container with the node’s processes and files: agent, maps, programs, pins, policies and socket stay',
    async run(stage) {
      await stage.ensureGuarded();
      await ensureAttacker(stage);
      await attackEverything(stage);
      assert.ok(stage.agent!.isRunning);
      const hooks = ['TASK_KILL', 'TASK_SETRLIMIT', 'PTRACE', 'BPF', 'FILE_UNLINK', 'MOUNT', 'UNIX_CONNECT'];
      const isTold = (hook: string): boolean =>
        alertsOf(stage).some(
          ({ data, action, containerName }) => data === `lsm=${hook}` && action === 'Block' && containerName === ATTACKER,
        );
      await until('an alert of each kind', () => hooks.every(isTold)).catch(() => {
        assert.fail(
          `told: ${alertsOf(stage)
            .map(({ data, resource }) => `${String(data)} ${String(resource)}`)
            .join(', ')}`,
        );
      });
    },
  },
  {
    name: 'while no agent runs rules and self-protection hold; the next agent is protected as the one before',
    async run(stage) {
      const agent = await stage.ensureGuarded();
      await agent.kill('SIGKILL');
      await stage.probe();
      await attack(stage, { 'bpf-ids map': 'EPERM', [`unlink /host${pinsOf(stage)}/link_ka_file_open`]: 'EPERM' });
      await stage.start();
      await attackEverything(stage);
    },
  },
  {
    name: 'root removes a pin: it is pinned again, told in the log, as an alert and by the probe file',
    async run(stage) {
      await stage.ensureGuarded();
      const pins = pinsOf(stage);
      const names = readdirSync(pins).toSorted();
      for (const name of ['link_ka_file_open', 'map_scopes', 'prog_adopt', 'prog_enroll']) unlinkSync(join(pins, name));
      await until('it is pinned again', () => readdirSync(pins).length === names.length);
      assert.deepEqual(readdirSync(pins).toSorted(), names);
      await until('it is told', () => stage.agent!.stderr.includes('the pin link_ka_file_open was removed'));
      await until('probe.json tells', () => stage.reasons().some((reason) => /pin link_ka_file_open was removed; set right/.test(reason)));
      const resources = alertsOf(stage).map(({ resource }) => resource);
      assert.ok(resources.includes('the pin link_ka_file_open was removed; set right'), resources.join('\n'));
    },
  },
  {
    name: 'root switches the rules of a workload off in the kernel, unbinds its cgroup, takes its image out: each is set right',
    async run(stage) {
      await stage.ensureGuarded();
      const pins = pinsOf(stage);
      using scopes = BpfMap.openPinned(join(pins, 'map_scopes'))!;
      using bindings = BpfMap.openPinned(join(pins, 'map_bindings'))!;
      for (const key of bindings.keys()) {
        scopes.update(bindings.lookup(key)!, Buffer.alloc(8));
        bindings.delete(key);
      }
      using images = BpfMap.openPinned(join(pins, 'map_images_0'))!;
      for (let slot = Buffer.alloc(4), i = 0; i < 16; i++) {
        slot.writeUInt32LE(i);
        if (images.lookup(slot) !== undefined) images.delete(slot);
      }
      await until('it is told', () =>
        ['were switched', 'was unbound', 'was taken out'].every((what) => stage.agent!.stderr.includes(what)),
      );
      await until('the rules are in force again', async () => (await stage.prober.ask()).refused === 'open exec');
    },
  },
  {
    name: 'a folder of policies that root made anew is guarded like the one before',
    async run(stage) {
      await stage.ensureGuarded();
      await ensureAttacker(stage);
      const before = `${stage.policies}-before`;
      cpSync(stage.policies, `${stage.policies}-new`, { recursive: true });
      renameSync(stage.policies, before);
      renameSync(`${stage.policies}-new`, stage.policies);
      const tries = async (): Promise<string> =>
        (await stage.containerd.exec(ATTACKER, '/bin/stim', `open w /host${stage.policies}/guard.yaml`)).output.trim();
      await until('it is guarded', async () => (await tries()) === 'EPERM');
      rmSync(before, { recursive: true });
    },
  },
  {
    name: 'nothing of it is left when the policies change, and an agent after this one finds all in order',
    async run(stage) {
      const agent = await stage.ensureGuarded();
      await agent.kill('SIGKILL');
      await stage.start();
      writeFileSync(join(stage.policies, 'later.yaml'), '');
      await until('probe.json is there', () => stage.reasons().every((reason) => !reason.includes('set right')));
      assert.doesNotMatch(stage.agent!.stderr, /was removed|were switched|was unbound|taken out/);
    },
  },
];
