// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { fieldOf, policyRef } from '#cluster';
import { isNestedTooDeep, parsePolicyObject } from '#policy';
import type { Policy } from '#policy';
import type { LoadedPolicy } from '../policy-set.ts';
import type { LivePolicy } from './live-policies.ts';
import { TOO_DEEP } from './too-deep.ts';

/** One policy that is not in the cluster as it is in files. */
export interface Drift {
  readonly ref: string;
  /** `missing` in the cluster · `extra` there: in no file · `different`. */
  readonly what: 'missing' | 'extra' | 'different';
  /** `FILE:LINE`; absent for an extra one. */
  readonly place?: string;
  /** As it is in the cluster. */
  readonly live?: LivePolicy;
  /** Fields of `spec` that differ, at most {@link FIELDS_MAX}. */
  readonly fields: readonly FieldDrift[];
  readonly moreFields: number;
}

export interface FieldDrift {
  readonly at: string;
  /** JSON; absent where the field is not there. */
  readonly inFile?: string;
  readonly inCluster?: string;
}

const FIELDS_MAX = 5;
const VALUE_MAX = 80;

/**
 * Where the cluster is not as the files say. What means the same is no drift: the order of rules, defaults that are written out.
 * Only `spec` is compared.
 *
 * @param namespace policies of others are left alone then
 * @returns the drifts in order of kinds and names, and how many policies of the cluster were left alone: kinds and namespaces of which
 *   the files have nothing
 */
export function driftOf(
  files: readonly LoadedPolicy[],
  live: readonly LivePolicy[],
  namespace?: string,
): { readonly drifts: readonly Drift[]; readonly leftAlone: number } {
  const wanted = new Map(
    files.filter(({ policy }) => namespace === undefined || policy.namespace === namespace).map((one) => [policyRef(one.policy), one]),
  );
  const areas = new Set([...wanted.values()].map(({ policy }) => areaOf(policy)));
  const known = new Map(live.map((policy) => [policy.ref, policy]));
  const drifts = [...wanted].flatMap(([ref, file]) => driftOfFile(ref, file, known.get(ref)) ?? []);
  const others = live.filter(({ ref }) => !wanted.has(ref));
  const extra = others.filter((policy) => areas.has(areaOf(policy)));
  const all = [...drifts, ...extra.map((policy): Drift => ({ ref: policy.ref, what: 'extra', live: policy, fields: [], moreFields: 0 }))];
  return { drifts: all.toSorted((a, b) => (a.ref < b.ref ? -1 : 1)), leftAlone: others.length - extra.length };
}

const areaOf = ({ kind, namespace }: Pick<Policy, 'kind' | 'namespace'>): string => `${kind} ${namespace}`;

function driftOfFile(ref: string, file: LoadedPolicy, live: LivePolicy | undefined): Drift | undefined {
  const { policy } = file;
  const about = { ref, place: file.place('metadata.name') };
  if (live === undefined) return { ...about, what: 'missing', fields: [], moreFields: 0 };
  const { policy: taken } = parsePolicyObject(live.object, { kind: live.kind });
  const [inFile, inCluster] = [fieldOf(policy.document, 'spec'), live.object['spec']];
  const isSame = taken === undefined ? isDeepStrictEqual(inFile, inCluster) : meansTheSame(policy, taken);
  if (isSame) return undefined;
  const fields = differences(inFile, inCluster, 'spec');
  return { ...about, what: 'different', live, fields: fields.slice(0, FIELDS_MAX), moreFields: Math.max(0, fields.length - FIELDS_MAX) };
}

/** Rules are a set; a field's place in its list means nothing. */
function meansTheSame(a: Policy, b: Policy): boolean {
  const rules = ({ rules: all }: Policy): string[] => all.map(({ field: _field, ...rule }) => stableText(rule)).toSorted();
  return (
    stableText([a.selector, a.defaultPosture ?? null]) === stableText([b.selector, b.defaultPosture ?? null]) &&
    isDeepStrictEqual(rules(a), rules(b))
  );
}

/** JSON with keys in order. */
function stableText(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([x], [y]) => (x < y ? -1 : 1)))
      : typeof part === 'bigint'
        ? String(part)
        : part,
  );
}

function differences(file: unknown, cluster: unknown, at: string): FieldDrift[] {
  if (isDeepStrictEqual(file, cluster)) return [];
  const [a, b] = [partsOf(file), partsOf(cluster)];
  if (a === undefined || b === undefined || Array.isArray(file) !== Array.isArray(cluster)) {
    return [
      { at, ...(file === undefined ? {} : { inFile: shown(file) }), ...(cluster === undefined ? {} : { inCluster: shown(cluster) }) },
    ];
  }
  const keys = new Set([...a.keys(), ...b.keys()]);
  return [...keys].flatMap((key) => differences(a.get(key), b.get(key), Array.isArray(file) ? `${at}[${key}]` : `${at}.${key}`));
}

function partsOf(value: unknown): Map<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined;
}

function shown(value: unknown): string {
  if (isNestedTooDeep(value)) return `(${TOO_DEEP})`;
  const text = JSON.stringify(value) ?? '';
  return text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX - 1)}…` : text;
}
