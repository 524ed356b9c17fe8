// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { NODE_REPORTS, POLICY_KINDS } from '#cluster';
import type { NodeReport, PolicyStatus } from '#cluster';
import { parsePolicyObject } from '#policy';
import type { Policy } from '#policy';
import { changedDocuments, ownDocuments, sharedDocuments, skipShared } from '../crds/documents.ts';
import type { Written } from '../crds/documents.ts';
import { DEFINITIONS, refusals, schemaOfKind } from '../crds/structural.ts';
import { CONFIG_WITH_EVERYTHING } from './config-document.ts';
import { pathOf } from './raw-api.ts';
import type { RawApi, Reply } from './raw-api.ts';

interface Case {
  readonly name: string;
  /** @returns what was seen, in a few words */
  readonly run: (api: RawApi) => Promise<string | undefined>;
}

const DEFINITION_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const KSP = POLICY_KINDS.KubeArmorPolicy;

type Json = Readonly<Record<string, unknown>>;
const partOf = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((part, key) => (typeof part === 'object' && part !== null ? (part as Json)[key] : undefined), value);
const told = ({ status, body }: Reply): string => `${status} ${JSON.stringify(body['message'] ?? body)}`.slice(0, 300);

async function established(api: RawApi, name: string): Promise<unknown> {
  for (const end = Date.now() + 30_000; ; await sleep(50)) {
    const { body } = await api.ask('GET', `${DEFINITION_PATH}/${name}`);
    const conditions = (partOf(body, 'status', 'conditions') ?? []) as readonly { readonly type: string; readonly status: string }[];
    assert.ok(!conditions.some(({ type }) => type === 'NonStructuralSchema'), `${name}: ${JSON.stringify(conditions)}`);
    if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return body;
    assert.ok(Date.now() < end, `${name} is not established: ${JSON.stringify(conditions)}`);
  }
}

async function install(api: RawApi): Promise<string> {
  for (const crd of DEFINITIONS.values()) {
    const reply = await api.apply(`${DEFINITION_PATH}/${crd.metadata.name}`, crd);
    assert.ok([200, 201].includes(reply.status), told(reply));
  }
  for (const crd of DEFINITIONS.values()) {
    const before = await established(api, crd.metadata.name);
    const again = await api.apply(`${DEFINITION_PATH}/${crd.metadata.name}`, crd);
    assert.equal(partOf(again.body, 'metadata', 'generation'), partOf(before, 'metadata', 'generation'), 'applied again it changes');
    assert.deepEqual(
      partOf(again.body, 'spec', 'versions', '0', 'schema'),
      partOf(crd, 'spec', 'versions', '0', 'schema'),
      'the server changed it',
    );
  }
  // An object that is made right after its definition may wait for seconds.
  await Promise.all(Object.values(POLICY_KINDS).map((kind) => api.ask('GET', pathOf(kind, 'default'))));
  return `${DEFINITIONS.size} definitions`;
}

const namespaceOf = (document: unknown): string => {
  const written = partOf(document, 'metadata', 'namespace');
  return typeof written === 'string' && written !== '' ? written : 'default';
};

/** As `kubectl create --dry-run=server`, with the field validation of the client in question. */
function create(api: RawApi, policy: Pick<Policy, 'kind' | 'document'>, validation = 'Strict'): Promise<Reply> {
  const path = pathOf(POLICY_KINDS[policy.kind], namespaceOf(policy.document));
  return api.ask('POST', `${path}?dryRun=All&fieldValidation=${validation}`, { body: policy.document });
}

async function makeNamespaces(api: RawApi, documents: readonly Written[]): Promise<void> {
  for (const name of new Set(documents.map(({ document }) => namespaceOf(document.policy?.document)))) {
    const reply = await api.ask('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } });
    assert.ok([201, 409].includes(reply.status), told(reply));
  }
}

async function everyDocument(api: RawApi, documents: readonly Written[]): Promise<string> {
  const policies = documents.flatMap(({ origin, document: { policy } }) => (policy === undefined ? [] : [{ origin, policy }]));
  await makeNamespaces(api, documents);
  const wrong: string[] = [];
  for (const { origin, policy } of policies) {
    const reply = await create(api, policy);
    const { policy: back } = parsePolicyObject(reply.body);
    // A kind without namespaces comes back without one; the reader warns where that means more.
    const namespace = POLICY_KINDS[policy.kind].namespaced ? policy.namespace : '';
    const isSame = isDeepStrictEqual({ ...back, document: 0 }, { ...policy, namespace, document: 0 });
    if (reply.status !== 201) wrong.push(`${origin}: ${policy.name}: ${told(reply)}`);
    else if (!isSame) wrong.push(`${origin}: ${policy.name}: comes back as another`);
  }
  assert.deepEqual(wrong, []);
  return `${policies.length} documents`;
}

/** Every place of our own documents holds something odd; the model of the other tests must know what the server says. */
async function oddValues(api: RawApi): Promise<string> {
  let [taken, refused, asked] = [0, 0, 0];
  const wrong: string[] = [];
  for (const { kind, document, isTaken } of changedDocuments()) {
    if (!isTaken && ++asked % 20 !== 0) continue;
    const reply = await create(api, { kind, document });
    const expected = refusals(document, schemaOfKind(kind));
    if (reply.status === 201) taken++;
    else refused++;
    const agrees = (reply.status === 201) === (expected.length === 0) && (!isTaken || reply.status === 201);
    if (!agrees) wrong.push(`${JSON.stringify(expected)} ${told(reply)}: ${JSON.stringify(partOf(document, 'spec')).slice(0, 200)}`);
  }
  assert.deepEqual(wrong.slice(0, 10), []);
  assert.ok(taken > 500 && refused > 50, `${taken} taken, ${refused} refused`);
  return `${taken} taken, ${refused} refused`;
}

const policy = (name: string, spec: unknown, rest: Json = {}): Pick<Policy, 'kind' | 'document'> => ({
  kind: 'KubeArmorPolicy',
  document: { apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorPolicy', metadata: { name, namespace: 'default' }, spec, ...rest },
});

async function unknownFields(api: RawApi): Promise<undefined> {
  const written = policy(
    'unknown',
    { selector: { app: 'web' }, file: { matchPaths: [{ path: '/x', readonly: true }], matchpaths: null } },
    { process: { matchPaths: [{ path: '/y' }] } },
  );
  for (const validation of ['Strict', 'Warn', 'Ignore']) {
    const reply = await create(api, written, validation);
    assert.equal(reply.status, 201, told(reply));
    const fields = parsePolicyObject(reply.body).issues.flatMap(({ code, at }) => (code === 'FIELD_UNKNOWN' ? [at] : []));
    assert.deepEqual(
      fields.toSorted(),
      ['process', 'spec.file.matchPaths[0].readonly', 'spec.file.matchpaths', 'spec.selector.app'],
      validation,
    );
  }
  return undefined;
}

/** What the reader refuses for its values comes to the webhook; what has a wrong type does not. */
async function wrongDocuments(api: RawApi): Promise<string> {
  const path = { matchPaths: [{ path: '/x' }] };
  const passed: readonly unknown[] = [
    { action: 'Blok', process: path },
    { severity: 11, process: path },
    { file: { matchPaths: [{ pth: '/x' }] } },
    { process: { matchPaths: [{ path: 'bin/x' }] } },
    { capabilities: { matchCapabilities: [{ capability: 'net_raww' }] } },
    { syscalls: { matchSyscalls: [{ syscall: ['unlnk'] }] } },
    { network: { matchProtocols: [{ protocol: 'tcp', port: 70_000 }] } },
    { process: { matchPaths: [{ path: '/x', allowedArgs: Array.from({ length: 21 }, String) }] } },
  ];
  for (const [index, spec] of passed.entries()) {
    const written = policy(`wrong-${index}`, spec);
    assert.equal(parsePolicyObject(written.document).policy, undefined, `the reader takes ${JSON.stringify(spec)}`);
    const reply = await create(api, written);
    assert.equal(reply.status, 201, told(reply));
  }
  const stopped: readonly (readonly [field: string, spec: unknown])[] = [
    ['spec.severity', { severity: '5' }],
    ['spec.message', { message: 5 }],
    ['spec.process.matchPaths', { process: { matchPaths: { path: '/x' } } }],
    ['spec.file.matchDirectories[0].recursive', { file: { matchDirectories: [{ dir: '/x/', recursive: 'yes' }] } }],
    ['spec.selector.matchLabels.on', { selector: { matchLabels: { on: true } } }],
  ];
  for (const [field, spec] of stopped) {
    const reply = await create(api, policy('stopped', spec));
    // 400 where strict field validation was quicker
    assert.ok([400, 422].includes(reply.status) && told(reply).includes(field), told(reply));
  }
  return `${passed.length} reach the webhook, ${stopped.length} do not`;
}

const STATUS: PolicyStatus = {
  status: 'Enforced',
  observedGeneration: 1,
  conditions: (['Accepted', 'Enforced', 'Degraded'] as const).map((type) => ({
    type,
    status: type === 'Degraded' ? 'False' : 'True',
    reason: type === 'Enforced' ? 'AllNodes' : 'AsExpected',
    message: '',
    observedGeneration: 1,
    lastTransitionTime: '2026-11-22T00:00:00Z',
  })),
  workloads: 3,
  nodes: 2,
  enforcedNodes: 2,
  nodeReasons: [{ node: 'n1', reason: 'CanaryFailed', message: 'x' }],
};

async function statusAndColumns(api: RawApi): Promise<undefined> {
  const { document } = policy('columns', { action: 'Block', selector: { matchLabels: { app: 'web' } } }, { status: { workloads: 99 } });
  const list = pathOf(KSP, 'default');
  const made = await api.ask('POST', list, { body: document });
  assert.equal(made.status, 201, told(made));
  assert.equal(made.body['status'], undefined, 'whoever makes a policy writes no status');
  const head = { apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorPolicy', metadata: { name: 'columns' } };
  const written = await api.apply(`${list}/columns/status`, { ...head, status: STATUS, spec: { action: 'Audit' } }, 'kubearmor-controller');
  assert.equal(written.status, 200, told(written));
  assert.deepEqual(written.body['status'], STATUS);
  assert.equal(partOf(written.body, 'spec', 'action'), 'Block', 'whoever writes the status writes no spec');
  assert.equal(partOf(written.body, 'metadata', 'generation'), 1);
  const twice = { ...STATUS, conditions: [...STATUS.conditions, ...STATUS.conditions.slice(0, 1)] };
  const refused = await api.apply(`${list}/columns/status`, { ...head, status: twice }, 'kubearmor-controller');
  assert.ok(refused.status >= 400, 'two conditions of one type');

  const { body } = await api.ask('GET', list, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
  const columns = body['columnDefinitions'] as readonly { readonly name: string; readonly priority: number }[];
  const names = columns.map(({ name, priority }) => (priority === 0 ? name : `(${name})`));
  assert.deepEqual(names, ['Name', 'Enforced', 'Workloads', 'Nodes', 'Age', '(Action)', '(Selector)', '(Enforced-Nodes)', '(Reason)']);
  const cells = (partOf(body, 'rows', '0', 'cells') as readonly unknown[]).filter((_, index) => index !== 4);
  assert.deepEqual(cells, ['columns', 'True', 3, 2, 'Block', '{"app":"web"}', 2, 'AllNodes']);
  await api.ask('DELETE', `${list}/columns`);
  return undefined;
}

const REPORT: NodeReport = {
  agent: { version: '0.1.0', startedAt: '2026-11-22T00:00:00Z' },
  node: { kernel: '6.12.0', osImage: 'Debian', architecture: 'amd64', runtime: 'containerd 2.0', enforcer: 'BPFLSM', lsm: ['bpf'] },
  state: 'enforcing',
  problems: [{ problem: 'p', cure: 'c' }],
  lacks: [{ construct: 'pts', reason: 'r' }],
  proof: { since: '2026-11-22T00:00:00Z', images: 1, failed: 0 },
  policies: Object.fromEntries(
    Array.from({ length: 1_000 }, (_, index) => [`ksp/shop/policy-${index}`, { generation: 1, workloads: 2, state: 'Enforced' }]),
  ),
};

async function nodeReport(api: RawApi): Promise<string> {
  const head = { apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorNode', metadata: { name: 'n1' } };
  const path = `${pathOf(NODE_REPORTS, '')}/n1`;
  const made = await api.apply(path, head, 'kubearmor-agent');
  assert.equal(made.status, 201, told(made));
  const newer = { ...REPORT, fromANewerAgent: { a: 1 } };
  const written = await api.apply(`${path}/status`, { ...head, status: newer }, 'kubearmor-agent');
  assert.equal(written.status, 200, told(written));
  assert.deepEqual(written.body['status'], newer);
  const managed = JSON.stringify(partOf(written.body, 'metadata', 'managedFields')).length;
  assert.ok(managed < 4_096, `${managed} bytes of managed fields`);
  await api.ask('DELETE', path);
  return `${JSON.stringify(REPORT).length} bytes of report, ${managed} of managed fields`;
}

async function config(api: RawApi): Promise<undefined> {
  const path = '/apis/operator.kubearmor.com/v1/namespaces/default/kubearmorconfigs?dryRun=All&fieldValidation=Strict';
  const reply = await api.ask('POST', path, { body: CONFIG_WITH_EVERYTHING });
  assert.equal(reply.status, 201, told(reply));
  assert.deepEqual(reply.body['spec'], CONFIG_WITH_EVERYTHING.spec);
  return undefined;
}

async function explained(api: RawApi): Promise<undefined> {
  const { body } = await api.ask('GET', '/openapi/v3/apis/security.kubearmor.com/v1');
  const schema = partOf(body, 'components', 'schemas', 'com.kubearmor.security.v1.KubeArmorPolicy', 'properties', 'spec', 'properties');
  assert.equal(partOf(schema, 'process', 'description'), 'Rules on what is executed.');
  const path = partOf(schema, 'file', 'properties', 'matchPaths', 'items', 'properties', 'path', 'description');
  assert.match(String(path), /^Absolute path .* Required\.$/);
  return undefined;
}

export const CASES: readonly Case[] = [
  { name: 'definitions are taken as they are, and applied again they change nothing', run: install },
  { name: 'our own documents, there and back', run: (api) => everyDocument(api, ownDocuments()) },
  {
    name: 'every document of others that the reader takes, there and back',
    run: async (api) => (skipShared === false ? everyDocument(api, sharedDocuments()) : `skipped: ${skipShared}`),
  },
  { name: 'odd values: what the reader takes the server takes', run: oddValues },
  { name: 'unknown fields come to the webhook, whatever the client', run: unknownFields },
  { name: 'wrong documents', run: wrongDocuments },
  { name: 'status has its own door, and columns show it', run: statusAndColumns },
  { name: 'a node report of 1,000 policies, also by a newer agent', run: nodeReport },
  { name: 'a KubeArmorConfig with every field', run: config },
  { name: 'descriptions are told', run: explained },
];
