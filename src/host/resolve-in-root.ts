// SPDX-License-Identifier: Apache-2.0
import { closeSync, constants } from 'node:fs';
import { KubeArmorError } from '#base';
import { readMounts } from './mountinfo.ts';
import { MULTICALL_BINARIES, MULTICALL_DIRECTORIES } from './multicall.ts';
import { PinnedWalk } from './pinned-walk.ts';
import type { Place } from './pinned-walk.ts';

/** A mount that the container's specification declares, for a root file system whose container does not run yet. */
export interface DeclaredMount {
  /** In the container. */
  readonly destination: string;
  /** On the host, for a bind mount; undefined for anything else, which is then not looked into. */
  readonly source: string | undefined;
  readonly readOnly: boolean;
}

export interface OpenRootOptions {
  /** Applied in order, as the runtime does. Only for roots that are not mounted yet. */
  readonly mounts?: readonly DeclaredMount[];
  /** Last components of multi-call binaries. Default `MULTICALL_BINARIES`. */
  readonly multicallBinaries?: readonly string[];
}

/** What a rule's path means inside one container. */
export interface ResolvedPath {
  /** The path as written, then, if different, as it resolves. With `multicall` the second stands for every applet: see there. */
  readonly names: readonly string[];
  /**
   * `missing`: the rest of the name does not exist (yet) and stays as written.
   * `stopped`: the rest was not looked at, `reason` says why, and stays as written.
   */
  readonly outcome: 'file' | 'directory' | 'missing' | 'stopped';
  readonly reason?: string;
  /** Where the path is a link to a multi-call binary: a rule about running it means this applet. */
  readonly multicall?: {
    /** The binary's own path. */
    readonly binary: string;
    /** The name it is called by. */
    readonly applet: string;
    /** True for a hard link: then running the path itself shows the kernel `names`, not `binary`. */
    readonly hardLink: boolean;
  };
}

/** A container's root file system, open for look-ups. Close it soon: it pins the file system. */
export interface ContainerRoot extends Disposable {
  /**
   * Never throws for anything the container's files can do.
   *
   * @param linksBeforeNs only links that are older count: at a newer one the look-up stops, with the link's own name. The time is
   * the inode's change time, in nanoseconds of the wall clock: no owner can set it, and making, moving or linking sets it
   */
  resolve(path: string, linksBeforeNs?: bigint): ResolvedPath;
}

/** As the kernel: `MAXSYMLINKS`. */
const LINKS_MAX = 40;
/** As the kernel: `PATH_MAX`, with the final zero. */
const PATH_BYTES_MAX = 4095;
/** What one path may cost, whatever links say: a path of ordinary depth needs ten. The search for hard links has as much again. */
const STEPS_MAX = 1024;
/** A process's root: its own mounts count there. Anything else is a directory among ours, whatever its name. */
const PROCESS_ROOT = /^(\/proc\/\d+)\/root$/;
/** Open descriptors of one look-up. */
const DEPTH_MAX = 128;

/**
 * Opens a root, for look-ups of the paths that rules name (semantics: “The rule's path”).
 *
 * Links are followed here, component by component, never by the kernel: each directory is opened with `O_PATH | O_NOFOLLOW`
 * through the descriptor of the one above it. So a container that swaps a directory for a link while we look cannot lead us out:
 * every step starts from an object that is pinned, `..` goes back along those same objects, and absolute links restart at the
 * root. Nothing is opened for reading or writing, no device or FIFO is touched, and the walk stops before file systems that the
 * container itself may serve.
 *
 * @param root a directory: `/proc/PID/root` of a process in the container, or a bundle's root file system on the host
 * @throws {KubeArmorError} `HOST_IO` when the root cannot be opened (its process is gone), or is on a file system that is not walked
 */
export function openContainerRoot(root: string, options: OpenRootOptions = {}): ContainerRoot {
  const mountinfo = PROCESS_ROOT.exec(root)?.[1] ?? '/proc/self';
  const walk = new PinnedWalk(readMounts(`${mountinfo}/mountinfo`));
  const top = walk.openTrusted(root);
  if ('failure' in top) throw new KubeArmorError('HOST_IO', `opening the root ${root}: ${top.failure}`, { context: { root } });
  const lookup = new Lookup(walk, top, new Set(options.multicallBinaries ?? MULTICALL_BINARIES));
  for (const mount of options.mounts ?? []) lookup.declare(mount);
  return {
    resolve: (path, linksBeforeNs) => lookup.resolve(path, linksBeforeNs),
    [Symbol.dispose]: () => lookup.close(),
  };
}

/**
 * Resolves one path: `openContainerRoot`, `resolve`, close.
 *
 * @throws {KubeArmorError} as `openContainerRoot`
 * @example resolveInRoot('/proc/1/root', '/bin/sh').names // => ['/bin/sh', '/usr/bin/dash'] on Debian
 */
export function resolveInRoot(root: string, path: string, options: OpenRootOptions = {}): ResolvedPath {
  using opened = openContainerRoot(root, options);
  return opened.resolve(path);
}

/** Why a walk ended before its last component. */
interface Halt {
  readonly outcome: ResolvedPath['outcome'];
  readonly reason?: string;
}

/** Where a walk ended; `stat` when everything was found. */
interface End extends Halt {
  readonly path: string;
  readonly stat?: Place['stat'];
}

class Lookup {
  readonly #walk: PinnedWalk;
  readonly #top: Place;
  readonly #binaries: ReadonlySet<string>;
  /** Declared mounts by resolved destination. */
  readonly #declared = new Map<string, Place | undefined>();
  /** Multi-call binaries in the usual directories, by device and inode; looked for when first needed. */
  #usual: ReadonlyMap<string, string> | undefined;
  /** What is left of the steps that one path may cost. */
  #steps = STEPS_MAX;
  /** Links that are as new as this, or newer, are not followed. */
  #linksBeforeNs: bigint | undefined;

  constructor(walk: PinnedWalk, top: Place, binaries: ReadonlySet<string>) {
    this.#walk = walk;
    this.#top = top;
    this.#binaries = binaries;
  }

  close(): void {
    closeSync(this.#top.fd);
    for (const place of this.#declared.values()) if (place !== undefined) closeSync(place.fd);
  }

  declare(mount: DeclaredMount): void {
    this.#steps = STEPS_MAX;
    const { path } = this.#follow(mount.destination);
    const source = mount.source === undefined ? undefined : this.#walk.openTrusted(mount.source);
    const before = this.#declared.get(path);
    if (before !== undefined) closeSync(before.fd);
    const over =
      source === undefined || 'failure' in source ? undefined : { ...source, mount: { ...source.mount, readOnly: mount.readOnly } };
    this.#declared.set(path, over);
  }

  resolve(path: string, linksBeforeNs: bigint | undefined): ResolvedPath {
    this.#linksBeforeNs = linksBeforeNs;
    if (!path.startsWith('/') || path.includes('\0') || Buffer.byteLength(path) > PATH_BYTES_MAX) {
      return { names: [path], outcome: 'stopped', reason: 'not an absolute path of at most 4,095 bytes' };
    }
    this.#steps = STEPS_MAX;
    const end = this.#follow(path);
    const multicall = end.outcome === 'file' ? this.#multicall(path, end) : undefined;
    return {
      names: end.path === path ? [path] : [path, end.path],
      outcome: end.outcome,
      ...(end.reason === undefined ? {} : { reason: end.reason }),
      ...(multicall === undefined ? {} : { multicall }),
    };
  }

  #follow(path: string): End {
    const trail = new Trail(this.#top, componentsOf(path));
    try {
      for (;;) {
        const name = trail.rest.shift();
        if (name === undefined)
          return { path: trail.path(), outcome: isDirectory(trail.here) ? 'directory' : 'file', stat: trail.here.stat };
        const halt = this.#advance(trail, name);
        if (halt !== undefined) return { path: trail.path(name, ...trail.rest), ...halt };
      }
    } finally {
      trail.restart();
    }
  }

  /** Goes one component further, or says why not. */
  #advance(trail: Trail, name: string): Halt | undefined {
    if (--this.#steps < 0 || trail.depth >= DEPTH_MAX) return stopped('too many components or links');
    if (!isDirectory(trail.here)) return { outcome: 'missing' };
    if (name === '..') {
      trail.up();
      return undefined;
    }
    const next = this.#enter(trail, name);
    if ('failure' in next) return next.missing ? { outcome: 'missing' } : stopped(next.failure);
    if (isLink(next)) {
      closeSync(next.fd);
      return this.#isTooNew(next) ? stopped('a link that is newer than the container') : this.#followLink(trail, name);
    }
    trail.down(next, name);
    return undefined;
  }

  #isTooNew({ stat }: Pick<Place, 'stat'>): boolean {
    return this.#linksBeforeNs !== undefined && stat.ctimeNs >= this.#linksBeforeNs;
  }

  #followLink(trail: Trail, name: string): Halt | undefined {
    const target = this.#walk.readLink(trail.here, name);
    if (target === undefined || target === '') return stopped('a link that cannot be read');
    if (++trail.links > LINKS_MAX) return stopped('too many levels of links');
    const rest = [...componentsOf(target), ...trail.rest];
    if (Buffer.byteLength(rest.join('/')) > PATH_BYTES_MAX) return stopped('a link makes the name too long');
    if (target.startsWith('/')) trail.restart();
    trail.rest = rest;
    return undefined;
  }

  /** Opens a child, or the mount that is declared over it. */
  #enter(trail: Trail, name: string): ReturnType<PinnedWalk['openChild']> {
    if (this.#declared.size > 0) {
      const path = trail.path(name);
      const over = this.#declared.get(path);
      if (over !== undefined) {
        const own = this.#walk.openTrusted(`/proc/self/fd/${over.fd}`); // the trail closes what it holds
        return 'failure' in own ? own : { ...own, mount: over.mount };
      }
      if (this.#declared.has(path)) return { failure: 'on a declared mount that cannot be looked into', missing: false };
    }
    return this.#walk.openChild(trail.here, name);
  }

  #multicall(path: string, end: End): ResolvedPath['multicall'] {
    const applet = lastOf(path);
    if (this.#binaries.has(applet)) return undefined;
    if (this.#binaries.has(lastOf(end.path))) return { binary: end.path, applet, hardLink: false };
    const { stat } = end;
    if (stat === undefined || stat.nlink < 2n || this.#isTooNew({ stat })) return undefined;
    this.#steps = STEPS_MAX;
    this.#linksBeforeNs = undefined; // the same file under another name is the same file, however that is found
    this.#usual ??= this.#binariesIn(MULTICALL_DIRECTORIES);
    const key = identityOf(stat);
    const binary = this.#usual.get(key) ?? this.#binariesIn([end.path.slice(0, end.path.lastIndexOf('/'))]).get(key);
    return binary === undefined ? undefined : { binary, applet, hardLink: true };
  }

  #binariesIn(directories: readonly string[]): Map<string, string> {
    const found = new Map<string, string>();
    for (const directory of directories) {
      for (const name of this.#binaries) {
        const { path, outcome, stat } = this.#follow(`${directory}/${name}`);
        if (outcome === 'file' && stat !== undefined) found.set(identityOf(stat), path);
      }
    }
    return found;
  }
}

/** The way from the root to where the walk stands: descriptors, and the name that the kernel will show for it. */
class Trail {
  readonly #top: Place;
  readonly #below: { readonly place: Place; readonly name: string }[] = [];

  /** Components still to go. */
  rest: string[];
  /** Links followed so far. */
  links = 0;

  constructor(top: Place, rest: string[]) {
    this.#top = top;
    this.rest = rest;
  }

  get here(): Place {
    return this.#below.at(-1)?.place ?? this.#top;
  }

  get depth(): number {
    return this.#below.length;
  }

  /**
   * The path so far, and below it names as they stand.
   *
   * What kubelet's atomic writer puts directly under a read-only mount (`..2024_…`) is left out, as it is where paths are matched.
   */
  path(...rest: readonly string[]): string {
    let above = this.#top;
    const names: string[] = [];
    for (const { place, name } of this.#below) {
      if (!(name.startsWith('..') && above.isMountRoot && above.mount.readOnly)) names.push(name);
      above = place;
    }
    return `/${[...names, ...rest].join('/')}`;
  }

  down(place: Place, name: string): void {
    this.#below.push({ place, name });
  }

  /** At the root it stays there. */
  up(): void {
    const last = this.#below.pop();
    if (last !== undefined) closeSync(last.place.fd);
  }

  restart(): void {
    while (this.depth > 0) this.up();
  }
}

function stopped(reason: string): Halt {
  return { outcome: 'stopped', reason };
}

function identityOf(stat: Place['stat']): string {
  return `${stat.dev}:${stat.ino}`;
}

function componentsOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function isDirectory(place: Place): boolean {
  return (Number(place.stat.mode) & constants.S_IFMT) === constants.S_IFDIR;
}

function isLink(place: Place): boolean {
  return (Number(place.stat.mode) & constants.S_IFMT) === constants.S_IFLNK;
}
