// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable, printableJson, renderText } from './text.ts';

test('printable: what a terminal would obey becomes visible', () => {
  assert.equal(printable('\u001b[31mred\u0007\r\n'), '\\x1b[31mred\\x07\\x0d\\x0a');
  assert.equal(printable('\u009b2J a\u202eb\u2066c\u200bd'), '\\x9b2J a\\u202eb\\u2066c\\u200bd');
  assert.equal(printable('tab\tstays, ümläut 漢字 too'), 'tab\tstays, ümläut 漢字 too');
  assert.equal(printable('\ud800x'), '\ufffdx');
  assert.equal(printable('soft\u00ad tag\u{e0041}'), 'soft\\xad tag\\u{e0041}');
});

test('printableJson: the same value, nothing for a terminal to obey', () => {
  const value = { a: '\u001b[31m \u009b \u202e \u007f \u{e0041}', b: ['x\ny'] };
  for (const indent of [undefined, 2]) {
    const json = printableJson(JSON.stringify(value, undefined, indent));
    assert.deepEqual(JSON.parse(json), value);
    assert.doesNotMatch(json, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/u);
  }
});

test('renderText: only the program colours', () => {
  const text = [{ text: 'Block\u001b[0m', colour: 'red' }, ' rest'] as const;
  assert.equal(renderText(text, true), '\u001b[31mBlock\\x1b[0m\u001b[0m rest');
  assert.equal(renderText(text, false), 'Block\\x1b[0m rest');
});
