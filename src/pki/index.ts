// SPDX-License-Identifier: Apache-2.0
export { makeAuthority, makeLeaf } from './certificate.ts';
export type { Issued, Issuer, LeafRequest, LeafUsage } from './certificate.ts';
export { nextStep, problemOf, readCertificate, SERVING, splitBundle, takeStep } from './serving.ts';
export type { RenewalFacts, RenewalStep, ServingCertificates, ServingPair } from './serving.ts';
export { NETWORK, renewNetwork } from './network.ts';
export type { LeafRow, NetworkAuthority, NetworkCertificates, Renewed } from './network.ts';
