// SPDX-License-Identifier: Apache-2.0
import { compileFilterGlob } from './glob.ts';

/** The fields of an alert or log that filters look at, by their names in KubeArmor's JSON. */
export interface FilteredRecord {
  readonly NamespaceName?: string | undefined;
  readonly PodName?: string | undefined;
  readonly ContainerName?: string | undefined;
  readonly Type?: string | undefined;
  readonly Operation?: string | undefined;
  readonly Source?: string | undefined;
  readonly Resource?: string | undefined;
  readonly ProcessName?: string | undefined;
  /** `k=v,k=v`. */
  readonly Labels?: string | undefined;
}

/** What was asked for; absent means anything. */
export interface LogFilter {
  readonly namespace?: string | undefined;
  readonly pod?: string | undefined;
  readonly container?: string | undefined;
  readonly logType?: string | undefined;
  readonly operation?: string | undefined;
  readonly source?: string | undefined;
  readonly resource?: string | undefined;
  /** Each `k=v`; a record needs all of them. */
  readonly labels?: readonly string[] | undefined;
}

type Predicate = (record: FilteredRecord) => boolean;

/** What is run, without its arguments: `--resource /bin/sh` means the program whatever it was called with. */
function resourcesOf(record: FilteredRecord): readonly (string | undefined)[] {
  const { Resource } = record;
  return record.Operation === 'Process' ? [Resource, record.ProcessName, Resource?.split(' ', 1)[0]] : [Resource];
}

const FIELDS: { readonly [K in Exclude<keyof LogFilter, 'labels'>]-?: (record: FilteredRecord) => readonly (string | undefined)[] } = {
  namespace: (record) => [record.NamespaceName],
  pod: (record) => [record.PodName],
  container: (record) => [record.ContainerName],
  logType: (record) => [record.Type],
  operation: (record) => [record.Operation],
  source: (record) => [record.Source],
  resource: resourcesOf,
};

/** Vocabularies of ours, not names of the user's: `--operation process` is what was meant. */
const CASELESS = new Set(['logType', 'operation']);

/**
 * Compiles the filters of `karmor logs` to one predicate: all of them must hold, and a record without the field does not pass.
 *
 * Deviation: KubeArmor's filters are unanchored regular expressions (`-n prod` shows `preprod`), any one of the labels is enough
 * there, and records without labels always pass.
 */
export function compileLogFilter(filter: LogFilter): Predicate {
  const predicates: Predicate[] = [];
  for (const [name, fieldsOf] of Object.entries(FIELDS) as [keyof typeof FIELDS, (typeof FIELDS)[keyof typeof FIELDS]][]) {
    const wanted = filter[name];
    if (wanted === undefined) continue;
    const matches = compileFilterGlob(wanted, { ignoreCase: CASELESS.has(name) });
    predicates.push((record) => fieldsOf(record).some((value) => value !== undefined && value !== '' && matches(value)));
  }
  for (const label of filter.labels ?? []) {
    const matches = compileFilterGlob(label);
    predicates.push((record) => (record.Labels ?? '').split(',').some((one) => matches(one.trim())));
  }
  return (record) => predicates.every((predicate) => predicate(record));
}
