// SPDX-License-Identifier: Apache-2.0
import type { RuleInfo, Workload } from '#policy';
import type { Describe } from './describe.ts';
import { describeAlert, describeLog } from './describe.ts';
import type { KernelEvent } from './model.ts';

/** Top-level controller of a pod. */
export interface Owner {
  readonly Ref: string;
  readonly Name: string;
  readonly Namespace: string;
}
export interface ExecEvent {
  readonly ExecID: string;
  /** The task's comm, at most 15 bytes. */
  readonly ExecutableName: string;
}

interface CommonFields {
  /** Seconds since 1970. */
  readonly Timestamp: bigint;
  /** Same moment, `2026-11-21T09:05:11.940000Z`. */
  readonly UpdatedTime: string;
  readonly ClusterName: string;
  readonly HostName: string;
  /** Empty for the host, as are the pod's and container's fields. */
  readonly NamespaceName: string;
  readonly Owner?: Owner | undefined;
  readonly PodName: string;
  /** `k=v,k=v`, sorted, without those that controllers add. */
  readonly Labels: string;
  readonly ContainerID: string;
  readonly ContainerName: string;
  readonly ContainerImage: string;
  readonly HostPPID: number;
  readonly HostPID: number;
  readonly PPID: number;
  readonly PID: number;
  readonly UID: number;
  readonly ParentProcessName: string;
  readonly ProcessName: string;
  readonly Type: string;
  readonly Source: string;
  readonly Operation: string;
  readonly Resource: string;
  /** `k=v` separated by spaces. */
  readonly Data: string;
  /** What Data and a network Resource say, as a map with capitalised keys. */
  readonly EventData: Readonly<Record<string, string>>;
  readonly Result: string;
  readonly Cwd: string;
  readonly TTY: string;
  readonly ExecEvent?: ExecEvent | undefined;
  readonly NodeID: string;
  readonly ProcessHash: string;
  readonly ParentHash: string;
  readonly ResourceHash: string;
  readonly HashAlgo: string;
  readonly UserName: string;
  /** How many identical events this record stands for; 0 (from another sender) means 1. */
  readonly Count: number;
  /** Events lost before this record of its stream; the feed fills them. */
  readonly LostKernel: bigint;
  readonly LostQueue: bigint;
  /** Nanoseconds since boot (CLOCK_BOOTTIME) of the first event. */
  readonly BootNs: bigint;
  /** Unique in one run of the sender; the feed fills it and `Sequence`. */
  readonly EventID: string;
  readonly Sequence: bigint;
}

/**
 * An access that a policy refused or reported, in KubeArmor's own field names and vocabulary.
 *
 * Field for field the message `feeder.Alert`, so that a decoded one is an `Alert` and an `Alert` can be published,
 * without a table between them that could be wrong. Empty string and 0 stand for absent.
 */
export interface Alert extends CommonFields {
  readonly PolicyName: string;
  readonly Severity: string;
  readonly Tags: string;
  readonly ATags: readonly string[];
  readonly Message: string;
  readonly Enforcer: string;
  readonly Action: string;
  readonly MaxAlertsPerSec: number;
  readonly DroppingAlertsInterval: number;
  readonly KubeArmorVersion: string;
  readonly PolicyKind: string;
  readonly PolicyNamespace: string;
  readonly RuleField: string;
  /** With ImageID the rule; undefined for a default posture. 0 is an id. */
  readonly RuleID?: number | undefined;
  readonly ImageID: number;
}

/** What a workload did, without a verdict: field for field the message `feeder.Log`. */
export type Log = CommonFields;

/** Everything about an event that the kernel does not know. */
export interface EventContext {
  /** The rule that `imageId` and `ruleId` name; absent for a default posture and for telemetry. */
  readonly rule?: RuleInfo | undefined;
  readonly workload: Workload;
  /** What the acting program was executed with, where that is known: a log's Source tells it. */
  readonly commandArgs?: readonly string[] | undefined;
  readonly owner?: Owner | undefined;
  readonly clusterName: string;
  readonly hostName: string;
  readonly nodeId: string;
  /** Of this program. */
  readonly version: string;
  /** What decided, in KubeArmor's word. */
  readonly enforcer: string;
  /** Wall clock of a moment in nanoseconds since boot. */
  readonly wallClock: (bootNs: bigint) => Date;
}

/** Labels that controllers add to pods and that say nothing about the workload. */
const CONTROLLER_LABELS = new Set(['pod-template-hash', 'pod-template-generation', 'controller-revision-hash']);

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).filter(([key]) => !CONTROLLER_LABELS.has(key));
  return pairs
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(',');
}

/** Monitor and enforcer write a directory with its final slash. */
const cwdText = (cwd: string): string => (cwd === '' || cwd.endsWith('/') ? cwd : `${cwd}/`);

function identity(
  context: EventContext,
): Pick<CommonFields, 'NamespaceName' | 'PodName' | 'Labels' | 'ContainerID' | 'ContainerName' | 'ContainerImage'> {
  const { workload } = context;
  if (workload.kind === 'host')
    return { NamespaceName: '', PodName: '', Labels: '', ContainerID: '', ContainerName: '', ContainerImage: '' };
  return {
    NamespaceName: workload.namespace,
    PodName: workload.podName,
    Labels: labelsText(workload.labels),
    ContainerID: workload.id,
    ContainerName: workload.containerName,
    ContainerImage: workload.image,
  };
}

function common(event: KernelEvent, context: EventContext, described: Describe): Omit<CommonFields, 'Type'> {
  const time = context.wallClock(event.bootNs);
  return {
    Timestamp: BigInt(Math.floor(time.getTime() / 1000)),
    UpdatedTime: time.toISOString().replace('Z', '000Z'),
    ClusterName: context.clusterName,
    HostName: context.hostName,
    ...identity(context),
    ...(context.owner === undefined ? {} : { Owner: context.owner }),
    HostPPID: event.hostPpid,
    HostPID: event.hostPid,
    PPID: event.ppid,
    PID: event.pid,
    UID: event.uid,
    ParentProcessName: event.parent,
    // For an exec the program it becomes, else the one that acts.
    ProcessName: event.hook === 'SECURITY_BPRM_CHECK' ? event.path : event.subject,
    Source: event.subject,
    Operation: described.operation,
    Resource: described.resource,
    Data: described.data,
    EventData: described.eventData,
    Result: event.outcome === 'denied' ? 'Permission denied' : 'Passed',
    Cwd: cwdText(event.cwd),
    TTY: event.tty,
    ExecEvent: { ExecID: '0', ExecutableName: event.comm },
    NodeID: context.nodeId,
    ProcessHash: '',
    ParentHash: '',
    ResourceHash: '',
    HashAlgo: '',
    UserName: '',
    Count: event.count,
    LostKernel: 0n,
    LostQueue: 0n,
    BootNs: event.bootNs,
    EventID: '',
    Sequence: 0n,
  };
}

/** `Audit (…)` names what would have been in force: KubeArmor's words for a workload in mode audited. */
function actionOf(event: KernelEvent, rule: RuleInfo | undefined): string {
  if (event.outcome === 'denied') return 'Block';
  if (event.outcome !== 'would-deny' || rule?.action === 'Audit') return 'Audit';
  return `Audit (${rule?.action ?? 'Block'})`;
}

type RuleFields = Pick<Alert, 'PolicyName' | 'Severity' | 'Tags' | 'ATags' | 'Message' | 'PolicyKind' | 'PolicyNamespace' | 'RuleField'>;

const POSTURE_FIELDS: RuleFields = {
  PolicyName: 'DefaultPosture',
  Severity: '',
  Tags: '',
  ATags: [],
  Message: '',
  PolicyKind: '',
  PolicyNamespace: '',
  RuleField: '',
};

/** PolicyName of alerts that no policy asked for. */
export const SELF_PROTECTION = 'KubeArmorSelfProtection';

const SELF_FIELDS: RuleFields = {
  ...POSTURE_FIELDS,
  PolicyName: SELF_PROTECTION,
  Severity: '10',
  Message: 'an attempt to change or end KubeArmor itself was refused',
};

function ruleFields(rule: RuleInfo): RuleFields {
  return {
    PolicyName: rule.policy,
    Severity: rule.severity === 0 ? '' : String(rule.severity),
    Tags: rule.tags.join(','),
    ATags: rule.tags,
    Message: rule.message,
    PolicyKind: rule.kind,
    PolicyNamespace: rule.namespace,
    RuleField: rule.field,
  };
}

/**
 * The alert of an event that a rule or a default posture decided. Pure.
 *
 * @param event with outcome `denied`, `audited` or `would-deny`
 */
export function alertOf(event: KernelEvent, context: EventContext): Alert {
  const { rule } = context;
  return {
    ...common(event, context, describeAlert(event, rule?.family)),
    Type: context.workload.kind === 'host' ? 'MatchedHostPolicy' : 'MatchedPolicy',
    ...(event.tampering === undefined ? (rule === undefined ? POSTURE_FIELDS : ruleFields(rule)) : SELF_FIELDS),
    Enforcer: context.enforcer,
    Action: actionOf(event, rule),
    MaxAlertsPerSec: 0,
    DroppingAlertsInterval: 0,
    KubeArmorVersion: context.version,
    ...(event.ruleId === undefined ? {} : { RuleID: event.ruleId }),
    ImageID: event.imageId,
  };
}

/**
 * The log of an event that is telemetry: Data and Resource as KubeArmor's system monitor writes them where the kernel
 * told enough, else as its enforcer does (`lsm=…`). Pure.
 *
 * @param event with outcome `observed`
 */
export function logOf(event: KernelEvent, context: EventContext): Log {
  const described = describeLog(event);
  // of an exec it is the program that calls execve, alone; so it is in alerts, which KubeArmor's enforcer makes
  const args = described.operation === 'Process' ? [] : (context.commandArgs ?? []);
  return {
    ...common(event, context, described),
    Source: [event.subject, ...args].join(' '),
    Type: context.workload.kind === 'host' ? 'HostLog' : 'ContainerLog',
  };
}
