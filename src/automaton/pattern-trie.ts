// SPDX-License-Identifier: Apache-2.0
import type { StepBudget } from './budget.ts';
import { NOT_SLASH, parseGlobItems } from './glob.ts';
import type { ByteSet, GlobItem } from './glob.ts';
import { SLASH } from './model.ts';
import type { Pattern } from './model.ts';

/** A step on one of several bytes. */
export interface SetEdge {
  readonly set: number;
  readonly node: number;
}

/** What a node does with a byte besides its edges: nothing, stay on all but `/`, stay on all. */
export const [NO_LOOP, STAR_LOOP, ANY_LOOP] = [0, 1, 2] as const;

/**
 * All patterns as one prefix tree of bytes, byte sets and stars: a nondeterministic automaton without a construction.
 *
 * Patterns share what they begin with, so plain paths stay a plain trie and all `**` + `/name` share one loop. Node 0 is
 * the root; as nothing leads to it, 0 means "none" in `firstChild`, `nextSibling`, `star` and `doubleStar`.
 */
export class PatternTrie {
  readonly firstChild: number[] = [];
  readonly nextSibling: number[] = [];
  /** The byte that leads to a node from its parent. */
  readonly byte: number[] = [];
  /** The loop nodes that a node enters without reading a byte. */
  readonly star: number[] = [];
  readonly doubleStar: number[] = [];
  readonly loop: number[] = [];
  readonly setEdges = new Map<number, SetEdge[]>();
  /** Indexes of the patterns that end at a node. */
  readonly patterns = new Map<number, number[]>();
  readonly sets: ByteSet[] = [];
  /** Whether there are only plain paths: then no two nodes lead to the same patterns, and nothing can be merged. */
  isPlain = true;
  readonly #parent: number[] = [];
  readonly #setIds = new Map<string, number>();
  readonly #budget: StepBudget;

  constructor(budget: StepBudget) {
    this.#budget = budget;
    this.#addNode(0, 0, NO_LOOP);
  }

  get size(): number {
    return this.byte.length;
  }

  /**
   * What ends in `/` can only match `/` itself: no other path ends so, and states for it would be many for nothing.
   *
   * @throws {GlobError} where the pattern is a glob with a problem
   */
  add(pattern: Pattern, index: number): void {
    if (pattern.kind !== 'exact') this.isPlain = false;
    for (const end of this.#insertPattern(pattern)) {
      const node = this.#endOf(end);
      if (node === undefined) continue;
      const here = this.patterns.get(node);
      if (here === undefined) this.patterns.set(node, [index]);
      else if (here.at(-1) !== index) here.push(index);
    }
  }

  #endOf(node: number): number | undefined {
    if (this.byte[node] !== SLASH) return node;
    let before = this.#parent[node]!;
    while (this.loop[before] !== NO_LOOP) before = this.#parent[before]!;
    return before === 0 ? this.#byteChild(0, SLASH) : undefined;
  }

  /** Per node whether a pattern ends there or behind it. A node comes after its parent, so the last comes first here. */
  findUseful(): Uint8Array {
    const useful = new Uint8Array(this.size);
    for (let node = this.size - 1; node >= 0; node--) {
      if (this.patterns.has(node)) useful[node] = 1;
      if (node > 0 && useful[node] === 1) useful[this.#parent[node]!] = 1;
    }
    return useful;
  }

  #insertPattern(pattern: Pattern): readonly number[] {
    switch (pattern.kind) {
      case 'exact':
        return [this.#insertText(0, pattern.path)];
      case 'execname':
        return [this.#insertText(this.#loopNode(0, ANY_LOOP), `/${pattern.name}`)];
      case 'glob':
        return this.#insertItems([0], parseGlobItems(pattern.glob));
      case 'dir': {
        const dir = this.#insertText(0, pattern.dir);
        const inside = pattern.dir === '/' ? dir : this.#insertText(dir, '/');
        return [dir, this.#loopNode(this.#setChild(inside, NOT_SLASH), pattern.recursive ? ANY_LOOP : STAR_LOOP)];
      }
    }
  }

  #insertText(from: number, text: string): number {
    let node = from;
    for (const byte of new TextEncoder().encode(text)) node = this.#byteChild(node, byte);
    return node;
  }

  #insertItems(from: readonly number[], items: readonly GlobItem[]): readonly number[] {
    let nodes = from;
    for (const item of items) nodes = [...new Set(nodes.flatMap((node) => this.#insertItem(node, item)))];
    return nodes;
  }

  #insertItem(node: number, item: GlobItem): number | readonly number[] {
    switch (item.kind) {
      case 'byte':
        return this.#byteChild(node, item.byte);
      case 'set':
        return this.#setChild(node, item.members);
      case 'star':
        return this.#loopNode(node, STAR_LOOP);
      case 'doubleStar':
        return this.#loopNode(node, ANY_LOOP);
      case 'group':
        return item.alternatives.flatMap((alternative) => this.#insertItems([node], alternative));
    }
  }

  #byteChild(parent: number, byte: number): number {
    this.#budget.spend(1);
    for (let child = this.firstChild[parent]!; child !== 0; child = this.nextSibling[child]!) {
      if (this.byte[child] === byte) return child;
    }
    const child = this.#addNode(parent, byte, NO_LOOP);
    this.nextSibling[child] = this.firstChild[parent]!;
    this.firstChild[parent] = child;
    return child;
  }

  #setChild(parent: number, members: ByteSet): number {
    this.#budget.spend(1);
    const set = this.#setId(members);
    let edges = this.setEdges.get(parent);
    if (edges === undefined) this.setEdges.set(parent, (edges = []));
    const known = edges.find((edge) => edge.set === set);
    if (known !== undefined) return known.node;
    const node = this.#addNode(parent, 0, NO_LOOP);
    edges.push({ set, node });
    return node;
  }

  #loopNode(parent: number, loop: number): number {
    this.#budget.spend(1);
    const links = loop === STAR_LOOP ? this.star : this.doubleStar;
    if (links[parent] === 0) links[parent] = this.#addNode(parent, 0, loop);
    return links[parent]!;
  }

  #setId(members: ByteSet): number {
    const key = members.join('');
    const known = this.#setIds.get(key);
    if (known !== undefined) return known;
    this.#setIds.set(key, this.sets.length);
    return this.sets.push(members) - 1;
  }

  #addNode(parent: number, byte: number, loop: number): number {
    this.#parent.push(parent);
    this.firstChild.push(0);
    this.nextSibling.push(0);
    this.star.push(0);
    this.doubleStar.push(0);
    this.loop.push(loop);
    return this.byte.push(byte) - 1;
  }
}
