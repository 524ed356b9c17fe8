// SPDX-License-Identifier: Apache-2.0
import { CORE, LABELS, NAMES, textOf } from '#cluster';
import type { Logger } from '#base';
import type { KubeApi, KubeObject } from '#k8s';
import type { AgentPlace, AgentSource } from './agent-source.ts';

export interface PodAgentsOptions {
  readonly api: Pick<KubeApi, 'watch'>;
  /** Where the agents' pods are. A label alone proves nothing: any tenant can set it on a pod of theirs (KubeArmor looks everywhere). */
  readonly namespace: string;
  readonly port: number;
  readonly logger: Logger;
}

/** The agents' pods of one namespace. While the API server is away what was known stands. */
export class PodAgents implements AgentSource {
  readonly #options: PodAgentsOptions;

  constructor(options: PodAgentsOptions) {
    this.#options = options;
  }

  async *watch(signal: AbortSignal): AsyncGenerator<readonly AgentPlace[]> {
    const { api, namespace, logger } = this.#options;
    const pods = new Map<string, AgentPlace>();
    for await (const change of api.watch(CORE.pods, { namespace, labelSelector: `${LABELS.app}=${NAMES.agent}` }, signal)) {
      if (change.kind === 'lost') {
        logger.warn('the API server is away; agents known before are read on', { why: change.cause.message });
        continue;
      }
      if (change.kind === 'synced') {
        pods.clear();
        for (const pod of change.objects) this.#take(pods, pod);
      } else if (change.kind === 'deleted') pods.delete(keyOf(change.object));
      else this.#take(pods, change.object);
      yield [...pods.values()];
    }
  }

  #take(pods: Map<string, AgentPlace>, pod: KubeObject): void {
    const place = placeOf(pod, this.#options.port);
    if (place === undefined) pods.delete(keyOf(pod));
    else pods.set(place.key, place);
  }
}

const keyOf = ({ metadata }: KubeObject): string => metadata.uid ?? metadata.name;

/** @returns undefined for a pod that has no address, or is at its end */
function placeOf(pod: KubeObject, port: number): AgentPlace | undefined {
  const [podIP = '', phase] = ['podIP', 'phase'].map((field) => textOf(pod['status'], field));
  if (podIP === '' || phase === 'Succeeded' || phase === 'Failed') return undefined;
  const host = podIP.includes(':') ? `[${podIP}]` : podIP;
  return { key: keyOf(pod), node: textOf(pod['spec'], 'nodeName') ?? pod.metadata.name, address: `${host}:${port}` };
}
