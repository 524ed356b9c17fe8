// SPDX-License-Identifier: Apache-2.0
import type { Scenario } from './scenario.ts';

type Fields = Readonly<Record<string, unknown>>;
type IsOptional = (key: string) => boolean;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value without each of its parts in turn: list items in halves first, then one by one, and keys that may be absent. */
function* smaller(value: unknown, isOptional: IsOptional): Generator<unknown> {
  if (Array.isArray(value)) yield* smallerList(value as readonly unknown[], isOptional);
  else if (isFields(value)) yield* smallerFields(value, isOptional);
  else if (value === true) yield false;
}

function* smallerList(items: readonly unknown[], isOptional: IsOptional): Generator<unknown> {
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < items.length; at += size) yield [...items.slice(0, at), ...items.slice(at + size)];
  for (const [index, item] of items.entries()) for (const less of smaller(item, isOptional)) yield items.with(index, less);
}

function* smallerFields(value: Fields, isOptional: IsOptional): Generator<unknown> {
  for (const key of Object.keys(value).filter(isOptional)) {
    const { [key]: _, ...rest } = value;
    yield rest;
  }
  for (const [key, item] of Object.entries(value)) for (const less of smaller(item, isOptional)) yield { ...value, [key]: less };
}

/** Parts of policies that may be absent; a rule without its object is no rule. */
const OPTIONAL = new Set(
  'file process network capabilities matchPaths matchDirectories matchPatterns recursive readOnly ownerOnly fromSource port endPort cidr direction defaultPosture action'.split(
    ' ',
  ),
);

function* candidates(scenario: Scenario): Generator<Scenario> {
  const { programs, sets } = scenario;
  const isOptional = (key: string): boolean => OPTIONAL.has(key);
  for (const part of ['programs', 'sets'] as const) {
    for (const less of smaller(scenario[part], isOptional)) {
      const made = { ...scenario, [part]: less } as Scenario;
      if (made.programs.length > 0 && made.sets.length >= sets.length) yield made;
    }
  }
  const swapped = programs.some(({ steps }) => steps.some((step) => step.startsWith('! ')));
  if (sets.length > 1 && !swapped) yield { ...scenario, sets: sets.slice(0, 1) };
  if (scenario.audited) yield { ...scenario, audited: false };
  if (scenario.root !== 'plain') yield { ...scenario, root: 'plain' };
}

/**
 * Makes a failing scenario smaller as long as it fails, at most so many tries.
 *
 * @param fails false too where a candidate is no valid scenario
 */
export async function shrink(scenario: Scenario, fails: (candidate: Scenario) => Promise<boolean>, triesMax: number): Promise<Scenario> {
  let smallest = scenario;
  let tries = 0;
  for (let found = true; found && tries < triesMax;) {
    found = false;
    for (const candidate of candidates(smallest)) {
      if (tries++ >= triesMax) break;
      if (!(await fails(candidate))) continue;
      smallest = candidate;
      found = true;
      break;
    }
  }
  return smallest;
}
