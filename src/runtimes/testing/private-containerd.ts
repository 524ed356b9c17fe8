// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '#host';
import type { RunResult } from '#host';
import { containerdConfig } from '../../../tools/testing/containerd-config.ts';
import { containerdVersion } from '../containerd.ts';

const BUSYBOX = '/bin/busybox';

/** Why containers cannot be run here, found out without the code under test; undefined if they can. */
export async function whyNoContainers(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(BUSYBOX)) return `needs a static ${BUSYBOX}`;
  for (const program of ['containerd', 'ctr', 'runc']) {
    if ((await run('sh', ['-c', `command -v ${program}`])).exitCode !== 0) return `needs ${program}`;
  }
  const bundle = mkdtempSync(join(tmpdir(), 'runc-probe-'));
  try {
    makeRootfs(join(bundle, 'rootfs'));
    await run('runc', ['spec', '--bundle', bundle]);
    const file = join(bundle, 'config.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"terminal": true', '"terminal": false').replace('"sh"', '"/bin/true"'));
    const { exitCode, stderr } = await run('runc', ['--root', join(bundle, 'state'), 'run', '--bundle', bundle, `probe-${process.pid}`]);
    return exitCode === 0 ? undefined : `runc cannot run a container here: ${stderr.trim()}`;
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}

/** A root file system of one program: busybox, with links for a few names. */
export function makeRootfs(directory: string): void {
  for (const name of ['bin', 'proc', 'dev', 'sys', 'tmp', 'etc']) mkdirSync(join(directory, name), { recursive: true });
  copyFileSync(BUSYBOX, join(directory, 'bin/busybox'));
  for (const applet of ['sh', 'sleep', 'true', 'cat']) symlinkSync('busybox', join(directory, 'bin', applet));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function mustRun(command: string, args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await run(command, args);
  if (exitCode !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

/** A containerd of a test's own: its files, its socket, its containers. Nothing of it is left after dispose. */
export class PrivateContainerd implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'ctrd-'));
  readonly socket = join(this.directory, 'c.sock');
  readonly rootfs = join(this.directory, 'rootfs');
  #daemon: { readonly stop: AbortController; readonly ended: Promise<unknown> } | undefined;

  constructor() {
    makeRootfs(this.rootfs);
    writeFileSync(join(this.directory, 'config.toml'), containerdConfig(this.directory, this.socket));
  }

  async start(): Promise<void> {
    const stop = new AbortController();
    const ended = run('containerd', ['--config', join(this.directory, 'config.toml')], { timeoutMs: 600_000, signal: stop.signal }).catch(
      () => {},
    );
    this.#daemon = { stop, ended };
    await this.#untilItAnswers();
  }

  /** Kills the daemon. Its containers go on running. */
  async kill(): Promise<void> {
    this.#daemon?.stop.abort();
    await this.#daemon?.ended;
    this.#daemon = undefined;
    await sleep(100); // the abort is answered before the process is reaped
  }

  /** @throws on a non-zero exit code */
  async ctr(...args: readonly string[]): Promise<RunResult> {
    const result = await run('ctr', ['--address', this.socket, ...args]);
    if (result.exitCode !== 0) throw new Error(`ctr ${args.join(' ')}: ${result.stderr}`);
    return result;
  }

  /** Makes an image of one layer, the root file system, and imports it into the namespace `default`. */
  async importImage(name: string): Promise<{ digest: string }> {
    const made = join(this.directory, 'image');
    mkdirSync(made);
    await mustRun('tar', ['-C', this.rootfs, '--owner=0', '--group=0', '-cf', join(made, 'layer.tar'), '.']);
    const diffId = `sha256:${sha256(readFileSync(join(made, 'layer.tar')))}`;
    const platform = { architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' };
    writeFileSync(join(made, 'config.json'), JSON.stringify({ ...platform, config: {}, rootfs: { type: 'layers', diff_ids: [diffId] } }));
    writeFileSync(join(made, 'manifest.json'), JSON.stringify([{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }]));
    await mustRun('tar', ['-C', made, '-cf', join(this.directory, 'image.tar'), 'config.json', 'layer.tar', 'manifest.json']);
    await this.ctr('images', 'import', '--snapshotter', 'native', join(this.directory, 'image.tar'));
    const line = (await this.ctr('images', 'ls')).stdout.split('\n').find((text) => text.startsWith(`${name} `));
    return { digest: /sha256:[0-9a-f]{64}/.exec(line ?? '')?.[0] ?? '' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemon === undefined) await this.start();
    const namespaces = (await this.ctr('namespaces', 'ls', '-q')).stdout.split('\n').filter((name) => name !== '');
    for (const namespace of namespaces) {
      for (const id of (await this.ctr('-n', namespace, 'containers', 'ls', '-q')).stdout.split('\n').filter((name) => name !== '')) {
        await this.ctr('-n', namespace, 'task', 'delete', '--force', id).catch(() => {});
        await this.ctr('-n', namespace, 'containers', 'delete', id).catch(() => {});
      }
    }
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #untilItAnswers(): Promise<void> {
    const deadlineMs = performance.now() + 60_000;
    for (;;) {
      try {
        await containerdVersion(this.socket, AbortSignal.timeout(1_000));
        return;
      } catch (error) {
        if (performance.now() > deadlineMs) throw error;
        await sleep(50);
      }
    }
  }
}
