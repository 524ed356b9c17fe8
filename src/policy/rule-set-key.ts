// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { RuleSet } from './compile.ts';

/**
 * The same for rule sets that are one image in the kernel: the same words, of the same rules.
 *
 * Rule ids alone do not tell which policies they belong to: sets that differ only there are images of their own.
 */
export function ruleSetKey({ image, rules }: Pick<RuleSet, 'image' | 'rules'>): string {
  const words = createHash('sha256')
    .update(new Uint8Array(image.buffer, image.byteOffset, image.byteLength))
    .digest('hex');
  return `${words}:${rules.map((rule) => `${rule.kind}/${rule.namespace}/${rule.policy}/${rule.field}`).join('\n')}`;
}
