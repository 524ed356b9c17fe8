// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { makeAuthority, makeLeaf } from './certificate.ts';

/** A leaf and its key, both PEM. */
export interface ServingPair {
  readonly certificate: string;
  readonly key: string;
}

/** What a server shows and what its clients trust, while one certificate takes over from another. */
export interface ServingCertificates {
  /** Certificates of authorities that clients trust, each PEM; the newest first. */
  readonly authorities: readonly string[];
  readonly current?: ServingPair;
  /** The next leaf: it takes over when every client trusts its authority. */
  readonly next?: ServingPair;
}

/** What has to be done, and why. */
export interface RenewalStep {
  readonly step: 'keep' | 'replace' | 'stage' | 'promote' | 'prune';
  readonly why: string;
}

/** What is known beside the certificates. */
export interface RenewalFacts {
  readonly nowMs: number;
  readonly hosts: readonly string[];
  /** For how long every client has been told of all `authorities`, by a clock that never jumps; undefined: not yet. */
  readonly toldForMs: number | undefined;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
export const SERVING = {
  /** How long a leaf and its authority live. */
  lifeMs: 90 * DAY_MS,
  /** Before now, so that a client whose clock is behind takes it too. */
  backdateMs: DAY_MS,
  /** How long clients know a new authority before a leaf of it is shown. */
  spreadMs: 5 * 60_000,
  /** Beyond this the oldest authorities go, whatever their dates say. */
  authoritiesMax: 4,
} as const;

/**
 * What to do about these certificates now.
 *
 * A leaf is renewed when a third of its life is left. The next leaf has an authority of its own, which clients are told of first; the
 * old authority stays among those they trust until it expires, so a replica that still shows the old leaf is trusted as long as that
 * leaf is good. An authority's key is thrown away once it has signed its leaf: nobody can sign with it, and there is nothing to keep.
 *
 * Only what cannot be used at all (expired, not valid yet after a jump of the clock, for other hosts, without its key) is replaced at
 * once.
 */
export function nextStep({ authorities, current, next }: ServingCertificates, facts: RenewalFacts): RenewalStep {
  const problem = current === undefined ? 'there is none' : problemOf(current, authorities, facts);
  const nextProblem = next === undefined ? 'there is none' : problemOf(next, authorities, facts);
  if (problem !== undefined) {
    if (nextProblem === undefined) return { step: 'promote', why: `the certificate cannot be used: ${problem}` };
    return { step: 'replace', why: `the certificate cannot be used: ${problem}` };
  }
  if (nextProblem === undefined) {
    const isTold = facts.toldForMs !== undefined && facts.toldForMs >= SERVING.spreadMs;
    return isTold
      ? { step: 'promote', why: 'every client knows its authority' }
      : { step: 'keep', why: 'clients are being told of the next one' };
  }
  if (next !== undefined) return { step: 'stage', why: `the next certificate cannot be used: ${nextProblem}` };
  if (current !== undefined && isOld(current, facts.nowMs)) return { step: 'stage', why: 'a third of its life is left' };
  const kept = keptAuthorities(authorities, facts.nowMs);
  return kept.length === authorities.length ? { step: 'keep', why: 'it is good' } : { step: 'prune', why: 'an authority has expired' };
}

/** The certificates after a step. */
export function takeStep(
  before: ServingCertificates,
  { step }: RenewalStep,
  { nowMs, hosts }: Omit<RenewalFacts, 'toldForMs'>,
): ServingCertificates {
  const { current, next } = before;
  const authorities = keptAuthorities(before.authorities, nowMs);
  if (step === 'keep') return before;
  if (step === 'prune') return { ...before, authorities };
  if (step === 'promote') return { authorities, ...(next === undefined ? {} : { current: next }) };
  const { authority, pair } = makePair(nowMs, hosts);
  const told = keptAuthorities([authority, ...authorities], nowMs);
  if (step === 'replace') return { authorities: told, current: pair };
  return { authorities: told, ...(current === undefined ? {} : { current }), next: pair };
}

function makePair(nowMs: number, hosts: readonly string[]): { authority: string; pair: ServingPair } {
  const notBefore = new Date(nowMs - SERVING.backdateMs);
  const notAfter = new Date(nowMs + SERVING.lifeMs);
  const authority = makeAuthority(`kubearmor-ca-${notBefore.toISOString().slice(0, 10)}`, { notBefore, notAfter });
  const leaf = makeLeaf({ usage: 'server', name: 'kubearmor', hosts, notBefore, notAfter }, authority.issuer);
  const key = leaf.key.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { authority: authority.certificate, pair: { certificate: leaf.certificate, key } };
}

/** Why a leaf cannot be shown now; undefined: it can. */
export function problemOf(
  pair: ServingPair,
  authorities: readonly string[],
  { nowMs, hosts }: Pick<RenewalFacts, 'nowMs' | 'hosts'>,
): string | undefined {
  const leaf = readCertificate(pair.certificate);
  if (leaf === undefined) return 'it is no certificate';
  if (leaf.validFromDate.getTime() > nowMs) return `it is not valid before ${leaf.validFromDate.toISOString()}`;
  if (leaf.validToDate.getTime() <= nowMs) return `it expired at ${leaf.validToDate.toISOString()}`;
  const other = hosts.find((host) => !isFor(leaf, host));
  if (other !== undefined) return `it is not for ${other}`;
  if (!isKeyOf(pair.key, leaf)) return 'its key is not the one beside it';
  return authorities.some((one) => hasSigned(one, leaf, nowMs)) ? undefined : 'no authority that clients are told of has signed it';
}

/** A certificate, or undefined where the text holds none. */
export function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/** The certificates of a bundle, each as PEM of its own; other text is left out. */
export function splitBundle(bundle: string): string[] {
  return Array.from(
    bundle.matchAll(/-----BEGIN CERTIFICATE-----[\w+/=\s]+-----END CERTIFICATE-----/g),
    ([one]) => `${one.replaceAll('\r', '')}\n`,
  );
}

const isFor = (leaf: X509Certificate, host: string): boolean =>
  isIP(host) === 0 ? leaf.checkHost(host, { subject: 'never' }) !== undefined : leaf.checkIP(host) !== undefined;

export function isKeyOf(key: string, leaf: X509Certificate): boolean {
  try {
    return leaf.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function hasSigned(authority: string, leaf: X509Certificate, nowMs: number): boolean {
  const signer = readCertificate(authority);
  if (signer === undefined || !isValidAt(signer, nowMs)) return false;
  return leaf.checkIssued(signer) && leaf.verify(signer.publicKey);
}

/** A third of its life is left, or less. */
export function isOld({ certificate }: Pick<ServingPair, 'certificate'>, nowMs: number): boolean {
  const leaf = readCertificate(certificate);
  if (leaf === undefined) return true;
  const [from, to] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  return nowMs >= from + ((to - from) * 2) / 3;
}

const isValidAt = (one: X509Certificate, nowMs: number): boolean =>
  one.validFromDate.getTime() <= nowMs && nowMs < one.validToDate.getTime();

/** Those that have not expired. One that is not valid yet stays: the clock may have jumped, and jump back. */
function keptAuthorities(authorities: readonly string[], nowMs: number): readonly string[] {
  const kept = authorities.filter((one) => {
    const certificate = readCertificate(one);
    return certificate !== undefined && certificate.validToDate.getTime() > nowMs;
  });
  return kept.slice(0, SERVING.authoritiesMax);
}
