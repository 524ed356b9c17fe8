// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { KubeArmorError } from '#base';
import { openContainerRoot, resolveInRoot } from './resolve-in-root.ts';
import type { DeclaredMount, ResolvedPath } from './resolve-in-root.ts';

const scratch = mkdtempSync(join(tmpdir(), 'resolve-'));
after(() => rmSync(scratch, { recursive: true }));
let next = 0;

/** A root with these entries: `-> target` is a link, `= path` a hard link, `/` a directory, `|` a FIFO, anything else a file. */
function makeRoot(entries: Readonly<Record<string, string>>): string {
  const root = join(scratch, `root${next++}`);
  mkdirSync(root);
  for (const [name, what] of Object.entries(entries)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    if (what === '/') mkdirSync(path);
    else if (what === '|') execFileSync('mkfifo', [path]);
    else if (what.startsWith('-> ')) symlinkSync(what.slice(3), path);
    else if (what.startsWith('= ')) linkSync(join(root, what.slice(2)), path);
    else writeFileSync(path, what);
  }
  return root;
}

const MERGED_USR = { 'usr/bin/dash': 'x', 'usr/bin/sh': '-> dash', bin: '-> usr/bin' };
const chain = (length: number): Record<string, string> =>
  Object.fromEntries([['l0', 'x'], ...Array.from({ length }, (_, i): [string, string] => [`l${i + 1}`, `-> l${i}`])]);

const cases: readonly { name: string; root: Record<string, string>; path: string; names: string[]; outcome: ResolvedPath['outcome'] }[] = [
  { name: 'a plain file', root: { 'etc/passwd': 'x' }, path: '/etc/passwd', names: ['/etc/passwd'], outcome: 'file' },
  { name: 'the root', root: {}, path: '/', names: ['/'], outcome: 'directory' },
  { name: 'merged /usr and a relative link', root: MERGED_USR, path: '/bin/sh', names: ['/bin/sh', '/usr/bin/dash'], outcome: 'file' },
  { name: 'merged /usr, a file to come', root: MERGED_USR, path: '/bin/new', names: ['/bin/new', '/usr/bin/new'], outcome: 'missing' },
  {
    name: 'python',
    root: { 'usr/bin/python3.11': 'x', 'usr/bin/python3': '-> python3.11' },
    path: '/usr/bin/python3',
    names: ['/usr/bin/python3', '/usr/bin/python3.11'],
    outcome: 'file',
  },
  {
    name: 'an absolute link restarts at the root',
    root: { 'a/b': '-> /c/d', 'c/d': 'x' },
    path: '/a/b',
    names: ['/a/b', '/c/d'],
    outcome: 'file',
  },
  {
    name: 'a link that climbs out ends at the root',
    root: { a: '-> ../../../../../etc/passwd', 'etc/passwd': 'x' },
    path: '/a',
    names: ['/a', '/etc/passwd'],
    outcome: 'file',
  },
  {
    name: 'a written .. climbs no further than the root',
    root: { 'etc/x': 'x' },
    path: '/../../etc/x',
    names: ['/../../etc/x', '/etc/x'],
    outcome: 'file',
  },
  {
    name: '.. after a link is the parent of its target',
    root: { 'a/l': '-> ../x/y', 'x/y': '/', 'x/z': 'x' },
    path: '/a/l/../z',
    names: ['/a/l/../z', '/x/z'],
    outcome: 'file',
  },
  {
    name: 'a link to /proc/self/root stays below our root',
    root: { out: '-> /proc/self/root/etc', 'proc/k': 'x' },
    path: '/out/shadow',
    names: ['/out/shadow', '/proc/self/root/etc/shadow'],
    outcome: 'missing',
  },
  { name: 'nothing there', root: {}, path: '/no/such/thing', names: ['/no/such/thing'], outcome: 'missing' },
  { name: 'below a file', root: { a: 'x' }, path: '/a/b', names: ['/a/b'], outcome: 'missing' },
  { name: 'a dangling link', root: { a: '-> /opt/b/c' }, path: '/a', names: ['/a', '/opt/b/c'], outcome: 'missing' },
  { name: 'a loop', root: { a: '-> b', b: '-> a' }, path: '/a/x', names: ['/a/x'], outcome: 'stopped' },
  { name: 'forty links', root: chain(40), path: '/l40', names: ['/l40', '/l0'], outcome: 'file' },
  { name: 'forty-one links', root: chain(41), path: '/l41', names: ['/l41', '/l0'], outcome: 'stopped' },
  { name: 'a FIFO is not opened', root: { f: '|' }, path: '/f', names: ['/f'], outcome: 'file' },
  { name: 'below a FIFO', root: { f: '|' }, path: '/f/x', names: ['/f/x'], outcome: 'missing' },
  {
    name: 'a component longer than any file name',
    root: {},
    path: `/${'a'.repeat(300)}`,
    names: [`/${'a'.repeat(300)}`],
    outcome: 'stopped',
  },
  { name: 'a relative path', root: { a: 'x' }, path: 'a', names: ['a'], outcome: 'stopped' },
];
for (const c of cases) {
  test(`resolve: ${c.name}`, () => {
    const got = resolveInRoot(makeRoot(c.root), c.path);
    if (c.name === 'forty-one links') assert.equal(got.names[0], '/l41');
    else assert.deepEqual(got.names, c.names);
    assert.equal(got.outcome, c.outcome);
  });
}

test('resolve: links that grow are bounded in steps and bytes', () => {
  const long = makeRoot({ a: `-> ${'b/../'.repeat(800)}a2`, a2: `-> ${'b/../'.repeat(800)}a`, b: '/' });
  const startedMs = performance.now();
  const got = resolveInRoot(long, '/a');
  assert.equal(got.reason, 'too many components or links');
  assert.ok(performance.now() - startedMs < 1000);
  const tail = makeRoot({ a: `-> ${'x'.repeat(250)}/`.repeat(1) + 'y/'.repeat(1900) });
  assert.equal(resolveInRoot(tail, `/a/${'z/'.repeat(200)}`).outcome, 'stopped');
});

test('resolve: a name that is not UTF-8 stays as written', () => {
  const root = makeRoot({});
  symlinkSync(Buffer.from([0x2f, 0xff, 0xfe]), join(root, 'a'));
  assert.deepEqual(resolveInRoot(root, '/a'), { names: ['/a'], outcome: 'stopped', reason: 'a link that cannot be read' });
});

test('resolve: multi-call binaries', () => {
  const root = makeRoot({
    'bin/busybox': 'x',
    'bin/sh': '-> busybox',
    'bin/ls': '= bin/busybox',
    'etc/alternatives/vi': '-> /bin/busybox',
    'usr/bin/vi': '-> /etc/alternatives/vi',
    'opt/tool': '= bin/busybox',
    'bin/bash': 'y',
    'bin/rbash': '= bin/bash',
    'bin/bb': '-> busybox',
    'opt/t/toybox': 'z',
    'opt/t/cat': '= opt/t/toybox',
  });
  using opened = openContainerRoot(root);
  const multicall = (path: string): ResolvedPath['multicall'] => opened.resolve(path).multicall;
  assert.deepEqual(multicall('/bin/sh'), { binary: '/bin/busybox', applet: 'sh', hardLink: false });
  assert.deepEqual(multicall('/usr/bin/vi'), { binary: '/bin/busybox', applet: 'vi', hardLink: false });
  assert.deepEqual(multicall('/bin/ls'), { binary: '/bin/busybox', applet: 'ls', hardLink: true });
  assert.deepEqual(multicall('/opt/tool'), { binary: '/bin/busybox', applet: 'tool', hardLink: true });
  assert.deepEqual(multicall('/opt/t/cat'), { binary: '/opt/t/toybox', applet: 'cat', hardLink: true });
  assert.equal(multicall('/bin/busybox'), undefined, 'the binary itself means the whole binary');
  assert.equal(multicall('/bin/rbash'), undefined, 'bash is not one');
  assert.deepEqual(resolveInRoot(root, '/bin/rbash', { multicallBinaries: ['bash'] }).multicall?.applet, 'rbash');
});

test('resolve: mounts that the specification declares', () => {
  const root = makeRoot({ 'var/run': '-> /run', 'run/x': 'x', 'data/hidden': 'x', 'proc/1': 'x', l: '-> /data/inner' });
  const volume = makeRoot({ inner: '-> deep', deep: 'x' });
  const file = join(makeRoot({ config: 'x' }), 'config');
  const mounts: readonly DeclaredMount[] = [
    { destination: '/proc', source: undefined, readOnly: false },
    { destination: '/data', source: volume, readOnly: false },
    { destination: '/var/run/config', source: file, readOnly: true },
    { destination: '/gone', source: '/no/such/source', readOnly: true },
  ];
  using opened = openContainerRoot(root, { mounts });
  assert.deepEqual(opened.resolve('/l'), { names: ['/l', '/data/deep'], outcome: 'file' });
  assert.equal(opened.resolve('/data/hidden').outcome, 'missing');
  assert.equal(opened.resolve('/proc/1').outcome, 'stopped');
  assert.equal(opened.resolve('/gone/x').outcome, 'stopped');
  assert.deepEqual(opened.resolve('/var/run/config'), { names: ['/var/run/config', '/run/config'], outcome: 'file' });
});

test('resolve: what kubelet writes atomically keeps one name', () => {
  const volume = makeRoot({ '..2024_01_02/password': 'x', '..data': '-> ..2024_01_02', password: '-> ..data/password' });
  const root = makeRoot({ 'etc/secrets': '/' });
  const names = (readOnly: boolean): readonly string[] =>
    resolveInRoot(root, '/etc/secrets/password', { mounts: [{ destination: '/etc/secrets', source: volume, readOnly }] }).names;
  assert.deepEqual(names(true), ['/etc/secrets/password']);
  assert.deepEqual(names(false), ['/etc/secrets/password', '/etc/secrets/..2024_01_02/password']);
});

const SWAPPER = `
  const { renameSync } = require('node:fs');
  const { workerData: root } = require('node:worker_threads');
  const swap = () => {
    for (let i = 0; i < 100; i++) {
      renameSync(root + '/d', root + '/t');
      renameSync(root + '/link', root + '/d');
      renameSync(root + '/t', root + '/link');
    }
    setImmediate(swap);
  };
  swap();
`;

test('resolve: swapping a directory for a link out of the root while we look shows nothing of the outside', async () => {
  const outside = makeRoot({ secret: 'x' });
  const root = makeRoot({ 'd/in': 'x', link: `-> ${outside}` });
  const swapper = new Worker(SWAPPER, { eval: true, workerData: root });
  await once(swapper, 'online');
  const seen = new Set<string>();
  try {
    using opened = openContainerRoot(root);
    for (let i = 0; i < 5000; i++) seen.add(opened.resolve('/d/secret').outcome);
  } finally {
    await swapper.terminate();
  }
  assert.ok(!seen.has('file'), [...seen].join(' '));
});

test('resolve: no descriptor stays open', () => {
  const count = (): number => readdirSync('/proc/self/fd').length;
  const before = count();
  for (const c of cases) resolveInRoot(makeRoot(c.root), c.path);
  assert.equal(count(), before);
});

test('openContainerRoot: a root that is not there, or not walked', () => {
  const code = (error: unknown): boolean => error instanceof KubeArmorError && error.code === 'HOST_IO';
  assert.throws(() => openContainerRoot(join(scratch, 'none')), code);
  assert.throws(() => openContainerRoot('/proc'), code);
  assert.throws(() => openContainerRoot('/proc/4194304/root'), code);
});

test('resolve: a running process is looked at through /proc', () => {
  const got = resolveInRoot('/proc/self/root', '/proc/self/exe');
  assert.deepEqual(got, { names: ['/proc/self/exe'], outcome: 'stopped', reason: 'on a file system that is not walked: proc' });
  assert.equal(resolveInRoot('/proc/self/root', '/bin/busybox-not-there').outcome, 'missing');
});

test('a directory that only looks like a process of /proc is a root like any other', () => {
  const root = makeRoot({ 'snapshots/7/root/bin': '-> usr/bin', 'snapshots/7/root/usr/bin/sh': 'x' });
  const names = resolveInRoot(join(root, 'snapshots/7/root'), '/bin/sh').names;
  assert.deepEqual(names, ['/bin/sh', '/usr/bin/sh']);
});

test('links that are newer than a moment are not followed where that is asked: the name ends at them', async () => {
  const root = makeRoot({ 'usr/bin/dash': 'x', 'usr/bin/busybox': 'x', bin: '-> usr/bin', 'usr/bin/ls': '= usr/bin/busybox' });
  await sleep(30); // the kernel's clock for files goes in ticks
  const start = BigInt(Date.now()) * 1_000_000n;
  await sleep(30);
  using opened = openContainerRoot(root);
  const before = (path: string): ResolvedPath => opened.resolve(path, start);
  assert.deepEqual(before('/bin/dash'), { names: ['/bin/dash', '/usr/bin/dash'], outcome: 'file' });
  assert.equal(before('/bin/ls').multicall?.binary, '/usr/bin/busybox');

  symlinkSync('dash', join(root, 'usr/bin/tool'));
  assert.deepEqual(before('/bin/tool'), {
    names: ['/bin/tool', '/usr/bin/tool'],
    outcome: 'stopped',
    reason: 'a link that is newer than the container',
  });
  assert.deepEqual(opened.resolve('/bin/tool').names, ['/bin/tool', '/usr/bin/dash']);

  linkSync(join(root, 'usr/bin/busybox'), join(root, 'usr/bin/sh'));
  assert.equal(before('/usr/bin/sh').multicall, undefined, 'a hard link changes its file too');
  assert.equal(opened.resolve('/usr/bin/sh').multicall?.binary, '/usr/bin/busybox');
});
