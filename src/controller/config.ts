// SPDX-License-Identifier: Apache-2.0
import { flagHelp, readFlagSettings } from '#base';
import type { Issue } from '#base';
import type { CountedNodes } from './known-nodes.ts';
import { SETTINGS } from './settings.ts';

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
  readonly countedNodes: CountedNodes;
  readonly debug: boolean;
  /** Of this replica among the others. */
  readonly hostname: string;
}

export type ConfigResult =
  | { readonly config: ControllerConfig }
  | { readonly issues: readonly Issue[] }
  | { readonly text: 'help' | 'version' };

const COUNTED: Readonly<Record<string, CountedNodes>> = { unknown: 'reached', ordinary: 'ordinary', ignore: 'none' };

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads flags, then the environment; every problem is told at once. A flag counts before its variable. */
export function readConfig(argv: readonly string[], env: Environment): ConfigResult {
  const read = readFlagSettings('kubearmor-controller', SETTINGS, argv, env);
  if (!('values' in read)) return read;
  const { values } = read;
  const given = (text: string): string | undefined => (text === '' ? undefined : text);
  return {
    config: {
      namespace: values.namespace,
      kubeconfig: given(values.kubeconfig),
      webhookPort: Number(values.webhookPort),
      webhookClientCa: given(values.webhookClientCa),
      webhookHosts: values.webhookHosts.split(',').filter((host) => host !== ''),
      health: addressOf(values.healthAddress),
      metrics: values.metricsAddress === '0' ? undefined : addressOf(values.metricsAddress),
      countedNodes: COUNTED[values.nodesWithoutAgent] ?? 'reached',
      debug: values.debug === 'true',
      hostname: env['HOSTNAME'] ?? 'controller',
    },
  };
}

/** Reads what this process was started with; the environment too, for who looks for the cluster. */
export const readProcessConfig = (): ConfigResult => readConfig(process.argv.slice(2), process.env);
export const processEnvironment = (): Environment => process.env;

function addressOf(text: string): Address {
  const cut = text.lastIndexOf(':');
  return { host: text.slice(0, cut).replace(/^\[|\]$/g, ''), port: Number(text.slice(cut + 1)) };
}

export function helpText(): string {
  return `kubearmor-controller: webhooks, certificates, and the status of policies\n\n${flagHelp(SETTINGS)}\n`;
}
