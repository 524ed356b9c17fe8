// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { copyFileSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { buildNative } from '../kernel/native.ts';
import { ContainerdStore } from './containerd-store.ts';

const CGROUP = '/fleet';
const DIRECTORY = join('/sys/fs/cgroup', CGROUP);
const PARALLEL = 8;
/** Exit codes of test/kernel/native/fleet.c. */
export const REFUSED = 100;
export const RAN = 42;

/** Programs and files of both sides: the rules of `a` forbid what is `b`'s, and the other way round. */
export function writeFleetRoot(root: string): void {
  const { fleet } = buildNative();
  for (const name of ['bin', 'etc', 'proc', 'dev', 'sys', 'run', 'tmp']) mkdirSync(join(root, name), { recursive: true });
  for (const name of ['entry', 'only-a', 'only-b']) copyFileSync(fleet, join(root, 'bin', name));
  for (const name of ['a', 'b']) writeFileSync(join(root, 'etc', name), `${name}\n`);
}

export const OTHER = { a: 'b', b: 'a' } as const;
export type Side = keyof typeof OTHER;

export const sidePolicy = (side: Side): string =>
  `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: side-${side}}\nspec:\n  selector: {matchLabels: {app: ${side}}}\n` +
  `  file: {matchPaths: [{path: /etc/${OTHER[side]}, action: Block}]}\n  process: {matchPaths: [{path: /bin/only-${OTHER[side]}, action: Block}]}\n`;

/** What a container does at once, and the exit code where the rules of its side hold. */
export interface Errand {
  readonly words: readonly string[];
  readonly expected: number;
}

/** Reads what it may not; is what it may not run; is what it may run: in turn. */
export function errandOf(side: Side, n: number): Errand {
  const other = OTHER[side];
  const errands: readonly Errand[] = [
    { words: ['/bin/entry', `/etc/${other}`, `/etc/${side}`], expected: 0 },
    { words: [`/bin/only-${other}`], expected: REFUSED },
    { words: [`/bin/entry`, `/etc/${other}`, `/etc/${side}`], expected: 0 },
    { words: [`/bin/only-${side}`], expected: RAN },
  ];
  return errands[n % errands.length]!;
}

/** Containers by the thousand: known to containerd, started by the native launcher in the cgroup that containerd was told of. */
export class Fleet {
  readonly #store: ContainerdStore;
  readonly #launcher: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<string, (code: number) => void>();
  readonly #free: (() => void)[] = [];
  #running = 0;

  constructor(socket: string, root: string) {
    mkdirSync(DIRECTORY, { recursive: true });
    this.#store = new ContainerdStore(socket);
    this.#launcher = spawn(buildNative().fleet, [root, DIRECTORY, String(PARALLEL)], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface(this.#launcher.stdout).on('line', (line) => {
      const [id = '', code = ''] = line.split(' ');
      this.#waiting.get(id)?.(Number(code));
      this.#waiting.delete(id);
    });
  }

  /** Runs a container to its end. @returns its program's exit code */
  async run(id: string, side: Side, words: readonly string[]): Promise<number> {
    while (this.#running >= PARALLEL) await new Promise<void>((resolve) => this.#free.push(resolve));
    this.#running++;
    try {
      await this.#store.create(id, { app: side }, `${CGROUP}/${id}`);
      const code = await this.runUnknown(id, words);
      await this.#store.delete(id);
      return code;
    } finally {
      this.#running--;
      this.#free.shift()?.();
    }
  }

  /** The same, and containerd is not told. */
  runUnknown(id: string, words: readonly string[]): Promise<number> {
    const ended = new Promise<number>((resolve) => this.#waiting.set(id, resolve));
    this.#launcher.stdin.write(`${[id, ...words].join(' ')}\n`);
    return ended;
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#launcher.once('exit', resolve));
    this.#launcher.stdin.end();
    await ended;
    this.#store[Symbol.dispose]();
    rmdirSync(DIRECTORY);
  }
}
