// SPDX-License-Identifier: Apache-2.0
import type { Dirent, Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoHint, errnoText, KubeArmorError } from '#base';
import type { Issue } from '#base';
import type { Io } from './io.ts';
import { READ_MAX, readPipe } from './read-input.ts';

const POLICY_NAME = /\.(?:ya?ml|json)$/i;
/** A pipe of the shell may be opened by such a name; a terminal or a socket there may not. */
const STDIN_NAMES = new Set(['-', '/dev/stdin', '/dev/fd/0', '/proc/self/fd/0']);
/** `/dev/null`. @source Linux, Documentation/admin-guide/devices.txt: 1, 3 */
const NULL_DEVICE = 0x103;

export interface PolicyFile {
  /** As given, or found below a folder that was; `stdin` for `-`. */
  readonly name: string;
  /** Found in a folder, not named by hand. */
  readonly isFound: boolean;
  /** Undefined where it cannot be read. */
  readonly text?: string | undefined;
  /** Why not. */
  readonly issues: readonly Issue[];
}

export interface ReadOptions {
  /** A folder without files of policies is no error. */
  readonly mayBeEmpty?: boolean;
}

/**
 * Reads what one word of the command line names: a file as it is, of a folder all `.yaml`, `.yml` and `.json` below (names with a
 * leading dot and linked folders left out), `-` for stdin. In order of names, so that output is the same every time. What cannot be
 * read below a folder is told with the entry, and the rest is read.
 *
 * @throws {KubeArmorError} `USAGE` for a name that does not exist or is no file, or a folder without policies, `HOST_IO` for what was
 *   named and cannot be read, or where the signal aborts
 */
export async function* readPolicyFiles(name: string, io: Io, { mayBeEmpty = false }: ReadOptions = {}): AsyncGenerator<PolicyFile> {
  if (STDIN_NAMES.has(name)) {
    yield { name: name === '-' ? 'stdin' : name, isFound: false, text: await io.readStdin(), issues: [] };
    return;
  }
  const info = await stat(name).catch(failing(name));
  if (!info.isDirectory()) {
    yield { name, isFound: false, text: await readNamed(name, info, io), issues: [] };
    return;
  }
  let count = 0;
  for await (const entry of findPolicyFiles(name)) {
    if (io.signal.aborted) throw new KubeArmorError('HOST_IO', `reading ${name}: interrupted`);
    count++;
    yield 'unreadable' in entry ? unreadable(entry.path, entry.unreadable) : await readFound(entry.path);
  }
  if (count === 0 && !mayBeEmpty) throw new KubeArmorError('USAGE', `reading ${name}: no .yaml, .yml or .json file below it`);
}

type Entry = { readonly path: string } | { readonly path: string; readonly unreadable: unknown };

async function* findPolicyFiles(folder: string): AsyncGenerator<Entry> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    yield { path: folder, unreadable: error };
    return;
  }
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) yield* findPolicyFiles(path);
    else if (POLICY_NAME.test(entry.name)) yield* fileEntry(entry, path);
  }
}

async function* fileEntry(entry: Dirent, path: string): AsyncGenerator<Entry> {
  try {
    const isFile = entry.isSymbolicLink() ? (await stat(path)).isFile() : entry.isFile();
    if (isFile) yield { path };
  } catch (error) {
    yield { path, unreadable: error };
  }
}

async function readFound(path: string): Promise<PolicyFile> {
  try {
    return { name: path, isFound: true, text: await readLimited(path, await stat(path)), issues: [] };
  } catch (error) {
    return unreadable(path, error);
  }
}

function unreadable(name: string, error: unknown): PolicyFile {
  const why = error instanceof KubeArmorError ? error.message : errnoText(error);
  const cure = errnoHint(error) ?? 'move it away, or name the files to read';
  const issue: Issue = { severity: 'error', code: 'FILE_UNREADABLE', file: name, at: '', problem: `cannot be read: ${why}`, cure };
  return { name, isFound: true, issues: [issue] };
}

async function readNamed(name: string, info: Stats, io: Io): Promise<string> {
  if (info.isFIFO()) return await readPipe(name, io.signal).catch(failing(name));
  if (info.isCharacterDevice() && info.rdev === NULL_DEVICE) return '';
  if (!info.isFile()) {
    const what = info.isSocket() ? 'a socket' : 'a device';
    throw new KubeArmorError('USAGE', `reading ${name}: it is ${what}; name a file, a folder, a pipe, or - for standard input`);
  }
  return await readLimited(name, info).catch(failing(name));
}

async function readLimited(path: string, { size }: Stats): Promise<string> {
  if (size > READ_MAX) throw new KubeArmorError('LIMIT_EXCEEDED', `reading ${path}: ${size} bytes, at most ${READ_MAX} are read`);
  return await readFile(path, 'utf8');
}

function failing(path: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof KubeArmorError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
    const why = isMissing ? 'no such file or folder' : errnoText(error);
    throw new KubeArmorError(isMissing ? 'USAGE' : 'HOST_IO', `reading ${path}: ${why}`, { cause: error });
  };
}
