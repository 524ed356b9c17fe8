// SPDX-License-Identifier: Apache-2.0
import { flagHelp, readFlagSettings, VERSION } from '#base';
import type { Issue } from '#base';
import { imagesOf } from '#install';
import type { Images } from '#install';
import { SETTINGS } from './settings.ts';

/** What the operator is told to be. */
export interface OperatorConfig {
  readonly namespace: string;
  /** Undefined: looked for as `findAccess` says. */
  readonly kubeconfig: string | undefined;
  readonly socket: string | undefined;
  readonly health: { readonly host: string; readonly port: number };
  readonly images: Images;
  readonly uninstall: boolean;
  readonly debug: boolean;
}

export type ConfigResult =
  | { readonly config: OperatorConfig }
  | { readonly issues: readonly Issue[] }
  | { readonly text: 'help' | 'version' };

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads flags, then the environment; every problem is told at once. A flag counts before its variable. */
export function readConfig(argv: readonly string[], env: Environment): ConfigResult {
  const read = readFlagSettings('kubearmor-operator', SETTINGS, argv, env);
  if (!('values' in read)) return read;
  const { values } = read;
  const given = (text: string): string | undefined => (text === '' ? undefined : text);
  const release = imagesOf(VERSION);
  const cut = values.healthAddress.lastIndexOf(':');
  return {
    config: {
      namespace: values.namespace,
      kubeconfig: given(values.kubeconfig),
      socket: given(values.socketFile),
      health: { host: values.healthAddress.slice(0, cut).replace(/^\[|\]$/g, ''), port: Number(values.healthAddress.slice(cut + 1)) },
      images: {
        agent: given(values.agentImage) ?? release.agent,
        relay: given(values.relayImage) ?? release.relay,
        controller: given(values.controllerImage) ?? release.controller,
        operator: release.operator,
      },
      uninstall: values.uninstall === 'true',
      debug: values.debug === 'true' || values.logLevel === 'debug',
    },
  };
}

/** Reads what this process was started with; the environment too, for who looks for the cluster. */
export const readProcessConfig = (): ConfigResult => readConfig(process.argv.slice(2), process.env);
export const processEnvironment = (): Environment => process.env;

export function helpText(): string {
  return `kubearmor-operator: installs what a KubeArmorConfig asks for, and keeps it so\n\n${flagHelp(SETTINGS)}\n`;
}
