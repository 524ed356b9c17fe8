// SPDX-License-Identifier: Apache-2.0
import { anything, described, flag, integer, integerOrZero, labels, list, object, reader, text, textOrInteger, word } from './fields.ts';
import type { Read, Reader } from './fields.ts';
import type { PolicyKind } from './model.ts';
import { NAMED_PORTS, PRESETS, PROTOCOLS } from './schema-names.ts';
import type { Shape } from './shape.ts';

/** What a rule may carry at each level: rule, section, spec. */
const stma = {
  severity: described('How serious an alert is; for alerts only.', integerOrZero(1, 10)),
  tags: described('Words that alerts carry. A list replaces that of the level above.', list(text('tagBytes'), 'tags')),
  message: described('A sentence that alerts carry.', text('messageBytes')),
  action: described(
    'Block denies, Audit reports and lets pass, Allow makes a list of what may be done: anything else of that family gets the default ' +
      'posture. A rule without its own has that of its section, then of the spec, then Block.',
    word('Allow', 'Audit', 'Block'),
  ),
};
export type Stma = Read<typeof readStma>;
const readStma = object(stma);

const path = described(
  'Absolute path of one file. With `*` or `?` it is a glob, and a final `/*` means everything below; `\\*` and `\\?` are the characters.',
  text('pathBytes'),
);
const dir = described('Absolute path of a directory, with or without a final slash; never a glob.', text('pathBytes'));
const pattern = described(
  'Glob over the whole path: `?` and `*` stay within a name, `**` does not, `[a-z]`, `{a,b}`; starts with `/` or `**`.',
  text('pathBytes'),
);
const recursive = described('Everything below too; else only what is directly in the directory.', flag);
const ownerOnly = described('Allow: for the owner of the file only. Block: for everybody but the owner.', flag);
const readOnly = described('Allow: reading only. Block: denies writing. Audit: reports writing.', flag);
const sources = described(
  'Only where one of these programs acts; without it, whoever acts.',
  list(object({ path: described('Absolute path or glob of the program.', text('pathBytes')), dir, recursive }), 'subjectsPerRule'),
);
export type SourceFields = NonNullable<Read<typeof sources>>[number];

/** The parts that every rule object of a section may have, for the code that turns any of them into rules. */
const pts = described('`false` with Block: only where the task has a terminal.', flag);
const rule = { ...stma, fromSource: sources, pts };
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

const execname = described('Last component of the path, in any directory.', text('execNameBytes'));
const allowedArgs = described(
  'With Block: the program is denied unless every argument after its name is one of these.',
  list(text('argBytes'), 'args'),
);
const process = object(
  {
    ...stma,
    matchPaths: described(
      'Programs by their path or name.',
      rules(object({ ...rule, path, execname, ownerOnly, allowedArgs }, { expected: ['path', 'execname'], ...inPaths })),
    ),
    matchDirectories: described('Every program in a directory.', rules(object({ ...rule, dir, recursive, ownerOnly }, inDirs))),
    matchPatterns: described(
      'Programs by a glob.',
      rules(object({ ...rule, pattern, ownerOnly }, { required: ['pattern'], ...inPatterns })),
    ),
  },
  inSection,
);
const file = object(
  {
    ...stma,
    matchPaths: described(
      'Files by their path.',
      rules(object({ ...rule, path, readOnly, ownerOnly }, { required: ['path'], ...inPaths })),
    ),
    matchDirectories: described(
      'The files of a directory, and the directory itself.',
      rules(object({ ...rule, dir, recursive, readOnly, ownerOnly }, inDirs)),
    ),
    matchPatterns: described(
      'Files by a glob.',
      rules(object({ ...rule, pattern, readOnly, ownerOnly }, { required: ['pattern'], ...inPatterns })),
    ),
  },
  inSection,
);
const port = integer(1, 65_535);
/** `port: 1337` and `port: "1337"`. */
const portOrDigits: Reader<number> = reader({ type: 'textOrInteger' }, (value, at, notes) =>
  port(typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value, at, notes),
);
const network = object(
  {
    ...stma,
    matchProtocols: described(
      'Sockets by protocol, and where they lead.',
      rules(
        object(
          {
            ...rule,
            protocol: described(
              `One or more, with commas, of ${PROTOCOLS.join(', ')}, in any case. By type on any family: stream to packet; raw is raw IP.`,
              text('pathBytes'),
            ),
            port: described('Port from 1 to 65535.', portOrDigits),
            endPort: described('Last port of a range that starts at `port`.', portOrDigits),
            cidr: described('Peer addresses: an IP network such as 10.0.0.0/8.', text('tagBytes')),
            direction: described(
              'ingress: bind, listen, accept. egress: connect, send. Without it both; with port or cidr egress.',
              word('ingress', 'egress'),
            ),
          },
          { required: ['protocol'], elsewhere: { ports: 'write `port:`, one entry a port (`endPort:` for a range)' } },
        ),
      ),
    ),
    matchDNSQueries: described(
      'Names that are asked for in DNS.',
      rules(
        object(
          { ...rule, domain: described('A DNS name: it and all names below it; more with commas.', text('messageBytes')) },
          { required: ['domain'] },
        ),
      ),
    ),
  },
  inSection,
);
const capabilities = object(
  {
    ...stma,
    matchCapabilities: described(
      'Capabilities by name.',
      rules(
        object(
          {
            ...rule,
            capability: described('Name as in capabilities(7), in any case, with or without CAP_; more with commas.', text('messageBytes')),
          },
          { required: ['capability'] },
        ),
      ),
    ),
  },
  inSection,
);
const syscallNames = described('Names as in syscalls(2).', rules(text('nameBytes')));
const syscallPath = described(
  'Absolute path that the call names; with `recursive` a directory and everything below, else that object alone.',
  text('pathBytes'),
);
const syscalls = object(
  {
    ...stma,
    matchSyscalls: described('System calls by name.', rules(object({ ...stma, syscall: syscallNames, fromSource: sources }))),
    matchPaths: described(
      'System calls on a path.',
      rules(object({ ...stma, path: syscallPath, recursive, syscall: syscallNames, fromSource: sources })),
    ),
  },
  inSection,
);
const device = object(
  {
    ...stma,
    matchDevice: described(
      'USB devices by class.',
      rules(
        object(
          {
            ...stma,
            class: described('USB class by name (such as MASS-STORAGE) or number, or ALL.', text('nameBytes')),
            subClass: described('0 to 255; -1: any.', integer(-2_147_483_648, 2_147_483_647)),
            protocol: described('0 to 255; -1: any.', integer(-2_147_483_648, 2_147_483_647)),
            level: described('Number of hubs between the device and the root.', integer(1, 2_147_483_647)),
          },
          { required: ['class'] },
        ),
      ),
    ),
  },
  inSection,
);

/** The number of a severity has no bounds in ingress and egress items of KubeArmor's API server; beyond 10 means nothing. */
const firewall = (peers: 'from' | 'to') =>
  object({
    ...stma,
    severity: described('How serious an alert is; for alerts only.', integerOrZero(-2_147_483_648, 2_147_483_647)),
    [peers]: described(
      'Peers; without it all.',
      list(
        object(
          {
            ipBlock: described(
              'Peers by address.',
              object({ cidr: described('An IP network such as 10.0.0.0/8.', text('tagBytes')) }, { required: ['cidr'] }),
            ),
          },
          { required: ['ipBlock'] },
        ),
        'peersPerRule',
      ),
    ),
    iface: described('Network interfaces by name; without it all.', list(text('tagBytes'), 'peersPerRule')),
    ports: described(
      'Ports; without it all.',
      list(
        object(
          {
            port: described(`Number, or one of ${NAMED_PORTS.join(', ')}.`, textOrInteger('tagBytes')),
            endPort: described('Last port of a range.', port),
            protocol: described('Transport protocol.', word('TCP', 'UDP', 'SCTP')),
          },
          { required: ['port'] },
        ),
        'peersPerRule',
      ),
    ),
    limit: described('Amount of data within `duration`, such as 100MB.', text('tagBytes')),
    duration: described('Time for which `limit` holds, such as 24h.', text('tagBytes')),
  } as const);
const ingress = described('Traffic to the node or pods.', rules(firewall('from') as Reader<FirewallFields>));
const egress = described('Traffic from the node or pods.', rules(firewall('to') as Reader<FirewallFields>));

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

const expression = object({
  key: described(
    'Key of a label; `label`, where the values are whole labels (`app=web`); `namespace`, where they are namespaces.',
    text('labelBytes'),
  ),
  operator: described('In and NotIn ask for the values, the others for the key.', word('In', 'NotIn', 'Exists', 'DoesNotExist')),
  values: described('A list, or a map that is read as labels.', labelsOrList()),
});
export type ExpressionFields = Read<typeof expression>;
function labelsOrList(): Reader<readonly (string | undefined)[] | Readonly<Record<string, string>>> {
  const asList = list(text('labelBytes'), 'labels');
  return reader({ type: 'listOrMap' }, (value, at, notes) => (Array.isArray(value) ? asList : labels)(value, at, notes));
}
const selector = object(
  {
    matchLabels: described(
      'Labels of a pod, all of them. `kubearmor.io/container.name: "[a, b]"` selects containers of it by name.',
      labels,
    ),
    matchExpressions: described('Conditions on labels and namespaces; all must hold.', list(expression, 'labels')),
  },
  { otherwise: 'put the label below `matchLabels:`' },
);
const nodeSelector = object(
  {
    matchLabels: described(
      'Labels of a node, all of them. `kubearmor.io/hostname` takes `*` and comma lists, `kubearmor.io/hostnamereg` a regular expression.',
      labels,
    ),
  },
  {
    otherwise: 'put the label below `matchLabels:`',
    elsewhere: { matchExpressions: 'a nodeSelector has matchLabels only (`kubearmor.io/hostname` takes `*` and comma lists)' },
  },
);
export type SelectorFields = Read<typeof selector>;

const presets = described(
  'Ready-made protections.',
  rules(object({ name: described(`One of ${PRESETS.join(', ')}.`, text('nameBytes')), action: stma.action })),
);
const common = {
  ...stma,
  defaultPosture: described(
    'What becomes of an access that no Allow rule of its family matches, where this policy has Allow rules; the strictest of all holds.',
    word('audit', 'block'),
  ),
  network: described('Rules on sockets and DNS names.', network),
};
const enforced = {
  ...common,
  process: described('Rules on what is executed.', process),
  file: described('Rules on what is read and written.', file),
  capabilities: described('Rules on the use of capabilities.', capabilities),
  syscalls: described('System calls to be reported. These rules always audit and never deny.', syscalls),
  apparmor: described('Lines for an AppArmor profile, as they are.', text('apparmorBytes')),
};
const toPods = described('Which pods; without labels and expressions all that the kind reaches.', selector);
const toNodes = described('Which nodes; without labels none.', nodeSelector);
const usb = described('Rules on USB devices.', device);
const level = described('What a quota counts for: each pod, or all pods of the policy.', word('pod', 'policy'));
const toSelector = { elsewhere: { nodeSelector: 'this kind selects pods: `selector:` (hosts: kind KubeArmorHostPolicy)' } };
const toNode = {
  elsewhere: { selector: 'this kind selects nodes: `nodeSelector:` (pods: kind KubeArmorPolicy)', presets: 'presets are for containers' },
};

const everything = {
  ...enforced,
  selector: toPods,
  nodeSelector: toNodes,
  presets,
  device: usb,
  ingress,
  egress,
  level,
};
/** A spec of any kind; the reader of its kind lets no other fields in. */
export type SpecFields = Read<typeof anySpec>;
const anySpec = object(everything);

const containerSpec = object({ ...enforced, selector: toPods, presets }, toSelector);
const hostSpec = object({ ...enforced, nodeSelector: toNodes, device: usb }, toNode);
const networkSpec = object({ ...common, selector: toPods, nodeSelector: toNodes, ingress, egress, level });
export const SPECS: Readonly<Record<PolicyKind, Reader<SpecFields>>> = {
  KubeArmorPolicy: containerSpec,
  KubeArmorClusterPolicy: containerSpec,
  KubeArmorHostPolicy: hostSpec,
  KubeArmorNetworkPolicy: networkSpec,
};

/** What `spec` of each kind takes, for the resource definitions. */
export const SPEC_SHAPES: Readonly<Record<PolicyKind, Shape>> = {
  KubeArmorPolicy: containerSpec.shape,
  KubeArmorClusterPolicy: containerSpec.shape,
  KubeArmorHostPolicy: hostSpec.shape,
  KubeArmorNetworkPolicy: networkSpec.shape,
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
