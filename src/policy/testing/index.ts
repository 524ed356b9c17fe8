// SPDX-License-Identifier: Apache-2.0
export { workloadOf } from './arbitraries.ts';
export { holds, nested, SNIPPETS, VALID_DOCUMENTS } from './documents.ts';
export { naiveEvaluate } from './naive-evaluate.ts';
export { ruleKey } from './naive-model.ts';
export type { Decision } from './naive-model.ts';
