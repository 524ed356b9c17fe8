// SPDX-License-Identifier: Apache-2.0
import type { LogEntry } from './log-sink.ts';
import type { FeedItem } from './ports.ts';

export const LOG_FORMATS = ['line', 'text', 'json', 'pretty-json', 'wide'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];
export type RecordRenderer = (item: FeedItem) => LogEntry;

export async function loadRenderer(format: LogFormat): Promise<RecordRenderer> {
  return ({ record }) => (format === 'json' ? { json: JSON.stringify(record) } : { lines: [`${record['Type']} - ${record['Action']} - ${record['Operation']} ${record['Resource']}`] });
}
