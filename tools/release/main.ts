// SPDX-License-Identifier: Apache-2.0
// main.ts [--only NAME,…] [--home DIR | --out DIR] [--trial]: makes the artefacts of a release (docs/reference/artefacts.md) in HOME/vVERSION (default
// .cache/release) and writes its tag into HOME/latest; with --out they go there.
// --trial: under the version that package.json says, whatever the tree is: to try a release, not to give away.
// Offline; needs make build and tools/release/inputs.sh before.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ARTEFACTS } from './artefacts.ts';
import type { Artefact, Made } from './artefacts.ts';
import { billOfMaterials } from './sbom.ts';
import { readRelease } from './version.ts';
import type { Release } from './version.ts';
import { Workshop } from './workshop.ts';

/** As `sha256sum` writes and checks it. */
export const CHECKSUMS = 'SHA256SUMS';

/**
 * Makes artefacts, a bill of materials for each, and the checksums of all, in `out`, which is replaced when everything is there.
 *
 * @param scratch a folder that this may empty; it is gone afterwards
 */
export async function makeArtefacts(release: Release, artefacts: readonly Artefact[], out: string, scratch: string): Promise<void> {
  const shop = new Workshop(release, scratch);
  const fresh = shop.folder('out');
  for (const artefact of artefacts) {
    console.log(`release: ${artefact.name}: ${artefact.what}`);
    // Each wants all processors and much room. oxlint-disable-next-line no-await-in-loop
    for (const made of await artefact.make(shop, fresh)) writeMaterials(release, made);
  }
  const names = readdirSync(fresh).toSorted();
  const sums = names.map(
    (name) =>
      `${createHash('sha256')
        .update(readFileSync(join(fresh, name)))
        .digest('hex')}  ${name}\n`,
  );
  writeFileSync(join(fresh, CHECKSUMS), sums.join(''));
  rmSync(out, { recursive: true, force: true });
  mkdirSync(dirname(out), { recursive: true });
  renameSync(fresh, out);
  rmSync(scratch, { recursive: true });
}

function writeMaterials(release: Release, { file, subject, components }: Made): void {
  writeFileSync(`${file}.cdx.json`, billOfMaterials(release, subject, components));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, home: { type: 'string' }, out: { type: 'string' }, trial: { type: 'boolean' } },
  });
  const wanted = values.only?.split(',');
  const artefacts = ARTEFACTS.filter(({ name }) => wanted?.includes(name) ?? true);
  if (wanted !== undefined && artefacts.length !== wanted.length)
    throw new Error(`release: there are ${ARTEFACTS.map(({ name }) => name).join(', ')}, not ${values.only}`);
  const release = readRelease(join(import.meta.dirname, '../..'), values.trial);
  if (release.version.endsWith('.dirty')) console.log('release: files differ from the commit: nobody else can make the same bytes');
  const cache = join(release.root, '.cache/release');
  const home = resolve(values.home ?? cache);
  const out = values.out === undefined ? join(home, `v${release.version}`) : resolve(values.out);
  await makeArtefacts(release, artefacts, out, join(cache, `scratch-${process.pid}`));
  if (values.out === undefined) writeFileSync(join(home, 'latest'), `v${release.version}\n`);
  for (const name of readdirSync(out).toSorted()) {
    if (!name.endsWith('.cdx.json')) console.log(`${String(statSync(join(out, name)).size).padStart(12)}  ${name}`);
  }
  console.log(`release: v${release.version}, with ${CHECKSUMS} and a bill of materials for each (*.cdx.json), in ${out}`);
}

if (import.meta.main) await main();
