// SPDX-License-Identifier: Apache-2.0
import { open } from 'node:fs/promises';
import { stringify } from 'yaml';
import { errnoText, KubeArmorError } from '#base';
import { CONFIGS, NAMES, readConfigConditions } from '#cluster';
import type { Condition } from '#cluster';
import { KINDS } from '#install';
import type { Images } from '#install';
import type { KubeApi, KubeObject } from '#k8s';
import { askedCluster } from '../cluster/cluster-flags.ts';
import type { ClusterPort } from '../cluster/cluster-port.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import { differenceOf, differenceText, write } from './difference.ts';
import type { Difference } from './difference.ts';
import { assertAlone } from './alone.ts';
import { imagesOf, presentImages, staleText } from './images.ts';
import { answerFlags, INSTALL_FLAGS } from './kubearmor-flags.ts';
import { isNamespaceThere, assertNotOfHelm, assertWords, namespaceOf, presentConfig, wantedOf } from './wanted.ts';
import type { Wanted } from './wanted.ts';

const WAIT_MS = 600_000;
const LOOK_MS = 2_000;
const SAVED = 'kubearmor.yaml';

/** `karmor install` and `karmor upgrade`. @param isUpgrade there has to be an installation */
export async function runInstall(flags: Flags, io: Io, isUpgrade: boolean): Promise<ExitCode> {
  answerFlags(INSTALL_FLAGS, flags, io);
  assertWords(flags);
  const namespace = namespaceOf(flags) ?? NAMES.namespace;
  if (flags.isSet('save')) return save(wantedOf(flags, namespace, imagesOf(flags)), io);
  using cluster = await io.cluster(askedCluster(flags));
  const { api } = cluster;
  await assertNotOfHelm(api, namespace, io.signal);
  await assertAlone(api, namespace, io.signal);
  const config = await presentConfig(api, namespace, io.signal);
  if (isUpgrade && config === undefined)
    throw new KubeArmorError('NOT_SUPPORTED', `upgrading ${namespace}: there is no KubeArmorConfig`, {
      hint: '`karmor install` makes one',
    });
  const images = await chosenImages(cluster, namespace, { flags, isUpgrade }, io);
  const wanted = wantedOf(flags, namespace, images, config?.metadata.name);
  const [isDryRun, skipsConfig] = [flags.isSet('dryRun'), flags.isSet('skipDeploy')];
  await bring(wanted, { isDryRun, skipsConfig }, cluster, io);
  if (skipsConfig) await printConfig(wanted, io);
  const isWaiting = !isDryRun && !skipsConfig && (flags.isSet('wait') || flags.isSet('verify'));
  return isWaiting ? untilAvailable(api, wanted.config, io) : EXIT_CODES.ok.code;
}

interface Asked {
  readonly flags: Flags;
  readonly isUpgrade: boolean;
}

async function chosenImages({ api }: ClusterPort, namespace: string, { flags, isUpgrade }: Asked, io: Io): Promise<Images> {
  const present = await presentImages(api, namespace, io.signal);
  const images = imagesOf(flags, present, isUpgrade);
  const stale = isUpgrade ? undefined : staleText(images, present, flags);
  if (stale !== undefined) await io.out(stale);
  return images;
}

interface How {
  readonly isDryRun: boolean;
  /** The operator alone: its user applies a KubeArmorConfig. */
  readonly skipsConfig: boolean;
}

/** Shows what changes, then changes it. */
async function bring(wanted: Wanted, { isDryRun, skipsConfig }: How, { api, server }: ClusterPort, io: Io): Promise<void> {
  const changes = (await plan(api, wanted, io.signal)).filter(({ object }) => !skipsConfig || object !== wanted.config);
  for (const change of changes) await io.out(differenceText(change));
  if (changes.length === 0) await io.out(`nothing to change in ${wanted.config.metadata.namespace} of ${server}`);
  if (isDryRun || changes.length === 0) return;
  for (const change of changes) await writeOne(api, change, io);
  await io.out(`${changes.length} objects applied to ${server}`);
}

async function printConfig({ config }: Wanted, io: Io): Promise<void> {
  await io.out('apply this to have it installed:');
  for (const line of stringify(config, { aliasDuplicateObjects: false }).trimEnd().split('\n')) await io.out(line);
}

/** What would be created or changed, in the order of applying. */
async function plan(api: KubeApi, wanted: Wanted, signal: AbortSignal): Promise<Difference[]> {
  const isNamespaceNew = !(await isNamespaceThere(api, wanted.namespace.metadata.name, signal));
  const changes: Difference[] = [];
  const take = async (object: KubeObject, isNew: boolean): Promise<void> => {
    const found = await differenceOf(api, object, isNew, signal);
    if (found.change !== 'nothing') changes.push(found);
  };
  // A namespace that somebody made is theirs: it gets no label of ours.
  if (isNamespaceNew) await take(wanted.namespace, true);
  for (const definition of wanted.definitions) await take(definition, false);
  const isKindNew = changes.some(
    ({ object, change }) => change === 'create' && object.metadata.name === `${CONFIGS.plural}.${CONFIGS.group}`,
  );
  for (const object of wanted.operator) await take(object, isNamespaceNew && object.metadata.namespace !== undefined);
  await take(wanted.config, isNamespaceNew || isKindNew);
  return changes;
}

/** A kind that was made a moment ago is not served at once. */
async function writeOne(api: KubeApi, { object, change }: Difference, io: Io): Promise<void> {
  const untilMs = io.nowMs() + 30_000;
  for (;;) {
    try {
      await write(api, object, change === 'change', { signal: io.signal });
      return;
    } catch (error) {
      const isEarly = error instanceof KubeArmorError && error.code === 'API_CONFLICT' && object.kind === KINDS.configs.kind;
      if (!isEarly || io.nowMs() >= untilMs) throw error;
      await io.sleep(500);
    }
  }
}

/** What to tell of a KubeArmorConfig, and whether waiting has an end. */
function outcomeOf(conditions: readonly Condition<string>[]): { readonly text: string; readonly end?: ExitCode } {
  const of = (type: string): Condition<string> | undefined => conditions.find((one) => one.type === type);
  const [available, accepted, degraded] = [of('Available'), of('Accepted'), of('Degraded')];
  if (accepted?.status === 'False') return { text: accepted.message, end: EXIT_CODES.findings.code };
  if (degraded?.reason === 'AnotherInstallation') return { text: degraded.message, end: EXIT_CODES.findings.code };
  if (available === undefined) return { text: '' };
  return { text: available.message, ...(available.status === 'True' ? { end: EXIT_CODES.ok.code } : {}) };
}

async function untilAvailable(api: KubeApi, { metadata }: KubeObject, io: Io): Promise<ExitCode> {
  const untilMs = io.nowMs() + WAIT_MS;
  let told = '';
  while (!io.signal.aborted && io.nowMs() < untilMs) {
    const found = await api.get(CONFIGS, { name: metadata.name, namespace: metadata.namespace }, io.signal);
    const conditions = readConfigConditions(found?.['status']).filter((one) => one.observedGeneration === found?.metadata.generation);
    const { text, end } = outcomeOf(conditions);
    if (text !== told && text !== '') await io.out(text);
    told = text;
    if (end !== undefined) return end;
    await io.sleep(LOOK_MS);
  }
  io.err(
    `it is not available within ${WAIT_MS / 60_000} minutes: kubectl describe kubearmorconfig -n ${metadata.namespace} ${metadata.name}`,
  );
  return EXIT_CODES.findings.code;
}

/** Writes a manifest instead of changing anything; no cluster is asked. */
async function save({ namespace, definitions, operator, config }: Wanted, io: Io): Promise<ExitCode> {
  const text = [namespace, ...definitions, ...operator, config]
    .map((object) => stringify(object, { aliasDuplicateObjects: false }))
    .join('---\n');
  try {
    await using file = await open(SAVED, 'wx', 0o644);
    await file.writeFile(text);
  } catch (error) {
    throw new KubeArmorError('HOST_IO', `writing ${SAVED}: ${errnoText(error)}`, { cause: error });
  }
  await io.out(`${SAVED} is written; the KubeArmorConfig in it is taken when its kind is served, so apply it twice the first time`);
  return EXIT_CODES.ok.code;
}
