// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pages, readPage, ROOT } from './sh-blocks.ts';

/** As renderers make the anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
const anchorsOf = (page: string): string[] => [...readPage(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));

function problemOf(page: string, path: string, anchor: string | undefined): string | undefined {
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, target))) return `there is no ${target}`;
  return anchor === undefined || anchorsOf(target).includes(anchor) ? undefined : `${target} has no heading ${anchor}`;
}

test('pages: every link within the repository leads somewhere', () => {
  const problems = pages().flatMap((page) =>
    [...readPage(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].flatMap(([link, path = '', anchor]) => {
      const problem = problemOf(page, path, anchor);
      return problem === undefined ? [] : [`${page}: ${link}: ${problem}`];
    }),
  );
  assert.deepEqual(problems, []);
});
