// SPDX-License-Identifier: Apache-2.0

/** Where programs look for their certificates (`-tlsCertPath`). */
const FOLDER = '/var/lib/kubearmor/tls';

/**
 * Certificates as files: `ca.crt`, and for each role `ROLE.crt` and `ROLE.key` of its Secret. A whole volume and no single files of it, so
 * that the kubelet brings new ones while the pod runs.
 */
export function tlsVolume(roles: { readonly server: string; readonly client?: string }): {
  readonly volume: object;
  readonly mount: object;
} {
  const source = (role: string, secret: string, items: readonly object[]): object => ({
    secret: { name: secret, items: [...items, { key: 'tls.crt', path: `${role}.crt` }, { key: 'tls.key', path: `${role}.key` }] },
  });
  const ca = [{ key: 'ca.crt', path: 'ca.crt' }];
  const sources = [source('server', roles.server, ca), ...(roles.client === undefined ? [] : [source('client', roles.client, [])])];
  return {
    volume: { name: 'tls', projected: { defaultMode: 0o440, sources } },
    mount: { name: 'tls', mountPath: FOLDER, readOnly: true },
  };
}
