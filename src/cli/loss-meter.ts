// SPDX-License-Identifier: Apache-2.0
import type { FeedItem, FeedRecord } from './ports.ts';

function countOf(record: FeedRecord, field: string): number {
  const value = record[field];
  const count = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string' ? Number(value) : 0;
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/**
 * Adds up what the senders say they lost, and what a gap in the connection cost.
 *
 * Senders count their own losses (`LostKernel`, `LostQueue`) and number their records (`Sequence`). KubeArmor's agent does neither;
 * then nothing is known, and nothing is claimed.
 */
export class LossMeter {
  /** By stream and node: a relay mixes the records of many. */
  readonly #last = new Map<string, { readonly sequence: number; readonly run: string; readonly connection: number }>();
  #connection = 0;
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** To be called when a connection was lost and made again. */
  reconnected(): void {
    this.#connection++;
  }

  /** One line for the user if records were lost before this one. */
  note({ stream, record }: FeedItem): string | undefined {
    const kernel = countOf(record, 'LostKernel');
    const queue = countOf(record, 'LostQueue');
    const notes = [this.#gap(stream, record)];
    if (kernel + queue > 0) notes.push(`${kernel + queue} events were lost (${kernel} in the kernel’s buffer, ${queue} in queues)`);
    this.#total += kernel + queue;
    const text = notes.filter((note) => note !== undefined).join('; ');
    return text === '' ? undefined : text;
  }

  #gap(stream: string, record: FeedRecord): string | undefined {
    const sequence = countOf(record, 'Sequence');
    if (sequence === 0) return undefined;
    const key = JSON.stringify([stream, record['HostName']]);
    const last = this.#last.get(key);
    const id = record['EventID'];
    const run = typeof id === 'string' ? id.replace(/\d+$/, '') : '';
    this.#last.set(key, { sequence, run, connection: this.#connection });
    if (last === undefined || last.connection === this.#connection) return undefined;
    if (run !== last.run || sequence <= last.sequence) {
      this.#total += sequence - 1;
      return `the agent was restarted in the gap: ${sequence - 1} records since then were missed, those before cannot be counted`;
    }
    const missed = sequence - last.sequence - 1;
    this.#total += missed;
    return `${missed} ${missed === 1 ? 'record was' : 'records were'} missed in the gap`;
  }
}
