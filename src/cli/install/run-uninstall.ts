// SPDX-License-Identifier: Apache-2.0
import { open } from 'node:fs/promises';
import { stringify } from 'yaml';
import { errnoText, KubeArmorError } from '#base';
import { CONFIGS, LABELS, NAMES, POLICY_KINDS, readConfig } from '#cluster';
import { definitions, imagesOf, isServed, kindOf, KINDS, operatorObjects, removeInstallation } from '#install';
import type { KubeApi, KubeObject } from '#k8s';
import { askedCluster } from '../cluster/cluster-flags.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import { assertNotOfHelm, presentConfig } from './wanted.ts';

const LOOK_MS = 2_000;
const LOOKS = 60;

/** `karmor uninstall`: what the operator installed, then the operator; with --force policies and definitions too, which are written down first. */
export async function runUninstall(flags: Flags, io: Io): Promise<ExitCode> {
  const namespace = flags.text('namespace') ?? NAMES.namespace;
  using cluster = await io.cluster(askedCluster(flags));
  const { api } = cluster;
  await assertNotOfHelm(api, namespace, io.signal);
  const isForced = flags.isSet('force');
  const policies = isForced ? await allPolicies(api, io.signal) : [];
  if (flags.isSet('dryRun')) {
    await io.out(`would be removed from ${namespace} of ${cluster.server}: the installation, and what agents left in force on nodes`);
    if (isForced) await io.out(`and ${policies.length} policies, with their definitions`);
    return EXIT_CODES.ok.code;
  }
  if (policies.length > 0) await backUp(policies, flags.text('backup') ?? backupName(io), io);
  const unfinished = await removeAll(api, namespace, io);
  if (isForced) for (const definition of definitions()) await api.delete(KINDS.definitions, definition.metadata, { signal: io.signal });
  const stays = isForced ? '' : '; policies and their definitions stay (--force removes them too)';
  await io.out(`removed from ${namespace} of ${cluster.server}${stays}`);
  return unfinished === 0 ? EXIT_CODES.ok.code : EXIT_CODES.partial.code;
}

/** @returns DaemonSets of nodes that did not end enforcement in time */
async function removeAll(api: KubeApi, namespace: string, io: Io): Promise<number> {
  const objects = operatorObjects({ namespace, images: imagesOf('0.0.0') }).toReversed();
  // An operator in the middle of its work would put back what is removed meanwhile.
  for (const object of objects.filter(({ kind }) => kind === KINDS.deployments.kind)) await removeOurs(api, object, io.signal);
  const unfinished = await takeOut(api, namespace, io);
  for (const object of objects) await removeOurs(api, object, io.signal);
  for (const { name, nodes } of unfinished)
    io.err(`${name}: on ${nodes} nodes enforcement was not seen to end; it ends when they start again`);
  return unfinished.length;
}

async function takeOut(api: KubeApi, namespace: string, io: Io): ReturnType<typeof removeInstallation> {
  for (
    let found = await presentConfig(api, namespace, io.signal);
    found !== undefined;
    found = await presentConfig(api, namespace, io.signal)
  )
    await api.delete(CONFIGS, { name: found.metadata.name, namespace }, { signal: io.signal });
  const { config } = readConfig({});
  if (config === undefined) throw new TypeError('an empty KubeArmorConfig is not taken');
  const installation = { namespace, config, images: imagesOf('0.0.0') };
  return removeInstallation(installation, {
    api,
    fieldManager: NAMES.operator,
    pause: () => io.sleep(LOOK_MS),
    looks: LOOKS,
    tell: (text) => void io.out(text),
  });
}

/** What was brought by us; what bears a name of ours and not our mark stays. */
async function removeOurs(api: KubeApi, object: KubeObject, signal: AbortSignal): Promise<void> {
  const { name, namespace } = object.metadata;
  const ref = { name, ...(namespace === undefined ? {} : { namespace }) };
  const found = await api.get(kindOf(object), ref, signal);
  if (found?.metadata.labels?.[LABELS.installedBy] === 'kubearmor-installer') await api.delete(kindOf(object), ref, { signal });
}

async function allPolicies(api: KubeApi, signal: AbortSignal): Promise<KubeObject[]> {
  const all: KubeObject[] = [];
  for (const kind of Object.values(POLICY_KINDS)) if (await isServed(api, kind)) all.push(...(await api.list(kind, {}, signal)));
  return all;
}

const backupName = (io: Io): string => `kubearmor-policies-${new Date(io.wallMs()).toISOString().slice(0, 19).replaceAll(':', '')}.yaml`;

/** As `kubectl apply` takes them. Nothing is removed where this fails. */
async function backUp(policies: readonly KubeObject[], path: string, io: Io): Promise<void> {
  const documents = policies.map(({ apiVersion, kind, metadata: { name, namespace, labels, annotations }, spec }) =>
    stringify({ apiVersion, kind, metadata: { name, namespace, labels, annotations }, spec }, { aliasDuplicateObjects: false }),
  );
  try {
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(documents.join('---\n'));
    await file.sync();
  } catch (error) {
    throw new KubeArmorError('HOST_IO', `writing ${path}: ${errnoText(error)}; nothing was removed`, { cause: error });
  }
  await io.out(`${policies.length} policies are in ${path}`);
}
