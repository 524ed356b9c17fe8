// SPDX-License-Identifier: Apache-2.0
import { isAbsolute, relative, sep } from 'node:path';
import { VERSION } from '#base';
import type { Issue } from '#base';

/** A place of a SARIF result. */
export type SarifPlace = Pick<Issue, 'file' | 'line' | 'column'> & { readonly message?: string | undefined };

/** One result, before it is SARIF. */
export interface SarifResult {
  readonly code: string;
  readonly level: 'error' | 'warning' | 'note';
  readonly text: string;
  readonly place: SarifPlace;
  readonly related?: readonly SarifPlace[] | undefined;
}

/**
 * A SARIF log of one run, as text: for code scanning in CI.
 *
 * @param meanings one line for each code, where known
 * @source OASIS, SARIF version 2.1.0: sections 3.13 (sarifLog), 3.14 (run), 3.27 (result), 3.28 (location), 3.30 (region)
 */
export function sarifText(command: string, results: readonly SarifResult[], meanings: Readonly<Record<string, string>> = {}): string {
  const codes = [...new Set(results.map(({ code }) => code))].toSorted();
  const rules = codes.map((id) => ({ id, name: id, shortDescription: { text: meanings[id] ?? id.toLowerCase().replaceAll('_', ' ') } }));
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: command, version: VERSION, rules } },
        columnKind: 'utf16CodeUnits',
        results: results.map((result) => ({
          ruleId: result.code,
          ruleIndex: codes.indexOf(result.code),
          level: result.level,
          message: { text: result.text },
          ...placed('locations', [result.place]),
          ...placed('relatedLocations', result.related ?? []),
        })),
      },
    ],
  };
  return `${JSON.stringify(log, undefined, 2)}\n`;
}

function placed(name: string, places: readonly SarifPlace[]): object {
  const known = places.filter(({ file }) => file !== undefined && file !== 'stdin');
  if (known.length === 0) return {};
  return {
    [name]: known.map(({ file = '', line, column, message }, id) => ({
      ...(name === 'relatedLocations' && { id }),
      physicalLocation: {
        artifactLocation: { uri: uriOf(file) },
        ...(line !== undefined && { region: { startLine: line, ...(column !== undefined && { startColumn: column }) } }),
      },
      ...(message !== undefined && { message: { text: message } }),
    })),
  };
}

/** A relative reference where the file is below the working directory, as code scanning wants it. */
function uriOf(file: string): string {
  const below = isAbsolute(file) ? relative('.', file) : file;
  const isBelow = !below.startsWith('..') && !isAbsolute(below);
  const path = (isBelow ? below : file).split(sep).map(encodeURIComponent).join('/');
  return isAbsolute(file) && !isBelow ? `file://${path}` : path.replace(/^(\.\/)+/, '');
}
