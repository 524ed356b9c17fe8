// SPDX-License-Identifier: Apache-2.0
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { join, normalize } from 'node:path';
import { HOST_ADDRESS } from './network.ts';

/** What the outside world says. */
export const GREETING = 'Hello from the outside world.';
/** Where releases are, for who works on this machine. */
export const RELEASES = 'http://127.0.0.1';
const TYPE_A = 1;

/**
 * The Internet of pods: a name server to which every name is this machine, and a web site on it; and at `RELEASES` the files of a folder.
 * The network name space is ours, so are its ports.
 */
export async function openOutside(folder: string): Promise<Disposable> {
  const names = createSocket('udp4');
  names.on('message', (query, { port, address }) => names.send(answerTo(query), port, address));
  names.bind(53, HOST_ADDRESS);
  await once(names, 'listening');
  const sites = [
    createServer((_, answer) => void answer.end(`${GREETING}\n`)).listen(80, HOST_ADDRESS),
    filesOf(folder).listen(80, new URL(RELEASES).hostname),
  ];
  for (const site of sites) if (!site.listening) await once(site, 'listening');
  return {
    [Symbol.dispose]: () => {
      names.close();
      for (const site of sites) {
        site.close();
        site.closeAllConnections();
      }
    },
  };
}

const filesOf = (folder: string): Server =>
  createServer(({ url = '/' }, answer) => {
    const path = normalize(new URL(url, RELEASES).pathname);
    const file = createReadStream(join(folder, path.endsWith('/') ? `${path}index.html` : path));
    file.on('error', () => answer.writeHead(404).end()).pipe(answer);
  });

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
