// SPDX-License-Identifier: Apache-2.0
import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KubeArmorError } from '#base';
import type { Io } from './io.ts';

const POLICY_NAME = /\.(?:ya?ml|json)$/i;
/** Far above what a policy file may have; the parser names its own limit. */
const READ_MAX = 64 * 1024 * 1024;

export interface PolicyFile {
  /** As given, or found below a folder that was; `stdin` for `-`. */
  readonly name: string;
  readonly text: string;
}

/**
 * Reads what the command line names: files as they are, folders with all `.yaml`, `.yml` and `.json` below (names with a leading dot
 * and linked folders left out), `-` for stdin. In order of names, so that output is the same every time.
 *
 * @throws {KubeArmorError} `USAGE` for a name that does not exist or a folder without policies, `HOST_IO` for what cannot be read
 */
export async function* readPolicyFiles(names: readonly string[], io: Io): AsyncGenerator<PolicyFile> {
  for (const name of names) {
    if (name === '-') {
      yield { name: 'stdin', text: await io.readStdin() };
      continue;
    }
    const info = await stat(name).catch(failing(name));
    const paths = info.isDirectory() ? await findPolicyFiles(name) : [name];
    if (paths.length === 0) throw new KubeArmorError('USAGE', `reading ${name}: no .yaml, .yml or .json file below it`);
    for (const path of paths) yield { name: path, text: await readLimited(path) };
  }
}

async function findPolicyFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(failing(folder));
  const found: string[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) found.push(...(await findPolicyFiles(path)));
    else if (POLICY_NAME.test(entry.name) && (await isFile(entry, path))) found.push(path);
  }
  return found;
}

async function isFile(entry: Dirent, path: string): Promise<boolean> {
  return entry.isSymbolicLink() ? (await stat(path).catch(failing(path))).isFile() : entry.isFile();
}

async function readLimited(path: string): Promise<string> {
  const { size } = await stat(path).catch(failing(path));
  if (size > READ_MAX) throw new KubeArmorError('LIMIT_EXCEEDED', `reading ${path}: ${size} bytes, at most ${READ_MAX} are read`);
  return await readFile(path, 'utf8').catch(failing(path));
}

function failing(path: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    const isMissing = error.code === 'ENOENT' || error.code === 'ENOTDIR';
    const why = isMissing ? 'no such file or folder' : (error.code ?? error.message);
    throw new KubeArmorError(isMissing ? 'USAGE' : 'HOST_IO', `reading ${path}: ${why}`, { cause: error });
  };
}
