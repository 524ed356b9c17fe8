// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { everyAddress } from './every-address.ts';

test('every address is IPv6’s where the kernel has one, else IPv4’s', () => {
  const lines = '00000000000000000000000000000001 01 80 10 80       lo\n';
  assert.equal(
    everyAddress(() => lines),
    '::',
  );
  assert.equal(
    everyAddress(() => ''),
    '0.0.0.0',
    'switched off while it runs',
  );
  const absent = '/nonexistent/if_inet6';
  assert.equal(
    everyAddress(() => readFileSync(absent, 'utf8')),
    '0.0.0.0',
    'a kernel without it',
  );
});

test('whoever listens on every address asks for it here', () => {
  for (const file of ['../agent/serve.ts', '../relay/wire-up.ts']) {
    const source = readFileSync(new URL(file, import.meta.url), 'utf8');
    assert.match(source, /host: everyAddress\(\)/, file);
    assert.doesNotMatch(source, /host: '(?:::|0\.0\.0\.0)'/, file);
  }
});
