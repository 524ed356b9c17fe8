// SPDX-License-Identifier: Apache-2.0

/** One test as JUnit's XML has it. */
export interface JunitCase {
  readonly suite: string;
  readonly name: string;
  readonly file: string;
  readonly line?: number | undefined;
  /** What differs; empty where it passed. */
  readonly failures: readonly string[];
  /** What is known besides. */
  readonly detail: string;
}

/**
 * Test results as JUnit XML, one `testsuite` a suite, as CI systems read it.
 *
 * @source testmoapp/junitxml, the format as its readers take it; XML 1.0, section 2.2 for the characters that may stand in it
 */
export function junitText(cases: readonly JunitCase[]): string {
  const suites = Map.groupBy(cases, ({ suite }) => suite);
  const failed = (list: readonly JunitCase[]): number => list.filter(({ failures }) => failures.length > 0).length;
  const body = Array.from(suites, ([name, list]) =>
    [
      `  <testsuite name="${escaped(name)}" tests="${list.length}" failures="${failed(list)}" errors="0" skipped="0">`,
      ...list.map(caseText),
      '  </testsuite>',
    ].join('\n'),
  );
  const head = `<testsuites name="karmor policy test" tests="${cases.length}" failures="${failed(cases)}" errors="0">`;
  return ['<?xml version="1.0" encoding="UTF-8"?>', head, ...body, '</testsuites>', ''].join('\n');
}

function caseText({ suite, name, file, line, failures, detail }: JunitCase): string {
  const place = `file="${escaped(file)}"${line === undefined ? '' : ` line="${line}"`}`;
  const open = `    <testcase name="${escaped(name)}" classname="${escaped(suite)}" ${place}`;
  if (failures.length === 0) return `${open}/>`;
  return `${open}>\n      <failure message="${escaped(failures.join('; '))}">${escaped(detail)}</failure>\n    </testcase>`;
}

// oxlint-disable-next-line no-control-regex -- XML 1.0 has no way to write them
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\t': '&#9;',
  '\r': '&#13;',
};

const escaped = (text: string): string =>
  text.replace(NOT_XML, '\ufffd').replace(/[&<>"\n\t\r]/g, (character) => ENTITIES[character] ?? character);
