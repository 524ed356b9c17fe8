// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rule } from './model.ts';
import { parsePolicyObject, parsePolicyText } from './parse.ts';
import type { ParsedDocument } from './parse.ts';

const HEAD = 'apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: p, namespace: shop}\n';

/** One policy with this spec; lines of `spec` start at line 5 of the text. */
function parseSpec(spec: string, kind = 'KubeArmorPolicy'): ParsedDocument {
  const text = `${HEAD.replace('KubeArmorPolicy', kind)}spec:\n${spec}`;
  const [document] = parsePolicyText(text, 'p.yaml');
  assert.ok(document);
  return document;
}
const told = (document: ParsedDocument | undefined): string[] =>
  (document?.issues ?? []).map((i) => `${i.severity} ${i.code} ${i.line}:${i.column} ${i.at}`);
const errors = (document: ParsedDocument): string[] => told(document).filter((line) => line.startsWith('error'));
function rulesOf(spec: string, kind?: string): readonly Rule[] {
  const document = parseSpec(spec, kind);
  assert.deepEqual(errors(document), []);
  assert.ok(document.policy);
  return document.policy.rules;
}

test('every section of a KubeArmorPolicy becomes rules', () => {
  const rules = rulesOf(`
  selector: {matchLabels: {app: web}}
  process:
    matchPaths: [{path: /bin/sh}, {execname: nc, allowedArgs: [-l, "8080"]}]
    matchDirectories: [{dir: /opt, recursive: true, ownerOnly: true}]
    matchPatterns: [{pattern: "**/python*"}]
  file:
    matchPaths: [{path: /etc/shadow, readOnly: true, fromSource: [{path: /bin/cat}, {dir: /opt/, recursive: true}, {path: "/usr/*/x"}, {path: /srv/}]}]
  network: {matchProtocols: [{protocol: "tcp, UDP"}], matchDNSQueries: [{domain: "Example.COM."}]}
  capabilities: {matchCapabilities: [{capability: "CAP_NET_RAW,sys_admin"}]}
  syscalls: {matchSyscalls: [{syscall: [unlink]}], matchPaths: [{path: /etc/, recursive: true, syscall: [rmdir]}, {path: /tmp/, syscall: [rmdir]}]}
  presets: [{name: filelessExec, action: Audit}]
  apparmor: "deny /x r,"
`);
  const brief = rules.map((rule) => ('object' in rule ? [rule.family, rule.object] : [rule.family]));
  assert.deepEqual(brief, [
    ['process', { kind: 'path', path: '/bin/sh' }],
    ['process', { kind: 'execname', name: 'nc' }],
    ['process', { kind: 'dir', dir: '/opt', recursive: true }],
    ['process', { kind: 'glob', glob: '**/python*' }],
    ['file', { kind: 'path', path: '/etc/shadow' }],
    ['network'],
    ['network'],
    ['dns'],
    ['capabilities'],
    ['capabilities'],
    ['syscalls', undefined],
    ['syscalls', { kind: 'dir', dir: '/etc', recursive: true }],
    ['syscalls', { kind: 'path', path: '/tmp' }],
    ['preset'],
    ['apparmor'],
  ]);
  assert.deepEqual(rules[4]?.subjects, [
    { kind: 'path', path: '/bin/cat' },
    { kind: 'dir', dir: '/opt', recursive: true },
    { kind: 'glob', glob: '/usr/*/x' },
    { kind: 'dir', dir: '/srv', recursive: false },
  ]);
  assert.deepEqual(
    rules.slice(5, 10).map((r) => r.field),
    [
      'spec.network.matchProtocols[0]#0',
      'spec.network.matchProtocols[0]#1',
      'spec.network.matchDNSQueries[0]',
      'spec.capabilities.matchCapabilities[0]#0',
      'spec.capabilities.matchCapabilities[0]#1',
    ],
  );
  assert.deepEqual(
    rules.map((r) => ('protocol' in r ? r.protocol : 'domain' in r ? r.domain : 'capability' in r ? r.capability : '')).filter(Boolean),
    ['tcp', 'udp', 'example.com', 'CAP_NET_RAW', 'CAP_SYS_ADMIN'],
  );
});

test('action, severity, tags and message are inherited each by itself', () => {
  const rules = rulesOf(`
  action: audit
  severity: 3
  tags: [spec]
  message: of spec
  process:
    severity: 4
    tags: [section]
    matchPaths: [{path: /a, action: ALLOW, tags: []}, {path: /b, severity: 7, message: own}]
  syscalls: {matchSyscalls: [{syscall: [mount]}]}
  presets: [{name: exec}]
`);
  assert.deepEqual(
    rules.map((r) => [r.action, r.severity, r.tags, r.message]),
    [
      ['Allow', 4, ['section'], 'of spec'],
      ['Audit', 7, ['section'], 'own'],
      ['Audit', 3, ['spec'], 'of spec'],
      ['Audit', 3, ['spec'], 'of spec'],
    ],
  );
  assert.equal(rulesOf('  file: {matchPaths: [{path: /a}]}')[0]?.action, 'Block');
  assert.equal(rulesOf('  action: Block\n  syscalls: {matchSyscalls: [{syscall: [mount]}]}')[0]?.action, 'Audit');
});

const PATHS: readonly [string, unknown][] = [
  ['//etc///passwd', { kind: 'path', path: '/etc/passwd' }],
  ['/etc/./passwd', { kind: 'path', path: '/etc/passwd' }],
  ['/usr/bin/[', { kind: 'path', path: '/usr/bin/[' }],
  ['/a/{b}', { kind: 'path', path: '/a/{b}' }],
  ['/a\\*b', { kind: 'path', path: '/a*b' }],
  ['/dev/a\\x20b', { kind: 'path', path: '/dev/a\\x20b' }],
  ['/dev/a\\x20*', { kind: 'glob', glob: '/dev/a\\\\x20*' }],
  ['/a\\?*', { kind: 'glob', glob: '/a\\?*' }],
  ['/etc/secrets/*', { kind: 'glob', glob: '/etc/secrets/**' }],
  ['/*', { kind: 'glob', glob: '/**' }],
  ['/usr/bin/**', { kind: 'glob', glob: '/usr/bin/**' }],
  ['/usr/lib/postgresql/*/bin/postgres', { kind: 'glob', glob: '/usr/lib/postgresql/*/bin/postgres' }],
];
for (const [written, object] of PATHS) {
  test(`matchPaths: ${written}`, () => {
    const document = parsePolicyObject(
      { metadata: { name: 'p' }, spec: { file: { matchPaths: [{ path: written }] } } },
      { kind: 'KubeArmorPolicy' },
    );
    const rule = document.policy?.rules[0];
    assert.deepEqual(rule?.family === 'file' ? rule.object : document.issues, object);
  });
}

const REFUSED: readonly { name: string; spec: string; issues: string[]; cure?: RegExp }[] = [
  {
    name: 'an unknown field',
    spec: '  process:\n    matchPath: []',
    issues: ['error FIELD_UNKNOWN 6:5 spec.process.matchPath'],
    cure: /`matchPaths`/,
  },
  { name: 'a mistyped action', spec: '  action: audti', issues: ['error VALUE_UNKNOWN 5:11 spec.action'], cure: /`Audit`/ },
  { name: 'equal keys', spec: '  action: Audit\n  action: Block', issues: ['error KEY_DUPLICATE 6:3 spec.action'] },
  { name: 'a quoted severity', spec: '  severity: "5"', issues: ['error TYPE_WRONG 5:13 spec.severity'], cure: /remove the quotes: 5/ },
  { name: 'a severity out of range', spec: '  severity: 11', issues: ['error VALUE_OUT_OF_RANGE 5:13 spec.severity'] },
  {
    name: 'a label value that is not a string',
    spec: '  selector: {matchLabels: {app: true}}',
    issues: ['error TYPE_WRONG 5:33 spec.selector.matchLabels.app'],
    cure: /put it in quotes/,
  },
  {
    name: 'a label outside matchLabels',
    spec: '  selector: {tier: web}',
    issues: ['error FIELD_UNKNOWN 5:14 spec.selector.tier'],
    cure: /matchLabels/,
  },
  {
    name: 'a path with a final /',
    spec: '  file: {matchPaths: [{path: /etc/}]}',
    issues: ['error PATH_INVALID 5:30 spec.file.matchPaths[0].path'],
    cure: /matchDirectories/,
  },
  {
    name: 'a relative path',
    spec: '  file: {matchPaths: [{path: passwd}]}',
    issues: ['error PATH_INVALID 5:30 spec.file.matchPaths[0].path'],
  },
  {
    name: 'a missing dir',
    spec: '  file: {matchDirectories: [{recursive: true}]}',
    issues: ['error FIELD_MISSING 5:29 spec.file.matchDirectories[0].dir'],
  },
  {
    name: 'an unknown capability',
    spec: '  capabilities: {matchCapabilities: [{capability: net_rwa}]}',
    issues: ['error VALUE_UNKNOWN 5:51 spec.capabilities.matchCapabilities[0].capability'],
    cure: /`net_raw`/,
  },
  {
    name: 'an unknown protocol',
    spec: '  network: {matchProtocols: [{protocol: tpc}]}',
    issues: ['error VALUE_UNKNOWN 5:41 spec.network.matchProtocols[0].protocol'],
    cure: /`tcp`/,
  },
  {
    name: 'an unknown system call',
    spec: '  syscalls: {matchSyscalls: [{syscall: [unlnk]}]}',
    issues: ['error VALUE_UNKNOWN 5:41 spec.syscalls.matchSyscalls[0].syscall[0]'],
    cure: /`unlink`/,
  },
  {
    name: 'a bad network',
    spec: '  network: {matchProtocols: [{protocol: tcp, cidr: 10.0.0.0/33}]}',
    issues: ['error VALUE_UNKNOWN 5:52 spec.network.matchProtocols[0].cidr'],
  },
  {
    name: 'a port of a protocol that has none',
    spec: '  network: {matchProtocols: [{protocol: icmp, port: 8}]}',
    issues: ['error VALUE_UNKNOWN 5:53 spec.network.matchProtocols[0].port'],
  },
  {
    name: 'a bad glob',
    spec: '  file: {matchPatterns: [{pattern: "/a/[b"}]}',
    issues: ['error GLOB_INVALID 5:36 spec.file.matchPatterns[0].pattern'],
  },
  { name: 'a string where a list belongs', spec: '  tags: x', issues: ['error TYPE_WRONG 5:9 spec.tags'] },
  {
    name: 'a section at the wrong indentation',
    spec: '  process:\n    file:',
    issues: ['error FIELD_UNKNOWN 6:5 spec.process.file'],
    cure: /indentation/,
  },
  {
    name: 'too many arguments',
    spec: `  process: {matchPaths: [{path: /a, allowedArgs: [${'a,'.repeat(21)}]}]}`,
    issues: ['error LIMIT_EXCEEDED 5:50 spec.process.matchPaths[0].allowedArgs'],
    cure: /shorten/,
  },
  {
    name: 'a domain that is too long',
    spec: `  network: {matchDNSQueries: [{domain: ${'a.'.repeat(130)}b}]}`,
    issues: ['error LIMIT_EXCEEDED 5:40 spec.network.matchDNSQueries[0].domain'],
    cure: /shorten/,
  },
  {
    name: 'a host selector in a pod policy',
    spec: '  nodeSelector: {}',
    issues: ['error FIELD_UNKNOWN 5:3 spec.nodeSelector'],
    cure: /KubeArmorHostPolicy/,
  },
];
for (const { name, spec, issues, cure } of REFUSED) {
  test(`refused with its place: ${name}`, () => {
    const document = parseSpec(spec);
    assert.deepEqual(errors(document), issues);
    assert.equal(document.policy, undefined);
    if (cure !== undefined) assert.match(document.issues.find((issue) => issue.severity === 'error')?.cure ?? '', cure);
  });
}

test('an expression of host names that is too long is refused, not ignored', () => {
  const spec = { nodeSelector: { matchLabels: { 'kubearmor.io/hostnamereg': 'a'.repeat(1025) } } };
  const { policy, issues } = parsePolicyObject({ metadata: { name: 'p' }, spec }, { kind: 'KubeArmorHostPolicy' });
  assert.equal(policy, undefined);
  assert.match(JSON.stringify(issues), /1025 bytes, the limit is 1024/);
});

test('a list of problems that ends before they do says how many more there are', () => {
  const spec = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`unknown${i}`, 1]));
  const { policy, issues } = parsePolicyObject({ metadata: { name: 'p' }, spec }, { kind: 'KubeArmorPolicy' });
  assert.equal(policy, undefined);
  assert.equal(issues.length, 1001);
  const more = Number(/^(\d+) more problems/.exec(issues.at(-1)?.problem ?? '')?.[1] ?? 0);
  assert.ok(more >= 500, `${more}`);
});

test('every problem at once', () => {
  const document = parseSpec('  actoin: Block\n  severity: 99\n  file:\n    matchPaths:\n    - path: etc\n    - path: /etc/\n  file: {}');
  assert.deepEqual(
    errors(document).map((line) => line.split(' ')[2]),
    ['11:3', '5:3', '6:13'],
  );
  const rest = parseSpec('  actoin: Block\n  severity: 99\n  file:\n    matchPaths:\n    - path: etc\n    - path: /etc/');
  assert.deepEqual(
    errors(rest).map((line) => line.split(' ')[2]),
    ['5:3', '6:13', '9:13', '10:13'],
  );
});

test("what KubeArmor's API server takes is taken; what can never match is a warning", () => {
  const document = parseSpec(`
  network: {matchProtocols: [{protocol: xtcp}, {protocol: "foo,tcp"}], matchDNSQueries: [{domain: "*.x.org"}]}
  capabilities: {matchCapabilities: [{capability: xchown}]}
  process: {matchPaths: [{}, {path: /a/../b}], matchPatterns: [{pattern: mysqld}, {pattern: "^/proc/x$"}, {pattern: "/**/.git/"}]}
  presets: [{name: nope}]
`);
  assert.deepEqual(errors(document), []);
  assert.equal(document.issues.filter((issue) => issue.code === 'RULE_NEVER_MATCHES').length, 10);
  assert.deepEqual(
    document.policy?.rules.map((rule) => rule.field),
    ['spec.network.matchProtocols[1]#1'],
  );
});

test('an Allow rule that can never match still makes an allow-list, for nobody', () => {
  const rules = rulesOf('  action: Allow\n  process: {matchPaths: [{path: /a/../b}]}\n  network: {matchProtocols: [{protocol: xtcp}]}');
  assert.deepEqual(
    rules.map((rule) => [rule.family, rule.action, rule.subjects]),
    [
      ['process', 'Allow', [{ kind: 'path', path: '/..' }]],
      ['network', 'Allow', [{ kind: 'path', path: '/..' }]],
    ],
  );
});

test('sources that can never match do not become anybody', () => {
  assert.deepEqual(rulesOf('  file: {matchPaths: [{path: /a, fromSource: [{}]}]}'), []);
});

test('empty sections are absent, with a warning', () => {
  assert.deepEqual(told(parseSpec('  process:\n  file: {matchPaths: [{path: /a}]}')), ['warning FIELD_EMPTY 5:11 spec.process']);
});

test('Allow rules without a block posture are pointed out', () => {
  const spec = '  network: {matchProtocols: [{protocol: tcp, action: Allow}]}';
  const [issue] = parseSpec(spec).issues;
  assert.equal(issue?.code, 'ALLOW_WITHOUT_BLOCK');
  assert.match(issue.cure, /kubearmor-network-posture: block/);
  assert.deepEqual(parseSpec(`${spec}\n  defaultPosture: block`).issues, []);
});

test('two names of one program that disagree are pointed out', () => {
  const codes = (actions: string[]): string[] =>
    parseSpec(`  process: {matchPaths: [{path: /bin/sh, action: ${actions[0]}}, {path: /usr/bin/sh, action: ${actions[1]}}]}`).issues.map(
      (i) => i.code,
    );
  assert.deepEqual(codes(['Block', 'Audit']), ['MERGED_USR']);
  assert.deepEqual(codes(['Block', 'Block']), []);
});

test('a host policy without a nodeSelector is taken, selects nothing, and says what to add', () => {
  for (const written of ['', '\n  nodeSelector: {}']) {
    const document = parseSpec(`  action: Audit${written}`, 'KubeArmorHostPolicy');
    assert.deepEqual(document.policy?.selector, { target: 'node', matchLabels: {}, matchExpressions: [], containerNames: [] });
    const [issue] = document.issues.filter(({ code }) => code === 'SELECTS_NOTHING');
    assert.equal(issue?.severity, 'warning');
    assert.equal(issue?.problem, `is ${written === '' ? 'missing' : 'empty'}: the policy selects no node`);
    assert.match(issue?.cure ?? '', /kubearmor\.io\/hostname/);
  }
});

test('a key written twice with the same value is a warning', () => {
  const document = parseSpec('  severity: 5\n  tags: [a]\n  tags: ["a"]\n  severity: 5');
  assert.deepEqual(errors(document), []);
  assert.deepEqual(
    document.issues.filter(({ code }) => code === 'KEY_DUPLICATE').map(({ severity, at, line }) => [severity, at, line]),
    [
      ['warning', 'spec.tags', 7],
      ['warning', 'spec.severity', 8],
    ],
  );
  assert.ok(document.policy);
});

test("Kubernetes' own metadata and status are ignored", () => {
  const value = {
    apiVersion: 'security.kubearmor.com/v1',
    kind: 'KubeArmorPolicy',
    status: { status: 'OK' },
    spec: { file: { matchPaths: [{ path: '/a' }] } },
    metadata: {
      name: 'p',
      labels: { a: 'b' },
      annotations: null,
      uid: 'x',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: null,
      managedFields: [{}],
      finalizers: [],
      ownerReferences: [],
    },
  };
  const document = parsePolicyObject(value);
  assert.deepEqual(document.issues, []);
  assert.equal(document.policy?.namespace, 'default');
  assert.equal(document.policy.document, value);
});

test('parsePolicyObject: the kind and the namespace of the caller', () => {
  const value = { metadata: { name: 'p', namespace: 'x' }, spec: { action: '', severity: 0 } };
  assert.equal(parsePolicyObject(value).policy, undefined);
  assert.equal(parsePolicyObject(value, { kind: 'KubeArmorPolicy' }).policy?.namespace, 'x');
  assert.equal(
    parsePolicyObject(value, { kind: 'KubeArmorPolicy', namespace: 'container_namespace' }).policy?.namespace,
    'container_namespace',
  );
  assert.equal(parsePolicyObject(value, { kind: 'KubeArmorClusterPolicy', namespace: 'n' }).policy?.namespace, '');
  assert.equal(parsePolicyObject({ ...value, kind: 'KubeArmorPolicy' }, { kind: 'KubeArmorHostPolicy' }).policy, undefined);
  for (const bad of [undefined, null, 3, 'x', [], { metadata: { name: '../../etc/x' } }, { metadata: { name: 'a\nb' } }]) {
    assert.ok(parsePolicyObject(bad, { kind: 'KubeArmorPolicy' }).issues.length > 0);
  }
});

test('anchors, merge keys and a key `__proto__`', () => {
  const rules = rulesOf('  file:\n    matchPaths:\n    - &a {path: /a, severity: 4}\n    - {<<: *a, path: /b}');
  assert.deepEqual(
    rules.map((r) => [r.family === 'file' ? r.object : '', r.severity]),
    [
      [{ kind: 'path', path: '/a' }, 4],
      [{ kind: 'path', path: '/b' }, 4],
    ],
  );
  assert.deepEqual(errors(parseSpec('  __proto__: {action: Allow}')), ['error FIELD_UNKNOWN 5:3 spec.__proto__']);
});
