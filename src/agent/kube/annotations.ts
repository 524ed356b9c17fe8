// SPDX-License-Identifier: Apache-2.0
import { ANNOTATIONS } from '#cluster';
import type { Posture, Postures, WorkloadMode } from '#policy';

type Annotations = Readonly<Record<string, string>>;

/** An annotation's meaning, or what is wrong with it. */
export type Read<T> = { readonly value: T | undefined } | { readonly problem: string };

const MODES: readonly WorkloadMode[] = ['enabled', 'audited', 'disabled'];
const SCOPES = ['process', 'file', 'network', 'capabilities'];
/** Scopes of KubeArmor's of which this agent logs nothing. */
const OTHER_SCOPES = ['dns', 'ima', 'none', ''];

function read<T>(annotations: Annotations, key: string, parse: (text: string) => T | undefined, allowed: string): Read<T> {
  const text = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
  if (text === undefined) return { value: undefined };
  const value = parse(text);
  return value === undefined ? { problem: `the annotation ${key}: \`${shown(text)}\` is none of ${allowed}` } : { value };
}

const shown = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

/** What `kubearmor-visibility`, or a key `visibility`, asks for; undefined where a word is none. */
export function parseVisibility(text: string): ReadonlySet<string> | undefined {
  const words = text.split(',').map((word) => word.trim());
  if (words.some((word) => !SCOPES.includes(word) && !OTHER_SCOPES.includes(word))) return undefined;
  return new Set(words.includes('none') ? [] : words.filter((word) => SCOPES.includes(word)));
}

/** `kubearmor-policy`. */
export const readMode = (annotations: Annotations): Read<WorkloadMode> =>
  read(annotations, ANNOTATIONS.policy, (text) => MODES.find((mode) => mode === text), MODES.join(', '));

/** `kubearmor-visibility`. */
export const readVisibility = (annotations: Annotations): Read<ReadonlySet<string>> =>
  read(annotations, ANNOTATIONS.visibility, parseVisibility, `process, file, network, capabilities, none, as a comma list`);

const POSTURES = { file: ANNOTATIONS.filePosture, network: ANNOTATIONS.networkPosture, capabilities: ANNOTATIONS.capabilitiesPosture };
const asPosture = (text: string): Posture | undefined => (text === 'audit' || text === 'block' ? text : undefined);

/** One of `kubearmor-file-posture`, `kubearmor-network-posture`, `kubearmor-capabilities-posture`. */
export const readPosture = (annotations: Annotations, family: keyof Postures): Read<Posture> =>
  read(annotations, POSTURES[family], asPosture, 'audit, block');
