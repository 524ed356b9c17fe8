// SPDX-License-Identifier: Apache-2.0

/** The four kinds of group `security.kubearmor.com/v1`. */
export type PolicyKind = 'KubeArmorPolicy' | 'KubeArmorHostPolicy' | 'KubeArmorClusterPolicy' | 'KubeArmorNetworkPolicy';
export type Action = 'Allow' | 'Audit' | 'Block';
export type Posture = 'audit' | 'block';
export type Family = 'process' | 'file' | 'network' | 'dns' | 'capabilities' | 'syscalls' | 'device' | 'firewall' | 'preset' | 'apparmor';

/** What names a file or a program. Paths are absolute, as written, without a trailing slash (except `/`). */
export type PathObject =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'execname'; readonly name: string }
  | { readonly kind: 'glob'; readonly glob: string }
  | { readonly kind: 'dir'; readonly dir: string; readonly recursive: boolean };

interface RuleBase {
  /** Field path of the rule in its policy, e.g. `spec.process.matchPaths[2]`. A comma list appends `#0`, `#1` … */
  readonly field: string;
  readonly action: Action;
  /** 1..10, or 0 where none is given. */
  readonly severity: number;
  readonly tags: readonly string[];
  readonly message: string;
  /** Who acts; empty means anybody. A rule with several matches when any of them does. */
  readonly subjects: readonly PathObject[];
  /** `pts: false` as written; undefined where absent. */
  readonly pts?: boolean | undefined;
}
export interface ProcessRule extends RuleBase {
  readonly family: 'process';
  readonly object: PathObject;
  readonly ownerOnly: boolean;
  readonly allowedArgs?: readonly string[] | undefined;
}
export interface FileRule extends RuleBase {
  readonly family: 'file';
  readonly object: PathObject;
  readonly readOnly: boolean;
  readonly ownerOnly: boolean;
}
export type Protocol =
  | 'tcp'
  | 'udp'
  | 'icmp'
  | 'icmpv6'
  | 'sctp'
  | 'dccp'
  | 'raw'
  | 'stream'
  | 'dgram'
  | 'seqpacket'
  | 'rdm'
  | 'packet'
  | 'all';
export interface NetworkRule extends RuleBase {
  readonly family: 'network';
  readonly protocol: Protocol;
  /** 1..65535; `endPort` ≥ `port`, inclusive. */
  readonly port?: number | undefined;
  readonly endPort?: number | undefined;
  /** As written, e.g. `10.0.0.0/8` or `2001:db8::/32`; validated. */
  readonly cidr?: string | undefined;
  /** Present where the rule has one, or a port or cidr (then `egress` unless written otherwise). */
  readonly direction?: 'ingress' | 'egress' | undefined;
}
export interface DnsRule extends RuleBase {
  readonly family: 'dns';
  /** Lower case, without the final dot. */
  readonly domain: string;
}
export interface CapabilityRule extends RuleBase {
  readonly family: 'capabilities';
  /** Upper case with prefix: `CAP_NET_RAW`. */
  readonly capability: string;
}
/** Always `Audit`. */
export interface SyscallRule extends RuleBase {
  readonly family: 'syscalls';
  readonly syscalls: readonly string[];
  readonly object?: PathObject | undefined;
}
export interface DeviceRule extends RuleBase {
  readonly family: 'device';
  readonly class: string;
  readonly subClass?: number | undefined;
  readonly protocol?: number | undefined;
  readonly level?: number | undefined;
}
/** One ingress or egress item of a KubeArmorNetworkPolicy in KubeArmor's own form. */
export interface FirewallRule extends RuleBase {
  readonly family: 'firewall';
  readonly direction: 'ingress' | 'egress';
  readonly cidrs: readonly string[];
  readonly interfaces: readonly string[];
  readonly ports: readonly { readonly port: string; readonly endPort?: number | undefined; readonly protocol?: string | undefined }[];
  readonly limit?: string | undefined;
  readonly duration?: string | undefined;
}
export interface PresetRule extends RuleBase {
  readonly family: 'preset';
  readonly preset: string;
}
/** Raw AppArmor rule lines. */
export interface AppArmorRule extends RuleBase {
  readonly family: 'apparmor';
  readonly text: string;
}
export type Rule =
  | ProcessRule
  | FileRule
  | NetworkRule
  | DnsRule
  | CapabilityRule
  | SyscallRule
  | DeviceRule
  | FirewallRule
  | PresetRule
  | AppArmorRule;

/** Values are label values; for `labelPair` they are whole `k=v` strings (KubeArmor's own form). */
export type LabelExpression =
  | { readonly kind: 'namespace'; readonly operator: 'In' | 'NotIn'; readonly values: readonly string[] }
  | { readonly kind: 'labelPair'; readonly operator: 'In' | 'NotIn'; readonly values: readonly string[] }
  | {
      readonly kind: 'label';
      readonly key: string;
      readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
      readonly values: readonly string[];
    };

export interface Selector {
  /** `workload`: selector; `node`: nodeSelector. */
  readonly target: 'workload' | 'node';
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly LabelExpression[];
  /** From `kubearmor.io/container.name: "[a, b]"` (removed from matchLabels); empty means every container. */
  readonly containerNames: readonly string[];
}

/** A document that was taken: everything inherited, expanded and normalised. */
export interface Policy {
  readonly kind: PolicyKind;
  /** Empty for the kinds that have none. A KubeArmorPolicy without one is in `default`. */
  readonly namespace: string;
  readonly name: string;
  readonly selector: Selector;
  readonly rules: readonly Rule[];
  readonly defaultPosture?: Posture | undefined;
  /** The document as JSON, as given: for backups and `getProbeData`. */
  readonly document: unknown;
}

export type WorkloadMode = 'enabled' | 'audited' | 'disabled';
export interface Postures {
  /** Of files and processes. */
  readonly file: Posture;
  /** Of network and dns. */
  readonly network: Posture;
  readonly capabilities: Posture;
}

/** What a policy can be applied to: one container, or the host. */
export interface Workload {
  /** Full container id, or `host`. */
  readonly id: string;
  readonly kind: 'container' | 'host';
  /** Kubernetes namespace; `container_namespace` (or label `kubearmor.io/namespace`) outside Kubernetes. */
  readonly namespace: string;
  /** Outside Kubernetes the container's name. */
  readonly podName: string;
  readonly containerName: string;
  /** As the runtime names it, with digest where known. */
  readonly image: string;
  /** Labels of the pod (or container), or of the node. */
  readonly labels: Readonly<Record<string, string>>;
  readonly mode: WorkloadMode;
  readonly postures: Postures;
  /** The pod's top-level controller, for events: no policy selects by it. */
  readonly owner?: WorkloadOwner | undefined;
  /** What its logs tell of: `process`, `file`, `network`, `capabilities`; absent: as the node is configured. */
  readonly visibility?: ReadonlySet<string> | undefined;
}

/** Who made a pod: `Deployment shop/web`. */
export interface WorkloadOwner {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}
