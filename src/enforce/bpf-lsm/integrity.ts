// SPDX-License-Identifier: Apache-2.0
import type { Tampering } from '../enforcer.ts';
import { u32, u64 } from './images.ts';
import type { ImageStore } from './images.ts';
import type { Programs } from './programs.ts';

/** What the kernel's maps must say of a workload. */
export interface Written {
  readonly key: string;
  readonly number: number;
  readonly cgroupId: bigint;
  /** Of its scope. */
  readonly word: Buffer;
  /** Of its cgroup. */
  readonly binding: number;
  /** Undefined where it has no rules. */
  readonly imageId: number | undefined;
}

/**
 * Compares pins and maps with what the agent wrote, and writes again what differs. Links are held by the agent itself: nobody detaches
 * them while it lives. Of bindings that are not ours nothing is said.
 */
export function checkIntegrity(programs: Programs, images: ImageStore, written: readonly Written[]): Tampering[] {
  const found: Tampering[] = programs.checkPins().map(({ name, problem }) => ({ what: `the pin ${name} was removed`, problem }));
  const scopes = programs.map('scopes');
  const bindings = programs.map('bindings');
  for (const { key, number, cgroupId, word, binding } of written) {
    if (scopes.lookup(u32(number))?.equals(word) !== true) {
      scopes.update(u32(number), word);
      found.push({ what: `the rules of ${key} were switched in the kernel`, problem: undefined, workloads: [key] });
    }
    if (bindings.lookup(u64(cgroupId))?.readUInt32LE() !== binding) {
      bindings.update(u64(cgroupId), u32(binding));
      found.push({ what: `the cgroup of ${key} was unbound in the kernel`, problem: undefined, workloads: [key] });
    }
  }
  const usersOf = (id: number): string[] => written.filter(({ imageId }) => imageId === id).map(({ key }) => key);
  const lost = images.check().map((id) => ({
    what: `image ${id} was taken out of the kernel`,
    problem: undefined,
    workloads: usersOf(id),
  }));
  return [...found, ...lost];
}
