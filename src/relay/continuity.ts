// SPDX-License-Identifier: Apache-2.0

/** What names a record of an agent's stream. */
export interface Numbered {
  readonly EventID: string;
  readonly Sequence: bigint;
  readonly LostKernel: bigint;
  readonly LostQueue: bigint;
}

export interface Gap {
  readonly kernel: bigint;
  readonly queue: bigint;
}

/**
 * Finds what is missing in one stream of one agent, over any number of connections to it.
 *
 * The agent counts its records in one sequence for all readers, and tells each reader in a record what that reader lost before it. While
 * nobody was connected it tells nobody; the sequence goes on all the same, so what is missing then is the difference. Records, not events: a
 * record may stand for several, so the number is the least that it can be. An agent that started anew starts a new sequence.
 */
export class Continuity {
  #run: string | undefined;
  #last = 0n;
  #isReconnected = false;

  /** The next record is the first of a new connection. */
  reconnected(): void {
    this.#isReconnected = true;
  }

  /** @returns what was lost before this record */
  next({ EventID, Sequence, LostKernel, LostQueue }: Numbered): Gap {
    const run = EventID.slice(0, EventID.lastIndexOf('-'));
    const missing = this.#isReconnected && run === this.#run && Sequence > this.#last ? Sequence - this.#last - 1n : 0n;
    this.#isReconnected = false;
    this.#run = run;
    this.#last = Sequence;
    return { kernel: LostKernel, queue: LostQueue + missing };
  }
}
