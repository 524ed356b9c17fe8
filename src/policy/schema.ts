// SPDX-License-Identifier: Apache-2.0
import { anything, flag, integer, integerOrZero, labels, list, object, text, textOrNumber, word } from './fields.ts';
import type { Read, Reader } from './fields.ts';
import type { PolicyKind } from './model.ts';

/** What a rule may carry at each level: rule, section, spec. */
const stma = {
  severity: integerOrZero(1, 10),
  tags: list(text('tagBytes'), 'tags'),
  message: text('messageBytes'),
  action: word('Allow', 'Audit', 'Block'),
};
export type Stma = Read<typeof readStma>;
const readStma = object(stma);

const path = text('pathBytes');
const sources = list(object({ path, dir: path, recursive: flag }), 'subjectsPerRule');
export type SourceFields = NonNullable<Read<typeof sources>>[number];

/** The parts that every rule object of a section may have, for the code that turns any of them into rules. */
const rule = { ...stma, fromSource: sources, pts: flag };
const inPatterns = { elsewhere: { path: 'did you mean `pattern`?' } };
const inPaths = { elsewhere: { pattern: 'write it in `path`, or use matchPatterns', dir: 'use matchDirectories' } };
const inDirs = { required: ['dir'], elsewhere: { path: 'did you mean `dir`?' } };
const oneUp = 'belongs below `spec:`: check the indentation';
const inSection = {
  elsewhere: {
    process: oneUp,
    file: oneUp,
    network: oneUp,
    capabilities: oneUp,
    syscalls: oneUp,
    selector: oneUp,
    nodeSelector: oneUp,
    presets: oneUp,
  },
};
const rules = <T>(item: Reader<T>): Reader<readonly (T | undefined)[]> => list(item, 'rulesPerPolicy');

const process = object(
  {
    ...stma,
    matchPaths: rules(
      object(
        { ...rule, path, execname: text('execNameBytes'), ownerOnly: flag, allowedArgs: list(text('argBytes'), 'args') },
        { expected: ['path', 'execname'], ...inPaths },
      ),
    ),
    matchDirectories: rules(object({ ...rule, dir: path, recursive: flag, ownerOnly: flag }, inDirs)),
    matchPatterns: rules(object({ ...rule, pattern: path, ownerOnly: flag }, { required: ['pattern'], ...inPatterns })),
  },
  inSection,
);
const file = object(
  {
    ...stma,
    matchPaths: rules(object({ ...rule, path, readOnly: flag, ownerOnly: flag }, { required: ['path'], ...inPaths })),
    matchDirectories: rules(object({ ...rule, dir: path, recursive: flag, readOnly: flag, ownerOnly: flag }, inDirs)),
    matchPatterns: rules(object({ ...rule, pattern: path, readOnly: flag, ownerOnly: flag }, { required: ['pattern'], ...inPatterns })),
  },
  inSection,
);
const port = integer(1, 65_535);
/** `port: 1337` and `port: "1337"`. */
const portOrDigits: Reader<number> = (value, at, notes) =>
  port(typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value, at, notes);
const network = object(
  {
    ...stma,
    matchProtocols: rules(
      object(
        {
          ...rule,
          protocol: text('pathBytes'),
          port: portOrDigits,
          endPort: portOrDigits,
          cidr: text('tagBytes'),
          direction: word('ingress', 'egress'),
        },
        { required: ['protocol'], elsewhere: { ports: 'write `port:`, one entry a port (`endPort:` for a range)' } },
      ),
    ),
    matchDNSQueries: rules(object({ ...rule, domain: text('messageBytes') }, { required: ['domain'] })),
  },
  inSection,
);
const capabilities = object(
  {
    ...stma,
    matchCapabilities: rules(object({ ...rule, capability: text('messageBytes') }, { required: ['capability'] })),
  },
  inSection,
);
const syscallNames = rules(text('nameBytes'));
const syscalls = object(
  {
    ...stma,
    matchSyscalls: rules(object({ ...stma, syscall: syscallNames, fromSource: sources })),
    matchPaths: rules(object({ ...stma, path, recursive: flag, syscall: syscallNames, fromSource: sources })),
  },
  inSection,
);
const device = object(
  {
    ...stma,
    matchDevice: rules(
      object(
        {
          ...stma,
          class: text('nameBytes'),
          subClass: integer(-2_147_483_648, 2_147_483_647),
          protocol: integer(-2_147_483_648, 2_147_483_647),
          level: integer(1, 2_147_483_647),
        },
        { required: ['class'] },
      ),
    ),
  },
  inSection,
);

/** The number of a severity has no bounds in ingress and egress items of KubeArmor's API server; beyond 10 means nothing. */
const firewall = (peers: 'from' | 'to') =>
  object({
    ...stma,
    severity: integerOrZero(-2_147_483_648, 2_147_483_647),
    [peers]: list(
      object({ ipBlock: object({ cidr: text('tagBytes') }, { required: ['cidr'] }) }, { required: ['ipBlock'] }),
      'peersPerRule',
    ),
    iface: list(text('tagBytes'), 'peersPerRule'),
    ports: list(
      object({ port: textOrNumber('tagBytes'), endPort: integer(1, 65_535), protocol: word('TCP', 'UDP', 'SCTP') }, { required: ['port'] }),
      'peersPerRule',
    ),
    limit: text('tagBytes'),
    duration: text('tagBytes'),
  } as const);
const ingress = rules(firewall('from') as Reader<FirewallFields>);
const egress = rules(firewall('to') as Reader<FirewallFields>);

/** An ingress or egress item; `from` and `to` exclude each other by the table above. */
export interface FirewallFields extends Stma {
  readonly from?: Peers;
  readonly to?: Peers;
  readonly iface?: readonly (string | undefined)[] | undefined;
  readonly ports?:
    | readonly ({ port?: string | undefined; endPort?: number | undefined; protocol?: string | undefined } | undefined)[]
    | undefined;
  readonly limit?: string | undefined;
  readonly duration?: string | undefined;
}
type Peers = readonly ({ readonly ipBlock?: { readonly cidr?: string | undefined } | undefined } | undefined)[] | undefined;

const expression = object({ key: text('labelBytes'), operator: word('In', 'NotIn', 'Exists', 'DoesNotExist'), values: labelsOrList() });
export type ExpressionFields = Read<typeof expression>;
function labelsOrList(): Reader<readonly (string | undefined)[] | Readonly<Record<string, string>>> {
  const asList = list(text('labelBytes'), 'labels');
  return (value, at, notes) => (Array.isArray(value) ? asList : labels)(value, at, notes);
}
const selector = object(
  { matchLabels: labels, matchExpressions: list(expression, 'labels') },
  { otherwise: 'put the label below `matchLabels:`' },
);
const nodeSelector = object(
  { matchLabels: labels },
  {
    otherwise: 'put the label below `matchLabels:`',
    elsewhere: { matchExpressions: 'a nodeSelector has matchLabels only (`kubearmor.io/hostname` takes `*` and comma lists)' },
  },
);
export type SelectorFields = Read<typeof selector>;

const posture = word('audit', 'block');
const presets = rules(object({ name: text('nameBytes'), action: stma.action }));
const common = { ...stma, defaultPosture: posture, network };
const enforced = { ...common, process, file, capabilities, syscalls, apparmor: text('apparmorBytes') };
const toSelector = { elsewhere: { nodeSelector: 'this kind selects pods: `selector:` (hosts: kind KubeArmorHostPolicy)' } };
const toNode = {
  elsewhere: { selector: 'this kind selects nodes: `nodeSelector:` (pods: kind KubeArmorPolicy)', presets: 'presets are for containers' },
};

const everything = {
  ...enforced,
  selector,
  nodeSelector,
  presets,
  device,
  ingress,
  egress,
  level: word('pod', 'policy'),
};
/** A spec of any kind; the reader of its kind lets no other fields in. */
export type SpecFields = Read<typeof anySpec>;
const anySpec = object(everything);

const containerSpec = object({ ...enforced, selector, presets }, toSelector);
const hostSpec = object({ ...enforced, nodeSelector, device }, toNode);
const networkSpec = object({ ...common, selector, nodeSelector, ingress, egress, level: word('pod', 'policy') });
export const SPECS: Readonly<Record<PolicyKind, Reader<SpecFields>>> = {
  KubeArmorPolicy: containerSpec,
  KubeArmorClusterPolicy: containerSpec,
  KubeArmorHostPolicy: hostSpec,
  KubeArmorNetworkPolicy: networkSpec,
};

/** Kubernetes' own fields of metadata that say nothing about the policy. */
const ignored = Object.fromEntries(
  `generateName labels annotations uid resourceVersion managedFields creationTimestamp generation finalizers ownerReferences selfLink
   deletionTimestamp deletionGracePeriodSeconds clusterName`
    .split(/\s+/)
    .map((name) => [name, anything]),
);
export const readMetadata = object({ ...ignored, name: text('nameBytes'), namespace: text('nameBytes') }, { required: ['name'] });

export const readEnvelope = object({
  apiVersion: text('nameBytes'),
  kind: text('nameBytes'),
  metadata: anything,
  spec: anything,
  status: anything,
});

export type ProcessFields = NonNullable<SpecFields['process']>;
export type FileFields = NonNullable<SpecFields['file']>;
export type NetworkFields = NonNullable<SpecFields['network']>;
export type CapabilityFields = NonNullable<SpecFields['capabilities']>;
export type SyscallFields = NonNullable<SpecFields['syscalls']>;
export type DeviceFields = NonNullable<SpecFields['device']>;
