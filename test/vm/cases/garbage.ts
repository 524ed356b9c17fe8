// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import net from 'node:net';
import { PolicyStatus } from '#wire';
import { inTime } from '../running.ts';
import type { Stage, VmCase } from '../stage.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Writes bytes to the socket and waits until the agent has closed it, or shows that it goes on with it. */
function throwBytes(socket: string, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const connection = net.connect(socket);
    const end = (): void => {
      connection.destroy();
      resolve();
    };
    connection.once('error', end).once('close', end).resume();
    connection.end(bytes);
    setTimeout(end, 2_000).unref();
  });
}

/** Posts a body to a method. @returns grpc-status, or the HTTP status where there is none */
function post(socket: string, path: string, body: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const session = connectHttp2('http://agent', { createConnection: () => net.connect(socket) });
    session.on('error', (error) => resolve(`session: ${error.message}`));
    const request = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
    let status = '';
    const take = (headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void => {
      status = String(headers['grpc-status'] ?? (status === '' ? `http ${headers[':status']}` : status));
    };
    request
      .on('response', take)
      .on('trailers', take)
      .on('error', (error) => (status ||= error.message));
    request.on('close', () => {
      session.destroy();
      resolve(status);
    });
    request.resume().end(body);
  });
}

const framed = (message: Buffer, length = message.length): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
};
const CONTAINER_POLICY = '/policy.PolicyService/containerPolicy';

/** Each with how the call may end: never with OK. */
const BODIES: readonly (readonly [what: string, path: string, body: () => Buffer])[] = [
  ['a body that is no frame', CONTAINER_POLICY, () => randomBytes(300)],
  ['a frame that is cut', CONTAINER_POLICY, () => framed(randomBytes(20), 2_000)],
  ['a frame that promises 4 GB', CONTAINER_POLICY, () => framed(randomBytes(20), 0xffff_ffff)],
  ['a frame with garbage for protobuf', CONTAINER_POLICY, () => framed(Buffer.alloc(300, 0xff))],
  ['a string field that is no UTF-8', '/grpc.health.v1.Health/Check', () => framed(Buffer.from([0x0a, 2, 0xff, 0xfe]))],
  ['20 MB', CONTAINER_POLICY, () => framed(Buffer.alloc(20_000_000, 0x20))],
  ['a method that is not there', '/policy.PolicyService/nothing', () => framed(Buffer.alloc(0))],
  ['a service that is not there', '/../etc/passwd', () => framed(Buffer.alloc(0))],
];

async function answersStill(stage: Stage): Promise<void> {
  assert.ok(stage.agent?.isRunning === true, stage.agent?.stderr ?? '');
  assert.ok((await inTime('a good request is answered', stage.policiesOf('web'))).includes('guard'));
}

export const GARBAGE: readonly VmCase[] = [
  {
    name: 'random bytes on the socket, with and without the preface of HTTP/2',
    async run(stage) {
      await stage.ensureGuarded();
      const throws = Array.from({ length: 10 }, (_, i) => Buffer.concat([i % 2 === 0 ? PREFACE : Buffer.alloc(0), randomBytes(20_000)]));
      await Promise.all(throws.map((bytes) => throwBytes(stage.socket, bytes)));
      await answersStill(stage);
    },
  },
  {
    name: 'calls of gRPC whose frames or messages are garbage end with an error each',
    async run(stage) {
      await stage.ensureGuarded();
      for (const [what, path, body] of BODIES) {
        const status = await inTime(what, post(stage.socket, path, body()));
        assert.notEqual(status, '0', what);
        assert.notEqual(status, '', what);
      }
      await answersStill(stage);
    },
  },
  {
    name: 'policies that are no JSON, or no policy, are answered with Invalid and a reason',
    async run(stage) {
      await stage.ensureGuarded();
      const texts = [
        '',
        '{',
        'null',
        '[]',
        '"x"',
        '{"type":"ADDED"}',
        '\0\0\0',
        `{"a":${'['.repeat(50_000)}`,
        '{"type":{},"object":{"metadata":{"name":[]}}}',
      ];
      for (const bytes of [...texts.map((text) => Buffer.from(text)), randomBytes(5_000), Buffer.from([0xff, 0xfe, 0x7b])]) {
        const { status, reason } = await stage.sendBytes(bytes);
        assert.deepEqual([status, reason !== ''], [PolicyStatus.Invalid, true], bytes.toString('latin1', 0, 50));
      }
      await answersStill(stage);
    },
  },
];
