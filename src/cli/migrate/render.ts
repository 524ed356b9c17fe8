// SPDX-License-Identifier: Apache-2.0
import type { Text } from '../text.ts';
import { wrapText } from '../wrap-text.ts';
import type { Comparison, PolicyMigration, VerdictDifference } from './compare.ts';
import { MIGRATION_REASONS, REASONS_PAGE } from './reasons.ts';
import type { MigrationReason } from './reasons.ts';

/** The comparison for people: policies with their differences, then each reason once. */
export function migrationText({ policies, incomplete }: Comparison, width: number): Text[] {
  const differing = policies.filter(({ differences }) => differences.length > 0);
  const reasons = [...new Set(differing.flatMap(({ differences }) => differences.map(({ reason }) => reason)))].toSorted();
  return [
    ...differing.flatMap(policyLines),
    ...(reasons.length === 0 ? [] : [{ text: 'Reasons:', colour: 'bold' } as const]),
    ...reasons.flatMap((reason) => reasonLines(reason, width)),
    ...incomplete.map((why) => `not everything was compared: ${why}`),
    summary(policies.length, differing.length),
  ];
}

function summary(all: number, differing: number): string {
  if (all === 0) return 'there is no policy';
  const [noun, other] = [all === 1 ? 'policy' : 'policies', differing === 1 ? 'decides' : 'decide'];
  if (differing === 0) return `${all} ${noun}: none decides otherwise than with KubeArmor 1.7`;
  return `${differing} of ${all} ${noun} ${other} otherwise than with KubeArmor 1.7 and its BPF-LSM enforcer`;
}

function policyLines({ ref, place, differences }: PolicyMigration): Text[] {
  return [[{ text: ref, colour: 'bold' }, `  (${place})`], ...differences.flatMap(differenceLines)];
}

function differenceLines({ field, reason, witness, before, after }: VerdictDifference): Text[] {
  return [`  ${witness}: ${before} with KubeArmor, ${after} here`, `      ${field}, ${reason}`];
}

function reasonLines(reason: MigrationReason, width: number): string[] {
  const { theirs, ours } = MIGRATION_REASONS[reason];
  const text = `${reason}: with KubeArmor ${theirs}; here ${ours} (${REASONS_PAGE}#${reason})`;
  return wrapText(text, width - 2)
    .split('\n')
    .map((line) => `  ${line}`);
}

/** The same for programs. */
export function migrationJson({ policies, incomplete }: Comparison): object {
  return {
    schemaVersion: 1,
    policies: policies.map(({ ref, place, differences }) => ({
      policy: ref,
      place,
      differences: differences.map((one) => ({ ...one, ...MIGRATION_REASONS[one.reason], page: `${REASONS_PAGE}#${one.reason}` })),
    })),
    incomplete,
  };
}
