// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError, NAMESPACE_SETTING } from '#base';
import { ANNOTATIONS, CONFIGS, CORE, LABELS, NAMES } from '#cluster';
import { definitions, isServed, KINDS, operatorObjects } from '#install';
import type { Images } from '#install';
import type { KubeApi, KubeObject } from '#k8s';
import type { Flags } from '../flags.ts';

/** Objects of the installer, by server-side apply. */
export const FIELD_MANAGER = 'karmor';
export const CONFIG_NAME = 'kubearmorconfig-default';

/** What stands in a cluster after `karmor install`, in the order of applying. */
export interface Wanted {
  readonly namespace: KubeObject;
  readonly definitions: readonly KubeObject[];
  readonly operator: readonly KubeObject[];
  readonly config: KubeObject;
}

/** @param configName of the KubeArmorConfig that is there, if one is: it is added to, nothing of it is replaced */
export function wantedOf(flags: Flags, namespace: string, images: Images, configName = CONFIG_NAME): Wanted {
  const labels = { [LABELS.installedBy]: 'kubearmor-installer' };
  return {
    namespace: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } },
    definitions: definitions(),
    operator: operatorObjects({ namespace, images }),
    config: {
      apiVersion: `${CONFIGS.group}/${CONFIGS.version}`,
      kind: CONFIGS.kind,
      metadata: {
        name: configName,
        namespace,
        ...(flags.isSet('takeOver') ? { annotations: { [ANNOTATIONS.takeOver]: 'true' } } : {}),
      },
      spec: specOf(flags),
    },
  };
}

const FAMILIES = { file: 'defaultFilePosture', network: 'defaultNetworkPosture', capabilities: 'defaultCapabilitiesPosture' } as const;

const POSTURE_WORDS: readonly string[] = ['all', ...Object.keys(FAMILIES)];
const WORDS: Readonly<Record<string, readonly string[]>> = {
  audit: POSTURE_WORDS,
  block: POSTURE_WORDS,
  viz: ['process', 'file', 'network', 'capabilities', 'none'],
};

/**
 * Refuses a word that would be left out in silence, and a family that is asked to be both.
 *
 * @throws {KubeArmorError} `USAGE`
 */
export function assertWords(flags: Flags): void {
  for (const [flag, words] of Object.entries(WORDS)) {
    const wrong = flags.list(flag).find((word) => !words.includes(word));
    if (wrong !== undefined) throw new KubeArmorError('USAGE', `--${flag} does not take '${wrong}': it is one of ${words.join(', ')}`);
  }
  const [audit, block] = [flags.list('audit'), flags.list('block')];
  const both = Object.keys(FAMILIES).find((family) => [audit, block].every((asked) => asked.includes(family) || asked.includes('all')));
  if (both !== undefined) throw new KubeArmorError('USAGE', `--audit and --block both mean ${both}: give one of them for each family`);
}

/** Only what was asked for: an apply owns what it names, and leaves the rest. */
function specOf(flags: Flags): object {
  const postures = (['audit', 'block'] as const).flatMap((posture) =>
    Object.entries(FAMILIES).flatMap(([family, field]) => {
      const asked = flags.list(posture);
      return asked.includes('all') || asked.includes(family) ? [[field, posture]] : [];
    }),
  );
  const visibility = flags.list('viz').join(',');
  return { ...Object.fromEntries(postures), ...(visibility === '' ? {} : { defaultVisibility: visibility }) };
}

/** @throws {KubeArmorError} `USAGE` for what cannot be a namespace's name */
export function namespaceOf(flags: Flags): string | undefined {
  const name = flags.text('namespace');
  if (name === undefined || NAMESPACE_SETTING.allowed.test(name)) return name;
  throw new KubeArmorError('USAGE', `-n '${name}' is no name of a namespace: at most 63 of a-z, 0-9 and -, none of - at its ends`);
}

/** The KubeArmorConfig that the operator obeys there: the oldest. */
export async function presentConfig(api: KubeApi, namespace: string, signal: AbortSignal): Promise<KubeObject | undefined> {
  const key = ({ metadata }: KubeObject): string => `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
  // No such kind: nothing was ever installed.
  if (!(await isServed(api, CONFIGS))) return undefined;
  return (await api.list(CONFIGS, { namespace }, signal)).toSorted((a, b) => (key(a) < key(b) ? -1 : 1))[0];
}

/** @throws {KubeArmorError} `NOT_SUPPORTED` where Helm has the operator: two installers would undo each other's work */
export async function assertNotOfHelm(api: KubeApi, namespace: string, signal: AbortSignal): Promise<void> {
  const found = await api.get(KINDS.deployments, { name: NAMES.operator, namespace }, signal);
  if (found?.metadata.labels?.['app.kubernetes.io/managed-by'] !== 'Helm') return;
  throw new KubeArmorError('NOT_SUPPORTED', `changing ${namespace}: it was installed with Helm`, {
    hint: 'change it with `helm upgrade`, take it out with `helm uninstall`',
  });
}

export const isNamespaceThere = async (api: KubeApi, name: string, signal: AbortSignal): Promise<boolean> =>
  (await api.get(CORE.namespaces, { name }, signal)) !== undefined;
