// SPDX-License-Identifier: Apache-2.0
import { open } from 'node:fs/promises';
import { stringify } from 'yaml';
import { errnoText, KubeArmorError } from '#base';
import { CONFIGS, CORE, LABELS, NAMES, POLICY_KINDS, readConfig, textOf } from '#cluster';
import { definitions, imagesOf, isInstalled, isServed, kindOf, KINDS, operatorObjects, otherHolder, removeInstallation } from '#install';
import type { KubeApi, KubeObject } from '#k8s';
import { askedCluster } from '../cluster/cluster-flags.ts';
import { splitByDepth, TOO_DEEP } from '../cluster/too-deep.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import { answerFlags, UNINSTALL_FLAGS } from './kubearmor-flags.ts';
import { assertNotOfHelm, namespaceOf, presentConfig } from './wanted.ts';

const LOOK_MS = 2_000;
const LOOKS = 60;

/** `karmor uninstall`: what the operator installed, then the operator; with --force policies and definitions too, which are written down first. */
export async function runUninstall(flags: Flags, io: Io): Promise<ExitCode> {
  answerFlags(UNINSTALL_FLAGS, flags, io);
  const asked = namespaceOf(flags);
  using cluster = await io.cluster(askedCluster(flags));
  const { api } = cluster;
  const namespace = asked ?? (await operatorNamespace(api, io.signal));
  await assertNotOfHelm(api, namespace, io.signal);
  const isForced = flags.isSet('force');
  const policies = isForced ? await allPolicies(api, io.signal) : [];
  if (flags.isSet('dryRun')) {
    await io.out(`would be removed from ${namespace} of ${cluster.server}: the installation, and what agents left in force on nodes`);
    if (isForced) await io.out(`and ${policies.length} policies, with their definitions`);
    return EXIT_CODES.ok.code;
  }
  if (policies.length > 0) await backUp(policies, flags.text('backup') ?? backupName(io), io);
  const wasThere = await isAnyThere(api, namespace, io.signal);
  const unfinished = await removeAll(api, namespace, io);
  if (isForced) for (const definition of definitions()) await api.delete(KINDS.definitions, definition.metadata, { signal: io.signal });
  const stays = isForced ? '' : '; policies and their definitions stay (--force removes them too)';
  await io.out(`${wasThere ? 'removed from' : 'nothing of KubeArmor was found in'} ${namespace} of ${cluster.server}${stays}`);
  await tellOfNamespace(api, namespace, io);
  return unfinished === 0 ? EXIT_CODES.ok.code : EXIT_CODES.partial.code;
}

/** Who brought it: `karmor`, a manifest or a chart; the operator marks its own otherwise. */
const isOfInstaller = (object: KubeObject | undefined): boolean => object?.metadata.labels?.[LABELS.installedBy] === 'kubearmor-installer';

/** @throws {KubeArmorError} `USAGE` where there are several: none of them is meant more than the others */
async function operatorNamespace(api: KubeApi, signal: AbortSignal): Promise<string> {
  const found = (await api.list(KINDS.deployments, { labelSelector: `${LABELS.app}=${NAMES.operator}` }, signal)).filter(isOfInstaller);
  const [first, ...more] = found.flatMap(({ metadata: { namespace } }) => (namespace === undefined ? [] : [namespace]));
  if (more.length > 0) throw new KubeArmorError('USAGE', `KubeArmor is in ${[first, ...more].join(', ')}: say with -n which is meant`);
  return first ?? NAMES.namespace;
}

async function isAnyThere(api: KubeApi, namespace: string, signal: AbortSignal): Promise<boolean> {
  const operator = await api.get(KINDS.deployments, { name: NAMES.operator, namespace }, signal);
  return isOfInstaller(operator) || (await isInstalled(api, namespace)) || (await presentConfig(api, namespace, signal)) !== undefined;
}

/** One that `karmor install` made is not removed: whoever has put something into it since would lose it. */
async function tellOfNamespace(api: KubeApi, name: string, io: Io): Promise<void> {
  if (!isOfInstaller(await api.get(KINDS.namespaces, { name }, io.signal))) return;
  await io.out(`the namespace ${name} stays, for what others have put into it: kubectl delete namespace ${name}`);
}

/** @returns DaemonSets of nodes that did not end enforcement in time */
async function removeAll(api: KubeApi, namespace: string, io: Io): Promise<number> {
  const objects = operatorObjects({ namespace, images: imagesOf('0.0.0') }).toReversed();
  // An operator in the middle of its work would put back what is removed meanwhile.
  for (const object of objects.filter(({ kind }) => kind === KINDS.deployments.kind)) await removeOurs(api, object, io.signal);
  await untilOperatorIsGone(api, namespace, io);
  const unfinished = await takeOut(api, namespace, io);
  // What the cluster has once and serves the operator in another namespace is that one's.
  const isShared = (await otherHolder(api, objects, { signal: io.signal, isMine: isOfInstaller })) !== undefined;
  for (const object of objects) if (!isShared || object.metadata.namespace !== undefined) await removeOurs(api, object, io.signal);
  for (const { name, nodes } of unfinished)
    io.err(`${name}: on ${nodes} nodes enforcement was not seen to end; it ends when they start again`);
  return unfinished.length;
}

/** Its Deployment goes at once, its pod a while after: a pass in flight would put back what is removed meanwhile. */
async function untilOperatorIsGone(api: KubeApi, namespace: string, io: Io): Promise<void> {
  const labelSelector = `${LABELS.app}=${NAMES.operator},${LABELS.installedBy}=kubearmor-installer`;
  for (let look = 0; look < LOOKS && !io.signal.aborted; look++) {
    const [pod] = (await api.list(CORE.pods, { namespace, labelSelector }, io.signal)).filter((one) => !hasEnded(one));
    if (pod === undefined) return;
    if (look === 0) await io.out(`waiting for the operator’s pod ${pod.metadata.name} to end`);
    await io.sleep(LOOK_MS);
  }
  io.err(`the operator’s pod has not ended within ${(LOOKS * LOOK_MS) / 1000} s: it may put an object back; then call this again`);
}

const hasEnded = (pod: KubeObject): boolean => ['Succeeded', 'Failed'].includes(textOf(pod['status'], 'phase') ?? '');

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
  if (isOfInstaller(found)) await api.delete(kindOf(object), ref, { signal });
}

async function allPolicies(api: KubeApi, signal: AbortSignal): Promise<KubeObject[]> {
  const all: KubeObject[] = [];
  for (const kind of Object.values(POLICY_KINDS)) if (await isServed(api, kind)) all.push(...(await api.list(kind, {}, signal)));
  return all;
}

const backupName = (io: Io): string => `kubearmor-policies-${new Date(io.wallMs()).toISOString().slice(0, 19).replaceAll(':', '')}.yaml`;

/** As `kubectl apply` takes them. Nothing is removed where this fails. */
async function backUp(policies: readonly KubeObject[], path: string, io: Io): Promise<void> {
  const { deep } = splitByDepth(policies);
  if (deep.length > 0) {
    const which = `${deep.slice(0, 5).join(', ')}${deep.length > 5 ? ` and ${deep.length - 5} more` : ''}`;
    const cure = 'delete it with kubectl, then run this again';
    throw new KubeArmorError('NOT_SUPPORTED', `writing ${path}: ${which}: ${TOO_DEEP}; nothing was removed: ${cure}`);
  }
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
