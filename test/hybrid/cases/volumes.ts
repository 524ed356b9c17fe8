// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { isRefused } from '../../vm/running.ts';
import { policyObject } from '../case.ts';
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

/** Before a token of ten minutes, the shortest there is, is eight minutes old nothing comes in its place. */
const TOKEN_MS = 14 * 60_000;
const SHOWN = { secret: '/etc/secrets', token: TOKEN } as const;
const tokenVolume = { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 600 } }] } };

/** The two policies that pages about KubeArmor show, of the wiki and of the tutorial, with their rules as written there. */
const shownPolicies = (): object[] => [
  policyObject('protect-secrets', {
    selector: { matchLabels: { app: 'app' } },
    file: {
      matchPaths: [{ path: '/etc/secrets/*' }, { path: '/var/run/secrets/*' }],
      matchDirectories: [{ dir: '/root', recursive: true }],
    },
  }),
  {
    apiVersion: 'security.kubearmor.com/v1',
    kind: 'KubeArmorClusterPolicy',
    metadata: { name: 'protect-service-account-tokens' },
    spec: {
      selector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] },
      file: { matchDirectories: [{ dir: `${TOKEN}/`, recursive: true, action: 'Block' }] },
    },
  },
];

/** Which folder of a volume the kubelet shows: nobody in the pod may look. */
async function shownFolder(stage: Stage, volume: string): Promise<string> {
  const uid = await stage.kubectl('get', 'pod', 'app', '-o', 'jsonpath={.metadata.uid}');
  const ran = await stage.cluster.guest.run(`readlink /var/lib/kubelet/pods/${uid.trim()}/volumes/*/${volume}/..data`);
  assert.equal(ran.code, 0, ran.output);
  return ran.output.trim();
}

async function shownDenied(stage: Stage): Promise<void> {
  for (const path of [
    `${SHOWN.secret}/password`,
    `${SHOWN.secret}/..data/password`,
    `${SHOWN.token}/token`,
    `${SHOWN.token}/..data/token`,
  ]) {
    const ran = await stage.exec('app', '/bin/cat', path);
    assert.ok(isRefused(ran), `${path}: ${ran.output}`);
  }
}

/** Tokens come anew after eight minutes at the earliest: for a run in full alone. */
async function shownRotated(stage: Stage): Promise<void> {
  const [secretBefore, tokenBefore] = [await shownFolder(stage, 'secret'), await shownFolder(stage, 'token')];
  await stage.apply(secret('second'));
  await stage.until('the kubelet brought the new Secret', async () => (await shownFolder(stage, 'secret')) !== secretBefore);
  await shownDenied(stage);
  if (!stage.full) return;
  await stage.until('the kubelet brought a new token', async () => (await shownFolder(stage, 'token')) !== tokenBefore, TOKEN_MS);
  await shownDenied(stage);
  stage.figures.push('a new token came, and was denied as the one before');
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
  {
    name: 'what pages show to protect secrets and tokens denies before and after new ones come',
    async run(stage) {
      await stage.apply(secret('first'));
      const volumes = [{ name: 'secret', secret: { secretName: 'shop' } }, tokenVolume];
      const mounts = Object.entries(SHOWN).map(([name, mountPath]) => ({ name, mountPath }));
      await stage.pod('app', { app: 'app' }, { volumes }, { volumeMounts: mounts });
      for (const path of [`${SHOWN.secret}/password`, `${SHOWN.token}/token`])
        assert.equal((await stage.exec('app', '/bin/cat', path)).code, 0, `${path} without a policy`);
      try {
        await stage.apply(...shownPolicies());
        await stage.isEnforced('protect-secrets');
        await stage.kubectl('wait', '--for=condition=Enforced', '--timeout=170s', 'csp/protect-service-account-tokens');
        await shownDenied(stage);
        await shownRotated(stage);
      } finally {
        await stage.cluster.kubectl('delete', 'csp', 'protect-service-account-tokens');
      }
    },
  },
];
