// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import type { RuleSet } from '#policy';
import type { Prediction } from './predict.ts';
import type { Prepared, Scenario } from './scenario.ts';

/** A scenario with all that can be known of it without a kernel. */
export interface Planned {
  readonly scenario: Scenario;
  readonly prepared: readonly Pick<Prepared, 'ruleSet'>[];
  readonly prediction: Prediction;
}

/** The words of an image in a file. */
interface Packed extends Omit<RuleSet, 'image'> {
  readonly image: string;
}

const pack = ({ image, ...rest }: RuleSet): Packed => ({
  ...rest,
  image: Buffer.from(image.buffer, image.byteOffset, image.byteLength).toString('base64'),
});

function unpack({ image, ...rest }: Packed): RuleSet {
  const bytes = Buffer.from(image, 'base64');
  return { ...rest, image: new Uint32Array(new Uint8Array(bytes).buffer) };
}

/** Keeps plans, a line each: what is computed natively costs an emulated guest forty times as much. */
export function keepPlans(path: string, plans: readonly Planned[]): void {
  const lines = plans.map(({ prepared, ...plan }) => {
    const sets = prepared.map(({ ruleSet }) => (ruleSet === undefined ? null : pack(ruleSet)));
    return `${JSON.stringify({ ...plan, sets })}\n`;
  });
  writeFileSync(path, lines.join(''));
}

/** What {@link keepPlans} kept. */
export function readPlans(path: string): Planned[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => {
    const { sets, ...plan } = JSON.parse(line) as Omit<Planned, 'prepared'> & { readonly sets: readonly (Packed | null)[] };
    return { ...plan, prepared: sets.map((packed) => ({ ruleSet: packed === null ? undefined : unpack(packed) })) };
  });
}
