// SPDX-License-Identifier: Apache-2.0
import { Duplex } from 'node:stream';
import { encodeFrame, FrameReader, OPCODES } from './websocket-frames.ts';
import type { Frame } from './websocket-frames.ts';

/** What is asked for in `Sec-WebSocket-Protocol`; the frames below are of this protocol. */
export const FORWARD_PROTOCOL = 'v4.channel.k8s.io';

/** Of the first byte of every message, where one port is forwarded. */
const CHANNELS = { data: 0, error: 1 } as const;
/** Each channel begins with the port, so that a client sees which is which. */
const PREFIX_BYTES = 2;
const FRAME_MAX_BYTES = 4 * 1024 * 1024;
const ERROR_MAX_BYTES = 2_000;
const PIECE_BYTES = 32 * 1024;
/** Load balancers before API servers end what is silent for a minute; a stream of alerts may be silent for days. */
const PING_MS = 25_000;
/** Three pings that nobody answered: the peer is gone. */
const SILENT_MS = 80_000;

/**
 * One forwarded connection over a WebSocket that stands: what is written goes to the port, what the port says is read.
 *
 * It is kept alive by pings. It ends when the other side ends it, or is silent to pings; an error that the kubelet tells (nobody listens on the port) destroys it with that text.
 *
 * @param socket after the handshake; belongs to the stream from now on
 * @param head what came with the answer to the handshake
 * @source Kubernetes, k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go: two channels a port, data and error, each message
 *   beginning with the channel's number, the first one of each being the port in two bytes
 */
export class ForwardedConnection extends Duplex {
  readonly #socket: Duplex;
  readonly #frames = new FrameReader(FRAME_MAX_BYTES);
  readonly #prefixLeft = { data: PREFIX_BYTES, error: PREFIX_BYTES };
  #message: Buffer[] = [];
  #problem = '';
  #isOver = false;
  #silentMs = 0;
  readonly #pings: NodeJS.Timeout;

  constructor(socket: Duplex, head: Buffer) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.on('error', () => {}); // told by whoever uses it (`errored`); it may break before anybody does
    this.#pings = setInterval(() => this.#ping(), PING_MS).unref();
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.#end());
    socket.on('end', () => this.#end());
    if (head.length > 0) this.#receive(head);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const pieces: Buffer[] = [];
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      pieces.push(encodeFrame(OPCODES.binary, Buffer.concat([Buffer.of(CHANNELS.data), chunk.subarray(at, at + PIECE_BYTES)])));
    }
    this.#socket.write(Buffer.concat(pieces), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#socket.writable) this.#socket.end(encodeFrame(OPCODES.close, Buffer.alloc(0)));
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#isOver = true;
    clearInterval(this.#pings);
    this.#socket.destroy();
    done(error);
  }

  #ping(): void {
    // what we do not read is no silence of the peer's
    if (!this.#socket.isPaused()) this.#silentMs += PING_MS;
    if (this.#silentMs >= SILENT_MS) this.destroy(new Error(`no answer for ${this.#silentMs / 1000} s`));
    else this.#socket.write(encodeFrame(OPCODES.ping, Buffer.alloc(0)));
  }

  #receive(chunk: Buffer): void {
    this.#silentMs = 0;
    try {
      for (const frame of this.#frames.push(chunk)) this.#take(frame);
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #take(frame: Frame): void {
    if (frame.opcode === OPCODES.ping) this.#socket.write(encodeFrame(OPCODES.pong, frame.payload));
    else if (frame.opcode === OPCODES.close) this.#end();
    else if (frame.opcode <= OPCODES.binary) {
      this.#message.push(frame.payload);
      if (!frame.isLast) return;
      const [first, ...more] = this.#message;
      this.#message = [];
      if (first !== undefined) this.#deliver(more.length === 0 ? first : Buffer.concat([first, ...more]));
    }
  }

  #deliver(message: Buffer): void {
    const channel = message[0] === CHANNELS.data ? 'data' : message[0] === CHANNELS.error ? 'error' : undefined;
    if (channel === undefined) return;
    const skipped = Math.min(this.#prefixLeft[channel], message.length - 1);
    this.#prefixLeft[channel] -= skipped;
    const payload = message.subarray(1 + skipped);
    if (payload.length === 0 || this.#isOver) return;
    if (channel === 'error') {
      this.#problem = (this.#problem + payload.toString('utf8')).slice(0, ERROR_MAX_BYTES);
      // nothing follows that could be of use: the connection to the port was not made, or broke
      this.#end();
    } else if (!this.push(payload)) this.#socket.pause();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#problem !== '') this.destroy(new Error(this.#problem.trim()));
    else this.push(null);
  }
}
