// SPDX-License-Identifier: Apache-2.0
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { nearestWord, yamlCure } from '#base';
import type { Issue } from '#base';
import { normalise, SETTINGS } from './settings.ts';
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

function unknown(at: string, problem: string, near: string | undefined): Issue {
  const cure = near === undefined ? '`kubearmor --help` lists them all' : `did you mean \`${near}\`?`;
  return { severity: 'error', code: 'SETTING_UNKNOWN', at, problem, cure };
}

/** Also `host` for `hostname`, and `policyDir` for `policy`: one name begins as the other. */
function nearestName(name: string, known: readonly string[]): string | undefined {
  const typed = name.toLowerCase();
  const begins = (long: string, short: string): boolean => short.length >= 4 && long.startsWith(short);
  return nearestWord(name, known) ?? known.find((word) => begins(word.toLowerCase(), typed) || begins(typed, word.toLowerCase()));
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
  let before = '';
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const item = looseBoolean(before, word) ?? readFlag(word, words);
    if ('problem' in item) issues.push(item);
    else given.push(item);
    before = word;
  }
  return { given: lastOfEach(given), issues };
}

/** `-debug true`: Go's `flag` ends its reading at such a word and drops what follows without a word. */
function looseBoolean(before: string, word: string): Issue | undefined {
  const setting = settingOf(before.replace(/^--?/, ''));
  if (!before.startsWith('-') || setting?.type.kind !== 'boolean' || normalise(setting.type, word) === undefined) return undefined;
  return issue(`${before} ${word}`, 'a boolean flag takes its value only behind `=`', `write ${before}=${word}`);
}

/** @param rest the words behind it; the next is taken where it is the flag's value */
function readFlag(word: string, rest: string[]): Given | Issue {
  const match = /^--?([A-Za-z][\w.-]*)(?:=([\s\S]*))?$/.exec(word);
  if (match === null) return issue(word, 'is no flag', 'write -flag=value');
  const [, name = '', attached] = match;
  const setting = settingOf(name);
  if (setting === undefined) return unknown(`-${name}`, `there is no flag \`${name}\``, nearestName(name, NAMES));
  const value = attached ?? (setting.type.kind === 'boolean' ? 'true' : rest.shift());
  return value === undefined ? issue(`-${name}`, 'has no value', `write -${name}=value`) : { setting, value, name: `-${name}` };
}

function lastOfEach(given: readonly Given[]): Given[] {
  return given.filter((item, i) => !given.slice(i + 1).some((later) => later.setting === item.setting));
}

/** Environment variables; one that is empty counts as absent, as it does for KubeArmor. Of our prefix none may be unknown. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const given = SETTINGS.flatMap((setting): Given[] => {
    const name = setting.env.find((variable) => (env[variable] ?? '') !== '');
    return name === undefined ? [] : [{ setting, value: env[name] ?? '', name: `environment variable ${name}` }];
  });
  const strays = Object.keys(env).filter((name) => name.startsWith(PREFIX) && (env[name] ?? '') !== '' && !isKnownVariable(name));
  return { given, issues: strays.map(strayVariable) };
}

const PREFIX = 'KUBEARMOR_';
const VARIABLES: readonly string[] = SETTINGS.flatMap(({ env }) => env);
/** Read elsewhere: the file of settings, the address for `karmor`, and where `install.sh` finds releases. */
const OTHER_VARIABLES: readonly string[] = ['KUBEARMOR_CFG', 'KUBEARMOR_SERVICE', 'KUBEARMOR_RELEASES'];
/** Of this repository's tools, which may start the agent. */
const TOOL_VARIABLES: readonly string[] = ['KUBEARMOR_SEED', 'KUBEARMOR_VM_HOME'];
/**
 * What the kubelet sets for each service of the namespace, also for `kubearmor` and `kubearmor-relay`.
 *
 * @source Kubernetes, Service: environment variables
 */
const OF_A_SERVICE = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;

function isKnownVariable(name: string): boolean {
  return [...VARIABLES, ...OTHER_VARIABLES, ...TOOL_VARIABLES].includes(name) || OF_A_SERVICE.test(name);
}

/** Compared without the prefix, which KubeArmor's own settings do not have: `KUBEARMOR_CLUSTER` is meant for `CLUSTER`. */
function strayVariable(name: string): Issue {
  const known = new Map([...VARIABLES, ...OTHER_VARIABLES].map((variable) => [variable.replace(PREFIX, ''), variable]));
  const near = nearestName(name.slice(PREFIX.length).replaceAll('_', ''), [...known.keys()]);
  return unknown(`environment variable ${name}`, `there is no setting \`${name}\``, known.get(near ?? ''));
}

/** `kubearmor.yaml`: one map of settings. Case of keys counts for nothing, as for KubeArmor. */
export function readConfigFile(text: string, file: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, version: '1.2', prettyErrors: false });
  const placed = (offset: number | undefined): { file: string; line?: number; column?: number } => {
    const at = offset === undefined ? undefined : lines.linePos(offset);
    return at === undefined ? { file } : { file, line: at.line, column: at.col };
  };
  const broken = document.errors.map((error): Issue => ({
    ...issue('', error.message.split('\n', 1)[0] ?? '', yamlCure(error)),
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
  if (setting === undefined) return unknown(name, `there is no setting \`${name}\``, nearestName(name, NAMES));
  if (before.some((earlier) => earlier.setting === setting)) return issue(name, 'is given twice', 'keep one of them');
  if (value === null || (isScalar(value) && value.value === null)) return issue(name, 'has no value', 'write one, or leave the key out');
  if (!isScalar(value)) return issue(name, 'is a list or a map', 'write a single value; lists are separated by commas');
  const written = typeof value.value === 'string' ? value.value : (value.source ?? String(value.value));
  return { setting, value: written, name };
}
