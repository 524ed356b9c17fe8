// SPDX-License-Identifier: Apache-2.0
import { nearestWord } from '#base';
import type { Posture, Postures } from '#policy';
import type { AgentConfig } from '../config.ts';
import { allowedText, normalise, SETTINGS } from '../settings.ts';
import type { Setting } from '../settings.ts';
import { parseVisibility } from './annotations.ts';

type Change = (config: AgentConfig, value: string) => Partial<AgentConfig>;

const words = (text: string): ReadonlySet<string> => parseVisibility(text) ?? new Set();
const names = (text: string): ReadonlySet<string> =>
  new Set(
    text
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  );
const posture =
  (of: 'postures' | 'hostPostures', family: keyof Postures): Change =>
  (config, value) => ({ [of]: { ...config[of], [family]: value as Posture } });

/** Keys that count while the agent runs, and what they change. @source reference: KubeArmor's Kubernetes part, 3.7 */
const LIVE: Readonly<Record<string, Change>> = {
  cluster: (_, value) => ({ cluster: value }),
  visibility: (_, value) => ({ visibility: words(value) }),
  hostVisibility: (config, value) => ({ hostVisibility: config.hostPolicies ? words(value) : new Set() }),
  defaultFilePosture: posture('postures', 'file'),
  defaultNetworkPosture: posture('postures', 'network'),
  defaultCapabilitiesPosture: posture('postures', 'capabilities'),
  hostDefaultFilePosture: posture('hostPostures', 'file'),
  hostDefaultNetworkPosture: posture('hostPostures', 'network'),
  hostDefaultCapabilitiesPosture: posture('hostPostures', 'capabilities'),
  untrackedNs: (_, value) => ({ untrackedNamespaces: names(value) }),
  auditedNs: (_, value) => ({ auditedNamespaces: names(value) }),
  dropResourceFromProcessLogs: (_, value) => ({ dropProcessResource: value === 'true' }),
};
/** What installers keep there for others. */
const OF_OTHERS: readonly string[] = ['gRPC', 'karmor.yaml'];

/** The good values of the ConfigMap, by key. */
export type LiveValues = Readonly<Record<string, string>>;

export interface LiveRead {
  readonly values: LiveValues;
  /** Keys that are not as they should be; what was good before counts. */
  readonly problems: readonly string[];
}

/** Reads the data of the ConfigMap. Pure. @param before what was good last */
export function readLiveValues(data: LiveValues, before: LiveValues): LiveRead {
  const values: Record<string, string> = {};
  const problems: string[] = [];
  for (const [key, text] of Object.entries(data)) {
    const read = readValue(key, text);
    if (read !== undefined && 'problem' in read) problems.push(`${key}: ${read.problem}`);
    const value = read !== undefined && 'value' in read ? read.value : Object.hasOwn(before, key) ? before[key] : undefined;
    if (value !== undefined && Object.hasOwn(LIVE, key)) values[key] = value;
  }
  return { values, problems };
}

/** @returns undefined where the key is somebody else's */
function readValue(key: string, text: string): { readonly value: string } | { readonly problem: string } | undefined {
  const setting = SETTINGS.find((known) => known.key === key);
  if (OF_OTHERS.includes(key)) return undefined;
  if (setting === undefined) return { problem: unknownText(key) };
  const value = key.toLowerCase().endsWith('visibility') ? visibilityText(text) : normalise(setting.type, text);
  if (value === undefined) return { problem: `\`${text}\` is not ${allowedText(setting.type)}` };
  return Object.hasOwn(LIVE, key) ? { value } : fixedValue(setting, value);
}

/** Beside the settings' own words those that KubeArmor has for scopes of which nothing is logged here. */
const visibilityText = (text: string): string | undefined =>
  text === 'default' ? 'none' : parseVisibility(text) === undefined ? undefined : text;

/** Of a setting that stays as it was when the agent started. */
function fixedValue({ notHere, fallback, possible }: Setting, value: string): { readonly problem: string } | undefined {
  if (value === fallback || possible?.test(value) === true) return undefined;
  if (notHere !== undefined) return { problem: `\`${value}\` is not possible: ${notHere}` };
  return { problem: 'cannot be changed while the agent runs: give it as a flag of the agent' };
}

function unknownText(key: string): string {
  const near = nearestWord(key, Object.keys(LIVE));
  return near === undefined ? 'there is no such setting' : `there is no such setting: did you mean \`${near}\`?`;
}

/** A configuration with the ConfigMap's values in the place of what flags and files say. */
export function withLiveValues(base: AgentConfig, values: LiveValues): AgentConfig {
  return Object.entries(values).reduce((config, [key, value]) => ({ ...config, ...LIVE[key]?.(config, value) }), base);
}
