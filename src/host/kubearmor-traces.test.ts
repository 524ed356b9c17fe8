// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { readKubeArmorTraces, traceRemarks } from './kubearmor-traces.ts';

function newRoot(t: TestContext): string {
  const root = mkdtempSync(path.join(tmpdir(), 'traces-'));
  t.after(() => rmSync(root, { recursive: true }));
  return root;
}

function process(root: string, pid: number, exe: string): void {
  mkdirSync(`${root}/proc/${pid}`, { recursive: true });
  symlinkSync(exe, `${root}/proc/${pid}/exe`);
}

function file(root: string, name: string, text = ''): void {
  mkdirSync(path.dirname(`${root}${name}`), { recursive: true });
  writeFileSync(`${root}${name}`, text);
}

const PROFILES = '/sys/kernel/security/apparmor/profiles';

test('a node with all of KubeArmor: its agent, profiles and pins by name', (t) => {
  const root = newRoot(t);
  process(root, 7, '/KubeArmor/kubearmor');
  process(root, 8, '/usr/bin/node');
  process(root, 9, '/opt/kubearmor/kubearmor (deleted)');
  mkdirSync(`${root}/proc/10`); // a thread of the kernel
  file(root, '/proc/uptime');
  const loaded = [
    'kubearmor-shop-web-web',
    'kubearmor-shop-web-web//bin',
    'kubearmor_till',
    'kubearmor.host',
    'kubearmorish',
    'docker-default',
  ];
  file(root, PROFILES, loaded.map((name) => `${name} (enforce)\n`).join(''));
  for (const name of ['kubearmor_containers', 'kubearmor_events', 'other']) file(root, `/sys/fs/bpf/${name}`);
  mkdirSync(`${root}/sys/fs/bpf/kubearmor`); // ours
  const traces = readKubeArmorTraces('/sys/fs/bpf', root);
  assert.deepEqual(traces, {
    agents: [
      { pid: 7, exe: '/KubeArmor/kubearmor' },
      { pid: 9, exe: '/opt/kubearmor/kubearmor' },
    ],
    profiles: ['kubearmor-shop-web-web', 'kubearmor_till', 'kubearmor.host'],
    pins: [`${root}/sys/fs/bpf/kubearmor_containers`, `${root}/sys/fs/bpf/kubearmor_events`],
    unread: [],
  });
});

test('a node without: nothing, whatever is not mounted', (t) => {
  const root = newRoot(t);
  mkdirSync(`${root}/proc`);
  for (const bpffs of ['/sys/fs/bpf', undefined]) {
    assert.deepEqual(readKubeArmorTraces(bpffs, root), { agents: [], profiles: [], pins: [], unread: [] });
  }
  assert.deepEqual(traceRemarks(readKubeArmorTraces(undefined, root)), []);
});

test('what may not be looked at is said', (t) => {
  const root = newRoot(t);
  mkdirSync(`${root}/proc`);
  mkdirSync(path.dirname(`${root}${PROFILES}`), { recursive: true });
  mkdirSync(`${root}${PROFILES}`); // reading it fails, as root too
  assert.deepEqual(readKubeArmorTraces(undefined, root).unread, [`${root}${PROFILES}: EISDIR`]);
});

test('remarks: the agent is a problem, what is left alone is a note', () => {
  const profiles = Array.from({ length: 5 }, (_, number) => `kubearmor-shop-web-${number}`);
  const pins = ['/sys/fs/bpf/kubearmor_containers'];
  const alone = traceRemarks({ agents: [], profiles, pins });
  assert.deepEqual(
    alone.map(({ isNote }) => isNote),
    [true, true],
  );
  assert.match(alone[0]?.problem ?? '', /^5 AppArmor profiles of KubeArmor loaded \(kubearmor-shop-web-0, .*-2, 2 more\)/);
  assert.match(alone[1]?.cure ?? '', /rm \/sys\/fs\/bpf\/kubearmor_\*$/);
  const both = traceRemarks({ agents: [{ pid: 7, exe: '/KubeArmor/kubearmor' }], profiles, pins: [] });
  assert.deepEqual(
    both.map(({ isNote }) => isNote),
    [false, false],
  );
  assert.match(both[0]?.problem ?? '', /own agent runs on this node \(\/KubeArmor\/kubearmor, process 7\)/);
});
