// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { AgentFile } from './ports.ts';

const SIZE_MAX = 1024 * 1024;
const OTHERS_WRITE = 0o022;
/** A pipe somebody left there must not hold us up; a link must not lead us to another file. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads a small JSON file of the agent's; whatever is wrong with it is said, not thrown: probing goes on.
 *
 * One of the files lies in `/tmp`, where every user can make it: only what the agent's user wrote, and nobody else can write,
 * is believed.
 *
 * @param uid the agent's user; it always runs as root but in tests
 */
export async function readAgentFile(path: string, uid = 0): Promise<AgentFile> {
  try {
    await using file = await open(path, FLAGS);
    const distrust = await whyNotTrusted(file, uid);
    if (distrust !== undefined) return { missing: `${path}: ${distrust}` };
    return { json: JSON.parse(await file.readFile('utf8')) };
  } catch (error) {
    return { missing: `${path}: ${whyNot(error)}` };
  }
}

async function whyNotTrusted(file: FileHandle, uid: number): Promise<string | undefined> {
  const stat = await file.stat();
  if (!stat.isFile()) return 'it is no file';
  if (stat.uid !== uid) return `it belongs to user ${stat.uid}, not to root: not believed`;
  if ((stat.mode & OTHERS_WRITE) !== 0) return 'others can write it: not believed';
  return stat.size > SIZE_MAX ? `larger than ${SIZE_MAX} bytes` : undefined;
}

function whyNot(error: unknown): string {
  if (error instanceof SyntaxError) return 'not JSON';
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ELOOP' ? 'it is a link: not followed' : (code ?? String(error));
}
