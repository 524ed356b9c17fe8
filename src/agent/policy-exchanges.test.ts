// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { noLogger } from '#base';
import { createHealth } from '#grpc';
import { PolicyStatus, responseSchema } from '#wire';
import { folderBackups } from './policy-files.ts';
import { PolicyKeeper } from './policy-keeper.ts';
import { policyService } from './policy-service.ts';
import { Protector } from './protector.ts';
import { serveAll } from './serve.ts';
import { FakeEnforcer } from './testing/fake-enforcer.ts';
import { bound, plainRoot } from './testing/samples.ts';

const WIRE = new URL('../../../shared/reference/wire/policy-rpc.jsonl', import.meta.url);

/**
 * Where the wire's README says “ours”; and what its “MODIFIED of an absent policy overwrites another container's entry” leads to: ours
 * stands for itself, so that there is something to delete.
 */
const DIFFERENT: Readonly<Record<string, PolicyStatus>> = {
  'unknown action': PolicyStatus.Invalid,
  'unknown field and relative path': PolicyStatus.Invalid,
  'DELETED with selector only (w-badact)': PolicyStatus.NotExist,
  'DELETED with selector only (w-unk)': PolicyStatus.NotExist,
  'DELETED after that': PolicyStatus.Deleted,
};

interface WireLine {
  readonly method: string;
  readonly direction: string;
  readonly case: string;
  readonly bytes: string;
  readonly json: { readonly status?: number } | null;
  /** grpc/codes */
  readonly status?: { readonly code: number };
  readonly part: string;
}

interface Answered {
  /** The call's status. */
  readonly code: number;
  readonly bytes: Buffer;
}

/** A unary call with exactly these bytes as its message. */
async function call(socket: string, path: string, message: Buffer): Promise<Answered> {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) });
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject);
      const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
      const stream = session.request(headers).on('error', reject);
      let code = NaN;
      const note = (given: Record<string, unknown>): void => void (code = Number(given['grpc-status'] ?? code));
      stream.on('response', note).on('trailers', note);
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve({ code, bytes: Buffer.concat(chunks).subarray(5) }));
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      stream.end(Buffer.concat([head, message]));
    });
  } finally {
    session.close();
  }
}

/** The API of an agent with one container, as the captured one was set up in that part. */
async function serve(t: TestContext, part: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'exchanges-'));
  const protector = new Protector({ enforcer: new FakeEnforcer(), logger: noLogger, openRoot: plainRoot });
  const kinds = new Set(['KubeArmorPolicy', 'KubeArmorClusterPolicy', 'KubeArmorNetworkPolicy'] as const);
  const keeper = new PolicyKeeper({ directory, backups: folderBackups(directory), protector, kinds, logger: noLogger });
  protector.bind(bound());
  const requests = { keeper, containerPolicies: part !== 'D', hostPolicies: part !== 'C', networkPolicies: true };
  const servers = await serveAll({
    socket: join(directory, 'k.sock'),
    tcp: undefined,
    services: [policyService(requests, noLogger)],
    health: createHealth([]),
    peerCredentials: () => ({ pid: 1, uid: 0, gid: 0 }),
    logger: noLogger,
  });
  t.after(async () => {
    await servers.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return join(directory, 'k.sock');
}

test(
  'KubeArmor’s own exchanges, byte for byte, get the same answers',
  { skip: existsSync(WIRE) ? false : 'the captured exchanges are not here' },
  async (t) => {
    const lines = readFileSync(WIRE, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as WireLine);
    const sockets = new Map<string, string>();
    let compared = 0;
    for (const [i, line] of lines.entries()) {
      const request = lines[i - 1];
      if (line.direction !== 'response' || line.status === undefined || request?.direction !== 'request') continue;
      const part = line.part.slice(0, 1);
      if (!sockets.has(part)) sockets.set(part, await serve(t, part));
      const { code, bytes } = await call(sockets.get(part)!, line.method, Buffer.from(request.bytes, 'base64'));
      const what = `${part} ${line.method} ${line.case}`;
      assert.equal(code, line.status.code, what);
      if (code === 0) assert.equal(fromBinary(responseSchema, bytes).status, DIFFERENT[line.case] ?? line.json?.status ?? 0, what);
      compared++;
    }
    assert.ok(compared > 85, String(compared));
  },
);
