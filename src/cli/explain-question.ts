// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError, nearestWord } from '#base';
import { MULTICALL_BINARIES } from '#host';
import {
  accessText,
  ANY_PROGRAM,
  answer as answerOf,
  ANY_WORKLOAD,
  compile,
  Explainer,
  explainNotes,
  HintedRoot,
  MERGED_USR,
  readQuestion,
  selects,
  subjectText,
  unnamedProgram,
} from '#policy';
import type { Access, Answer, Explanation, Policy, Question, RuleInfo, Workload } from '#policy';
import type { AskedOperation } from './commands/explain.ts';
import type { Flags } from './flags.ts';
import { rulePlace } from './policy-set.ts';
import type { LoadedPolicy } from './policy-set.ts';
import { askedLinks, askedWorkload } from './workload-flags.ts';

/** A question that was answered, with everything that it rests on. */
export interface ExplainedQuestion {
  readonly question: Question;
  /** The access that is told: the one that decided, else the last. */
  readonly access: Access;
  readonly answer: Answer;
  readonly workload: Workload;
  readonly subject: Access['subject'];
  /** Where the subject is from: the command line, a program that no `fromSource` names, or an example where they name all. */
  readonly chosen: 'asked' | 'unnamed' | 'example';
  readonly explanation: Explanation;
  readonly notes: readonly string[];
  readonly policies: readonly LoadedPolicy[];
  /** Policies that were given and do not select the workload. */
  readonly elsewhere: readonly LoadedPolicy[];
}

/**
 * Answers what the flags ask.
 *
 * @throws {KubeArmorError} `USAGE` for a path, peer or name that is none; `LIMIT_EXCEEDED`
 */
export function explainQuestion({ operation, text }: AskedOperation, all: readonly LoadedPolicy[], flags: Flags): ExplainedQuestion {
  const asked = askedWorkload(
    flags,
    all.map(({ policy }) => policy),
    ANY_WORKLOAD,
  );
  const { workload } = asked;
  const selected = asked.isNamed ? all.filter(({ policy }) => selects(policy, workload)) : ofOneKind(all);
  const policies = selected.map(({ policy }) => policy);
  const root = new HintedRoot({ links: askedLinks(flags, MERGED_USR), multicallBinaries: MULTICALL_BINARIES });
  const set = compile(policies, workload, root.resolver);
  if ('exceeded' in set) throw new KubeArmorError('LIMIT_EXCEEDED', `the policies are beyond the limit of ${set.limit} ${set.exceeded}`);
  const { subject, chosen } = subjectOf(flags.text('from'), policies, root);
  const owner = (flags.count('uid') ?? 0) === (flags.count('owner') ?? 0);
  const question = readQuestion(operation, text, { subject, owner }, root);
  if ('problem' in question) throw new KubeArmorError('USAGE', `--${operation}: ${question.problem}: ${question.cure}`);
  const answer = answerOf(set, question, workload.mode);
  const explanation = new Explainer(set, policies, workload, root.resolver).explain(answer.access);
  const limits = explainNotes(explanation, { operation, outcome: answer.outcome }, policies);
  const example = chosen === 'example' ? [EXAMPLE_NOTE] : [];
  const notes = workload.mode === 'disabled' ? [] : [...example, ...limits, ...pathNotes(question)];
  const elsewhere = all.filter((one) => !selected.includes(one));
  return {
    question,
    access: answer.access,
    answer,
    workload,
    subject,
    chosen,
    explanation,
    notes,
    policies: selected,
    elsewhere,
  };
}

const EXAMPLE_NOTE = '`fromSource` names every program: for another one the answer may differ.';

/** What can be on one workload together: policies for containers, or where there are none those for hosts. */
function ofOneKind(all: readonly LoadedPolicy[]): readonly LoadedPolicy[] {
  const containers = all.filter(({ policy }) => policy.selector.target === 'workload');
  return containers.length > 0 ? containers : all;
}

function subjectOf(
  from: string | undefined,
  policies: readonly Policy[],
  root: HintedRoot,
): { subject: string | { readonly runtime: true }; chosen: ExplainedQuestion['chosen'] } {
  if (from !== undefined) return { subject: namedSubject(from, root), chosen: 'asked' };
  const unnamed = unnamedProgram(policies, root.resolver);
  return unnamed === undefined ? { subject: ANY_PROGRAM, chosen: 'example' } : { subject: unnamed, chosen: 'unnamed' };
}

function namedSubject(from: string, root: HintedRoot): string | { readonly runtime: true } {
  if (from === 'runtime') return { runtime: true };
  if (from.startsWith('/')) return root.real(from);
  const near = nearestWord(from, ['runtime']);
  throw new KubeArmorError(
    'USAGE',
    `--from ${from}: ${near === undefined ? 'write the whole path of the program' : `did you mean ${near}?`}`,
  );
}

/** Where the kernel's name is another than what was typed. */
function pathNotes({ object, steps }: Question): string[] {
  const [step] = steps;
  const path = step !== undefined && 'object' in step ? step.object.path : undefined;
  if (path === undefined) return [];
  if (path !== object) return [`The kernel shows ${object} as ${path}.`];
  const top = path.split('/', 2).join('/');
  if (!/^\/(?:s?bin|lib\w*)\//.test(path)) return [];
  return [`If ${top} is a link into /usr in the workload, the kernel shows another name: add --merged-usr.`];
}

/** The same for programs. */
export function explanationJson(found: ExplainedQuestion): object {
  const { answer, question, workload, explanation, policies } = found;
  const rule = (info: RuleInfo): object => ({ ...info, id: undefined, place: rulePlace(info, policies) });
  const { kind, namespace, containerName: container, labels, mode, postures } = workload;
  return {
    schemaVersion: 1,
    operation: question.operation,
    object: question.object,
    access: accessText(found.access),
    subject: found.chosen === 'asked' ? subjectText(found.subject) : null,
    workload: { kind, namespace, container, labels, mode, postures },
    outcome: answer.outcome,
    action: answer.action ?? null,
    decider: typeof answer.decider === 'number' ? 'rule' : (answer.decider ?? null),
    candidates: explanation.candidates.map(({ rule: info, rank, standing, isDecider }) => ({
      ...rule(info),
      rank,
      standing,
      decides: isDecider && workload.mode !== 'disabled',
    })),
    nearMisses: explanation.nearMisses.map(({ rule: info, reason }) => ({ ...rule(info), reason })),
    posture: explanation.posture.value,
    notEnforced: explanation.notEnforced.map(({ rule: info, reason }) => ({ ...rule(info), reason })),
    policiesElsewhere: found.elsewhere.map(({ policy, file }) => ({
      kind: policy.kind,
      namespace: policy.namespace,
      name: policy.name,
      file,
    })),
    notes: found.notes,
  };
}
