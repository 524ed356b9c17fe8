// SPDX-License-Identifier: Apache-2.0
import { flagHelp, readFlagSettings } from '#base';
import type { Issue } from '#base';
import type { FeedKind } from '#grpc';
import { SETTINGS } from './settings.ts';

/** What the relay is told to be. */
export interface RelayConfig {
  readonly port: number;
  readonly agentPort: number;
  /** Folder of the certificates; undefined: plaintext on loopback. */
  readonly tlsCertPath: string | undefined;
  /** In every agent's certificate; empty: its address. */
  readonly agentName: string;
  readonly namespace: string;
  /** Undefined: looked for as `findAccess` says. */
  readonly kubeconfig: string | undefined;
  /** What is written to stdout as JSON. */
  readonly printed: ReadonlySet<FeedKind>;
  readonly debug: boolean;
}

export type ConfigResult = { readonly config: RelayConfig } | { readonly issues: readonly Issue[] } | { readonly text: 'help' | 'version' };

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads flags, then the environment; every problem is told at once. A flag counts before its variable. */
export function readConfig(argv: readonly string[], env: Environment): ConfigResult {
  const read = readFlagSettings('kubearmor-relay', SETTINGS, argv, env);
  if (!('values' in read)) return read;
  const { values } = read;
  const isOn = (value: string): boolean => value.toLowerCase() === 'true';
  const printed: readonly (readonly [FeedKind, string])[] = [
    ['alerts', values.stdoutAlerts],
    ['logs', values.stdoutLogs],
    ['messages', values.stdoutMessages],
  ];
  return {
    config: {
      port: Number(values.port),
      agentPort: Number(values.agentPort),
      tlsCertPath: values.tls === 'true' ? values.tlsCertPath : undefined,
      agentName: values.agentName,
      namespace: values.namespace,
      kubeconfig: values.kubeconfig === '' ? undefined : values.kubeconfig,
      printed: new Set(printed.flatMap(([kind, value]) => (isOn(value) ? [kind] : []))),
      debug: values.debug === 'true',
    },
  };
}

/** Reads what this process was started with; the environment too, for who looks for the cluster. */
export const readProcessConfig = (): ConfigResult => readConfig(process.argv.slice(2), process.env);
export const processEnvironment = (): Environment => process.env;

export function helpText(): string {
  return `kubearmor-relay: the alerts and logs of all agents as one stream\n\n${flagHelp(SETTINGS)}\n`;
}
