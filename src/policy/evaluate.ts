// SPDX-License-Identifier: Apache-2.0
import type { Access, Verdict } from './access.ts';
import { evaluatePath } from './evaluate-paths.ts';
import { evaluateCapability, evaluateSocket } from './evaluate-sockets.ts';
import { Image } from './image-view.ts';

/**
 * What the kernel does with an access, from the very tables that it runs.
 *
 * @param image words of a compiled image
 * @returns the verdict in mode `enabled`; in mode `audited` a denial passes and is reported
 */
export function evaluate(image: Uint32Array, access: Access): Verdict {
  const view = new Image(image);
  if (access.kind === 'socket') return evaluateSocket(view, access);
  if (access.kind === 'capability') return evaluateCapability(view, access);
  return evaluatePath(view, access);
}
