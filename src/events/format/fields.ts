// SPDX-License-Identifier: Apache-2.0
import type { Alert, Log } from '../alert.ts';

/** A message of the sender itself, for `feeder.WatchMessages`: field for field `feeder.Message`. */
export interface Message {
  readonly Timestamp: bigint;
  readonly UpdatedTime: string;
  readonly ClusterName: string;
  readonly HostName: string;
  readonly HostIP: string;
  readonly Type: string;
  readonly Level: string;
  readonly Message: string;
}

/** Keys of the JSON forms in their order: the order of declaration in api/proto/kubearmor.proto, which a test compares. */
export const ALERT_KEYS = [
  'Timestamp',
  'UpdatedTime',
  'ClusterName',
  'HostName',
  'NamespaceName',
  'Owner',
  'PodName',
  'Labels',
  'ContainerID',
  'ContainerName',
  'ContainerImage',
  'HostPPID',
  'HostPID',
  'PPID',
  'PID',
  'UID',
  'ParentProcessName',
  'ProcessName',
  'PolicyName',
  'Severity',
  'Tags',
  'ATags',
  'Message',
  'Type',
  'Source',
  'Operation',
  'Resource',
  'Data',
  'EventData',
  'Enforcer',
  'Action',
  'Result',
  'Cwd',
  'TTY',
  'MaxAlertsPerSec',
  'DroppingAlertsInterval',
  'ExecEvent',
  'KubeArmorVersion',
  'NodeID',
  'ProcessHash',
  'ParentHash',
  'ResourceHash',
  'HashAlgo',
  'UserName',
  'PolicyKind',
  'PolicyNamespace',
  'RuleField',
  'RuleID',
  'ImageID',
  'Count',
  'LostKernel',
  'LostQueue',
  'BootNs',
  'EventID',
  'Sequence',
] as const satisfies readonly (keyof Alert)[];
export const LOG_KEYS = [
  'Timestamp',
  'UpdatedTime',
  'ClusterName',
  'HostName',
  'NamespaceName',
  'Owner',
  'PodName',
  'Labels',
  'ContainerID',
  'ContainerName',
  'ContainerImage',
  'ParentProcessName',
  'ProcessName',
  'HostPPID',
  'HostPID',
  'PPID',
  'PID',
  'UID',
  'Type',
  'Source',
  'Operation',
  'Resource',
  'Data',
  'EventData',
  'Result',
  'Cwd',
  'TTY',
  'ExecEvent',
  'NodeID',
  'ProcessHash',
  'ParentHash',
  'ResourceHash',
  'HashAlgo',
  'UserName',
  'Count',
  'LostKernel',
  'LostQueue',
  'BootNs',
  'EventID',
  'Sequence',
] as const satisfies readonly (keyof Log)[];
export const MESSAGE_KEYS = [
  'Timestamp',
  'UpdatedTime',
  'ClusterName',
  'HostName',
  'HostIP',
  'Type',
  'Level',
  'Message',
] as const satisfies readonly (keyof Message)[];

/** Tells an alert from a log: only alerts have an Action. */
export const isAlert = (record: Alert | Log): record is Alert => 'Action' in record;

/** A record's fields in order, without those that KubeArmor's JSON omits. */
export function shownFields(record: Alert | Log | Message): [key: string, value: unknown][] {
  const keys: readonly string[] = 'Level' in record ? MESSAGE_KEYS : isAlert(record) ? ALERT_KEYS : LOG_KEYS;
  const values = record as unknown as Readonly<Record<string, unknown>>;
  return keys.map((key): [string, unknown] => [key, values[key]]).filter(([key, value]) => isShown(key, value));
}

/** PPID, UID and ExecEvent are always there in what KubeArmor prints; RuleID 0 is an id. */
const KEPT_AT_ZERO = new Set(['PPID', 'UID', 'RuleID']);

function isShown(key: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (KEPT_AT_ZERO.has(key) || key === 'ExecEvent') return true;
  if (value === '' || value === 0 || value === 0n) return false;
  if (Array.isArray(value)) return value.length > 0;
  return key !== 'EventData' || Object.keys(value as object).length > 0;
}
