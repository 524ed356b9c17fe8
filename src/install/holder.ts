// SPDX-License-Identifier: Apache-2.0
import { CORE, fieldOf, listOf, textOf } from '#cluster';
import type { KubeApi, KubeObject } from '#k8s';
import { isOurs } from './foreign.ts';
import { kindOf } from './kinds.ts';

/** What a cluster has once, and the namespace of the other installation that it serves. */
export interface Holder {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

/**
 * Whether one of these objects serves another namespace than the one for which it is wanted: writing it would break the installation there.
 * What serves a namespace that is not there any more was left behind, and is nobody's.
 *
 * @param wanted of the table; what has a namespace is not looked at
 * @param isMine whose objects are meant; default: the operator's
 * @throws {KubeArmorError} as `KubeApi`
 */
export async function otherHolder(
  api: KubeApi,
  wanted: readonly KubeObject[],
  { signal, isMine = isOurs }: { readonly signal?: AbortSignal; readonly isMine?: (object: KubeObject) => boolean } = {},
): Promise<Holder | undefined> {
  for (const object of wanted) {
    const own = servedNamespace(object);
    if (own === undefined) continue;
    const { name } = object.metadata;
    const found = await api.get(kindOf(object), { name }, signal);
    const namespace = found === undefined || !isMine(found) ? undefined : servedNamespace(found);
    if (namespace === undefined || namespace === own) continue;
    if ((await api.get(CORE.namespaces, { name: namespace }, signal)) !== undefined) return { kind: object.kind, name, namespace };
  }
  return undefined;
}

/** Where those are whom a cluster's binding gives rights, or who answers its webhooks. */
function servedNamespace(object: KubeObject): string | undefined {
  if (object.metadata.namespace !== undefined) return undefined;
  const answering = listOf(object, 'webhooks').map((webhook) => fieldOf(fieldOf(webhook, 'clientConfig'), 'service'));
  const namespaces = [...listOf(object, 'subjects'), ...answering].map((one) => textOf(one, 'namespace'));
  return namespaces.find((one) => one !== undefined);
}
