// SPDX-License-Identifier: Apache-2.0
import { compileAutomaton, runAutomaton, witnesses } from '#automaton';
import type { Automaton, Pattern } from '#automaton';
import type { Access, PathAccess } from './access.ts';
import { asWritten } from './compile.ts';
import { LIMITS } from './limits.ts';
import { lowerFile, lowerProcess, notEnforceable, patternOf } from './lower.ts';
import type { PathResolver } from './lower.ts';
import type { PathObject, Policy, Rule } from './model.ts';
import { capabilityAccesses, socketAccesses } from './universe-sockets.ts';

/**
 * One access of each kind that a set of rules can tell apart: what holds for all of these holds for every access.
 *
 * Not in it, and so not covered by what is concluded from it: objects of other mount name spaces, the second name of an object
 * in a bind mount, paths that are not known whole or have more than 64 components.
 */
export interface Universe {
  readonly accesses: readonly Access[];
  /** Those of them that a rule of the set can match, in the same order, and perhaps others of its family. */
  near(rule: Rule): readonly Access[];
  /** Whether nothing was left out for its size. */
  readonly isComplete: boolean;
}

/** What tools may spend on one universe: some seconds. */
const STATES_MAX = 1_000_000;
const COMPONENTS_MAX = 64;
/** Accesses of one universe at most; each costs some microseconds. */
export const ACCESSES_MAX = 400_000;

type Subject = Access['subject'];
/** Acts where it does not matter who does. Named so that it explains itself where it is shown. */
export const ANY_PROGRAM = '/usr/local/bin/any-program';
const ANY_PROGRAMS = [ANY_PROGRAM, '/opt/any-program', '/any-program'];

/** The accesses that tell these rules apart, where paths resolve as `resolve` says. */
export function universeOf(policies: readonly Policy[], resolve: PathResolver = asWritten): Universe {
  const rules = policies.flatMap((policy) => policy.rules).filter((rule) => notEnforceable(rule) === undefined);
  const tables = new Patterns(rules, resolve);
  const found = tables.paths();
  const subjects = tables.subjects(found.paths);
  const paths = pathAccesses(tables, { paths: found.paths, subjects, rules });
  const rest = [...capabilityAccesses(rules, subjects)];
  // One more than there is room for tells that something was left out.
  const sockets = socketAccesses(rules, subjects, ACCESSES_MAX + 1 - paths.length - rest.length);
  const all = [...paths, ...sockets, ...rest];
  const accesses = all.slice(0, ACCESSES_MAX);
  const near = nearness(accesses, tables, found.paths);
  return { accesses, near, isComplete: found.isComplete && all.length <= ACCESSES_MAX };
}

/** Finds the accesses of a rule by its patterns: to ask each rule about each access is a square. */
function nearness(accesses: readonly Access[], tables: Patterns, samples: readonly Sample[]): Universe['near'] {
  const byPath = Map.groupBy(accesses.keys(), (i) => pathOf(accesses[i]!));
  const byPattern = new Map<number, string[]>();
  for (const { path, set } of samples) {
    for (const pattern of set) {
      const paths = byPattern.get(pattern);
      if (paths === undefined) byPattern.set(pattern, [path]);
      else paths.push(path);
    }
  }
  return (rule) => {
    if (rule.family !== 'process' && rule.family !== 'file') return (byPath.get(undefined) ?? []).map((i) => accesses[i]!);
    const paths = new Set(Array.from(tables.ofRule.get(rule) ?? [], (pattern) => byPattern.get(pattern) ?? []).flat());
    const found = [...paths].flatMap((path) => byPath.get(path) ?? []);
    return found.toSorted((a, b) => a - b).map((i) => accesses[i]!);
  };
}

const pathOf = (access: Access): string | undefined => ('object' in access ? access.object.path : undefined);

/** A program that no `fromSource` names, so that what holds for it holds for programs at large; undefined where all are named. */
export function unnamedProgram(policies: readonly Policy[], resolve: PathResolver = asWritten): string | undefined {
  const patterns = policies.flatMap(({ rules }) =>
    rules.flatMap((rule) =>
      rule.subjects.flatMap((subject) => resolve(subject, 'subject', rule.action).map(({ object }) => patternOf(object))),
    ),
  );
  const made = compileAutomaton(patterns, {
    maxStates: LIMITS.states.value,
    maxSteps: LIMITS.compileSteps.value,
    maxCells: LIMITS.cells.value,
  });
  if ('exceeded' in made) return undefined;
  return ANY_PROGRAMS.find((path) => runAutomaton(made, path) < 0) ?? witnesses(made, STATES_MAX).unmatched;
}

/** A path, and which patterns match it. */
interface Sample {
  readonly path: string;
  readonly set: readonly number[];
}

/** All patterns of a set of rules: of objects by family, of subjects, and the applets that they mean. */
class Patterns {
  readonly process = new Set<number>();
  readonly file = new Set<number>();
  readonly #ofSubjects = new Set<number>();
  readonly applets = new Set<string>();
  /** Patterns of the objects of each rule. */
  readonly ofRule = new Map<Rule, Set<number>>();
  readonly #patterns: Pattern[] = [];
  readonly #byKey = new Map<string, number>();

  constructor(rules: readonly Rule[], resolve: PathResolver) {
    for (const rule of rules) {
      for (const subject of rule.subjects) this.#subject(subject, rule, resolve);
      if (rule.family !== 'process' && rule.family !== 'file') continue;
      for (const { pattern, list, applet } of rule.family === 'process' ? lowerProcess(rule, resolve) : lowerFile(rule, resolve)) {
        const id = this.#intern(pattern);
        this[list].add(id);
        this.ofRule.set(rule, (this.ofRule.get(rule) ?? new Set()).add(id));
        if (applet !== undefined) this.applets.add(applet);
      }
    }
  }

  /** A path for each set of patterns that a path can match together. */
  paths(): { paths: readonly Sample[]; isComplete: boolean } {
    const limits = { maxStates: LIMITS.states.value, maxSteps: LIMITS.compileSteps.value, maxCells: LIMITS.cells.value };
    const all = compileAutomaton(this.#patterns, limits);
    if (!('exceeded' in all)) return samplesOf(all);
    // together they are too many: each alone, which finds much and not everything
    const alone = this.#patterns.map((pattern) => compileAutomaton([pattern], limits));
    const matches = (i: number, path: string): boolean => {
      const automaton = alone[i]!;
      return !('exceeded' in automaton) && runAutomaton(automaton, path) >= 0;
    };
    const paths = new Set(alone.flatMap((made) => ('exceeded' in made ? [] : samplesOf(made).paths.map(({ path }) => path))));
    const setOf = (path: string): number[] => [...this.#patterns.keys()].filter((i) => matches(i, path));
    return { paths: Array.from(paths, (path) => ({ path, set: setOf(path) })), isComplete: false };
  }

  /** One subject of each kind: in each set of subject patterns, unknown, and the runtime. */
  subjects(paths: readonly Sample[]): Subject[] {
    const own = distinct(paths, this.#ofSubjects).map(({ path }) => path);
    if (this.#ofSubjects.size === 0) return own.slice(0, 1);
    // a glob that every program matches does not match the runtime
    return [...own, undefined, { runtime: true }];
  }

  #subject(subject: PathObject, rule: Rule, resolve: PathResolver): void {
    for (const { object } of resolve(subject, 'subject', rule.action)) this.#ofSubjects.add(this.#intern(patternOf(object)));
  }

  #intern(pattern: Pattern): number {
    const key = JSON.stringify(pattern);
    const seen = this.#byKey.get(key);
    if (seen !== undefined) return seen;
    this.#byKey.set(key, this.#patterns.length);
    return this.#patterns.push(pattern) - 1;
  }
}

function samplesOf(automaton: Automaton): { paths: readonly Sample[]; isComplete: boolean } {
  const { paths, unmatched, complete } = witnesses(automaton, STATES_MAX);
  const found = paths.flatMap((path, i) => (path === undefined ? [] : [{ path, set: automaton.accepts[i]! }]));
  if (unmatched !== undefined) found.unshift({ path: unmatched, set: [] });
  const shallow = found.filter(({ path }) => path.split('/').length - 1 <= COMPONENTS_MAX);
  return { paths: shallow, isComplete: complete && shallow.length === found.length };
}

/** One sample for each set of these patterns. */
function distinct(paths: readonly Sample[], patterns: ReadonlySet<number>): Sample[] {
  const byKey = new Map<string, Sample>();
  for (const sample of paths) {
    const key = sample.set.filter((pattern) => patterns.has(pattern)).join();
    if (!byKey.has(key)) byKey.set(key, sample);
  }
  return [...byKey.values()];
}

interface Parts {
  readonly paths: readonly Sample[];
  readonly subjects: readonly Subject[];
  readonly rules: readonly Rule[];
}

type PathKind = PathAccess['kind'];
interface Group {
  readonly family: 'process' | 'file';
  readonly kinds: readonly PathKind[];
  /** Families whose rules tell its paths and its actors apart. */
  readonly apartBy: readonly ('process' | 'file')[];
}
/** Accesses to paths that are there where there are rules of the family. A mapping is judged by both families, one after the other. */
const GROUPS: readonly Group[] = [
  { family: 'process', kinds: ['exec'], apartBy: ['process'] },
  { family: 'process', kinds: ['map-exec'], apartBy: ['process', 'file'] },
  { family: 'file', kinds: ['read', 'write', 'read-write', 'rename'], apartBy: ['file'] },
];

function pathAccesses(tables: Patterns, parts: Parts): PathAccess[] {
  const accesses: PathAccess[] = [];
  for (const group of GROUPS.filter(({ family }) => parts.rules.some((rule) => rule.family === family))) {
    const actors = actorsOf(group, tables, parts);
    for (const { path } of distinct(parts.paths, new Set(group.apartBy.flatMap((family) => [...tables[family]])))) {
      if (accesses.length > ACCESSES_MAX) break;
      for (const access of group.kinds.flatMap((kind) => actors.map((actor) => ({ kind, object: { path }, ...actor }))))
        accesses.push(access);
    }
  }
  return accesses;
}

type PathActor = Pick<PathAccess, 'subject' | 'owner' | 'applet'>;

/** Each subject; as owner and not, where that matters; as each applet, where something is run. */
function actorsOf({ kinds, apartBy }: Group, tables: Patterns, { subjects, rules }: Parts): PathActor[] {
  const byOwner = rules.some((rule) => apartBy.some((family) => family === rule.family) && 'ownerOnly' in rule && rule.ownerOnly);
  const owners = byOwner ? [true, false] : [true];
  const applets = kinds.includes('exec') ? appletsOf(tables.applets) : [undefined];
  return subjects.flatMap((subject) => owners.flatMap((owner) => applets.map((applet) => ({ subject, owner, applet }))));
}

/** No applet, one that no rule names, each that one does, and one that cannot be told. */
function appletsOf(named: ReadonlySet<string>): PathAccess['applet'][] {
  if (named.size === 0) return [undefined];
  return [undefined, ...named, { unknown: true }];
}
