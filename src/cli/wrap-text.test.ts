// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS, GROUPS } from './command-table.ts';
import { runCli } from './run-cli.ts';
import { recordingIo } from './testing.ts';
import { wrapText } from './wrap-text.ts';

test('wrapText: paragraphs, items below themselves, examples as they are', () => {
  const text = 'one two\nthree four\n\nExamples:\n  karmor some long example -o json\n  65   a policy is wrong';
  assert.deepEqual(wrapText(text, 16).split('\n'), [
    'one two three',
    'four',
    '',
    'Examples:',
    '  karmor some long example -o json',
    '  65   a policy',
    '       is wrong',
  ]);
  assert.equal(wrapText('unbreakably-long-word x', 5), 'unbreakably-long-word\nx');
});

for (const width of [80, 120]) {
  test(`help fits a terminal of ${width} columns and uses it`, async () => {
    let widest = 0;
    for (const { words } of [{ words: [] }, ...GROUPS, ...COMMANDS]) {
      const { io, out } = recordingIo({ width });
      await runCli([...words, '--help'], io);
      for (const line of out) {
        assert.ok(line.length <= width, `${line.length}: ${line}`);
        widest = Math.max(widest, line.length);
      }
      assert.doesNotMatch(out.join('\n'), /\S-\n/, 'a word is broken');
    }
    assert.ok(widest > width - 12, String(widest));
  });
}
