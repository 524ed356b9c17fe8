// SPDX-License-Identifier: Apache-2.0
import { readHostFacts, readKubeArmorTraces } from '#host';
import type { KubeArmorTraces, LocalFacts } from './ports.ts';

/** What this machine says about itself. */
export function readLocalFacts(): LocalFacts {
  return readHostFacts();
}

/** What of KubeArmor 1.7 is on this machine. */
export const readTraces = (bpffs: string | undefined): KubeArmorTraces => readKubeArmorTraces(bpffs);
