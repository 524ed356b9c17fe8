// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import net from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { KubeArmorError } from '#base';

/**
 * A socket that carries what `inner` carries.
 *
 * Node’s HTTP/2 over a stream that is no socket takes all frames of an answer in one turn of the program, so a short answer is over,
 * and dropped, before connect-node looks at it. So both meet on loopback: the door is open for one connection, ours.
 *
 * @param name for messages
 * @throws {KubeArmorError} `UNREACHABLE` where `inner` is broken already
 */
export async function socketOf(inner: Duplex, name: string): Promise<Socket> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const outer = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  outer.on('error', () => {}); // told by whoever uses it; between two users nobody listens
  const accepted = await acceptFrom(server, outer);
  server.close();
  accepted.pipe(inner).pipe(accepted);
  if (inner.errored) {
    outer.destroy();
    accepted.destroy();
    throw new KubeArmorError('UNREACHABLE', `calling ${name}: ${inner.errored.message}`, { cause: inner.errored });
  }
  inner.on('error', (error) => outer.destroy(error));
  inner.on('close', () => accepted.destroySoon());
  accepted.on('error', () => inner.destroy());
  accepted.on('close', () => inner.destroy());
  return outer;
}

/** The end of our own connection; anybody else who found the port is turned away. */
async function acceptFrom(server: net.Server, outer: Socket): Promise<Socket> {
  const connected = once(outer, 'connect');
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const waiting: Socket[] = [];
  const sort = (): void => {
    for (const socket of waiting.splice(0)) {
      if (socket.remotePort === outer.localPort) resolve(socket);
      else socket.destroy();
    }
  };
  server.on('connection', (socket) => {
    waiting.push(socket);
    if (!outer.connecting) sort();
  });
  await connected;
  sort();
  return promise;
}
