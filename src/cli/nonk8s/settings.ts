// SPDX-License-Identifier: Apache-2.0
import { isMap, isSeq, parseDocument } from 'yaml';
import { KubeArmorError } from '#base';
import type { Flags } from '../flags.ts';
import { SETTINGS_FILE } from './machine-port.ts';

/** Keys of the agent's settings with their values. */
export type Settings = Readonly<Record<string, string>>;

const FAMILIES = { file: 'FilePosture', network: 'NetworkPosture', capabilities: 'CapabilitiesPosture' } as const;
const POSTURE_WORDS = ['all', ...Object.keys(FAMILIES)];
const VISIBLE_WORDS = ['process', 'file', 'network', 'capabilities', 'none'];
const POSTURES = [
  { prefix: 'default', audit: 'audit', block: 'block', viz: 'viz', visibility: 'visibility' },
  { prefix: 'hostDefault', audit: 'hostAudit', block: 'hostBlock', viz: 'hostViz', visibility: 'hostVisibility' },
] as const;

/**
 * The settings that flags ask for; what none of them names stays as it is.
 *
 * @throws {KubeArmorError} `USAGE` for words that would be left out in silence, and for a family that is asked to be both
 */
export function askedSettings(flags: Flags): Settings {
  return Object.fromEntries(
    POSTURES.flatMap(({ prefix, audit, block, viz, visibility }) => {
      const [audited, blocked, visible] = [
        words(flags, audit, POSTURE_WORDS),
        words(flags, block, POSTURE_WORDS),
        words(flags, viz, VISIBLE_WORDS),
      ];
      const both = Object.keys(FAMILIES).find((family) => isAsked(audited, family) && isAsked(blocked, family));
      if (both !== undefined)
        throw new KubeArmorError('USAGE', `${long(audit)} and ${long(block)} both mean ${both}: give one of them for each family`);
      const postures = Object.entries(FAMILIES).flatMap(([family, key]) => {
        if (isAsked(audited, family)) return [[`${prefix}${key}`, 'audit']];
        return isAsked(blocked, family) ? [[`${prefix}${key}`, 'block']] : [];
      });
      return [...postures, ...(visible.length === 0 ? [] : [[visibility, visible.join(',')]])] as [string, string][];
    }),
  );
}

const long = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
const isAsked = (asked: readonly string[], family: string): boolean => asked.includes(family) || asked.includes('all');

function words(flags: Flags, name: string, known: readonly string[]): readonly string[] {
  const given = flags.list(name);
  const wrong = given.find((word) => !known.includes(word));
  if (wrong !== undefined) throw new KubeArmorError('USAGE', `${long(name)} does not take '${wrong}': it is one of ${known.join(', ')}`);
  return given;
}

/** A setting that is not what was asked for. */
export interface SettingChange {
  readonly key: string;
  /** Undefined: the file does not name it. */
  readonly before: string | undefined;
  readonly after: string;
}

/** @throws {KubeArmorError} `CONFIG_INVALID` where the file is not what the agent would read */
export function settingChanges(text: string, asked: Settings): SettingChange[] {
  const document = documentOf(text);
  return Object.entries(asked).flatMap(([key, after]) => {
    const before = textOf(document.get(key));
    return before === after ? [] : [{ key, before, after }];
  });
}

/** A value as the agent reads it: a list may be written as one. */
function textOf(value: unknown): string | undefined {
  if (isSeq(value)) return (value.toJSON() as unknown[]).join(',');
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number' ? `${value}` : undefined;
}

/** The same text with these settings: comments and all others stay. @throws {KubeArmorError} as `settingChanges` */
export function withSettings(text: string, asked: Settings): string {
  const document = documentOf(text);
  for (const [key, value] of Object.entries(asked)) document.set(key, value);
  return document.toString({ lineWidth: 0 });
}

function documentOf(text: string): ReturnType<typeof parseDocument> {
  const document = parseDocument(text === '' ? '{}' : text);
  const [error] = document.errors;
  const isTaken = error === undefined && (document.contents === null || isMap(document.contents));
  if (isTaken) return document;
  throw new KubeArmorError(
    'CONFIG_INVALID',
    `reading ${SETTINGS_FILE}: ${error?.message.split('\n')[0] ?? 'it is no list of settings'}; nothing was changed`,
  );
}
