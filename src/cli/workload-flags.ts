// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError, nearestWord } from '#base';
import type { Policy, Posture, Postures, Workload, WorkloadMode } from '#policy';
import type { OptionSpec } from './command.ts';
import type { Flags } from './flags.ts';

/** Which workload is asked about. */
export const WORKLOAD_OPTIONS: readonly OptionSpec[] = [
  { flags: '-l, --labels <k=v>', summary: 'labels of the workload; with several: commas, or again', value: 'list' },
  { flags: '-n, --namespace <name>', summary: 'its namespace' },
  { flags: '--container <name>', summary: 'the name of the container' },
  { flags: '--host', summary: 'the workload is the host; labels are the node’s' },
  {
    flags: '--posture <family=word>',
    summary: 'default posture: file, network or capabilities, = audit or block; one word alone: all three',
    value: 'list',
    suggests: ['block', 'audit', 'file=block', 'network=block', 'capabilities=block'],
  },
];
export const MODE_OPTION: OptionSpec = {
  flags: '--mode <mode>',
  summary: 'mode of the workload',
  default: 'enabled',
  choices: ['enabled', 'audited', 'disabled'],
};
/** What is known of the workload's files. */
export const ROOT_OPTIONS: readonly OptionSpec[] = [
  { flags: '--merged-usr', summary: 'in the workload /bin, /sbin and /lib are links into /usr' },
  { flags: '--link <path=target>', summary: 'a link in the workload, as /bin/sh=busybox; with several: commas, or again', value: 'list' },
];

/** The workload that flags describe. */
export interface AskedWorkload {
  readonly workload: Workload;
  /** Whether flags say which workload it is; without, every policy counts as one that selects it. */
  readonly isNamed: boolean;
}

/**
 * Reads {@link WORKLOAD_OPTIONS}. Without a namespace it is the one that all policies have, else `default`.
 *
 * @throws {KubeArmorError} `USAGE` for a label or posture that is none
 */
export function askedWorkload(flags: Flags, policies: readonly Policy[], base: Workload): AskedWorkload {
  const [labels, namespace, container] = [flags.list('labels'), flags.text('namespace'), flags.text('container')];
  const isHost = flags.isSet('host');
  const spaces = new Set(policies.flatMap((policy) => (policy.namespace === '' ? [] : [policy.namespace])));
  const [only] = spaces;
  const workload: Workload = {
    ...base,
    kind: isHost ? 'host' : 'container',
    namespace: isHost ? '' : (namespace ?? (spaces.size === 1 && only !== undefined ? only : 'default')),
    containerName: container ?? '',
    labels: Object.fromEntries(labels.map((pair) => splitPair(pair, '--labels', 'app=web'))),
    mode: (flags.text('mode') ?? 'enabled') as WorkloadMode,
    postures: postures(flags.list('posture')),
  };
  return { workload, isNamed: labels.length > 0 || namespace !== undefined || container !== undefined || isHost };
}

/**
 * Reads {@link ROOT_OPTIONS}.
 *
 * @param merged links of `--merged-usr`
 * @throws {KubeArmorError} `USAGE` for a link that is none
 */
export function askedLinks(flags: Flags, merged: Readonly<Record<string, string>>): Record<string, string> {
  const links = Object.fromEntries(flags.list('link').map((pair) => splitPair(pair, '--link', '/bin/sh=busybox')));
  for (const link of Object.keys(links)) {
    if (!link.startsWith('/')) throw new KubeArmorError('USAGE', `--link ${link}: a link has an absolute path, such as /bin/sh`);
    if (links[link] === '') throw new KubeArmorError('USAGE', `--link ${link}=: write it as /bin/sh=busybox`);
  }
  return { ...(flags.isSet('mergedUsr') ? merged : {}), ...links };
}

/** The value may be empty, as a label's is. */
function splitPair(pair: string, option: string, example: string): [string, string] {
  const cut = pair.indexOf('=');
  if (cut <= 0) throw new KubeArmorError('USAGE', `${option} ${pair}: write it as ${example}`);
  return [pair.slice(0, cut), pair.slice(cut + 1)];
}

const FAMILIES = ['file', 'network', 'capabilities'] as const satisfies readonly (keyof Postures)[];
const WORDS: readonly Posture[] = ['audit', 'block'];

function postures(given: readonly string[]): Postures {
  const found: { -readonly [family in keyof Postures]: Posture } = { file: 'audit', network: 'audit', capabilities: 'audit' };
  for (const item of given) {
    const [left = '', right] = item.split('=', 2);
    const [family, word] = right === undefined ? [undefined, left] : [left, right];
    const families = family === undefined ? FAMILIES : FAMILIES.filter((known) => known === family);
    if (families.length === 0) throw wrongWord('--posture', family ?? '', [...FAMILIES], 'process uses the file posture');
    const posture = WORDS.find((known) => known === word.toLowerCase());
    if (posture === undefined) throw wrongWord('--posture', word, WORDS);
    for (const one of families) found[one] = posture;
  }
  return found;
}

function wrongWord(option: string, word: string, known: readonly string[], hint = ''): KubeArmorError {
  const near = nearestWord(word, known);
  const cure = near === undefined ? `write ${known.join(' or ')}${hint === '' ? '' : `; ${hint}`}` : `did you mean ${near}?`;
  return new KubeArmorError('USAGE', `${option}: there is no ‘${word}’: ${cure}`);
}
