// SPDX-License-Identifier: Apache-2.0
import { expectedAlerts } from './play.ts';
import type { Played } from './play.ts';
import { caseOf } from './scenario.ts';
import type { Expected } from './predict.ts';
import { ROOT } from './universe.ts';

const quoted = (text: string): string =>
  text.includes('\n')
    ? `\`${text.replace(/[\\`$]/g, '\\$&')}\``
    : JSON.stringify(text).replace(/^"(.*)"$/, (_, inner: string) => `'${inner.replace(/\\"/g, '"').replace(/'/g, "\\'")}'`);

const list = (name: string, items: readonly string[]): string =>
  `  ${name}: [\n${items.map((item) => `    ${quoted(item)},`).join('\n')}\n  ],`;

/** What a step must end with; where anything will do, what it ended with. */
function resultOf({ result }: Expected, came: string | undefined): string {
  return result === 'any' ? (came ?? 'OK') : result;
}

/**
 * A failed scenario as a kernel case, ready to be pasted below test/kernel/cases: what must come is what the evaluator says.
 *
 * @param differences stand above it as a comment
 */
export function asCase({ scenario, prediction, came, key }: Played, differences: readonly string[]): string {
  const { policies, swaps, posture, mode, overlay, mergedUsr } = caseOf(scenario, key);
  const run = prediction.programs.flatMap(({ program, start, steps }, index) => {
    const results = [...(came[index] ?? [])].slice(1);
    const uid = program.uid === 0 ? '' : `--uid ${program.uid} `;
    const lines = steps.map((step) => (step.text.startsWith('! ') ? step.text : `  ${step.text} ${resultOf(step, results.shift())}`));
    return [...(index > 0 ? ['! swap 0'] : []), `$ ${uid}${program.path} ${start.result}`, ...lines];
  });
  const several = policies.length > 1 || swaps !== undefined;
  const alerts = expectedAlerts(prediction).map((line) => (several ? line : line.replace(' p0:', ' ')));
  return [
    ...differences.map((difference) => `// ${difference}`),
    '{',
    `  name: ${quoted(`fuzz: ${key}`)},`,
    list('policies', policies),
    ...(swaps === undefined ? [] : [`  swaps: [${swaps.map((set) => `[${set.map(quoted).join(', ')}]`).join(', ')}],`]),
    `  posture: ${JSON.stringify(posture)},`,
    ...(mode === undefined ? [] : [`  mode: '${mode}',`]),
    ...(overlay === true ? ['  overlay: true,'] : []),
    ...(mergedUsr === true ? ['  mergedUsr: true,'] : []),
    list('root', ROOT),
    `  run: \`\n${run.map((line) => `    ${line}`).join('\n')}\n  \`,`,
    list('expect', alerts),
    '},',
  ].join('\n');
}
