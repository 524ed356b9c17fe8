// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { errnoText, KubeArmorError } from '#base';

/** Who we are to the API server, and by what we know it. */
export interface Identity {
  /** PEM of who signs the server's certificate. Absent: the system's own list. */
  readonly ca?: string | undefined;
  readonly token?: string | undefined;
  /** PEM of a client certificate and its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Where an API server is and how one is let in. */
export interface ClusterAccess {
  /** `https://host:port`, perhaps with a path before every path of the API. */
  readonly server: URL;
  /** The name in the server's certificate, where it is not that of `server`. */
  readonly tlsServerName?: string | undefined;
  /** The server's certificate is not checked at all: the user asked for that in the kubeconfig. */
  readonly insecure?: boolean | undefined;
  /** For namespaced things of our own: that of the context or of the pod. */
  readonly namespace?: string | undefined;
  /**
   * Credentials rotate, so they are asked for at every request; files are read once a minute at most.
   *
   * @param fresh read again whatever was read: the server just refused it
   */
  identify(fresh: boolean): Promise<Identity>;
}

/** How long credentials are held before their source is read again. */
const HOLD_MS = 60_000;

type Dated = Identity & { readonly expiresMs?: number };

/** Asks a source of credentials at most once a minute, or when they expire. A clock that is set back keeps nothing for longer than that. */
export function held(read: () => Promise<Dated>): (fresh: boolean) => Promise<Identity> {
  let current: { readonly identity: Promise<Dated>; readonly isGood: () => boolean } | undefined;
  return async (fresh) => {
    if (!fresh && current?.isGood() === true) return current.identity;
    const identity = read();
    const readMs = performance.now();
    const next = { identity, isGood: () => performance.now() - readMs < HOLD_MS };
    current = next;
    try {
      const { expiresMs } = await identity;
      // Only what says when it ends may be held for longer: a file does not.
      if (expiresMs !== undefined && current === next) current = { identity, isGood: () => Date.now() < expiresMs - HOLD_MS };
    } catch (error) {
      if (current === next) current = undefined;
      throw error;
    }
    return identity;
  };
}

/** @throws {KubeArmorError} `HOST_IO` */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new KubeArmorError('HOST_IO', `reading ${path}: ${errnoText(error)}`, { cause: error });
  }
}
