// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { makeAuthority, makeLeaf } from './certificate.ts';

const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date('2060-02-03T04:05:06Z') };
const authority = makeAuthority('an authority', validity);
const leaf = makeLeaf({ usage: 'server', name: 'a server', hosts: ['one.example', 'localhost'], ...validity }, authority.issuer);

test('what is made says what was asked for', () => {
  const [ca, one] = [new X509Certificate(authority.certificate), new X509Certificate(leaf.certificate)];
  assert.deepEqual([ca.ca, one.ca], [true, false]);
  assert.equal(one.subject, 'CN=a server');
  assert.equal(one.issuer, 'CN=an authority');
  assert.equal(one.subjectAltName, 'DNS:one.example, DNS:localhost');
  assert.deepEqual(one.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.equal(one.validToDate.toISOString(), '2060-02-03T04:05:06.000Z');
  assert.equal(Math.floor(one.validFromDate.getTime() / 1_000), Math.floor(validity.notBefore.getTime() / 1_000));
  assert.ok(one.checkIssued(ca) && one.verify(ca.publicKey) && one.checkPrivateKey(leaf.key));
  assert.notEqual(one.serialNumber, ca.serialNumber);
});

test('a client that trusts the authority, and no other, takes the leaf for its hosts', async () => {
  const other = makeAuthority('an authority', validity);
  const server = createServer({ cert: leaf.certificate, key: leaf.key.export({ type: 'pkcs8', format: 'pem' }) }, (socket) =>
    socket.end('hello'),
  );
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const answer = async (ca: string, servername: string): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername, minVersion: 'TLSv1.3' });
    try {
      const [data] = (await once(socket, 'data')) as [Buffer];
      return data.toString();
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'no code';
    } finally {
      socket.destroy();
    }
  };
  assert.equal(await answer(authority.certificate, 'one.example'), 'hello');
  assert.equal(await answer(other.certificate + authority.certificate, 'localhost'), 'hello');
  assert.equal(await answer(authority.certificate, 'two.example'), 'ERR_TLS_CERT_ALTNAME_INVALID');
  assert.notEqual(await answer(other.certificate, 'one.example'), 'hello');
  server.close();
});

test('a client’s leaf is for clients alone, and addresses stand beside names', () => {
  const hosts = ['127.0.0.1', '::1', '2001:db8::a:1', '::ffff:10.0.0.1', 'localhost'];
  const server = new X509Certificate(makeLeaf({ usage: 'server', name: 's', hosts, ...validity }, authority.issuer).certificate);
  for (const address of hosts.slice(0, 4)) assert.ok(server.checkIP(address), address);
  assert.equal(server.checkIP('127.0.0.2'), undefined);
  const client = new X509Certificate(makeLeaf({ usage: 'client', name: 'c', hosts: [], ...validity }, authority.issuer).certificate);
  assert.deepEqual(client.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  assert.equal(client.subjectAltName, undefined);
});
