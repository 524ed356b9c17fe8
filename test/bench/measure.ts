// SPDX-License-Identifier: Apache-2.0

/** One measured number. */
export interface Measure {
  /** e.g. `open shallow` */
  readonly what: string;
  /** State of the protection, e.g. `plain`, `rules-20`; empty where there is only one. */
  readonly state: string;
  readonly value: number;
  readonly unit: string;
  /** `value` minus the same without protection; absent where that has no meaning. */
  readonly added?: number | undefined;
  /** How far the middle half of the rounds lies apart, in percent of the median; absent for a single measurement. */
  readonly spread?: number | undefined;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The median of rounds, and how far the middle half of them lies apart in percent of it. */
export function summarise(values: readonly number[]): { value: number; spread: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const value = median(values);
  const quarter = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)]!;
  return { value, spread: ((quarter(0.75) - quarter(0.25)) / value) * 100 };
}
