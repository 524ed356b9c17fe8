// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { MappedMemory, pageSize } from '#libbpf';

/** Header of a record: u32 length and flags, u32 page offset. Source: linux/bpf.h (BPF_RINGBUF_*), kernel/bpf/ringbuf.c. */
const HEADER_BYTES = 8;
const DISCARD_BIT = 1 << 30;
const LENGTH_MASK = (1 << 30) - 1;
/** Room is given back to the producers at least this often within a batch. */
const PUBLISH_EVERY = 256;
/** Positions are compared by their low 32 bits, so the ring must be smaller than that by far. */
const SIZE_MAX = 1 << 30;

/**
 * What reads a record. `buffer` is the kernel's memory, or a copy of a record that lay around the ring's end: the bytes from
 * `offset` to `offset + length` hold until the call returns.
 */
export type OnRecord = (buffer: Buffer, offset: number, length: number) => void;

/**
 * Reads a BPF_MAP_TYPE_RINGBUF over its mapped pages: no call into the kernel, nothing copied or allocated per record.
 *
 * A ring has one consumer: two readers of the same ring, here or in another process, corrupt its position.
 * Reading starts where the last reader stopped, so a pinned ring loses nothing between agents.
 */
export class RingReader implements Disposable {
  /** Of the ring; not owned. */
  readonly fd: number;
  readonly #consumer: MappedMemory;
  readonly #producer: MappedMemory;
  readonly #consumerPosition: BigUint64Array;
  readonly #producerLow: Uint32Array;
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #mask: number;
  /** Bytes consumed since the ring was made; an integer below 2^53. */
  #position: number;
  #closed = false;

  /**
   * @param mapFd descriptor of the ring; may be closed once constructed, unless `watchRing` is to wait on it
   * @param sizeBytes the map's max_entries: a power of two, at least a page, at most 1 GiB
   * @throws {KubeArmorError} `KERNEL_CALL` when the ring cannot be mapped
   */
  constructor(mapFd: number, sizeBytes: number) {
    const page = pageSize();
    const isPowerOfTwo = Number.isInteger(Math.log2(sizeBytes));
    if (!isPowerOfTwo || sizeBytes < page || sizeBytes > SIZE_MAX) {
      throw new KubeArmorError('KERNEL_CALL', `mapping a ring: ${sizeBytes} bytes is not a power of two from ${page} to ${SIZE_MAX}`);
    }
    this.fd = mapFd;
    this.#mask = sizeBytes - 1;
    // the kernel maps a ring's data twice, never beyond: fails for a ring that is smaller
    new MappedMemory(mapFd, page + 2 * sizeBytes, { offset: page })[Symbol.dispose]();
    this.#consumer = new MappedMemory(mapFd, page, { writable: true });
    try {
      // One page with the producers' position, then the data. The kernel would give the data a second time behind that, so that
      // no record is split; all that is mapped counts as our memory, and one record a round is cheaper to copy.
      this.#producer = new MappedMemory(mapFd, page + sizeBytes, { offset: page });
    } catch (error) {
      this.#consumer[Symbol.dispose]();
      throw error;
    }
    this.#consumerPosition = new BigUint64Array(this.#consumer.buffer, 0, 1);
    this.#producerLow = new Uint32Array(this.#producer.buffer, 0, 1);
    this.#words = new Int32Array(this.#producer.buffer, page);
    this.#bytes = Buffer.from(this.#producer.buffer, page);
    this.#position = Number(Atomics.load(this.#consumerPosition, 0));
  }

  /** Bytes that producers have reserved and we have not consumed; what waits behind a record still being written counts. */
  get pendingBytes(): number {
    if (this.#closed) return 0;
    return (Atomics.load(this.#producerLow, 0) - (this.#position >>> 0)) >>> 0;
  }

  /**
   * Gives what is there to `onRecord`, oldest first; stops at a record that is still being written.
   *
   * If `onRecord` throws, its record counts as consumed and the error passes through.
   *
   * @param max most records to give; discarded ones count too
   * @returns how many records were consumed, discarded ones included: less than `max` means that the ring had no more
   */
  drain(onRecord: OnRecord, max: number): number {
    let rest = this.pendingBytes;
    let count = 0;
    try {
      while (rest > 0 && count < max && !this.#closed) {
        const offset = this.#position & this.#mask;
        const header = Atomics.load(this.#words, offset >> 2);
        if (header < 0) break; // bit 31, BPF_RINGBUF_BUSY_BIT: still being written
        const length = header & LENGTH_MASK;
        const step = (length + HEADER_BYTES + 7) & ~7;
        this.#position += step;
        rest -= step;
        count++;
        if ((header & DISCARD_BIT) === 0) this.#give(onRecord, offset + HEADER_BYTES, length);
        if (count % PUBLISH_EVERY === 0) this.#publish();
      }
    } finally {
      if (count % PUBLISH_EVERY !== 0) this.#publish();
    }
    return count;
  }

  /** From now on `drain` finds nothing. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#publish();
    this.#closed = true;
    this.#consumer[Symbol.dispose]();
    this.#producer[Symbol.dispose]();
  }

  #give(onRecord: OnRecord, start: number, length: number): void {
    const beyond = start + length - this.#bytes.length;
    if (beyond <= 0) return onRecord(this.#bytes, start, length);
    const whole = Buffer.concat([this.#bytes.subarray(start), this.#bytes.subarray(0, beyond)]);
    onRecord(whole, 0, length);
  }

  /** One 64-bit store: producers must never see half a position. */
  #publish(): void {
    if (!this.#closed) Atomics.store(this.#consumerPosition, 0, BigInt(this.#position));
  }
}
