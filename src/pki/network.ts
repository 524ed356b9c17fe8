// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { EXTENDED_USAGE, makeAuthority, makeLeaf } from './certificate.ts';
import type { Issuer, LeafUsage } from './certificate.ts';
import { isKeyOf, isOld, problemOf, readCertificate, SERVING } from './serving.ts';
import type { ServingPair } from './serving.ts';

/** A certificate authority, PEM. */
export interface NetworkAuthority {
  readonly certificate: string;
  /** Absent: it signs no more, and is trusted until what it signed has expired. */
  readonly key?: string;
}

/** The certificates of programs that talk to each other: each trusts every authority here. */
export interface NetworkCertificates {
  /** The newest first. */
  readonly authorities: readonly NetworkAuthority[];
  readonly leaves: ReadonlyMap<string, ServingPair>;
}

/** A certificate that is wanted. */
export interface LeafRow {
  readonly name: string;
  readonly usage: LeafUsage;
  readonly hosts: readonly string[];
}

export interface Renewed {
  readonly after: NetworkCertificates;
  /** What was made, and why; empty: all is good. */
  readonly steps: readonly string[];
}

const HOUR_MS = 3_600_000;
export const NETWORK = {
  /** How long an authority lives; leaves live as those of `SERVING`. */
  authorityLifeMs: 730 * 24 * HOUR_MS,
  /** For how long an authority is known before it signs: until then every program has read it. */
  spreadMs: HOUR_MS,
} as const;

/**
 * The certificates as they should be now. Everything is renewed when a third of its life is left; what cannot be used is replaced at once.
 *
 * A new authority is told first and signs an hour later; the one before it signs meanwhile, then its key is thrown away and its
 * certificate kept until it expires. Programs read their files again, so nothing has to start anew.
 */
export function renewNetwork(before: NetworkCertificates, rows: readonly LeafRow[], nowMs: number): Renewed {
  const steps: string[] = [];
  let authorities = before.authorities.filter((one) => isTrusted(one, nowMs));
  const [newest] = authorities.filter((one) => isSigner(one, nowMs));
  if (newest === undefined || isOld(newest, nowMs)) {
    authorities = [newAuthority(nowMs), ...authorities].slice(0, SERVING.authoritiesMax);
    steps.push(`authority: ${newest === undefined ? 'there is none' : 'a third of its life is left'}`);
  }
  const signers = authorities.filter((one) => isSigner(one, nowMs));
  const signer = signers.find((one) => isSpread(one, nowMs)) ?? signers.at(-1);
  const leaves = new Map<string, ServingPair>();
  for (const row of rows) {
    const held = before.leaves.get(row.name);
    const problem = held === undefined ? 'there is none' : whyRenew(held, row, authorities, nowMs);
    if (held !== undefined && problem === undefined) leaves.set(row.name, held);
    else if (signer !== undefined) {
      leaves.set(row.name, newLeaf(row, signer, nowMs));
      steps.push(`${row.name}: ${problem}`);
    }
  }
  return {
    after: { authorities: authorities.map((one) => (isRetired(one, signers, signer) ? { certificate: one.certificate } : one)), leaves },
    steps,
  };
}

/** The signer that comes before it in age is known everywhere, so its own key has no use any more. */
const isRetired = (one: NetworkAuthority, signers: readonly NetworkAuthority[], signer: NetworkAuthority | undefined): boolean =>
  signer !== undefined && signers.indexOf(one) > signers.indexOf(signer);

/** One of another kind than ours is not: KubeArmor's is RSA, and its key was on every node. */
function isTrusted({ certificate }: NetworkAuthority, nowMs: number): boolean {
  const read = readCertificate(certificate);
  return read !== undefined && read.ca && read.publicKey.asymmetricKeyType === 'ec' && read.validToDate.getTime() > nowMs;
}

/** Can sign now. */
function isSigner({ certificate, key }: NetworkAuthority, nowMs: number): boolean {
  const read = readCertificate(certificate);
  if (read === undefined || key === undefined || read.validFromDate.getTime() > nowMs) return false;
  return isKeyOf(key, read);
}

function isSpread({ certificate }: NetworkAuthority, nowMs: number): boolean {
  const madeMs = (readCertificate(certificate)?.validFromDate.getTime() ?? nowMs) + SERVING.backdateMs;
  return nowMs - madeMs >= NETWORK.spreadMs;
}

function whyRenew(held: ServingPair, row: LeafRow, authorities: readonly NetworkAuthority[], nowMs: number): string | undefined {
  const trusted = authorities.map(({ certificate }) => certificate);
  const problem = problemOf(held, trusted, { nowMs, hosts: row.hosts });
  if (problem !== undefined) return problem;
  if (readCertificate(held.certificate)?.keyUsage?.includes(EXTENDED_USAGE[row.usage]) !== true) return `it is for no ${row.usage}`;
  return isOld(held, nowMs) ? 'a third of its life is left' : undefined;
}

const pem = (key: ReturnType<typeof createPrivateKey>): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

function newAuthority(nowMs: number): NetworkAuthority {
  const notBefore = new Date(nowMs - SERVING.backdateMs);
  const name = `kubearmor-ca-${new Date(nowMs).toISOString().slice(0, 19)}`;
  const { certificate, key } = makeAuthority(name, { notBefore, notAfter: new Date(nowMs + NETWORK.authorityLifeMs) });
  return { certificate, key: pem(key) };
}

function newLeaf({ name, usage, hosts }: LeafRow, { certificate, key = '' }: NetworkAuthority, nowMs: number): ServingPair {
  const authority = readCertificate(certificate);
  const issuerKey = createPrivateKey(key);
  const issuer: Issuer = { name: authority?.subject.replace(/^CN=/, '') ?? '', key: issuerKey, publicKey: createPublicKey(issuerKey) };
  const endMs = Math.min(nowMs + SERVING.lifeMs, authority?.validToDate.getTime() ?? nowMs);
  const validity = { notBefore: new Date(nowMs - SERVING.backdateMs), notAfter: new Date(endMs) };
  const leaf = makeLeaf({ name, usage, hosts, ...validity }, issuer);
  return { certificate: leaf.certificate, key: pem(leaf.key) };
}
