// SPDX-License-Identifier: Apache-2.0
// Loaded before every unit test (node --import): all property tests of a run start from one seed that the run prints.
import { configureGlobal } from 'fast-check';

const seed = Number(process.env['KUBEARMOR_SEED']);
if (Number.isSafeInteger(seed)) configureGlobal({ seed });
