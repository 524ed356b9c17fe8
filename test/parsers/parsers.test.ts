// SPDX-License-Identifier: Apache-2.0
import { test } from 'node:test';
import fc from 'fast-check';
import { TARGETS } from './targets.ts';

for (const { name, property, few } of TARGETS) test(`fuzz: ${name}`, () => fc.assert(property, { numRuns: few }));
