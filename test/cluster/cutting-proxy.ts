// SPDX-License-Identifier: Apache-2.0
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A TCP proxy before the API server that cuts, holds or refuses connections as a bad network does. */
export class CuttingProxy implements AsyncDisposable {
  /** How many connections came. */
  accepted = 0;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  readonly #held = new Set<Socket>();
  readonly #server = createServer({ pauseOnConnect: true }, (socket) => this.#take(socket));
  #mode: 'pass' | 'hold' | 'refuse' = 'pass';

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  static async open(targetPort: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are there are cut. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** New connections are taken and nothing more happens, until `pass`. */
  hold(): void {
    this.#mode = 'hold';
  }

  /** New connections are cut at once, until `pass`. */
  refuse(): void {
    this.#mode = 'refuse';
  }

  pass(): void {
    this.#mode = 'pass';
    for (const socket of this.#held) this.#join(socket);
    this.#held.clear();
  }

  get holding(): number {
    return this.#held.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  #take(socket: Socket): void {
    this.accepted++;
    this.#keep(socket);
    socket.once('close', () => this.#held.delete(socket));
    if (this.#mode === 'refuse') socket.destroy();
    else if (this.#mode === 'hold') this.#held.add(socket);
    else this.#join(socket);
  }

  #join(socket: Socket): void {
    const target = this.#keep(connect(this.#targetPort, '127.0.0.1'));
    socket.pipe(target).pipe(socket);
    socket.once('close', () => target.destroy());
    target.once('close', () => socket.destroy());
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // what it is for
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
