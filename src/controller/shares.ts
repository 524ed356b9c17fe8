// SPDX-License-Identifier: Apache-2.0

/** So much of something for each, and so much for all: whoever takes too much goes without, and nobody else does. */
export class Shares {
  readonly #each: number;
  readonly #all: number;
  readonly #held = new Map<string, number>();
  #sum = 0;

  constructor(limits: { readonly each: number; readonly all?: number }) {
    this.#each = limits.each;
    this.#all = limits.all ?? Infinity;
  }

  /** @returns gives it back, once; undefined where there is no more */
  take(who: string, amount = 1): (() => void) | undefined {
    const held = (this.#held.get(who) ?? 0) + amount;
    if (held > this.#each || this.#sum + amount > this.#all) return undefined;
    this.#add(who, amount);
    return () => this.#add(who, -amount);
  }

  #add(who: string, amount: number): void {
    const held = (this.#held.get(who) ?? 0) + amount;
    this.#sum += amount;
    if (held === 0) this.#held.delete(who);
    else this.#held.set(who, held);
  }
}
