// SPDX-License-Identifier: Apache-2.0
import { ANNOTATIONS, fieldsOf, LABELS } from '#cluster';
import { isMap } from '#policy';
import { textOf } from './admission.ts';
import type { AdmissionAnswer, AdmissionRequest } from './admission.ts';

/** Why a pod that starts on a node now would start unprotected; undefined: it would not. */
export type Unprotected = (node: string) => string | undefined;

/**
 * Answers for pods of namespaces that require enforcement, and nothing else: the API server asks about those alone.
 *
 * What binds a pod to a node that does not enforce now is refused: the pod stays pending, the scheduler tries again. So are pods that
 * name such a node themselves, and pods that ask not to be protected.
 */
export function protectionWebhook(unprotected: Unprotected): (request: AdmissionRequest) => AdmissionAnswer {
  return (request) => {
    if (request.resource !== 'pods' || !isMap(request.object)) return {};
    if (request.subResource === 'binding') return refusedOn(textOf(fieldsOf(request.object['target'])['name']), request, unprotected);
    if (request.subResource !== '') return {};
    const mode = modeOf(request.object);
    if ((mode === 'disabled' || mode === 'audited') && mode !== modeOf(request.oldObject)) {
      return refusal(request, `its annotation ${ANNOTATIONS.policy}: ${mode} asks that nothing is denied to it`);
    }
    const node = textOf(fieldsOf(request.object['spec'])['nodeName']);
    return request.operation === 'CREATE' && node !== '' ? refusedOn(node, request, unprotected) : {};
  };
}

const modeOf = (pod: unknown): string => textOf(fieldsOf(fieldsOf(fieldsOf(pod)['metadata'])['annotations'])[ANNOTATIONS.policy]);

function refusedOn(node: string, request: AdmissionRequest, unprotected: Unprotected): AdmissionAnswer {
  const why = unprotected(node);
  return why === undefined ? {} : refusal(request, `on node ${node} it would start unprotected: ${why}`);
}

function refusal({ namespace }: AdmissionRequest, why: string): AdmissionAnswer {
  const message = `the namespace ${namespace} requires enforcement (label ${LABELS.requireEnforcement}), and ${why}`;
  return { refusal: { code: 403, reason: 'Forbidden', message } };
}
