// SPDX-License-Identifier: Apache-2.0
import { formatIssue } from '#base';
import type { Issue } from '#base';
import type { Policy } from '#policy';
import { TRIAL_TYPE } from '#wire';
import { connectAgent } from './agent-address.ts';
import { checkFiles, skippedText } from './check-files.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Flags } from './flags.ts';
import type { Io } from './io.ts';
import type { PolicyAnswer, PolicyEvent, PolicyStatus } from './ports.ts';
import type { Colour, Text } from './text.ts';
import { askForTrials, trialSeconds } from './trial.ts';

/** What a bare status means where the agent gives no reason. */
const REASONS: { readonly [K in PolicyStatus]: { readonly good: boolean; readonly why: string } } = {
  Applied: { good: true, why: '' },
  Modified: { good: true, why: '' },
  Deleted: { good: true, why: '' },
  NotExist: { good: false, why: 'the agent has no policy of this kind and name' },
  Invalid: { good: false, why: 'the agent cannot take it; its log says why, and its version may be older than this program' },
  NotEnabled: { good: false, why: 'the agent was started without policies of this kind' },
  Failure: { good: false, why: 'the agent failed; see its log' },
};

/** Without the namespace: an agent outside Kubernetes puts every policy into one of its own. */
const label = ({ kind, name }: Policy): string => `${kind} ${name}`;

/**
 * Sends the documents of files one by one and prints each answer.
 *
 * All are parsed first: with an error in any of them nothing is sent, so a bad line never leaves half a set in force.
 */
export async function sendPolicies(type: 'ADDED' | 'DELETED', names: readonly string[], flags: Flags, io: Io): Promise<ExitCode> {
  const say = (text: string): void => io.err(`karmor vm policy ${type === 'ADDED' ? 'add' : 'delete'}: ${text}`);
  const seconds = trialSeconds(flags);
  const { policies, issues, skipped } = await readAll(names, io);
  const errors = issues.filter(({ severity }) => severity === 'error').length;
  // What a policy would have done does not matter any more to whoever takes it back.
  const told = type === 'ADDED' ? issues : issues.filter(({ severity }) => severity === 'error');
  for (const issue of told) io.err({ text: formatIssue(issue), colour: issue.severity === 'error' ? 'red' : 'yellow' });
  if (skipped > 0) say(skippedText(skipped));
  if (errors > 0) {
    say(`${errors} ${errors === 1 ? 'error' : 'errors'}; nothing was sent`);
    return EXIT_CODES.badData.code;
  }
  using agent = await connectAgent(flags, io);
  const answers: PolicyAnswer[] = [];
  for (const policy of policies) {
    const object = flags.isSet('force') ? forced(policy) : policy.document;
    const event: PolicyEvent = seconds === undefined ? { type, object } : { type: TRIAL_TYPE, object, seconds };
    const answer = trialAnswer(await agent.sendPolicy(policy.kind, event), event);
    answers.push(answer);
    await printAnswer(policy, answer, io);
  }
  const onTrial = new Set(policies.filter((_, i) => answers[i]?.trial !== undefined).map(({ name }) => name));
  const asked = seconds === undefined ? EXIT_CODES.ok.code : await askForTrials([...onTrial], seconds, agent, io);
  const code = exitCodeOf(answers);
  return code === EXIT_CODES.ok.code ? asked : code;
}

async function printAnswer(policy: Policy, answer: PolicyAnswer, io: Io): Promise<void> {
  const [why = '', ...more] = (answer.reason ?? REASONS[answer.status].why).split('\n');
  const status: Text = { text: `Policy ${answer.status}`, colour: colourOf(answer) };
  await io.out([`${label(policy)}: `, status, why === '' ? '' : ` (${why})`]);
  for (const line of more) await io.out(`  ${line}`);
}

/** An agent that knows no trials, as KubeArmor's, changes nothing and says Modified. */
function trialAnswer(answer: PolicyAnswer, { type }: PolicyEvent): PolicyAnswer {
  if (type !== TRIAL_TYPE || answer.trial !== undefined || !REASONS[answer.status].good) return answer;
  return { status: 'Failure', reason: 'this agent knows no --confirm; nothing was changed' };
}

/** The document of a host policy with the annotation that the agent wants of one that may stop the node. */
function forced({ kind, document }: Policy): unknown {
  if (kind !== 'KubeArmorHostPolicy') return document;
  const { metadata, ...rest } = document as { metadata?: { annotations?: object } };
  return { ...rest, metadata: { ...metadata, annotations: { ...metadata?.annotations, 'kubearmor.io/force': 'true' } } };
}

async function readAll(names: readonly string[], io: Io): Promise<{ policies: Policy[]; issues: Issue[]; skipped: number }> {
  const [policies, issues]: [Policy[], Issue[]] = [[], []];
  let skipped = 0;
  for await (const report of checkFiles(names, io)) {
    issues.push(...report.issues);
    policies.push(...report.documents.flatMap(({ policy }) => policy ?? []));
    skipped += report.skipped;
  }
  return { policies, issues, skipped };
}

const colourOf = ({ status }: PolicyAnswer): Colour => (REASONS[status].good ? 'green' : 'red');

function exitCodeOf(answers: readonly PolicyAnswer[]): ExitCode {
  const bad = answers.filter(({ status }) => !REASONS[status].good);
  if (bad.length === 0) return EXIT_CODES.ok.code;
  if (bad.length < answers.length) return EXIT_CODES.partial.code;
  return bad.every(({ status }) => status === 'Invalid') ? EXIT_CODES.badData.code : EXIT_CODES.findings.code;
}
