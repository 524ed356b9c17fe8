// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import type { Access, ObjectName } from '../access.ts';
import type { Action, PathObject, Policy, Posture, Rule, Workload } from '../model.ts';

const name = fc.constantFrom('a', 'b', 'ab', 'x.c');

/** Paths that often meet each other and the globs below. */
export const path: fc.Arbitrary<string> = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join('/')}`);

const GLOBS = [
  '/**/a',
  '**/b',
  '/*/b',
  '/a/*',
  '/a/**',
  '/**',
  '/*',
  '/?',
  '/a*',
  '/a?',
  '/[ab]/b',
  '/[^a]/*',
  '/{a,b}/{a,x.c}',
  '/a/**/b',
  '/**/*.c',
  '/**/a/**',
  '/**/b/*',
  '/a/b/*',
  '/a/b/**',
  '/*/*/a',
  '/**/*b*',
  '/ab/**/x.c',
  '**/{ab,a}/?',
  '/a/b*',
  '/\\*',
  '/',
];
const dir = fc.record({ kind: fc.constant('dir' as const), dir: fc.oneof(fc.constant('/'), path), recursive: fc.boolean() });
const exact = path.map((text): PathObject => ({ kind: 'path', path: text }));
const glob = fc.constantFrom(...GLOBS).map((text): PathObject => ({ kind: 'glob', glob: text }));
const execname = name.map((text): PathObject => ({ kind: 'execname', name: text }));
const object: fc.Arbitrary<PathObject> = fc.oneof(exact, dir, glob, execname);

const runc: PathObject = { kind: 'path', path: '/runc' };
const subjects = fc.oneof(
  { weight: 3, arbitrary: fc.constant<PathObject[]>([]) },
  { weight: 2, arbitrary: fc.array(fc.oneof(exact, glob, dir, fc.constant(runc)), { minLength: 1, maxLength: 2 }) },
);
const action = fc.constantFrom<Action[]>('Allow', 'Block', 'Audit');
const common = { action, subjects, severity: fc.constant(1), tags: fc.constant([]), message: fc.constant('') };

const process = fc.record({ ...common, family: fc.constant('process' as const), object, ownerOnly: fc.boolean() });
const file = fc.record({ ...common, family: fc.constant('file' as const), object, ownerOnly: fc.boolean(), readOnly: fc.boolean() });
const CIDRS = ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3/32', '0.0.0.0/0', '2001:db8::/32', '::/0', '192.168.1.77/25'];
const network = fc
  .record({
    ...common,
    family: fc.constant('network' as const),
    protocol: fc.constantFrom('tcp' as const, 'tcp', 'udp', 'icmp', 'raw', 'stream', 'dgram', 'packet', 'all'),
    port: fc.option(fc.constantFrom(53, 80, 443), { nil: undefined }),
    more: fc.constantFrom(undefined, 0, 30),
    cidr: fc.option(fc.constantFrom(...CIDRS), { nil: undefined }),
    direction: fc.constantFrom(undefined, undefined, 'ingress' as const, 'egress' as const),
  })
  .map(({ more, ...rule }) => {
    const hasDetail = rule.port !== undefined || rule.cidr !== undefined;
    const endPort = rule.port === undefined || more === undefined ? undefined : rule.port + more;
    const direction = rule.cidr === undefined || rule.protocol === 'tcp' ? rule.direction : 'egress'; // peers are known of TCP only
    return { ...rule, endPort, direction: direction ?? (hasDetail ? ('egress' as const) : undefined) };
  });
const capability = fc.constantFrom('CAP_CHOWN', 'CAP_NET_RAW', 'CAP_BPF');
const capabilities = fc.record({ ...common, family: fc.constant('capabilities' as const), capability });

type Draft = Omit<Rule, 'field'>;
const rule: fc.Arbitrary<Draft> = fc.oneof(
  { weight: 4, arbitrary: file },
  { weight: 3, arbitrary: process },
  { weight: 3, arbitrary: network },
  { weight: 1, arbitrary: capabilities },
);
const posture = fc.constantFrom<Posture[]>('audit', 'block');

/** A policy of up to six rules; its name comes from {@link policies}. */
const draft = fc.record({ rules: fc.array(rule, { minLength: 1, maxLength: 6 }), defaultPosture: fc.option(posture, { nil: undefined }) });

/** Makes a policy of rules as the parser would. */
export function policyOf(text: string, rules: readonly Draft[], defaultPosture?: Posture): Policy {
  return {
    kind: 'KubeArmorPolicy',
    namespace: 'default',
    name: text,
    selector: { target: 'workload', matchLabels: {}, matchExpressions: [], containerNames: [] },
    rules: rules.map((one, i) => ({ ...one, field: `spec.rules[${i}]` }) as Rule),
    defaultPosture,
    document: {},
  };
}

export const policies: fc.Arbitrary<Policy[]> = fc
  .array(draft, { minLength: 1, maxLength: 4 })
  .map((drafts) => drafts.map(({ rules, defaultPosture }, i) => policyOf(`p${i}`, rules, defaultPosture)));

export const workload: fc.Arbitrary<Workload> = fc.record({ file: posture, network: posture, capabilities: posture }).map(workloadOf);

export function workloadOf(postures: Workload['postures']): Workload {
  const names = { id: 'c', namespace: 'default', podName: 'p', containerName: 'c', image: 'i' };
  return { ...names, kind: 'container', labels: {}, mode: 'enabled', postures };
}

const subject = fc.oneof(
  { weight: 5, arbitrary: path },
  { weight: 1, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constant({ runtime: true } as const) },
);
const objectName: fc.Arbitrary<ObjectName> = fc.record({
  path: fc.oneof({ weight: 9, arbitrary: path }, fc.constant('/')),
  state: fc.constantFrom(undefined, undefined, 'own' as const, 'foreign' as const, 'unknown' as const),
  superblockPath: fc.option(path, { nil: undefined, freq: 4 }),
});
const pathAccess = fc.record({
  kind: fc.constantFrom('exec' as const, 'read', 'write', 'read-write', 'map-exec', 'rename'),
  object: objectName.map((one) => (one.state === 'unknown' ? { ...one, superblockPath: undefined } : one)),
  owner: fc.boolean(),
  subject,
});
const ADDRESSES = ['10.1.2.3', '10.9.9.9', '192.168.1.1', '192.168.1.200', '2001:db8::1', 'fe80::1', '::ffff:10.1.2.3'];
const socketAccess = fc.record({
  kind: fc.constant('socket' as const),
  op: fc.constantFrom('create' as const, 'egress', 'ingress', 'request'),
  domain: fc.constantFrom(1, 2, 2, 10, 16, 17, 43, 44),
  type: fc.constantFrom(1, 2, 3, 5, 10),
  protocol: fc.constantFrom(0, 1, 6, 17, 136, 262),
  address: fc.option(fc.constantFrom(...ADDRESSES), { nil: undefined }),
  port: fc.option(fc.constantFrom(53, 80, 81, 110, 443, 9999), { nil: undefined }),
  subject,
});
const capabilityAccess = fc.record({ kind: fc.constant('capability' as const), capability: fc.constantFrom(0, 13, 39, 12), subject });

export const access: fc.Arbitrary<Access> = fc.oneof(
  { weight: 5, arbitrary: pathAccess },
  { weight: 3, arbitrary: socketAccess },
  { weight: 1, arbitrary: capabilityAccess },
);
