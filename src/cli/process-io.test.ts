// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';
import { processIo } from './process-io.ts';
import type { Output } from './process-io.ts';

function terminal(isTTY: boolean): { stream: Output; text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY }), text: () => chunks.join('') };
}

const parts = (out: Output, env: Record<string, string> = {}) => ({
  stdin: new PassThrough().end('typed'),
  stdout: out,
  stderr: terminal(false).stream,
  env,
  stop: new AbortController(),
  programPath: '/src/karmor.ts',
});

test('processIo: colour on a terminal only, and not with NO_COLOR', async () => {
  const cases = [
    { isTTY: true, env: {}, coloured: true },
    { isTTY: false, env: {}, coloured: false },
    { isTTY: true, env: { NO_COLOR: '1' }, coloured: false },
    { isTTY: true, env: { NO_COLOR: '' }, coloured: true },
    { isTTY: true, env: { TERM: 'dumb' }, coloured: false },
  ];
  for (const { isTTY, env, coloured } of cases) {
    const { stream, text } = terminal(isTTY);
    await processIo(parts(stream, env as Record<string, string>)).out({ text: 'x', colour: 'red' });
    assert.equal(text(), coloured ? '\u001b[31mx\u001b[0m\n' : 'x\n', JSON.stringify(env));
  }
});

test('processIo: a reader that left aborts quietly, other errors do not pass unseen', async () => {
  const gone = new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error('gone'), { code: 'EPIPE' })) });
  const given = parts(gone);
  const io = processIo(given);
  await io.out('one');
  await new Promise(setImmediate);
  assert.ok(io.signal.aborted);
  await io.out('two');
  assert.throws(() => gone.emit('error', new Error('disk')), /disk/);
});

test('processIo: a slow reader is waited for', async () => {
  let release = (): void => {};
  const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void (release = done) });
  const io = processIo(parts(slow));
  let isWritten = false;
  const written = io.out('much').then(() => (isWritten = true));
  await new Promise(setImmediate);
  assert.equal(isWritten, false);
  release();
  await written;
});

test('processIo: stdin as text', async () => assert.equal(await processIo(parts(terminal(false).stream)).readStdin(), 'typed'));
