// SPDX-License-Identifier: Apache-2.0
import { open } from 'node:fs/promises';
import { errnoText, KubeArmorError } from '#base';
import { ANNOTATIONS, CONFIGS, CORE, fieldOf, listOf, NAMES, POLICY_KINDS, textOf } from '#cluster';
import type { Kind, KubeObject } from '#k8s';
import { askedCluster } from '../cluster/cluster-flags.ts';
import type { ClusterPort } from '../cluster/cluster-port.ts';
import { listKnown } from '../cluster/live-policies.ts';
import { splitByDepth, TOO_DEEP } from '../cluster/too-deep.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import { readPolicyFiles } from '../policy-files.ts';

/** What is written, in the order in which it is put back. */
const KINDS: readonly Kind[] = [CORE.namespaces, CORE.configMaps, CONFIGS, ...Object.values(POLICY_KINDS)];
const FIELD_MANAGER = 'karmor-migrate';
/** Of namespaces only these are written: the rest is not KubeArmor’s. */
const OUR_ANNOTATIONS: readonly string[] = Object.values(ANNOTATIONS);

/** `karmor migrate --backup FILE`: every object that says what KubeArmor should do, as one List; readable by kubectl too. */
export async function runBackup(path: string, flags: Flags, io: Io): Promise<ExitCode> {
  using cluster = await io.cluster(askedCluster(flags));
  const objects: KubeObject[] = [];
  const leftOut: string[] = [];
  for (const kind of KINDS) {
    const found = (await listKnown(cluster.api, kind, selectionOf(kind, flags), io.signal)) ?? [];
    const { flat, deep } = splitByDepth(found.flatMap((object) => withoutServersPart(kind, object) ?? []));
    objects.push(...flat);
    leftOut.push(...deep);
  }
  const text = `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }, undefined, 2)}\n`;
  await writeNew(path, text);
  const counts = Map.groupBy(objects, ({ kind }) => kind);
  const told = [...counts].map(([kind, of]) => `${of.length} ${kind}`).join(', ');
  await io.out(`${path}: ${objects.length === 0 ? 'nothing is there to back up' : told}`);
  for (const name of leftOut) io.err(`karmor migrate: ${name} is not in the backup: it is ${TOO_DEEP}`);
  return leftOut.length === 0 ? EXIT_CODES.ok.code : EXIT_CODES.partial.code;
}

const selectionOf = (kind: Kind, flags: Flags): { namespace: string; fieldSelector: string } | Record<string, never> =>
  kind === CORE.configMaps
    ? { namespace: flags.text('kubearmorNamespace') ?? NAMES.namespace, fieldSelector: `metadata.name=${NAMES.configMap}` }
    : {};

/** The object as somebody would have written it; undefined for one that says nothing of KubeArmor. */
function withoutServersPart(kind: Kind, object: KubeObject): KubeObject | undefined {
  const { apiVersion, metadata } = object;
  const { name, namespace, labels, annotations = {} } = metadata;
  // What kubectl keeps of its last apply comes back with the rest, or it would own nothing of the object any more.
  const kept = Object.entries(annotations).filter(([key]) => kind !== CORE.namespaces || OUR_ANNOTATIONS.includes(key));
  if (kind === CORE.namespaces && kept.length === 0) return undefined;
  const about = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined || kind === CORE.namespaces ? {} : { labels }),
    ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) }),
  };
  const body = kind === CORE.configMaps ? { data: object['data'] } : kind === CORE.namespaces ? {} : { spec: object['spec'] };
  return { apiVersion, kind: kind.kind, metadata: about, ...body };
}

/** Readable by its owner alone; one that is there is not written over. */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(text);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already; name another, or remove it' : errnoText(error);
    throw new KubeArmorError('HOST_IO', `writing ${path}: ${why}`, { cause: error });
  }
}

/** `karmor migrate --restore FILE`: puts the objects of a backup back; those that are as they were are left alone. */
export async function runRestore(path: string, flags: Flags, io: Io): Promise<ExitCode> {
  const objects = await readBackup(path, io);
  using cluster = await io.cluster(askedCluster(flags));
  const dryRun = flags.isSet('dryRun');
  let failed = 0;
  for (const kind of KINDS) {
    for (const object of objects.filter((one) => one.kind === kind.kind && isOfGroup(one, kind))) {
      const done = await restoreOne(cluster, kind, object, dryRun).catch((error: unknown) => {
        if (!(error instanceof KubeArmorError) || error.code === 'API_UNREACHABLE') throw error;
        failed++;
        return `failed: ${error.message}`;
      });
      await io.out(`${nameOf(kind, object)}: ${done}${dryRun && !done.startsWith('failed') ? ' (dry run)' : ''}`);
    }
  }
  return failed === 0 ? EXIT_CODES.ok.code : EXIT_CODES.partial.code;
}

const isOfGroup = ({ apiVersion }: KubeObject, { group, version }: Kind): boolean =>
  apiVersion === (group === '' ? version : `${group}/${version}`);
const nameOf = ({ kind }: Kind, { metadata }: KubeObject): string =>
  `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;

/** Server-side apply: fields that others added are not touched. */
async function restoreOne({ api }: ClusterPort, kind: Kind, object: KubeObject, dryRun: boolean): Promise<string> {
  const { name, namespace } = object.metadata;
  const before = await api.get(kind, { name, namespace });
  if (before === undefined && kind === CORE.namespaces) return 'left out: there is no such namespace now';
  const after = await api.apply(kind, object, { fieldManager: FIELD_MANAGER, dryRun });
  if (before === undefined) return 'made again';
  return JSON.stringify([before['spec'], before['data'], before.metadata.annotations]) ===
    JSON.stringify([after['spec'], after['data'], after.metadata.annotations])
    ? 'as it was'
    : 'changed back';
}

async function readBackup(path: string, io: Io): Promise<KubeObject[]> {
  const broken = (why: string): KubeArmorError => new KubeArmorError('USAGE', `reading ${path}: ${why}`);
  for await (const { text } of readPolicyFiles(path, io)) {
    let list: unknown;
    try {
      list = JSON.parse(text ?? '');
    } catch {
      throw broken('it is no JSON: is it what --backup wrote?');
    }
    if (textOf(list, 'kind') !== 'List') throw broken('it is no List: is it what --backup wrote?');
    return listOf(list, 'items').map((item) => {
      const [apiVersion, kind, metadata] = [textOf(item, 'apiVersion'), textOf(item, 'kind'), fieldOf(item, 'metadata')];
      if (apiVersion === undefined || kind === undefined || textOf(metadata, 'name') === undefined)
        throw broken('an item has no kind or name');
      return item as KubeObject;
    });
  }
  throw broken('it is empty');
}
