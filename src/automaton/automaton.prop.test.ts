// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ACCEPT_CLASS,
  acceptOf,
  compileAutomata,
  compileAutomaton,
  MAX_COMPONENTS,
  parseGlob,
  reachOf,
  runAutomaton,
  runPrefix,
  UNUSED_CELL,
  witness,
} from './index.ts';
import type { Automaton, Pattern } from './index.ts';
import { naiveMatches } from './testing/naive.ts';

const LIMITS = { maxStates: 20_000, maxSteps: 5_000_000, maxCells: 1_000_000 };

const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '-', '\u00e9', '\n', '*'), minLength: 1, maxLength: 4 });
const path = fc.oneof(
  { arbitrary: fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join('/')}`), weight: 9 },
  fc.constant('/'),
);
const literal = fc.constantFrom('a', 'b', 'c', '/', '/', '.', '-', '\u00e9', '\\*', '\\,', '}', ']', '\n');
const wild = fc.constantFrom('?', '*', '**', '/*/', '/**/', '[ab]', '[^a]', '[!b-c]', '[a-c.]', '[+-9]', '[\\]-]');
const { text: globText } = fc.letrec<{ text: string; group: string; item: string }>((tie) => ({
  item: fc.oneof({ depthSize: 'small' }, { arbitrary: literal, weight: 5 }, { arbitrary: wild, weight: 3 }, tie('group')),
  text: fc.array(tie('item'), { maxLength: 6 }).map((items) => items.join('')),
  group: fc.array(tie('text'), { minLength: 1, maxLength: 3 }).map((alternatives) => `{${alternatives.map(escapeCommas).join(',')}}`),
}));
/** A `}` that is literal outside a group would end one. */
function escapeCommas(alternative: string): string {
  return alternative.includes('{') ? alternative : alternative.replaceAll('}', '\\}');
}
const glob = fc.tuple(fc.constantFrom('/', '/', '**/', '/a', '/**/', ''), globText).map(([head, tail]) => head + tail);
const pattern: fc.Arbitrary<Pattern> = fc.oneof(
  path.map((p): Pattern => ({ kind: 'exact', path: p })),
  name.map((n): Pattern => ({ kind: 'execname', name: n })),
  fc.tuple(path, fc.boolean()).map(([dir, recursive]): Pattern => ({ kind: 'dir', dir, recursive })),
  { arbitrary: glob.filter((g) => parseGlob(g).problem === undefined).map((g): Pattern => ({ kind: 'glob', glob: g })), weight: 4 },
);
const patterns = fc.array(pattern, { maxLength: 8 });

/** Texts close to what a pattern matches. */
function specimens(from: Pattern): string[] {
  if (from.kind === 'exact') return [from.path];
  if (from.kind === 'execname') return [`/${from.name}`, `/a/${from.name}`, `/${from.name}/a`];
  if (from.kind === 'dir') return [from.dir, `${from.dir}/a`, `${from.dir}/a/b`, `${from.dir}b`];
  return [
    ['', '', 'a', 0],
    ['a/b', 'ab', 'b', 1],
    ['/', 'c', '.', 2],
  ].map(([any, star, one, choice]) => {
    let text = from.glob;
    while (/\{[^{}]*\}/.test(text))
      text = text.replace(/\{([^{}]*)\}/, (_, body: string) => body.split(',').at((choice as number) % body.split(',').length)!);
    return text
      .replaceAll('**', any as string)
      .replaceAll(/(?<!\\)\*/g, star as string)
      .replaceAll(/\[[^\]]*\]+|\?/g, one as string)
      .replaceAll(/\\/g, '');
  });
}

interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}
const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(20),
  remove: fc.nat(2),
  insert: fc.constantFrom('', 'a', 'b', '/', '.', '\u00e9', '\n', 'x'),
});

function nearMisses(from: readonly Pattern[], edits: readonly Edit[]): string[] {
  const close = from.flatMap(specimens);
  const edited = close.flatMap((text) => edits.map(({ at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove)));
  return [...close, ...edited].filter((text) => Buffer.byteLength(text) <= 60 && !/[^]\/$/.test(text));
}

function compiled(from: readonly Pattern[]): Automaton {
  const automaton = compileAutomaton(from, LIMITS);
  fc.pre('cells' in automaton);
  return automaton as Automaton;
}

function naiveSet(from: readonly Pattern[], text: string): number[] {
  return [...from.keys()].filter((i) => naiveMatches(from[i]!, text));
}

test('the automaton matches exactly what the naive matcher matches', () => {
  fc.assert(
    fc.property(patterns, fc.array(edit, { maxLength: 3 }), fc.array(path, { maxLength: 3 }), (set, edits, paths) => {
      const automaton = compiled(set);
      for (const text of [...paths, ...nearMisses(set, edits)]) {
        const index = runAutomaton(automaton, text);
        assert.deepEqual(index < 0 ? [] : automaton.accepts[index], naiveSet(set, text), JSON.stringify(text));
      }
    }),
    { numRuns: 3000 },
  );
});

test('several automata: one set of byte classes, and each matches its own patterns by their own indexes', () => {
  fc.assert(
    fc.property(patterns, fc.array(fc.nat(2), { maxLength: 8 }), fc.array(path, { maxLength: 3 }), (set, split, paths) => {
      const groups = [0, 1, 2].map((group) => [...set.keys()].filter((i) => (split[i] ?? 0) === group));
      const automata = compileAutomata(set, groups, LIMITS);
      fc.pre(!('exceeded' in automata));
      for (const [i, automaton] of (automata as readonly Automaton[]).entries()) {
        assert.deepEqual(automaton.classes, (automata as readonly Automaton[])[0]!.classes);
        for (const text of [...paths, ...nearMisses(set, [])]) {
          const index = runAutomaton(automaton, text);
          const wanted = naiveSet(set, text).filter((pattern) => groups[i]!.includes(pattern));
          assert.deepEqual(index < 0 ? [] : automaton.accepts[index], wanted, JSON.stringify(text));
        }
      }
    }),
    { numRuns: 500 },
  );
});

/** Every state that can be reached, by reading the tables. */
function statesOf(automaton: Automaton): Set<number> {
  const states = new Set([automaton.start]);
  for (const state of states) for (let byte = 0; byte < 256; byte++) states.add(runPrefix(automaton, Uint8Array.of(byte), state));
  return states;
}

test('tables: every cell belongs to the one row its class says, every index is inside, every set is used', () => {
  fc.assert(
    fc.property(patterns, (set) => {
      const automaton = compiled(set);
      const { classes, cells } = automaton;
      const states = statesOf(automaton);
      states.add(0);
      const highest = Math.max(2, ...classes);
      assert.ok(highest <= 254 && !classes.includes(1) && !classes.includes(2));
      assert.equal(cells[0], 0);
      assert.equal(states.size, automaton.stateCount + 1);
      const used = new Set<number>();
      for (const state of states) {
        assert.ok(state + highest < cells.length);
        assert.equal(cells[state]! & 0xff, 0);
      }
      for (const [at, cell] of cells.entries()) {
        const byteClass = cell & 0xff;
        if (byteClass === UNUSED_CELL) assert.equal(cell, UNUSED_CELL);
        else assert.ok(states.has(at - byteClass), `cell ${at} of class ${byteClass} has a row`);
        if (byteClass === ACCEPT_CLASS) used.add(cell >>> 8);
      }
      assert.deepEqual(
        [...used].sort((a, b) => a - b),
        [...automaton.accepts.keys()],
      );
      for (const sets of [automaton.accepts, automaton.reaches]) {
        assert.equal(new Set(sets.map(String)).size, sets.length);
        for (const one of sets)
          assert.deepEqual(
            one,
            [...new Set(one)].sort((a, b) => a - b),
          );
        assert.ok(sets.every((one) => one.length > 0));
      }
    }),
    { numRuns: 500 },
  );
});

test('witness: a real path with a set that was asked for, and one for every set that a short path shows', () => {
  fc.assert(
    fc.property(patterns, fc.array(path, { maxLength: 5 }), (set, paths) => {
      const automaton = compiled(set);
      for (const wanted of automaton.accepts) {
        const found = witness(automaton, (one) => one === wanted, 100_000);
        if (found !== undefined) {
          assert.deepEqual(naiveSet(set, found), wanted);
          assert.match(found, /^\/$|^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/);
        }
      }
      for (const text of paths.filter((p) => !/\/\.{1,2}(\/|$)/.test(p))) {
        const index = runAutomaton(automaton, text);
        if (index < 0) continue;
        const found = witness(automaton, (one) => one === automaton.accepts[index], 100_000);
        assert.ok(found !== undefined, `${JSON.stringify(text)} shows the set, so there is a witness`);
        if (/^[!-~]*$/.test(text)) assert.ok(found.length <= text.length, `${found} is no longer than ${text}`);
      }
    }),
    { numRuns: 500 },
  );
});

/** A continuation (empty, or beginning with `/`) after which the automaton accepts the pattern; breadth first. */
function continuation(automaton: Automaton, from: number, pattern: number): Uint8Array | undefined {
  const accepts = (state: number): boolean => automaton.accepts[acceptOf(automaton, state)]?.includes(pattern) ?? false;
  if (accepts(from)) return new Uint8Array();
  const seen = new Map<number, Uint8Array>([[runPrefix(automaton, '/', from), Uint8Array.of(0x2f)]]);
  for (const [state, bytes] of seen) {
    if (accepts(state)) return bytes;
    for (let byte = 255; byte > 0; byte--) {
      const next = runPrefix(automaton, Uint8Array.of(byte), state);
      if (next !== 0 && !seen.has(next)) seen.set(next, Uint8Array.of(...bytes, byte));
    }
  }
  return undefined;
}

test('reach: behind 64 components and at the start, exactly the patterns that a continuation can match', () => {
  const inTree = fc.tuple(fc.array(pattern, { maxLength: 4 }), fc.constantFrom('/a', '/b', '/ab')).map(([set, part]) => {
    const prefix = part.repeat(MAX_COMPONENTS);
    const more: Pattern[] = [
      { kind: 'dir', dir: part, recursive: true },
      { kind: 'exact', path: `${prefix}/x/y` },
      { kind: 'exact', path: `${prefix}z` },
    ];
    return { set: [...set, ...more], prefix };
  });
  fc.assert(
    fc.property(inTree, fc.constantFrom('', '/a', '/b/c', 'z'), fc.boolean(), ({ set, prefix }, tail, atStart) => {
      fc.pre(set.every((one) => one.kind !== 'glob' || (one.glob.match(/\*/g)?.length ?? 0) <= 5));
      const automaton = compiled(set);
      const read = atStart ? '' : prefix + tail;
      const state = runPrefix(automaton, read);
      const reached = automaton.reaches[reachOf(automaton, state)] ?? [];
      for (const i of set.keys()) {
        const bytes = continuation(automaton, state, i);
        assert.equal(reached.includes(i), bytes !== undefined, `pattern ${i}`);
        if (bytes !== undefined) assert.ok(naiveMatches(set[i]!, Buffer.concat([Buffer.from(read), bytes])), `pattern ${i} is matched`);
      }
      for (const text of ['', '/a', '/b', '/a/b', '/x/y', '/.', '/c/a']) {
        for (const i of naiveSet(set, read + text)) assert.ok(reached.includes(i), `${i} by ${text}`);
      }
    }),
    { numRuns: 300 },
  );
});

test('parseGlob never throws, and what it takes compiles', () => {
  const soup = fc.string({ unit: fc.constantFrom('a', '/', '*', '?', '[', ']', '{', '}', ',', '\\', '-', '^', '\u00e9', '\ud800', '\0') });
  fc.assert(
    fc.property(soup, (text) => {
      const info = parseGlob(text);
      if (info.problem !== undefined) return;
      const result = compileAutomaton([{ kind: 'glob', glob: text }], LIMITS);
      if ('cells' in result && info.literal !== undefined && !/[^]\/$/.test(text)) assert.equal(runAutomaton(result, info.literal), 0);
    }),
    { numRuns: 3000 },
  );
});
