// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cgroupPathOfSpec, findCgroupRoot, openCgroup, readCgroupPath } from './cgroup.ts';
import { openBootClock } from './clock.ts';
import { readHostFacts } from './facts.ts';
import { parseMountinfo } from './mountinfo.ts';
import { missingCapabilities, readLimit, readProcess } from './process-facts.ts';

test('readHostFacts: this host', () => {
  const facts = readHostFacts();
  assert.equal(facts.kernelRelease, release());
  assert.ok(facts.kernelMajor >= 4);
  assert.match(facts.bootId, /^[0-9a-f-]{36}$/);
});

test('readHostFacts: LSM list, BTF and ids from files', () => {
  const root = mkdtempSync(join(tmpdir(), 'facts-'));
  const write = (path: string, text: string | Uint8Array): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('proc/sys/kernel/osrelease', '6.12.9+deb13\n');
  write('sys/kernel/security/lsm', 'lockdown,capability,bpf');
  write('sys/kernel/btf/vmlinux', new Uint8Array([0x9f, 0xeb, 1, 0]));
  write('etc/machine-id', 'abc\n');
  write('proc/self/mountinfo', '9 1 0:1 / /other rw - bpf none rw\n8 1 0:2 / /sys/fs/bpf rw - bpf none rw\n');
  const facts = readHostFacts(root);
  assert.deepEqual([facts.kernelMajor, facts.kernelMinor], [6, 12]);
  assert.deepEqual(facts.lsms, ['lockdown', 'capability', 'bpf']);
  assert.equal(facts.hasBtf, true);
  assert.equal(facts.bpffs, '/sys/fs/bpf');
  assert.equal(facts.machineId, 'abc');
  write('sys/kernel/btf/vmlinux', '');
  assert.equal(readHostFacts(root).hasBtf, false, 'a file that is no BTF');
  rmSync(root, { recursive: true });
  assert.equal(readHostFacts(root).lsms, undefined, 'not mounted is not “none”');
});

test('openBootClock: now is now', () => {
  const clock = openBootClock();
  assert.ok(Math.abs(clock.toWallMs(clock.nowBootNs()) - Date.now()) < 15);
  assert.ok(Math.abs(clock.toWallMs(clock.nowBootNs() - 5_000_000_000n) - (Date.now() - 5000)) < 15);
});

test('parseMountinfo: escapes, optional fields, read-only, rubbish', () => {
  const text = [
    '36 35 98:0 /mnt1 /mnt\\0402 ro,noatime master:1 shared:2 - ext3 /dev/root\\011x rw,errors=continue',
    '37 35 0:5 / /a rw - tmpfs none rw',
    'rubbish',
    '',
  ].join('\n');
  assert.deepEqual(parseMountinfo(text), [
    { id: 36, root: '/mnt1', mountPoint: '/mnt 2', fileSystem: 'ext3', source: '/dev/root\tx', readOnly: true },
    { id: 37, root: '/', mountPoint: '/a', fileSystem: 'tmpfs', source: 'none', readOnly: false },
  ]);
});

test('cgroupPathOfSpec', () => {
  assert.equal(cgroupPathOfSpec('/default/web'), '/default/web');
  assert.equal(cgroupPathOfSpec('system.slice:docker:abc'), '/system.slice/docker-abc.scope');
  assert.equal(
    cgroupPathOfSpec('kubepods-burstable-podaa_bb.slice:cri-containerd:c1'),
    '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podaa_bb.slice/cri-containerd-c1.scope',
  );
  assert.equal(cgroupPathOfSpec(':nerdctl:c1'), '/system.slice/nerdctl-c1.scope');
  assert.equal(cgroupPathOfSpec('-.slice:x:y'), '/x-y.scope');
  assert.equal(cgroupPathOfSpec('relative/path'), undefined);
  assert.equal(cgroupPathOfSpec(''), undefined);
});

test('cgroups: our own', (t) => {
  const root = findCgroupRoot();
  if (root === undefined) return t.skip('no cgroup hierarchy is mounted');
  const path = readCgroupPath(process.pid, root.version);
  assert.ok(path !== undefined);
  const cgroup = openCgroup(root, path);
  assert.ok(cgroup !== undefined && cgroup.id > 0n);
  assert.equal(openCgroup(root, '/no-such-cgroup'), undefined);
  assert.equal(openCgroup(root, '/../..'), undefined);
  assert.equal(readCgroupPath(4_194_304, root.version), undefined);
});

test('readProcess: ourselves and nobody', () => {
  const self = readProcess(process.pid);
  assert.equal(self?.ppid, process.ppid);
  assert.equal(self.nsPids.at(-1), process.pid);
  assert.ok(self.startTicks > 0n);
  assert.equal(readProcess(4_194_304), undefined);
});

test('capabilities and limits: what the kernel says', () => {
  const lacking = missingCapabilities(['CAP_SYS_ADMIN', 'CAP_BPF']);
  if (readProcess('self')?.effectiveCapabilities === 0n) assert.deepEqual(lacking, ['CAP_SYS_ADMIN', 'CAP_BPF']);
  const files = readLimit('Max open files');
  assert.ok(files?.soft !== undefined && files.soft > 0n);
});
