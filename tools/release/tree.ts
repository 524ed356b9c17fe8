// SPDX-License-Identifier: Apache-2.0
import { chmodSync, copyFileSync, lutimesSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runText } from './run.ts';

/** A file, link or folder that an artefact has in it; `path` without a slash in front. Folders above it come by themselves. */
export type Entry =
  | { readonly path: string; readonly text: string; readonly mode?: number }
  | { readonly path: string; readonly from: string; readonly mode?: number }
  | { readonly path: string; readonly link: string }
  | { readonly path: string; readonly folder: true; readonly mode?: number };

const FILE = 0o644;
const FOLDER = 0o755;

/** Another entry of the same path replaces none: that is a mistake of who lists them. @throws {Error} for it */
export function writeTree(directory: string, entries: readonly Entry[], epoch: number): void {
  const seen = new Set<string>();
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, FOLDER);
  for (const entry of entries) {
    if (seen.has(entry.path)) throw new Error(`release: ${entry.path} comes twice`);
    seen.add(entry.path);
    writeEntry(join(directory, entry.path), entry);
  }
  setTimes(directory, epoch);
}

function writeEntry(at: string, entry: Entry): void {
  makeFolders('folder' in entry ? at : dirname(at));
  if ('link' in entry) return symlinkSync(entry.link, at);
  if ('text' in entry) writeFileSync(at, entry.text);
  if ('from' in entry) copyFileSync(entry.from, at);
  chmodSync(at, entry.mode ?? ('folder' in entry ? FOLDER : FILE));
}

/** Whatever the umask is. */
function makeFolders(at: string): void {
  const first = mkdirSync(at, { recursive: true });
  if (first === undefined) return;
  for (let folder = at; folder.length >= first.length; folder = dirname(folder)) chmodSync(folder, FOLDER);
}

function setTimes(directory: string, epoch: number): void {
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true }))
    lutimesSync(join(entry.parentPath, entry.name), epoch, epoch);
  lutimesSync(directory, epoch, epoch);
}

/**
 * A tar file of a folder that writeTree made: sorted, owned by root.
 *
 * GNU tar and gzip and not Node's zlib: that one compresses differently on processors without certain instructions.
 */
export function packTar(directory: string, out: string, epoch: number): void {
  const names = readdirSync(directory).toSorted();
  runText('tar', [
    '--format=gnu',
    '--sort=name',
    `--mtime=@${epoch}`,
    '--owner=root:0',
    '--group=root:0',
    '--numeric-owner',
    '-C',
    directory,
    '-cf',
    out,
    '--',
    ...names,
  ]);
}

/** Compresses a file in place: FILE becomes FILE.gz. */
export function gzip(file: string): string {
  runText('gzip', ['-6', '--no-name', '--force', file]);
  return `${file}.gz`;
}
