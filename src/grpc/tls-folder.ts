// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoText, KubeArmorError } from '#base';
import type { Logger } from '#base';
import type { TlsFiles } from './listen.ts';

/** How often files are read again: the kubelet brings new ones, and an old certificate is good for weeks by then. */
const EVERY_MS = 30_000;

export interface TlsFolderOptions {
  readonly folder: string;
  readonly logger: Logger;
  /** Default 30,000. */
  readonly everyMs?: number;
}

/** Certificates in a folder that somebody renews: `ca.crt`, and `ROLE.crt` and `ROLE.key`. */
export class TlsFolder {
  readonly #options: TlsFolderOptions;
  readonly #role: 'server' | 'client';
  #current: TlsFiles;

  private constructor(options: TlsFolderOptions, role: 'server' | 'client', current: TlsFiles) {
    this.#options = options;
    this.#role = role;
    this.#current = current;
  }

  /** @throws {KubeArmorError} `CONFIG_INVALID` where a file cannot be read */
  static async open(options: TlsFolderOptions, role: 'server' | 'client'): Promise<TlsFolder> {
    return new TlsFolder(options, role, await readFiles(options.folder, role));
  }

  /** The newest that were read and belong together. */
  get current(): TlsFiles {
    return this.#current;
  }

  /** Reads them again and again until aborted; what cannot be read or used is told, and what was good counts. */
  async follow(signal: AbortSignal, onNew: (files: TlsFiles) => void = () => {}): Promise<void> {
    const { folder, logger, everyMs = EVERY_MS } = this.#options;
    let told = '';
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        if (await this.#readAgain(onNew)) logger.info('certificates were renewed', { folder, role: this.#role });
        told = '';
      } catch (error) {
        if (!(error instanceof KubeArmorError)) throw error;
        if (error.message !== told) logger.error(`${error.message}; those before are used`, { code: error.code });
        told = error.message;
      }
    }
  }

  async #readAgain(onNew: (files: TlsFiles) => void): Promise<boolean> {
    const { folder } = this.#options;
    const files = await readFiles(folder, this.#role);
    if (FIELDS.every((field) => files[field].toString() === this.#current[field].toString())) return false;
    const problem = problemOf(files);
    if (problem !== undefined)
      throw new KubeArmorError('CONFIG_INVALID', `reading ${this.#role}.crt in ${folder} (tlsCertPath): ${problem}`);
    this.#current = files;
    onNew(files);
    return true;
  }
}

const FIELDS = ['ca', 'cert', 'key'] as const;

async function readFiles(folder: string, role: string): Promise<TlsFiles> {
  const read = async (file: string): Promise<Buffer> => {
    try {
      return await readFile(path.join(folder, file));
    } catch (error) {
      throw new KubeArmorError('CONFIG_INVALID', `reading ${path.join(folder, file)} (tlsCertPath): ${errnoText(error)}`, { cause: error });
    }
  };
  return { ca: await read('ca.crt'), cert: await read(`${role}.crt`), key: await read(`${role}.key`) };
}

/** Files may change one after the other. */
function problemOf({ cert, key }: TlsFiles): string | undefined {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)) ? undefined : 'its key is not the one beside it';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
