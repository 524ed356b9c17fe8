// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shapeOf } from './compile-groups.ts';
import { compile, isPlain, notEnforcedOf } from './compile.ts';
import type { RuleSet } from './compile.ts';
import { evaluate } from './evaluate.ts';
import { IMAGE_FLAG, IMAGE_HEAD } from './image-layout.gen.ts';
import { IMAGE_CLASS_WORDS } from './image.ts';
import { LIMITS } from './limits.ts';
import type { PathObject, Policy, Rule } from './model.ts';
import { parsePolicyText } from './parse.ts';
import { policyOf, workloadOf } from './testing/arbitraries.ts';

const WORKLOAD = workloadOf({ file: 'audit', network: 'audit', capabilities: 'audit' });

function parse(spec: string, kind = 'KubeArmorPolicy', name = 'p'): Policy {
  const text = `apiVersion: security.kubearmor.com/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: {${spec}}\n`;
  const [document] = parsePolicyText(text);
  assert.ok(document?.policy, JSON.stringify(document?.issues));
  return document.policy;
}

function compiled(...policies: readonly Policy[]): RuleSet {
  const made = compile(policies, WORKLOAD);
  assert.ok(!('exceeded' in made), JSON.stringify(made));
  return made;
}

const starts = ({ image }: RuleSet): readonly number[] => [0, 1, 2, 3].map((k) => image[IMAGE_HEAD.offsets.starts / 4 + k]!);

function fileRule(object: PathObject, action: Rule['action'] = 'Block'): Omit<Rule, 'field'> {
  const rule = { family: 'file', object, action, subjects: [], severity: 1, tags: [], message: '', ownerOnly: false, readOnly: false };
  return rule as Omit<Rule, 'field'>;
}
const files = (objects: readonly PathObject[], action: Rule['action'] = 'Block'): Policy =>
  policyOf(
    'files',
    objects.map((object) => fileRule(object, action)),
  );

test('no policies: an image that decides nothing', () => {
  const made = compiled();
  assert.deepEqual([made.flags, made.rules, made.notEnforced, made.sizeClass], [0, [], [], 0]);
  const object = { path: '/a' };
  assert.deepEqual(evaluate(made.image, { kind: 'read', object, owner: false, subject: '/b' }), { outcome: 'passed' });
});

test('flags say which hooks have work', () => {
  const flagsOf = (spec: string): number => compiled(parse(spec)).flags;
  assert.equal(flagsOf('file: {matchPaths: [{path: /a, action: Audit}]}'), IMAGE_FLAG.FILE);
  assert.equal(flagsOf('file: {matchPaths: [{path: /a, action: Block}]}'), IMAGE_FLAG.FILE | IMAGE_FLAG.BLOCK_PATH);
  assert.equal(flagsOf('process: {matchPaths: [{path: /a}]}'), IMAGE_FLAG.EXEC | IMAGE_FLAG.BLOCK_PATH | IMAGE_FLAG.MAPX);
  assert.equal(flagsOf('process: {matchDirectories: [{dir: /a/}]}'), IMAGE_FLAG.EXEC | IMAGE_FLAG.BLOCK_PATH);
  assert.equal(flagsOf('network: {matchProtocols: [{protocol: tcp}]}'), IMAGE_FLAG.NET);
  assert.equal(
    flagsOf('capabilities: {matchCapabilities: [{capability: chown, fromSource: [{path: /a}]}]}'),
    IMAGE_FLAG.CAP | IMAGE_FLAG.SUBJECT,
  );
});

test('an applet sets a flag: then arguments must be read', () => {
  const made = compile([parse('process: {matchPaths: [{path: /bin/sh}]}')], WORKLOAD, (object) => [{ object, applet: 'sh' }]);
  assert.ok(!('exceeded' in made));
  assert.ok(made.flags & IMAGE_FLAG.APPLET);
});

test('rules on who may connect set a flag: then requests must be judged; for other protocols than tcp they are reported', () => {
  const flagged = (spec: string): [boolean, string[]] => {
    const made = compiled(parse(`network: {matchProtocols: [{protocol: "${spec}, action: Block}]}`));
    return [(made.flags & IMAGE_FLAG.PEER) !== 0, made.notEnforced.map(({ reason }) => reason.slice(0, 58))];
  };
  const reason = '`cidr` with `direction: ingress` is enforced for `protocol:';
  assert.deepEqual(flagged('tcp", cidr: 10.0.0.0/8, direction: ingress'), [true, []]);
  assert.deepEqual(flagged('tcp", cidr: 10.0.0.0/8'), [false, []]);
  assert.deepEqual(flagged('tcp", port: 80, direction: ingress'), [false, []]);
  for (const protocol of ['udp', 'all', 'stream', 'sctp'])
    assert.deepEqual(flagged(`${protocol}", cidr: 10.0.0.0/8, direction: ingress`), [false, [reason.slice(0, 58)]], protocol);
  assert.deepEqual(flagged('udp,tcp", cidr: 10.0.0.0/8, direction: ingress'), [true, [reason.slice(0, 58)]]);
});

test('what cannot be enforced is listed with its reason, and the rest is enforced', () => {
  const made = compiled(
    parse(`process: {matchPaths: [{path: /a, pts: false}, {path: /b, allowedArgs: ["-x"]}, {path: /c}, {path: /d, pts: true}]},
      network: {matchDNSQueries: [{domain: example.com}]}, syscalls: {matchSyscalls: [{syscall: [unlink]}]}, presets: [{name: filelessExec}]`),
  );
  const told = made.notEnforced.map(({ rule, reason }) => `${rule.field}: ${reason.split(' ')[0]}`);
  assert.deepEqual(told, [
    'spec.process.matchPaths[0]: `pts`',
    'spec.process.matchPaths[1]: `allowedArgs`',
    'spec.network.matchDNSQueries[0]: `matchDNSQueries`',
    'spec.syscalls.matchSyscalls[0]: `matchSyscalls`',
    'spec.presets[0]: `presets`',
  ]);
  const exec = (path: string): string => evaluate(made.image, { kind: 'exec', object: { path }, owner: false, subject: '/x' }).outcome;
  assert.deepEqual(['/a', '/b', '/c', '/d'].map(exec), ['passed', 'passed', 'denied', 'denied']);
});

test('policies of the same name in different kinds and namespaces are apart', () => {
  const pod = parse('file: {matchPaths: [{path: /a}]}');
  const cluster = parse('file: {matchPaths: [{path: /b}]}', 'KubeArmorClusterPolicy');
  const { rules } = compiled(pod, { ...pod, namespace: 'other' }, cluster);
  assert.deepEqual(
    rules.map(({ id, kind, namespace }) => [id, kind, namespace]),
    [
      [0, 'KubeArmorClusterPolicy', ''],
      [1, 'KubeArmorPolicy', 'default'],
      [2, 'KubeArmorPolicy', 'other'],
    ],
  );
});

test('shapes of patterns', () => {
  const shape = (glob: string): number => shapeOf({ kind: 'glob', glob });
  assert.deepEqual(['/etc/**/*.conf', '/home/*/.ssh/**', '/usr/bin/p*'].map(shape), [0, 0, 0]);
  assert.deepEqual(
    ['/**/name', '**/name', '/**/**/a/b.c', '/**/*.pem', '/*/*/name*', '/*.conf', '/[a-z]+x'].map(shape),
    [1, 1, 1, 1, 1, 1, 1],
  );
  assert.deepEqual(['/**/log/*.*', '/**/*x*', '/**/lib?', '/**/[ab]x', '**/a*'].map(shape), [2, 2, 2, 2, 2]);
  assert.deepEqual(['/**/bin/**', '/**/a/**/*.c', '/*/a/**'].map(shape), [3, 3, 3]);
  assert.equal(shapeOf({ kind: 'execname', name: 'a' }), 1);
  assert.equal(shapeOf({ kind: 'dir', dir: '/a', recursive: true }), 0);
});

const EXPLOSIVE: readonly PathObject[] = [
  ...Array.from({ length: 60 }, (_, i): PathObject => ({ kind: 'execname', name: `n${(i * i * 7919) % 1000}-${i}` })),
  ...Array.from({ length: 7 }, (_, i): PathObject => ({ kind: 'glob', glob: `/**/${'defghij'[i]}${i}/**` })),
];

test('patterns that multiply each other get automata of their own; few stay in one', () => {
  assert.deepEqual(starts(compiled(files(EXPLOSIVE.slice(55, 62)))).slice(1), [0, 0, 0]);
  const [, second, third, fourth] = starts(compiled(files(EXPLOSIVE)));
  assert.ok(second !== 0 && third !== 0 && fourth === 0, 'names, and directories anywhere');
});

test('an image of several automata starts with the subjects, even where nothing else is left there', () => {
  const made = compiled(files(EXPLOSIVE), parse('file: {matchPaths: [{path: /a/b, action: Audit, fromSource: [{path: "/**/d0/**"}]}]}'));
  const read = (path: string, subject: string): unknown => evaluate(made.image, { kind: 'read', object: { path }, owner: false, subject });
  assert.deepEqual(read('/x/n0-0', '/bin/a'), { outcome: 'denied', rule: 0 });
  assert.deepEqual(read('/x/d0/y', '/bin/a'), { outcome: 'denied', rule: 60 });
  assert.deepEqual(read('/a/b', '/x/d0/y'), { outcome: 'audited', rule: 67 });
  assert.deepEqual(read('/a/b', '/x/d1/y'), { outcome: 'passed' });
});

test('a glob that can never match leaves no gap in the list of automata', () => {
  const made = compiled(files([...EXPLOSIVE, { kind: 'glob', glob: '/**/*x*/' }]));
  const used = starts(made).map((start) => start !== 0);
  assert.deepEqual(used.slice(1), [true, true, false]);
});

test('too many rules for one workload are refused with the number', () => {
  const objects = Array.from({ length: LIMITS.rulesPerWorkload.value + 1 }, (_, i): PathObject => ({ kind: 'path', path: `/${i}` }));
  assert.deepEqual(compile([files(objects)], WORKLOAD), { exceeded: 'rules per workload', limit: LIMITS.rulesPerWorkload.value });
});

test('globs that multiply each other whatever is done are refused, in bounded time', () => {
  const objects = Array.from({ length: 40 }, (_, i): PathObject => ({ kind: 'glob', glob: `/**/d${i}/**/e${i}` }));
  const start = performance.now();
  const made = compile([files(objects)], WORKLOAD);
  assert.ok('exceeded' in made && made.limit > 0);
  assert.match(made.exceeded, /^(states|steps|cells) of one automaton$/);
  assert.ok(performance.now() - start < 30_000);
});

test('an image that would be too long is refused with the number of bytes', () => {
  const far = 'x'.repeat(200);
  const objects = Array.from({ length: 3_000 }, (_, i): PathObject => ({ kind: 'path', path: `/${i}${far}${i}${far}` }));
  const made = compile([files(objects, 'Audit')], WORKLOAD);
  assert.ok('exceeded' in made, 'fits: make it longer');
  assert.match(made.exceeded, /states|cells|bytes of one image/);
});

test('size classes: an image takes the smallest that it fits', () => {
  const objects = (count: number): PathObject[] =>
    Array.from({ length: count }, (_, i) => ({ kind: 'path', path: `/usr/lib/${(i * 7919) % 10_007}/${i}/file-${i % 17}` }));
  for (const count of [10, 1_000, 5_000]) {
    const made = compiled(files(objects(count)));
    assert.ok(made.image.length <= IMAGE_CLASS_WORDS[made.sizeClass]!);
    assert.ok(made.sizeClass === 0 || made.image.length > IMAGE_CLASS_WORDS[made.sizeClass - 1]!);
    assert.equal(made.image[IMAGE_HEAD.offsets.words / 4], made.image.length);
  }
});

test('a plain policy exceeds nothing, at its bounds too, and what is not enforced is known without compiling', () => {
  const nested = Array.from({ length: 100 }, (_, i): PathObject => ({
    kind: 'dir',
    dir: `${'/d'.repeat(i + 1)}/`,
    recursive: i % 2 === 0,
  }));
  const wide = Array.from({ length: 100 }, (_, i): PathObject => ({ kind: 'path', path: `/${i}/${'x'.repeat(158)}` }));
  for (const objects of [nested, wide]) {
    const policy = files(objects);
    assert.ok(isPlain(policy));
    const { image } = compiled(policy);
    assert.ok(image.length * 4 < 1 << 20, `${image.length} words`);
    assert.deepEqual(notEnforcedOf(policy), compiled(policy).notEnforced);
  }
  const mixed = parse('file: {matchPaths: [{path: /a}]}, syscalls: {matchSyscalls: [{syscall: [mount]}]}, action: Audit');
  assert.equal(notEnforcedOf(mixed).length, 1);
  assert.deepEqual(notEnforcedOf(mixed), compiled(mixed).notEnforced);
});

test('a policy with a pattern, a name, a source or many rules is not plain', () => {
  const path = (i: number): PathObject => ({ kind: 'path', path: `/${i}/${'x'.repeat(158)}` });
  assert.equal(isPlain(files([{ kind: 'glob', glob: '/a/*' }])), false);
  assert.equal(isPlain(files([{ kind: 'execname', name: 'a' }])), false);
  assert.equal(isPlain(files(Array.from({ length: 101 }, () => path(1)))), false);
  assert.equal(isPlain(files([{ kind: 'path', path: `/${'x'.repeat(16_384)}` }])), false);
  assert.equal(isPlain(parse('file: {matchPaths: [{path: /a, fromSource: [{path: /b}]}]}, action: Block')), false);
});
