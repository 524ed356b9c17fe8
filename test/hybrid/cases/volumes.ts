// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { isRefused } from '../../vm/running.ts';
import type { HybridCase, Stage } from '../case.ts';

const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount';
const object = (kind: string, name: string, fields: object): object => ({ apiVersion: 'v1', kind, metadata: { name }, ...fields });
const secret = (password: string): object => object('Secret', 'shop', { stringData: { password, user: `user of ${password}` } });
const settings = (key: string): object => object('ConfigMap', 'shop', { data: { key, colour: `colour of ${key}` } });

async function refuses(stage: Stage, path: string): Promise<void> {
  const ran = await stage.exec('web', '/bin/cat', path);
  assert.ok(isRefused(ran), `${path}: ${ran.output}`);
}

async function denies(stage: Stage): Promise<void> {
  await refuses(stage, '/secret/password');
  await refuses(stage, '/secret/..data/password');
  await refuses(stage, '/settings/key');
  await refuses(stage, `${TOKEN}/token`);
}

/** The kubelet writes a new folder and moves `..data` to it. */
export const VOLUMES: readonly HybridCase[] = [
  {
    name: 'rules about a Secret, a ConfigMap and the token hold before and after the kubelet brings new ones',
    async run(stage) {
      await stage.apply(secret('first'), settings('first'));
      const mounts = ['secret', 'settings'].map((name) => ({ name, mountPath: `/${name}` }));
      const volumes = [
        { name: 'secret', secret: { secretName: 'shop' } },
        { name: 'settings', configMap: { name: 'shop' } },
      ];
      await stage.pod('web', { app: 'web' }, { volumes }, { volumeMounts: mounts });
      const file = {
        matchPaths: [{ path: '/secret/password' }, { path: '/settings/key' }],
        matchDirectories: [{ dir: `${TOKEN}/`, recursive: true }],
      };
      await stage.enforce('no-secrets', { selector: { matchLabels: { app: 'web' } }, file });
      await denies(stage);
      await stage.apply(secret('second'), settings('second'));
      const rotated = async (path: string): Promise<boolean> => (await stage.exec('web', '/bin/cat', path)).output.includes('second');
      await stage.until('the kubelet brought the new Secret', () => rotated('/secret/user'));
      await denies(stage);
      await stage.until('the kubelet brought the new ConfigMap', () => rotated('/settings/colour'));
      await denies(stage);
      await stage.isEnforced('no-secrets');
    },
  },
];
