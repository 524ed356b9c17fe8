// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DAYS = '30';

/** A certificate authority in a folder, by the openssl program. */
export class Pki {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    this.#key('ca');
    this.#openssl('req', '-x509', '-new', '-key', this.path('ca.key'), '-subj', '/CN=test-ca', '-days', DAYS, '-out', this.path('ca.crt'));
    this.#key('sa');
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  /** A server's certificate, for these `IP:…` and `DNS:…`. */
  server(name: string, names: readonly string[]): void {
    this.#issue(name, `/CN=${name}`, `subjectAltName=${names.join(',')}\nextendedKeyUsage=serverAuth`);
  }

  /** A client's certificate: who it is to the API server. */
  client(name: string, user: string, group?: string): void {
    this.#issue(name, `${group === undefined ? '' : `/O=${group}`}/CN=${user}`, 'extendedKeyUsage=clientAuth');
  }

  #key(name: string): void {
    this.#openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', this.path(`${name}.key`));
  }

  #issue(name: string, subject: string, extensions: string): void {
    const [request, config] = [this.path(`${name}.csr`), this.path(`${name}.cnf`)];
    this.#key(name);
    writeFileSync(config, extensions);
    this.#openssl('req', '-new', '-key', this.path(`${name}.key`), '-subj', subject, '-out', request);
    const signer = ['-CA', this.path('ca.crt'), '-CAkey', this.path('ca.key'), '-CAcreateserial'];
    this.#openssl('x509', '-req', '-in', request, ...signer, '-days', DAYS, '-out', this.path(`${name}.crt`), '-extfile', config);
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}
