// SPDX-License-Identifier: Apache-2.0
// site.ts --at URL [--release DIR] [--out DIR]: a folder for any web server, from a release that `make release` made (default: the latest).
// The installer is what its root answers, and knows the address; `charts` is what `helm repo add` wants. Other releases in it stay.
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
/** Where install.sh says where releases are, if nobody says it. */
const ADDRESS = 'url=${KUBEARMOR_RELEASES:-}';

export interface Site {
  /** Where it will be served, like `https://releases.example.com/kubearmor`. */
  readonly at: string;
  /** A folder called by its tag, `vVERSION`. */
  readonly release: string;
  readonly out: string;
}

/** @throws {Error} where the address is none, or the release is not whole */
export function makeSite({ at, release, out }: Site): void {
  const address = checked(at);
  const tag = basename(release);
  const script = readFileSync(join(release, 'install.sh'), 'utf8');
  if (!script.includes(ADDRESS)) throw new Error(`site: ${release}/install.sh has no line ${ADDRESS}`);
  mkdirSync(out, { recursive: true });
  replace(release, join(out, tag));
  const charts = join(out, 'charts');
  rmSync(charts, { recursive: true, force: true });
  mkdirSync(charts);
  for (const file of ['index.yaml', ...globSync('kubearmor-{[0-9],operator-}*.tgz', { cwd: release })])
    cpSync(join(release, file), join(charts, file));
  writeFileSync(join(out, 'index.html'), script.replace(ADDRESS, `url=\${KUBEARMOR_RELEASES:-${address}}`));
  writeFileSync(join(out, 'latest'), `${tag}\n`);
}

function replace(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
}

/** It becomes a word of a script. */
function checked(at: string): string {
  const url = URL.parse(at);
  if (url === null || !/^https?:$/.test(url.protocol) || !/^[\w.:/-]+$/.test(at) || url.search !== '')
    throw new Error(`site: --at ${at} is no address like https://releases.example.com/kubearmor`);
  return at.replace(/\/+$/, '');
}

/** The folder of the release that was made last in a home of releases. */
export function latestIn(home: string): string {
  return join(home, readFileSync(join(home, 'latest'), 'utf8').trim());
}

function main(): void {
  const {
    at = '',
    release,
    out,
  } = parseArgs({ options: { at: { type: 'string' }, release: { type: 'string' }, out: { type: 'string' } } }).values;
  const folder = resolve(out ?? join(ROOT, '.cache/release/site'));
  makeSite({ at, release: release === undefined ? latestIn(join(ROOT, '.cache/release')) : resolve(release), out: folder });
  console.log(`site: serve ${folder} at ${at}; then: curl -sfL ${at}/ | sudo sh -s -- -b /usr/local/bin`);
}

if (import.meta.main) main();
