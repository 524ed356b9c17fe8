// SPDX-License-Identifier: Apache-2.0

/** What a setting's text may be. */
export type SettingType =
  | { readonly kind: 'text' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'choice'; readonly values: readonly string[] }
  /** Comma list. */
  | { readonly kind: 'list'; readonly values: readonly string[] }
  /** `unix:///path`, or empty. */
  | { readonly kind: 'unixSocket' }
  /** An absolute path. */
  | { readonly kind: 'path' }
  /** As Go writes it: `60s`, `1m30s`. */
  | { readonly kind: 'duration' };

export interface Setting {
  readonly key: string;
  readonly type: SettingType;
  /** As text: what the setting is where nobody gives one. */
  readonly fallback: string;
  readonly meaning: string;
  /** Environment variables, the first that is set counts. KubeArmor's are the key in upper case. */
  readonly env: readonly string[];
  /** Why only the default, or what `possible` matches, can be given yet. */
  readonly notHere?: string;
  readonly possible?: RegExp;
  /** `possible` in words. */
  readonly alsoPossible?: string;
  /** Another name of the same setting. */
  readonly alias?: string;
}

const FOLDED = { notHere: 'repeated alerts are folded into one with a count, none is dropped and no rate is set' };
const NO_DEVICES = 'USB devices are not watched yet';
const text = { kind: 'text' } as const;
const bool = { kind: 'boolean' } as const;
const path = { kind: 'path' } as const;
const port = { kind: 'integer', min: 0, max: 65_535 } as const;
const posture = { kind: 'choice', values: ['audit', 'block'] } as const;
const VISIBLE = ['process', 'file', 'network', 'capabilities'] as const;
const visibility = { kind: 'list', values: [...VISIBLE, 'none'] } as const;

const WITH_BPF = /^((apparmor|selinux),)*bpf(,(apparmor|selinux))*$/;

type Row = readonly [key: string, type: SettingType, fallback: string, meaning: string, more?: Partial<Setting>];

/** KubeArmor's keys with KubeArmor's defaults; where `notHere` stands the feature is planned and only its default can be given. */
const KUBEARMOR: readonly Row[] = [
  ['cluster', text, 'default', 'ClusterName of alerts and logs'],
  ['host', text, '', 'HostName of alerts and logs; empty: the host’s own'],
  ['gRPC', port, '32767', 'TCP port of the API, 0 for any; TCP is served only where this is given'],
  ['gRPCHealthPort', port, '32766', 'TCP port of grpc.health.v1 on loopback, 0 for any; served only where TCP is'],
  ['tlsEnabled', bool, 'false', 'mutual TLS on the TCP port'],
  ['tlsCertPath', path, '/var/lib/kubearmor/tls', 'folder of ca.crt, server.crt and server.key'],
  ['tlsCertProvider', { kind: 'choice', values: ['external', 'self'] }, 'external', 'where certificates come from'],
  ['logPath', text, 'none', 'JSON of alerts and logs: none, stdout or a file'],
  ['seLinuxProfileDir', text, '/tmp/kubearmor.selinux', 'profiles', { notHere: 'this enforcer is not here yet' }],
  [
    'criSocket',
    { kind: 'unixSocket' },
    '',
    'the container runtime; empty: looked for',
    { env: ['CRI_SOCKET', 'CRISOCKET'], alias: 'runtimeSocket' },
  ],
  ['nriSocket', { kind: 'unixSocket' }, '', 'NRI', { env: ['NRI_SOCKET', 'NRISOCKET'], notHere: 'NRI is not here yet' }],
  ['nriIndex', { kind: 'integer', min: 0, max: 99 }, '99', 'NRI', { notHere: 'NRI is not here yet' }],
  ['enableNRI', bool, 'false', 'NRI', { notHere: 'NRI is not here yet' }],
  ['visibility', visibility, 'process,file,network,capabilities', 'what containers’ logs tell of'],
  [
    'hostVisibility',
    { kind: 'list', values: [...VISIBLE, 'none', 'default'] },
    'default',
    'what the host’s logs tell of where host policies are on; default: everything',
  ],
  ['enableKubeArmorPolicy', bool, 'true', 'container policies'],
  ['enableKubeArmorHostPolicy', bool, 'false', 'host policies'],
  ['enableKubeArmorVm', bool, 'false', 'client of a KVM service', { notHere: 'the KVM client is not here yet' }],
  [
    'k8s',
    bool,
    'false',
    'inside Kubernetes: policies, pods and namespaces come from the API server; where nobody gives it, true in a pod (KUBERNETES_SERVICE_HOST)',
  ],
  ['debug', bool, 'false', 'more messages, and all of them to WatchMessages'],
  ['defaultFilePosture', posture, 'audit', 'of files and processes where Allow rules are'],
  ['defaultNetworkPosture', posture, 'audit', 'of the network where Allow rules are'],
  ['defaultCapabilitiesPosture', posture, 'audit', 'of capabilities where Allow rules are'],
  ['hostDefaultFilePosture', posture, 'audit', 'of files and processes of the host where Allow rules are'],
  ['hostDefaultNetworkPosture', posture, 'audit', 'of the network of the host where Allow rules are'],
  ['hostDefaultCapabilitiesPosture', posture, 'audit', 'of capabilities of the host where Allow rules are'],
  ['hostDefaultDevicePosture', posture, 'audit', 'of the host’s USB devices', { notHere: NO_DEVICES }],
  ['coverageTest', bool, 'false', 'KubeArmor’s own tests', { notHere: 'it is part of KubeArmor’s own tests' }],
  ['untrackedNs', text, 'kube-system,kubearmor', 'comma list of namespaces whose pods are left alone: no rules, no logs'],
  [
    'lsm',
    text,
    'bpf,apparmor,selinux',
    'enforcers by preference',
    { notHere: 'the only enforcer is bpf', possible: WITH_BPF, alsoPossible: 'any list of bpf, apparmor and selinux with bpf in it' },
  ],
  ['bpfFsPath', path, '/sys/fs/bpf', 'the BPF file system; mounted if it is not'],
  ['enforcerAlerts', bool, 'true', 'alerts of the enforcer', { notHere: 'a denial is always told' }],
  ['defaultPostureLogs', bool, 'true', 'default posture as alerts', { notHere: 'a default posture is always told as an alert' }],
  [
    'initTimeout',
    { kind: 'duration' },
    '60s',
    'inside Kubernetes: how long an agent that knows nothing of its cluster waits for the API server before it ends',
  ],
  ['enableKubeArmorStateAgent', bool, 'false', 'StateAgent service', { notHere: 'StateAgent is not here yet' }],
  ['alertThrottling', bool, 'true', 'alerts of a container are throttled', FOLDED],
  ['maxAlertPerSec', { kind: 'integer', min: 1, max: 1_000_000 }, '10', 'throttling', FOLDED],
  ['throttleSec', { kind: 'integer', min: 1, max: 1_000_000 }, '30', 'throttling', FOLDED],
  ['annotateResources', bool, 'false', 'annotates workloads', { notHere: 'the agent writes to no object of its users' }],
  [
    'procfsMount',
    path,
    '/proc',
    'the host’s procfs',
    {
      notHere: 'the agent runs on the host itself, or in a pod with hostPID',
      possible: /^\/host\/procfs$/,
      alsoPossible: '/host/procfs, as KubeArmor’s manifests have it: it is not read',
    },
  ],
  ['machineIDPath', path, '/etc/machine-id', 'file with the NodeID of alerts and logs'],
  ['useOCIHooks', bool, 'false', 'OCI hooks', { notHere: 'OCI hooks are not here yet' }],
  ['enableIMA', bool, 'false', 'hashes of programs', { notHere: 'IMA is not here yet' }],
  ['enableUSBDeviceHandler', bool, 'false', 'USB devices', { notHere: NO_DEVICES }],
  ['dropResourceFromProcessLogs', bool, 'false', 'leaves Resource out of process logs'],
  [
    'matchArgs',
    bool,
    'true',
    'rules on arguments',
    { notHere: 'no rule looks at arguments yet, one with `allowedArgs` is told as not enforced' },
  ],
  ['enableNetworkPolicyEnforcer', bool, 'true', 'network policies'],
];

/** Settings that KubeArmor does not have. Their variables carry a prefix: `SOCKET` may be anybody's. */
const OURS: readonly Row[] = [
  ['auditedNs', text, 'kube-system', 'comma list of namespaces whose pods are denied nothing: what would have been is an alert'],
  ['modeAnnotation', bool, 'true', 'the annotation kubearmor-policy of a container or pod sets its mode'],
  ['nodeName', text, '', 'inside Kubernetes: the Node’s name; empty: the host’s own'],
  ['namespace', text, 'kubearmor', 'inside Kubernetes: where the ConfigMap kubearmor-config and the node’s Lease are'],
  [
    'kubeconfig',
    text,
    '',
    'inside Kubernetes: file of a kubeconfig; empty: KUBECONFIG, else the pod’s service account, else ~/.kube/config',
  ],
  ['nodeLabels', text, '', 'comma list of key=value: labels of this node, for host policies; inside Kubernetes the Node’s count'],
  ['runtimePrograms', text, '', 'comma list of paths: programs of container runtimes beside those in the usual folders, for host policies'],
  ['policyDir', path, '/opt/kubearmor/policies', 'folder of policies (.yaml .yml .json), watched; policies of the RPC are kept there'],
  ['socket', path, '/run/kubearmor/kubearmor.sock', 'Unix socket of the API, for root and the agent’s own user'],
  ['grpcInsecure', bool, 'false', 'plaintext on the TCP port, loopback only: every local user may then change policies'],
  ['alertRingBytes', { kind: 'integer', min: 4096, max: 1 << 28 }, '8388608', 'kernel buffer of alerts in bytes, a power of two'],
  [
    'startGate',
    { kind: 'choice', values: ['open', 'wait'] },
    'open',
    'containers that start while no agent is there: open lets them start without rules, wait keeps them until one is (not where the agent is a container)',
  ],
  [
    'proofEvery',
    { kind: 'integer', min: 0, max: 45 },
    '20',
    'seconds between two proofs of the same rules by a canary; 0: none, what is loaded is taken for enforced',
  ],
  ['stateDir', path, '/run/kubearmor', 'folder of probe.json, and of the names of rules in force'],
  ['bpfObject', text, '', 'the compiled programs; empty: the agent’s own'],
];

const toSetting = (ours: boolean, [key, type, fallback, meaning, more]: Row): Setting => ({
  key,
  type,
  fallback,
  meaning,
  env: ours ? [`KUBEARMOR_${key.toUpperCase()}`] : [key.toUpperCase()],
  ...more,
});

/** Every setting of the agent: flag, key of `kubearmor.yaml`, environment variable, default. */
export const SETTINGS: readonly Setting[] = [...KUBEARMOR.map((row) => toSetting(false, row)), ...OURS.map((row) => toSetting(true, row))];

/** What a value may be, in words. */
export function allowedText(type: SettingType): string {
  switch (type.kind) {
    case 'text':
      return 'any text';
    case 'boolean':
      return 'true or false';
    case 'integer':
      return `a whole number from ${type.min} to ${type.max}`;
    case 'choice':
      return `one of ${type.values.join(', ')}`;
    case 'list':
      return `a comma list of ${type.values.join(', ')}`;
    case 'unixSocket':
      return 'unix:///path/to/socket, or empty';
    case 'path':
      return 'an absolute path';
    case 'duration':
      return 'a duration like 60s or 1m30s';
  }
}

/** As Go's flags read them. @source Go, strconv.ParseBool */
const BOOLEANS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, 'true'])),
  ...Object.fromEntries(['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [word, 'false'])),
};

/** The value in its one form, or undefined where it is none. */
export function normalise(type: SettingType, given: string): string | undefined {
  if (given.includes('\0')) return undefined;
  const value = given.trim();
  switch (type.kind) {
    case 'text':
      return given;
    case 'boolean':
      return Object.hasOwn(BOOLEANS, value) ? BOOLEANS[value] : undefined;
    case 'integer':
      return normaliseInteger(type, value);
    case 'choice':
      return type.values.find((known) => known === value);
    case 'list':
      return normaliseList(type.values, value);
    case 'unixSocket':
    case 'path':
    case 'duration':
      return FORMS[type.kind].exec(value)?.[0];
  }
}

const FORMS = {
  unixSocket: /^(unix:\/\/\/.+)?$/,
  path: /^\/.*$/,
  duration: /^(\d{1,9}(\.\d{1,9})?(ms|s|m|h))+$/,
} as const;

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `1m30s`, or undefined where it is no duration. @source Go, time.ParseDuration; without its smaller units */
export function durationMs(text: string): number | undefined {
  if (!FORMS.duration.test(text)) return undefined;
  const parts = text.matchAll(/([\d.]+)(ms|s|m|h)/g);
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS_MS[unit ?? ''] ?? 0), 0);
}

function normaliseInteger({ min, max }: { readonly min: number; readonly max: number }, value: string): string | undefined {
  const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
  return number >= min && number <= max ? String(number) : undefined;
}

function normaliseList(known: readonly string[], value: string): string | undefined {
  const parts = value.split(',').map((part) => part.trim());
  return parts.every((part) => known.includes(part)) ? [...new Set(parts)].join(',') : undefined;
}
