// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import { KubeArmorError } from '#base';
import type { Kind, KubeObject } from './api.ts';
import { LineCutter } from './lines.ts';
import { isRecord, readObject, recordOf, textOf } from './read-object.ts';
import { statusError } from './status-error.ts';

/** An object has at most 3 MiB as the server takes it; managed fields may double that. */
const LINE_MAX_BYTES = 16 * 1024 * 1024;

/** One line of a watch. */
export type WatchEvent =
  | { readonly kind: 'added' | 'modified' | 'deleted'; readonly object: KubeObject; readonly version: string }
  | { readonly kind: 'bookmark'; readonly version: string };

export interface StreamOptions {
  readonly kind: Kind;
  /** For messages, like `watching pods`. */
  readonly doing: string;
  /** A connection that says nothing for so long is taken for dead. */
  readonly silentMs: number;
  readonly managedFields: boolean;
}

const KINDS: Readonly<Record<string, 'added' | 'modified' | 'deleted' | 'bookmark'>> = {
  ADDED: 'added',
  MODIFIED: 'modified',
  DELETED: 'deleted',
  BOOKMARK: 'bookmark',
};

/**
 * Reads a watch's answer to its end. A stream that is cut, or silent for too long, ends as one that is over: the last version tells
 * where to go on.
 *
 * @throws {KubeArmorError} what an ERROR event says (`context.status` 410: list again), `API_UNREACHABLE` for lines that are no events
 */
export async function* readWatch(response: IncomingMessage, options: StreamOptions): AsyncGenerator<WatchEvent> {
  const cutter = new LineCutter(LINE_MAX_BYTES);
  const chunks: AsyncIterator<Buffer> = response[Symbol.asyncIterator]();
  try {
    for (;;) {
      const chunk = await nextChunk(response, chunks, options.silentMs);
      if (chunk === undefined) return;
      for (const line of cutLines(cutter, chunk, options)) yield readEvent(line, options);
    }
  } finally {
    response.destroy();
  }
}

/** Time counts only while we wait for the server, not while our reader is busy. */
async function nextChunk(response: IncomingMessage, chunks: AsyncIterator<Buffer>, silentMs: number): Promise<Buffer | undefined> {
  const timer = setTimeout(() => response.destroy(), silentMs);
  try {
    const next = await chunks.next();
    return next.done === true ? undefined : next.value;
  } catch {
    return undefined; // cut
  } finally {
    clearTimeout(timer);
  }
}

function cutLines(cutter: LineCutter, chunk: Buffer, { doing }: StreamOptions): string[] {
  try {
    return cutter.cut(chunk);
  } catch (error) {
    throw new KubeArmorError('API_UNREACHABLE', `${doing}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function readEvent(line: string, { kind, doing, managedFields }: StreamOptions): WatchEvent {
  const event = parseLine(line, doing);
  const type = textOf(event, 'type') ?? '';
  const object = recordOf(event, 'object');
  if (type === 'ERROR')
    throw statusError(doing, { status: typeof object['code'] === 'number' ? object['code'] : 500, body: JSON.stringify(object) });
  const change = Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  if (change === undefined) throw new KubeArmorError('API_UNREACHABLE', `${doing}: an event of the unknown type "${type.slice(0, 40)}"`);
  const version = textOf(recordOf(object, 'metadata'), 'resourceVersion');
  if (version === undefined) throw new KubeArmorError('API_UNREACHABLE', `${doing}: an event without a resource version`);
  if (change === 'bookmark') return { kind: change, version };
  return { kind: change, version, object: readObject(kind, object, doing, managedFields) };
}

function parseLine(line: string, doing: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new KubeArmorError('API_UNREACHABLE', `${doing}: a line that is no JSON`, { cause: error });
  }
  if (!isRecord(value)) throw new KubeArmorError('API_UNREACHABLE', `${doing}: a line that is no event`);
  return value;
}
