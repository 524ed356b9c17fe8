// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { NETWORK, renewNetwork } from './network.ts';
import type { LeafRow, NetworkCertificates } from './network.ts';
import { readCertificate } from './serving.ts';

const ROWS: readonly LeafRow[] = [
  { name: 'agent', usage: 'server', hosts: ['kubearmor-agent'] },
  { name: 'relay', usage: 'server', hosts: ['kubearmor.kubearmor.svc', '127.0.0.1'] },
  { name: 'client', usage: 'client', hosts: [] },
];
const EMPTY: NetworkCertificates = { authorities: [], leaves: new Map() };
const START_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 24 * 3_600_000;
const reissued = (steps: readonly string[]): string[] => steps.map((step) => step.slice(0, step.indexOf(':')));

test('everything is made at once, and is good', () => {
  const { after, steps } = renewNetwork(EMPTY, ROWS, START_MS);
  assert.deepEqual(reissued(steps), ['authority', 'agent', 'relay', 'client']);
  const again = renewNetwork(after, ROWS, START_MS + DAY_MS);
  assert.deepEqual(again.steps, []);
  assert.deepEqual(again.after, after);
});

test('a leaf is renewed when a third of its life is left, for other hosts, or where its key is lost', () => {
  const { after } = renewNetwork(EMPTY, ROWS, START_MS);
  assert.deepEqual(reissued(renewNetwork(after, ROWS, START_MS + 62 * DAY_MS).steps), ['agent', 'relay', 'client']);
  const moved = ROWS.map((row) => (row.name === 'relay' ? { ...row, hosts: [...row.hosts, '10.0.0.1'] } : row));
  assert.deepEqual(renewNetwork(after, moved, START_MS).steps, ['relay: it is not for 10.0.0.1']);
  const agent = after.leaves.get('agent');
  assert.ok(agent);
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const leaves = new Map([...after.leaves, ['agent', { ...agent, key }], ['client', agent]]);
  assert.deepEqual(renewNetwork({ ...after, leaves }, ROWS, START_MS).steps, [
    'agent: its key is not the one beside it',
    'client: it is for no client',
  ]);
});

test('whatever the time, a leaf that is shown is trusted by who read the bundle an hour before', () => {
  let held = renewNetwork(EMPTY, ROWS, START_MS).after;
  let told: readonly string[] = held.authorities.map(({ certificate }) => certificate);
  for (let nowMs = START_MS; nowMs < START_MS + 4 * 365 * DAY_MS; nowMs += NETWORK.spreadMs * 19) {
    for (const laterMs of [nowMs, nowMs + NETWORK.spreadMs]) {
      held = renewNetwork(held, ROWS, laterMs).after;
      for (const { certificate } of held.leaves.values()) {
        const leaf = readCertificate(certificate);
        assert.ok(leaf && leaf.validToDate.getTime() > laterMs);
        const signer = told.map(readCertificate).find((one) => one !== undefined && leaf.checkIssued(one) && leaf.verify(one.publicKey));
        assert.ok(signer && signer.validToDate.getTime() > laterMs, new Date(laterMs).toISOString());
      }
      told = held.authorities.map(({ certificate }) => certificate);
    }
  }
  assert.ok(held.authorities.filter(({ key }) => key !== undefined).length <= 2);
});

test('an authority whose key is lost signs no more, and is trusted on', () => {
  const { after } = renewNetwork(EMPTY, ROWS, START_MS);
  const [ours] = after.authorities;
  assert.ok(ours);
  const renewed = renewNetwork({ ...after, authorities: [{ certificate: ours.certificate }] }, ROWS, START_MS);
  assert.deepEqual(reissued(renewed.steps), ['authority']);
  assert.equal(renewed.after.authorities.length, 2);
});
