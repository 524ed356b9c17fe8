// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fc from 'fast-check';

/** A parser with what is fed to it. */
export interface Target {
  readonly name: string;
  readonly property: fc.IAsyncProperty<[unknown]>;
  /** Cases that a run of the unit suite makes. */
  readonly few: number;
}

/** CPU time that one input may cost: far more than any may, far less than a parser that is caught in one. */
const CPU_MS_MAX = 3_000;

/** A target whose check throws where something is wrong. */
export function target<T>(name: string, few: number, input: fc.Arbitrary<T>, check: (value: T) => void | Promise<void>): Target {
  const property = fc.asyncProperty(input as fc.Arbitrary<unknown>, async (value) => {
    const started = process.cpuUsage();
    await check(value as T);
    const { user } = process.cpuUsage(started);
    assert.ok(user / 1_000 < CPU_MS_MAX, `one input took ${user / 1_000} ms`);
  });
  return { name, property, few };
}
