// SPDX-License-Identifier: Apache-2.0
import { ANNOTATIONS, fieldOf, NAMES, readConfig, textOf } from '#cluster';
import type { ClusterConfig } from '#cluster';
import { isOurs, KINDS } from '#install';
import type { KubeApi, KubeObject } from '#k8s';

/** A KubeArmorConfig that could be read. */
export interface Good {
  readonly config: ClusterConfig;
  readonly generation: number;
  /** As it is kept on the ConfigMap; undefined: too long for an annotation. */
  readonly record: string | undefined;
}

/** All annotations of an object together may have 256 KiB; others may add some. */
const RECORD_MAX = 200_000;

/**
 * The last KubeArmorConfig that could be read, so that a later one that cannot changes nothing. It is kept on the ConfigMap, which is there
 * as long as anything is installed: an operator that starts anew finds it there.
 */
export class LastGood {
  readonly #api: KubeApi;
  readonly #namespace: string;
  #last: Good | undefined;

  constructor(api: KubeApi, namespace: string) {
    this.#api = api;
    this.#namespace = namespace;
  }

  /** @param config what was read of the document */
  keep(document: KubeObject, config: ClusterConfig): Good {
    const generation = document.metadata.generation ?? 0;
    const record = JSON.stringify({ generation, spec: document['spec'] ?? {} });
    this.#last = { config, generation, record: record.length > RECORD_MAX ? undefined : record };
    return this.#last;
  }

  /** @returns undefined: none was ever read, or nothing is installed @throws {KubeArmorError} as `KubeApi` */
  async find(signal: AbortSignal): Promise<Good | undefined> {
    this.#last ??= await this.#stored(signal);
    return this.#last;
  }

  /** Nothing is installed any more. */
  forget(): void {
    this.#last = undefined;
  }

  async #stored(signal: AbortSignal): Promise<Good | undefined> {
    const found = await this.#api.get(KINDS.configMaps, { name: NAMES.configMap, namespace: this.#namespace }, signal);
    if (found === undefined || !isOurs(found)) return undefined;
    const record = textOf(found.metadata.annotations, ANNOTATIONS.lastConfig);
    const stored = record === undefined ? undefined : parsed(record);
    const generation = fieldOf(stored, 'generation');
    const { config } = readConfig(stored);
    return config === undefined || typeof generation !== 'number' ? undefined : { config, generation, record };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // somebody wrote it by hand
  }
}
