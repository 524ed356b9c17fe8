// SPDX-License-Identifier: Apache-2.0

/** What `karmor` exits with: the one table. Scripts may rely on it; `karmor --help` prints it. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'done; nothing to report' },
  findings: { code: 1, meaning: 'done, and there is something to see to: findings, a denial, drift, a node that does not enforce' },
  usage: { code: 2, meaning: 'the command line is wrong, or asks for what this version does not have' },
  unreachable: { code: 3, meaning: 'the agent does not answer, or refused the connection' },
  partial: { code: 4, meaning: 'done in part: some of the policies were taken, some were not' },
  badData: { code: 65, meaning: 'a policy is wrong; nothing of it was taken' },
} as const satisfies Record<string, { code: number; meaning: string }>;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES]['code'];

/** The table as help prints it. */
export function exitCodesText(): string {
  return Object.values(EXIT_CODES)
    .map(({ code, meaning }) => `  ${String(code).padEnd(3)} ${meaning}`)
    .join('\n');
}
