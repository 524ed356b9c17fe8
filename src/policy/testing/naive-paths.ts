// SPDX-License-Identifier: Apache-2.0
import { parseGlob } from '#automaton';
import type { PathAccess } from '../access.ts';
import type { FileRule, PathObject, ProcessRule } from '../model.ts';
import type { Decision, Named, World } from './naive-model.ts';
import { ruleKey } from './naive-model.ts';
import { matchesObject, matchesSubject } from './naive-match.ts';

type PathRule = ProcessRule | FileRule;
type Part = 'exec' | 'map' | 'read' | 'write' | 'move';

const PARTS: Readonly<Record<PathAccess['kind'], readonly Part[]>> = {
  exec: ['exec'],
  'map-exec': ['map'],
  read: ['read'],
  write: ['write'],
  'read-write': ['read', 'write'],
  rename: ['write', 'move'],
};

/** A rule by one of its names. */
interface Candidate {
  readonly rule: PathRule;
  readonly key: string;
  readonly object: PathObject;
  readonly applet?: string | undefined;
}

/** Whether the rule speaks of this kind of access by this owner: readOnly, ownerOnly, and what mapping and moving mean. */
function speaks({ rule, object, applet }: Candidate, part: Part, owner: boolean): boolean {
  if (rule.family === 'file') return fileSpeaks(rule, part, owner);
  const maps = rule.action === 'Allow' || (rule.action === 'Block' && object.kind !== 'dir' && applet === undefined);
  return (part !== 'map' || maps) && (!rule.ownerOnly || owner === (rule.action === 'Allow'));
}

function fileSpeaks(rule: FileRule, part: Part, owner: boolean): boolean {
  const { action, readOnly, ownerOnly } = rule;
  const reads = part === 'read';
  if (action === 'Allow') return allowedParts(readOnly).includes(part) && (!ownerOnly || owner);
  if (part === 'move' && action === 'Audit' && !readOnly) return false;
  if (ownerOnly && !owner) return true;
  return readOnly ? !reads : !ownerOnly;
}

const allowedParts = (readOnly: boolean): readonly Part[] => (readOnly ? ['read'] : ['read', 'write']);

/** An applet that cannot be told may be any for a Block or Audit rule, and is none for an Allow rule. */
function isApplet({ rule, applet }: Candidate, access: PathAccess): boolean {
  if (applet === undefined || applet === access.applet) return true;
  return rule.action !== 'Allow' && typeof access.applet === 'object';
}

/** The directories whose renaming moves what the object stands for. */
function isAbove(path: string, object: PathObject): boolean {
  if (path === '/' || object.kind === 'execname') return false;
  if (object.kind === 'path') return object.path.startsWith(`${path}/`);
  if (object.kind === 'dir') return `${object.dir}/`.startsWith(`${path}/`);
  return parseGlob(object.glob).prefix.startsWith(`${path}/`);
}

interface Question {
  readonly world: World;
  readonly access: PathAccess;
  readonly part: Part;
}

function matches(candidate: Candidate, { access, part, world }: Question): boolean {
  const { rule, object } = candidate;
  if (!speaks(candidate, part, access.owner) || !isApplet(candidate, access)) return false;
  if (!matchesSubject(rule, access.subject, world.resolve)) return false;
  const { path, state, superblockPath } = access.object;
  if (state === 'unknown') return rule.action === 'Block';
  const named = (name: string): boolean => (part === 'move' ? isAbove(name, object) : matchesObject(object, name));
  if (rule.action === 'Allow') return state !== 'foreign' && named(path);
  return named(path) || (superblockPath !== undefined && world.secondName && named(superblockPath));
}

const tier = (object: PathObject): number => (object.kind === 'dir' ? 2 : object.kind === 'glob' ? 1 : 0);
const depth = (object: PathObject): number => (object.kind === 'dir' ? (object.dir === '/' ? 1 : object.dir.length + 1) : 0);
const recursive = (object: PathObject): number => (object.kind === 'dir' && object.recursive ? 1 : 0);

/** Exact, then glob, then directory: deeper before shallower, non-recursive before recursive. Below zero: `a` first. */
function bySpecificity(a: PathObject, b: PathObject): number {
  return tier(a) - tier(b) || depth(b) - depth(a) || recursive(a) - recursive(b);
}

/** Those that nothing is more specific than. */
function best<C extends { readonly object: PathObject }>(candidates: readonly C[]): readonly C[] {
  return candidates.filter((c) => candidates.every((other) => bySpecificity(c.object, other.object) <= 0));
}

function withSubjectFirst<C extends { readonly rule: PathRule }>(candidates: readonly C[]): readonly C[] {
  const named = candidates.filter(({ rule }) => rule.subjects.length > 0);
  return named.length > 0 ? named : candidates;
}

/** The Block rules that decide; `allow` where an Allow rule does; undefined where none matches. */
function decide(matching: readonly Candidate[]): 'allow' | readonly Candidate[] | undefined {
  const pool = withSubjectFirst(matching.filter(({ rule }) => rule.action !== 'Audit'));
  if (pool.length === 0) return undefined;
  const isAllowGlob = ({ rule, object }: Candidate): boolean => object.kind === 'glob' && rule.action === 'Allow';
  const top = best(pool.filter((candidate) => !isAllowGlob(candidate)));
  const blocks = top.filter(({ rule }) => rule.action === 'Block');
  const first = blocks[0]?.object;
  if (first === undefined) return 'allow';
  if (first.kind !== 'dir') return blocks;
  // an Allow glob outranks a Block directory only if its fixed prefix lies inside that directory
  const base = first.dir === '/' ? '/' : `${first.dir}/`;
  const outranked = pool.some(
    ({ rule, object }) => object.kind === 'glob' && rule.action === 'Allow' && parseGlob(object.glob).prefix.startsWith(base),
  );
  return outranked ? 'allow' : blocks;
}

/** What an access to a path gets (semantics, sections 3 and 4), by trying every rule. */
export function decidePath(world: World, named: readonly Named[], access: PathAccess): Decision {
  const isProcess = access.kind === 'exec' || access.kind === 'map-exec';
  const family = isProcess ? 'process' : 'file';
  const candidates = named.flatMap(({ rule, policy }): Candidate[] =>
    rule.family === family
      ? world.resolve(rule.object, isProcess ? 'exec' : 'file', rule.action).map((name) => ({ rule, key: ruleKey(policy, rule), ...name }))
      : [],
  );
  const hits = PARTS[access.kind].map((part) => {
    const matching = candidates.filter((candidate) => matches(candidate, { world, access, part }));
    const audits = best(withSubjectFirst(matching.filter(({ rule }) => rule.action === 'Audit')));
    return { part, verdict: decide(matching), audits };
  });
  const keys = (list: readonly Candidate[]): readonly string[] => list.map(({ key }) => key);
  for (const { verdict } of hits) if (verdict !== undefined && verdict !== 'allow') return { outcome: 'denied', rules: keys(verdict) };
  const posture = world.posture(family);
  const open = hits.some(({ part, verdict }) => verdict === undefined && part !== 'map' && part !== 'move');
  if (open && posture === 'block') return { outcome: 'denied' };
  const audited = hits.find(({ audits }) => audits.length > 0);
  if (audited !== undefined) return { outcome: 'audited', rules: keys(audited.audits) };
  return { outcome: open && posture === 'audit' ? 'audited' : 'passed' };
}
