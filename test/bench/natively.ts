// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate } from '#policy';
import type { RuleSet } from '#policy';
import { median, summarise } from './measure.ts';
import type { Measure } from './measure.ts';
import { blockText, compileOrThrow, globs, globText, parse, usrPaths } from './policies.ts';

const RULES = [10, 1000, 10_000] as const;
const LENGTHS = [20, 40, 80, 160, 320, 640] as const;
/** How many rule paths of about a length stand for it. */
const SAMPLES = 8;
const EVALUATIONS = 2000;
const PROCESSES = 3;

/** Paths of exactly this length that differ all along, so that the automaton reads them to the end. */
function pathsOfLength(length: number): string[] {
  const long = usrPaths(SAMPLES * 40, length);
  return Array.from({ length: SAMPLES }, (_, i) => {
    const text = long
      .slice(i * 40, i * 40 + 40)
      .join('')
      .slice(0, length);
    return text.endsWith('/') ? `${text.slice(0, -1)}x` : text;
  });
}

function run(program: string, args: readonly string[], input: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', input, maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`${program}: ended with ${status}: ${stderr}`);
  return stdout;
}

/** Nanoseconds of the reference evaluator for one path. */
function evaluationNs(ruleSet: RuleSet, path: string): number {
  const access = { kind: 'read', object: { path }, owner: false, subject: '/bin/other' } as const;
  const rounds = Array.from({ length: 7 }, () => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < EVALUATIONS; i++) evaluate(ruleSet.image, access);
    return Number(process.hrtime.bigint() - start) / EVALUATIONS;
  });
  return median(rounds);
}

/** The matcher by number of rules and length of a path that a rule names, and for a path that no rule comes near. */
export function measureMatcher(program: string, directory: string): Measure[] {
  const image = join(directory, 'image');
  return RULES.flatMap((count) => {
    const others = parse(blockText(usrPaths(count - SAMPLES)));
    const measure = (name: string, ruleSet: RuleSet, paths: readonly string[]): Measure[] => {
      writeFileSync(image, ruleSet.image);
      const lines = run(program, [image], `${paths.join('\n')}\n`)
        .trim()
        .split('\n');
      const column = (index: number): number[] => lines.map((line) => Number(line.split(' ')[index]));
      if (name !== 'elsewhere' && column(2).includes(0)) throw new Error(`a path of the matcher's bench is not matched: ${name}`);
      const of = (kind: string, values: readonly number[]): Measure => ({
        what: `matcher ${name} ${kind}`,
        state: String(count),
        unit: 'ns',
        ...summarise(values),
      });
      return [
        of('warm', column(3)),
        of('cold', column(4)),
        of(
          'TypeScript',
          paths.map((path) => evaluationNs(ruleSet, path)),
        ),
      ];
    };
    const byLength = LENGTHS.flatMap((length) => {
      const paths = pathsOfLength(length);
      return measure(`${length} bytes`, compileOrThrow([...others, ...parse(blockText(paths))]), paths);
    });
    return [...byLength, ...measure('elsewhere', compileOrThrow(others), ['/var/lib/data/tables/0001', '/run/x'])];
  });
}

interface CompileTimes {
  readonly cold: Readonly<Record<string, number>>;
  readonly warm: Readonly<Record<string, number>>;
  readonly loads: boolean;
}

/** Parse, compile and load by rules: a new process each time, the quickest of some. */
export function measureCompile(node: string, directory: string): Measure[] {
  const { globs: patterns, published } = globs(200);
  console.error(`${published} of ${patterns.length} globs are published ones`);
  const texts: [string, string][] = [10, 20, 1000, 10_000].map((count) => [String(count), blockText(usrPaths(count))]);
  texts.push(['globs', globText(patterns)]);
  return texts.flatMap(([state, text]) => {
    const file = join(directory, 'policy.yaml');
    writeFileSync(file, text);
    const times = Array.from(
      { length: PROCESSES },
      () => JSON.parse(run(node, [join(import.meta.dirname, 'compile.host.ts'), file], '')) as CompileTimes,
    );
    const of = (temperature: 'cold' | 'warm', step: string): Measure => ({
      what: `${step} ${temperature}`,
      state,
      unit: 'ms',
      value: Math.min(...times.map((time) => time[temperature][step]!)),
    });
    const steps = ['parse', 'request', 'compile', ...(times.every(({ loads }) => loads) ? ['load', 'total'] : [])];
    const bytes = compileOrThrow(parse(text)).image.length * 4;
    return [{ what: 'image', state, unit: 'KiB', value: bytes / 1024 }, ...steps.flatMap((step) => [of('cold', step), of('warm', step)])];
  });
}
