// SPDX-License-Identifier: Apache-2.0
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { HOST_ADDRESS } from './network.ts';

/** What the outside world says. */
export const GREETING = 'Hello from the outside world.';
const TYPE_A = 1;

/**
 * The Internet of pods: a name server to which every name is this machine, and a web site on it. The network name space is ours, so are its
 * ports.
 */
export async function openOutside(): Promise<Disposable> {
  const names = createSocket('udp4');
  names.on('message', (query, { port, address }) => names.send(answerTo(query), port, address));
  names.bind(53, HOST_ADDRESS);
  await once(names, 'listening');
  const site = createServer((_, answer) => void answer.end(`${GREETING}\n`)).listen(80, HOST_ADDRESS);
  await once(site, 'listening');
  return {
    [Symbol.dispose]: () => {
      names.close();
      site.close();
      site.closeAllConnections();
    },
  };
}

/** The same question with one address, or with none where something else is asked for. @source RFC 1035, section 4.1 */
function answerTo(query: Buffer): Buffer {
  const questionEnd = query.indexOf(0, 12) + 5;
  const isAddress = query.readUInt16BE(questionEnd - 4) === TYPE_A;
  const head = Buffer.from(query.subarray(0, questionEnd));
  head.writeUInt16BE(0x8180, 2); // an answer, recursion available
  head.writeUInt16BE(isAddress ? 1 : 0, 6);
  head.writeUInt32BE(0, 8);
  if (!isAddress) return head;
  const record = Buffer.from([0xc0, 0x0c, 0, TYPE_A, 0, 1, 0, 0, 0, 60, 0, 4, ...HOST_ADDRESS.split('.').map(Number)]);
  return Buffer.concat([head, record]);
}
