// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { formatIssue } from '#base';
import type { Issue } from '#base';
import { boundedText, fieldsOf, policyRef } from '#cluster';
import { compileIssues, isMap, LINT_CODES, lintAmong, lintWork, nodeSelected, parsePolicyObject, selectsAlso } from '#policy';
import type { Policy, PolicyKind, Rule } from '#policy';
import { textOf, WARNING_LIMITS } from './admission.ts';
import type { Refusal } from './admission.ts';
import { podQuery } from './pod-query.ts';
import type { PodQuery } from './pod-query.ts';

/** What is known of the cluster's nodes when a policy comes. */
export interface NodesFacts {
  /** Nodes whose agents report now. */
  readonly reporting: number;
  /** What some of them cannot enforce, by construct, and how many. */
  readonly lacks: readonly { readonly construct: string; readonly reason: string; readonly nodes: number }[];
  /** Every node, for policies that select nodes. */
  readonly nodes: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[];
}

/** What is said of a document at first sight: cheap, and all that can refuse it. */
export interface Checked {
  readonly refusal?: Refusal;
  readonly warnings: readonly string[];
  /** Absent: it is not of pods, or selects too many to ask for. */
  readonly pods?: PodQuery;
}

/** What became of a policy that is in the cluster: why it is not taken, empty where it is. */
export type Problems = readonly string[];

/** Causes told beside the message. */
const CAUSES_MAX = 50;
const MESSAGE_BYTES = 16_384;
/** In a policy's status: its message has 4096 bytes. */
const PROBLEMS_MAX = 20;

/** About a second: every status that is due waits for a review that runs. */
const LINT_WORK_MAX = 100_000;

/**
 * Reviews policies beside those that are in the cluster. It computes and does nothing else; some reviews take seconds, so it runs in a
 * thread of its own.
 */
export class PolicyReviewer {
  readonly #policies = new Map<string, Policy>();

  /** Takes in a policy of the cluster, or what it has become. */
  upsert(kind: PolicyKind, object: unknown): Problems {
    const { policy, issues } = parsePolicyObject(object, { kind });
    const ref = refOf(kind, object);
    const all = policy === undefined ? issues : [...issues, ...compileIssues(policy)];
    const problems = problemsOf(all);
    if (policy !== undefined && problems.length === 0) this.#policies.set(ref, policy);
    // One that became wrong stays in force as it was, on nodes that know how; what is judged beside it is judged by that.
    return problems;
  }

  remove(ref: string): void {
    this.#policies.delete(ref);
  }

  /** What `karmor policy check` says of it, and what this cluster adds. */
  check(kind: PolicyKind, object: unknown, facts: NodesFacts): Checked {
    const { policy, issues } = parsePolicyObject(named(object), { kind });
    const found = policy === undefined ? issues : [...issues, ...compileIssues(policy)];
    const warnings = found.filter(({ severity }) => severity === 'warning').map(warningOf);
    const errors = found.filter(({ severity }) => severity === 'error');
    if (policy === undefined || errors.length > 0) return { refusal: refusalOf(kind, object, errors), warnings };
    const pods = podQuery(policy);
    const unknown = new Set(found.map(({ at }) => at));
    const more = [...lackWarnings(policy, facts, unknown), ...nodeWarnings(policy, facts)];
    return { warnings: [...warnings, ...more.map(warningOf)], ...(pods === undefined ? {} : { pods }) };
  }

  /** What only the policies beside it show: rules that never decide. */
  lint(kind: PolicyKind, object: unknown): readonly string[] {
    const { policy } = parsePolicyObject(named(object), { kind });
    if (policy === undefined) return [];
    const ref = policyRef(policy);
    const beside = Array.from(this.#policies).flatMap(([other, one]) => (other !== ref && selectsAlso(one, policy) ? [one] : []));
    const policies = [...beside, policy];
    if (lintWork(policies) > LINT_WORK_MAX) return [NOT_LOOKED_FOR];
    return lintAmong(policies, beside.length)
      .filter(({ code }) => LINT_CODES[code].severity === 'warning')
      .map(({ at, problem, cure, because }) => warningOf({ at, problem: `${problem}${becauseText(because, policies)}`, cure }));
  }
}

/** For a policy's status: errors alone, bounded. */
export function problemsOf(issues: readonly Issue[]): Problems {
  const errors = issues.filter(({ severity }) => severity === 'error').slice(0, PROBLEMS_MAX);
  return errors.map((issue) => boundedText(lineOf(issue), 2 * WARNING_LIMITS.each));
}

type Finding = Pick<Issue, 'at' | 'problem' | 'cure'>;

function becauseText(because: readonly { readonly policy: number; readonly at: string }[], policies: readonly Policy[]): string {
  const others = because.flatMap(({ policy, at }) => (policy === policies.length - 1 ? [] : [`${policyRef(policies[policy]!)} ${at}`]));
  const [first] = others;
  if (first === undefined) return '';
  return ` [${first}${others.length === 1 ? '' : ` and ${others.length - 1} more`}]`;
}

/** The specification is as it was: nothing of it is to be reviewed again. */
export function isSameSpec(object: unknown, before: unknown): boolean {
  return isMap(object) && isMap(before) && isDeepStrictEqual(object['spec'], before['spec']);
}

function refOf(kind: PolicyKind, object: unknown): string {
  const { name, namespace } = fieldsOf(fieldsOf(object)['metadata']);
  return policyRef({ kind, namespace: textOf(namespace), name: textOf(name) });
}

/** With `generateName` the name is made later. */
function named(object: unknown): unknown {
  const { metadata } = fieldsOf(object);
  if (!isMap(object) || !isMap(metadata) || textOf(metadata['name']) !== '' || textOf(metadata['generateName']) === '') return object;
  return { ...object, metadata: { ...metadata, name: `${textOf(metadata['generateName'])}00000` } };
}

const lineOf = ({ at, problem, cure }: Finding): string => `${at === '' ? '' : `${at}: `}${problem} (${cure})`;

/** One warning: with its cure where there is room for it. */
export function warningOf(finding: Finding): string {
  const line = lineOf(finding);
  if (Buffer.byteLength(line) <= WARNING_LIMITS.each) return boundedText(line, WARNING_LIMITS.each);
  return boundedText(`${finding.at === '' ? '' : `${finding.at}: `}${finding.problem}`, WARNING_LIMITS.each);
}

const NOT_LOOKED_FOR = warningOf({
  at: '',
  problem: 'rules that never decide were not looked for: it and the policies beside it have too many rules for that',
  cure: 'run `karmor policy lint` on all of them',
});

/** @param errors all that is wrong with it */
export function refusalOf(kind: PolicyKind, object: unknown, errors: readonly Issue[]): Refusal {
  const name = textOf(fieldsOf(fieldsOf(object)['metadata'])['name']) || textOf(fieldsOf(fieldsOf(object)['metadata'])['generateName']);
  const count = errors.length === 1 ? '1 problem' : `${errors.length} problems`;
  const head = `${kind} ${name} cannot be honoured, ${count}:`;
  const lines = errors.map((issue) => formatIssue(issue).replace(/^error: /, ''));
  return {
    code: 422,
    reason: 'Invalid',
    message: boundedLines([head, ...lines], MESSAGE_BYTES),
    causes: errors.slice(0, CAUSES_MAX).map((issue) => ({
      field: boundedText(issue.at, WARNING_LIMITS.each),
      message: boundedText(`${issue.problem} (${issue.cure})`, 2 * WARNING_LIMITS.each),
    })),
  };
}

/** As many whole lines as there is room for, and how many are left out. */
function boundedLines(lines: readonly string[], bytes: number): string {
  const kept: string[] = [];
  let size = 0;
  for (const line of lines) {
    const one = boundedText(line, 1_024);
    size += Buffer.byteLength(one) + 1;
    if (size > bytes) break;
    kept.push(one);
  }
  const left = lines.length - kept.length;
  return [...kept, ...(left === 0 ? [] : [`and ${left} more: see \`karmor policy check\``])].join('\n');
}

/** Rules that nodes say they cannot enforce; those that no enforcer does were told already. */
function lackWarnings({ rules }: Policy, { reporting, lacks }: NodesFacts, told: ReadonlySet<string>): Finding[] {
  return lacks.flatMap(({ construct, reason, nodes }): Finding[] => {
    const hit = rules.filter((rule) => !told.has(rule.field) && isOf(rule, construct));
    const [first] = hit;
    if (first === undefined || nodes === 0) return [];
    const rest = hit.length === 1 ? '' : ` (and ${hit.length - 1} more rules)`;
    const where = nodes >= reporting ? 'no node can enforce it' : `${nodes} of ${reporting} nodes cannot enforce it`;
    return [
      { at: first.field, problem: `${where}${rest}: ${reason}`, cure: 'the other rules are enforced; `karmor probe` lists the nodes' },
    ];
  });
}

function isOf({ family, field }: Rule, construct: string): boolean {
  const path = field.replace(/^spec\./, '');
  return family === construct || path === construct || ['.', '[', '#'].some((end) => path.startsWith(construct + end));
}

function nodeWarnings(policy: Policy, { nodes }: NodesFacts): Finding[] {
  if (policy.selector.target !== 'node' || nodes.length === 0 || nodes.some((node) => nodeSelected(policy, node))) return [];
  const problem = `no node has these labels now (${nodes.length === 1 ? '1 node' : `${nodes.length} nodes`} looked at)`;
  return [{ at: 'spec.nodeSelector', problem, cure: 'compare them with `kubectl get nodes --show-labels`' }];
}
