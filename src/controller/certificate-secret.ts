// SPDX-License-Identifier: Apache-2.0
import { fieldsOf } from '#cluster';
import type { KubeObject } from '#k8s';
import { splitBundle } from '#pki';
import type { ServingCertificates, ServingPair } from '#pki';
import { textOf } from './admission.ts';

/** Keys of the Secret; the first three as KubeArmor has them. */
const KEYS = { authorities: 'ca.crt', certificate: 'tls.crt', key: 'tls.key', nextCertificate: 'next.crt', nextKey: 'next.key' } as const;

/** Reads the Secret; what is not there or is no text is as absent. */
export function readCertificates(secret: KubeObject | undefined): ServingCertificates {
  const data = fieldsOf(secret?.['data']);
  const text = (key: string): string => Buffer.from(textOf(data[key]), 'base64').toString('utf8');
  const current = pairOf(text(KEYS.certificate), text(KEYS.key));
  const next = pairOf(text(KEYS.nextCertificate), text(KEYS.nextKey));
  const authorities = splitBundle(text(KEYS.authorities));
  return { authorities, ...(current === undefined ? {} : { current }), ...(next === undefined ? {} : { next }) };
}

const pairOf = (certificate: string, key: string): ServingPair | undefined =>
  certificate === '' || key === '' ? undefined : { certificate, key };

/** The Secret with these certificates in it; what else it has stays. */
export function withCertificates(secret: KubeObject, held: ServingCertificates): KubeObject {
  const encoded = (text: string | undefined): string | undefined => (text === undefined ? undefined : Buffer.from(text).toString('base64'));
  const { [KEYS.nextCertificate]: _next, [KEYS.nextKey]: _key, ...others } = fieldsOf(secret['data']);
  const written = {
    [KEYS.authorities]: encoded(held.authorities.join('')),
    [KEYS.certificate]: encoded(held.current?.certificate),
    [KEYS.key]: encoded(held.current?.key),
    [KEYS.nextCertificate]: encoded(held.next?.certificate),
    [KEYS.nextKey]: encoded(held.next?.key),
  };
  const data = { ...others, ...Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined)) };
  return { ...secret, data };
}
