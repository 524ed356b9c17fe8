// SPDX-License-Identifier: Apache-2.0
export { makeAuthority, makeServerLeaf } from './certificate.ts';
export type { Issued, Issuer, LeafRequest } from './certificate.ts';
export { nextStep, problemOf, readCertificate, SERVING, splitBundle, takeStep } from './serving.ts';
export type { RenewalFacts, RenewalStep, ServingCertificates, ServingPair } from './serving.ts';
