// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { containerdConfig } from '../../tools/testing/containerd-config.ts';
import { run, until } from './running.ts';
import type { Ran } from './running.ts';

/** A containerd of its own, with containers that share one root file system. */
export class Containerd {
  readonly socket: string;
  readonly #home: string;
  readonly #rootfs: string;
  readonly #containers = new Set<string>();
  readonly #cgroups = new Map<string, string>();
  #process: ChildProcess | undefined;
  #execs = 0;

  constructor(home: string, rootfs: string) {
    this.#home = home;
    this.#rootfs = rootfs;
    this.socket = join(home, 'c.sock');
  }

  async start(): Promise<void> {
    writeFileSync(join(this.#home, 'config.toml'), containerdConfig(this.#home, this.socket));
    this.#process = spawn('containerd', ['--config', join(this.#home, 'config.toml')], { stdio: 'ignore' });
    await until('containerd answers', async () => (await this.ctr('version')).code === 0);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process?.once('exit', resolve));
    this.#process?.kill('SIGKILL');
    await ended;
  }

  /** Ends it and all containers. */
  async end(): Promise<void> {
    for (const id of this.#containers) await this.remove(id);
    await this.stop();
  }

  ctr(...args: readonly string[]): Promise<Ran> {
    return run('ctr', '--address', this.socket, ...args);
  }

  /** Starts a container with the label `app=ID`. */
  run(id: string, ...command: readonly string[]): Promise<void> {
    return this.#run([], id, command);
  }

  /** As `run`, with all capabilities, the node's processes, and its files below /host. */
  runPrivileged(id: string, ...command: readonly string[]): Promise<void> {
    const options = ['--privileged', '--with-ns', 'pid:/proc/1/ns/pid', '--mount', 'type=bind,src=/,dst=/host,options=rbind:rw'];
    return this.#run(options, id, command);
  }

  /** The same with more options of `ctr run`. */
  runWith(options: readonly string[], id: string, ...command: readonly string[]): Promise<void> {
    return this.#run(options, id, command);
  }

  /** As `run`, but between making it and starting its program `meanwhile` is done: runc waits in the container for that long. */
  async runHeld(id: string, meanwhile: () => Promise<void>, ...command: readonly string[]): Promise<void> {
    const runc = join(this.#home, 'held-runc');
    const go = join(this.#home, `go-${id}`);
    const held = `#!/bin/sh\ncase " $* " in *" start "*) until [ -e '${go}' ]; do sleep 0.1; done ;; esac\nexec runc "$@"\n`;
    writeFileSync(runc, held, { mode: 0o755 });
    const started = this.#run(['--runc-binary', runc], id, command);
    try {
      await Promise.race([meanwhile(), started.then(() => Promise.reject(new Error(`${id} was not held`)))]);
    } finally {
      writeFileSync(go, '');
    }
    await started;
  }

  async #run(options: readonly string[], id: string, command: readonly string[]): Promise<void> {
    const ran = await this.ctr('run', '-d', ...options, '--label', `app=${id}`, '--rootfs', this.#rootfs, id, ...command);
    if (ran.code !== 0) throw new Error(`the container ${id} does not start: ${ran.output}`);
    this.#containers.add(id);
  }

  async remove(id: string): Promise<void> {
    this.#containers.delete(id);
    await this.ctr('task', 'delete', '--force', id);
    await this.ctr('containers', 'delete', id);
  }

  exec(id: string, ...command: readonly string[]): Promise<Ran> {
    return this.ctr('task', 'exec', '--exec-id', `e${this.#execs++}`, id, ...command);
  }

  /** Starts a process that goes on. */
  async execDetached(id: string, ...command: readonly string[]): Promise<void> {
    const ran = await this.ctr('task', 'exec', '--detach', '--exec-id', `e${this.#execs++}`, id, ...command);
    if (ran.code !== 0) throw new Error(`${command.join(' ')} does not start: ${ran.output}`);
  }

  /** Stops the processes of all containers in their tracks while `work` is done. */
  async whileFrozen<T>(work: () => Promise<T>): Promise<T> {
    for (const id of this.#containers) await this.#freeze(id, 1);
    try {
      return await work();
    } finally {
      for (const id of this.#containers) await this.#freeze(id, 0);
    }
  }

  async #freeze(id: string, frozen: 0 | 1): Promise<void> {
    const cgroup = await this.#cgroupOf(id);
    writeFileSync(join(cgroup, 'cgroup.freeze'), String(frozen));
    const told = (): boolean => readFileSync(join(cgroup, 'cgroup.events'), 'utf8').includes(`frozen ${frozen}`);
    await until(`${id}: frozen ${frozen}`, told);
  }

  /** Others come first where CPUs are scarce, as emulated ones are. */
  async giveWay(id: string): Promise<void> {
    const weight = join(await this.#cgroupOf(id), 'cpu.weight');
    if (existsSync(weight)) writeFileSync(weight, '10');
  }

  async #cgroupOf(id: string): Promise<string> {
    const known = this.#cgroups.get(id);
    if (known !== undefined) return known;
    const { output } = await this.ctr('task', 'ls');
    const pid = new RegExp(`^${id}\\s+(\\d+)`, 'm').exec(output)?.[1] ?? '';
    const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? '';
    const cgroup = join('/sys/fs/cgroup', path);
    this.#cgroups.set(id, cgroup);
    return cgroup;
  }
}
