// SPDX-License-Identifier: Apache-2.0
import type { ProtectOptions } from '../enforcer.ts';
import { SCOPE_MODE } from './event-layout.gen.ts';
import type { LoadedImage } from './images.ts';

/** In a binding (bpf/lib/scope.h). */
export const NOT_STARTED = 2 ** 31;

/** A scope's word (bpf/lib/scope.h): image id, slot, size class, mode, image flags. */
export function wordOf(image: LoadedImage | undefined, mode: number): Buffer {
  const bytes = Buffer.alloc(8);
  const high = image === undefined ? 0 : image.slot | (image.sizeClass << 14) | (image.flags << 20);
  bytes.writeUInt32LE(image?.id ?? 0, 0);
  bytes.writeUInt32LE((high | (mode << 16)) >>> 0, 4);
  return bytes;
}

/** `enum scope_mode` of a workload. */
export function modeOf({ mode, visibility }: ProtectOptions): number {
  return (
    (mode === 'audited' ? SCOPE_MODE.AUDITED : 0) |
    (visibility?.process ? SCOPE_MODE.SEE_PROCESS : 0) |
    (visibility?.file ? SCOPE_MODE.SEE_FILE : 0) |
    (visibility?.network ? SCOPE_MODE.SEE_NETWORK : 0)
  );
}
