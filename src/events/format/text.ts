// SPDX-License-Identifier: Apache-2.0
import type { Alert, Log } from '../alert.ts';
import { isAlert, shownFields } from './fields.ts';
import type { Message } from './fields.ts';
import { printable } from './printable.ts';

/** First these, in this order, then the others alphabetically. */
const FIRST_KEYS = [
  'ClusterName',
  'HostName',
  'NamespaceName',
  'PodName',
  'Labels',
  'ContainerName',
  'ContainerID',
  'ContainerImage',
  'Type',
  'PolicyName',
  'Severity',
  'Message',
  'Source',
  'Resource',
  'Operation',
  'Action',
  'Data',
  'EventData',
  'Enforcer',
  'Result',
];
/** They stand in the header. */
const HEADER_KEYS = new Set(['Timestamp', 'UpdatedTime']);

/** Maps and lists as Go's %v prints them. */
function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (typeof value !== 'object' || value === null) return printable(String(value));
  const entries = Object.entries(value).filter(([key, member]) => !key.startsWith('$') && member !== '');
  const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${sorted.map(([key, member]) => `${printable(key)}:${goText(member)}`).join(' ')}]`;
}

const headerTime = (record: Alert | Log): string => printable(record.UpdatedTime.replace('T', ' ').replace('Z', ''));

/** KubeArmor's text form: `== Alert / 2026-11-21 09:05:11.940319 ==`, then a line `Key: value` for every field that is not empty. */
export function formatText(record: Alert | Log): string {
  const fields = new Map(shownFields(record).filter(([key]) => !HEADER_KEYS.has(key)));
  const rest = [...fields.keys()].filter((key) => !FIRST_KEYS.includes(key)).toSorted();
  const keys = [...FIRST_KEYS.filter((key) => fields.has(key)), ...rest];
  const lines = keys.map((key) => `${key}: ${goText(fields.get(key))}`);
  return [`== ${isAlert(record) ? 'Alert' : 'Log'} / ${headerTime(record)} ==`, ...lines].join('\n');
}

/** KubeArmor's form of a message: time, cluster, host, level, text. */
export function formatMessage(message: Message): string {
  const parts = [message.UpdatedTime, message.ClusterName, message.HostName, `[${message.Level}]`, message.Message];
  return parts.map(printable).join('  ');
}
