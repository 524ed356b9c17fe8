// SPDX-License-Identifier: Apache-2.0
import type { Alert, Log, Message } from '#events';
import type { LogEntry } from './log-sink.ts';
import type { FeedItem } from './ports.ts';
import type { Colour } from './text.ts';

export const LOG_FORMATS = ['line', 'text', 'json', 'pretty-json', 'wide'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];
export type RecordRenderer = (item: FeedItem) => LogEntry;

const COLOURS: Readonly<Record<string, Colour>> = { Block: 'red', Audit: 'yellow', 'Audit (Block)': 'yellow', 'Audit (Allow)': 'yellow' };

/** Loads the formats; they are not needed for `--help`. */
export async function loadRenderer(format: LogFormat): Promise<RecordRenderer> {
  const { formatJson, formatLine, formatMessage, formatPrettyJson, formatText, formatWide } = await import('#events');
  // A decoded message has every field, as the records of #events have.
  const json = { json: formatJson, 'pretty-json': formatPrettyJson }[format as string];
  if (json !== undefined) return ({ record }) => ({ json: json(record as unknown as Alert | Log | Message) });
  const lines = { text: formatText, wide: formatWide }[format as string] ?? formatLine;
  return ({ stream, record }) => {
    if (stream === 'message') return { lines: [formatMessage(record as unknown as Message)] };
    const colour = COLOURS[String(record['Action'])];
    // Formats escape line ends in values, so these are the format's own.
    const texts = lines(record as unknown as Alert | Log).split('\n');
    return { lines: texts.map((text) => (colour === undefined ? text : { text, colour })) };
  };
}
