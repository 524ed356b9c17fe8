// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { boundedText, CORE } from '#cluster';
import type { KubeApi, KubeObject } from '#k8s';
import type { ManagerChange } from './spec-managers.ts';
import { FIELD_MANAGER } from './status-writer.ts';

/** Where Events about objects without a namespace are. @source Kubernetes, client-go `tools/record` */
const NO_NAMESPACE = 'default';

/**
 * Tells with an Event that a policy's specification was written by another field manager than before. The same change gives the same
 * name, so it is told once, whichever replica leads.
 *
 * @throws {KubeArmorError} as `KubeApi.create`, but for one that is there already
 */
export async function tellManagerChange(api: KubeApi, change: ManagerChange, now: Date): Promise<void> {
  try {
    await api.create(CORE.events, eventOf(change, now), { fieldManager: FIELD_MANAGER });
  } catch (error) {
    if (!(error instanceof KubeArmorError) || error.code !== 'API_CONFLICT') throw error;
  }
}

function eventOf({ kind, object, before, now: writer }: ManagerChange, now: Date): KubeObject {
  const { name, namespace = NO_NAMESPACE, uid = '', generation = 0 } = object.metadata;
  const at = now.toISOString().replace(/\.\d+Z$/, 'Z');
  const about = object.metadata.namespace === undefined ? {} : { namespace };
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name.slice(0, 200)}.${uid.slice(0, 8)}.${generation}`, namespace },
    involvedObject: { apiVersion: object.apiVersion, kind, name, uid, ...about },
    type: 'Warning',
    reason: 'WrittenByAnother',
    message: boundedText(`generation ${generation} was written by the field manager ${writer}; before: ${before}`, 1_000),
    source: { component: FIELD_MANAGER },
    reportingComponent: FIELD_MANAGER,
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  };
}
