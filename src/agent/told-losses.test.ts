// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { noLogger } from '#base';
import { toldLossesFile } from './told-losses.ts';

const folder = mkdtempSync(join(tmpdir(), 'losses-'));
after(() => rmSync(folder, { recursive: true }));

test('what was told is there for the next agent; a broken or missing file is nothing', () => {
  const path = join(folder, 'losses.json');
  assert.deepEqual(toldLossesFile(path, noLogger).load(), { alerts: 0n, logs: 0n });
  toldLossesFile(path, noLogger).save({ alerts: 2n ** 60n, logs: 1n });
  assert.deepEqual(toldLossesFile(path, noLogger).load(), { alerts: 2n ** 60n, logs: 1n });
  writeFileSync(path, '{"alerts":');
  assert.deepEqual(toldLossesFile(path, noLogger).load(), { alerts: 0n, logs: 0n });
});

test('a disk that takes nothing is told once, and stops nobody', () => {
  const warnings: string[] = [];
  const told = toldLossesFile(join(folder, 'not-there/losses.json'), { ...noLogger, warn: (text) => void warnings.push(text) });
  for (const alerts of [1n, 2n]) told.save({ alerts, logs: 0n });
  assert.equal(warnings.length, 1);
});
