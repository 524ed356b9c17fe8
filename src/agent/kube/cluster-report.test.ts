// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CORE, NODE_REPORTS, POLICY_KINDS } from '#cluster';
import { dialGrpc, policyClient, watchFeed } from '#grpc';
import type { KubeObject } from '#k8s';
import { PolicyStatus, REASON_TRAILER } from '#wire';
import { eventually } from '../testing/cluster-agent.ts';
import {
  block,
  BY,
  cluster,
  KSP,
  ksp,
  NODE,
  podObject,
  policyObject,
  reportOf,
  startInCluster,
  WEB,
  withWeb,
} from '../testing/cluster-samples.ts';
import { kernelEvent } from '../testing/samples.ts';

test('the report tells of the node and of every policy', { timeout: 30_000 }, async (t) => {
  const { containers } = withWeb();
  const { api } = await startInCluster(t, { containers });
  await api.create(
    KSP,
    ksp('dns', {
      ...block('web'),
      network: { matchProtocols: [{ protocol: 'tcp' }] },
      syscalls: { matchSyscalls: [{ syscall: ['unlink'] }] },
    }),
    BY,
  );
  const firewall = {
    nodeSelector: { matchLabels: { zone: 'a' } },
    egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }],
    action: 'Block',
  };
  await api.create(POLICY_KINDS.KubeArmorNetworkPolicy, policyObject('KubeArmorNetworkPolicy', 'fw', { spec: firewall }), BY);
  const host = (name: string, zone: string): KubeObject =>
    policyObject('KubeArmorHostPolicy', name, { spec: { nodeSelector: { matchLabels: { zone } } } });
  await api.create(POLICY_KINDS.KubeArmorHostPolicy, host('h', 'a'), BY);
  await api.create(POLICY_KINDS.KubeArmorHostPolicy, host('other', 'b'), BY);
  const report = await eventually(
    () => reportOf(api),
    (one) => Object.keys(one?.policies ?? {}).length === 4 && one?.proof?.since !== undefined,
  );
  assert.ok(report);
  assert.deepEqual({ ...report.proof, since: undefined }, { since: undefined, images: 1, failed: 0 });
  assert.deepEqual(report.node, {
    kernel: '6.12',
    osImage: 'Linux',
    architecture: 'amd64',
    runtime: '',
    enforcer: 'FAKE',
    lsm: ['capability', 'bpf'],
  });
  const { reasons, more, ...dns } = report.policies?.['ksp/shop/dns'] ?? { generation: 0 };
  assert.deepEqual(dns, { generation: 1, workloads: 1, state: 'Degraded' });
  assert.deepEqual(
    [more, reasons?.map(({ code, rule }) => `${code} ${rule}`)],
    [undefined, ['RuleNotEnforced spec.syscalls.matchSyscalls[0]']],
  );
  const idle = { generation: 1, state: 'Degraded', inForce: 0 };
  assert.deepEqual(report.policies?.['nsp/fw'], {
    ...idle,
    workloads: 1,
    reasons: [{ code: 'NotEnforced', message: 'network policies for nodes are not enforced yet' }],
  });
  assert.deepEqual(report.policies?.['hsp/other'], { generation: 1 }, 'it means another node');
  assert.deepEqual(report.policies?.['hsp/h'], {
    ...idle,
    workloads: 1,
    reasons: [{ code: 'NotEnforced', message: 'policies of kind KubeArmorHostPolicy are switched off' }],
  });
});

test('the report is written where it changed, and the Lease is renewed', { timeout: 30_000 }, async (t) => {
  const { api } = await startInCluster(t);
  await eventually(
    () => reportOf(api),
    (one) => one !== undefined,
  );
  const object = await api.get(NODE_REPORTS, { name: NODE });
  assert.deepEqual(object?.metadata.ownerReferences, [{ apiVersion: 'v1', kind: 'Node', name: NODE, uid: 'uid-node' }]);
  const lease = await eventually(
    () => api.get(CORE.leases, { namespace: 'kubearmor', name: `kubearmor-node-${NODE}` }),
    (one) => one !== undefined,
  );
  assert.match(String((lease?.['spec'] as { renewTime?: unknown } | undefined)?.renewTime), /^\d{4}-.*\.\d{6}Z$/);
  const writes = (): number => api.calls.filter(({ plural, verb }) => plural === 'kubearmornodes' && verb === 'patch').length;
  const before = writes();
  await new Promise((resolve) => setTimeout(resolve, 2_500)); // two rounds in which nothing changes
  assert.equal(writes(), before);
});

test('alerts name the owner; policies by RPC are refused with the reason', { timeout: 30_000 }, async (t) => {
  const api = cluster();
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d4f', uid: 'rs', controller: true };
  api.seed(CORE.pods, podObject({ ...WEB, labels: { app: 'web', 'pod-template-hash': '5d4f' } }, { ownerReferences: [owner] }));
  const { containers, web } = withWeb();
  const data = { cluster: 'prod' };
  api.seed(CORE.configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kubearmor-config', namespace: 'kubearmor' },
    data,
  });
  const { socket, enforcer } = await startInCluster(t, { api, containers });
  const transport = dialGrpc({ address: `unix://${socket}` });
  t.after(() => transport.close());
  let reason = '';
  const onTrailer = (trailer: Headers): void => void (reason = decodeURIComponent(trailer.get(REASON_TRAILER) ?? ''));
  const answer = await policyClient(transport).containerPolicy({ policy: Buffer.from('{}') }, { onTrailer });
  assert.equal(answer.status, PolicyStatus.NotEnabled);
  assert.match(reason, /use kubectl apply/);
  const stream = watchFeed(transport, 'alerts')[Symbol.asyncIterator]();
  const first = stream.next();
  const scopeId = enforcer.keys().indexOf(web.key) + 1;
  const telling = setInterval(() => enforcer.emit(kernelEvent({ scopeId })), 20);
  const { value } = await first;
  clearInterval(telling);
  await stream.return?.(undefined);
  assert.deepEqual({ ...value?.Owner }, { $typeName: 'feeder.Podowner', Ref: 'Deployment', Name: 'web', Namespace: 'shop' });
  assert.deepEqual(
    [value?.ClusterName, value?.HostName, value?.NamespaceName, value?.PodName, value?.ContainerName, value?.Labels],
    ['prod', NODE, 'shop', 'web-1', 'nginx', 'app=web'],
  );
});
