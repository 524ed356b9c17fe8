// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptOf, compileAutomaton, runPrefix, witnesses } from '#automaton';
import type { Automaton, Pattern } from '#automaton';
import { accessText } from './access-text.ts';
import { CAPABILITIES } from './capabilities.ts';
import { diffFor } from './diff.ts';
import { lint, selectsAlso } from './lint.ts';
import type { FileRule, Policy, Rule } from './model.ts';
import { ANY_WORKLOAD } from './one-rule.ts';
import { parsePolicyText } from './parse.ts';
import { readQuestion } from './questions.ts';
import type { Operation } from './questions.ts';
import { HintedRoot, MERGED_USR } from './root-hints.ts';
import { selects } from './select.ts';
import { policyOf } from './testing/arbitraries.ts';
import { ACCESSES_MAX, universeOf, unnamedProgram } from './universe.ts';
import { workloadClasses } from './workload-classes.ts';

const LIMITS = { maxStates: 10_000, maxSteps: 1_000_000, maxCells: 100_000 };

function automatonOf(...patterns: Pattern[]): Automaton {
  const made = compileAutomaton(patterns, LIMITS);
  assert.ok(!('exceeded' in made));
  return made;
}

test('witnesses: a path for every accept set that a path can have, and one that nothing matches', () => {
  const automaton = automatonOf(
    { kind: 'glob', glob: '/a*' },
    { kind: 'glob', glob: '/*b' },
    { kind: 'exact', path: '/ä' },
    { kind: 'glob', glob: '/x//y' },
  );
  const { paths, unmatched, complete } = witnesses(automaton, 10_000);
  assert.ok(complete);
  for (const [index, path] of paths.entries()) {
    const impossible = automaton.accepts[index]!.includes(3); // no path has an empty component
    assert.equal(path === undefined, impossible);
    if (path !== undefined) assert.equal(acceptOf(automaton, runPrefix(automaton, path)), index);
  }
  assert.equal(unmatched, '/');
  assert.equal(witnesses(automatonOf({ kind: 'glob', glob: '/**' }, { kind: 'exact', path: '/' }), 1000).unmatched, undefined);
  assert.equal(witnesses(automatonOf(), 1000).unmatched, '/');
  assert.equal(witnesses(automaton, 3).complete, false);
});

const root = new HintedRoot({
  links: {
    ...MERGED_USR,
    '/usr/bin/sh': 'busybox',
    '/usr/bin/python3': 'python3.11',
    '/a': '/b',
    '/b': '/a',
    '/etc/mtab': '../proc/self/mounts',
  },
  multicallBinaries: ['busybox'],
});

test('hints of a root: links in every component, applets, circles', () => {
  assert.equal(root.real('/bin/python3'), '/usr/bin/python3.11');
  assert.equal(root.real('/etc/mtab'), '/proc/self/mounts');
  assert.equal(root.real('/opt/x'), '/opt/x');
  assert.equal(root.real('/a/x'), '/a/x');
  assert.deepEqual(root.find('/bin/sh').multicall, { binary: '/usr/bin/busybox', applet: 'sh' });
  assert.equal(root.find('/usr/bin/busybox').multicall, undefined);
  assert.deepEqual(root.find('/bin/python3').names, ['/bin/python3', '/usr/bin/python3.11']);
});

const ACTOR = { subject: '/usr/bin/app', owner: true };
const asked = (operation: Operation, text: string): string => {
  const question = readQuestion(operation, text, ACTOR, root);
  return 'problem' in question ? `${question.problem}: ${question.cure}` : question.steps.map(accessText).join(', then ');
};

for (const [operation, text, wanted] of [
  ['exec', '/bin/sh', 'run /usr/bin/busybox as sh'],
  ['write', '/etc//x/../hosts', 'write /etc/hosts'],
  ['map', '/lib/x.so', 'map executable /usr/lib/x.so, then read /usr/lib/x.so'],
  ['connect', 'tcp:10.0.0.1:443', 'create a socket (IPv4 tcp), then connect a socket (IPv4 tcp) to 10.0.0.1:443'],
  ['connect', 'udp:[2001:db8::1]:53', 'create a socket (IPv6 udp), then connect a socket (IPv6 udp) to [2001:db8::1]:53'],
  ['connect', 'icmp:10.0.0.1', 'create a socket (IPv4 dgram icmp), then connect a socket (IPv4 dgram icmp) to 10.0.0.1'],
  ['listen', 'tcp:8080', 'create a socket (IPv4 tcp), then listen on port 8080 with a socket (IPv4 tcp)'],
  ['accept', 'tcp:10.0.0.9:80', 'take a connection on port 80 with a socket (IPv4 tcp) from 10.0.0.9'],
  ['socket', 'packet', 'create a socket (packet raw)'],
  ['capability', 'net_raw', 'use CAP_NET_RAW'],
  ['capability', 'CAP_BPF', 'use CAP_BPF'],
  ['connect', 'tcp', '`tcp` has no address: write it as tcp:10.0.0.1:443 or udp:[2001:db8::1]:53'],
  ['connect', 'tcp:10.0.0.1:99999', 'there is no port 99999: ports are 0 to 65535'],
  ['connect', 'unix:/x', '`unix:/x` is no peer: write it as tcp:10.0.0.1:443 or udp:[2001:db8::1]:53'],
  ['listen', 'tcp', '`tcp` has no port: write it as tcp:8080'],
  ['socket', 'netlnk', '`netlnk` is no kind of socket: did you mean `netlink`?'],
] as const) {
  test(`a question: ${operation} ${text}`, () => assert.equal(asked(operation, text), wanted));
}

const RULE = {
  action: 'Block',
  subjects: [],
  severity: 1,
  tags: [],
  message: '',
  family: 'file',
  ownerOnly: false,
  readOnly: false,
} as const;
const fileRule = (path: string, more: Partial<FileRule> = {}): Omit<Rule, 'field'> =>
  ({ ...RULE, object: { kind: 'path', path }, ...more }) as Rule;

function policiesOf(text: string): Policy[] {
  return parsePolicyText(text).map(({ policy, issues }) => policy ?? assert.fail(JSON.stringify(issues)));
}
const SELECTED = (name: string, selector: string, namespace = 'shop'): string => `---
apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  selector: ${selector}
  file: {matchPaths: [{path: /a}]}
`;

test('which policy is wherever another is', () => {
  const [web, webProd, all, other] = policiesOf(
    SELECTED('web', '{matchLabels: {app: web}}') +
      SELECTED('web-prod', '{matchLabels: {app: web, stage: prod}}') +
      SELECTED('all', '{}') +
      SELECTED('other', '{}', 'bank'),
  ) as [Policy, Policy, Policy, Policy];
  assert.ok(selectsAlso(web, webProd) && !selectsAlso(webProd, web));
  assert.ok(selectsAlso(all, web) && !selectsAlso(web, all));
  assert.ok(!selectsAlso(other, web));
  const shadowed = lint([web, webProd, all, other]).filter(({ code }) => code === 'RULE_DUPLICATE');
  assert.deepEqual(
    shadowed.map(({ policy }) => policy),
    [0, 1],
    'the rule of `all` is on every workload of the two, and theirs are not everywhere',
  );
});

test('workload classes: one for each selector and each two that can meet, and each policy selects one', () => {
  const policies = policiesOf(
    SELECTED('web', '{matchLabels: {app: web}}') +
      SELECTED('prod', '{matchLabels: {stage: prod}}') +
      SELECTED('db', '{matchLabels: {app: db}}') +
      SELECTED('one', '{matchLabels: {kubearmor.io/container.name: "[side]"}}'),
  );
  const classes = workloadClasses(policies);
  for (const policy of policies)
    assert.ok(
      classes.some((workload) => selects(policy, workload)),
      policy.name,
    );
  assert.ok(classes.some((workload) => selects(policies[0]!, workload) && selects(policies[1]!, workload)));
  assert.ok(!classes.some((workload) => selects(policies[0]!, workload) && selects(policies[2]!, workload)));
});

test('a rule with few kinds of programs: the runtime is one of its own', () => {
  const everybody = { kind: 'glob', glob: '/**' } as const;
  const before = policyOf('p', [{ ...RULE, family: 'capabilities', capability: 'CAP_BPF', subjects: [everybody] } as Omit<Rule, 'field'>]);
  const after = policyOf('p', [{ ...RULE, family: 'capabilities', capability: 'CAP_BPF' } as Omit<Rule, 'field'>]);
  const found = diffFor({ before: [before], after: [after] }, { ...ANY_WORKLOAD, namespace: 'default' });
  assert.ok(!('exceeded' in found));
  assert.deepEqual(
    found.changes.map(({ witness }) => witness),
    [{ kind: 'capability', capability: CAPABILITIES.indexOf('CAP_BPF'), subject: { runtime: true } }],
  );
});

test('patterns that multiply each other are looked at alone, and the answer says that it is not complete', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's'];
  const rules = names.map((name) => fileRule('', { object: { kind: 'glob', glob: `/**/${name}/**` } }));
  const universe = universeOf([policyOf('wide', rules)]);
  assert.equal(universe.isComplete, false);
  assert.ok(universe.accesses.length > names.length);
  assert.deepEqual(
    lint([policyOf('wide', rules)]).map(({ code }) => code),
    ['LINT_INCOMPLETE'],
  );
});

test('ports and networks that multiply each other end no memory, and the answer says that it is not complete', () => {
  const rows = Array.from({ length: 2_000 }, (_, i) => `{protocol: tcp, cidr: 10.${i >> 8}.${i & 255}.0/24, port: "${i * 7 + 1}"}`);
  const text = `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: a}\nspec: {selector: {matchLabels: {a: b}}, action: Block, network: {matchProtocols: [${rows.join()}]}}`;
  const [document] = parsePolicyText(text);
  assert.ok(document?.policy !== undefined);
  const universe = universeOf([document.policy]);
  assert.deepEqual([universe.isComplete, universe.accesses.length], [false, ACCESSES_MAX]);
});

test('lint names what decides before each of many shadowed rules', () => {
  const paths = Array.from({ length: 1300 }, (_, i) => `/d${i % 40}/f${i}`);
  const rules = paths.flatMap((path) => [fileRule(path), fileRule(path, { action: 'Allow' })]);
  const shadowed = lint([policyOf('many', rules)]).filter(({ code }) => code === 'RULE_SHADOWED');
  assert.equal(shadowed.length, paths.length);
  for (const [i, { because }] of shadowed.entries()) assert.deepEqual(because, [{ policy: 0, at: `spec.rules[${i * 2}]` }]);
});

test('a program that nobody names', () => {
  const named = (glob: string): Policy => policyOf('p', [fileRule('/a', { subjects: [{ kind: 'glob', glob }] })]);
  assert.equal(unnamedProgram([named('/usr/bin/*')]), '/usr/local/bin/any-program');
  assert.equal(unnamedProgram([named('/usr/**')]), '/opt/any-program');
  assert.equal(unnamedProgram([named('**/any-program')]), '/');
  assert.equal(unnamedProgram([named('/**')]), undefined);
});

const network = (more: object): Omit<Rule, 'field'> =>
  ({
    action: 'Block',
    subjects: [],
    severity: 1,
    tags: [],
    message: '',
    family: 'network',
    protocol: 'tcp',
    direction: 'egress',
    ...more,
  }) as Omit<Rule, 'field'>;

for (const [what, before, after, wanted] of [
  [
    'a port behind the end of a range',
    { port: 1, endPort: 65_535 },
    { port: 1, endPort: 100 },
    'connect a socket (IPv4 tcp) to a peer without address:101',
  ],
  ['an address behind the end of a network', { cidr: '0.0.0.0/0' }, { cidr: '0.0.0.0/1' }, 'connect a socket (IPv4 tcp) to 128.0.0.0'],
  ['an address of IPv6', { cidr: '2001:db8::/32' }, { cidr: '2001:db8::/33' }, 'connect a socket (IPv4 tcp) to [2001:db8:8000::]'],
  ['a direction', { port: 80 }, { port: 80, direction: 'ingress' }, 'connect a socket (IPv4 tcp) to a peer without address:80'],
] as const) {
  test(`diff finds ${what}`, () => {
    const found = diffFor(
      { before: [policyOf('p', [network(before)])], after: [policyOf('p', [network(after)])] },
      { ...ANY_WORKLOAD, namespace: 'default' },
    );
    assert.ok(!('exceeded' in found));
    assert.equal(found.changes.map(({ witness }) => accessText(witness))[0], wanted);
  });
}

const BLOCKS_LIBRARY = fileRule('/lib/evil.so');
const process = (path: string, action: 'Allow' | 'Block'): Omit<Rule, 'field'> => fileRule(path, { family: 'process', action } as object);

test('diff: a mapping whose read is refused on both sides changes nothing', () => {
  const before = [BLOCKS_LIBRARY, process('/bin/app', 'Allow')];
  const changes = (library: string): string[] => {
    const sides = { before: [policyOf('p', before, 'block')], after: [policyOf('p', [...before, process(library, 'Block')], 'block')] };
    const found = diffFor(sides, { ...ANY_WORKLOAD, namespace: 'default' });
    assert.ok(!('exceeded' in found) && found.isComplete);
    return found.changes.map(({ before: { outcome: was }, after: { outcome: is }, witness }) => `${was} ${is} ${accessText(witness)}`);
  };
  assert.deepEqual(changes('/lib/evil.so'), []);
  assert.deepEqual(changes('/lib/good.so'), ['passed denied map executable /lib/good.so']);
});

test('diff: a mapping that is refused for most files of a glob is found for the one that is open', () => {
  const file = { ...RULE, object: { kind: 'glob', glob: '/lib/**' } } as const;
  const program = { ...file, family: 'process' } as Omit<Rule, 'field'>;
  for (const open of ['/lib/a', '/lib/zz/zz']) {
    const both = [file as Omit<Rule, 'field'>, fileRule(open, { action: 'Allow' }), process('/bin/app', 'Allow')];
    const sides = { before: [policyOf('p', both, 'block')], after: [policyOf('p', [...both, program], 'block')] };
    const found = diffFor(sides, { ...ANY_WORKLOAD, namespace: 'default' });
    assert.ok(!('exceeded' in found));
    assert.deepEqual(
      found.changes.map(({ witness }) => accessText(witness)),
      [`map executable ${open}`],
    );
  }
});
