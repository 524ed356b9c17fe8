// SPDX-License-Identifier: Apache-2.0
import type { Access, PathAccess } from './access.ts';
import { asWritten, compile } from './compile.ts';
import type { CompileExceeded, RuleSet } from './compile.ts';
import { deciderOf } from './deciders.ts';
import type { Decider } from './deciders.ts';
import { judge } from './evaluate.ts';
import type { PathResolver } from './lower.ts';
import type { Policy, Workload } from './model.ts';
import { answer } from './question-verdict.ts';
import { mappingOf } from './questions.ts';
import type { RuleInfo } from './rule-info.ts';
import { selects } from './select.ts';
import { universeOf } from './universe.ts';

/** What a set of policies says to an access, and by what. */
export interface SideVerdict {
  readonly outcome: 'passed' | 'audited' | 'denied';
  /** Undefined where no rule speaks. */
  readonly by?: RuleInfo | 'DefaultPosture' | undefined;
}

/** Accesses whose verdict changes in one way: from this rule's to that rule's. */
export interface Change {
  readonly before: SideVerdict;
  readonly after: SideVerdict;
  /** One of them; the simplest that was found. */
  readonly witness: Access;
  /** Kinds of access that change this way: `exec`, `read`, `egress` … */
  readonly kinds: readonly string[];
}

/** The difference between two sets of policies for one workload. */
export interface Difference {
  readonly workload: Workload;
  readonly changes: readonly Change[];
  /** Whether every access was looked at, so that no change is missed; see {@link universeOf} for what is an access here. */
  readonly isComplete: boolean;
  /** Rules in this comparison, of both sides. */
  readonly rules: number;
}

/** Two sets of policies, each without two of one name. */
export interface PolicySides {
  readonly before: readonly Policy[];
  readonly after: readonly Policy[];
}

/**
 * Every way in which the verdict of an access changes for a workload, with an access that shows it.
 *
 * A verdict is its outcome; another rule with the same outcome is no change. The witness is evaluated on both sides, so it is true even
 * where the search was cut short.
 *
 * @param resolve names of both sides' rules in the workload's root, and of the accesses that are tried
 * @param resolveBefore names of the first side's rules, where those are read otherwise
 */
export function diffFor(
  given: PolicySides,
  workload: Workload,
  resolve: PathResolver = asWritten,
  resolveBefore: PathResolver = resolve,
): Difference | CompileExceeded {
  const [a, b] = [given.before, given.after].map((policies) => policies.filter((policy) => selects(policy, workload))) as [
    Policy[],
    Policy[],
  ];
  const sides = [compile(a, workload, resolveBefore), compile(b, workload, resolve)] as const;
  for (const side of sides) if ('exceeded' in side) return side;
  const [from, to] = sides as readonly [RuleSet, RuleSet];
  const rules = from.rules.length + to.rules.length;
  if (isSameSet(from, to)) return { workload, changes: [], isComplete: true, rules };
  const { accesses, isComplete } = universeOf([...a, ...b], resolve);
  return { workload, changes: changesOf(from, to, accesses), isComplete, rules };
}

/** The same words are the same verdicts. */
function isSameSet(a: RuleSet, b: RuleSet): boolean {
  return a.image.length === b.image.length && a.image.every((word, i) => word === b.image[i]);
}

function changesOf(from: RuleSet, to: RuleSet, accesses: readonly Access[]): Change[] {
  const byPair = new Map<string, { before: SideVerdict; after: SideVerdict; witness: Access; kinds: Set<string> }>();
  for (const access of accesses) {
    const changed = changeOf(from, to, access);
    if (changed === undefined) continue;
    const { before, after } = changed;
    const key = `${before.outcome} ${keyOf(before)} ${after.outcome} ${keyOf(after)}`;
    const seen = byPair.get(key) ?? { before, after, witness: access, kinds: new Set() };
    seen.kinds.add(access.kind === 'socket' ? access.op : access.kind);
    if (cost(access) < cost(seen.witness)) seen.witness = access;
    byPair.set(key, seen);
  }
  return Array.from(byPair.values(), (one) => ({ ...one, kinds: [...one.kinds] }));
}

/**
 * How the verdict of an access changes, if it does.
 *
 * A mapping is told where the rules on programs change what becomes of it as a whole; where those on files do, its read is told.
 */
function changeOf(from: RuleSet, to: RuleSet, access: Access): Pick<Change, 'before' | 'after'> | undefined {
  const [before, after] = [sideVerdict(from, access), sideVerdict(to, access)];
  if (before.outcome === after.outcome) return undefined;
  if (access.kind !== 'map-exec') return { before, after };
  const whole = { before: mappingVerdict(from, access), after: mappingVerdict(to, access) };
  return whole.before.outcome === whole.after.outcome ? undefined : whole;
}

/** People understand a plain access by a known program best. */
function cost(access: Access): number {
  const odd = access.kind === 'map-exec' || access.kind === 'rename' || access.kind === 'read-write' ? 4 : 0;
  return odd + (typeof access.subject === 'string' ? 0 : 2) + ('applet' in access && access.applet !== undefined ? 1 : 0);
}

function sideVerdict(set: RuleSet, access: Access): SideVerdict {
  const judged = judge(set.image, access);
  const decider = deciderOf(judged);
  return { outcome: judged.verdict.outcome, by: deciding(set, decider) };
}

function mappingVerdict(set: RuleSet, access: PathAccess): SideVerdict {
  const { outcome, decider } = answer(set, mappingOf(access), 'enabled');
  return { outcome: outcome === 'allowed' ? 'passed' : outcome, by: deciding(set, decider) };
}

const deciding = (set: RuleSet, decider: Decider): SideVerdict['by'] => (typeof decider === 'number' ? set.rules[decider] : decider);

const keyOf = ({ by }: SideVerdict): string =>
  by === undefined || by === 'DefaultPosture' ? (by ?? '') : `${by.kind}/${by.namespace}/${by.policy}:${by.field}`;
