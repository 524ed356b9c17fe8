// SPDX-License-Identifier: Apache-2.0
// What the policy webhook answers to wrong and questionable policies, through its HTTPS server: golden/reviews.yaml and .json.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { noLogger } from '#base';
import { CORE, POLICY_KINDS, policyRef } from '#cluster';
import type { KubeObject } from '#k8s';
import { FakeKubeApi } from '#k8s/testing';
import { takeStep } from '#pki';
import type { PolicyKind } from '#policy';
import { podAsker, policyWebhook } from '../../src/controller/policy-webhook.ts';
import type { NodesFacts } from '../../src/controller/policy-review.ts';
import { Reviews } from '../../src/controller/reviews.ts';
import { ask, reviewOf } from '../../src/controller/testing/ask.ts';
import { localReviews } from '../../src/controller/testing/local-reviews.ts';
import { WebhookServer } from '../../src/controller/webhook-server.ts';

interface Golden {
  readonly cluster: NodesFacts & {
    readonly pods: readonly { readonly namespace: string; readonly labels: Readonly<Record<string, string>> }[];
    readonly policies: readonly KubeObject[];
  };
  readonly cases: readonly { readonly name: string; readonly policy: KubeObject }[];
}

const HERE = join(import.meta.dirname, 'golden');
const ANSWERS = join(HERE, 'reviews.json');
const HOST = 'webhooks.example';
const { cluster, cases } = parse(readFileSync(join(HERE, 'reviews.yaml'), 'utf8')) as Golden;
const isWriting = process.env['KUBEARMOR_GOLDEN'] === 'write';
const expected = (isWriting ? {} : JSON.parse(readFileSync(ANSWERS, 'utf8'))) as Record<string, unknown>;

const api = new FakeKubeApi();
for (const [index, { namespace, labels }] of cluster.pods.entries())
  api.seed(CORE.pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name: `pod-${index}`, namespace, labels } });
const reviews = new Reviews(localReviews, () => {}, noLogger);
for (const object of cluster.policies) {
  const kind = object.kind as PolicyKind;
  const { name, namespace = '' } = object.metadata;
  reviews.upsert({ ref: policyRef({ kind, namespace, name }), kind, generation: 1, object });
}
const certificates = takeStep({ authorities: [] }, { step: 'replace', why: '' }, { nowMs: Date.now(), hosts: [HOST] });
const admit = policyWebhook({ reviews, hasPod: podAsker(api), facts: () => cluster });
const server = await WebhookServer.open({ port: 0, host: '127.0.0.1', admit: { '/validate-policies': admit }, logger: noLogger });
server.show(certificates.current!);
after(() => server[Symbol.asyncDispose]());

async function answerTo(object: KubeObject, more: object = {}): Promise<unknown> {
  const { kind, metadata } = object;
  const { plural, group, version } = POLICY_KINDS[kind as PolicyKind];
  const resource = { group, version, resource: plural };
  const sent = { ...object, apiVersion: `${group}/${version}` };
  const body = reviewOf({ kind: { group, version, kind }, resource, namespace: metadata.namespace ?? '', object: sent, ...more });
  const { code, text } = await ask({
    port: server.port,
    host: HOST,
    path: '/validate-policies',
    ca: certificates.authorities.join(''),
    body,
  });
  assert.equal(code, 200, text);
  const { response } = JSON.parse(text) as { response: { uid: string } };
  const { uid, ...rest } = response;
  assert.equal(uid, 'a-uid');
  return rest;
}

const written: Record<string, unknown> = {};
for (const { name, policy } of cases) {
  test(`policy webhook: ${name}`, async () => {
    const answer = await answerTo(policy);
    written[name] = answer;
    if (!isWriting) assert.deepEqual(answer, expected[name]);
    assert.deepEqual(await answerTo(policy, { dryRun: true }), answer, 'a dry run is answered as the real thing is');
    const { warnings = [] } = answer as { warnings?: readonly string[] };
    for (const warning of warnings) assert.ok(Buffer.byteLength(warning) <= 256, warning);
    const change = { operation: 'UPDATE', oldObject: { ...policy, metadata: { ...policy.metadata, labels: { a: 'b' } } } };
    assert.deepEqual(await answerTo(policy, change), { allowed: true }, 'what changes beside the specification is no matter');
    if (policy['spec'] !== undefined)
      assert.deepEqual(await answerTo(policy, { operation: 'UPDATE', oldObject: { ...policy, spec: { selector: {} } } }), answer);
  });
}
test('policy webhook: every answer is one that is expected', () => {
  if (isWriting) writeFileSync(ANSWERS, `${JSON.stringify(written, undefined, 2)}\n`);
  else
    assert.deepEqual(
      Object.keys(expected),
      cases.map(({ name }) => name),
    );
});
