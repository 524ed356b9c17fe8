// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { CHARTS, chartFiles, indexText } from '../../tools/release/charts.ts';
import { gzip, packTar, writeTree } from '../../tools/release/tree.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The charts of this tree with their index, served on loopback. */
export class ChartSite implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/charts`;
  }

  /** @param version without a suffix: Helm takes no other unless asked to */
  static async open(folder: string, version: string): Promise<ChartSite> {
    const files = pack(folder, version);
    const server = createServer(({ url = '' }, answer) => {
      const found = files.get(basename(url));
      if (found === undefined) answer.writeHead(404).end();
      else answer.end(found);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ChartSite(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** As `make release` does. */
function pack(folder: string, version: string): ReadonlyMap<string, Buffer> {
  mkdirSync(folder);
  const files = new Map<string, Buffer>();
  const packed = CHARTS.map((chart) => {
    const stage = join(folder, chart.name);
    writeTree(stage, chartFiles(chart, version, ROOT), 0);
    packTar(stage, `${stage}.tar`, 0);
    const file = `${chart.name}-${version}.tgz`;
    renameSync(gzip(`${stage}.tar`), join(folder, file));
    const bytes = readFileSync(join(folder, file));
    files.set(file, bytes);
    return { chart, file, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
  files.set('index.yaml', Buffer.from(indexText(packed, version, new Date(0).toISOString())));
  return files;
}
