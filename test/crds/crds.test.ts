// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '#cluster';
import { SPEC_SHAPES } from '#policy';
import type { Shape } from '#policy';
import type { Schema } from '#install';
import { CONFIG_WITH_EVERYTHING } from '../cluster/config-document.ts';
import { changedDocuments, ownDocuments, sharedDocuments, skipShared } from './documents.ts';
import type { Written } from './documents.ts';
import { DEFINITIONS, refusals, schemaOfKind } from './structural.ts';

/** Documents that our reader takes and the schema of their kind refuses. */
function refused(documents: readonly Written[]): string[] {
  return documents.flatMap(({ origin, document: { policy } }) =>
    policy === undefined ? [] : refusals(policy.document, schemaOfKind(policy.kind)).map((why) => `${origin}: ${why}`),
  );
}

test('our own documents are taken by reader and schema', () => {
  const documents = ownDocuments();
  assert.deepEqual(
    documents.flatMap(({ document }) => document.issues.filter(({ severity }) => severity === 'error')),
    [],
  );
  assert.deepEqual(refused(documents), []);
});

test('every document of others that the reader takes the schema takes too', { skip: skipShared }, () => {
  const documents = sharedDocuments();
  const taken = documents.filter(({ document }) => document.policy !== undefined).length;
  assert.ok(taken > 350, `only ${taken}`);
  assert.deepEqual(refused(documents), []);
});

test('whatever stands in a place: what the reader takes the schema takes', () => {
  const taken = [...changedDocuments()].filter(({ isTaken }) => isTaken);
  assert.ok(taken.length > 500, `only ${taken.length}`);
  assert.deepEqual(
    [...new Set(taken.flatMap(({ kind, document }) => refusals(document, schemaOfKind(kind)).map((why) => kind + why)))],
    [],
  );
});

/** Every object of a schema below a field, with its field path. */
function* objects(schema: Schema, at: string): Generator<[string, Schema]> {
  if (schema.properties !== undefined) yield [at, schema];
  for (const [name, inner] of Object.entries(schema.properties ?? {})) yield* objects(inner, `${at}.${name}`);
  for (const inner of [schema.items, schema.additionalProperties]) if (inner !== undefined) yield* objects(inner, `${at}[]`);
}

test('no object drops a field that it does not know', () => {
  for (const [kind, crd] of DEFINITIONS) {
    const root = crd.spec.versions[0]?.schema.openAPIV3Schema;
    assert.ok(root !== undefined);
    const dropping = [...objects(root, kind)].filter(([, schema]) => schema['x-kubernetes-preserve-unknown-fields'] !== true);
    assert.deepEqual(dropping, []);
  }
});

test('every field that the reader knows stands in the schema', () => {
  const namesIn = (shape: Shape): string[] =>
    shape.type === 'list'
      ? namesIn(shape.item)
      : shape.type === 'object'
        ? Object.entries(shape.fields).flatMap(([name, field]) => [name, ...namesIn(field)])
        : [];
  const propertiesIn = (schema: Schema): string[] => [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => [name, ...propertiesIn(inner)]),
    ...(schema.items === undefined ? [] : propertiesIn(schema.items)),
  ];
  for (const [kind, shape] of Object.entries(SPEC_SHAPES)) {
    const spec = schemaOfKind(kind).properties?.['spec'];
    assert.ok(spec !== undefined);
    assert.deepEqual(propertiesIn(spec), namesIn(shape));
  }
});

test("a KubeArmorConfig with every field of KubeArmor's is taken by reader and schema", () => {
  const { config, issues } = readConfig(CONFIG_WITH_EVERYTHING);
  assert.notEqual(config, undefined);
  assert.deepEqual(
    issues.map(({ severity, at }) => `${severity} ${at}`),
    ['warning spec.kubeRbacProxyImage'],
  );
  assert.deepEqual(refusals(CONFIG_WITH_EVERYTHING, schemaOfKind('KubeArmorConfig')), []);
  const known = Object.keys(schemaOfKind('KubeArmorConfig').properties?.['spec']?.properties ?? {});
  assert.deepEqual(known.toSorted(), Object.keys(CONFIG_WITH_EVERYTHING.spec).toSorted());
});

/** @source reference: KubeArmor's enforcement, section 1; `kan` is ours */
const NAMES = [
  ['KubeArmorPolicy', 'kubearmorpolicies.security.kubearmor.com', 'ksp', 'Namespaced', '.spec.selector.matchLabels'],
  ['KubeArmorHostPolicy', 'kubearmorhostpolicies.security.kubearmor.com', 'hsp', 'Cluster', '.spec.nodeSelector.matchLabels'],
  ['KubeArmorClusterPolicy', 'kubearmorclusterpolicies.security.kubearmor.com', 'csp', 'Cluster', '.spec.selector.matchExpressions'],
  ['KubeArmorNetworkPolicy', 'kubearmornetworkpolicies.security.kubearmor.com', 'nsp', 'Cluster', '.spec.nodeSelector.matchLabels'],
  ['KubeArmorNode', 'kubearmornodes.security.kubearmor.com', 'kan', 'Cluster', undefined],
  ['KubeArmorConfig', 'kubearmorconfigs.operator.kubearmor.com', undefined, 'Namespaced', undefined],
] as const;

test("names, scopes and columns are KubeArmor's", () => {
  for (const [kind, name, short, scope, selector] of NAMES) {
    const crd = DEFINITIONS.get(kind);
    assert.deepEqual([crd?.metadata.name, crd?.spec.names.shortNames?.[0], crd?.spec.scope], [name, short, scope]);
    const columns = crd?.spec.versions[0]?.additionalPrinterColumns ?? [];
    assert.equal(columns.find((column) => column.name === 'Selector')?.jsonPath, selector);
    if (selector === undefined) continue;
    for (const column of columns.filter((c) => c.name === 'Action' || c.name === 'Selector')) assert.equal(column.priority, 10);
  }
  assert.equal(DEFINITIONS.size, NAMES.length);
});

test('each definition fits into the annotation that kubectl apply makes of it', () => {
  for (const [kind, crd] of DEFINITIONS) assert.ok(JSON.stringify(crd).length < 128 * 1024, kind);
});
