// SPDX-License-Identifier: Apache-2.0

/** What `karmor` exits with: the one table. Scripts may rely on it; `karmor --help` prints it. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'done; nothing to report' },
  findings: { code: 1, meaning: 'done, and there is something to see to: findings, a denial, drift, a node that does not enforce' },
  usage: { code: 2, meaning: 'the command line is wrong, or asks for what this version does not have' },
  unreachable: { code: 3, meaning: 'the agent, the relay or the API server does not answer, or refused' },
  partial: { code: 4, meaning: 'done in part: some of it could not be taken, read or put back' },
  badData: { code: 65, meaning: 'a policy is wrong and nothing of it was taken, or there is no policy' },
  hostIo: { code: 74, meaning: 'a file could not be read or written' },
  interrupted: { code: 130, meaning: 'ended by Ctrl-C (SIGINT) before it was done' },
  terminated: { code: 143, meaning: 'ended by SIGTERM before it was done' },
} as const satisfies Record<string, { code: number; meaning: string }>;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES]['code'];

/** For a command that was stopped before it was done; the reason of the abort is the name of what stopped it. */
export function interruptCode({ reason }: AbortSignal): ExitCode {
  if (reason === 'SIGINT') return EXIT_CODES.interrupted.code;
  return reason === 'SIGTERM' ? EXIT_CODES.terminated.code : EXIT_CODES.partial.code;
}

/** The table as help prints it. */
export function exitCodesText(): string {
  return Object.values(EXIT_CODES)
    .map(({ code, meaning }) => `  ${String(code).padEnd(3)}  ${meaning}`)
    .join('\n');
}
