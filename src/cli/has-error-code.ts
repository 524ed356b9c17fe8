// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { ErrorCode } from '#base';

/** Whether a caught value is one of the failures that the caller can deal with; everything else must pass. */
export function hasErrorCode(error: unknown, codes: readonly ErrorCode[]): error is KubeArmorError {
  return error instanceof KubeArmorError && codes.includes(error.code);
}
