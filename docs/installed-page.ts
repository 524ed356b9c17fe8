// SPDX-License-Identifier: Apache-2.0
import { CONTROLLER_LEASE, NAMES, readConfig } from '#cluster';
import type { AccessRule } from '#cluster';
import {
  ACCOUNTS,
  definitions,
  imagesOf,
  installationObjects,
  kindOf,
  NETWORK_SECRETS,
  NODE_LABELS,
  OPERATOR_CLUSTER_RULES,
  operatorNamespaceRules,
  operatorObjects,
  SHAPES,
} from '#install';
import type { Account } from '#install';
import type { KubeObject } from '#k8s';

type Table = (head: readonly string[], rows: readonly (readonly string[])[]) => string;
type Reasons = Readonly<Record<string, string>>;
const code = (text: string): string => (text === '' ? '' : `\`${text}\``);
const codes = (words: readonly string[]): string => words.map(code).join(', ');

/** Of each object, by kind and name; of DaemonSets by kind. */
const OBJECTS: Reasons = {
  'ServiceAccount kubearmor': 'who agents are to the API server',
  'ServiceAccount kubearmor-relay': 'who the relay is',
  'ServiceAccount kubearmor-controller': 'who the controller is',
  'ServiceAccount kubearmor-operator': 'who the operator is',
  Role: 'what that account may do in this namespace; below',
  RoleBinding: 'gives it to the account',
  ClusterRole: 'what that account may do in the cluster; below',
  ClusterRoleBinding: 'gives it to the account',
  'ConfigMap kubearmor-config': 'postures and visibility, which agents read while they run; the mark that something is installed',
  'Service kubearmor': 'where clients find the relay, port 32767',
  'Service kubearmor-controller-webhook-service': 'where the API server finds the webhooks',
  ValidatingWebhookConfiguration: 'policies are checked before they are taken; pods of namespaces that require enforcement',
  'PodDisruptionBudget kubearmor-controller': 'one controller of two stays while nodes are drained',
  'Deployment kubearmor-controller': 'status of policies, webhooks and their certificates',
  'Deployment kubearmor-relay': 'one stream of the alerts of all agents',
  'Deployment kubearmor-operator': 'keeps all of this as the KubeArmorConfig says',
  DaemonSet: 'agents, where there is a node whose containerd listens at',
};

const KEEPS: Reasons = {
  create: 'makes what it keeps; `create` cannot be bound to names',
  'get,patch,delete': 'keeps and removes its own, by name',
};

/** Of each right, by account, first resource and verbs. */
const RIGHTS: Readonly<Record<string, Reasons>> = {
  [NAMES.operator]: {
    ...KEEPS,
    'customresourcedefinitions get,patch': 'upgrades the definitions; it cannot delete them, which would delete every policy',
    'nodes list,watch,patch': 'which nodes there are and what runs containers there; their labels',
    'kubearmornodes list,watch,delete': 'what enforces on a node, for its label; reports go with the installation',
    'daemonsets list,watch': 'whether another enforcer runs, wherever',
    'namespaces get': 'whether the namespace that a binding or webhook serves is still there',
    'mutatingwebhookconfigurations delete': 'KubeArmor’s own, when its installation is taken over: nobody answers it any more',
    'kubearmorconfigs list,watch,delete': 'what is wanted; it deletes one in its mode `-uninstall` alone',
    'kubearmorconfigs/status patch': 'what came of it',
    'secrets list,watch': 'a certificate that somebody deletes is made anew at once',
    'deployments list,watch': 'whether they are ready',
    'deployments get': 'itself: which DaemonSets its predecessor made',
    'daemonsets delete': 'KubeArmor’s, which it takes over: their names have a part that nobody knows before',
    'leases delete': 'those of agents, which bear their nodes’ names',
  },
  [NAMES.agent]: {
    'pods list,watch': 'its own node’s pods; annotations; its Node’s labels',
    'kubearmorpolicies list,watch': 'policies',
    'kubearmornodes get,create': 'its report’s object',
    'kubearmornodes/status patch': 'its report',
    'configmaps list,watch': 'settings while it runs',
    'leases create,patch': 'that its report holds',
  },
  [NAMES.relay]: { 'pods list,watch': 'where agents are' },
  [NAMES.controller]: {
    'kubearmorpolicies list,watch': 'what the status is of, and what nodes say',
    'kubearmorpolicies/status patch': 'writes the status',
    'nodes list,watch': 'which nodes have no agent; labels for warnings about `nodeSelector`',
    'pods list': 'whether a new policy selects any pod: one list of at most one object',
    'events create': 'tells when another field manager writes a policy',
    'validatingwebhookconfigurations list,watch,patch': 'fills in `caBundle`',
    'leases list,watch,create': 'agents that are alive; one replica leads',
    'leases get,update': 'its own, to lead',
    'secrets list,watch,update': 'the webhooks’ certificates, in the Secret that the operator makes; it may make none, or it could have any token',
  },
};

/** What is not in the table of objects: made while programs run, and gone with the installation. */
const MADE: readonly (readonly [what: string, by: string, why: string])[] = [
  [`Secrets ${codes(NETWORK_SECRETS)}`, NAMES.operator, 'certificates of agents, relay and clients'],
  [`Secret ${code(NAMES.webhookSecret)}`, NAMES.operator, 'the webhooks’ certificates, which the controller fills in'],
  [`Lease ${code(CONTROLLER_LEASE)}`, NAMES.controller, 'which replica leads'],
  ['a Lease and a `KubeArmorNode` for each node', 'agents', 'what a node enforces, and that this still holds'],
  [`labels of nodes: ${codes(NODE_LABELS.slice(0, 3))}`, NAMES.operator, 'which nodes enforce, and with what'],
  ['a DaemonSet `…-remove` for each of agents', NAMES.operator, 'when all is taken out: ends on every node what agents left in force'],
];

/** @throws {Error} where nobody said why */
function reason(reasons: Reasons, ...keys: readonly string[]): string {
  const key = keys.find((one) => Object.hasOwn(reasons, one));
  if (key === undefined) throw new Error(`docs/installed-page.ts does not say why ${keys[0]} is installed`);
  return reasons[key] ?? '';
}

const STAND_IN = 'NAMESPACE';

function everyObject(): readonly { readonly object: KubeObject; readonly by: string }[] {
  const { config } = readConfig({});
  if (config === undefined) throw new TypeError('an empty KubeArmorConfig is not taken');
  const images = imagesOf('VERSION');
  return [
    ...operatorObjects({ namespace: STAND_IN, images }).map((object) => ({ object, by: 'chart, manifest or `karmor install`' })),
    ...installationObjects({ namespace: STAND_IN, config, images }, SHAPES).map((object) => ({ object, by: 'the operator' })),
  ];
}

function objectRows(): string[][] {
  return everyObject().map(({ object, by }) => {
    const { kind, metadata } = object;
    const where = kindOf(object).namespaced ? 'its namespace' : 'cluster';
    const socket = SHAPES.find(({ name }) => name === metadata.name)?.socket;
    const why = reason(OBJECTS, `${kind} ${metadata.name}`, kind);
    return [kind, code(metadata.name), where, by, socket === undefined ? why : `${why} ${code(socket)}`];
  });
}

function rightRows(account: string, where: string, rules: readonly AccessRule[]): string[][] {
  return rules.map(({ apiGroups, resources, verbs, resourceNames = [] }) => {
    const asked = verbs.join(',');
    const why = reason(RIGHTS[account] ?? {}, `${resources[0]} ${asked}`, asked);
    return [where, codes(apiGroups.map((group) => group || '""')), codes(resources), codes(resourceNames), verbs.join(' '), why];
  });
}

function accountSections(table: Table): string {
  const operator: Account = { name: NAMES.operator, clusterRules: OPERATOR_CLUSTER_RULES, namespaceRules: operatorNamespaceRules() };
  const section = ({ name, clusterRules, namespaceRules }: Account): string =>
    `### ${name}\n\n${table(
      ['where', 'group', 'resources', 'names', 'verbs', 'why'],
      [...rightRows(name, 'cluster', clusterRules), ...rightRows(name, 'its namespace', namespaceRules)],
    )}`;
  return [operator, ...ACCOUNTS].map(section).join('\n\n');
}

/** docs/reference/installed.md. */
export function installedPage(table: Table): string {
  return `# What is installed

Every object, who brings it and why. The same table is what the operator, the charts, the manifest and \`karmor\` take them from
([ADR 29](../adr/0029-operator.md)). Of DaemonSets there are as many as nodes need. All of it goes into one namespace, whatever its name,
\`kube-system\` too, but for what a cluster has once. Each object bears \`kubearmor-app\`, and \`kubearmor.io/installed-by\`; each
pod also \`app: kubearmor\`, and its name begins with \`kubearmor\`:

\`\`\`text
kubectl get pods -n kube-system | grep kubearmor
kubectl logs -n kube-system -l app=kubearmor
\`\`\`

${table(['kind', 'name', 'where', 'brought by', 'why'], objectRows())}

Definitions come with whatever brings the operator, and it renews them: ${codes(definitions().map(({ metadata }) => metadata.name))}.
They stay when all else is taken out, as policies do; \`karmor uninstall --force\` removes both and writes policies to a file before.

## Made while it runs

${table(['what', 'by', 'why'], MADE)}

All of it goes when the KubeArmorConfig is deleted.

## What accounts may do

The operator holds besides what it grants to the others, since RBAC lets nobody grant more than that; it has neither \`escalate\` nor \`bind\`.

${accountSections(table)}

## What pods may do

Operator, controller and relay run as user 65532 without capabilities, without a writable root file system, under the runtime's own seccomp
profile, with nothing of their node. What the agent's pod needs of its node, each with its reason: [agent-pod.md](agent-pod.md).
`;
}
