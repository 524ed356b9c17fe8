// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { RunResult } from '#host';
import { openMachine } from './machine.ts';
import type { Run } from './machine.ts';

/** A folder for the root of a machine, with these files in it. */
function root(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'karmor-root-'));
  t.after(() => rmSync(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text, 'latin1');
  }
  return path;
}

/** Programs that say what they are told to, by the beginning of their command line; remembers what was run. */
function programs(answers: Readonly<Record<string, Partial<RunResult>>> = {}): { readonly run: Run; readonly ran: string[] } {
  const ran: string[] = [];
  const run: Run = async (command, args) => {
    const line = [command, ...args].join(' ');
    ran.push(line);
    const found = Object.entries(answers).find(([start]) => line.startsWith(start))?.[1];
    return { exitCode: 0, signal: undefined, stdout: '', stderr: '', ...found };
  };
  return { run, ran };
}

const DEBIAN = { 'usr/bin/dpkg': '', 'usr/bin/apt-get': '' };

test('what installs packages: apt-get where it is, dpkg alone, or nothing', async (t) => {
  const of = async (files: Readonly<Record<string, string>>): Promise<string | undefined> => (await openMachine(root(t, files))).installer;
  assert.equal(await of(DEBIAN), 'apt-get');
  assert.equal(await of({ 'bin/dpkg': '' }), 'dpkg');
  assert.equal(await of({ 'usr/bin/apt-get': '' }), undefined);
});

const states: readonly (readonly [said: Partial<RunResult>, state: object | undefined])[] = [
  [{ exitCode: 1, stderr: 'dpkg-query: no packages found matching kubearmor' }, undefined],
  [{ stdout: 'not-installed \n' }, undefined],
  [{ stdout: 'installed 1.2.3~dev.g1\n' }, { version: '1.2.3~dev.g1', state: 'installed' }],
  [{ stdout: 'triggers-pending 1.2.3\n' }, { version: '1.2.3', state: 'installed' }],
  [{ stdout: 'half-configured 1.2.3\n' }, { version: '1.2.3', state: 'broken' }],
  [{ stdout: 'config-files 1.2.3\n' }, { version: '1.2.3', state: 'settings' }],
];
for (const [said, state] of states)
  test(`dpkg-query says ${JSON.stringify(said)}`, async (t) => {
    const machine = await openMachine(root(t, DEBIAN), programs({ 'dpkg-query': said }).run);
    assert.deepEqual(await machine.installed(), state);
  });

test('KubeArmor’s own is a program for the processor, or a unit that no package of ours brought', async (t) => {
  const [program, unit] = ['opt/kubearmor/kubearmor', 'usr/lib/systemd/system/kubearmor.service'];
  const find = async (files: Readonly<Record<string, string>>, said: string): Promise<object> =>
    (await openMachine(root(t, files), programs({ 'dpkg-query': { exitCode: said === '' ? 1 : 0, stdout: said } }).run)).otherFiles();
  const ours = { [program]: '#!/opt/kubearmor/lib/node\n', [unit]: '' };
  assert.deepEqual(await find({}, ''), { isPackage: false, paths: [] });
  assert.deepEqual(await find(ours, 'installed 1.2.3'), { isPackage: false, paths: [] });
  assert.deepEqual(await find(ours, 'half-configured 1.2.3'), { isPackage: false, paths: [] });
  assert.deepEqual(await find(ours, ''), { isPackage: false, paths: [] });
  assert.deepEqual(await find({ [unit]: '' }, 'config-files 1.2.3'), { isPackage: false, paths: [`/${unit}`] });
  const theirs = { [program]: '\x7fELF\x02', [unit]: '' };
  assert.deepEqual(await find(theirs, ''), { isPackage: false, paths: [`/${program}`, `/${unit}`] });
  assert.deepEqual(await find(theirs, 'installed 1.7.2'), { isPackage: true, paths: [`/${program}`, `/${unit}`] });
});

test('a unit that is masked is none', async (t) => {
  const path = root(t);
  mkdirSync(join(path, 'etc/systemd/system'), { recursive: true });
  symlinkSync('/dev/null', join(path, 'etc/systemd/system/kubearmor.service'));
  const machine = await openMachine(path, programs({ 'dpkg-query': { exitCode: 1 } }).run);
  assert.deepEqual(await machine.otherFiles(), { isPackage: false, paths: [] });
});

test('how packages are installed and removed: no question is asked, and settings stay', async (t) => {
  const { run, ran } = programs({ 'apt-get': { stderr: 'W: noise\nkubearmor: the agent did not start: journalctl -u kubearmor\n' } });
  const apt = await openMachine(root(t, DEBIAN), run);
  assert.deepEqual(await apt.install('/tmp/x/kubearmor.deb', true), ['kubearmor: the agent did not start: journalctl -u kubearmor']);
  await apt.remove(true);
  const options = '-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=120 -y';
  assert.deepEqual(ran, [`apt-get ${options} install --allow-downgrades /tmp/x/kubearmor.deb`, `apt-get ${options} purge kubearmor`]);
  const alone = programs();
  const dpkg = await openMachine(root(t, { 'usr/bin/dpkg': '' }), alone.run);
  await dpkg.install('/tmp/x/kubearmor.deb', false);
  await dpkg.remove(false);
  assert.deepEqual(alone.ran, [
    'dpkg --force-confdef --force-confold --install /tmp/x/kubearmor.deb',
    'dpkg --force-confdef --force-confold --remove kubearmor',
  ]);
});

test('why a package manager failed is told, without its other lines', async (t) => {
  const stderr = 'Reading...\nE: Unable to locate package libbpf1\nE: Unmet dependencies.\n';
  const machine = await openMachine(root(t, DEBIAN), programs({ 'apt-get': { exitCode: 100, stdout: 'Building tree\n', stderr } }).run);
  await assert.rejects(machine.install('/x.deb', false), {
    code: 'HOST_IO',
    message: 'running apt-get install: E: Unable to locate package libbpf1; E: Unmet dependencies.',
  });
  const silent = await openMachine(root(t, DEBIAN), programs({ 'apt-get': { exitCode: undefined, signal: 'SIGKILL' } }).run);
  await assert.rejects(silent.remove(false), { message: 'running apt-get remove: it ended with SIGKILL' });
});

test('a package is kept where apt can read it, and gone afterwards; only ours is taken', async (t) => {
  const fields = (name: string): Partial<RunResult> => ({ stdout: `Package: ${name}\nVersion: 1.2.3\n` });
  const machine = await openMachine(root(t, DEBIAN), programs({ 'dpkg-deb': fields('kubearmor') }).run);
  const kept = await machine.keep(Buffer.from('deb'), 'kubearmor.deb');
  assert.equal(readFileSync(kept.file, 'utf8'), 'deb');
  assert.deepEqual([statSync(kept.file).mode & 0o777, statSync(dirname(kept.file)).mode & 0o777], [0o644, 0o755]);
  assert.deepEqual(await machine.fieldsOf(kept.file), { name: 'kubearmor', version: '1.2.3' });
  await kept[Symbol.asyncDispose]();
  assert.equal(existsSync(dirname(kept.file)), false);
  const other = await openMachine(root(t, DEBIAN), programs({ 'dpkg-deb': fields('bash') }).run);
  await assert.rejects(other.fieldsOf('/x/kubearmor.deb'), {
    message: 'reading kubearmor.deb: it is no package kubearmor; nothing was changed',
  });
});

test('settings are replaced whole, and policies are read in order; where there are none there are none', async (t) => {
  const [settings, policies] = ['opt/kubearmor/kubearmor.yaml', 'opt/kubearmor/policies'];
  const path = root(t, { [settings]: 'a: 1\n', [`${policies}/b.json`]: '{}', [`${policies}/a.yaml`]: 'x', [`${policies}/a.yaml~`]: 'old' });
  const machine = await openMachine(path, programs().run);
  await machine.writeSettings('a: 2\n');
  assert.equal(await machine.readSettings(), 'a: 2\n');
  assert.deepEqual(await machine.policyFiles(), [
    { name: 'a.yaml', text: 'x' },
    { name: 'b.json', text: '{}' },
  ]);
  const empty = await openMachine(root(t), programs().run);
  assert.deepEqual([await empty.readSettings(), await empty.policyFiles()], [undefined, []]);
});
