// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { CONFIRM_TYPE } from '#wire';
import { parseDuration } from './duration.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Flags } from './flags.ts';
import type { Io } from './io.ts';
import type { AgentPort } from './ports.ts';

/** Of a trial, in seconds: shorter ends before anybody can answer. */
const [SECONDS_MIN, SECONDS_MAX] = [5, 86_400] as const;

/**
 * How long `--confirm` asks for, in seconds; undefined where it is not given.
 *
 * @throws {KubeArmorError} `USAGE`
 */
export function trialSeconds(flags: Flags): number | undefined {
  const text = flags.text('confirm');
  if (text === undefined) return undefined;
  const seconds = Math.ceil((parseDuration(text) ?? 0) / 1_000);
  if (seconds >= SECONDS_MIN && seconds <= SECONDS_MAX) return seconds;
  throw new KubeArmorError('USAGE', `--confirm ${text}: write a duration from ${SECONDS_MIN}s to 24h, like 60s or 1m30s`);
}

/** Confirms policies that are on trial, by name, and says of each what came of it. */
export async function confirmTrials(names: readonly string[], agent: AgentPort, io: Io): Promise<ExitCode> {
  let failed = 0;
  for (const name of names) {
    // the agent finds it by its name, whatever its kind
    const { status, reason, trial } = await agent.sendPolicy('KubeArmorPolicy', { type: CONFIRM_TYPE, object: { metadata: { name } } });
    const isConfirmed = status === 'Applied' && trial === 'confirmed';
    if (!isConfirmed) failed++;
    await io.out(`${name}: ${isConfirmed ? 'confirmed' : `not confirmed (${reason ?? 'the agent knows no trials'})`}`);
  }
  return failed === 0 ? EXIT_CODES.ok.code : failed < names.length ? EXIT_CODES.partial.code : EXIT_CODES.findings.code;
}

/** Asks on the terminal whether what is on trial shall stay; without one, and without the answer, says how to. */
export async function askForTrials(names: readonly string[], seconds: number, agent: AgentPort, io: Io): Promise<ExitCode> {
  if (names.length === 0) return EXIT_CODES.ok.code;
  const question = `Keep ${names.join(', ')}? Type yes within ${seconds} s, else it is rolled back: `;
  const answer = await io.ask(question, seconds * 1_000);
  if (answer?.trim().toLowerCase() === 'yes') return await confirmTrials(names, agent, io);
  if (answer === undefined) io.err(`karmor vm policy add: to keep it: karmor vm policy confirm ${names.join(' ')}`);
  else io.err('karmor vm policy add: not confirmed: the agent rolls it back');
  return EXIT_CODES.ok.code;
}
