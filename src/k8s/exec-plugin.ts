// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { KubeArmorError } from '#base';
import type { Identity } from './access.ts';
import { isRecord, recordOf, textOf } from './read-object.ts';

const API = 'client.authentication.k8s.io';
const TIMEOUT_MS = 60_000;
const STDERR_MAX = 300;

/** Runs a program without a shell, as `run` of the room `host` does. */
export type RunProgram = (
  command: string,
  args: readonly string[],
  options: { readonly env: Readonly<Record<string, string>>; readonly timeoutMs: number; readonly outputMaxBytes: number },
) => Promise<{ readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string }>;

/** A program that gives credentials. */
export interface ExecPlugin {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
}

/**
 * Reads `user.exec` of a kubeconfig.
 *
 * @param folder a command with a slash is relative to it
 * @returns undefined where there is none, or it lacks what it must have
 */
export function readExecPlugin(exec: Record<string, unknown>, folder: string): ExecPlugin | undefined {
  const command = textOf(exec, 'command') ?? '';
  const apiVersion = textOf(exec, 'apiVersion') ?? '';
  if (command === '' || (apiVersion !== `${API}/v1` && apiVersion !== `${API}/v1beta1`)) return undefined;
  const args = Array.isArray(exec['args']) ? exec['args'].filter((arg) => typeof arg === 'string') : [];
  const variables = Array.isArray(exec['env']) ? exec['env'].filter(isRecord) : [];
  const env = Object.fromEntries(variables.map((variable) => [textOf(variable, 'name') ?? '', textOf(variable, 'value') ?? '']));
  return { command: command.includes('/') ? resolve(folder, command) : command, args, env, apiVersion };
}

/**
 * Asks the program for credentials; it is told that nobody sits at a terminal.
 *
 * @throws {KubeArmorError} `API_REFUSED` where it does not give any, `HOST_IO` where it does not run
 * @source Kubernetes, “Authenticating”, client-go credential plugins
 */
export async function execIdentity(
  plugin: ExecPlugin,
  run: RunProgram,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Identity & { readonly expiresMs?: number }> {
  const doing = `asking ${plugin.command} for credentials`;
  const inherited = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const info = JSON.stringify({ apiVersion: plugin.apiVersion, kind: 'ExecCredential', spec: { interactive: false } });
  const ran = await run(plugin.command, plugin.args, {
    env: { ...Object.fromEntries(inherited), ...plugin.env, KUBERNETES_EXEC_INFO: info },
    timeoutMs: TIMEOUT_MS,
    outputMaxBytes: 1024 * 1024,
  });
  if (ran.exitCode !== 0) {
    throw new KubeArmorError(
      'API_REFUSED',
      `${doing}: it ended with ${ran.exitCode ?? 'a signal'}: ${ran.stderr.trim().slice(-STDERR_MAX)}`,
    );
  }
  const status = statusIn(ran.stdout);
  const token = textOf(status, 'token');
  const [cert, key] = [textOf(status, 'clientCertificateData'), textOf(status, 'clientKeyData')];
  if (token === undefined && (cert === undefined || key === undefined)) {
    throw new KubeArmorError('API_REFUSED', `${doing}: it gave neither a token nor a certificate with its key`);
  }
  const expiresMs = Date.parse(textOf(status, 'expirationTimestamp') ?? '');
  return { token, cert, key, ...(Number.isNaN(expiresMs) ? {} : { expiresMs }) };
}

function statusIn(stdout: string): Record<string, unknown> {
  try {
    const credential: unknown = JSON.parse(stdout);
    return isRecord(credential) ? recordOf(credential, 'status') : {};
  } catch {
    return {};
  }
}
