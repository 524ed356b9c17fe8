// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import type { Hybrid } from './cluster.ts';

const ROOT = join(import.meta.dirname, '../..');

/** What is in force in the kernel of the node: `N scopes, N images` (kernel-state.ts). */
export async function inKernel({ guest }: Hybrid): Promise<string> {
  const { output } = await guest.run(`${ROOT}/tools/node ${ROOT}/test/hybrid/kernel-state.ts`);
  return output.trim();
}
