// SPDX-License-Identifier: Apache-2.0
import type { Alert, Log } from '../alert.ts';
import { isAlert, shownFields } from './fields.ts';
import type { Message } from './fields.ts';
import { jsonString } from './printable.ts';

type Entries = readonly (readonly [key: string, value: unknown])[];

function objectText(entries: Entries, indent: string): string {
  if (entries.length === 0) return '{}';
  if (indent === '') return `{${entries.map(([key, value]) => `${jsonString(key)}:${valueText(value, '')}`).join(',')}}`;
  const lines = entries.map(([key, value]) => `${indent}${jsonString(key)}: ${valueText(value, `${indent}  `)}`);
  return `{\n${lines.join(',\n')}\n${indent.slice(2)}}`;
}

function listText(items: readonly unknown[], indent: string): string {
  const texts = items.map((item) => valueText(item, indent === '' ? '' : `${indent}  `));
  return indent === '' || items.length === 0
    ? `[${texts.join(',')}]`
    : `[\n${texts.map((text) => indent + text).join(',\n')}\n${indent.slice(2)}]`;
}

/** 64-bit integers are numbers, digit for digit. @param indent of the members of an object or a list; empty for one line */
function valueText(value: unknown, indent: string): string {
  if (typeof value === 'string') return jsonString(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return listText(value, indent);
  return objectText(membersOf(value), indent);
}

/** Members of a sub-message or map: sorted as Go sorts maps where it is one, without empty strings and the library's own. */
function membersOf(value: object): Entries {
  const entries = Object.entries(value).filter(([key]) => !key.startsWith('$'));
  if ('Ref' in value || 'ExecID' in value) return entries.filter(([, member]) => member !== '');
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function kubearmorFields(record: Alert | Log | Message): Entries {
  const entries = shownFields(record);
  // KubeArmor's agent always allocates it; a record from elsewhere may lack it.
  if ('Level' in record || entries.some(([key]) => key === 'ExecEvent')) return entries;
  return [...entries, ['ExecEvent', {}]];
}

/**
 * KubeArmor's JSON, one line: what `karmor logs --json` prints and indexers store. Keys in the order of the protocol,
 * 64-bit numbers as numbers, empty fields omitted except PPID, UID and ExecEvent, `<` `>` `&` and control characters escaped.
 */
export const formatJson = (record: Alert | Log | Message): string => objectText(kubearmorFields(record), '');

/** The same, indented by two spaces over several lines. */
export const formatPrettyJson = (record: Alert | Log | Message): string => objectText(kubearmorFields(record), '  ');

/** KubeArmor's agent writes another JSON to its log file: these keys, camel case where not said otherwise, `?` where empty is omitted. */
const AGENT_KEYS: readonly (readonly [field: keyof Alert, key: string, omitEmpty: boolean])[] = [
  ['Timestamp', 'timestamp', false],
  ['UpdatedTime', 'updatedTime', false],
  ['ClusterName', 'clusterName', true],
  ['HostName', 'hostName', false],
  ['NodeID', 'nodeID', true],
  ['UserName', 'username', true],
  ['NamespaceName', 'namespaceName', true],
  ['Owner', 'owner', true],
  ['PodName', 'podName', true],
  ['Labels', 'labels', true],
  ['ContainerID', 'containerID', true],
  ['ContainerName', 'containerName', true],
  ['ContainerImage', 'containerImage', true],
  ['HostPPID', 'hostPPid', false],
  ['HostPID', 'hostPid', false],
  ['PPID', 'ppid', false],
  ['PID', 'pid', false],
  ['UID', 'uid', false],
  ['ExecEvent', 'execEvent', false],
  ['ParentProcessName', 'parentProcessName', false],
  ['ProcessName', 'processName', false],
  ['Enforcer', 'enforcer', true],
  ['PolicyName', 'policyName', true],
  ['KubeArmorVersion', 'kubeArmorVersion', true],
  ['Severity', 'severity', true],
  ['Tags', 'tags', true],
  ['ATags', 'atags', false],
  ['Message', 'message', true],
  ['Type', 'type', false],
  ['Source', 'source', false],
  ['Operation', 'operation', false],
  ['Resource', 'resource', false],
  ['Cwd', 'cwd', false],
  ['TTY', 'tty', true],
  ['Data', 'data', true],
  ['EventData', 'eventData', true],
  ['ProcessHash', 'processHash', true],
  ['ParentHash', 'parentHash', true],
  ['ResourceHash', 'resourceHash', true],
  ['HashAlgo', 'hashAlgo', true],
  ['Action', 'action', true],
  ['Result', 'result', false],
  ['MaxAlertsPerSec', 'MaxAlertsPerSec', true],
  ['DroppingAlertsInterval', 'DroppingAlertsInterval', true],
  ['PolicyKind', 'policyKind', true],
  ['PolicyNamespace', 'policyNamespace', true],
  ['RuleField', 'ruleField', true],
  ['RuleID', 'ruleID', true],
  ['ImageID', 'imageID', true],
  ['Count', 'count', true],
  ['BootNs', 'bootNs', true],
];

/** KubeArmor's word for where an inode's owner stands; the hooks do not report it, readers expect a number. */
const NO_OWNER_ID = 0;

/** The agent's own JSON, one line, for `logPath`: camel case, as KubeArmor's agent writes it, with our fields at the end. */
export function formatAgentJson(record: Alert | Log): string {
  const values = record as Partial<Alert>;
  const shown = new Set(shownFields(record).map(([key]) => key));
  const entries: [string, unknown][] = [];
  for (const [field, key, omitEmpty] of AGENT_KEYS) {
    if (shown.has(field) || !omitEmpty) entries.push([key, values[field] ?? (field === 'ExecEvent' ? {} : null)]);
    if (field === 'TTY') entries.push(['oid', NO_OWNER_ID]);
  }
  // A log has no tags: KubeArmor prints null, as for an alert without.
  return objectText(
    entries.map(([key, value]) => [key, key === 'atags' && (!isAlert(record) || record.ATags.length === 0) ? null : value]),
    '',
  );
}
