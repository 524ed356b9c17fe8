// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import type { Issue } from './issue.ts';
import { nearestWord } from './nearest-word.ts';

/** A setting of a program that has flags and environment variables: flag, variable, default. */
export interface FlagSetting {
  readonly flag: string;
  readonly env: string;
  readonly fallback: string;
  readonly meaning: string;
  /** What its text may be. */
  readonly allowed: RegExp;
  /** That in words. */
  readonly allowedText: string;
  /** Its value may be left out; then it is `true`. */
  readonly isSwitch?: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Told {
  readonly value: string;
  /** How it was given. */
  readonly as: string;
}

/** The values in force by name, or every problem at once, or the text that the user asked for. */
export type FlagSettings<Name extends string> =
  | { readonly values: Readonly<Record<Name, string>> }
  | { readonly issues: readonly Issue[] }
  | { readonly text: 'help' | 'version' };

/**
 * Reads flags, then the environment; a flag counts before its variable. A value that may not be is an issue, never a default.
 *
 * @param program its name, for cures
 */
export function readFlagSettings<Name extends string>(
  program: string,
  table: Readonly<Record<Name, FlagSetting>>,
  argv: readonly string[],
  env: Environment,
): FlagSettings<Name> {
  if (argv.some((word) => /^--?(h|help)$/.test(word))) return { text: 'help' };
  if (argv.some((word) => /^--?version$/.test(word))) return { text: 'version' };
  const rows = Object.entries(table) as [Name, FlagSetting][];
  const { given, issues } = readFlags(program, rows, argv);
  const told = new Map([...readEnvironment(rows, env), ...given]);
  for (const [name, { value, as }] of told) {
    const { allowed, allowedText } = table[name];
    if (!allowed.test(value)) issues.push(invalid(as, `\`${value}\` is no value for it`, `write ${allowedText}`));
  }
  if (issues.length > 0) return { issues };
  const values = Object.fromEntries(rows.map(([name, { fallback }]) => [name, told.get(name)?.value ?? fallback]));
  return { values: values as Record<Name, string> };
}

/** `--flag=value`, `-flag=value`, `--flag value`; a switch alone means true. Given twice, the last counts. */
function readFlags<Name extends string>(
  program: string,
  rows: readonly (readonly [Name, FlagSetting])[],
  argv: readonly string[],
): { given: Map<Name, Told>; issues: Issue[] } {
  const isSwitch = (name: string): boolean => rows.some(([, { flag, isSwitch: is }]) => flag === name && is === true);
  const args = argv.map((word) =>
    word.replace(/^-(?=[A-Za-z])/, '--').replace(/^(--[\w-]+)$/, (flag) => (isSwitch(flag.slice(2)) ? `${flag}=true` : flag)),
  );
  const options = Object.fromEntries(rows.map(([, { flag }]) => [flag, { type: 'string' as const }]));
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  const given = new Map<Name, Told>();
  const issues: Issue[] = [];
  for (const token of tokens) {
    if (token.kind !== 'option') {
      issues.push(invalid(args[token.index] ?? '', 'is no flag', 'write -flag=value'));
      continue;
    }
    const found = rows.find(([, { flag }]) => flag === token.name);
    if (found === undefined) issues.push(unknownFlag(program, token.name, rows));
    else if (token.value === undefined) issues.push(invalid(`-${token.name}`, 'has no value', `write -${token.name}=value`));
    else given.set(found[0], { value: token.value, as: `-${token.name}` });
  }
  return { given, issues };
}

/** An empty variable counts as absent. */
function readEnvironment<Name extends string>(rows: readonly (readonly [Name, FlagSetting])[], env: Environment): [Name, Told][] {
  return rows.flatMap(([name, { env: variable }]): [Name, Told][] => {
    const value = env[variable] ?? '';
    return value === '' ? [] : [[name, { value, as: `environment variable ${variable}` }]];
  });
}

function unknownFlag(program: string, name: string, rows: readonly (readonly [string, FlagSetting])[]): Issue {
  const near = nearestWord(
    name,
    rows.map(([, { flag }]) => flag),
  );
  const cure = near === undefined ? `\`${program} --help\` lists them all` : `did you mean \`${near}\`?`;
  return { severity: 'error', code: 'SETTING_UNKNOWN', at: `-${name}`, problem: `there is no flag \`${name}\``, cure };
}

const invalid = (at: string, problem: string, cure: string): Issue => ({ severity: 'error', code: 'SETTING_INVALID', at, problem, cure });

/** What `--help` prints below the program's own line. */
export function flagHelp(table: Readonly<Record<string, FlagSetting>>): string {
  const lines = Object.values(table).map(
    ({ flag, env, fallback, meaning, allowedText }) => `  -${flag}=${fallback}\n      ${meaning} (${allowedText}; ${env})`,
  );
  return lines.join('\n');
}

export const PORT_SETTING = {
  allowed: /^(\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$/,
  allowedText: 'a port, 0 to 65535',
} as const;
export const SWITCH_SETTING = { allowed: /^(true|false)$/, allowedText: 'true or false', isSwitch: true } as const;

/** A setting of KubeArmor's that can be given one value only. */
export const onlySetting = (value: string, why: string): Pick<FlagSetting, 'allowed' | 'allowedText' | 'isSwitch'> => ({
  allowed: new RegExp(`^${value}$`),
  allowedText: `${value}: ${why}`,
  isSwitch: value === 'true' || value === 'false',
});

/** Of programs in a cluster. */
export const NAMESPACE_SETTING = {
  flag: 'namespace',
  env: 'KUBEARMOR_NAMESPACE',
  fallback: 'kubearmor',
  allowed: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  allowedText: 'a namespace',
} as const;
export const KUBECONFIG_SETTING = {
  flag: 'kubeconfig',
  env: 'KUBEARMOR_KUBECONFIG',
  fallback: '',
  meaning: 'file that names the cluster; empty: KUBECONFIG, else the pod’s service account',
  allowed: /^(\/.*)?$/,
  allowedText: 'an absolute path',
} as const;
