// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { KubeArmorError } from '#base';

/** The `errno` name of a Node file system error, like `ENOENT`; empty for anything else. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The file's text, or undefined where it does not exist, its process is gone or the kernel does not offer it. */
export function readTextIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'ENOTDIR', 'EINVAL', 'EOPNOTSUPP'].includes(errnoOf(error))) return undefined;
    throw new KubeArmorError('HOST_IO', `reading ${path}: ${errnoOf(error)}`, { cause: error, context: { path } });
  }
}
