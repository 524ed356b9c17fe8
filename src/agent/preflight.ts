// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import net from 'node:net';
import { KubeArmorError } from '#base';
import { nodeLacks } from '#host';
import type { HostFacts } from '#host';

/**
 * Refuses to start where the agent could not work.
 *
 * @throws {KubeArmorError} `NOT_SUPPORTED` with everything that is missing; `HOST_IO` where another agent runs
 */
export async function checkNode(facts: HostFacts, socket: string, objectPath: string): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new KubeArmorError('NOT_SUPPORTED', 'starting: the agent needs root: it loads programs into the kernel');
  const lacks = nodeLacks(facts).map(({ problem, cure }) => `${problem}: ${cure}`);
  if (!existsSync(objectPath)) lacks.push(`the compiled programs are not at ${objectPath}: run make build, or set bpfObject`);
  if (lacks.length > 0) throw new KubeArmorError('NOT_SUPPORTED', `starting: ${lacks.join('; ')}`);
  if (await isAnswered(socket)) throw new KubeArmorError('HOST_IO', `starting: another agent listens on ${socket}: stop it first`);
}

/** Whether somebody listens on a Unix socket. */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
