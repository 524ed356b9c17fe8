// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { COMMANDS } from '../../src/cli/command-table.ts';
import { BLOCKS } from './block-table.ts';
import type { BlockRun } from './block-table.ts';
import { problemOf } from './check-invocation.ts';
import { invocations } from './shell-words.ts';
import { pages, readPage, ROOT, shBlocks, shownDocument, unfencedCommands } from './sh-blocks.ts';

const blocks = pages().flatMap(shBlocks);
type Here = Extract<BlockRun, { run: 'here' }>;

test('pages: every block of sh is in the table once, and the table has no other', () => {
  const keys = blocks.map(({ key }) => key);
  assert.deepEqual(
    keys.filter((key, i) => keys.indexOf(key) !== i),
    [],
    'two blocks of a page begin with the same line',
  );
  assert.deepEqual(
    keys.filter((key) => !Object.hasOwn(BLOCKS, key)),
    [],
    'how is this block run? say it in test/docs/block-table.ts',
  );
  assert.deepEqual(
    Object.keys(BLOCKS).filter((key) => !keys.includes(key)),
    [],
    'no page has this block any more',
  );
  for (const { key } of blocks) {
    const entry = BLOCKS[key];
    if (entry !== undefined && entry.run !== 'here') assert.ok(existsSync(join(ROOT, entry.by)), `${key}: there is no ${entry.by}`);
  }
});

test('pages: commands stand in blocks of sh, where this test sees them', () => {
  const written = pages().filter((page) => !readPage(page).startsWith('<!-- Generated'));
  assert.deepEqual(Object.fromEntries(written.map((page) => [page, unfencedCommands(page)]).filter(([, lines]) => lines?.length)), {});
});

test('pages: every line of a block is one that the programs take', () => {
  const problems = blocks.flatMap(({ page, line, lines }) =>
    lines.flatMap((text) =>
      invocations(text)
        .flatMap((call) => problemOf(call) ?? [])
        .map((problem) => `${page}:${line}: ${text}: ${problem}`),
    ),
  );
  assert.deepEqual(problems, []);
});

test('help: every example of a command is one that karmor takes', async () => {
  const commands = await Promise.all(COMMANDS.map(async ({ words, load }) => ({ words, details: (await load()).details ?? '' })));
  const examples = commands.flatMap(({ words, details }) =>
    [...details.matchAll(/^ +(?:.*\| |source <\()?(karmor [^#)>\n]*)/gm)].map(([, line = '']) => ({ words, line })),
  );
  assert.ok(examples.length > 10);
  const problems = examples.flatMap(({ words, line }) =>
    invocations(line)
      .flatMap((call) => problemOf(call) ?? [])
      .map((problem) => `${words.join(' ')}: ${problem}`),
  );
  assert.deepEqual(problems, []);
});

for (const { key, lines } of blocks) {
  const entry = BLOCKS[key];
  if (entry?.run === 'here') test(`block, run here: ${key}`, () => runHere(lines, entry));
}

/** Runs a block as somebody would who follows the page. */
function runHere(lines: readonly string[], { files = {}, exits = {} }: Here): void {
  const folder = mkdtempSync(join(tmpdir(), 'kubearmor-docs-'));
  try {
    stage(folder, files);
    for (const [i, line] of lines.entries()) {
      const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}` };
      const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { cwd: folder, env, encoding: 'utf8', timeout: 120_000 });
      assert.ok((exits[i] ?? [0]).includes(status ?? -1), `${line}\nexit code ${status}\n${stdout}${stderr}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function stage(folder: string, files: NonNullable<Here['files']>): void {
  mkdirSync(join(folder, 'bin'));
  symlinkSync(join(ROOT, 'karmor'), join(folder, 'karmor'));
  symlinkSync(join(ROOT, 'karmor'), join(folder, 'bin/karmor'));
  cpSync(join(ROOT, 'examples'), join(folder, 'examples'), { recursive: true });
  for (const [name, source] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if ('copy' in source) cpSync(join(ROOT, source.copy), path);
    else writeFileSync(path, 'text' in source ? source.text : shown(source.shown));
  }
}

function shown(place: string): string {
  const [page = '', name = ''] = place.split('#');
  return shownDocument(page, name);
}
