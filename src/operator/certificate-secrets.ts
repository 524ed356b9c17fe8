// SPDX-License-Identifier: Apache-2.0
import { LABELS, NAMES } from '#cluster';
import type { ClusterConfig } from '#cluster';
import type { KubeObject } from '#k8s';
import { isMap } from '#policy';
import { splitBundle } from '#pki';
import type { LeafRow, NetworkAuthority, NetworkCertificates, ServingPair } from '#pki';

/** Keys of Secrets; KubeArmor's, and those of the authority that signs until the next one is known everywhere. */
const KEYS = {
  authorities: 'ca.crt',
  certificate: 'tls.crt',
  key: 'tls.key',
  formerCertificate: 'former.crt',
  formerKey: 'former.key',
} as const;

/** The Secrets of certificates by name, as they are in the cluster. */
export type Secrets = ReadonlyMap<string, KubeObject>;

/** The certificates that an installation needs; the name of each is that of its Secret. */
export function leafRows(namespace: string, { tls }: Pick<ClusterConfig, 'tls'>): readonly LeafRow[] {
  const relay = NAMES.relayService;
  const hosts = [relay, `${relay}.${namespace}`, `${relay}.${namespace}.svc`, `${relay}.${namespace}.svc.cluster.local`];
  return [
    { name: NAMES.agentSecret, usage: 'server', hosts: [NAMES.agentHost] },
    { name: NAMES.relaySecret, usage: 'server', hosts: [...new Set([...hosts, ...tls.dnsNames, ...tls.addresses])] },
    { name: NAMES.relayClientSecret, usage: 'client', hosts: [] },
    { name: NAMES.clientSecret, usage: 'client', hosts: [] },
  ];
}

/** Reads them; what is no text is as absent. An authority counts only where the bundle has it: KubeArmor's Secret has no bundle. */
export function readNetwork(secrets: Secrets, rows: readonly LeafRow[]): NetworkCertificates {
  const authority = secrets.get(NAMES.caSecret);
  const keys = new Map([
    [textIn(authority, KEYS.certificate), textIn(authority, KEYS.key)],
    [textIn(authority, KEYS.formerCertificate), textIn(authority, KEYS.formerKey)],
  ]);
  const authorities = splitBundle(textIn(authority, KEYS.authorities)).map((certificate): NetworkAuthority => {
    const key = keys.get(certificate) ?? '';
    return key === '' ? { certificate } : { certificate, key };
  });
  const leaves = rows.flatMap(({ name }): [string, ServingPair][] => {
    const [certificate, key] = [textIn(secrets.get(name), KEYS.certificate), textIn(secrets.get(name), KEYS.key)];
    return certificate === '' || key === '' ? [] : [[name, { certificate, key }]];
  });
  return { authorities, leaves: new Map(leaves) };
}

/** The Secrets of these certificates, that of the authority first: who reads a leaf can then have read its authority. */
export function secretsOf(namespace: string, { authorities, leaves }: NetworkCertificates): KubeObject[] {
  const bundle = authorities.map(({ certificate }) => certificate).join('');
  const [newest, former] = authorities.filter(({ key }) => key !== undefined);
  const authority = {
    [KEYS.authorities]: bundle,
    [KEYS.certificate]: newest?.certificate,
    [KEYS.key]: newest?.key,
    [KEYS.formerCertificate]: former?.certificate,
    [KEYS.formerKey]: former?.key,
  };
  return [
    secret(namespace, NAMES.caSecret, authority),
    ...Array.from(leaves, ([name, { certificate, key }]) =>
      secret(namespace, name, { [KEYS.authorities]: bundle, [KEYS.certificate]: certificate, [KEYS.key]: key }),
    ),
  ];
}

/** Whether the cluster has this Secret with this content, and nothing else of ours in it. */
export function isStored(wanted: KubeObject, secrets: Secrets): boolean {
  const [now, then] = [dataOf(secrets.get(wanted.metadata.name)), dataOf(wanted)];
  return Object.values(KEYS).every((key) => now[key] === then[key]);
}

const dataOf = (one: KubeObject | undefined): Readonly<Record<string, unknown>> => (isMap(one?.['data']) ? one['data'] : {});

function textIn(one: KubeObject | undefined, key: string): string {
  const value = dataOf(one)[key];
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';
}

function secret(namespace: string, name: string, texts: Readonly<Record<string, string | undefined>>): KubeObject {
  const data = Object.fromEntries(
    Object.entries(texts).flatMap(([key, text]) => (text === undefined ? [] : [[key, Buffer.from(text).toString('base64')]])),
  );
  const labels = { [LABELS.app]: name, [LABELS.installedBy]: NAMES.operator };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace, labels }, type: 'Opaque', data };
}
