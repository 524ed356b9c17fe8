// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { KubeArmorError } from '#base';
import { runCli } from '../run-cli.ts';
import { recordingIo } from '../testing.ts';
import { FakeMachine, inFolder } from './testing-machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'karmor-machine-'));
after(() => rmSync(folder, { recursive: true }));

function installed(): FakeMachine {
  const machine = new FakeMachine();
  machine.state = { version: '1.2.3', state: 'installed' };
  return machine;
}

async function uninstall(machine: FakeMachine, ...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const { io, out, err } = recordingIo({ machine: async () => machine });
  const code = await runCli(['uninstall', '--nonk8s', ...words], io);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

test('uninstall --nonk8s removes the package and leaves settings; a second time it says that nothing is there', async () => {
  const machine = installed();
  const told = await uninstall(machine);
  assert.deepEqual([told.code, told.err], [0, '']);
  assert.deepEqual(told.out.split('\n'), [
    '- package kubearmor: 1.2.3; what its agent has in force ends',
    'removed from this machine; /opt/kubearmor/kubearmor.yaml, policies and certificates stay (--force removes them too)',
  ]);
  const again = await uninstall(machine);
  assert.equal(again.code, 0);
  assert.match(again.out, /^the package kubearmor is not installed on this machine; .* are there \(--force removes them too\)$/);
  assert.deepEqual(machine.done, ['remove']);
  await uninstall(machine, '--force');
  assert.equal((await uninstall(machine, '--force')).out, 'the package kubearmor is not installed on this machine');
  assert.deepEqual(machine.done, ['remove', 'purge']);
});

test('uninstall --nonk8s: --dry-run without root; else root is needed, and flags of a cluster are refused', async () => {
  const machine = installed();
  machine.isRoot = false;
  assert.equal((await uninstall(machine, '--dry-run', '--force')).out.split('\n').length, 2);
  assert.match((await uninstall(machine)).err, /needs root/);
  assert.match((await uninstall(machine, '-n', 'a', '--verify=false')).err, /--namespace: it is of a cluster/);
  assert.deepEqual(machine.done, []);
});

test('uninstall --nonk8s --force writes the policies first, and removes nothing where it cannot', async () => {
  const machine = installed();
  machine.policies = [
    { name: 'a.yaml', text: '---\nkind: KubeArmorPolicy\nmetadata: {name: a}\n' },
    { name: 'b.json', text: '{"kind":"KubeArmorHostPolicy","metadata":{"name":"b"}}' },
    { name: 'c.yaml', text: 'metadata: {' },
  ];
  const refused = await uninstall(machine, '--force', '--backup', join(folder, 'no/such/folder'));
  assert.equal(refused.code, 74);
  assert.match(refused.err, /nothing was removed/);
  const inside = await uninstall(machine, '--force', '--backup', '/opt/kubearmor/backup.yaml');
  assert.equal(inside.code, 2);
  assert.match(inside.err, /\/opt\/kubearmor is removed too: name another folder/);
  assert.deepEqual(machine.done, []);
  const backup = join(folder, 'policies.yaml');
  const told = await uninstall(machine, '--force', '--backup', backup);
  assert.equal(told.code, 0);
  assert.match(told.out, new RegExp(`^the policies of 3 files are in ${backup}$`, 'm'));
  assert.equal(told.err, `${inFolder('c.yaml')} is no YAML: it is in the copy as it was`);
  assert.equal(statSync(backup).mode & 0o777, 0o600);
  const text = readFileSync(backup, 'utf8');
  assert.deepEqual(
    parseAllDocuments(text.slice(0, text.indexOf('---\n# /opt/kubearmor/policies/c.yaml'))).map((document) => document.toJS() as unknown),
    [
      { kind: 'KubeArmorPolicy', metadata: { name: 'a' } },
      { apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorHostPolicy', metadata: { name: 'b' } },
    ],
  );
  assert.deepEqual(machine.done, ['purge']);
});

test('a package whose rules cannot be ended stays, and its own words are told', async () => {
  const machine = installed();
  machine.stays = new KubeArmorError('HOST_IO', 'running apt-get remove: kubearmor: enforcement could not be ended, so the package stays.');
  const told = await uninstall(machine);
  assert.equal(told.code, 74);
  assert.match(told.err, /enforcement could not be ended, so the package stays/);
  assert.doesNotMatch(told.out, /removed/);
  assert.equal(existsSync(join(process.cwd(), 'kubearmor-policies-2026-11-22T120000.yaml')), false);
});
