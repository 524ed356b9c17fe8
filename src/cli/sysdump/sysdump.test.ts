// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { crc32, inflateRawSync } from 'node:zlib';
import { KubeArmorError } from '#base';
import { CORE, POLICY_KINDS } from '#cluster';
import type { PodStreams } from '#k8s';
import { FakeKubeApi } from '#k8s/testing';
import { nested } from '#policy/testing';
import { fakeCluster, ourPod, podOf, policyOf, secretOf } from '../cluster/testing-cluster.ts';
import { runCli } from '../run-cli.ts';
import { recordingIo } from '../testing.ts';
import { Redactor } from './redact.ts';
import { zip } from './zip.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'karmor-dump-'));
after(() => rmSync(folder, { recursive: true }));

/** Files of an archive by its local headers; checksums are compared. */
function unzip(archive: Buffer): Map<string, string> {
  const files = new Map<string, string>();
  let at = 0;
  while (archive.readUInt32LE(at) === 0x04034b50) {
    const [sum, packed, size, nameLength] = [
      archive.readUInt32LE(at + 14),
      archive.readUInt32LE(at + 18),
      archive.readUInt32LE(at + 22),
      archive.readUInt16LE(at + 26),
    ];
    const begin = at + 30 + nameLength;
    const content = inflateRawSync(archive.subarray(begin, begin + packed));
    assert.equal(crc32(content), sum);
    assert.equal(content.length, size);
    files.set(archive.subarray(at + 30, begin).toString(), content.toString());
    at = begin + packed;
  }
  assert.equal(archive.readUInt32LE(at), 0x02014b50);
  assert.equal(archive.readUInt16LE(archive.length - 12), files.size);
  return files;
}

test('zip: what goes in comes out', () => {
  const files = [
    { name: 'a/ä.txt', content: Buffer.from('hello') },
    { name: 'empty', content: Buffer.alloc(0) },
    { name: 'long', content: Buffer.alloc(100_000, 'x') },
  ];
  assert.deepEqual(
    [...unzip(zip(files))],
    files.map(({ name, content }) => [name, content.toString()]),
  );
});

const secrets: readonly (readonly [before: string, after: string])[] = [
  ['password=hunter2 user=me', 'password=(redacted) user=me'],
  ['"apiKey":"abcdef"', '"apiKey":"(redacted)"'],
  ['--token s3cr3t', '--token (redacted)'],
  ['--token=s3cr3t', '--token=(redacted)'],
  ['Authorization: Bearer abcdefghij', 'Authorization: Bearer (redacted)'],
  ['https://me:hunter2@host/x', 'https://me:(redacted)@host/x'],
  ['eyJhbGciOiJSUzI1.eyJpc3MiOiJr.c2lnbmF0dXJl end', '(redacted) end'],
  ['-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nafter', '(redacted)\nafter'],
  ['the policy no-shell is enforced', 'the policy no-shell is enforced'],
];
for (const [before, wanted] of secrets) {
  test(`redaction of a text: ${before.split('\n')[0]}`, () => {
    assert.equal(new Redactor().text(before), wanted);
  });
}

/** An installation with something secret in every place. */
function cluster(): FakeKubeApi {
  const api = new FakeKubeApi();
  const relay = ourPod('kubearmor-relay', 'relay-1');
  const containers = [
    { name: 'relay', image: 'relay:1', env: [{ name: 'ES_PASSWORD', value: 'LEAK1' }], args: ['--url=http://u:LEAK2@es:9200'] },
  ];
  api.seed(CORE.pods, { ...relay, spec: { containers } });
  api.seed(CORE.pods, podOf('shop', 'web-1', { app: 'web' }));
  api.seed(CORE.secrets, secretOf('kubearmor', 'kubearmor-ca', { 'tls.key': 'LEAK3' }));
  api.seed(CORE.nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node1', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'LEAK4' } },
  });
  api.seed(POLICY_KINDS.KubeArmorPolicy, policyOf('shop', 'no-shell', { app: 'web' }));
  return api;
}

const logs: PodStreams['logs'] = async (_pod, { previous }) => {
  if (previous === true) throw new KubeArmorError('API_INVALID', 'previous terminated container not found');
  return 'serving\npassword=LEAK5\n';
};

async function dump(
  api: FakeKubeApi,
  args: string,
): Promise<{ readonly code: number; readonly out: string; readonly err: readonly string[] }> {
  const pods: PodStreams = { logs, forward: () => Promise.reject(new Error('not here')) };
  const { io, out, err } = recordingIo({ cluster: fakeCluster(api, pods) });
  return { code: await runCli(`sysdump ${args}`.trim().split(' '), io), out: out.join('\n'), err };
}

test('karmor sysdump: all that helps, and no secret', async () => {
  const file = path.join(folder, 'a.zip');
  const { code, out, err } = await dump(cluster(), `-f ${file}`);
  assert.deepEqual(err, []);
  assert.equal(code, 0);
  assert.match(out, /a\.zip: \d+ files, \d+ secrets taken out; look through it/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const files = unzip(readFileSync(file));
  const all = [...files.values()].join('\n');
  assert.ok(!/LEAK|TEVBSz/.test(all), all);
  for (const name of [
    'nodes.json',
    'kubearmorpolicies.json',
    'kubearmorhostpolicies.json',
    'kubearmor/logs/relay-1/relay.log',
    'probe.txt',
    'version.txt',
  ])
    assert.ok(files.has(name), name);
  assert.match(files.get('kubearmor/secrets.json') ?? '', /"tls\.key": "\(redacted\)"/);
  assert.match(files.get('kubearmor/pods.json') ?? '', /"name": "ES_PASSWORD",\s+"value": "\(redacted\)"/);
  assert.ok(!all.includes('web-1'), 'pods of others are not taken');
  const manifest = JSON.parse(files.get('manifest.json') ?? '') as { files: { name: string }[]; notRead: string[]; redacted: number };
  assert.deepEqual(manifest.notRead, []);
  assert.equal(manifest.files.length, files.size - 1);
  assert.ok(manifest.redacted >= 5);
  const again = await dump(cluster(), `-f ${file}`);
  assert.equal(again.code, 74);
});

test('karmor sysdump --all-pods', async () => {
  const file = path.join(folder, 'all.zip');
  await dump(cluster(), `-f ${file} --all-pods`);
  assert.match(unzip(readFileSync(file)).get('all-pods.json') ?? '', /web-1/);
});

test('karmor sysdump: what may not be read is told, and the rest is there', async () => {
  const api = cluster();
  api.refuseNext(({ plural, verb }) => plural === 'secrets' && verb === 'list', 'API_REFUSED', 'secrets is forbidden');
  const file = path.join(folder, 'part.zip');
  const { code, err } = await dump(api, `-f ${file}`);
  assert.equal(code, 4);
  assert.deepEqual(err, ['karmor sysdump: not read: kubearmor/secrets: secrets is forbidden']);
  const files = unzip(readFileSync(file));
  assert.ok(files.has('nodes.json') && !files.has('kubearmor/secrets.json'));
  assert.match(files.get('manifest.json') ?? '', /secrets is forbidden/);
});

test('karmor sysdump: the API server is away', async () => {
  const api = cluster();
  api.goAway();
  const { code, err } = await dump(api, `-f ${path.join(folder, 'none.zip')}`);
  assert.equal(code, 3);
  assert.match(err[0] ?? '', /connection refused/);
});

test('karmor sysdump: a policy that nests too deep is named, and the rest is there', async () => {
  const api = cluster();
  api.seed(POLICY_KINDS.KubeArmorPolicy, { ...policyOf('shop', 'deep', { app: 'web' }), spec: { x: nested(100) } });
  const file = path.join(folder, 'deep.zip');
  const { code, err } = await dump(api, `-f ${file}`);
  assert.equal(code, 4);
  assert.deepEqual(err, [
    'karmor sysdump: not read: kubearmorpolicies: KubeArmorPolicy shop/deep is nested deeper than 64 levels, which no agent takes',
  ]);
  assert.match(unzip(readFileSync(file)).get('kubearmorpolicies.json') ?? '', /no-shell/);
});
