// SPDX-License-Identifier: Apache-2.0
import { open } from 'node:fs/promises';
import type { AgentFile } from './ports.ts';

const SIZE_MAX = 1024 * 1024;

/** Reads a small JSON file of the agent's; whatever is wrong with it is said, not thrown: probing goes on. */
export async function readAgentFile(path: string): Promise<AgentFile> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size > SIZE_MAX) return { missing: `${path}: larger than ${SIZE_MAX} bytes` };
    return { json: JSON.parse(await file.readFile('utf8')) };
  } catch (error) {
    const why = error instanceof SyntaxError ? 'not JSON' : ((error as NodeJS.ErrnoException).code ?? String(error));
    return { missing: `${path}: ${why}` };
  }
}
