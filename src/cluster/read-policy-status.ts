// SPDX-License-Identifier: Apache-2.0
import type { Condition, PolicyStatus } from './policy-status.ts';
import { STATUS_LIMITS } from './policy-status.ts';

/**
 * The conditions of a status as the server has it: for `lastTransitionTime`. What makes no sense is left out.
 */
export function readConditions(status: unknown): Pick<PolicyStatus, 'conditions'> {
  const conditions = isMap(status) ? status['conditions'] : undefined;
  if (!Array.isArray(conditions)) return { conditions: [] };
  return { conditions: conditions.slice(0, STATUS_LIMITS.conditions).flatMap((one) => readCondition(one)) };
}

const TYPES = ['Accepted', 'Enforced', 'Degraded'] as const;
const STATUSES = ['True', 'False', 'Unknown'] as const;

function readCondition(value: unknown): Condition[] {
  if (!isMap(value)) return [];
  const type = TYPES.find((known) => known === value['type']);
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

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
