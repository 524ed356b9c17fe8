// SPDX-License-Identifier: Apache-2.0
import { isMap } from '#policy';
import type { Condition, PolicyStatus } from './policy-status.ts';
import { STATUS_LIMITS } from './policy-status.ts';

/**
 * The conditions of a status as the server has it: for `lastTransitionTime`. What makes no sense is left out.
 */
export function readConditions(status: unknown): Pick<PolicyStatus, 'conditions'> {
  return { conditions: conditionsOf(status, TYPES) };
}

/** The same of a KubeArmorConfig. */
export const readConfigConditions = (status: unknown): readonly Condition<string>[] =>
  conditionsOf(status, ['Accepted', 'Available', 'Degraded']);

function conditionsOf<Type extends string>(status: unknown, types: readonly Type[]): Condition<Type>[] {
  const conditions = isMap(status) ? status['conditions'] : undefined;
  if (!Array.isArray(conditions)) return [];
  return conditions.slice(0, STATUS_LIMITS.conditions).flatMap((one) => readCondition(one, types));
}

const TYPES = ['Accepted', 'Enforced', 'Degraded'] as const;
const STATUSES = ['True', 'False', 'Unknown'] as const;

function readCondition<Type extends string>(value: unknown, types: readonly Type[]): Condition<Type>[] {
  if (!isMap(value)) return [];
  const type = types.find((known) => known === value['type']);
  const status = STATUSES.find((known) => known === value['status']);
  const { reason, message, observedGeneration, lastTransitionTime } = value;
  if (type === undefined || status === undefined || typeof lastTransitionTime !== 'string' || Number.isNaN(Date.parse(lastTransitionTime)))
    return [];
  return [
    {
      type,
      status,
      reason: typeof reason === 'string' ? reason : '',
      message: typeof message === 'string' ? message : '',
      observedGeneration: typeof observedGeneration === 'number' ? observedGeneration : 0,
      lastTransitionTime,
    },
  ];
}
