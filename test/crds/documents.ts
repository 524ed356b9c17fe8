// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parsePolicyObject, parsePolicyText } from '#policy';
import type { ParsedDocument, PolicyKind } from '#policy';
import { VALID_DOCUMENTS } from '#policy/testing';

// Policies of others, beside the repository: not everybody has them.
const SHARED = new URL('../../../shared/', import.meta.url);
export const skipShared = existsSync(SHARED) ? false : 'documents of others are absent: ../shared is not beside this repository';

export interface Written {
  readonly origin: string;
  readonly document: ParsedDocument;
}

function parsed(origin: string, text: string): Written[] {
  return parsePolicyText(text, origin)
    .filter(({ isForeign }) => isForeign !== true)
    .map((document) => ({ origin, document }));
}

function inFolder(folder: string, textsOf: (text: string) => readonly string[]): Written[] {
  return readdirSync(new URL(folder, SHARED)).flatMap((file) =>
    textsOf(readFileSync(new URL(folder + file, SHARED), 'utf8')).flatMap((text) => parsed(folder + file, text)),
  );
}

/** Templates, policies of our users' pages, and those of the conformance cases. */
export function sharedDocuments(): Written[] {
  const policiesOf = (text: string): string[] =>
    ((JSON.parse(text) as { policies?: readonly { yaml?: string }[] }).policies ?? []).flatMap(({ yaml }) => yaml ?? []);
  return [
    ...inFolder('corpus/policy-templates/', (text) => [text]),
    ...inFolder('user-docs/policies/', (text) => [text]),
    ...inFolder('conformance/cases/', policiesOf),
  ];
}

/** What people copy that KubeArmor's own definitions refuse, and every spelling that our reader takes. */
const LENIENT = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: lenient, namespace: default, annotations: {a: b}}
spec:
  action: audit
  severity: 0
  tags: [a, null]
  defaultPosture: BLOCK
  selector:
    matchLabels: {app: web, empty: null}
    matchExpressions:
      - {key: namespace, operator: in, values: [shop]}
      - {key: app, operator: Exists}
      - {key: label, operator: NotIn, values: {app: db}}
  process:
    matchPaths: [null, {path: /usr/lib/*/x, action: ''}, {execname: nc, allowedArgs: [a, null], pts: null}]
    matchDirectories: [{dir: /opt, recursive: yes}]
  file:
    action: allow
    matchDirectories: [{dir: /tmp, fromSource: [{path: /bin/cat}, {dir: /opt, recursive: true}, null]}]
  network:
    matchProtocols:
      - {protocol: "TCP,udp", port: 1337, action: Block}
      - {protocol: tcp, port: "1337", endPort: "1400", cidr: 10.0.0.0/8, direction: Egress}
    matchDNSQueries: [{domain: "a.example, b.example"}]
  capabilities: {matchCapabilities: [{capability: CAP_NET_RAW}, {capability: "net_admin, sys_admin"}]}
  syscalls:
    matchSyscalls: [{syscall: [Clone3], severity: 3}]
  presets: [{name: PROTECTENV, action: block}]
status: {status: anything, more: 1}
---
apiVersion: security.kubearmor.com/v1
kind: KubeArmorNetworkPolicy
metadata: {name: lenient-nsp}
spec:
  selector: {matchLabels: {app: web}}
  level: POD
  network: {matchProtocols: [{protocol: tcp, port: 80}]}
  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443, protocol: tcp}, {port: https}], limit: 10MB, duration: 1h, severity: 50}]
---
apiVersion: security.kubearmor.com/v1
kind: KubeArmorClusterPolicy
metadata: {name: lenient-csp}
spec:
  selector: {matchExpressions: [{key: namespace, operator: NotIn, values: [kube-system]}]}
  process: {matchPaths: [{path: /bin/sh}]}
---
apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: lenient-hsp}
spec:
  nodeSelector: null
  device: {matchDevice: [{class: "8", subClass: -1, protocol: 80}]}
  network: {matchProtocols: [{protocol: raw}]}
`;

/** Documents with every construct and every spelling that our reader takes. */
export function ownDocuments(): Written[] {
  return [...VALID_DOCUMENTS, LENIENT].flatMap((text, index) => parsed(`own-${index}`, text));
}

const ODD: readonly unknown[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  1.5,
  1e300,
  '',
  '1',
  'yes',
  'true',
  'block',
  [],
  ['a'],
  [null],
  {},
  { a: 'b' },
  { a: null },
];

/** Copies of `value` in each of which one place holds something odd. */
function* changed(value: unknown, put: (part: unknown) => unknown = (part) => part): Generator<unknown> {
  for (const odd of ODD) yield put(odd);
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) {
    const inner = (value as Readonly<Record<string, unknown>>)[key];
    const putHere = (part: unknown): unknown =>
      Array.isArray(value)
        ? put(value.map((item: unknown, index) => (String(index) === key ? part : item)))
        : put({ ...value, [key]: part });
    yield* changed(inner, putHere);
  }
}

export interface Changed {
  readonly kind: PolicyKind;
  readonly document: unknown;
  /** Whether our reader takes it. */
  readonly isTaken: boolean;
}

/** Our own documents with one place of the spec changed, some thousand. */
export function* changedDocuments(): Generator<Changed> {
  for (const { document: parsedDocument } of ownDocuments()) {
    const { policy } = parsedDocument;
    if (policy === undefined) continue;
    const { spec, ...rest } = policy.document as { readonly spec: unknown };
    for (const part of changed(spec)) {
      const document = { ...rest, spec: part };
      yield { kind: policy.kind, document, isTaken: parsePolicyObject(document).policy !== undefined };
    }
  }
}
