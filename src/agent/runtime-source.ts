// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import { findRuntimeSocket, openContainerd } from '#runtimes';
import type { ContainerChange, ContainerSource, RuntimeSocket } from '#runtimes';

/** How things stand with the container runtime. */
export type RuntimeState =
  | { readonly kind: 'connected'; readonly socket: string }
  | {
      readonly kind: 'away';
      readonly why: string;
      /** There is no runtime that we could follow, and never was. */
      readonly isAbsent?: boolean;
    };

export interface RuntimeSourceOptions {
  /** Undefined: looked for, again and again. */
  readonly socket: string | undefined;
  readonly logger: Logger;
  readonly find?: () => RuntimeSocket | undefined;
  readonly open?: (socket: string) => ContainerSource;
  readonly retryMs?: number;
}

/**
 * The container runtime of this node. One that is not there yet is waited for.
 *
 * What became of it is in `state`.
 */
export class RuntimeSource implements ContainerSource {
  readonly #options: RuntimeSourceOptions;
  #source: ContainerSource | undefined;
  #state: RuntimeState = { kind: 'away', why: 'not looked for yet' };

  constructor(options: RuntimeSourceOptions) {
    this.#options = options;
  }

  get state(): RuntimeState {
    return this.#state;
  }

  async list(signal?: AbortSignal): ReturnType<ContainerSource['list']> {
    const found = this.#find();
    if ('why' in found) throw new KubeArmorError('RUNTIME_UNREACHABLE', `listing containers: ${found.why}`);
    return await this.#open(found.path).list(signal);
  }

  async claim(cgroupPath: string, pid: number): ReturnType<ContainerSource['claim']> {
    return (await this.#source?.claim(cgroupPath, pid)) ?? 'away';
  }

  async *watch(signal: AbortSignal): AsyncGenerator<ContainerChange> {
    const path = yield* this.#wait(signal);
    if (path === undefined) return;
    const { logger } = this.#options;
    this.#source = this.#open(path);
    for await (const change of this.#source.watch(signal)) {
      if (change.kind === 'synced') {
        if (this.#state.kind === 'away')
          logger.info('connected to the container runtime', { socket: path, containers: change.containers.length });
        this.#state = { kind: 'connected', socket: path };
      } else if (change.kind === 'lost') {
        this.#setAway(change.cause.message);
      }
      yield change;
    }
  }

  /** Until there is a socket; tells once that there is none. */
  async *#wait(signal: AbortSignal): AsyncGenerator<ContainerChange, string | undefined> {
    for (let told = false; !signal.aborted;) {
      const found = this.#find();
      if ('path' in found) return found.path;
      this.#setAway(found.why, true);
      if (!told) yield { kind: 'lost', cause: new KubeArmorError('RUNTIME_UNREACHABLE', `looking for a container runtime: ${found.why}`) };
      told = true;
      await sleep(this.#options.retryMs ?? 1_000, undefined, { signal }).catch(() => {});
    }
    return undefined;
  }

  #setAway(why: string, isAbsent = false): void {
    if (this.#state.kind === 'away' && this.#state.why === why) return;
    this.#options.logger.warn('the container runtime is away; it is tried again and again', { why });
    this.#state = { kind: 'away', why, isAbsent };
  }

  #find(): { readonly path: string } | { readonly why: string } {
    const { socket, find = findRuntimeSocket } = this.#options;
    if (socket !== undefined) return { path: socket };
    const found = find();
    if (found === undefined) return { why: 'there is no socket of containerd' };
    return found.kind === 'containerd' ? found : { why: `only ${found.path} is there, and ${found.kind} is not supported yet` };
  }

  #open(path: string): ContainerSource {
    const { open = (socket) => openContainerd(socket, { logger: this.#options.logger }) } = this.#options;
    return open(path);
  }
}
