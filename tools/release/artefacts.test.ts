// SPDX-License-Identifier: Apache-2.0
// The small artefacts, made twice and used; all of them: check.ts, in make test-full.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { PROGRAMS } from '../programs.ts';
import type { Program } from '../programs.ts';
import { bundle } from './bundle.ts';
import { makeImage, makeLayer, writeArchive } from './oci.ts';
import { gzip, packTar, writeTree } from './tree.ts';
import type { Entry } from './tree.ts';

const root = join(import.meta.dirname, '../..');
const release = { version: '1.2.3', commit: '929f85257ad80430e0d42b598b55daed81a613a2', epoch: 1_795_306_715, root };

function folder(t: TestContext): string {
  const at = mkdtempSync(join(tmpdir(), 'kubearmor-release-'));
  t.after(() => rmSync(at, { recursive: true, force: true }));
  return at;
}

const FILES: readonly Entry[] = [
  { path: 'b/program', text: '#!/bin/sh\n', mode: 0o755 },
  { path: 'a', text: 'a' },
  { path: 'b/link', link: 'program' },
  { path: 'tmp', folder: true, mode: 0o1777 },
];

test('the same files give the same tar file, whatever the umask and the order', (t) => {
  const at = folder(t);
  const make = (name: string, entries: readonly Entry[], mask: number): Buffer => {
    const before = process.umask(mask);
    mkdirSync(join(at, name));
    writeTree(join(at, name), entries, release.epoch);
    process.umask(before);
    assert.equal(statSync(join(at, name)).mode & 0o7777, 0o755);
    packTar(join(at, name), join(at, `${name}.tar`), release.epoch);
    return readFileSync(gzip(join(at, `${name}.tar`)));
  };
  assert.deepEqual(make('one', FILES, 0o022), make('two', FILES.toReversed(), 0o077));
  const listing = execFileSync('tar', ['-tvzf', join(at, 'one.tar.gz')], { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } });
  assert.deepEqual(
    listing
      .trim()
      .split('\n')
      .map((line) => line.replace(/\s+/g, ' ')),
    [
      '-rw-r--r-- 0/0 1 2026-11-22 00:18 a',
      'drwxr-xr-x 0/0 0 2026-11-22 00:18 b/',
      'lrwxrwxrwx 0/0 0 2026-11-22 00:18 b/link -> program',
      '-rwxr-xr-x 0/0 10 2026-11-22 00:18 b/program',
      'drwxrwxrwt 0/0 0 2026-11-22 00:18 tmp/',
    ],
  );
  assert.throws(() => writeTree(join(at, 'three'), [...FILES, ...FILES], 0), /comes twice/);
});

test('every program becomes one file that runs alone, the same each time, and says its version and commit', async (t) => {
  const at = folder(t);
  for (const program of PROGRAMS as readonly Program[]) {
    const made = await bundle(release, program, at, '/usr/bin/env node');
    const first = readFileSync(made.file, 'utf8');
    const again = await bundle(release, program, at, '/usr/bin/env node');
    assert.ok(readFileSync(again.file, 'utf8') === first, program.name);
    assert.ok(!first.includes(root), `${program.name} names the folder it was built in`);
    assert.ok(made.components.some(({ name }) => name === 'yaml'));
    const words = program.name === 'karmor' ? ['version', '--client'] : ['--version'];
    const said = execFileSync(process.execPath, [made.file, ...words], { encoding: 'utf8', cwd: at });
    assert.equal(said, `${program.name} 1.2.3 (commit 929f85257ad8)\n`);
  }
});

test('an archive of one architecture holds the images for containerd and for Docker, one of several an index', (t) => {
  const at = folder(t);
  const make = (name: string): { one: string; both: string } => {
    const layer = makeLayer(FILES, join(at, name), release.epoch, 'files');
    const config = { entrypoint: ['/b/program'], user: '0:0', workingDirectory: '/', labels: {}, created: release.epoch };
    const images = (['amd64', 'arm64'] as const).map((arch) => makeImage('registry.test/x/y:v1', arch, [layer], config));
    const pack = (some: typeof images, as: string): string => {
      writeArchive(some, join(at, `${name}-${as}.tar`), join(at, `${name}-${as}`), release.epoch);
      return join(at, `${name}-${as}`);
    };
    return { one: pack(images.slice(0, 1), 'one'), both: pack(images, 'both') };
  };
  const { one, both } = make('first');
  const second = make('second');
  assert.deepEqual(readFileSync(`${second.both}.tar`), readFileSync(`${both}.tar`));
  const json = <T>(...path: string[]): T => JSON.parse(readFileSync(join(...path), 'utf8')) as T;
  const [docker] = json<{ Config: string; RepoTags: string[]; Layers: string[] }[]>(one, 'manifest.json');
  assert.deepEqual(docker?.RepoTags, ['registry.test/x/y:v1']);
  const config = json<{ architecture: string; rootfs: { diff_ids: string[] }; created: string }>(one, docker?.Config ?? '');
  assert.equal(config.architecture, 'amd64');
  const tar = execFileSync('gzip', ['-dc', join(one, docker?.Layers[0] ?? '')]);
  const sum = execFileSync('sha256sum', { input: tar, encoding: 'utf8' }).split(' ')[0];
  assert.deepEqual(config.rootfs.diff_ids, [`sha256:${sum}`]);
  const index = json<{ manifests: { digest: string; annotations: Record<string, string> }[] }>(both, 'index.json');
  assert.equal(index.manifests.length, 1);
  assert.equal(index.manifests[0]?.annotations['io.containerd.image.name'], 'registry.test/x/y:v1');
  const variants = json<{ manifests: { platform: { architecture: string } }[] }>(
    both,
    'blobs',
    index.manifests[0]?.digest.replace(':', '/') ?? '',
  );
  assert.deepEqual(
    variants.manifests.map(({ platform }) => platform.architecture),
    ['amd64', 'arm64'],
  );
  assert.ok(!readdirSync(both).includes('manifest.json'));
});
