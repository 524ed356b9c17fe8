// SPDX-License-Identifier: Apache-2.0
import { writeFile } from 'node:fs/promises';
import { errnoText, KubeArmorError } from '#base';
import type { Io } from './io.ts';

/**
 * Writes a report where the command line says: a file, or `-` for standard output.
 *
 * @throws {KubeArmorError} `HOST_IO` where the file cannot be written; what was printed before stays
 */
export async function writeReport(name: string, text: string, io: Io): Promise<void> {
  if (name === '-') return await io.outJson(text.trimEnd());
  try {
    await writeFile(name, text);
  } catch (error) {
    throw new KubeArmorError('HOST_IO', `writing ${name}: ${errnoText(error)}`, { cause: error });
  }
}
