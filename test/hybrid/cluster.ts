// SPDX-License-Identifier: Apache-2.0
// A cluster whose control plane runs on this machine and whose node is a guest with a kernel that enforces.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubeconfigTextAccess, openKubeApi } from '#k8s';
import type { KubeApi } from '#k8s';
import { ControlPlane } from '../cluster/control-plane.ts';
import { run, until } from '../vm/running.ts';
import type { Ran } from '../vm/running.ts';
import { Guest } from './guest.ts';
import { makeTestImages } from './images.ts';
import { HOST_ADDRESS, NODE_ADDRESS, setUpNetwork } from './network.ts';

export const NODE = 'node-1';
const ROOT = join(import.meta.dirname, '../..');
/** Where a cluster that is kept tells others of itself. */
const KEPT = join(ROOT, '.cache/hybrid');
const READY_MS = 300_000;

export interface HybridOptions {
  /** Archives for the node, beside the tests' own. */
  readonly images?: readonly string[];
  /** Default: 6.12. */
  readonly kernel?: string;
  readonly say?: (what: string) => void;
}

/** One that runs; who did not start it can use it too. */
export class Hybrid {
  readonly guest: Guest;
  readonly kubeconfig: string;
  readonly bin: string;

  constructor(bin: string, kubeconfig: string, guest: Guest) {
    this.bin = bin;
    this.kubeconfig = kubeconfig;
    this.guest = guest;
  }

  /** That of `up.ts`; this process has to be in its network name space. */
  static kept(): Hybrid {
    const { bin, kubeconfig } = JSON.parse(readFileSync(join(KEPT, 'kept.json'), 'utf8')) as { bin: string; kubeconfig: string };
    return new Hybrid(bin, kubeconfig, new Guest(KEPT));
  }

  kubectl(...args: readonly string[]): Promise<Ran> {
    return run(join(this.bin, 'kubectl'), `--kubeconfig=${this.kubeconfig}`, ...args);
  }

  /** @throws {Error} with what kubectl said, where it failed */
  async must(...args: readonly string[]): Promise<string> {
    const ran = await this.kubectl(...args);
    if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${ran.output}`);
    return ran.output;
  }

  /** A file for `kubectl -f`. */
  textFile(text: string): Disposable & { readonly path: string } {
    const folder = mkdtempSync(join(tmpdir(), 'hybrid-'));
    const path = join(folder, 'objects.yaml');
    writeFileSync(path, text);
    return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
  }

  api(): KubeApi & Disposable {
    const access = kubeconfigTextAccess(readFileSync(this.kubeconfig, 'utf8'), KEPT);
    return openKubeApi({ access, userAgent: 'kubearmor-test' });
  }
}

/** The same, of who started it; ends with it, or with this process. */
export class HybridCluster extends Hybrid implements AsyncDisposable {
  readonly plane: ControlPlane;

  private constructor(bin: string, plane: ControlPlane, guest: Guest) {
    super(bin, plane.kubeconfigPath, guest);
    this.plane = plane;
  }

  /** Starts one and waits for its node: one to five minutes. */
  static async start({ images = [], kernel = '6.12', say = console.log }: HybridOptions = {}): Promise<HybridCluster> {
    const bin = execFileSync(join(ROOT, 'tools/kube/build'), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
    await setUpNetwork();
    const plane = await ControlPlane.start(bin, { controllerManager: true, scheduler: true, network: { address: HOST_ADDRESS } });
    say('the control plane is ready');
    const guest = new Guest(plane.folder);
    const cluster = new HybridCluster(bin, plane, guest);
    try {
      const folder = join(plane.folder, 'node');
      prepareNode(folder, plane, bin, [makeTestImages(plane.folder), ...images]);
      guest.start(folder, kernel);
      await guest.answers();
      say('the guest answers');
      await until('the node is ready', () => cluster.#isNodeReady(), READY_MS);
      say('the node is ready');
      return cluster;
    } catch (error) {
      console.log(guest.logEnd());
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Lets others find it: `Hybrid.kept`. */
  keep(): void {
    mkdirSync(KEPT, { recursive: true });
    writeFileSync(join(KEPT, 'kept.json'), JSON.stringify({ bin: this.bin, kubeconfig: this.kubeconfig, pid: process.pid }));
  }

  async #isNodeReady(): Promise<boolean> {
    const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
    const { output } = await this.kubectl('get', 'node', NODE, '-o', path);
    return output === 'True';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.guest[Symbol.asyncDispose]();
    await this.plane[Symbol.asyncDispose]();
  }
}

/** What guest-init wants of its folder. */
function prepareNode(folder: string, plane: ControlPlane, bin: string, images: readonly string[]): void {
  mkdirSync(folder, { mode: 0o700 });
  const { pki } = plane;
  pki.server('kubelet', [`IP:${NODE_ADDRESS}`, `DNS:${NODE}`]);
  for (const file of ['ca.crt', 'kubelet.crt', 'kubelet.key']) copyFileSync(pki.path(file), join(folder, file));
  for (const file of ['bridge.conflist', 'containerd.toml', 'kubelet.yaml', 'kube-proxy.yaml'])
    copyFileSync(join(import.meta.dirname, file), join(folder, file));
  copyFileSync(
    plane.kubeconfigOf({ name: `system:node:${NODE}`, group: 'system:nodes' }, HOST_ADDRESS),
    join(folder, 'kubelet.kubeconfig'),
  );
  copyFileSync(plane.kubeconfigOf({ name: 'system:kube-proxy' }, HOST_ADDRESS), join(folder, 'kube-proxy.kubeconfig'));
  const missing = images.filter((image) => !existsSync(image));
  if (missing.length > 0) throw new Error(`no images at ${missing.join(', ')}`);
  writeFileSync(join(folder, 'settings'), `address=${NODE_ADDRESS}\nhost=${HOST_ADDRESS}\nbin='${bin}'\nimages='${images.join(' ')}'\n`);
}
