// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { KubeArmorError } from '#base';
import { run } from '#host';
import { readPipe, readToEnd } from './read-input.ts';

const folder = mkdtempSync(join(tmpdir(), 'karmor-input-'));
after(() => rmSync(folder, { recursive: true }));
const fifo = async (name: string): Promise<string> => {
  const path = join(folder, name);
  await run('mkfifo', [path]);
  return path;
};
const isInterrupt = (error: unknown): boolean => error instanceof KubeArmorError && error.message.endsWith(': interrupted');

test('readPipe waits for the first writer, and reads until the last is gone', async () => {
  const path = await fifo('written');
  const reading = readPipe(path, new AbortController().signal);
  await delay(50);
  await using writer = await open(path, 'w');
  await writer.writeFile('kind: ');
  await delay(50);
  await writer.writeFile('ä');
  await writer.close();
  assert.equal(await reading, 'kind: ä');
});

test('an abort ends the wait for a writer, and the wait for input', async () => {
  const path = await fifo('silent');
  for (const read of [
    (signal: AbortSignal) => readPipe(path, signal),
    (signal: AbortSignal) => readToEnd(new PassThrough(), 'stdin', signal),
  ]) {
    const stop = new AbortController();
    const reading = read(stop.signal);
    setTimeout(() => stop.abort('SIGINT'), 20);
    await assert.rejects(reading, isInterrupt);
  }
});

/** The program itself: what a terminal or a supervisor does to it. */
async function interrupted(commands: string): Promise<string> {
  const karmor = `${process.execPath} ${join(import.meta.dirname, 'main.ts')}`;
  const { stdout } = await run('bash', ['-c', `cd ${folder}; karmor() { exec ${karmor} "$@"; }; ${commands}`]);
  return stdout.trim();
}

test('the program: signals end it while it waits, process substitution is read', async () => {
  const path = await fifo('program');
  writeFileSync(join(folder, 'empty.yaml'), '# nothing\n');
  for (const [signal, code] of [
    ['INT', 130],
    ['TERM', 143],
  ] as const) {
    for (const input of ['- < <(sleep 30)', path]) {
      const out = await interrupted(
        `set -m; (karmor policy check ${input}) 2>/dev/null & sleep 1; kill -${signal} $!; sleep 0.5; kill -${signal} $! 2>/dev/null; wait $!; echo $?`,
      );
      assert.equal(out, String(code), `${signal} ${input}`);
    }
  }
  assert.match(await interrupted('(karmor policy check <(cat empty.yaml)); echo $?'), /there is no policy in it.*\n.*\n65$/);
});
