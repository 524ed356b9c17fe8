// SPDX-License-Identifier: Apache-2.0
import { readHostFacts } from '#host';
import type { LocalFacts } from './ports.ts';

/** What this machine says about itself. */
export function readLocalFacts(): LocalFacts {
  return readHostFacts();
}
