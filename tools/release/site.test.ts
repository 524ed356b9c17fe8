// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { makeSite } from './site.ts';

const SCRIPT = join(import.meta.dirname, '../../deploy/install.sh');
const AT = 'http://127.0.0.1:8080/releases';

/** Releases of some tags, as far as a site looks at them. */
function releases(t: TestContext, ...tags: readonly string[]): string {
  const home = mkdtempSync(join(tmpdir(), 'kubearmor-site-'));
  t.after(() => rmSync(home, { recursive: true }));
  for (const tag of tags) {
    const version = tag.slice(1);
    mkdirSync(join(home, tag));
    cpSync(SCRIPT, join(home, tag, 'install.sh'));
    for (const file of [
      'index.yaml',
      'SHA256SUMS',
      `kubearmor-${version}.tgz`,
      `kubearmor-operator-${version}.tgz`,
      `kubearmor-karmor-${version}.tgz`,
    ])
      writeFileSync(join(home, tag, file), `${file} of ${tag}`);
  }
  return home;
}

test('a site: the installer knows its address, charts have a folder, and the older release stays', (t) => {
  const home = releases(t, 'v1.2.3', 'v1.3.0');
  const out = join(home, 'site');
  const read = (name: string): string => readFileSync(join(out, name), 'utf8');
  for (const tag of ['v1.2.3', 'v1.3.0']) makeSite({ at: `${AT}/`, release: join(home, tag), out });
  assert.equal(read('index.html'), readFileSync(SCRIPT, 'utf8').replace('RELEASES:-}', `RELEASES:-${AT}}`));
  assert.equal(read('latest'), 'v1.3.0\n');
  assert.equal(read('charts/index.yaml'), 'index.yaml of v1.3.0');
  assert.ok(existsSync(join(out, 'charts/kubearmor-1.3.0.tgz')) && existsSync(join(out, 'charts/kubearmor-operator-1.3.0.tgz')));
  for (const none of ['kubearmor-1.2.3.tgz', 'kubearmor-karmor-1.3.0.tgz']) assert.ok(!existsSync(join(out, 'charts', none)), none);
  for (const tag of ['v1.2.3', 'v1.3.0']) assert.equal(read(`${tag}/SHA256SUMS`), `SHA256SUMS of ${tag}`);
});

for (const at of ['', 'releases', 'ftp://host/', 'http://host/$(id)', 'http://host/"; id; "', 'http://host/?a=b', "http://host/'"])
  test(`${JSON.stringify(at)} is no address of a site`, (t) => {
    const home = releases(t, 'v1.2.3');
    assert.throws(() => makeSite({ at, release: join(home, 'v1.2.3'), out: join(home, 'site') }), /is no address like/);
    assert.ok(!existsSync(join(home, 'site')));
  });
