// SPDX-License-Identifier: Apache-2.0
import type { Colour, Text } from '../text.ts';
import type { Drift, FieldDrift } from './drift.ts';
import { lastWriteText } from './last-write.ts';

const WORDS: { readonly [W in Drift['what']]: { readonly text: string; readonly colour: Colour } } = {
  missing: { text: 'missing  ', colour: 'red' },
  extra: { text: 'extra    ', colour: 'yellow' },
  different: { text: 'different', colour: 'yellow' },
};

/** A drift for people. */
export function driftLines({ ref, what, place, live, fields, moreFields }: Drift): Text[] {
  const by = lastWriteText(live?.changed);
  const changed = by === '' ? [] : [`            changed ${by}`];
  const where = what === 'missing' ? `in ${place}, not in the cluster` : what === 'extra' ? 'in the cluster, in no file' : `from ${place}`;
  const more = moreFields === 0 ? [] : [`            and ${moreFields} more fields`];
  return [[WORDS[what], `  ${ref}  ${where}`], ...changed, ...fields.map(fieldLine), ...more];
}

const fieldLine = ({ at, inFile, inCluster }: FieldDrift): string =>
  `            ${at}: ${inFile ?? 'nothing'} in the file, ${inCluster ?? 'nothing'} in the cluster`;

/** The last line. */
export function driftSummary(drifts: readonly Drift[], leftAlone: number): string {
  const [others, are] = leftAlone === 1 ? ['1 policy', 'is'] : [`${leftAlone} policies`, 'are'];
  const alone = leftAlone === 0 ? '' : `; ${others} of kinds and namespaces that no file has ${are} left alone`;
  if (drifts.length === 0) return `the cluster is as the files say${alone}`;
  return `${drifts.length} ${drifts.length === 1 ? 'policy is' : 'policies are'} not as the files say${alone}`;
}

export function driftJson({ ref, what, place, live, fields, moreFields }: Drift): object {
  return { policy: ref, drift: what, place: place ?? null, changed: live?.changed ?? null, fields, moreFields };
}
