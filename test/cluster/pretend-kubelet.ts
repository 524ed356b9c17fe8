// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { CORE } from '#cluster';
import type { KubeApi, KubeObject } from '#k8s';
import type { ControlPlane } from './control-plane.ts';

const ROOT = join(import.meta.dirname, '../..');
const BY = { fieldManager: 'pretend-kubelet' };
/** Programs that run for real, by the last word of their image's name; pods of others are said to be ready. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  'kubearmor-operator': ['-health-probe-bind-address=127.0.0.1:0'],
  'kubearmor-controller': ['-health-probe-bind-address=127.0.0.1:0', '-webhook-port=0'],
};

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

interface PodSpec {
  readonly serviceAccountName?: string;
  readonly restartPolicy: string;
  readonly containers: readonly Container[];
}

/**
 * What stands for the kubelets of a control plane without nodes: programs of ours run as processes with the arguments, environment and
 * account that their pods say, and every other pod is ready as soon as it is there.
 *
 * No pod is bound to a node, so the API server deletes each at once.
 */
export class PretendKubelet implements AsyncDisposable {
  readonly #plane: ControlPlane;
  readonly #api: KubeApi & Disposable;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  /** By the uid of their pods. */
  readonly #running = new Map<string, ChildProcess>();
  readonly #seen = new Set<string>();

  constructor(plane: ControlPlane) {
    this.#plane = plane;
    this.#api = plane.api();
    this.#done = this.#run();
    this.#done.catch(() => {}); // told when it is disposed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const child of this.#running.values()) child.kill('SIGKILL');
    await this.#done;
    this.#api[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    for await (const change of this.#api.watch(CORE.pods, {}, this.#stop.signal)) {
      if (change.kind === 'lost') continue;
      if (change.kind === 'deleted') this.#end(change.object.metadata.uid ?? '');
      else for (const pod of change.kind === 'synced' ? change.objects : [change.object]) await this.#start(pod);
    }
  }

  #end(uid: string): void {
    this.#running.get(uid)?.kill('SIGTERM');
    this.#running.delete(uid);
  }

  async #start(pod: KubeObject): Promise<void> {
    const { uid = '', deletionTimestamp } = pod.metadata;
    if (this.#seen.has(uid) || deletionTimestamp !== undefined) return;
    this.#seen.add(uid);
    const { containers, restartPolicy } = pod['spec'] as PodSpec;
    for (const container of containers) this.#startContainer(pod, container);
    if (restartPolicy === 'Always') await this.#tell(pod, 'Running');
  }

  #startContainer(pod: KubeObject, container: Container): void {
    const program = /([a-z-]+)(:[^/]*)?$/.exec(container.image)?.[1] ?? '';
    const own = PROGRAMS[program];
    if (own !== undefined) this.#runProgram(program, pod, { ...container, args: [...(container.args ?? []), ...own] });
  }

  #runProgram(program: string, pod: KubeObject, { args = [], env = [] }: Container): void {
    const { uid = '', namespace = '', name } = pod.metadata;
    const { serviceAccountName = 'default', restartPolicy } = pod['spec'] as PodSpec;
    const kubeconfig = this.#plane.kubeconfigOf({ name: `system:serviceaccount:${namespace}:${serviceAccountName}` });
    // A variable without a value is the namespace: it comes from a field of the pod.
    const variables = Object.fromEntries(env.map((one): [string, string] => [one.name, one.value ?? namespace]));
    const log = openSync(join(this.#plane.folder, `${name}.log`), 'a');
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', join(ROOT, program), ...args], {
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'] ?? '', HOSTNAME: name, KUBECONFIG: kubeconfig, ...variables },
    });
    closeSync(log);
    this.#running.set(uid, child);
    child.on('error', () => {}); // its pod never succeeds
    child.once('exit', (code) => {
      if (restartPolicy === 'Always' || !this.#running.delete(uid)) return;
      this.#tell(pod, code === 0 ? 'Succeeded' : 'Failed').catch(() => {}); // the pod is gone
    });
  }

  /** @throws {KubeArmorError} as `KubeApi`, but for a pod that is gone */
  async #tell({ metadata: { name, namespace } }: KubeObject, phase: 'Running' | 'Succeeded' | 'Failed'): Promise<void> {
    const now = new Date().toISOString();
    const status = phase === 'Running' ? 'True' : 'False';
    const conditions = ['Initialized', 'ContainersReady', 'Ready'].map((type) => ({ type, status, lastTransitionTime: now }));
    try {
      await this.#api.patch(
        CORE.pods,
        { name, namespace },
        { status: { phase, conditions, startTime: now } },
        { ...BY, subresource: 'status' },
      );
    } catch (error) {
      if ((await this.#api.get(CORE.pods, { name, namespace })) !== undefined) throw error;
    }
  }
}
