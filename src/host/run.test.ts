// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeArmorError } from '#base';
import { run } from './run.ts';

const failed =
  (why: RegExp) =>
  (error: unknown): boolean =>
    error instanceof KubeArmorError && error.code === 'HOST_IO' && why.test(error.message);

test('run: output, exit code, input; no shell, no inherited environment', async () => {
  const got = await run('/bin/sh', ['-c', 'cat; echo err >&2; exit 3'], { input: 'a$(b)' });
  assert.deepEqual(got, { exitCode: 3, signal: undefined, stdout: 'a$(b)', stderr: 'err\n' });
  assert.equal((await run('env', [])).stdout.split('\n').filter((line) => !/^(PATH|LC_ALL)=|^$/.test(line)).length, 0);
  assert.equal((await run('printf', ['%s', '$HOME'])).stdout, '$HOME');
});

test('run: what ends it early', async () => {
  await assert.rejects(run('/no/such/program', []), failed(/ENOENT/));
  await assert.rejects(run('sleep', ['10'], { timeoutMs: 50 }), failed(/no end after 50 ms/));
  await assert.rejects(run('yes', [], { outputMaxBytes: 10_000 }), failed(/more than 10000 bytes/));
  await assert.rejects(run('sleep', ['10'], { signal: AbortSignal.timeout(50) }), failed(/aborted/));
  await assert.rejects(run('sleep', ['10'], { signal: AbortSignal.abort() }), failed(/aborted/));
});

test('run: a program that does not read its input', async () => {
  assert.equal((await run('true', [], { input: 'x'.repeat(1 << 20) })).exitCode, 0);
});
