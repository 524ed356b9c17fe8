// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findAccess } from './find-access.ts';
import { inClusterAccess } from './in-cluster.ts';
import { kubeconfigAccess, kubeconfigTextAccess } from './kubeconfig.ts';

let folder = '';
before(() => void (folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'))));
after(() => rmSync(folder, { recursive: true }));

interface Parts {
  readonly server?: string;
  readonly cluster?: string;
  readonly user?: string;
}

const config = ({ server = 'https://h:1', cluster = '', user = '' }: Parts = {}): string => `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "${server}", ${cluster}}}]
users: [{name: u, user: {${user}}}]
contexts: [{name: x, context: {cluster: c, user: u, namespace: n}}, {name: y, context: {cluster: gone}}]
current-context: x
`;

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('kubeconfig: data, files relative to it, and tokens', async () => {
  writeFileSync(join(folder, 'k.pem'), 'KEY');
  writeFileSync(join(folder, 'token'), ' T1\n');
  const text = config({
    server: 'https://h:1/prefix',
    cluster: `certificate-authority-data: ${base64('CA')}, tls-server-name: s, insecure-skip-tls-verify: true`,
    user: `client-certificate-data: ${base64('CERT')}, client-key: k.pem, tokenFile: token, token: overridden`,
  });
  const access = kubeconfigTextAccess(text, folder);
  assert.deepEqual([access.server.href, access.tlsServerName, access.insecure, access.namespace], ['https://h:1/prefix', 's', true, 'n']);
  assert.deepEqual(await access.identify(false), { ca: 'CA', cert: 'CERT', key: 'KEY', token: 'T1' });
  writeFileSync(join(folder, 'token'), 'T2');
  assert.equal((await access.identify(false)).token, 'T1', 'held for a minute');
  assert.equal((await access.identify(true)).token, 'T2');
});

test('kubeconfig: several files are one, the first of a name counts', async () => {
  const [one, two] = [join(folder, 'one'), join(folder, 'two')];
  writeFileSync(one, 'users: [{name: u, user: {token: first}}]\n');
  writeFileSync(two, config({ user: 'token: second' }));
  const access = await kubeconfigAccess([join(folder, 'absent'), one, two]);
  assert.equal((await access.identify(false)).token, 'first');
  assert.equal(access.server.href, 'https://h:1/');
});

test('kubeconfig: an exec plugin gives credentials until they expire', async () => {
  const ran: unknown[] = [];
  const outputs = [
    { exitCode: 0, stdout: JSON.stringify({ status: { token: 'E1', expirationTimestamp: '2999-01-01T00:00:00Z' } }), stderr: '' },
    { exitCode: 0, stdout: JSON.stringify({ status: { token: 'E2', expirationTimestamp: '2001-01-01T00:00:00Z' } }), stderr: '' },
    { exitCode: 1, stdout: '', stderr: 'no login' },
    { exitCode: 0, stdout: '{"status":{}}', stderr: '' },
  ];
  const user = 'exec: {apiVersion: client.authentication.k8s.io/v1, command: bin/login, args: [-x], env: [{name: A, value: b}]}';
  const access = kubeconfigTextAccess(config({ user }), folder, {
    env: { HOME: '/root', A: 'overridden', NOT: undefined },
    run: (command, args, { env }) => {
      ran.push([command, args, env['A'], env['HOME'], Object.keys(env).length]);
      return Promise.resolve(outputs.shift() ?? { exitCode: 1, stdout: '', stderr: '' });
    },
  });
  assert.equal((await access.identify(false)).token, 'E1');
  assert.equal((await access.identify(false)).token, 'E1');
  assert.deepEqual(ran, [[join(folder, 'bin/login'), ['-x'], 'b', '/root', 3]]);
  assert.equal((await access.identify(true)).token, 'E2');
  await assert.rejects(access.identify(false), { code: 'API_REFUSED', message: /ended with 1: no login/ });
  await assert.rejects(access.identify(false), { code: 'API_REFUSED', message: /neither a token nor a certificate/ });
});

for (const [name, text, message] of [
  ['no YAML', 'a: [', /reading the kubeconfig the text given: /],
  ['no mapping', '- a', /not a mapping/],
  ['no context', 'a: b', /no current-context/],
  ['no server', config({ server: 'h' }), /"h" is no URL/],
  ['a proxy', config({ cluster: 'proxy-url: "http://p"' }), /cluster\.proxy-url: /],
  ['a password', config({ user: 'username: u, password: p' }), /user\.username: /],
  ['impersonation', config({ user: 'as: root' }), /user\.as: /],
  ['an exec plugin of another kind', config({ user: 'exec: {apiVersion: v1alpha1, command: x}' }), /user\.exec: needs/],
  [
    'an exec plugin that nobody may start',
    config({ user: 'exec: {apiVersion: client.authentication.k8s.io/v1, command: x}' }),
    /not supported here/,
  ],
] as const) {
  test(`kubeconfig: ${name} is refused by name`, () => {
    assert.throws(() => kubeconfigTextAccess(text, '/'), { code: 'CONFIG_INVALID', message });
  });
}

test('kubeconfig: a context that is not there, or names what is not', () => {
  assert.throws(() => kubeconfigTextAccess(config(), '/', { context: 'z' }), { message: /no context "z"; it has: x, y/ });
  assert.throws(() => kubeconfigTextAccess(config(), '/', { context: 'y' }), { message: /the cluster "gone", which is not there/ });
});

test('inClusterAccess: reads the service account, and again as its files change', async () => {
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
  const account = mkdtempSync(join(folder, 'sa-'));
  assert.equal(await inClusterAccess(env, account), undefined);
  for (const [name, text] of Object.entries({ token: 'T\n', 'ca.crt': 'CA', namespace: 'kubearmor\n' }))
    writeFileSync(join(account, name), text);
  assert.equal(await inClusterAccess({}, account), undefined);
  const access = await inClusterAccess(env, account);
  assert.deepEqual([access?.server.href, access?.namespace], ['https://[fd00::1]/', 'kubearmor']);
  assert.deepEqual(await access?.identify(false), { ca: 'CA', token: 'T' });
  writeFileSync(join(account, 'token'), 'T2');
  assert.equal((await access?.identify(true))?.token, 'T2');
});

test('findAccess: the named file, then KUBECONFIG, then ~/.kube/config', async () => {
  const path = join(folder, 'named');
  writeFileSync(path, config({ server: 'https://named' }));
  assert.equal((await findAccess({ kubeconfig: path, env: { KUBECONFIG: '/nowhere' } })).server.host, 'named');
  assert.equal((await findAccess({ env: { KUBECONFIG: `/nowhere:${path}` } })).server.host, 'named');
  const hint = 'give --kubeconfig, or set KUBECONFIG';
  await assert.rejects(findAccess({ env: { HOME: folder } }), {
    code: 'CONFIG_INVALID',
    message: /there is no kubeconfig \(.*\.kube\/config\)/,
    hint,
  });
  await assert.rejects(findAccess({ env: {} }), { code: 'CONFIG_INVALID', hint });
});
