// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLogger } from '#base';
import { parsePolicyObject } from '#policy';
import type { Policy } from '#policy';
import { findEssentials } from './essentials.ts';
import type { Essential } from './essentials.ts';
import { boundHost } from './host-bound.ts';
import { FORCE_ANNOTATION, hostGuard } from './host-guard.ts';
import { Protector } from './protector.ts';
import { FakeEnforcer } from './testing/fake-enforcer.ts';
import { plainRoot } from './testing/samples.ts';

const SSHD = '/usr/sbin/sshd';
const ESSENTIALS: readonly Essential[] = [
  {
    program: 'sshd',
    what: 'starting /usr/bin/bash',
    access: { kind: 'exec', object: { path: '/usr/bin/bash' }, owner: true, subject: SSHD },
  },
  { program: 'sshd', what: 'reading /etc/shadow', access: { kind: 'read', object: { path: '/etc/shadow' }, owner: true, subject: SSHD } },
  { program: 'sshd', what: 'the capability CAP_SETUID', access: { kind: 'capability', capability: 7, subject: SSHD } },
  { program: 'sshd', what: 'listening', access: { kind: 'socket', op: 'create', domain: 2, type: 1, protocol: 0, subject: SSHD } },
];

function hostPolicy(name: string, spec: object, force?: string): Policy {
  const annotations = force === undefined ? {} : { [FORCE_ANNOTATION]: force };
  const document = {
    metadata: { name, annotations },
    spec: { nodeSelector: { matchLabels: { 'kubernetes.io/hostname': '*' } }, action: 'Block', ...spec },
  };
  const { policy, issues } = parsePolicyObject(document, { kind: 'KubeArmorHostPolicy' });
  assert.ok(policy, JSON.stringify(issues));
  return policy;
}

function host(postures = { file: 'block', network: 'block', capabilities: 'block' } as const): {
  enforcer: FakeEnforcer;
  protector: Protector;
} {
  const enforcer = new FakeEnforcer();
  const protector = new Protector({ enforcer, logger: noLogger, openRoot: plainRoot, guard: hostGuard(() => ESSENTIALS) });
  protector.bind(boundHost('node1', { hostPostures: postures, nodeLabels: {} }, 0));
  return { enforcer, protector };
}

const file = (path: string): object => ({ file: { matchPaths: [{ path }] } });
const REFUSED: readonly (readonly [what: string, spec: object, says: RegExp])[] = [
  [
    'a file',
    file('/etc/shadow'),
    /would stop sshd: reading \/etc\/shadow is denied by KubeArmorHostPolicy p spec\.file\.matchPaths\[0\]; .*--force/,
  ],
  ['a shell', { process: { matchPaths: [{ path: '/usr/bin/bash' }] } }, /would stop sshd: starting \/usr\/bin\/bash/],
  [
    'a capability',
    { capabilities: { matchCapabilities: [{ capability: 'setuid', fromSource: [{ path: SSHD }] }] } },
    /CAP_SETUID is denied/,
  ],
  ['a socket', { network: { matchProtocols: [{ protocol: 'tcp', fromSource: [{ path: SSHD }] }] } }, /listening is denied/],
  [
    'an allow-list without it',
    { action: 'Allow', ...file('/etc/passwd') },
    /reading \/etc\/shadow is denied by the default posture, through the Allow rules of KubeArmorHostPolicy p/,
  ],
];
for (const [what, spec, says] of REFUSED) {
  test(`refused without force, and taken with it: ${what}`, () => {
    const { enforcer, protector } = host();
    const plan = protector.plan([hostPolicy('p', spec)]);
    assert.ok('refused' in plan, 'it was taken');
    assert.match(plan.refused, says);
    assert.ok('refused' in protector.plan([hostPolicy('p', spec, 'yes')]), 'only true is true');
    const forced = hostPolicy('p', spec, 'true');
    assert.ok('items' in protector.plan([forced]));
    assert.deepEqual(protector.apply([forced]), []);
    assert.equal(enforcer.protected.get('host')?.ruleSet?.rules.length, 1);
  });
}

test('what stops nothing is taken; a policy of a file that would is left out, and the others stay', () => {
  const { enforcer, protector } = host();
  const [good, bad] = [hostPolicy('good', file('/etc/other')), hostPolicy('bad', file('/etc/shadow'))];
  assert.deepEqual(protector.apply([good]), []);
  assert.match(protector.apply([good, bad]).join(), /^the host: it would stop sshd/);
  assert.deepEqual(
    protector.status()[0]?.policies.map(({ name }) => name),
    ['good'],
  );
  assert.deepEqual(protector.apply([good]), []);
  const allowed = hostPolicy('allow', { action: 'Allow', ...file('/etc/shadow') });
  assert.ok('items' in protector.plan([allowed, hostPolicy('more', { action: 'Allow', ...file('/etc/x') })]), 'together they allow it');
  assert.equal(enforcer.calls.at(-1), 'protect host 1');
});

test('the host has a scope only where something is asked of it', () => {
  const { enforcer, protector } = host();
  assert.deepEqual(enforcer.calls, ['release host']);
  protector.apply([hostPolicy('p', file('/etc/other'))]);
  assert.deepEqual(enforcer.calls.slice(1), ['protect host 1']);
  protector.apply([]);
  assert.deepEqual(enforcer.calls.slice(2), ['release host']);
});

test('essentials of this machine: the agent’s own start', () => {
  const mine = findEssentials({ reads: [import.meta.filename], starts: ['/bin/sh'] }).filter(({ program }) => program === 'the agent');
  const texts = mine.map(({ what }) => what);
  for (const what of [`reading ${import.meta.filename}`, `mapping ${process.execPath}`, 'the capability CAP_SYS_ADMIN'])
    assert.ok(texts.includes(what), what);
  assert.ok(
    texts.some((what) => /^starting \S*(sh|busybox)\S* from /.test(what)),
    'its launcher',
  );
  assert.ok(texts.some((what) => what.startsWith(`starting ${process.execPath} from `)));
});
