// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { runCli } from '../run-cli.ts';
import { recordingIo } from '../testing.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'karmor-update-'));
after(() => rmSync(folder, { recursive: true }));
const ARCH = process.arch === 'arm64' ? 'arm64' : 'amd64';
let homes = 0;

/** As install.sh leaves it: v1.0.0 runs. */
function installed(): { readonly home: string; readonly program: string } {
  const home = path.join(folder, `home-${++homes}`);
  const root = path.join(home, 'lib/karmor/v1.0.0');
  mkdirSync(path.join(root, 'lib'), { recursive: true });
  mkdirSync(path.join(home, 'bin'));
  writeFileSync(path.join(root, 'karmor'), '#!/bin/sh\necho karmor 1.0.0\n', { mode: 0o755 });
  symlinkSync(path.join(root, 'karmor'), path.join(home, 'bin/karmor'));
  return { home, program: path.join(root, 'lib/karmor.mjs') };
}

/** A folder of releases with one; its program says what it is and ends with `code`. */
function release(version: string, code = 0): { readonly index: string; readonly archive: string; readonly sum: string } {
  const index = path.join(folder, `index-${version}-${code}`);
  const [tree, at] = [path.join(index, 'tree'), path.join(index, `v${version}`)];
  mkdirSync(tree, { recursive: true });
  mkdirSync(at);
  writeFileSync(path.join(tree, 'karmor'), `#!/bin/sh\necho karmor ${version}\nexit ${code}\n`);
  chmodSync(path.join(tree, 'karmor'), 0o755);
  const archive = path.join(at, `karmor_${version}_linux_${ARCH}.tar.gz`);
  execFileSync('tar', ['-czf', archive, '-C', tree, 'karmor']);
  const sum = createHash('sha256').update(readFileSync(archive)).digest('hex');
  writeFileSync(path.join(at, 'SHA256SUMS'), `${sum}  ${path.basename(archive)}\n`);
  writeFileSync(path.join(index, 'latest'), `v${version}\n`);
  return { index, archive, sum };
}

async function update(
  programPath: string,
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const { io, out, err } = recordingIo({ programPath });
  const code = await runCli(['selfupdate', ...args], io);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

const says = (home: string): string => execFileSync(path.join(home, 'bin/karmor'), { encoding: 'utf8' }).trim();

test('karmor selfupdate: the latest of a folder of releases; the version before stays', async () => {
  const [{ home, program }, { index }] = [installed(), release('1.1.0')];
  const { code, out, err } = await update(program, '--from', index);
  assert.equal(err, '');
  assert.equal(code, 0);
  assert.equal(out, `karmor 1.1.0 is installed as ${home}/bin/karmor; v1.0.0 stays in ${home}/lib/karmor`);
  assert.equal(says(home), 'karmor 1.1.0');
  assert.deepEqual(readdirSync(path.join(home, 'lib/karmor')), ['v1.0.0', 'v1.1.0']);
  assert.deepEqual(readdirSync(path.join(home, 'bin')), ['karmor']);
});

test('karmor selfupdate: from an address, by its tag', async (t) => {
  const [{ home, program }, { index }] = [installed(), release('1.2.0')];
  const server = createServer(({ url = '' }, answer) => {
    try {
      answer.end(readFileSync(path.join(index, url)));
    } catch {
      answer.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  assert.match((await update(program, 'v9.9.9', '--from', url)).err, /SHA256SUMS: the server answers 404; nothing was changed/);
  assert.equal((await update(program, 'v1.2.0', '--from', `${url}/`)).code, 0);
  assert.equal(says(home), 'karmor 1.2.0');
});

test('karmor selfupdate: an archive with its checksum', async () => {
  const [{ home, program }, { archive, sum }] = [installed(), release('1.3.0')];
  const wrong = await update(program, '--from', archive, '--sha256', '0'.repeat(64));
  assert.equal(wrong.code, 74);
  assert.match(wrong.err, /is not what its release says \(SHA-256 [0-9a-f]{64}, expected 0{64}\); nothing was changed/);
  assert.equal((await update(program, '--from', archive)).code, 2);
  assert.equal(says(home), 'karmor 1.0.0');
  assert.equal((await update(program, '--from', archive, '--sha256', sum.toUpperCase())).code, 0);
  assert.equal(says(home), 'karmor 1.3.0');
});

test('karmor selfupdate: a program that does not run is not installed', async () => {
  const [{ home, program }, { index }] = [installed(), release('1.4.0', 3)];
  const { code, err } = await update(program, '--from', index);
  assert.equal(code, 74);
  assert.match(err, /trying v1\.4\.0: the program does not run here: karmor 1\.4\.0; nothing was changed/);
  assert.equal(says(home), 'karmor 1.0.0');
  assert.deepEqual(readdirSync(path.join(home, 'lib/karmor')), ['v1.0.0']);
});

test('karmor selfupdate: the same version, no place, a bad tag, another way of installing', async () => {
  const [{ program }, { index }] = [installed(), release('1.0.0')];
  assert.match((await update(program, '--from', index)).out, /karmor v1\.0\.0 is installed already/);
  assert.match((await update(program)).err, /where are the releases\? give --from/);
  assert.match((await update(program, '../x', '--from', index)).err, /is no tag/);
  for (const [at, says_] of [
    ['/usr/local/lib/node_modules/@kubearmor/karmor/karmor.mjs', /it came by npm; .* \(use npm\)$/],
    ['/usr/lib/kubearmor/karmor.mjs', /it came by a package; .* \(use its manager\)$/],
    ['/home/me/src/cli/main.ts', /it runs from its sources, .* \(renew it as it came, or install it with install\.sh\)$/],
  ] as const) {
    const ran = await update(at, '--from', index);
    assert.equal(ran.code, 1);
    assert.match(ran.err, says_);
    assert.match((await update(at, '--from', '/no/such/place')).err, /fetching \/no\/such\/place\/latest: no such file/);
    assert.match((await update(at, 'next', '--from', index)).err, /next is no tag/);
  }
});
