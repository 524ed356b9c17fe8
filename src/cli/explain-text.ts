// SPDX-License-Identifier: Apache-2.0
import { accessText, ruleText, subjectText } from '#policy';
import type { Answer, Candidate, Explanation, RuleInfo } from '#policy';
import type { ExplainedQuestion } from './explain-question.ts';
import { rulePlace } from './policy-set.ts';
import type { Colour, Text } from './text.ts';
import { wrapText } from './wrap-text.ts';

const COLOURS = { denied: 'red', audited: 'yellow', allowed: 'green' } as const satisfies Record<Answer['outcome'], Colour>;
/** Rules that nearly match, and candidates, that are told one by one. */
const LIST_MAX = 12;

/** The explanation for people: the verdict and why in the first lines, then everything that it rests on. */
export function explanationLines(question: ExplainedQuestion, width: number): Text[] {
  const { access, answer, explanation, workload } = question;
  const isDisabled = workload.mode === 'disabled';
  const wrapped = (line: string): string[] => wrapText(line, width).split('\n');
  const section = (title: string, items: readonly string[]): Text[] =>
    items.length === 0 ? [] : ['', { text: title, colour: 'bold' }, ...items.flatMap(wrapped)];
  return [
    [{ text: answer.outcome.toUpperCase(), colour: COLOURS[answer.outcome] }, `  ${accessText(access)}${purpose(question)}`],
    ...wrapped(`  by  ${actorText(question)}`),
    '',
    ...reason(question).flatMap(wrapped),
    ...section(`Rules that ${isDisabled ? 'would match in mode enabled' : 'match'}, in order of precedence`, candidateItems(question)),
    ...(isDisabled ? [] : section('Rules that would match but for one thing', nearItems(question))),
    ...(isDisabled ? [] : section('Default posture', [`  -  ${postureText(question)}`])),
    ...section(
      'Not enforced in this version',
      explanation.notEnforced.map(({ rule, reason: why }) => `  -  ${ruleLine(rule, question)}: ${why}`),
    ),
    ...section(
      'Policies that do not select this workload',
      question.elsewhere.map(({ policy, file }) => `  -  ${policy.name} (${file})`),
    ),
    ...section(
      'Good to know',
      question.notes.map((note) => `  -  ${note}`),
    ),
  ];
}

/** What a step is for where it does not say itself what was asked. */
function purpose({ question, access }: ExplainedQuestion): string {
  return question.operation === 'map' && access.kind === 'read' ? ', to map it executable' : '';
}

function actorText({ chosen, subject }: ExplainedQuestion): string {
  if (chosen === 'unnamed') return 'any program that no `fromSource` names (--from names one)';
  return subjectText(subject) + (chosen === 'example' ? ', for example (--from names another)' : '');
}

function reason(question: ExplainedQuestion): string[] {
  const { answer, explanation, workload } = question;
  if (workload.mode === 'disabled') return ['The workload’s mode is disabled: no rules count.'];
  const isSpared = answer.action === 'Audit (Block)';
  const audited = isSpared ? ' The workload’s mode is audited, so it passes with the alert `Audit (Block)`.' : '';
  const deciding = explanation.candidates.find(({ isDecider }) => isDecider);
  if (deciding === undefined) return [`${noRuleText(explanation, isSpared)}${audited}`];
  const { rule } = deciding;
  const message = rule.message === '' ? '' : ` It says: “${rule.message}”.`;
  const line = ruleLine(rule, question).slice(rule.action.length + 1);
  return [`${isSpared ? `The Block rule ${line} would deny it` : `${DECIDES[rule.action]} ${line}`}.${message}${audited}`];
}

const DECIDES = {
  Block: 'The kernel denies it by the Block rule',
  Allow: 'It passes without an alert by the Allow rule',
  Audit: 'It passes with an alert by the Audit rule',
} as const;

function noRuleText({ decider, posture, candidates, family }: Explanation, isSpared: boolean): string {
  if (decider !== 'DefaultPosture')
    return candidates.length === 0 ? 'No rule matches, so it passes without an alert.' : 'It passes without an alert.';
  const what = posture.value === 'block' ? 'denied' : 'passed with an alert';
  const does = isSpared ? 'the default posture would deny it' : `it is ${what} by the default posture`;
  return `No rule of the family ${family} matches. The family has Allow rules, so ${does}.`;
}

function candidateItems(question: ExplainedQuestion): string[] {
  const { candidates } = question.explanation;
  const items = candidates.slice(0, LIST_MAX).map((candidate, i) => `  ${i + 1}.  ${candidateText(candidate, question)}`);
  return candidates.length > LIST_MAX ? [...items, `  …  and ${candidates.length - LIST_MAX} more, all after these`] : items;
}

function candidateText(candidate: Candidate, question: ExplainedQuestion): string {
  const { rule, standing, isDecider } = candidate;
  const line = `${ruleLine(rule, question)} [${standing}]`;
  if (question.workload.mode === 'disabled') return isDecider ? `${line}: would decide` : line;
  return `${line}: ${isDecider ? 'decides' : fateOf(candidate, question)}`;
}

/** Directories among themselves, and globs that allow: by the length of what is fixed. */
const MORE_SPECIFIC = 'the deeper one';

function fateOf({ rule, rank, standing }: Candidate, { explanation: { candidates, verdict }, answer }: ExplainedQuestion): string {
  if (rule.action === 'Audit') {
    if (verdict.outcome === 'denied') return `not reported: the ${answer.outcome === 'denied' ? 'denial' : 'alert `Audit (Block)`'} is`;
    return 'not reported: an Audit rule before it is';
  }
  const winner =
    candidates.find((one) => one.isDecider && one.rule.action !== 'Audit') ?? candidates.find((one) => one.rule.action !== 'Audit');
  if (winner === undefined || winner.rule.id === rule.id) return 'wins: it passes';
  if (winner.rank !== rank) return `loses: ${winner.standing === standing ? MORE_SPECIFIC : winner.standing} comes first`;
  return winner.rule.action === rule.action ? 'says the same at the same rank' : 'loses: at the same rank Block comes first';
}

function nearItems(question: ExplainedQuestion): string[] {
  const { nearMisses } = question.explanation;
  const items = nearMisses.slice(0, LIST_MAX).map(({ rule, reason: why }) => `  -  ${ruleLine(rule, question)}: ${why}`);
  return nearMisses.length > LIST_MAX ? [...items, `  …  and ${nearMisses.length - LIST_MAX} more`] : items;
}

function postureText({ explanation: { posture, family, decider, candidates }, ...question }: ExplainedQuestion): string {
  if (posture.value === 'none' || posture.because === undefined)
    return `none: there is no Allow rule of the family ${family}, so what no rule matches passes`;
  const asked =
    decider === 'DefaultPosture'
      ? 'it decides here'
      : candidates.some(({ rule }) => rule.action !== 'Audit')
        ? 'it is not asked: a rule matches'
        : 'it is not what is reported here';
  return `${posture.value}: counts since there are Allow rules of the family ${family} (${rulePlace(posture.because, question.policies)}); ${asked}`;
}

/** `Block /usr/bin/sh, web spec.process.matchPaths[0] (web.yaml:12:9)`. */
function ruleLine(info: RuleInfo, { policies }: Pick<ExplainedQuestion, 'policies'>): string {
  const rule = policies
    .find(({ policy }) => policy.kind === info.kind && policy.namespace === info.namespace && policy.name === info.policy)
    ?.policy.rules.find(({ field }) => field === info.field);
  const what = rule === undefined ? '' : ` ${ruleText(rule)}`;
  return `${info.action}${what}, ${info.policy} (${rulePlace(info, policies)})`;
}
