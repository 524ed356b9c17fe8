// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessText, subjectText } from './access-text.ts';
import { compile } from './compile.ts';
import type { PathResolver } from './lower.ts';
import { ANY_WORKLOAD } from './one-rule.ts';
import { parsePolicyText } from './parse.ts';
import { probesOf } from './probes.ts';
import type { ProbePlan } from './probes.ts';

const asWritten: PathResolver = (object) => [{ object }];

function planOf(spec: string, resolve = asWritten, tellsApplets = true): ProbePlan {
  const text = `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: p}\nspec:\n  selector: {matchLabels: {a: b}}\n${spec}`;
  const policies = parsePolicyText(text, 'p.yaml').flatMap(({ policy }) => policy ?? []);
  assert.equal(policies.length, 1, text);
  const set = compile(policies, ANY_WORKLOAD, resolve);
  assert.ok(!('exceeded' in set));
  return probesOf(set, policies, { resolve, tellsApplets });
}

const told = (plan: ProbePlan): string[] =>
  plan.probes.map(({ access, expected, proves }) => {
    const rule = 'rule' in expected && expected.rule !== undefined ? ` by ${expected.rule}` : '';
    return `${subjectText(access.subject)}: ${accessText(access)}: ${expected.outcome}${rule} for ${proves.join()}`;
  });
const why = ({ unprobed }: ProbePlan): string[] => unprobed.map(({ rule, reason }) => `${rule.field}: ${reason}`);

test('paths, folders, globs and names are tried where they stand, and what must pass comes first', () => {
  const plan = planOf(`  process: {matchPaths: [{path: /bin/sh}, {execname: nc}], action: Block}
  file:
    matchDirectories: [{dir: /etc/, recursive: true, readOnly: true}]
    matchPatterns: [{pattern: /data/**/*.key, ownerOnly: true}]
    action: Block
`);
  assert.deepEqual(told(plan), [
    'the runtime, before the first exec: run /kubearmor-canary/unlisted as canary-probe: passed for ',
    '/kubearmor-canary/program: read /kubearmor-canary/unlisted: passed for ',
    'the runtime, before the first exec: run /bin/sh as canary-probe: denied by 0 for 0',
    '/kubearmor-canary/program: write /etc/kubearmor-canary: denied by 2 for 2',
    'the runtime, before the first exec: run /kubearmor-canary/nc as canary-probe: denied by 1 for 1',
    '/kubearmor-canary/program: read /data/a/.key, owned by somebody else: denied by 3 for 3',
  ]);
  assert.equal(plan.first, 4);
  assert.deepEqual(why(plan), []);
});

test('a rule with a subject is tried by that program; one that may not run is named', () => {
  const plan = planOf(`  file: {matchPaths: [{path: /secret, fromSource: [{path: /usr/bin/cat}]}], action: Block}\n`);
  assert.deepEqual(told(plan).slice(1), ['/usr/bin/cat: read /secret: denied by 0 for 0']);
  const barred = planOf(`  process: {matchPaths: [{path: /usr/bin/cat}], action: Block}
  file: {matchPaths: [{path: /secret, fromSource: [{path: /usr/bin/cat}]}], action: Block}
`);
  assert.deepEqual(why(barred), ['spec.file.matchPaths[0]: no program that it speaks of may be executed under these rules']);
});

test('of a list of what is allowed something else is denied by the posture, and what is allowed passes', () => {
  const plan = planOf(`  defaultPosture: block\n  file: {matchDirectories: [{dir: /, recursive: true, readOnly: true}], action: Allow}\n`);
  assert.deepEqual(told(plan), [
    '/kubearmor-canary/program: read /kubearmor-canary/unlisted: passed for ',
    '/kubearmor-canary/program: write /kubearmor-canary/unlisted: denied for 0',
  ]);
});

test('a link to a multi-call binary is tried as its applet', () => {
  const busybox: PathResolver = (object) => [{ object: { kind: 'path', path: '/bin/busybox' }, applet: 'sh' }, { object }];
  const plan = planOf('  process: {matchPaths: [{path: /bin/sh}], action: Block}\n', busybox);
  assert.match(told(plan)[1]!, /run \/bin\/busybox as sh: denied/);
});

test('where the kernel tells no applets, what must pass and what is denied is as it sees them', () => {
  const busybox: PathResolver = (object) =>
    object.kind === 'path' && object.path.startsWith('/bin/')
      ? [{ object: { kind: 'path', path: '/bin/busybox' }, applet: object.path.slice(5) }]
      : [{ object }];
  const blocked = '  process: {matchPaths: [{path: /bin/sh}], action: Block}\n';
  const secret = '  file: {matchPaths: [{path: /secret, fromSource: [{path: /bin/cat}]}], action: Block}\n';
  assert.match(told(planOf(blocked + secret, busybox)).join('\n'), /^\/bin\/busybox: read \/secret: denied/m);
  const unsure = planOf(blocked + secret, busybox, false);
  assert.match(told(unsure)[1]!, /run \/bin\/busybox as an applet that cannot be told: denied by 0/);
  assert.deepEqual(why(unsure), ['spec.file.matchPaths[0]: other rules decide what it speaks of']);

  const allowed = '  defaultPosture: block\n  process: {matchPaths: [{path: /bin/sh}], action: Allow}\n';
  const passing = ({ probes }: ProbePlan): string[] =>
    probes.filter(({ expected }) => expected.outcome === 'passed').map(({ access }) => accessText(access));
  assert.deepEqual(passing(planOf(allowed, busybox)), ['run /bin/busybox as sh']);
  assert.deepEqual(passing(planOf(allowed, busybox, false)), []);
});

test('sockets and capabilities that need a peer, load a module or do harm are not tried but named', () => {
  const plan = planOf(`  network:
    matchProtocols:
      - {protocol: tcp}
      - {protocol: sctp}
      - {protocol: tcp, direction: ingress, cidr: 10.0.0.0/8}
      - {protocol: udp, direction: egress, cidr: 10.9.0.0/16, port: 53}
    action: Block
  capabilities: {matchCapabilities: [{capability: net_raw}, {capability: kill}], action: Audit}
`);
  assert.deepEqual(
    plan.probes.filter(({ proves }) => proves.length > 0).map(({ access, expected }) => `${accessText(access)}: ${expected.outcome}`),
    ['create a socket (IPv4 tcp): denied', 'use CAP_NET_RAW: audited', 'connect a socket (IPv4 udp) to 10.9.0.0:53: denied'],
  );
  assert.deepEqual(why(plan), [
    'spec.network.matchProtocols[1]: making a socket of sctp can load a kernel module',
    'spec.network.matchProtocols[2]: a connection that comes in needs a peer',
    'spec.capabilities.matchCapabilities[1]: CAP_KILL has no use that is harmless',
  ]);
});

test('an access that another rule decides too is tried all the same, and that rule is expected to speak', () => {
  const plan = planOf(`  file:
    matchPaths: [{path: /data/a}]
    matchDirectories: [{dir: /data/, recursive: true}, {dir: /data/a/, recursive: true}]
    action: Block
`);
  assert.deepEqual(why(plan), []);
  assert.deepEqual(
    plan.probes
      .slice(1)
      .map(({ proves }) => proves)
      .flat()
      .toSorted((a, b) => a - b),
    [0, 1, 2],
  );
});
