// SPDX-License-Identifier: Apache-2.0
import type { Alert, Log } from '../alert.ts';
import { isAlert, shownFields } from './fields.ts';
import { printable } from './printable.ts';

/** Where an access happened: `namespace/pod/container`, outside Kubernetes `namespace/container`, or `host NAME`. */
function place(record: Alert | Log): string {
  if (record.ContainerID === '' && record.PodName === '') return `host ${record.HostName}`;
  const parts = [record.NamespaceName, record.PodName, record.ContainerName];
  return parts.filter((part, i) => part !== '' && part !== parts[i - 1]).join('/');
}

/** The address is in EventData only: Resource keeps KubeArmor's words. */
function what(record: Alert | Log): string {
  const { Remoteip, Localip, Port } = record.EventData;
  const address = Remoteip ?? Localip;
  const resource = record.Resource === '' ? record.Data : record.Resource;
  if (address === undefined || resource.includes(address)) return `${record.Operation} ${resource}`;
  const host = address.includes(':') ? `[${address}]` : address;
  return `${record.Operation} ${resource} ${Remoteip === undefined ? 'on' : 'to'} ${host}${Port === undefined ? '' : `:${Port}`}`;
}

function ruleText(alert: Alert): string {
  if (alert.RuleField === '') return alert.PolicyName;
  const policy = alert.PolicyNamespace === '' ? alert.PolicyName : `${alert.PolicyNamespace}/${alert.PolicyName}`;
  return `${policy}/${alert.RuleField}`;
}

function lostText(record: Alert | Log): string {
  const lost = record.LostKernel + record.LostQueue;
  return lost === 0n ? '' : ` - ${lost} events lost before this`;
}

/**
 * One line, the default of `karmor logs`: `MatchedPolicy - Block - Process /bin/sh - rule default/no-shell/spec.process…`,
 * then time, place, the acting program, and `xN` for N folded repeats. Control characters are escaped.
 */
export function formatLine(record: Alert | Log): string {
  const verdict = isAlert(record) ? record.Action : record.Result;
  const parts = [record.Type, verdict, what(record)];
  if (isAlert(record) && record.PolicyName !== '') parts.push(`rule ${ruleText(record)}`);
  const times = record.Count > 1 ? ` x${record.Count}` : '';
  parts.push(
    `${record.UpdatedTime} ${place(record)} by ${record.Source === '' ? record.ProcessName : record.Source} (pid ${record.HostPID}, uid ${record.UID})${times}`,
  );
  return printable(parts.filter((part) => part !== '').join(' - ') + lostText(record));
}

const IN_LINE = new Set([
  'Timestamp',
  'UpdatedTime',
  'Type',
  'Action',
  'Operation',
  'Resource',
  'PolicyName',
  'PolicyNamespace',
  'RuleField',
  'NamespaceName',
  'PodName',
  'ContainerName',
  'Source',
  'HostPID',
  'UID',
  'Count',
  'EventData',
  'Tags',
  'LostKernel',
  'LostQueue',
]);

function wideValue(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .filter(([key, member]) => !key.startsWith('$') && member !== '')
    .map(([, member]) => String(member))
    .join('/');
}

/** The line, and behind it every other field that is not empty as `Key=value`; values with blanks stand in quotes. */
export function formatWide(record: Alert | Log): string {
  const fields = shownFields(record).filter(([key]) => !IN_LINE.has(key));
  const texts = fields.map(([key, value]) => {
    const text = printable(wideValue(value));
    return `${key}=${/[\s"]/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text}`;
  });
  return [formatLine(record), ...texts].join(' ');
}

/** What the agent's own output calls an alert; KubeArmor's users grep its log for `Blocked`. */
const VERDICT_WORD: Readonly<Record<string, string>> = { Block: 'Blocked', Audit: 'Audited' };

/** One line for the agent's standard output: `Blocked: MatchedPolicy - Block - …`; what would be blocked is `Would block`. */
export function formatAgentLine(alert: Alert): string {
  return `${VERDICT_WORD[alert.Action] ?? (alert.Action.startsWith('Audit (') ? 'Would block' : 'Event')}: ${formatLine(alert)}`;
}
