// SPDX-License-Identifier: Apache-2.0
import koffi from 'koffi';

/**
 * Tells once when a descriptor becomes readable, from the event loop's own epoll: no thread waits.
 *
 * One watch a descriptor. The descriptor must stay open until the watch is disposed; an armed watch keeps the process running.
 */
export class ReadableWatch implements Disposable {
  readonly #fd: number;
  readonly #onReadable: () => void;
  #handle: ReturnType<typeof koffi.node.poll> | undefined;
  #closed = false;

  constructor(fd: number, onReadable: () => void) {
    this.#fd = fd;
    this.#onReadable = onReadable;
  }

  /** Calls back once, soon if the descriptor is readable already. Does nothing once disposed. */
  arm(): void {
    if (this.#closed) return;
    if (this.#handle === undefined) this.#handle = koffi.node.poll(this.#fd, { readable: true }, this.#fire);
    else this.#handle.start({ readable: true }, this.#fire);
  }

  /** Takes `arm` back. */
  disarm(): void {
    this.#handle?.stop();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#handle?.close();
    this.#handle = undefined;
  }

  readonly #fire = (): void => {
    if (this.#closed) return;
    this.disarm();
    this.#onReadable();
  };
}
