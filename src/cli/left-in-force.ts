// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { findLeftInForce } from '#enforce';
import type { LeftInForce } from './ports.ts';

/** What an agent before left in force; what cannot be seen is said, not thrown. */
export function readLeftInForce(bpffs: string): LeftInForce {
  try {
    const versions = findLeftInForce(`${bpffs}/kubearmor`);
    return { programs: versions.reduce((sum, { programs }) => sum + programs, 0) };
  } catch (error) {
    if (!(error instanceof KubeArmorError)) throw error;
    return { unknown: error.message };
  }
}
