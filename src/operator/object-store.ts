// SPDX-License-Identifier: Apache-2.0
import type { Following, KubeObject } from '#k8s';

/** The objects of one kind as the API server last told them. */
export class ObjectStore implements Following {
  readonly #objects = new Map<string, KubeObject>();
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  put(object: KubeObject): void {
    this.#objects.set(this.nameOf(object), object);
    this.#onChange();
  }

  remove(name: string): void {
    if (this.#objects.delete(name)) this.#onChange();
  }

  names(): Iterable<string> {
    return [...this.#objects.keys()];
  }

  nameOf({ metadata }: KubeObject): string {
    return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  }

  get(name: string): KubeObject | undefined {
    return this.#objects.get(name);
  }

  all(): readonly KubeObject[] {
    return [...this.#objects.values()];
  }
}
