// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ClusterAccess } from '../access.ts';

const SALT = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A frame as servers send them. */
export function serverFrame(payload: Buffer, opcode = 2, isLast = true): Buffer {
  const length = payload.length < 126 ? Buffer.of(payload.length) : Buffer.of(126, payload.length >> 8, payload.length & 0xff);
  return Buffer.concat([Buffer.of((isLast ? 0x80 : 0) | opcode), length, payload]);
}

/** Reads the client's frames: masked, whole messages. */
class ClientFrames {
  #held: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): { readonly opcode: number; readonly payload: Buffer }[] {
    this.#held = Buffer.concat([this.#held, chunk]);
    const found: { opcode: number; payload: Buffer }[] = [];
    while (this.#held.length >= 6) {
      const short = (this.#held[1] ?? 0) & 0x7f;
      const wide = short === 126 ? 2 : 0;
      const length = wide === 2 ? this.#held.readUInt16BE(2) : short;
      const end = 6 + wide + length;
      if (this.#held.length < end) break;
      const mask = this.#held.subarray(2 + wide, 6 + wide);
      const payload = Buffer.from(this.#held.subarray(6 + wide, end));
      payload.forEach((byte, at) => (payload[at] = byte ^ (mask[at % 4] ?? 0)));
      found.push({ opcode: (this.#held[0] ?? 0) & 0x0f, payload });
      this.#held = this.#held.subarray(end);
    }
    return found;
  }
}

export interface ForwardServerOptions {
  /** The port that connections are led to; undefined: nobody listens. */
  readonly port?: number | undefined;
  /** Certificate and key, PEM: as the kubelet serves. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Answers instead of upgrading. */
  readonly refuse?: { readonly status: number; readonly body: string };
}

/** Forwards ports as a kubelet does, for tests: to a port of this machine, whatever pod is asked for. */
export class ForwardServer implements AsyncDisposable {
  /** `METHOD path` of what was asked. */
  readonly asked: string[] = [];
  readonly #options: ForwardServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();

  private constructor(options: ForwardServerOptions) {
    this.#options = options;
    const { tls } = options;
    const answer = (request: IncomingMessage): void => void this.asked.push(`${request.method} ${request.url}`);
    this.#server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex) => this.#upgrade(request, socket));
  }

  static async open(options: ForwardServerOptions): Promise<ForwardServer> {
    const server = new ForwardServer(options);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  access(): ClusterAccess {
    return { server: new URL(`http://127.0.0.1:${this.port}`), identify: () => Promise.resolve({ token: 'secret' }) };
  }

  /** Every forwarded connection breaks. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #upgrade(request: IncomingMessage, socket: Duplex): void {
    this.asked.push(`${request.method} ${request.url} ${request.headers['sec-websocket-protocol']}`);
    this.#sockets.add(socket);
    socket.on('error', () => {});
    // A kubelet names no type for the route, so it takes only who takes any (go-restful, Route.matchesAccept).
    const takesAny = /\*\/\*/.test(request.headers.accept ?? '*/*');
    const refuse = this.#options.refuse ?? (takesAny ? undefined : { status: 406, body: '' });
    if (refuse !== undefined) {
      socket.end(`HTTP/1.1 ${refuse.status} Refused\r\ncontent-length: ${Buffer.byteLength(refuse.body)}\r\n\r\n${refuse.body}`);
      return;
    }
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${SALT}`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n` +
        'sec-websocket-protocol: v4.channel.k8s.io\r\n\r\n',
    );
    this.#lead(socket);
  }

  #lead(socket: Duplex): void {
    const { port } = this.#options;
    const prefix = Buffer.of(0x34, 0x12);
    socket.write(Buffer.concat([serverFrame(Buffer.concat([Buffer.of(0), prefix])), serverFrame(Buffer.concat([Buffer.of(1), prefix]))]));
    const target = connect(port ?? 1, '127.0.0.1');
    target.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length; at += 60_000)
        socket.write(serverFrame(Buffer.concat([Buffer.of(0), chunk.subarray(at, at + 60_000)])));
    });
    target.on('error', (error) => socket.write(serverFrame(Buffer.concat([Buffer.of(1), Buffer.from(error.message)]))));
    target.on('close', () => socket.end(serverFrame(Buffer.alloc(0), 8)));
    socket.on('close', () => target.destroy());
    const frames = new ClientFrames();
    socket.on('data', (chunk: Buffer) => {
      for (const { opcode, payload } of frames.push(chunk)) {
        if (opcode === 8) target.end();
        else target.write(payload.subarray(1));
      }
    });
  }
}
