// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatIssue } from '#base';
import type { Issue } from '#base';
import { parsePolicyText } from '#policy';
import type { ParsedDocument } from '#policy';

// Policies of others, beside the repository: not everybody has them.
const SHARED = new URL('../../../shared/', import.meta.url);
const TEMPLATES = new URL('corpus/policy-templates/', SHARED);
const USER_DOCS = new URL('user-docs/policies/', SHARED);
const skip = existsSync(SHARED) ? false : 'the corpus is absent: ../shared is not beside this repository';

function parseAll(folder: URL): { file: string; document: ParsedDocument }[] {
  return readdirSync(folder).flatMap((file) =>
    parsePolicyText(readFileSync(new URL(file, folder), 'utf8'), file).map((document) => ({ file, document })),
  );
}
const errorsOf = (document: ParsedDocument): Issue[] => document.issues.filter((issue) => issue.severity === 'error');

/**
 * Each refused template by what refuses it. The reasons are those of KubeArmor's API server with `kubectl`'s strict validation too:
 * keys written twice with different values, labels beside `matchLabels`, misspelt or misplaced fields.
 */
const REFUSED_BY_CODE = { FIELD_UNKNOWN: 11, KEY_DUPLICATE: 2 };

test('policy templates: taken, or refused with a line and a cure', { skip }, () => {
  const start = performance.now();
  const all = parseAll(TEMPLATES);
  assert.ok(performance.now() - start < 30_000, 'hangs');
  assert.equal(all.length, 272);
  assert.ok(all.filter(({ document }) => document.policy !== undefined).length >= 255);
  const refused = all.filter(({ document }) => document.policy === undefined);
  const byCode: Record<string, number> = {};
  for (const { document } of refused) {
    const [first] = errorsOf(document);
    assert.ok(first);
    byCode[first.code] = (byCode[first.code] ?? 0) + 1;
    for (const issue of document.issues)
      assert.ok((issue.line ?? 0) > 4 && (issue.column ?? 0) > 0 && issue.cure !== '', formatIssue(issue));
  }
  assert.deepEqual(byCode, REFUSED_BY_CODE);
});

test('policy templates: a rule that can never match is reported', { skip }, () => {
  const never = new Set(
    parseAll(TEMPLATES).flatMap(({ file, document }) => (document.issues.some((i) => i.code === 'RULE_NEVER_MATCHES') ? [file] : [])),
  );
  assert.ok(
    [...never].some((file) => file.includes('si-16-memory-protection')),
    'a regular expression',
  );
  assert.ok(
    [...never].some((file) => file.includes('bpfdoor')),
    'names without a directory',
  );
});

test('what our users read: every policy is taken', { skip }, () => {
  const all = parseAll(USER_DOCS);
  assert.equal(all.length, 22);
  assert.deepEqual(
    all.flatMap(({ document }) => errorsOf(document).map(formatIssue)),
    [],
  );
});
