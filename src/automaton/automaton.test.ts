// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileAutomaton, GLOB_LIMITS, parseGlob, reachOf, runAutomaton, runPrefix, witness } from './index.ts';
import type { Automaton, Pattern } from './index.ts';
import { naiveMatches } from './testing/naive.ts';

const LIMITS = { maxStates: 300_000, maxSteps: 50_000_000, maxCells: 4_000_000 };
const exact = (path: string): Pattern => ({ kind: 'exact', path });
const glob = (text: string): Pattern => ({ kind: 'glob', glob: text });
const execname = (name: string): Pattern => ({ kind: 'execname', name });
const dir = (path: string, recursive = false): Pattern => ({ kind: 'dir', dir: path, recursive });

function compiled(patterns: readonly Pattern[]): Automaton {
  const automaton = compileAutomaton(patterns, LIMITS);
  assert.ok('cells' in automaton, JSON.stringify(automaton));
  return automaton;
}

function matched(automaton: Automaton, path: string): readonly number[] {
  return automaton.accepts[runAutomaton(automaton, path)] ?? [];
}

const MEANING: readonly { pattern: Pattern; yes: readonly string[]; no: readonly string[] }[] = [
  { pattern: exact('/'), yes: ['/'], no: ['/a', ''] },
  { pattern: exact('/bin/sh'), yes: ['/bin/sh'], no: ['/bin/s', '/bin/shh', '/bin', '/bin/sh/x', '/x/bin/sh'] },
  { pattern: exact('/a*[b]{c}?\\'), yes: ['/a*[b]{c}?\\'], no: ['/ab{c}x', '/a*bc?'] },
  { pattern: exact('/caf\u00e9'), yes: ['/caf\u00e9'], no: ['/cafe', '/caf'] },
  { pattern: exact('/a\nb'), yes: ['/a\nb'], no: ['/a b'] },
  { pattern: execname('sh'), yes: ['/sh', '/bin/sh', '/a/b/sh', '/sh/sh'], no: ['/bin/bash', '/sh/x', '/bin/shh', 'sh'] },
  { pattern: dir('/'), yes: ['/', '/a'], no: ['/a/b'] },
  { pattern: dir('/', true), yes: ['/', '/a', '/a/b'], no: ['', 'a'] },
  { pattern: dir('/etc'), yes: ['/etc', '/etc/passwd'], no: ['/', '/etcx', '/etc/a/b', '/x/etc'] },
  { pattern: dir('/etc', true), yes: ['/etc', '/etc/a', '/etc/a/b/c'], no: ['/', '/et', '/etcx', '/etcx/a'] },
  { pattern: glob('/a?c'), yes: ['/abc', '/a\nc', '/a*c'], no: ['/ac', '/a/c', '/abbc', '/a\u00e9c'] },
  { pattern: glob('/a??c'), yes: ['/a\u00e9c'], no: ['/a/bc'] },
  { pattern: glob('/a/*'), yes: ['/a/b', '/a/b\u00ff'], no: ['/a', '/a/b/c'] },
  { pattern: glob('/lib/*/bin/x'), yes: ['/lib/15/bin/x'], no: ['/lib/bin/x', '/lib/1/2/bin/x'] },
  { pattern: glob('/a*b*c'), yes: ['/abc', '/aXbYc', '/abbcc', '/acbc'], no: ['/ab', '/ac', '/a/bc'] },
  { pattern: glob('**/x'), yes: ['/x', '/a/x', '/a/b/x', '/x/x'], no: ['x', '/xx', '/x/y'] },
  { pattern: glob('/**/x'), yes: ['/a/x', '/a/b/x'], no: ['/x', '/a/bx'] },
  { pattern: glob('/etc/**'), yes: ['/etc/a', '/etc/a/b'], no: ['/etc', '/etcx'] },
  { pattern: glob('/etc/**.conf'), yes: ['/etc/.conf', '/etc/a/b.conf'], no: ['/etc/conf', '/etc/a.conf/b'] },
  { pattern: glob('/[a-cx]'), yes: ['/a', '/b', '/c', '/x'], no: ['/d', '/-', '/ax', '/'] },
  { pattern: glob('/[^a]'), yes: ['/b', '/-', '/\n'], no: ['/a', '//', '/', '/\u00e9'] },
  { pattern: glob('/[!a-z][^0]'), yes: ['/\u00e9', '/A1'], no: ['/a1', '/A0', '/A'] },
  { pattern: glob('/x[+-9]y'), yes: ['/x+y', '/x-y', '/x5y'], no: ['/x/y', '/xay'] },
  { pattern: glob('/[-a]'), yes: ['/-', '/a'], no: ['/b'] },
  { pattern: glob('/[a-]'), yes: ['/-', '/a'], no: ['/b'] },
  { pattern: glob('/[\\]\\[\\-^]'), yes: ['/]', '/[', '/-', '/^'], no: ['/\\', '/a'] },
  { pattern: glob('/{bin,usr/bin}/sh'), yes: ['/bin/sh', '/usr/bin/sh'], no: ['/usr/sh', '/{bin,usr/bin}/sh'] },
  { pattern: glob('/x{,y,z{1,2}}'), yes: ['/x', '/xy', '/xz1', '/xz2'], no: ['/xz', '/xyz'] },
  { pattern: glob('/{a*,[b-d]?}/e'), yes: ['/a/e', '/axx/e', '/bx/e', '/dx/e'], no: ['/b/e', '/ex/e'] },
  { pattern: glob('/{a,a,a}'), yes: ['/a'], no: ['/aa'] },
  { pattern: glob('/\\*\\?\\[\\{\\\\\\x'), yes: ['/*?[{\\x'], no: ['/a?[{\\x'] },
  { pattern: glob('/a}b]c,d'), yes: ['/a}b]c,d'], no: ['/a'] },
  { pattern: glob('/{\\,,\\}}'), yes: ['/,', '/}'], no: ['/', '/\\'] },
  { pattern: glob('/a/**/'), yes: [], no: ['/', '/a', '/a/b'] },
  { pattern: glob('{/,/a/}'), yes: ['/'], no: ['/a'] },
  { pattern: glob('**/'), yes: ['/'], no: ['/a'] },
  { pattern: glob('/a***'), yes: ['/a', '/a/b'], no: ['/'] },
];
for (const { pattern, yes, no } of MEANING) {
  test(`meaning of ${JSON.stringify(pattern)}`, () => {
    const automaton = compiled([pattern]);
    for (const path of yes) assert.deepEqual(matched(automaton, path), [0], `matches ${JSON.stringify(path)}`);
    for (const path of no) assert.deepEqual(matched(automaton, path), [], `does not match ${JSON.stringify(path)}`);
    for (const path of [...yes, ...no]) assert.equal(naiveMatches(pattern, path), yes.includes(path), `naive on ${JSON.stringify(path)}`);
  });
}

test('all patterns together give for each path exactly those that match it', () => {
  const patterns = MEANING.map((c) => c.pattern);
  const automaton = compiled(patterns);
  for (const path of MEANING.flatMap((c) => [...c.yes, ...c.no]).filter((text) => text !== '//')) {
    const expected = [...patterns.keys()].filter((i) => naiveMatches(patterns[i]!, path));
    assert.deepEqual(matched(automaton, path), expected, JSON.stringify(path));
  }
});

test('bytes that are not UTF-8 are bytes like others', () => {
  const automaton = compiled([glob('/[^a]'), dir('/d', true)]);
  assert.deepEqual(automaton.accepts[runAutomaton(automaton, Uint8Array.of(0x2f, 0xff))], [0]);
  assert.deepEqual(automaton.accepts[runAutomaton(automaton, Uint8Array.of(0x2f, 0x64, 0x2f, 0x80))], [1]);
});

test('no patterns: nothing matches, from the dead state', () => {
  const automaton = compiled([]);
  assert.deepEqual([automaton.start, automaton.stateCount, automaton.accepts, automaton.reaches], [0, 0, [], []]);
  assert.equal(runAutomaton(automaton, '/a'), -1);
});

const GLOBS: readonly { glob: string; problem?: RegExp; prefix?: string; literal?: string }[] = [
  { glob: '/bin/sh', prefix: '/bin/sh', literal: '/bin/sh' },
  { glob: '/a\\*b', prefix: '/a*b', literal: '/a*b' },
  { glob: '/caf\u00e9/*', prefix: '/caf\u00e9/' },
  { glob: '/usr/{lib,bin}/x', prefix: '/usr/' },
  { glob: '/a\\[?', prefix: '/a[' },
  { glob: '**/x', prefix: '' },
  { glob: '/a}]', prefix: '/a}]', literal: '/a}]' },
  { glob: '/usr/bin/[', problem: /\[ is never closed/ },
  { glob: '/[a-', problem: /\[ is never closed/ },
  { glob: '/{a,b', problem: /\{ is never closed/ },
  { glob: '/{a,{b}', problem: /\{ is never closed/ },
  { glob: '/[]', problem: /names no character/ },
  { glob: '/[^]', problem: /names no character/ },
  { glob: '/[]a]', problem: /names no character/ },
  { glob: '/[/]', problem: /never matches \// },
  { glob: '/[z-a]', problem: /swapped/ },
  { glob: '/[[:alpha:]]', problem: /:names:/ },
  { glob: '/[\u00e4]', problem: /ASCII/ },
  { glob: '/a\\', problem: /ends in a backslash/ },
  { glob: '/[\\', problem: /ends in a backslash/ },
  { glob: '/\0*', problem: /NUL/ },
  { glob: '/\ud800*', problem: /Unicode/ },
  { glob: '/' + '{a,b}'.repeat(11), problem: /more than 1024 ways/ },
  { glob: '/' + '{a,b}'.repeat(800), problem: /more than 1024 ways/ },
  { glob: '/' + '{a,b}'.repeat(10), prefix: '/' },
  { glob: '{'.repeat(GLOB_LIMITS.maxDepth + 1), problem: /nest deeper/ },
  { glob: '/' + 'a'.repeat(GLOB_LIMITS.maxBytes), problem: /longer than 4096/ },
];
for (const c of GLOBS) {
  test(`parseGlob: ${JSON.stringify(c.glob.slice(0, 40))}`, () => {
    const info = parseGlob(c.glob);
    if (c.problem === undefined) {
      assert.deepEqual(info, c.literal === undefined ? { prefix: c.prefix } : { prefix: c.prefix, literal: c.literal });
      assert.ok('cells' in compileAutomaton([glob(c.glob)], LIMITS));
      return;
    }
    assert.match(info.problem ?? '', c.problem);
    assert.throws(() => compileAutomaton([glob(c.glob)], LIMITS), { message: info.problem });
  });
}

test('equal states are merged: the tails of one glob’s alternatives', () => {
  const one = compiled([glob('/a/common/tail')]);
  const two = compiled([glob('/{a,b}/common/tail')]);
  assert.equal(two.stateCount, one.stateCount);
  // on a cycle, and on one where states merge among themselves first
  assert.equal(compiled([glob('/{a,b}/**/{c,d}/x')]).stateCount, compiled([glob('/a/**/{c,d}/x')]).stateCount);
  assert.equal(compiled([glob('/{a,b}/**/x')]).stateCount, compiled([glob('/a/**/x')]).stateCount);
});

test('same patterns, same bytes', () => {
  const patterns = MEANING.map((c) => c.pattern);
  assert.deepEqual(compiled(patterns), compiled(patterns));
});

test('limits: each is named, and nothing is compiled', () => {
  const hostile = [glob('**a' + '?'.repeat(40))];
  assert.deepEqual(compileAutomaton(hostile, { ...LIMITS, maxStates: 5000 }), { exceeded: 'states', limit: 5000 });
  assert.deepEqual(compileAutomaton(hostile, { ...LIMITS, maxSteps: 5000 }), { exceeded: 'steps', limit: 5000 });
  assert.deepEqual(compileAutomaton([exact('/abc')], { ...LIMITS, maxCells: 10 }), { exceeded: 'cells', limit: 10 });
  assert.deepEqual(compileAutomaton([exact('/a'), exact('/b')], { ...LIMITS, maxReachPatterns: 1 }), { exceeded: 'reach', limit: 1 });
  const small = compiled([exact('/abc')]);
  const fits = { maxStates: small.stateCount, maxSteps: 1000, maxCells: small.cells.length };
  assert.deepEqual(compileAutomaton([exact('/abc')], fits), small);
});

test('hostile globs end at the step budget, soon', () => {
  const hostile: Pattern[][] = [
    [glob('/' + '*a'.repeat(300) + '?'.repeat(100))],
    [glob('/' + '**[ab]'.repeat(100) + '?'.repeat(100))],
    Array.from({ length: 60 }, (_, i) => glob(`**/${i}/**`)),
    [glob('/' + '{*,**,?}'.repeat(6) + '?'.repeat(50) + '[a-z]'.repeat(50))],
  ];
  const startedMs = performance.now();
  for (const patterns of hostile) {
    const result = compileAutomaton(patterns, { maxStates: 50_000, maxSteps: 10_000_000, maxCells: 1_000_000 });
    assert.ok('exceeded' in result, JSON.stringify(patterns).slice(0, 60));
  }
  assert.ok(performance.now() - startedMs < 60_000);
});

const deep = '/d'.repeat(64);
const REACH: readonly { name: string; patterns: readonly Pattern[]; prefix: string; reach: readonly number[] | undefined }[] = [
  { name: 'the start reaches all that a path can match', patterns: [exact('/a'), glob('**/x'), glob('b')], prefix: '', reach: [0, 1] },
  { name: 'a shallow state says nothing', patterns: [exact('/a/b'), dir('/c')], prefix: '/a', reach: undefined },
  { name: 'a tree holds whatever is below', patterns: [dir('/d', true), exact('/d/x')], prefix: deep, reach: [0] },
  {
    name: 'inside a name only what ends or goes on with a slash',
    patterns: [execname('sh'), glob('/**sh')],
    prefix: `${deep}/s`,
    reach: [0, 1],
  },
  { name: 'a long path, before its end', patterns: [exact(`${deep}/x/y`), exact(`${deep}z`)], prefix: deep, reach: [0] },
  { name: 'a long path, at its end', patterns: [exact(deep), exact(`${deep}/x`)], prefix: deep, reach: [0, 1] },
  { name: 'off a long path nothing is left', patterns: [exact(`${deep}/x`)], prefix: `${deep}y`, reach: undefined },
  { name: 'a name that cannot go on', patterns: [glob('/**/x*'), dir('/d/d', true)], prefix: deep, reach: [0, 1] },
];
for (const c of REACH) {
  test(`reach: ${c.name}`, () => {
    const automaton = compiled(c.patterns);
    assert.deepEqual(automaton.reaches[reachOf(automaton, runPrefix(automaton, c.prefix))], c.reach);
  });
}

const any = (): boolean => true;
const WITNESSES: readonly { patterns: readonly Pattern[]; accept?: (set: readonly number[]) => boolean; path: string | undefined }[] = [
  { patterns: [exact('/bin/sh')], path: '/bin/sh' },
  { patterns: [dir('/', true)], path: '/' },
  { patterns: [glob('/?')], path: '/a' },
  { patterns: [glob('/..')], path: undefined },
  { patterns: [glob('/.[.x]')], path: '/.x' },
  { patterns: [glob('/a/**')], path: '/a/a' },
  { patterns: [glob('//a')], path: undefined },
  { patterns: [glob('a')], path: undefined },
  { patterns: [exact('/caf\u00e9')], path: '/caf\u00e9' },
  { patterns: [glob('/[^!-~ ]')], path: '/\u0001' },
  { patterns: [glob('/[^\u0001-\u007f]?')], path: '/\u00a1' },
  { patterns: [glob('/**/x'), dir('/etc', true)], accept: (set) => set.length === 2, path: '/etc/x' },
  { patterns: [exact('/a'), glob('/?')], accept: (set) => !set.includes(0), path: '/b' },
  { patterns: [exact('/a')], accept: (set) => set.includes(1), path: undefined },
  { patterns: [exact('/' + 'a'.repeat(256))], path: undefined },
];
for (const c of WITNESSES) {
  test(`witness of ${JSON.stringify(c.patterns).slice(0, 70)}`, () => {
    assert.equal(witness(compiled(c.patterns), c.accept ?? any, 10_000), c.path);
  });
}

test('witness: the budget ends the search', () => {
  assert.equal(witness(compiled([exact('/abcdefgh')]), any, 5), undefined);
});

/** Names that look random and are the same in every run. */
function* names(): Generator<string, never> {
  for (let seed = 1; ;) {
    const length = 3 + (seed % 9);
    let name = '';
    while (name.length < length) {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      name += 'abcdefghijklmnopqrstuvwxyz0123456789-_.'.charAt((seed >>> 16) % 39);
    }
    yield name;
  }
}

function randomPaths(count: number): Pattern[] {
  const source = names();
  const next = (): string => source.next().value;
  return Array.from({ length: count }, (_, i) => exact(`/usr/${Array.from({ length: 2 + (i % 4) }, next).join('/')}`));
}

function realisticGlobs(): Pattern[] {
  const source = names();
  const next = (): string => source.next().value;
  const apps = Array.from({ length: 40 }, next);
  const forms: readonly ((app: string) => string)[] = [
    (app) => `/usr/lib/${app}/*/bin/${next()}`,
    () => `/etc/**/${next()}.conf`,
    () => `/home/*/.${next()}`,
    () => `/**/${next()}`,
    () => `/*/${next()}`,
    () => `/*/*/${next()}`,
    () => `/proc/*/${next()}`,
    () => `**/${next()}*`,
    (app) => `/usr/lib/python?.*/${app}/${next()}*.so`,
    (app) => `/opt/${app}/{bin,sbin}/${next()}`,
    (app) => `/run/${app}/[a-z]*.${next()}`,
    (app) => `/var/lib/${app}/**/${next()}.db`,
  ];
  return Array.from({ length: 200 }, (_, i) => glob(forms[i % forms.length]!(apps[i % 40]!)));
}

const SIZES: readonly { name: string; patterns: readonly Pattern[]; maxBytes: number }[] = [
  { name: '1,000 random paths', patterns: randomPaths(1000), maxBytes: 2 ** 18 },
  { name: '10,000 random paths', patterns: randomPaths(10_000), maxBytes: 2 ** 21 },
  { name: '200 globs', patterns: realisticGlobs(), maxBytes: 2 ** 20 },
  { name: '200 globs and 1,000 paths', patterns: [...realisticGlobs(), ...randomPaths(1000)], maxBytes: 2 ** 21 },
];
for (const { name, patterns, maxBytes } of SIZES) {
  test(`size of ${name}`, (t) => {
    const startedMs = performance.now();
    const automaton = compiled(patterns);
    t.diagnostic(`${automaton.cells.byteLength} bytes, ${automaton.stateCount} states, ${Math.round(performance.now() - startedMs)} ms`);
    assert.ok(automaton.cells.byteLength <= maxBytes, `${automaton.cells.byteLength} bytes`);
    for (const [i, one] of patterns.entries()) if (one.kind === 'exact') assert.ok(matched(automaton, one.path).includes(i));
  });
}

/** Cache lines (16 cells) that a path's transitions lie in. */
function linesOf(automaton: Automaton, path: string): number {
  const lines = new Set<number>();
  for (let i = 0; i < path.length; i++) {
    lines.add((runPrefix(automaton, path.slice(0, i)) + automaton.classes[path.charCodeAt(i)]!) >> 4);
  }
  return lines.size;
}

test('states of one path lie together: with cold caches each line costs as much as fifty steps', () => {
  const word = (i: number): string => (Math.imul(i + 1, 0x9e3779b1) >>> 0).toString(36);
  const paths = Array.from({ length: 2000 }, (_, i) => `/usr/${word(i % 20)}/${word(i % 200)}/${word(i)}.conf`);
  const automaton = compiled(paths.map(exact));
  const steps = paths.reduce((sum, path) => sum + path.length, 0);
  const lines = paths.reduce((sum, path) => sum + linesOf(automaton, path), 0);
  assert.ok(lines < steps / 2, `${lines} lines for ${steps} steps`);
});
