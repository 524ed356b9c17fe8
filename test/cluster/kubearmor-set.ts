// SPDX-License-Identifier: Apache-2.0
// What is in a cluster where KubeArmor 1.7 runs: written from the reference, none of it copied.
// @source reference: KubeArmor's Kubernetes part, sections 1.2, 1.4 to 1.8, 2.2, 3.7 and 10
import { gzipSync } from 'node:zlib';
import { CONFIGS, CORE, POLICY_KINDS } from '#cluster';
import { KINDS } from '#install';
import type { Kind, KubeObject } from '#k8s';

/** An object with its kind. */
export interface Placed {
  readonly kind: Kind;
  readonly object: KubeObject;
}

export const MUTATING_WEBHOOKS: Kind = {
  ...KINDS.webhooks,
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
};
/** By its operator; the last part is of the socket's hash. */
export const THEIR_DAEMON_SET = 'kubearmor-bpf-containerd-98c2c';
const SHOP = 'shop';

const placed = (kind: Kind, metadata: KubeObject['metadata'], rest: object = {}): Placed => ({
  kind,
  object: { apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`, kind: kind.kind, metadata, ...rest },
});

/** Definitions with KubeArmor's names; the schemas are wide open, so that only names and fields of objects count here. */
export function theirDefinitions(): Placed[] {
  const rows = [
    { kind: POLICY_KINDS.KubeArmorPolicy, short: 'ksp' },
    { kind: POLICY_KINDS.KubeArmorClusterPolicy, short: 'csp' },
    { kind: POLICY_KINDS.KubeArmorHostPolicy, short: 'hsp' },
    { kind: POLICY_KINDS.KubeArmorNetworkPolicy, short: 'nsp' },
    { kind: CONFIGS, short: undefined },
  ];
  return rows.map(({ kind: { group, version, kind, plural, namespaced }, short }) =>
    placed(
      KINDS.definitions,
      { name: `${plural}.${group}`, annotations: { 'controller-gen.kubebuilder.io/version': 'v0.15.0' } },
      {
        spec: {
          group,
          scope: namespaced ? 'Namespaced' : 'Cluster',
          names: {
            kind,
            plural,
            singular: kind.toLowerCase(),
            listKind: `${kind}List`,
            ...(short === undefined ? {} : { shortNames: [short] }),
          },
          versions: [
            {
              name: version,
              served: true,
              storage: true,
              subresources: { status: {} },
              schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
            },
          ],
        },
      },
    ),
  );
}

/** As kubectl leaves it on what it applied. */
const applied = (spec: object): Readonly<Record<string, string>> => ({
  'kubectl.kubernetes.io/last-applied-configuration': `${JSON.stringify({ spec })}\n`,
});

/** What users wrote: it is theirs, and nobody else may change a byte of it. */
export function usersObjects(namespace: string): Placed[] {
  const web = { matchLabels: { app: 'web' } };
  const noShell = {
    selector: web,
    process: { matchPaths: [{ path: '/bin/sh' }] },
    action: 'Block',
    severity: 5,
    tags: ['PCI'],
    message: 'no',
  };
  const names = {
    selector: web,
    network: { matchProtocols: [{ protocol: 'tcp,udp' }] },
    capabilities: { matchCapabilities: [{ capability: 'net_raw' }] },
  };
  const secrets = { selector: web, file: { matchDirectories: [{ dir: '/run/secrets/', recursive: true }] }, action: 'Block' };
  const cluster = {
    selector: { matchExpressions: [{ key: 'namespace', operator: 'NotIn', values: ['kube-system'] }] },
    process: { matchPatterns: [{ pattern: '/usr/bin/*nc*' }] },
    action: 'Block',
  };
  const host = {
    nodeSelector: { matchLabels: { 'kubernetes.io/hostname': '*' } },
    capabilities: { matchCapabilities: [{ capability: 'sys_module', fromSource: [{ path: '/usr/bin/kmod' }] }] },
    action: 'Block',
  };
  const network = {
    nodeSelector: { matchLabels: { 'kubernetes.io/os': 'linux' } },
    ingress: [{ ports: [{ port: '22', protocol: 'TCP' }] }],
    action: 'Audit',
  };
  const config = {
    defaultFilePosture: 'audit',
    defaultNetworkPosture: 'block',
    defaultVisibility: 'process,network',
    alertThrottling: true,
    maxAlertPerSec: 10,
    throttleSec: 30,
    globalTolerations: [{ operator: 'Exists' }],
  };
  const { KubeArmorPolicy, KubeArmorClusterPolicy, KubeArmorHostPolicy, KubeArmorNetworkPolicy } = POLICY_KINDS;
  const labels = { 'app.kubernetes.io/part-of': 'till' };
  return [
    placed(CONFIGS, { name: 'kubearmorconfig-default', namespace, labels, annotations: applied(config) }, { spec: config }),
    placed(KubeArmorPolicy, { name: 'no-shell', namespace: SHOP, labels, annotations: applied(noShell) }, { spec: noShell }),
    placed(KubeArmorPolicy, { name: 'sockets', namespace: SHOP }, { spec: { ...names, action: 'Block' } }),
    placed(KubeArmorPolicy, { name: 'secrets', namespace: SHOP }, { spec: secrets }),
    placed(KubeArmorClusterPolicy, { name: 'no-netcat' }, { spec: cluster }),
    placed(KubeArmorHostPolicy, { name: 'no-modules' }, { spec: host }),
    placed(KubeArmorNetworkPolicy, { name: 'ssh' }, { spec: network }),
    placed(KINDS.deployments, { name: 'web', namespace: SHOP }, { spec: webDeployment() }),
  ];
}

/** Its template bears what KubeArmor's agent writes with `annotateResources`. */
function webDeployment(): object {
  const annotations = {
    'kubearmor-policy': 'enabled',
    'kubearmor-visibility': 'process,file,network,capabilities',
    'container.apparmor.security.beta.kubernetes.io/web': 'localhost/kubearmor-shop-web-web',
  };
  return {
    replicas: 0,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' }, annotations }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
  };
}

/** Namespaces with the annotations that KubeArmor reads. */
export const usersNamespace = (): Placed =>
  placed(CORE.namespaces, {
    name: SHOP,
    labels: { team: 'till' },
    annotations: { 'kubearmor-file-posture': 'block', 'kubearmor-visibility': 'process,file', owner: 'till' },
  });

/** A node as its kubelet and KubeArmor's snitch leave it. */
export const theirNode = (name: string): Placed =>
  placed(CORE.nodes, {
    name,
    labels: {
      'kubernetes.io/os': 'linux',
      'kubearmor.io/enforcer': 'bpf',
      'kubearmor.io/runtime': 'containerd',
      'kubearmor.io/socket': 'run_containerd_containerd.sock',
      'kubearmor.io/btf': 'yes',
      'kubearmor.io/apparmorfs': 'yes',
      'kubearmor.io/securityfs': 'yes',
      'kubearmor.io/seccomp': 'yes',
      'kubearmor.io/oci-hooks': 'no',
      'kubearmor.io/rand': 'x1y2',
    },
  });

const APP = 'kubearmor-app';
const CERTIFICATES = { 'ca.crt': 'eA==', 'tls.crt': 'eA==', 'tls.key': 'eA==' };

/** The operator's Deployment: what it makes in its namespace belongs to it. */
export const theirOperator = (namespace: string): Placed =>
  placed(
    KINDS.deployments,
    { name: 'kubearmor-operator', namespace, labels: { [APP]: 'kubearmor-operator' } },
    {
      spec: {
        replicas: 1,
        selector: { matchLabels: { [APP]: 'kubearmor-operator' } },
        template: {
          metadata: { labels: { [APP]: 'kubearmor-operator' } },
          spec: {
            serviceAccountName: 'kubearmor-operator',
            containers: [
              {
                name: 'kubearmor-operator',
                image: 'docker.io/kubearmor/kubearmor-operator:v1.7.4',
                args: ['--annotateExisting=false', '--loglevel=info'],
                env: [{ name: 'KUBEARMOR_OPERATOR_NS', value: namespace }],
              },
            ],
          },
        },
      },
    },
  );

/** What KubeArmor's operator makes. @param operatorUid absent: a chart without an operator made it */
export function theirInstallation(namespace: string, operatorUid?: string): Placed[] {
  const ownerReferences =
    operatorUid === undefined ? [] : [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'kubearmor-operator', uid: operatorUid }];
  const own = (kind: Kind, name: string, labels: Readonly<Record<string, string>>, rest: object = {}): Placed =>
    placed(kind, { name, namespace, labels, ...(ownerReferences.length === 0 ? {} : { ownerReferences }) }, rest);
  const secret = (name: string): Placed => own(CORE.secrets, name, { [APP]: name }, { data: CERTIFICATES });
  return [
    ...['kubearmor', 'kubearmor-relay', 'kubearmor-controller', 'kubearmor-snitch'].map((name) => own(KINDS.serviceAccounts, name, {})),
    ...theirRoles(namespace),
    own(CORE.configMaps, 'kubearmor-config', { [APP]: 'kubearmor-configmap' }, { data: THEIR_CONFIG_MAP }),
    ...['kubearmor-ca', 'kubearmor-client-certs', 'kubearmor-relay-server-certs', 'kubearmor-controller-webhook-server-cert'].map(secret),
    own(KINDS.services, 'kubearmor', { [APP]: 'kubearmor-relay' }, serviceOf('kubearmor-relay', 32_767, 32_767)),
    own(KINDS.services, 'kubearmor-controller-webhook-service', {}, serviceOf('kubearmor-controller', 443, 9_443)),
    own(KINDS.deployments, 'kubearmor-relay', { [APP]: 'kubearmor-relay' }, { spec: theirRelay() }),
    own(KINDS.deployments, 'kubearmor-controller', { [APP]: 'kubearmor-controller' }, { spec: theirController() }),
    own(
      KINDS.daemonSets,
      operatorUid === undefined ? 'kubearmor' : THEIR_DAEMON_SET,
      { [APP]: 'kubearmor' },
      { spec: theirAgents(operatorUid !== undefined) },
    ),
    theirWebhook(namespace),
  ];
}

/** Keys and values of its ConfigMap; two that a user changed by hand are among them. */
const THEIR_CONFIG_MAP = {
  gRPC: '32767',
  cluster: 'default',
  visibility: 'process,network',
  hostVisibility: 'process',
  defaultFilePosture: 'audit',
  defaultCapabilitiesPosture: 'audit',
  defaultNetworkPosture: 'block',
  defaultPostureLogs: 'true',
  untrackedNs: 'kube-system,kubearmor,monitoring',
  alertThrottling: 'true',
  maxAlertPerSec: '10',
  throttleSec: '30',
  matchArgs: 'true',
  dropResourceFromProcessLogs: 'false',
};

const serviceOf = (app: string, port: number, targetPort: number): object => ({
  spec: { selector: { [APP]: app }, ports: [{ port, targetPort, protocol: 'TCP' }] },
});

function theirRoles(namespace: string): Placed[] {
  const rows = [
    {
      role: 'kubearmor-clusterrole',
      binding: 'kubearmor-clusterrolebinding',
      account: 'kubearmor',
      resources: ['pods', 'nodes', 'namespaces', 'configmaps'],
    },
    { role: 'kubearmor-relay-clusterrole', binding: 'kubearmor-relay-clusterrolebinding', account: 'kubearmor-relay', resources: ['pods'] },
    {
      role: 'kubearmor-controller-clusterrole',
      binding: 'kubearmor-controller-clusterrolebinding',
      account: 'kubearmor-controller',
      resources: ['pods'],
    },
    { role: 'kubearmor-snitch', binding: 'kubearmor-snitch-binding', account: 'kubearmor-snitch', resources: ['nodes', 'pods'] },
  ];
  return rows.flatMap(({ role, binding, account, resources }) => [
    placed(KINDS.clusterRoles, { name: role }, { rules: [{ apiGroups: [''], resources, verbs: ['get', 'list', 'watch', 'update'] }] }),
    placed(
      KINDS.clusterRoleBindings,
      { name: binding },
      {
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
      },
    ),
  ]);
}

const podOf = (app: string, spec: object): object => ({
  selector: { matchLabels: { [APP]: app } },
  template: { metadata: { labels: { [APP]: app }, annotations: { 'kubearmor-policy': 'audited' } }, spec },
});

function theirRelay(): object {
  const env = ['ENABLE_STDOUT_LOGS', 'ENABLE_STDOUT_ALERTS', 'ENABLE_STDOUT_MSGS', 'ENABLE_DASHBOARDS'].map((name) => ({
    name,
    value: 'false',
  }));
  const image = 'docker.io/kubearmor/kubearmor-relay-server:latest';
  const container = { name: 'kubearmor-relay-server', image, args: ['-tlsEnabled=false'], env, ports: [{ containerPort: 32_767 }] };
  return { replicas: 1, ...podOf('kubearmor-relay', { serviceAccountName: 'kubearmor-relay', containers: [container] }) };
}

function theirController(): object {
  const container = {
    name: 'manager',
    image: 'docker.io/kubearmor/kubearmor-controller:latest',
    command: ['/manager'],
    args: ['--health-probe-bind-address=:8081', '--leader-elect'],
    ports: [{ containerPort: 9_443, name: 'webhook-server', protocol: 'TCP' }],
    volumeMounts: [{ name: 'cert', readOnly: true, mountPath: '/tmp/k8s-webhook-server/serving-certs' }],
    livenessProbe: { httpGet: { path: '/healthz', port: 8081 }, initialDelaySeconds: 15, periodSeconds: 20 },
  };
  const volumes = [{ name: 'cert', secret: { secretName: 'kubearmor-controller-webhook-server-cert' } }];
  return {
    replicas: 1,
    ...podOf('kubearmor-controller', { serviceAccountName: 'kubearmor-controller', volumes, containers: [container] }),
  };
}

/** @param isOfOperator then its pods bear the labels of the nodes that they are for */
function theirAgents(isOfOperator: boolean): object {
  const nodes = { 'kubearmor.io/enforcer': 'bpf', 'kubearmor.io/runtime': 'containerd', 'kubearmor.io/btf': 'yes' };
  const labels = { [APP]: 'kubearmor', ...(isOfOperator ? nodes : {}) };
  const container = { name: 'kubearmor', image: 'docker.io/kubearmor/kubearmor:stable', args: ['-gRPC=32767', '-tlsEnabled=false'] };
  const spec = { serviceAccountName: 'kubearmor', hostNetwork: true, nodeSelector: isOfOperator ? nodes : {}, containers: [container] };
  return { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } };
}

function theirWebhook(namespace: string): Placed {
  const service = { namespace, name: 'kubearmor-controller-webhook-service', path: '/mutate-pods' };
  const webhook = {
    name: 'annotation.kubearmor.com',
    admissionReviewVersions: ['v1'],
    clientConfig: { service },
    failurePolicy: 'Ignore',
    sideEffects: 'NoneOnDryRun',
    timeoutSeconds: 1,
    rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods', 'pods/binding'], operations: ['CREATE', 'UPDATE'] }],
    objectSelector: { matchExpressions: [{ key: APP, operator: 'DoesNotExist' }] },
  };
  return placed(MUTATING_WEBHOOKS, { name: 'kubearmor-controller-mutating-webhook-configuration' }, { webhooks: [webhook] });
}

/** Helm's own record of a release. @source Helm 3, pkg/storage/driver: base64 of gzip of JSON, once more in base64 as a Secret's data */
export function helmRelease(namespace: string, chart: string, values: object): Placed {
  const record = {
    name: 'ka',
    namespace,
    version: 2,
    info: { status: 'deployed' },
    chart: { metadata: { name: chart, version: 'v1.7.4' } },
    config: values,
  };
  const release = Buffer.from(gzipSync(JSON.stringify(record)).toString('base64')).toString('base64');
  const labels = { owner: 'helm', name: 'ka', status: 'deployed', version: '2' };
  return placed(CORE.secrets, { name: 'sh.helm.release.v1.ka.v2', namespace, labels }, { type: 'helm.sh/release.v1', data: { release } });
}
