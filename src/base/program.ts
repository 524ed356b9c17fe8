// SPDX-License-Identifier: Apache-2.0
import { ERRORS, KubeArmorError } from './errors.ts';
import { formatIssue } from './issue.ts';
import type { Issue } from './issue.ts';
import { VERSION_TEXT } from './build-info.ts';

/** What a program's settings come to: what to do, what is wrong with them, or a text that the user asked for instead. */
type Read<Told> = Told | { readonly issues: readonly Issue[] } | { readonly text: 'help' | 'version' };

export interface Program<Told extends object> {
  readonly name: string;
  readonly help: () => string;
  readonly settings: Read<Told>;
  /** Until the signal aborts. @returns the exit code where it is not 0 */
  readonly run: (told: Told, signal: AbortSignal) => Promise<number | void>;
}

const INTERRUPTED = 130; // 128 + SIGINT, what a shell reports

/**
 * Runs a program that goes on until SIGINT or SIGTERM; asked a second time it ends at once. A reader of its output that is gone is no reason to end.
 *
 * @returns its exit code. Throws what is a bug.
 */
export async function runProgram<Told extends object>({ name, help, settings, run }: Program<Told>): Promise<number> {
  const { stdout, stderr } = process;
  for (const stream of [stdout, stderr]) stream.on('error', () => {});
  if ('text' in settings) {
    stdout.write(settings.text === 'help' ? help() : `${name} ${VERSION_TEXT}\n`);
    return 0;
  }
  if ('issues' in settings) {
    for (const issue of settings.issues) stderr.write(`${formatIssue(issue)}\n`);
    return ERRORS.CONFIG_INVALID.exitCode;
  }
  try {
    return (await run(settings, untilAsked())) ?? 0;
  } catch (error) {
    if (!(error instanceof KubeArmorError)) throw error;
    stderr.write(`${name}: ${error.message} (${error.hint})\n`);
    return ERRORS[error.code].exitCode;
  }
}

function untilAsked(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(INTERRUPTED); // asked twice: the clean way hangs
      stop.abort();
    });
  }
  return stop.signal;
}
