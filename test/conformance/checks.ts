// SPDX-License-Identifier: Apache-2.0
import type { Alert } from '#events';
import type { EventFields } from './format.ts';
import type { Told } from './recorder.ts';

/** One field that a case speaks of. */
interface Check {
  readonly field: string;
  readonly text: string;
  readonly holds: (value: string) => boolean;
}

/** Compared by substring, as KubeArmor's harness does; all others by equality. */
const BY_SUBSTRING = new Set(['Resource', 'Source', 'Data', 'ContainerName']);

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : Array.isArray(value) ? value.join(',') : JSON.stringify(value ?? '');

/** `contains X`, `not X`, `matches /X/` and `pod of workload X` are the format's own words where it is not a plain value. */
function worded(text: string): ((value: string) => boolean) | undefined {
  const contains = /^contains (.*)$/s.exec(text)?.[1];
  if (contains !== undefined) return (value) => value.includes(contains);
  const not = /^not (.*)$/s.exec(text)?.[1];
  if (not !== undefined) return (value) => value !== not;
  const pattern = /^matches \/(?:\(\?i\))?(.*)\/$/s.exec(text)?.[1];
  if (pattern !== undefined) return (value) => new RegExp(pattern, 'i').test(value);
  const pod = /^pod of workload (.*)$/s.exec(text)?.[1];
  return pod === undefined ? undefined : (value) => value === pod;
}

function checkOf(field: string, wanted: unknown): Check {
  const text = textOf(wanted);
  const plain = BY_SUBSTRING.has(field) ? (value: string) => value.includes(text) : (value: string) => value === text;
  return { field, text, holds: worded(text) ?? plain };
}

/** Fields that a case wants of an event; an empty one is a wildcard. */
export function checksOf(...all: readonly (EventFields | undefined)[]): Check[] {
  return all
    .flatMap((fields) => Object.entries(fields ?? {}))
    .filter(([field, value]) => field !== 'kind' && value !== null && value !== '')
    .map(([field, value]) => checkOf(field, value));
}

const isAbsent = ({ record }: Told, field: string): boolean => !(field in record);

/** What of an event is not as a case wants it; empty where all is. */
export function differences(told: Told, checks: readonly Check[]): string[] {
  return checks.flatMap(({ field, text, holds }) => {
    if (isAbsent(told, field)) return [`${field} ${text} expected, no such field`];
    const value = textOf((told.record as unknown as EventFields)[field]);
    return holds(value) ? [] : [`${field} ${text} expected, ${value} came`];
  });
}

/** An event in a line, for a report. */
export function lineOf({ kind, record }: Told): string {
  const alert = record as Partial<Alert>;
  const words = [kind, alert.PolicyName, alert.Action, record.Result, record.Operation, record.Data, record.Resource];
  const count = record.Count > 1 ? ` x${record.Count}` : '';
  return `${words.filter((word) => word !== undefined && word !== '').join(' · ')} by ${record.Source}${count}`;
}
