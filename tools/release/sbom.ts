// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { distinct } from './component.ts';
import type { Component } from './component.ts';
import type { Release } from './version.ts';

/** What a bill of materials is of. */
export interface Subject {
  readonly name: string;
  readonly kind: 'application' | 'container' | 'library';
  readonly purl: string;
  /** Apache-2.0 where it is not said. */
  readonly licence?: string;
}

/**
 * A bill of materials: CycloneDX 1.6, JSON. The same release and components give the same text.
 *
 * @source https://cyclonedx.org/docs/1.6/json/
 */
export function billOfMaterials({ version, commit, epoch }: Release, subject: Subject, components: readonly Component[]): string {
  const parts = distinct(components);
  const body = {
    metadata: {
      timestamp: new Date(epoch * 1000).toISOString().replace('.000', ''),
      component: {
        type: subject.kind,
        'bom-ref': subject.purl,
        name: subject.name,
        version,
        purl: subject.purl,
        licenses: licencesOf({ expression: subject.licence ?? 'Apache-2.0' }),
        properties: [{ name: 'kubearmor:commit', value: commit }],
      },
    },
    components: parts.map((part) => toCycloneDx(part)),
    dependencies: [
      { ref: subject.purl, dependsOn: parts.map(({ purl }) => purl) },
      ...parts.map(({ purl }) => ({ ref: purl, dependsOn: [] })),
    ],
  };
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify(body))}`;
  return `${JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber, version: 1, ...body }, undefined, 2)}\n`;
}

function toCycloneDx({ kind, name, version, purl, licence, hash }: Component): object {
  return {
    type: kind,
    'bom-ref': purl,
    name,
    version,
    ...(hash === undefined ? {} : { hashes: [{ alg: hash.algorithm, content: hash.hex }] }),
    licenses: licencesOf(licence),
    purl,
  };
}

/** An identifier where it is one, an expression where it is made of several, else a name. */
function licencesOf(licence: Component['licence']): object[] {
  if ('names' in licence) return licence.names.map((name) => ({ license: { name } }));
  const { expression } = licence;
  return [/ (AND|OR|WITH) /.test(expression) ? { expression } : { license: { id: expression } }];
}

/** A UUID that is the same for the same text. @source RFC 9562, section 5.8 */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `${variant}${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}
