// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#base';
import { NAMES } from '#cluster';
import { installationObjects, isOurs, kindOf, KINDS, rolloutOf } from '#install';
import type { Installation, NodeShape, Rollout } from '#install';
import type { KubeApi, KubeObject } from '#k8s';
import type { ObjectStore } from './object-store.ts';

interface Parts {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly logger: Logger;
  readonly wallMs: () => number;
  /** As the API server told last. */
  readonly daemonSets: ObjectStore;
  readonly deployments: ObjectStore;
  /** After which everything is applied again, whatever is known: somebody may have changed what is not watched. */
  readonly everyMs: number;
}

interface Applied {
  readonly text: string;
  readonly atMs: number;
  readonly generation: number;
}

/** Brings the objects of the table to the cluster, and only what differs. */
export class Installer {
  readonly #parts: Parts;
  readonly #applied = new Map<string, Applied>();
  #workloads: readonly KubeObject[] = [];

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** DaemonSets of ours that no node needs any more are removed. */
  async apply(installation: Installation, shapes: readonly NodeShape[], signal: AbortSignal): Promise<void> {
    const objects = installationObjects(installation, shapes);
    for (const object of objects) if (this.#isDue(object)) await this.#applyOne(object, signal);
    this.#workloads = objects.filter(isWorkload);
    await this.#prune(this.#parts.daemonSets.all(), new Set(objects.map(keyOf)), signal);
  }

  /** How far each Deployment and DaemonSet is, by what the API server told last. */
  workloads(): { readonly name: string; readonly rollout: Rollout | undefined }[] {
    return this.#workloads.map((object) => {
      const found = this.#seen(object);
      return { name: `${object.kind} ${object.metadata.name}`, rollout: found === undefined ? undefined : rolloutOf(found) };
    });
  }

  #seen({ kind, metadata }: KubeObject): KubeObject | undefined {
    const { daemonSets, deployments } = this.#parts;
    return (kind === KINDS.daemonSets.kind ? daemonSets : deployments).get(`${metadata.namespace}/${metadata.name}`);
  }

  /** Nothing is there any more. */
  forget(): void {
    this.#applied.clear();
    this.#workloads = [];
  }

  #isDue(object: KubeObject): boolean {
    const before = this.#applied.get(keyOf(object));
    if (before === undefined || before.text !== JSON.stringify(object)) return true;
    // Somebody else changed or deleted it; others are looked at again when it is time.
    if (isWorkload(object) && this.#seen(object)?.metadata.generation !== before.generation) return true;
    return this.#parts.wallMs() - before.atMs >= this.#parts.everyMs;
  }

  async #applyOne(object: KubeObject, signal: AbortSignal): Promise<void> {
    const { api, wallMs } = this.#parts;
    if (!this.#applied.has(keyOf(object))) await this.#removeForeign(object, signal);
    const { metadata } = await api.apply(kindOf(object), object, { fieldManager: NAMES.operator, signal });
    this.#applied.set(keyOf(object), { text: JSON.stringify(object), atMs: wallMs(), generation: metadata.generation ?? 0 });
  }

  /** A Deployment of KubeArmor's under the same name: an apply over it would leave its pods fields of KubeArmor's, like their command. */
  async #removeForeign(object: KubeObject, signal: AbortSignal): Promise<void> {
    const { api, namespace, logger } = this.#parts;
    const found = object.kind === KINDS.deployments.kind ? this.#seen(object) : undefined;
    if (found === undefined || isOurs(found)) return;
    const { name, uid } = found.metadata;
    logger.warn('a Deployment of another installation is replaced', { name });
    await api.delete(KINDS.deployments, { name, namespace }, { signal, ...(uid === undefined ? {} : { uid }) });
  }

  async #prune(daemonSets: readonly KubeObject[], wanted: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { api, namespace, logger } = this.#parts;
    for (const one of daemonSets) {
      if (one.metadata.namespace !== namespace || !isOurs(one) || wanted.has(keyOf(one))) continue;
      await api.delete(KINDS.daemonSets, { name: one.metadata.name, namespace }, { signal });
      this.#applied.delete(keyOf(one));
      logger.info('a DaemonSet that no node needs any more is removed', { name: one.metadata.name });
    }
  }
}

const isWorkload = ({ kind }: KubeObject): boolean => kind === KINDS.daemonSets.kind || kind === KINDS.deployments.kind;
const keyOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.name}`;
