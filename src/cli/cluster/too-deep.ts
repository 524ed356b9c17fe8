// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '#k8s';
import { isNestedTooDeep, LIMITS } from '#policy';

/** Why an object is not written to a file. */
export const TOO_DEEP = `nested deeper than ${LIMITS.nestingDepth.value} levels, which no agent takes`;

/** Objects that can be written, and the names of those that nest too deep for it: whoever may make one object must not end the whole command. */
export function splitByDepth(objects: readonly KubeObject[]): { readonly flat: readonly KubeObject[]; readonly deep: readonly string[] } {
  const [flat, deep]: [KubeObject[], string[]] = [[], []];
  for (const object of objects) {
    const { name, namespace } = object.metadata;
    if (isNestedTooDeep(object)) deep.push(`${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`);
    else flat.push(object);
  }
  return { flat, deep };
}
