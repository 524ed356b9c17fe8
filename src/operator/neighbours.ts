// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#base';
import { readConfig } from '#cluster';
import { imagesOf, installationObjects, isInstalled, isOtherEnforcer, otherHolder } from '#install';
import type { Holder } from '#install';
import type { KubeApi, KubeObject } from '#k8s';
import { endOthers } from './take-over.ts';

interface Parts {
  readonly api: KubeApi;
  readonly logger: Logger;
  readonly namespace: string;
  readonly wallMs: () => number;
  /** After which it is asked again whom the cluster's objects serve: no longer than objects stay unapplied. */
  readonly everyMs: number;
}

/** What other installations have in this cluster. */
export interface Neighbourhood {
  /** Each as `KIND NAMESPACE/NAME`, or with the namespace that it serves. */
  readonly others: readonly string[];
  readonly mayInstall: boolean;
}

/** Looks for other installations, KubeArmor's and ours in other namespaces, and ends those that may be ended. */
export class Neighbours {
  readonly #parts: Parts;
  /** What the cluster has once; which version and configuration does not matter. */
  readonly #shared: readonly KubeObject[];
  #aloneAtMs: number | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { config } = readConfig({});
    if (config === undefined) throw new TypeError('an empty KubeArmorConfig is not taken');
    this.#shared = installationObjects({ namespace: parts.namespace, config, images: imagesOf('0.0.0') }, []);
  }

  /** @param config the KubeArmorConfig that is obeyed @param daemonSets of the whole cluster */
  async look(config: KubeObject, daemonSets: readonly KubeObject[], signal: AbortSignal): Promise<Neighbourhood> {
    const { api, namespace } = this.#parts;
    const found = daemonSets.filter((one) => isOtherEnforcer(one, namespace));
    const holder = await this.#holder(signal);
    // Nobody is ended for an installation that would not come.
    if (holder !== undefined) return { others: [textOf(holder), ...found.map(nameOf)], mayInstall: false };
    const others = await endOthers(found, { ...this.#parts, config }, signal);
    // One that runs already is kept up to date; a first one waits until it would be alone.
    const mayInstall = others.length === 0 || (await isInstalled(api, namespace));
    return { others: others.map(nameOf), mayInstall };
  }

  async #holder(signal: AbortSignal): Promise<Holder | undefined> {
    const { api, wallMs, everyMs } = this.#parts;
    const nowMs = wallMs();
    if (this.#aloneAtMs !== undefined && nowMs - this.#aloneAtMs < everyMs) return undefined;
    const holder = await otherHolder(api, this.#shared, { signal });
    this.#aloneAtMs = holder === undefined ? nowMs : undefined;
    return holder;
  }
}

const nameOf = ({ metadata }: KubeObject): string => `DaemonSet ${metadata.namespace}/${metadata.name}`;
const textOf = ({ kind, name, namespace }: Holder): string => `${kind} ${name}, which serves the namespace ${namespace}`;
