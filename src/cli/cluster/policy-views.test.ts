// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { CORE, NODE_REPORTS, POLICY_KINDS } from '#cluster';
import { FakeKubeApi } from '#k8s/testing';
import { runCli } from '../run-cli.ts';
import { recordingIo } from '../testing.ts';
import type { Recorded } from '../testing.ts';
import { fakeCluster, podOf, policyOf } from './testing-cluster.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'karmor-live-'));
after(() => rmSync(folder, { recursive: true }));

const KSP = POLICY_KINDS.KubeArmorPolicy;
const write = (name: string, text: string): string => {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
};
const yamlOf = (name: string, over = ''): string => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}, namespace: shop}
spec:
  action: Block
  selector: {matchLabels: {app: web}}
  process: {matchPaths: [{path: /bin/sh}${over}]}
`;

function cluster(): FakeKubeApi {
  const api = new FakeKubeApi();
  api.seed(KSP, policyOf('shop', 'no-shell', { app: 'web' }));
  api.seed(KSP, policyOf('bank', 'no-shell', { app: 'till' }, { Enforced: ['False', 'Failed', 'the canary on node2 was not denied'] }));
  api.seed(CORE.pods, podOf('shop', 'web-1', { app: 'web' }, ['main', 'log']));
  api.seed(CORE.pods, podOf('shop', 'web-2', { app: 'web' }));
  return api;
}

interface Ran extends Omit<Recorded, 'out' | 'err'> {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function karmor(api: FakeKubeApi, args: string): Promise<Ran> {
  const recorded = recordingIo({ cluster: fakeCluster(api) });
  const code = await runCli(args.split(' '), recorded.io);
  return { ...recorded, code, out: recorded.out.join('\n'), err: recorded.err.join('\n') };
}

test('karmor policy list: effect, nodes, who and when', async () => {
  const { code, out } = await karmor(cluster(), 'policy list');
  assert.equal(code, 0);
  assert.equal(
    out,
    [
      'POLICY             ACTION  EFFECT        WORKLOADS  NODES  CHANGED',
      'ksp/bank/no-shell  Block   not enforced  1          1/1    by kubectl at 2026-11-22T11:00:00Z',
      'ksp/shop/no-shell  Block   enforced      1          1/1    by kubectl at 2026-11-22T11:00:00Z',
    ].join('\n'),
  );
});

test('karmor policy list: one namespace, names, none', async () => {
  assert.equal((await karmor(cluster(), 'policy list -n shop -o name')).out, 'ksp/shop/no-shell');
  const none = await karmor(cluster(), 'policy list -n nope');
  assert.equal(none.code, 0);
  assert.equal(none.err, 'karmor policy list: there is no policy in the namespace nope');
});

test('karmor policy status: reasons, and exit 1 where one is not in force', async () => {
  const { code, out } = await karmor(cluster(), 'policy status');
  assert.equal(code, 1);
  assert.match(out, /^ksp\/bank\/no-shell {2}not enforced {2}\(1 workload, enforced on 1\/1 nodes with some\)\n {2}Accepted: True/);
  assert.match(out, /Enforced: False, Failed: the canary on node2 was not denied \(since /);
  assert.equal((await karmor(cluster(), 'policy status shop/no-shell')).code, 0);
});

test('karmor policy status: one that is not there', async () => {
  const { code, err } = await karmor(cluster(), 'policy status no-shel');
  assert.equal(code, 1);
  assert.match(err, /there is no policy no-shel \(did you mean no-shell\?\)/);
});

test('karmor policy status: a policy without a status, and one that changed since', async () => {
  const api = new FakeKubeApi();
  const policy = policyOf('shop', 'young', {});
  api.seed(KSP, { ...policy, status: {} });
  assert.match((await karmor(api, 'policy status')).out, /young {2}unknown .*\n {2}it has no status: does the controller run\?/);
  const older = JSON.stringify(policy).replaceAll('"observedGeneration":1', '"observedGeneration":0');
  api.seed(KSP, JSON.parse(older) as typeof policy);
  assert.match((await karmor(api, 'policy status')).out, /young {2}pending/);
});

test('karmor version: those of the agents that report', async () => {
  const api = cluster();
  for (const [name, version] of [
    ['a', '0.1.0'],
    ['b', '0.1.0'],
    ['c', '0.2.0'],
  ] as const)
    api.seed(NODE_REPORTS, {
      apiVersion: 'security.kubearmor.com/v1',
      kind: 'KubeArmorNode',
      metadata: { name },
      status: { agent: { version } },
    });
  assert.match((await karmor(api, 'version')).out, /^karmor .*\nagents 0\.1\.0 on 2 nodes\nagents 0\.2\.0 on 1 node$/);
  api.goAway();
  const away = await karmor(api, 'version');
  assert.equal(away.code, 0);
  assert.match(away.out, /agents unknown: .*connection refused/);
});

test('karmor policy match: pods of files, with what else is on them', async () => {
  const file = write('match.yaml', `${yamlOf('mine')}---\n${yamlOf('other').replace('app: web', 'app: nobody')}`);
  const { code, out } = await karmor(cluster(), `policy match ${file}`);
  assert.equal(code, 1);
  assert.equal(
    out,
    [
      'ksp/shop/mine  2 pods',
      '  shop/web-1; also on it: ksp/shop/no-shell',
      '  shop/web-2; also on it: ksp/shop/no-shell',
      'ksp/shop/other  0 pods',
      '  selects nothing now: no pod in the namespace shop has app=nobody',
    ].join('\n'),
  );
});

test('karmor policy match --pod: what is on one pod', async () => {
  assert.equal((await karmor(cluster(), 'policy match --pod web-1 -n shop')).out, 'shop/web-1\n  ksp/shop/no-shell');
  const none = await karmor(cluster(), 'policy match --pod nope');
  assert.equal(none.code, 2);
  assert.match(none.err, /--pod nope: there is no such pod/);
});

test('karmor policy diff: a cluster that is as the files say, however they are written', async () => {
  const file = write(
    'same.yaml',
    yamlOf('no-shell').replace('action: Block\n', 'action: Block\n  severity: 0\n').replace('  severity: 0\n', ''),
  );
  const { code, out } = await karmor(cluster(), `policy diff ${file}`);
  assert.equal(out, 'the cluster is as the files say; 1 policy of kinds and namespaces that no file has is left alone');
  assert.equal(code, 0);
});

test('karmor policy diff: missing, extra and different, with who and when, and what verdicts change', async () => {
  const api = cluster();
  api.seed(KSP, policyOf('shop', 'stray', { app: 'x' }));
  const file = write('drift.yaml', `${yamlOf('no-shell', ', {path: /bin/bash}')}---\n${yamlOf('new')}`);
  const { code, out } = await karmor(api, `policy diff ${file} -n shop -l app=web`);
  assert.equal(code, 1);
  assert.match(out, /^missing {4}ksp\/shop\/new {2}in \S+drift\.yaml:11:\d+, not in the cluster\n/);
  assert.match(out, /different {2}ksp\/shop\/no-shell {2}from \S+:3:\d+\n {12}changed by kubectl at 2026-11-22T11:00:00Z\n/);
  assert.match(out, /spec\.process\.matchPaths\[1\]: \{"path":"\/bin\/bash"\} in the file, nothing in the cluster\n/);
  assert.match(out, /extra {6}ksp\/shop\/stray {2}in the cluster, in no file\n/);
  assert.match(out, /3 policies are not as the files say/);
  assert.match(out, /allowed → denied {2}run \/bin\/bash/);
});

test('karmor policy diff -o json, and a folder without policies', async () => {
  const file = write('json.yaml', yamlOf('new'));
  const { out } = await karmor(cluster(), `policy diff ${file} -o json`);
  const report = JSON.parse(out) as { drifts: { policy: string; drift: string }[] };
  assert.deepEqual(
    report.drifts.map(({ policy, drift }) => `${drift} ${policy}`),
    ['missing ksp/shop/new', 'extra ksp/shop/no-shell'],
  );
  const none = await karmor(cluster(), `policy diff ${write('empty.yaml', '')}`);
  assert.equal(none.code, 2);
  assert.match(none.err, /nothing to compare the cluster with/);
});

test('karmor policy diff --watch: drift that comes and goes', async () => {
  const api = cluster();
  const file = write('watch.yaml', yamlOf('no-shell'));
  const lines: string[] = [];
  let wake = Promise.withResolvers<void>();
  const out = async (line: unknown): Promise<void> => {
    lines.push(JSON.stringify(line));
    wake.resolve();
  };
  const { io, stop } = recordingIo({ cluster: fakeCluster(api), out });
  const running = runCli(['policy', 'diff', file, '--watch'], io);
  const until = async (pattern: RegExp): Promise<void> => {
    while (!lines.some((line) => pattern.test(line))) {
      await wake.promise;
      wake = Promise.withResolvers();
    }
  };
  await until(/the cluster is as the files say/);
  api.remove(KSP, { name: 'no-shell', namespace: 'shop' });
  await until(/missing.*ksp\/shop\/no-shell/);
  api.seed(KSP, policyOf('shop', 'no-shell', { app: 'web' }));
  await until(/as wanted.*again as its file says/);
  stop.abort('SIGINT');
  assert.equal(await running, 0);
});
