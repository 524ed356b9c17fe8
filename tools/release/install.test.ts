// SPDX-License-Identifier: Apache-2.0
// deploy/install.sh against an index on loopback.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { gzip, packTar, writeTree } from './tree.ts';

const SCRIPT = join(import.meta.dirname, '../../deploy/install.sh');
const ARCH = process.arch === 'x64' ? 'amd64' : 'arm64';
/** All that install.sh may call, and no more. */
const TOOLS = 'sh uname sha256sum cut awk basename dirname mktemp head tr tar gzip mkdir mv ln rm sed cat'.split(' ');

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Site {
  readonly url: string;
  /** What each path gives; `cut`: half of it and then the connection breaks. */
  readonly files: Map<string, Buffer | 'cut'>;
  /** An empty folder. */
  readonly home: string;
  readonly install: (...words: readonly string[]) => Promise<Result>;
}

const pathOf = (tool: string): string | undefined => {
  try {
    return execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
};

/** A release of a program that says `said` and exits with `code`. */
function publish({ files, home }: Site, version: string, said = `karmor ${version}`, code = 0): void {
  const at = join(home, `tree-${version}`);
  writeTree(at, [{ path: 'karmor', text: `#!/bin/sh\necho '${said}'\nexit ${code}\n`, mode: 0o755 }], 0);
  packTar(at, `${at}.tar`, 0);
  const bytes = readFileSync(gzip(`${at}.tar`));
  const name = `karmor_${version}_linux_${ARCH}.tar.gz`;
  files.set(`/v${version}/${name}`, bytes);
  files.set(`/v${version}/SHA256SUMS`, Buffer.from(`${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`));
  files.set('/latest', Buffer.from(`v${version}\n`));
}

async function site(t: TestContext, downloader: string): Promise<Site> {
  const home = mkdtempSync(join(tmpdir(), 'kubearmor-install-'));
  const bin = join(home, 'tools');
  mkdirSync(bin);
  for (const tool of [...TOOLS, downloader]) symlinkSync(realpathSync(pathOf(tool) ?? `/usr/bin/${tool}`), join(bin, tool));
  const files = new Map<string, Buffer | 'cut'>();
  const server = createServer(({ url = '' }, answer) => {
    const found = files.get(url);
    if (found === undefined) return answer.writeHead(404).end('not here');
    if (found !== 'cut') return answer.end(found);
    answer.writeHead(200, { 'content-length': '1000' }).write('x'.repeat(500), () => answer.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    rmSync(home, { recursive: true });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = { PATH: bin, KUBEARMOR_RELEASES: url, TMPDIR: home };
  const install = (...words: readonly string[]): Promise<Result> =>
    new Promise((resolve) => {
      execFile(join(bin, 'sh'), [SCRIPT, ...words], { env, cwd: home }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
    });
  return { url, files, home, install };
}

/** What runs as `karmor` in a folder. */
const says = (folder: string): string => execFileSync(join(folder, 'karmor'), { encoding: 'utf8' }).trim();

for (const downloader of ['wget', 'curl']) {
  const skip = pathOf(downloader) === undefined && `${downloader} is not here`;

  test(`install.sh with ${downloader}: a tag, the latest, and an update that leaves nothing old`, { skip }, async (t) => {
    const index = await site(t, downloader);
    publish(index, '1.2.3');
    publish(index, '1.3.0');
    const bin = join(index.home, 'usr/bin');
    const first = await index.install('-b', bin, 'v1.2.3');
    assert.deepEqual(first, { code: 0, out: `karmor 1.2.3 is installed as ${bin}/karmor\n`, err: '' });
    assert.equal(says(bin), 'karmor 1.2.3');
    const second = await index.install('-d', '-b', bin);
    assert.match(second.err, /its SHA-256 is [\da-f]{64}, as the release says/);
    assert.equal(says(bin), 'karmor 1.3.0');
    assert.deepEqual(readdirSync(join(index.home, 'usr/lib/karmor')), ['v1.3.0']);
    assert.deepEqual(readdirSync(bin), ['karmor']);
    assert.equal((await index.install('-b', bin)).code, 0, 'the same again');
    assert.equal((await index.install()).code, 0, 'into ./bin');
    assert.equal(says(join(index.home, 'bin')), 'karmor 1.3.0');
    assert.equal((await index.install('-b', 'tools of mine')).code, 0, 'a folder with spaces that is not called bin');
    assert.deepEqual(readdirSync(join(index.home, 'tools of mine')), ['.karmor', 'karmor']);
  });

  test(`install.sh with ${downloader}: what cannot be had or is not what it says changes nothing`, { skip }, async (t) => {
    const index = await site(t, downloader);
    publish(index, '1.2.3');
    publish(index, '2.0.0', 'cannot run', 3);
    publish(index, '3.0.0');
    publish(index, '4.0.0');
    const archive = (version: string): string => `/v${version}/karmor_${version}_linux_${ARCH}.tar.gz`;
    index.files.set(archive('3.0.0'), Buffer.from('something else'));
    index.files.set(archive('4.0.0'), 'cut');
    index.files.set('/v5.0.0/SHA256SUMS', Buffer.from(`${'0'.repeat(64)}  karmor_5.0.0_linux_other.tar.gz\n`));
    const bin = join(index.home, 'bin');
    await index.install('-b', bin, 'v1.2.3');
    const refusals: readonly [why: RegExp, ...words: string[]][] = [
      [/the program does not run here; nothing was changed\. It said: cannot run/, 'v2.0.0'],
      [/is not what its release says \(SHA-256 [\da-f]{64}, expected [\da-f]{64}\); nothing was changed/, 'v3.0.0'],
      [/could not be fetched whole; nothing was changed/, 'v4.0.0'],
      [/the release v5\.0\.0 has no karmor_5\.0\.0_linux_\w+\.tar\.gz in its list/, 'v5.0.0'],
      [/there is no release v9\.9\.9 at/, 'v9.9.9'],
      [/1\.2\.3 is no tag/, '1.2.3'],
      [/is no tag/, 'v1/../../x'],
    ];
    for (const [why, ...words] of refusals) {
      const { code, out, err } = await index.install('-b', bin, ...words);
      assert.deepEqual([code, out], [1, ''], err);
      assert.match(err, why);
      assert.equal(says(bin), 'karmor 1.2.3');
      assert.deepEqual(readdirSync(join(index.home, 'lib/karmor')), ['v1.2.3'], `something is left after: ${err}`);
    }
    assert.deepEqual(
      readdirSync(index.home).filter((name) => name.startsWith('tmp.')),
      [],
      'temporary folders are left',
    );
  });
}

test('install.sh: a folder that cannot be written, no address, an address that is none, a wrong option', async (t) => {
  const index = await site(t, 'wget');
  publish(index, '1.2.3');
  writeFileSync(join(index.home, 'file'), '');
  const unwritable = await index.install('-b', join(index.home, 'file/bin'));
  assert.match(unwritable.err, /cannot be written; choose another folder with -b, or run this as root/);
  assert.equal(unwritable.code, 1);
  const nowhere = await index.install('-u', '');
  assert.match(nowhere.err, /where are the releases\? Give their address with -u URL, or in KUBEARMOR_RELEASES/);
  const wrong = await index.install('-u', `${index.url}/elsewhere`);
  assert.match(wrong.err, /elsewhere\/latest cannot be read: is that the address of the releases\?/);
  index.files.set('/latest', Buffer.from('v1/../../../etc\n'));
  assert.match((await index.install()).err, /latest says is no tag/);
  const option = await index.install('-z');
  assert.equal(option.code, 2);
  assert.match(option.err, /-b DIR {2}where the program goes/);
  assert.ok(!existsSync(join(index.home, 'bin')));
});
