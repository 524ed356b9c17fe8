// SPDX-License-Identifier: Apache-2.0
import { closeSync, constants, openSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { KubeArmorError } from '#base';
import type { BpfMap } from '#libbpf';
import type { Tampering } from '../enforcer.ts';
import { enrolment, THIS_PROCESS } from './enrolment.ts';
import type { Programs } from './programs.ts';
import { u32 } from './images.ts';

/** bpf/self.bpf.h */
const PLACE_INSIDE = 1;
const PLACE_ABOVE = 2;
const OWN_MAP = 1;
const OWN_PROGRAM = 2;
const OWN_LINK = 3;
/** Of struct place_kind. */
const EPOCH_AT = 4;
/** asm-generic/fcntl.h; the same on x86-64 and AArch64. */
const O_PATH = 0o10000000;

/** What the kernel programs refuse to containers, as they are told of it: bpf/self.bpf.h. */
export class SelfProtection {
  readonly #programs: Programs;
  #epoch = Date.now() >>> 0;
  #claimed: Buffer | undefined;
  /** With what each path was when it was guarded. */
  #guarded: ReadonlyMap<string, string | undefined> = new Map();

  constructor(programs: Programs) {
    this.#programs = programs;
  }

  /** This process is the agent, from now until it ends. */
  claim(): void {
    this.#enroll(THIS_PROCESS, 0);
    this.#claimed = this.#programs.map('self_agent').lookup(u32(0));
  }

  /** Claims again where somebody else did, and guards again what was made anew. */
  check(): readonly Tampering[] {
    if ([...this.#guarded].some(([path, inode]) => inodeOf(path) !== inode)) this.guard([...this.#guarded.keys()]);
    if (this.#claimed !== undefined && this.#programs.map('self_agent').lookup(u32(0))?.equals(this.#claimed) === true) return [];
    this.claim();
    return [{ what: 'another process was made the agent in the kernel', problem: undefined }];
  }

  /**
   * From now on these files and directories, and everything in the directories, cannot be changed by containers, nor can what leads to
   * them be moved or covered. Replaces those of before; what does not exist is left out.
   */
  guard(paths: readonly string[]): void {
    this.#epoch = (this.#epoch + 1) >>> 0;
    this.#guarded = new Map(paths.map((path) => [path, inodeOf(path)]));
    for (const path of paths) this.#guard(path);
    const places = this.#programs.map('self_places');
    for (const key of places.keys()) if (places.lookup(key)?.readUInt32LE(EPOCH_AT) !== this.#epoch) places.delete(key);
  }

  #guard(path: string): void {
    const real = ifThere(path, () => realpathSync(path));
    if (real === undefined) return;
    this.#place(real, PLACE_INSIDE);
    for (const above of new Set([...leadingTo(real), ...leadingTo(path)])) this.#place(above, PLACE_ABOVE);
  }

  #place(path: string, kind: number): void {
    const fd = ifThere(path, () => openSync(path, O_PATH | constants.O_NOFOLLOW));
    if (fd === undefined) return;
    try {
      this.#enroll(fd, kind);
    } finally {
      closeSync(fd);
    }
  }

  #enroll(fd: number, kind: number): void {
    if (this.#programs.enroll(enrolment(fd, kind, this.#epoch)) !== 0)
      throw new KubeArmorError('LIMIT_EXCEEDED', 'guarding the agent’s own files: there are too many of them');
  }
}

/** Makes maps, programs and links known as ours; call it before the programs that refuse them are attached. */
export class OwnIds {
  readonly #map: Pick<BpfMap, 'update'>;

  constructor(map: Pick<BpfMap, 'update'>) {
    this.#map = map;
  }

  addMap(id: number): void {
    this.#add(OWN_MAP, id);
  }

  addProgram(id: number): void {
    this.#add(OWN_PROGRAM, id);
  }

  addLink(id: number): void {
    this.#add(OWN_LINK, id);
  }

  #add(kind: number, id: number): void {
    this.#map.update(Buffer.concat([u32(id), u32(kind)]), u32(1));
  }
}

/** Ids of all links that were made known as ours, also of those that are gone. */
export const linkIds = (own: Pick<BpfMap, 'keys'>): number[] =>
  own.keys().flatMap((key) => (key.readUInt32LE(4) === OWN_LINK ? [key.readUInt32LE(0)] : []));

/** @throws {KubeArmorError} `HOST_IO`, but nothing where the path does not exist */
function ifThere<T>(path: string, look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new KubeArmorError('HOST_IO', `guarding ${path}: ${code ?? String(error)}`, { cause: error });
  }
}

function inodeOf(path: string): string | undefined {
  const stat = ifThere(path, () => statSync(path, { bigint: true }));
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`;
}

/** The directories, and links, through which a path leads, from the root on: what is mounted there could be taken away as a whole. */
function leadingTo(path: string): string[] {
  const above = ['/'];
  for (let at = dirname(path); at !== '/' && at !== '.'; at = dirname(at)) above.push(at);
  return above;
}
