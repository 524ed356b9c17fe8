// SPDX-License-Identifier: Apache-2.0
import type { Access, Verdict } from './access.ts';
import { pathHits } from './evaluate-paths.ts';
import { capabilityHits, socketHits } from './evaluate-sockets.ts';
import { FAMILY } from './image-layout.gen.ts';
import { conclude, Image } from './image-view.ts';
import type { Hit } from './image-view.ts';

/**
 * What the kernel does with an access, from the very tables that it runs.
 *
 * @param image words of a compiled image
 * @returns the verdict in mode `enabled`; in mode `audited` a denial passes and is reported
 */
export function evaluate(image: Uint32Array, access: Access): Verdict {
  return judge(image, access).verdict;
}

/** A verdict, and what the rules said of each kind of access that the access is made of (a rename writes and moves). */
export interface Judgement {
  readonly verdict: Verdict;
  readonly hits: readonly Hit[];
}

/** As {@link evaluate}, with what it rests on: tools ask which Allow rule won, and what a rule says when it stands alone. */
export function judge(image: Uint32Array, access: Access): Judgement {
  const view = new Image(image);
  const hits = hitsOf(view, access);
  return { verdict: conclude(hits, view.head('posture', FAMILY[familyOf(access)])), hits };
}

function hitsOf(view: Image, access: Access): Hit[] {
  if (access.kind === 'socket') return socketHits(view, access);
  return access.kind === 'capability' ? capabilityHits(view, access) : pathHits(view, access);
}

/** The family whose rules and posture decide an access. */
export function familyOf(access: Access): 'PROCESS' | 'FILE' | 'NETWORK' | 'CAPABILITIES' {
  if (access.kind === 'socket') return 'NETWORK';
  if (access.kind === 'capability') return 'CAPABILITIES';
  return access.kind === 'exec' || access.kind === 'map-exec' ? 'PROCESS' : 'FILE';
}
