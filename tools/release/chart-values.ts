// SPDX-License-Identifier: Apache-2.0
// What a chart takes, by name: it tells its user of every other value.
import { parse } from 'yaml';
import { CONFIGS } from '#cluster';
import { definitions } from '#install';
import type { Schema } from '#install';

/** True where whatever is given there is taken. */
export type KnownValues = true | { readonly [name: string]: KnownValues };

/** Maps that go into the cluster as they are, with whatever they have. */
const WHOLE: readonly string[] = ['resources'];

/** @param text the chart's values.yaml: an empty map is one with any names, but for `kubearmorConfig`, which has those of its definition */
export function knownValues(text: string): KnownValues {
  const values = knownOf(parse(text));
  return values === true ? {} : { ...values, kubearmorConfig: fieldsOf(configSchema()) };
}

function knownOf(value: unknown): KnownValues {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0) return true;
  return Object.fromEntries(Object.entries(value).map(([name, below]) => [name, WHOLE.includes(name) ? true : knownOf(below)]));
}

const fieldsOf = ({ properties }: Schema): KnownValues =>
  properties === undefined ? true : Object.fromEntries(Object.entries(properties).map(([name, below]) => [name, fieldsOf(below)]));

/** @throws {Error} where the definition has no such schema any more */
function configSchema(): Schema {
  const found = definitions().find(({ metadata }) => metadata.name === `${CONFIGS.plural}.${CONFIGS.group}`);
  const { versions } = (found?.['spec'] ?? {}) as { versions?: readonly { schema: { openAPIV3Schema: Schema } }[] };
  const spec = versions?.[0]?.schema.openAPIV3Schema.properties?.['spec'];
  if (spec === undefined) throw new Error('charts: the definition of KubeArmorConfig has no spec');
  return spec;
}
