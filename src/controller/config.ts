// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import { nearestWord } from '#base';
import type { Issue } from '#base';
import { SETTINGS } from './settings.ts';
import type { Setting, SettingName } from './settings.ts';

/** A place to listen at; an empty host is every address. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What the controller is told to be. */
export interface ControllerConfig {
  readonly namespace: string;
  /** Undefined: looked for as `findAccess` says. */
  readonly kubeconfig: string | undefined;
  readonly webhookPort: number;
  readonly webhookClientCa: string | undefined;
  /** Beside those of the Service. */
  readonly webhookHosts: readonly string[];
  readonly health: Address;
  readonly metrics: Address | undefined;
  readonly countsNodesWithoutAgent: boolean;
  readonly debug: boolean;
  /** Of this replica among the others. */
  readonly hostname: string;
}

export type ConfigResult =
  | { readonly config: ControllerConfig }
  | { readonly issues: readonly Issue[] }
  | { readonly text: 'help' | 'version' };

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads flags, then the environment; every problem is told at once. A flag counts before its variable. */
export function readConfig(argv: readonly string[], env: Environment): ConfigResult {
  if (argv.some((word) => /^--?(h|help)$/.test(word))) return { text: 'help' };
  if (argv.some((word) => /^--?version$/.test(word))) return { text: 'version' };
  const { values, issues } = readFlags(argv);
  const told = { ...readEnvironment(env), ...values };
  for (const [name, { value, as }] of Object.entries(told)) {
    const { allowed, allowedText } = SETTINGS[name as SettingName];
    if (!allowed.test(value)) issues.push(invalid(as, `\`${value}\` is no value for it`, `write ${allowedText}`));
  }
  if (issues.length > 0) return { issues };
  const text = (name: SettingName): string => told[name]?.value ?? SETTINGS[name].fallback;
  const given = (name: SettingName): string | undefined => (text(name) === '' ? undefined : text(name));
  const metrics = text('metricsAddress');
  return {
    config: {
      namespace: text('namespace'),
      kubeconfig: given('kubeconfig'),
      webhookPort: Number(text('webhookPort')),
      webhookClientCa: given('webhookClientCa'),
      webhookHosts: text('webhookHosts')
        .split(',')
        .filter((host) => host !== ''),
      health: addressOf(text('healthAddress')),
      metrics: metrics === '0' ? undefined : addressOf(metrics),
      countsNodesWithoutAgent: text('nodesWithoutAgent') === 'unknown',
      debug: text('debug') === 'true',
      hostname: env['HOSTNAME'] ?? 'controller',
    },
  };
}

/** Reads what this process was started with; the environment too, for who looks for the cluster. */
export const readProcessConfig = (): ConfigResult => readConfig(process.argv.slice(2), process.env);
export const processEnvironment = (): Environment => process.env;

interface Told {
  readonly value: string;
  /** How it was given. */
  readonly as: string;
}
type AllTold = Partial<Record<SettingName, Told>>;

const TABLE: readonly (readonly [SettingName, Setting])[] = Object.entries(SETTINGS) as [SettingName, Setting][];
const FLAGS = TABLE.map(([, { flag }]) => flag);

/** `--flag=value`, `-flag=value`, `--flag value`; a switch alone means true. Given twice, the last counts. */
function readFlags(argv: readonly string[]): { values: AllTold; issues: Issue[] } {
  const args = argv.map((word) =>
    word.replace(/^-(?=[A-Za-z])/, '--').replace(/^(--[\w-]+)$/, (flag) => (isSwitch(flag.slice(2)) ? `${flag}=true` : flag)),
  );
  const options = Object.fromEntries(FLAGS.map((flag) => [flag, { type: 'string' as const }]));
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  const values: AllTold = {};
  const issues: Issue[] = [];
  for (const token of tokens) {
    if (token.kind !== 'option') {
      issues.push(invalid(args[token.index] ?? '', 'is no flag', 'write -flag=value'));
      continue;
    }
    const found = TABLE.find(([, { flag }]) => flag === token.name);
    if (found === undefined) issues.push(unknownFlag(token.name));
    else if (token.value === undefined) issues.push(invalid(`-${token.name}`, 'has no value', `write -${token.name}=value`));
    else values[found[0]] = { value: token.value, as: `-${token.name}` };
  }
  return { values, issues };
}

const isSwitch = (name: string): boolean => TABLE.some(([, { flag, isSwitch: is }]) => flag === name && is === true);

/** An empty variable counts as absent. */
function readEnvironment(env: Environment): AllTold {
  return Object.fromEntries(
    TABLE.flatMap(([name, { env: variable }]) => {
      const value = env[variable] ?? '';
      return value === '' ? [] : [[name, { value, as: `environment variable ${variable}` }] as const];
    }),
  );
}

function addressOf(text: string): Address {
  const cut = text.lastIndexOf(':');
  return { host: text.slice(0, cut).replace(/^\[|\]$/g, ''), port: Number(text.slice(cut + 1)) };
}

function unknownFlag(name: string): Issue {
  const near = nearestWord(name, FLAGS);
  const cure = near === undefined ? '`kubearmor-controller --help` lists them all' : `did you mean \`${near}\`?`;
  return { severity: 'error', code: 'SETTING_UNKNOWN', at: `-${name}`, problem: `there is no flag \`${name}\``, cure };
}

const invalid = (at: string, problem: string, cure: string): Issue => ({ severity: 'error', code: 'SETTING_INVALID', at, problem, cure });

export function helpText(): string {
  const lines = TABLE.map(([, { flag, env, fallback, meaning, allowedText }]) => {
    const head = `  -${flag}=${fallback}`;
    return `${head}\n      ${meaning} (${allowedText}; ${env})`;
  });
  return `kubearmor-controller: webhooks, certificates, and the status of policies\n\n${lines.join('\n')}\n`;
}
