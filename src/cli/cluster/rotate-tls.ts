// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { CORE, fieldOf, NAMES, textOf } from '#cluster';
import type { KubeObject } from '#k8s';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import { askedCluster } from './cluster-flags.ts';
import type { ClusterPort } from './cluster-port.ts';
import { componentPods, findInstallation } from './installation.ts';

/**
 * Secrets of certificates, and which program makes each anew when it is gone; the authority’s own stays. The controller fills one and may make
 * none: that one is emptied.
 */
const SECRETS: readonly { readonly name: string; readonly maker: string; readonly isEmptied?: true }[] = [
  { name: NAMES.webhookSecret, maker: NAMES.controller, isEmptied: true },
  { name: NAMES.agentSecret, maker: NAMES.operator },
  { name: NAMES.relaySecret, maker: NAMES.operator },
  { name: NAMES.relayClientSecret, maker: NAMES.operator },
  { name: NAMES.clientSecret, maker: NAMES.operator },
];
const WAIT_MS = 120_000;
const LOOK_MS = 1_000;

/** `karmor rotate-tls`: each certificate is made anew by its own maker; the next is not touched before it is there. */
export async function rotateTls(flags: Flags, io: Io): Promise<ExitCode> {
  using cluster = await io.cluster(askedCluster(flags));
  const { namespace } = await findInstallation(cluster, flags.text('namespace'), io.signal);
  const there = await presentSecrets(cluster, namespace, io);
  if (there.length === 0) {
    throw new KubeArmorError(
      'NOT_SUPPORTED',
      `rotating certificates: the namespace ${namespace} has none of ${SECRETS.map(({ name }) => name).join(', ')}`,
    );
  }
  await assertMakers(cluster, namespace, there, io);
  if (flags.isSet('dryRun')) {
    for (const { name, maker, isEmptied } of there)
      await io.out(`${namespace}/${name}: would be ${wordOf(isEmptied)}, and made anew by ${maker}`);
    return EXIT_CODES.ok.code;
  }
  for (const secret of there) {
    const ref = { name: secret.name, namespace };
    const by = { fieldManager: 'karmor', signal: io.signal };
    if (secret.isEmptied) await cluster.api.patch(CORE.secrets, ref, { metadata: { uid: secret.uid }, data: null }, by);
    else await cluster.api.delete(CORE.secrets, ref, { uid: secret.uid, signal: io.signal });
    await waitForNext(cluster, ref, secret, io);
    await io.out(`${namespace}/${secret.name}: made anew by ${secret.maker}`);
  }
  return EXIT_CODES.ok.code;
}

type Present = (typeof SECRETS)[number] & { readonly uid: string };

async function presentSecrets({ api }: ClusterPort, namespace: string, io: Io): Promise<Present[]> {
  const found = await Promise.all(
    SECRETS.map(async (row) => ({ ...row, object: await api.get(CORE.secrets, { name: row.name, namespace }, io.signal) })),
  );
  return found.flatMap(({ object, ...row }) => (object === undefined ? [] : [{ ...row, uid: object.metadata.uid ?? '' }]));
}

/** Nothing is removed that nobody would make again. */
async function assertMakers(cluster: ClusterPort, namespace: string, secrets: readonly Present[], io: Io): Promise<void> {
  const pods = await componentPods(cluster, namespace, io.signal);
  const ready = new Set(pods.filter(({ isReady }) => isReady).map(({ app }) => app));
  const missing = [...new Set(secrets.map(({ maker }) => maker))].filter((maker) => !ready.has(maker));
  if (missing.length === 0) return;
  throw new KubeArmorError(
    'NOT_SUPPORTED',
    `rotating certificates: no pod of ${missing.join(' and ')} is ready in ${namespace}: nobody would make them anew; nothing was changed`,
  );
}

const wordOf = (isEmptied: true | undefined): string => (isEmptied ? 'emptied' : 'removed');
const isFilled = (secret: KubeObject | undefined): boolean => (textOf(fieldOf(secret, 'data'), 'tls.key') ?? '') !== '';

async function waitForNext(
  { api }: ClusterPort,
  ref: { readonly name: string; readonly namespace: string },
  { uid, maker, isEmptied }: Present,
  io: Io,
): Promise<void> {
  const untilMs = io.nowMs() + WAIT_MS;
  while (!io.signal.aborted) {
    const now = await api.get(CORE.secrets, ref, io.signal);
    if (isEmptied ? isFilled(now) : now !== undefined && now.metadata.uid !== uid) return;
    if (io.nowMs() >= untilMs) break;
    await io.sleep(LOOK_MS);
  }
  const why = io.signal.aborted ? 'interrupted' : `${maker} has not made it anew within ${WAIT_MS / 1000} s`;
  throw new KubeArmorError(
    'API_UNREACHABLE',
    `rotating ${ref.namespace}/${ref.name}: it was ${wordOf(isEmptied)}, and ${why}: look at the log of ${maker}`,
  );
}
