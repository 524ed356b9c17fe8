// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import type { ServerHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeArmorError } from '#base';
import { dialGrpc, logClient } from './index.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'grpc-silent-'));
after(() => rmSync(folder, { recursive: true }));

for (const ending of ['closes', 'destroys'] as const) {
  test(`a server that takes calls and answers none: the call ends in time, and nothing else when the server ${ending} its connections`, async () => {
    const sessions: ServerHttp2Session[] = [];
    const server = http2.createServer().on('session', (session) => sessions.push(session));
    server.on('stream', (stream) => stream.on('error', () => {})); // the server's own end of it
    const at = path.join(folder, ending);
    await new Promise<void>((resolve) => void server.listen(at, resolve));
    using transport = dialGrpc({ address: `unix://${at}` });
    const call = logClient(transport).healthCheck({ nonce: 1 }, { timeoutMs: 100 });
    await assert.rejects(call, (error) => error instanceof KubeArmorError && error.code === 'UNREACHABLE');
    for (const session of sessions) {
      if (ending === 'closes') session.close();
      else session.destroy(undefined, http2.constants.NGHTTP2_INTERNAL_ERROR);
    }
    transport.close();
    await sleep(50); // what would come late comes now
    server.close();
  });
}
