// SPDX-License-Identifier: Apache-2.0
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import type { Issue } from '#base';
import { nearestWord } from './nearest-word.ts';
import { SETTINGS } from './settings.ts';
import type { Setting } from './settings.ts';

/** A setting as one source gives it. */
export interface Given {
  readonly setting: Setting;
  readonly value: string;
  /** The name it was given by, for messages: `-gRPC`, `GRPC`, `gRPC`. */
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

export interface Source {
  readonly given: readonly Given[];
  readonly issues: readonly Issue[];
}

export const NAMES: readonly string[] = SETTINGS.flatMap(({ key, alias }) => (alias === undefined ? [key] : [key, alias]));

const settingOf = (name: string): Setting | undefined => SETTINGS.find(({ key, alias }) => key === name || alias === name);

function unknown(name: string, at: string, what: string): Issue {
  const near = nearestWord(name, NAMES);
  const cure = near === undefined ? '`kubearmor --help` lists them all' : `did you mean \`${near}\`?`;
  return { severity: 'error', code: 'SETTING_UNKNOWN', at, problem: `there is no ${what} \`${name}\``, cure };
}

const issue = (at: string, problem: string, cure: string): Issue => ({ severity: 'error', code: 'SETTING_INVALID', at, problem, cure });

/**
 * Flags as Go's `flag` reads them: `-name=value`, `--name value`; a boolean needs no value and takes none from the next word.
 * Given twice, the last counts.
 */
export function readFlags(argv: readonly string[]): Source {
  const given: Given[] = [];
  const issues: Issue[] = [];
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const item = readFlag(word, words);
    if ('problem' in item) issues.push(item);
    else given.push(item);
  }
  return { given: lastOfEach(given), issues };
}

/** @param rest the words behind it; the next is taken where it is the flag's value */
function readFlag(word: string, rest: string[]): Given | Issue {
  const match = /^--?([A-Za-z][\w.-]*)(?:=([\s\S]*))?$/.exec(word);
  if (match === null) return issue(word, 'is no flag', 'write -flag=value');
  const [, name = '', attached] = match;
  const setting = settingOf(name);
  if (setting === undefined) return unknown(name, `-${name}`, 'flag');
  const value = attached ?? (setting.type.kind === 'boolean' ? 'true' : rest.shift());
  return value === undefined ? issue(`-${name}`, 'has no value', `write -${name}=value`) : { setting, value, name: `-${name}` };
}

function lastOfEach(given: readonly Given[]): Given[] {
  return given.filter((item, i) => !given.slice(i + 1).some((later) => later.setting === item.setting));
}

/** Environment variables; one that is empty counts as absent, as it does for KubeArmor. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const given = SETTINGS.flatMap((setting): Given[] => {
    const name = setting.env.find((variable) => (env[variable] ?? '') !== '');
    return name === undefined ? [] : [{ setting, value: env[name] ?? '', name: `environment variable ${name}` }];
  });
  return { given, issues: [] };
}

/** `kubearmor.yaml`: one map of settings. Case of keys counts for nothing, as for KubeArmor. */
export function readConfigFile(text: string, file: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, version: '1.2' });
  const placed = (offset: number | undefined): { file: string; line?: number; column?: number } => {
    const at = offset === undefined ? undefined : lines.linePos(offset);
    return at === undefined ? { file } : { file, line: at.line, column: at.col };
  };
  const broken = document.errors.map((error): Issue => ({
    ...issue('', error.message.split('\n', 1)[0] ?? '', 'write YAML: `key: value`'),
    ...placed(error.pos[0]),
  }));
  if (broken.length > 0) return { given: [], issues: broken };
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return { given: [], issues: [] };
  if (!isMap(root)) return { given: [], issues: [{ ...issue('', 'is no map of settings', 'write lines like `gRPC: 32767`'), file }] };
  const given: Given[] = [];
  const issues: Issue[] = [];
  for (const { key, value } of root.items) {
    const place = placed(isScalar(key) ? key.range?.[0] : undefined);
    const name = isScalar(key) ? String(key.value) : '';
    const item = fileItem(name, value, given);
    if ('problem' in item) issues.push({ ...item, ...place });
    else given.push({ ...item, ...place });
  }
  return { given, issues };
}

function fileItem(name: string, value: unknown, before: readonly Given[]): Given | Issue {
  const setting = SETTINGS.find(({ key, alias }) => [key, alias].some((known) => known?.toLowerCase() === name.toLowerCase()));
  if (setting === undefined) return unknown(name, name, 'setting');
  if (before.some((earlier) => earlier.setting === setting)) return issue(name, 'is given twice', 'keep one of them');
  if (value === null || (isScalar(value) && value.value === null)) return issue(name, 'has no value', 'write one, or leave the key out');
  if (!isScalar(value)) return issue(name, 'is a list or a map', 'write a single value; lists are separated by commas');
  const written = typeof value.value === 'string' ? value.value : (value.source ?? String(value.value));
  return { setting, value: written, name };
}
