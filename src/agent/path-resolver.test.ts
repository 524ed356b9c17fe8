// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeArmorError } from '#base';
import type { ResolvedPath } from '#host';
import { resolveObject } from '#policy';
import type { Action, PathObject } from '#policy';
import { ContainerPaths } from './path-resolver.ts';

const BUSYBOX = '/usr/bin/busybox';
const ROOT: Readonly<Record<string, ResolvedPath>> = {
  '/bin': { names: ['/bin', '/usr/bin'], outcome: 'directory' },
  '/odd*dir': { names: ['/odd*dir', '/real{1}'], outcome: 'directory' },
  '/bin/sh': { names: ['/bin/sh', BUSYBOX], outcome: 'file', multicall: { binary: BUSYBOX, applet: 'sh', hardLink: false } },
  '/usr/bin/ls': { names: ['/usr/bin/ls'], outcome: 'file', multicall: { binary: BUSYBOX, applet: 'ls', hardLink: true } },
  '/usr/bin/python3': { names: ['/usr/bin/python3', '/usr/bin/python3.11'], outcome: 'file' },
};
const lookUp = (path: string): ResolvedPath => ROOT[path] ?? { names: [path], outcome: 'missing' };
const shown = (object: PathObject, role: 'exec' | 'file' | 'subject'): string[] =>
  resolveObject(object, role, lookUp).map(({ object: found, applet }) => {
    const text = 'path' in found ? found.path : 'glob' in found ? found.glob : 'dir' in found ? `${found.dir}/` : `name ${found.name}`;
    return applet === undefined ? text : `${text} as ${applet}`;
  });

const cases: readonly (readonly [name: string, object: PathObject, role: 'exec' | 'file' | 'subject', names: string[]])[] = [
  ['a program by its link', { kind: 'path', path: '/usr/bin/python3' }, 'exec', ['/usr/bin/python3', '/usr/bin/python3.11']],
  ['an applet is not the whole binary', { kind: 'path', path: '/bin/sh' }, 'exec', ['/bin/sh', `${BUSYBOX} as sh`]],
  ['an applet by a hard link', { kind: 'path', path: '/usr/bin/ls' }, 'exec', ['/usr/bin/ls', `${BUSYBOX} as ls`]],
  ['as a file the link is the binary', { kind: 'path', path: '/bin/sh' }, 'file', ['/bin/sh', BUSYBOX]],
  ['as a subject too', { kind: 'path', path: '/bin/sh' }, 'subject', ['/bin/sh', BUSYBOX]],
  ['a directory', { kind: 'dir', dir: '/bin', recursive: false }, 'file', ['/bin/', '/usr/bin/']],
  ['the fixed prefix of a glob', { kind: 'glob', glob: '/bin/py*' }, 'exec', ['/bin/py*', '/usr/bin/py*']],
  ['what a prefix resolves to is literal', { kind: 'glob', glob: '/odd\\*dir/*.x' }, 'file', ['/odd\\*dir/*.x', '/real\\{1\\}/*.x']],
  ['a glob without a fixed directory', { kind: 'glob', glob: '/b*/x' }, 'exec', ['/b*/x']],
  ['a glob over everything', { kind: 'glob', glob: '**/python*' }, 'exec', ['**/python*']],
  ['a program by name is looked for as an applet', { kind: 'execname', name: 'sh' }, 'exec', ['name sh', `${BUSYBOX} as sh`]],
  ['but not as a subject', { kind: 'execname', name: 'sh' }, 'subject', ['name sh']],
];
for (const [name, object, role, names] of cases) {
  test(`resolveObject: ${name}`, () => assert.deepEqual(shown(object, role), names));
}

const passwd: PathObject = { kind: 'path', path: '/etc/passwd' };

test('ContainerPaths: what was looked up stays, the root is opened only where needed and closed again', () => {
  let answer = '/etc/first';
  const calls: string[] = [];
  const paths = new ContainerPaths({ rootPath: '/proc/7/root', createdNs: 5n }, (root) => {
    calls.push(`open ${root}`);
    return {
      resolve: (path) => ({ names: [path, answer], outcome: 'file' }),
      [Symbol.dispose]: () => void calls.push('close'),
    };
  });
  const names = (): unknown => paths.with((resolve) => resolve(passwd, 'file', 'Block').map(({ object }) => object));
  const expected = ['/etc/passwd', '/etc/first'].map((path) => ({ kind: 'path', path }));
  assert.deepEqual(names(), expected);
  answer = '/etc/second';
  assert.deepEqual(names(), expected);
  assert.deepEqual(calls, ['open /proc/7/root', 'close']);
});

test('ContainerPaths: a root that is gone leaves names as written, and is tried again', () => {
  let opened = 0;
  const paths = new ContainerPaths({ rootPath: '/proc/7/root', createdNs: 5n }, (): never => {
    opened++;
    throw new KubeArmorError('HOST_IO', 'gone');
  });
  const count = (): number =>
    paths.with((resolve): number => resolve(passwd, 'file', 'Block').length + resolve(passwd, 'file', 'Block').length);
  for (let i = 0; i < 2; i++) assert.equal(count(), 2);
  assert.equal(opened, 2);
});

test('ContainerPaths: for Allow rules links count only as they were before the container', () => {
  const asked: (readonly [string, bigint | undefined])[] = [];
  const open = () => ({
    resolve: (path: string, linksBeforeNs?: bigint): ResolvedPath => {
      asked.push([path, linksBeforeNs]);
      return { names: linksBeforeNs === undefined ? [path, '/made/by/the/container'] : [path], outcome: 'file' };
    },
    [Symbol.dispose]: () => {},
  });
  const namesFor = (paths: ContainerPaths, action: Action): number =>
    paths.with((resolve): number => resolve(passwd, 'file', action).length + resolve(passwd, 'file', action).length);
  const paths = new ContainerPaths({ rootPath: '/proc/7/root', createdNs: 5n }, open);
  assert.deepEqual([namesFor(paths, 'Block'), namesFor(paths, 'Allow'), namesFor(paths, 'Audit')], [4, 2, 4]);
  assert.deepEqual(asked, [
    ['/etc/passwd', undefined],
    ['/etc/passwd', 5n],
  ]);
  const unknown = new ContainerPaths({ rootPath: '/proc/7/root', createdNs: undefined }, open);
  assert.equal(namesFor(unknown, 'Allow'), 2);
  assert.deepEqual(asked.at(-1), ['/etc/passwd', 0n], 'where its age is not known no link is trusted');
});
