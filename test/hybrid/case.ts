// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { until } from '../vm/running.ts';
import type { Ran } from '../vm/running.ts';
import type { Hybrid } from './cluster.ts';
import { BUSYBOX } from './images.ts';

/** One case in a cluster where KubeArmor runs. It throws where something is not as it should be. */
export interface HybridCase {
  readonly name: string;
  readonly run: (stage: Stage) => Promise<void>;
}

/** Under emulation, beside other guests. */
const LATE_MS = 180_000;
const EVERY_POD = { terminationGracePeriodSeconds: 0 };
let namespaces = 0;

/** The cluster, and a namespace that no other case has. */
export class Stage {
  readonly cluster: Hybrid;
  readonly namespace: string;
  /** Of 100 accesses and the like; fewer where the machine is shared. */
  readonly full: boolean;
  readonly figures: string[] = [];

  constructor(cluster: Hybrid, full: boolean) {
    this.cluster = cluster;
    this.full = full;
    this.namespace = `case-${Date.now().toString(36)}-${++namespaces}`;
  }

  async open(): Promise<void> {
    await this.cluster.must('create', 'namespace', this.namespace);
    // Without it pods are refused.
    await this.until(
      'there is a service account',
      async () => (await this.cluster.kubectl('-n', this.namespace, 'get', 'sa', 'default')).code === 0,
    );
  }

  async close(): Promise<void> {
    await this.cluster.kubectl('delete', 'namespace', this.namespace, '--wait=false');
  }

  /** In the case's namespace. */
  kubectl(...words: readonly string[]): Promise<string> {
    return this.cluster.must('-n', this.namespace, ...words);
  }

  async apply(...objects: readonly object[]): Promise<void> {
    using file = this.cluster.textFile(objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    await this.kubectl('apply', '-f', file.path);
  }

  /** A pod that does nothing, once it is ready. */
  async pod(name: string, labels: Readonly<Record<string, string>>, spec: object = {}, container: object = {}): Promise<void> {
    await this.apply(podObject(name, labels, spec, container));
    await this.ready(`pod/${name}`);
  }

  async ready(what: string): Promise<void> {
    await this.kubectl('wait', '--for=condition=Ready', `--timeout=${LATE_MS / 1_000 - 10}s`, what);
  }

  /** Applies a KubeArmorPolicy and waits as its user does: until it is in force. */
  async enforce(name: string, spec: object): Promise<void> {
    await this.apply(policyObject(name, spec));
    await this.isEnforced(name);
  }

  async isEnforced(...names: readonly string[]): Promise<void> {
    const wanted = names.map((name) => `ksp/${name}`);
    try {
      await this.kubectl('wait', '--for=condition=Enforced', `--timeout=${LATE_MS / 1_000 - 10}s`, ...wanted);
    } catch (error) {
      throw new Error(await this.kubectl('get', 'ksp', '-o', 'yaml'), { cause: error });
    }
  }

  /** Runs a program in a pod's container. */
  exec(pod: string, ...command: readonly string[]): Promise<Ran> {
    return this.cluster.kubectl('-n', this.namespace, 'exec', pod, '--', ...command);
  }

  /** Runs a script by its shell, in a container that need not be the first. */
  async script(pod: string, script: string, container?: string): Promise<string> {
    const where = container === undefined ? [] : ['-c', container];
    const { output } = await this.cluster.kubectl('-n', this.namespace, 'exec', pod, ...where, '--', '/bin/sh', '-c', `${script}\n:`);
    return output;
  }

  until(what: string, holds: () => Promise<boolean>, lateMs = LATE_MS): Promise<void> {
    return until(what, holds, lateMs);
  }

  /** Of a policy's status. */
  async condition(policy: string, type: string): Promise<{ readonly status: string; readonly message: string }> {
    const text = await this.kubectl('get', 'ksp', policy, '-o', `jsonpath={.status.conditions[?(@.type=="${type}")]}`);
    assert.notEqual(text, '', `${policy} has no condition ${type}`);
    return JSON.parse(text) as { status: string; message: string };
  }
}

export const IDLE = { name: 'main', image: BUSYBOX, imagePullPolicy: 'Never', command: ['/bin/sleep', '100000'] } as const;

export const podSpec = (spec: object = {}, container: object = {}): object => ({
  ...EVERY_POD,
  containers: [{ ...IDLE, ...container }],
  ...spec,
});

export const podObject = (name: string, labels: Readonly<Record<string, string>>, spec: object = {}, container: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels },
  spec: podSpec(spec, container),
});

export const policyObject = (name: string, spec: object): object => ({
  apiVersion: 'security.kubearmor.com/v1',
  kind: 'KubeArmorPolicy',
  metadata: { name },
  spec: { action: 'Block', ...spec },
});

/** A rule that refuses paths to pods of an app. */
export const forbid = (app: string, ...paths: readonly string[]): object => ({
  selector: { matchLabels: { app } },
  file: { matchPaths: paths.map((path) => ({ path })) },
});
