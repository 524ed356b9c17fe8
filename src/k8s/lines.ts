// SPDX-License-Identifier: Apache-2.0

const NEWLINE = 0x0a;

/** Cuts a stream of bytes into lines. What is left at the end, without its line break, is never given. */
export class LineCutter {
  readonly #maxBytes: number;
  #rest: Buffer[] = [];
  #restBytes = 0;

  /** @param maxBytes of one line */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The lines that end within this piece, without line breaks and without empty ones.
   *
   * @throws {RangeError} where a line is longer than allowed
   */
  cut(piece: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      this.#hold(piece.subarray(start, end));
      if (this.#restBytes > 0) lines.push(Buffer.concat(this.#rest, this.#restBytes).toString('utf8'));
      this.#rest = [];
      this.#restBytes = 0;
      start = end + 1;
    }
    this.#hold(piece.subarray(start));
    return lines;
  }

  #hold(bytes: Buffer): void {
    this.#restBytes += bytes.length;
    if (this.#restBytes > this.#maxBytes) throw new RangeError(`a line is longer than ${this.#maxBytes} bytes`);
    if (bytes.length > 0) this.#rest.push(bytes);
  }
}
