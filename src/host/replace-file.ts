// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/**
 * Writes a file so that, whatever happens, either the old or the new one is there, whole, and on the disk.
 *
 * @throws {Error} of Node's file system, with its errno name; nothing is left beside the file then
 */
export async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  const directory = path.dirname(file);
  const scratch = path.join(directory, `.${process.pid}-${Math.random().toString(36).slice(2)}~`);
  try {
    await using handle = await open(scratch, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode);
    await handle.writeFile(text);
    await handle.sync();
    await rename(scratch, file);
    await using folder = await open(directory, constants.O_RDONLY);
    await folder.sync();
  } catch (error) {
    await rm(scratch, { force: true }).catch(() => {});
    throw error;
  }
}
