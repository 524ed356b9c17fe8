// SPDX-License-Identifier: Apache-2.0
import { parseGlob } from '#automaton';
import type { Action, NetworkRule, PathObject } from './model.ts';

const WITHOUT_SUBJECT = 2 ** 31;
const GLOB = 2 ** 28;
const BY_LENGTH = 2 ** 29;
const LENGTH_MAX = 8191;

/**
 * The precedence of a rule on a path as one number, lower first: a total order in which the first entry that matches an
 * access decides it (semantics.md, section 4).
 *
 * With subject before without; exact path and execname; globs that block or audit; then directories, deeper before
 * shallower and non-recursive before recursive, with each glob that allows just before the first directory that holds
 * its fixed prefix: there, and only there, it outranks a Block directory.
 */
export function pathRank(object: PathObject, action: Action, hasSubject: boolean): number {
  return (hasSubject ? 0 : WITHOUT_SUBJECT) + objectRank(object, action);
}

function objectRank(object: PathObject, action: Action): number {
  switch (object.kind) {
    case 'path':
    case 'execname':
      return 0;
    case 'glob':
      return action === 'Allow' ? byLength(byteLength(parseGlob(object.glob).prefix), 0) : GLOB;
    case 'dir':
      return byLength(object.dir === '/' ? 1 : byteLength(object.dir) + 1, object.recursive ? 2 : 1);
  }
}

const byLength = (length: number, kind: number): number => BY_LENGTH + (LENGTH_MAX - Math.min(length, LENGTH_MAX)) * 4 + kind;
const byteLength = (text: string): number => Buffer.byteLength(text);

const TYPES: ReadonlySet<string> = new Set(['stream', 'dgram', 'seqpacket', 'rdm', 'packet']);

/** As {@link pathRank}, for sockets: port or cidr, then protocol, then type, then `all`. */
export function networkRank(rule: NetworkRule): number {
  const detail = rule.port !== undefined || rule.cidr !== undefined;
  const kind = detail ? 0 : rule.protocol === 'all' ? 3 : TYPES.has(rule.protocol) ? 2 : 1;
  return (rule.subjects.length > 0 ? 0 : WITHOUT_SUBJECT) + kind;
}

/** As {@link pathRank}, for capabilities. */
export function capabilityRank(hasSubject: boolean): number {
  return hasSubject ? 0 : WITHOUT_SUBJECT;
}
