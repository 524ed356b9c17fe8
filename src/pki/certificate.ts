// SPDX-License-Identifier: Apache-2.0
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { bits, boolean, explicit, implicit, integer, octets, oid, sequence, setOf, time, utf8 } from './der.ts';
import type { Der } from './der.ts';

/** A certificate and its key. */
export interface Issued {
  /** PEM. */
  readonly certificate: string;
  readonly key: KeyObject;
}

/** Who signs: the name and key of a certificate that may. */
export interface Issuer {
  readonly name: string;
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
}

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export type LeafUsage = 'server' | 'client';

export interface LeafRequest extends Validity {
  readonly name: string;
  /** Who may show it: nobody can serve with a client's, or ask with a server's. */
  readonly usage: LeafUsage;
  /** DNS names and addresses that it is for; a client's needs none. */
  readonly hosts: readonly string[];
}

/** Object identifiers. @source RFC 5280, section 4.2; RFC 5758, section 3.2 */
const OID = {
  ecdsaSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  altName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedUsage: '2.5.29.37',
} as const;

/** Values of extendedUsage. @source RFC 5280, section 4.2.1.12 */
export const EXTENDED_USAGE: Readonly<Record<LeafUsage, string>> = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' };

/** Bits of keyUsage, the first the highest. */
const USAGE = { signature: bits(Uint8Array.of(0x80), 7), certificates: bits(Uint8Array.of(0x04), 2) } as const;

const SERIAL_BYTES = 16;

/** Makes a certificate authority of its own (ECDSA P-256) that may sign leaves and no other authority. */
export function makeAuthority(name: string, validity: Validity): Issued & { readonly issuer: Issuer } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name, key: privateKey, publicKey };
  const extensions = [
    extension(OID.basicConstraints, sequence(boolean(true), integer(Uint8Array.of(0))), true),
    extension(OID.keyUsage, USAGE.certificates, true),
    extension(OID.subjectKeyId, octets(keyId(publicKey))),
  ];
  return { certificate: certify({ ...validity, name, publicKey, extensions }, issuer), key: privateKey, issuer };
}

/** Makes a key (ECDSA P-256) and a certificate for it. */
export function makeLeaf({ hosts, usage, ...request }: LeafRequest, issuer: Issuer): Issued {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = [
    extension(OID.basicConstraints, sequence(), true),
    extension(OID.keyUsage, USAGE.signature, true),
    extension(OID.extendedUsage, sequence(oid(EXTENDED_USAGE[usage]))),
    extension(OID.subjectKeyId, octets(keyId(publicKey))),
    extension(OID.authorityKeyId, sequence(implicit(0, keyId(issuer.publicKey)))),
    ...(hosts.length === 0 ? [] : [extension(OID.altName, sequence(...hosts.map(generalName)))]),
  ];
  return { certificate: certify({ ...request, publicKey, extensions }, issuer), key: privateKey };
}

/** A DNS name, or an address as its bytes. @source RFC 5280, section 4.2.1.6 */
function generalName(host: string): Der {
  const version = isIP(host);
  if (version === 0) return implicit(2, Buffer.from(host, 'ascii'));
  return implicit(7, version === 4 ? Uint8Array.from(host.split('.'), Number) : ipv6Bytes(host));
}

function ipv6Bytes(address: string): Der {
  const { hostname } = new URL(`http://[${address}]`); // in its one form: no IPv4 part, one `::` at most
  const [head = '', tail = ''] = hostname.slice(1, -1).split('::');
  const groups = (part: string): string[] => part.split(':').filter((group) => group !== '');
  const [first, last] = [groups(head), groups(tail)];
  const all = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => '0'), ...last];
  return Uint8Array.from(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]));
}

interface ToBeSigned extends Validity {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Der[];
}

/** @source RFC 5280, section 4.1 */
function certify({ name, publicKey, notBefore, notAfter, extensions }: ToBeSigned, issuer: Issuer): string {
  const algorithm = sequence(oid(OID.ecdsaSha256));
  const body = sequence(
    explicit(0, integer(Uint8Array.of(2))), // version 3
    integer(serial()),
    algorithm,
    nameOf(issuer.name),
    sequence(time(notBefore), time(notAfter)),
    nameOf(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions)),
  );
  const signature = sign('sha256', body, { key: issuer.key, dsaEncoding: 'der' });
  return pem(sequence(body, algorithm, bits(signature)));
}

/** Positive, and never 0 in front: integers are written in their shortest form. */
function serial(): Der {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

const nameOf = (name: string): Der => sequence(setOf(sequence(oid(OID.commonName), utf8(name))));

function extension(id: string, content: Der, isCritical = false): Der {
  return sequence(oid(id), ...(isCritical ? [boolean(true)] : []), octets(content));
}

/** @source RFC 7093, section 2, method 1, over the whole SubjectPublicKeyInfo */
function keyId(key: KeyObject): Der {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);
}

function pem(der: Der): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
