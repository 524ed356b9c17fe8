// SPDX-License-Identifier: Apache-2.0
import type { Access, Verdict } from './access.ts';
import { CONDITION, IMAGE_HEAD, POSTURE, VERDICT } from './image-layout.gen.ts';
import { ENTRY_WORDS } from './image.ts';
import type { HeadField } from './image.ts';
import { CLASS_NOBODY, CLASS_UNKNOWN } from './subjects.ts';

const COMPONENTS_MAX = 64;

/** What the rules say of one kind of access. */
export interface Hit {
  /** Whether the default posture decides where no rule does. */
  readonly hasPosture: boolean;
  rank: number;
  rule: number;
  verdict: number;
  audit: boolean;
  auditRank: number;
  auditRule: number;
}

export const newHit = (hasPosture = true): Hit => ({
  hasPosture,
  rank: 0,
  rule: 0,
  verdict: VERDICT.NONE,
  audit: false,
  auditRank: 0,
  auditRule: 0,
});

/** The words of an image with the walks that lib/match.h does. */
export class Image {
  readonly w: Uint32Array;
  readonly #classes: Uint8Array;

  constructor(words: Uint32Array) {
    this.w = words;
    this.#classes = new Uint8Array(words.buffer, words.byteOffset + 256, 256);
  }

  head(field: HeadField, index = 0): number {
    return this.w[IMAGE_HEAD.offsets[field] / 4 + index]!;
  }

  /** The state of the k-th automaton behind these bytes. */
  run(bytes: Uint8Array, k: number): number {
    let s = this.head('starts', k);
    for (const byte of bytes) {
      if (s === 0) return 0;
      const byteClass = this.#classes[byte]!;
      const cell = this.w[s + byteClass] ?? 0xff;
      s = ((cell & 0xff) === byteClass ? cell : this.w[s]!) >>> 8;
    }
    return s;
  }

  /** The record that each automaton has for a name. */
  recordsOf(path: string): number[] {
    const used = [0, 1, 2, 3].filter((k) => this.head('starts', k) !== 0);
    return used.map((k) => this.recordOf(path, k)).filter((record) => record !== 0);
  }

  /** The record of a name, 0 for none: what its state accepts, or what is reachable where only the beginning is known. */
  recordOf(path: string, k: number): number {
    const parts = path.split('/');
    const deep = path.startsWith('/') && parts.length - 1 > COMPONENTS_MAX;
    const s = this.run(Buffer.from(deep ? parts.slice(0, COMPONENTS_MAX + 1).join('/') : path), k);
    const cell = s === 0 ? 0 : (this.w[s + (deep ? 2 : 1)] ?? 0);
    return (cell & 0xff) === (deep ? 2 : 1) ? cell >>> 8 : 0;
  }

  subjectClass(subject: Access['subject']): number {
    if (subject === undefined) return CLASS_UNKNOWN;
    if (typeof subject === 'object') return this.head('runtime_class');
    const record = this.recordOf(subject, 0); // subjects are in the first automaton only
    return record === 0 ? CLASS_NOBODY : this.w[record]!;
  }

  inColumn(subjectClass: number, column: number): boolean {
    if (column === 0) return true;
    const word = this.w[this.head('matrix') + subjectClass * this.head('matrix_words') + (column >>> 5)]!;
    return ((word >>> (column & 31)) & 1) === 1;
  }
}

/** Block and Audit rules for any applet match it. @source bpf/lib/scope.h */
export const APPLET_UNKNOWN = 0xffffffff;

/** What an entry may ask of the task that acts. */
export interface Query {
  readonly subjectClass: number;
  readonly owner: boolean;
  readonly applet: number;
  readonly blockOnly: boolean;
}

function conditionHolds(condition: number, owner: boolean): boolean {
  return condition === 0 || condition === (owner ? CONDITION.OWNER : CONDITION.NOT_OWNER);
}

function appletMatches(applet: number, query: Query, isAllow: boolean): boolean {
  return applet === 0 || applet === query.applet || (query.applet === APPLET_UNKNOWN && !isAllow);
}

function entryMatches(image: Image, at: number, access: number, query: Query): boolean {
  const { w } = image;
  const what = w[at + 3]!;
  const isAllow = what >>> 16 === VERDICT.ALLOW;
  if (!(what & access) || !conditionHolds((what >>> 8) & 0xff, query.owner) || (query.blockOnly && isAllow)) return false;
  return appletMatches(w[at + 4]!, query, isAllow) && image.inColumn(query.subjectClass, w[at + 2]!);
}

/** Adds what a list says to a hit, for one kind of access. */
export function searchList(image: Image, list: number, { access, query }: { access: number; query: Query }, hit: Hit): void {
  const { w } = image;
  const find = (from: number, end: number): number | undefined => {
    for (let at = from; at < end; at += ENTRY_WORDS) if (entryMatches(image, at, access, query)) return at;
    return undefined;
  };
  const audits = list + 2 + w[list]! * ENTRY_WORDS;
  const found = find(list + 2, audits);
  if (found !== undefined) {
    const rank = w[found]!;
    const verdict = w[found + 3]! >>> 16;
    if (hit.verdict === VERDICT.NONE || rank < hit.rank || (rank === hit.rank && verdict === VERDICT.BLOCK)) {
      Object.assign(hit, { rank, verdict, rule: w[found + 1]! });
    }
  }
  const audited = find(audits, audits + w[list + 1]! * ENTRY_WORDS);
  if (audited === undefined || (hit.audit && w[audited]! >= hit.auditRank)) return;
  Object.assign(hit, { audit: true, auditRank: w[audited]!, auditRule: w[audited + 1]! });
}

/** One alert at most: a denial's, else the most specific Audit rule's, else the posture's. */
export function conclude(hits: readonly Hit[], posture: number): Verdict {
  const blocked = hits.find((hit) => hit.verdict === VERDICT.BLOCK);
  if (blocked) return { outcome: 'denied', rule: blocked.rule };
  const open = hits.some((hit) => hit.hasPosture && hit.verdict === VERDICT.NONE);
  if (open && posture === POSTURE.BLOCK) return { outcome: 'denied' };
  const audited = hits.find((hit) => hit.audit);
  if (audited) return { outcome: 'audited', rule: audited.auditRule };
  return open && posture === POSTURE.AUDIT ? { outcome: 'audited' } : { outcome: 'passed' };
}
