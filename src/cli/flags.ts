// SPDX-License-Identifier: Apache-2.0

/** The options of one call, already checked against their declaration. */
export class Flags {
  readonly #values: Readonly<Record<string, unknown>>;

  /** @param values by camelCase long name, as the parser gives them */
  constructor(values: Readonly<Record<string, unknown>> = {}) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  count(name: string): number | undefined {
    const value = this.#values[name];
    return typeof value === 'number' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }

  /** Switched on. */
  isSet(name: string): boolean {
    return this.#values[name] === true;
  }

  /** Switched off, as `--verify=false`; not where it was not given. */
  isOff(name: string): boolean {
    return this.#values[name] === false;
  }

  isGiven(name: string): boolean {
    return this.#values[name] !== undefined;
  }
}
