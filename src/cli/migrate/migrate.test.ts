// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CONFIGS, CORE, NODE_REPORTS, POLICY_KINDS } from '#cluster';
import { KINDS, LEFTOVERS } from '#install';
import type { KubeObject } from '#k8s';
import { FakeKubeApi } from '#k8s/testing';
import { nested } from '#policy/testing';
import { fakeCluster, ourPod, policyOf } from '../cluster/testing-cluster.ts';
import { runCli } from '../run-cli.ts';
import { recordingIo } from '../testing.ts';
import { MIGRATION_REASONS } from './reasons.ts';
import type { MigrationReason } from './reasons.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'karmor-migrate-'));
after(() => rmSync(folder, { recursive: true }));
const KSP = POLICY_KINDS.KubeArmorPolicy;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function migrate(args: readonly string[], api: FakeKubeApi = new FakeKubeApi()): Promise<Ran> {
  const { io, out, err } = recordingIo({ cluster: fakeCluster(api) });
  const code = await runCli(['migrate', ...args], io);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

interface Told {
  readonly reason: MigrationReason;
  readonly witness: string;
  readonly before: string;
  readonly after: string;
}

let files = 0;

/** What is told of a policy with this spec. */
async function differencesOf(
  spec: object,
  over: { readonly kind?: string; readonly namespace?: string; readonly args?: readonly string[] } = {},
): Promise<Told[]> {
  const { kind = 'KubeArmorPolicy', namespace = 'shop', args = [] } = over;
  const file = path.join(folder, `${++files}.json`);
  const metadata = kind === 'KubeArmorPolicy' ? { name: 'p', namespace } : { name: 'p' };
  writeFileSync(file, JSON.stringify({ apiVersion: 'security.kubearmor.com/v1', kind, metadata, spec }));
  const { out, err, code } = await migrate(['--check', file, '-o', 'json', ...args]);
  assert.equal(err, '');
  const { policies } = JSON.parse(out) as { policies: { differences: Told[] }[] };
  const [{ differences } = { differences: [] }] = policies;
  assert.equal(code, differences.length > 0 ? 1 : 0);
  return differences;
}

const selector = { matchLabels: { app: 'web' } };
const block = (rest: object): object => ({ selector, action: 'Block', ...rest });

const cases: readonly {
  readonly name: string;
  readonly spec: object;
  readonly kind?: string;
  readonly namespace?: string;
  readonly args?: readonly string[];
  /** `reason: witness: before → after`, in order. */
  readonly told: readonly string[];
}[] = [
  { name: 'nothing', spec: block({ process: { matchPaths: [{ path: '/usr/bin/sh' }] } }), told: [] },
  {
    name: 'a program below a link',
    spec: block({ process: { matchPaths: [{ path: '/bin/sh' }] } }),
    told: ['merged-usr: run /usr/bin/sh: allowed → denied'],
  },
  {
    name: 'a source below a link',
    spec: block({ file: { matchPaths: [{ path: '/srv/a', fromSource: [{ path: '/bin/cat' }] }] } }),
    told: ['merged-usr: read /srv/a by /usr/bin/cat: allowed → denied'],
  },
  {
    name: 'a program below a link, in a split root',
    spec: block({ process: { matchPaths: [{ path: '/bin/sh' }] } }),
    args: ['--split-usr'],
    told: [],
  },
  {
    name: 'a pattern',
    spec: block({ file: { matchPatterns: [{ pattern: '/opt/*.key' }] } }),
    told: ['patterns: read /opt/.key: allowed → denied'],
  },
  {
    name: 'a glob in a path',
    spec: block({ file: { matchPaths: [{ path: '/etc/secrets/*' }] } }),
    told: ['globs-in-paths: read /etc/secrets/a: allowed → denied'],
  },
  { name: 'an audited pattern', spec: { selector, action: 'Audit', file: { matchPatterns: [{ pattern: '/opt/*.key' }] } }, told: [] },
  {
    name: 'execname from a source',
    spec: block({ process: { matchPaths: [{ execname: 'nc', fromSource: [{ path: '/usr/bin/bash' }] }] } }),
    told: ['execname-conditions: run /nc by /usr/bin/bash: allowed → denied'],
  },
  {
    name: 'ports',
    spec: block({ network: { matchProtocols: [{ protocol: 'icmp', cidr: '10.0.0.0/8' }] } }),
    told: ['network-fields: create a socket (IPv4 dgram icmp): denied → allowed'],
  },
  {
    name: 'local sockets',
    spec: block({ network: { matchProtocols: [{ protocol: 'udp' }] } }),
    told: ['local-sockets: send to an AF_UNIX datagram socket: denied → allowed'],
  },
  {
    name: 'a directory within another',
    spec: block({ file: { matchDirectories: [{ dir: '/data/', recursive: true, action: 'Allow' }, { dir: '/data/x/' }] } }),
    told: ['nested-directories: read /data/x: allowed → denied'],
  },
  {
    name: 'a long directory',
    spec: block({ file: { matchDirectories: [{ dir: `/${'d'.repeat(70)}/`, recursive: true }] } }),
    told: [`long-paths: read /${'d'.repeat(70)}: allowed → denied`],
  },
  {
    name: 'readOnly beside an allow-list',
    spec: block({
      file: {
        matchPaths: [
          { path: '/etc/shadow', readOnly: true },
          { path: '/srv/a', action: 'Allow' },
        ],
      },
    }),
    told: ['read-only-allow-list: read /etc/shadow: allowed → audited'],
  },
  {
    name: 'ownerOnly beside an allow-list, blocked',
    spec: block({
      file: {
        matchPaths: [
          { path: '/etc/key', ownerOnly: true },
          { path: '/srv/a', action: 'Allow' },
        ],
      },
    }),
    args: ['--posture', 'block'],
    told: ['owner-allow-list: read /etc/key as its owner: allowed → denied'],
  },
  {
    name: 'a posture of the policy',
    spec: { selector, action: 'Allow', defaultPosture: 'block', file: { matchPaths: [{ path: '/srv/a' }] } },
    told: ['posture-field: read /: audited → denied'],
  },
  {
    name: 'a readOnly Allow',
    spec: { selector, action: 'Allow', file: { matchPaths: [{ path: '/srv/a', readOnly: true }] } },
    told: ['read-only-changes: unlink /srv/a: allowed → as the posture says'],
  },
  {
    name: 'host capabilities',
    kind: 'KubeArmorHostPolicy',
    spec: { nodeSelector: { matchLabels: { a: 'b' } }, action: 'Block', capabilities: { matchCapabilities: [{ capability: 'net_raw' }] } },
    told: ['host-capabilities: use CAP_NET_RAW: allowed → denied'],
  },
  {
    name: 'kube-system',
    namespace: 'kube-system',
    spec: block({ process: { matchPaths: [{ path: '/usr/bin/sh' }] } }),
    told: ['untracked-namespaces: every access: allowed → as the rules say'],
  },
  {
    name: 'what KubeArmor’s schema refuses',
    spec: { selector, action: 'block', process: { matchPaths: [{ path: '/bin/sh' }] } },
    told: ['not-accepted: create it: spec.action: block is not Allow, Audit or Block: refused → taken'],
  },
];
for (const { name, spec, kind, namespace, args, told } of cases) {
  test(`karmor migrate --check: ${name}`, async () => {
    const found = await differencesOf(spec, { ...(kind && { kind }), ...(namespace && { namespace }), ...(args && { args }) });
    assert.deepEqual(
      found.map(({ reason, witness, before, after: then }) => `${reason}: ${witness}: ${before} → ${then}`),
      told,
    );
  });
}

test('karmor migrate --check: an allow-list of another workload changes nothing', async () => {
  const file = path.join(folder, 'apart.json');
  const of = (name: string, matchLabels: object, matchPaths: readonly object[]): object => ({
    apiVersion: 'security.kubearmor.com/v1',
    kind: 'KubeArmorPolicy',
    metadata: { name, namespace: 'shop' },
    spec: { selector: { matchLabels }, action: 'Block', file: { matchPaths } },
  });
  const told = async (other: object): Promise<string> => {
    const items = [
      of('a', { app: 'web' }, [{ path: '/etc/shadow', readOnly: true }]),
      of('b', other, [{ path: '/srv/a', action: 'Allow' }]),
    ];
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    return (await migrate(['--check', file])).out;
  };
  assert.equal(await told({ app: 'till' }), '2 policies: none decides otherwise than with KubeArmor 1.7');
  // a pod may have both labels: then they meet
  assert.match(await told({ tier: 'front' }), /ksp\/shop\/a .*\n {2}read \/etc\/shadow: allowed with KubeArmor, audited here/);
});

test('karmor migrate --check: people see the access, both verdicts, the field and the page', async () => {
  const file = path.join(folder, 'text.yaml');
  writeFileSync(
    file,
    JSON.stringify({
      apiVersion: 'security.kubearmor.com/v1',
      kind: 'KubeArmorPolicy',
      metadata: { name: 'p', namespace: 'shop' },
      spec: block({ process: { matchPaths: [{ path: '/bin/sh' }] } }),
    }),
  );
  const { out } = await migrate(['--check', file]);
  assert.match(
    out,
    /^ksp\/shop\/p {2}\(.*text\.yaml:1:\d+\)\n {2}run \/usr\/bin\/sh: allowed with KubeArmor, denied here\n {6}spec\.process\.matchPaths\[0\], merged-usr\n/,
  );
  assert.match(out, /docs\/guide\/migrate\.md#merged-usr/);
  assert.match(out, /1 of 1 policy decides otherwise than with KubeArmor 1\.7/);
});

test('every reason has its heading in the guide', () => {
  const guide = readFileSync(path.join(import.meta.dirname, '../../../docs/guide/migrate.md'), 'utf8');
  for (const reason of Object.keys(MIGRATION_REASONS)) assert.match(guide, new RegExp(`^### ${reason}$`, 'm'));
});

test('karmor migrate --check cluster: its policies, and what stands in the way', async () => {
  const api = new FakeKubeApi();
  api.seed(KSP, policyOf('shop', 'no-shell', { app: 'web' }));
  api.seed(CORE.pods, ourPod('kubearmor', 'agent-1'));
  api.seed(CONFIGS, {
    apiVersion: 'operator.kubearmor.com/v1',
    kind: 'KubeArmorConfig',
    metadata: { name: 'c', namespace: 'kubearmor' },
    spec: { colour: 'red' },
  });
  api.seed(CORE.nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', labels: { 'kubearmor.io/enforcer': 'apparmor' } } });
  api.hide(NODE_REPORTS);
  const { code, out, err } = await migrate(['--check'], api);
  assert.equal(code, 1);
  assert.match(out, /^ksp\/shop\/no-shell {2}\(the cluster’s ksp\/shop\/no-shell\)\n {2}run \/usr\/bin\/sh/);
  assert.match(err, /KubeArmorConfig kubearmor\/c: spec\.colour: /);
  assert.match(err, /1 node has KubeArmor’s label of another enforcer than bpf \(n: apparmor\)/);
  assert.match(err, /KubeArmor’s own agents run in 1 pod in kubearmor \(kubearmor\/kubearmor:0\.1\.0\): end them before/);
});

test('karmor migrate --check cluster: what of KubeArmor’s own installation runs, by name', async () => {
  const api = new FakeKubeApi();
  api.seed(KSP, policyOf('shop', 'no-shell', { app: 'web' }));
  const labels = { 'kubearmor-app': 'kubearmor' };
  api.seed(KINDS.daemonSets, workload('DaemonSet', 'security', 'kubearmor-bpf-docker-abcde', { labels }));
  const annotations = { 'container.apparmor.security.beta.kubernetes.io/web': 'localhost/kubearmor-shop-web-web' };
  api.seed(KINDS.deployments, workload('Deployment', 'shop', 'web', { annotations }));
  api.seed(KINDS.deployments, workload('Deployment', 'shop', 'till', { annotations: { 'kubearmor-policy': 'enabled' } }));
  for (const { kind, name } of LEFTOVERS)
    if (kind.kind === 'MutatingWebhookConfiguration') api.seed(kind, { apiVersion: 'v1', kind: kind.kind, metadata: { name } });
  const record = { name: 'ka', chart: { metadata: { name: 'kubearmor', version: 'v1.7.4' } }, config: { environment: { name: 'k3s' } } };
  const release = Buffer.from(gzipSync(JSON.stringify(record)).toString('base64')).toString('base64');
  api.seed(CORE.secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'sh.helm.release.v1.ka.v1', namespace: 'security', labels: { owner: 'helm', status: 'deployed' } },
    type: 'helm.sh/release.v1',
    data: { release },
  });
  const { err } = await migrate(['--check'], api);
  assert.match(
    err,
    /DaemonSet security\/kubearmor-bpf-docker-abcde brings KubeArmor’s own enforcers to nodes: `karmor install --take-over`/,
  );
  assert.match(err, /MutatingWebhookConfiguration kubearmor-controller-mutating-webhook-configuration annotates new pods/);
  assert.match(err, /1 workload names AppArmor profiles of KubeArmor in pods’ annotations \(Deployment shop\/web\)/);
  assert.match(err, /Helm release security\/ka of kubearmor v1\.7\.4: no value .*; not taken: environment\.name \(the operator sees/);
  api.refuseNext(({ verb, plural }) => verb === 'list' && plural === 'daemonsets', 'API_REFUSED', 'listing daemonsets: forbidden');
  const refused = await migrate(['--check'], api);
  assert.match(refused.err, /DaemonSets cannot be read, so nothing is said of them: /);
  assert.match(refused.out, /ksp\/shop\/no-shell/);
});

const workload = (kind: string, namespace: string, name: string, template: object): KubeObject => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace },
  spec: { template: { metadata: template } },
});

test('karmor migrate: a backup is put back as it was', async () => {
  const api = new FakeKubeApi();
  api.seed(CORE.namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', annotations: { 'kubearmor-file-posture': 'block', other: 'x' } },
  });
  api.seed(CORE.configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kubearmor-config', namespace: 'kubearmor' },
    data: { visibility: 'file' },
  });
  api.seed(CORE.configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'other', namespace: 'kubearmor' },
    data: { secret: 'x' },
  });
  api.seed(KSP, policyOf('shop', 'no-shell', { app: 'web' }));
  const file = path.join(folder, 'backup.json');
  const made = await migrate(['--backup', file], api);
  assert.equal(made.out, `${file}: 1 Namespace, 1 ConfigMap, 1 KubeArmorPolicy`);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const text = readFileSync(file, 'utf8');
  for (const absent of ['managedFields', 'resourceVersion', '"status"', '"other"']) assert.ok(!text.includes(absent), absent);
  const spec = policyOf('shop', 'no-shell', { app: 'web' })['spec'];
  api.remove(KSP, { name: 'no-shell', namespace: 'shop' });
  const dry = await migrate(['--restore', file, '--dry-run'], api);
  assert.match(dry.out, /KubeArmorPolicy shop\/no-shell: made again \(dry run\)/);
  assert.equal(await api.get(KSP, { name: 'no-shell', namespace: 'shop' }), undefined);
  const restored = await migrate(['--restore', file], api);
  assert.equal(restored.code, 0);
  assert.match(restored.out, /KubeArmorPolicy shop\/no-shell: made again/);
  assert.deepEqual((await api.get(KSP, { name: 'no-shell', namespace: 'shop' }))?.['spec'], spec);
  assert.match((await migrate(['--restore', file], api)).out, /ConfigMap kubearmor\/kubearmor-config: as it was/);
  const again = await migrate(['--backup', file], api);
  assert.equal(again.code, 74);
  assert.match(again.err, /it is there already/);
});

const wrong: readonly (readonly [args: string, says: RegExp])[] = [
  ['', /give one of --check, --backup FILE and --restore FILE/],
  ['--check --backup x', /give one of/],
  ['--backup x y', /y: only --check takes a name/],
  ['--check --dry-run', /--dry-run goes with --restore/],
  ['--restore /dev/null', /it is no JSON: is it what --backup wrote\?/],
  ['--check /nope', /no such file or folder/],
];
for (const [args, says] of wrong) {
  test(`karmor migrate ${args}: refused`, async () => {
    const ran = await migrate(args === '' ? [] : args.split(' '));
    assert.equal(ran.code, 2);
    assert.match(ran.err, says);
  });
}

test('karmor migrate: a policy that nests too deep is named, and the rest is backed up', async () => {
  const api = new FakeKubeApi();
  api.seed(KSP, policyOf('shop', 'no-shell', { app: 'web' }));
  api.seed(KSP, { ...policyOf('shop', 'deep', { app: 'web' }), spec: { x: nested(100) } });
  const file = path.join(folder, 'deep.json');
  const made = await migrate(['--backup', file], api);
  assert.equal(made.code, 4);
  assert.equal(made.out, `${file}: 1 KubeArmorPolicy`);
  assert.match(made.err, /^karmor migrate: KubeArmorPolicy shop\/deep is not in the backup: it is nested deeper than 64 levels/);
});
