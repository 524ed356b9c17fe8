// SPDX-License-Identifier: Apache-2.0
import { compileCapabilities, compileNetwork, judgesPeers } from './compile-sockets.ts';
import { PathTables } from './compile-paths.ts';
import { FAMILY, IMAGE_FLAG, POSTURE } from './image-layout.gen.ts';
import { IMAGE_CLASS_WORDS, ImageFull, ImageWriter } from './image.ts';
import { LIMITS } from './limits.ts';
import { lowerFile, lowerProcess, notEnforceable } from './lower.ts';
import type { PathResolver } from './lower.ts';
import type { Family, Policy, Posture, Rule, Workload } from './model.ts';
import type { RuleInfo } from './rule-info.ts';
import { SubjectTable } from './subjects.ts';

/** A rule that this node's enforcer cannot do: never dropped in silence. */
export interface NotEnforced {
  readonly rule: RuleInfo;
  readonly reason: string;
}

/** All rules of one workload, as the kernel and `evaluate` run them. */
export interface RuleSet {
  /** The image (bpf/image.h), as long as used; its `id` word is 0 until an enforcer loads it. */
  readonly image: Uint32Array;
  /** Index into `IMAGE_CLASS_WORDS`. */
  readonly sizeClass: number;
  /** `IMAGE_FLAG` bits. */
  readonly flags: number;
  /** By rule id. */
  readonly rules: readonly RuleInfo[];
  readonly notEnforced: readonly NotEnforced[];
}

/** A bound that the rules of a workload exceed: nothing of them is compiled. */
export interface CompileExceeded {
  readonly exceeded: string;
  readonly limit: number;
}

/** Names stay as they are written: for tools that know no container. */
export const asWritten: PathResolver = (object) => [{ object }];

interface Numbered {
  readonly rule: Rule;
  readonly info: RuleInfo;
  readonly policy: Policy;
}

const KIND_ORDER: readonly string[] = ['KubeArmorHostPolicy', 'KubeArmorClusterPolicy', 'KubeArmorPolicy', 'KubeArmorNetworkPolicy'];

const orderOf = (p: Policy): string => `${KIND_ORDER.indexOf(p.kind)}\0${p.namespace}\0${p.name}`;
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Numbers rules by kind, namespace, name and place: the order in which policies came never shows. */
function number(policies: readonly Policy[]): Numbered[] {
  const numbered: Numbered[] = [];
  for (const policy of policies.toSorted((a, b) => compareText(orderOf(a), orderOf(b)))) {
    for (const rule of policy.rules) {
      const { field, family, action, severity, tags, message } = rule;
      const origin = { kind: policy.kind, namespace: policy.namespace, policy: policy.name };
      numbered.push({ rule, policy, info: { id: numbered.length, ...origin, field, family, action, severity, tags, message } });
    }
  }
  return numbered;
}

const postureFamily = (family: Family): keyof Workload['postures'] =>
  family === 'network' ? 'network' : family === 'capabilities' ? 'capabilities' : 'file';

/** The posture of a family: none without Allow rules, else the strictest of the workload's and the policies'. */
function postureOf(family: Family, rules: readonly Numbered[], workload: Workload): number {
  const allows = rules.filter(({ rule }) => rule.family === family && rule.action === 'Allow');
  if (allows.length === 0) return POSTURE.NONE;
  const all: (Posture | undefined)[] = [workload.postures[postureFamily(family)], ...allows.map(({ policy }) => policy.defaultPosture)];
  return all.includes('block') ? POSTURE.BLOCK : POSTURE.AUDIT;
}

const FAMILIES = [
  ['process', FAMILY.PROCESS, IMAGE_FLAG.EXEC],
  ['file', FAMILY.FILE, IMAGE_FLAG.FILE],
  ['network', FAMILY.NETWORK, IMAGE_FLAG.NET],
  ['capabilities', FAMILY.CAPABILITIES, IMAGE_FLAG.CAP],
] as const;

/**
 * Compiles the policies that govern a workload to one image.
 *
 * Pure: the same policies in any order, the same names and postures give the same bytes. What cannot be enforced is
 * listed with its reason; what is beyond a limit makes the whole set be refused, never a part of it be cut.
 *
 * @param policies those that select the workload
 * @param resolve  names inside the workload's root; {@link asWritten} where there is none
 */
export function compile(policies: readonly Policy[], workload: Workload, resolve: PathResolver = asWritten): RuleSet | CompileExceeded {
  const numbered = number(policies);
  if (numbered.length > LIMITS.rulesPerWorkload.value) return { exceeded: 'rules per workload', limit: LIMITS.rulesPerWorkload.value };
  const active = numbered.filter(({ rule }) => notEnforceable(rule) === undefined);
  const notEnforced = notEnforcedAmong(numbered);
  try {
    const { image, flags } = writeImage(active, workload, resolve);
    const sizeClass = IMAGE_CLASS_WORDS.findIndex((words) => image.length <= words);
    return { image, sizeClass, flags, rules: numbered.map(({ info }) => info), notEnforced };
  } catch (error) {
    if (error instanceof Exceeded) return error.limit;
    if (error instanceof ImageFull) return { exceeded: 'bytes of one image', limit: IMAGE_CLASS_WORDS.at(-1)! * 4 };
    throw error;
  }
}

const notEnforcedAmong = (numbered: readonly Numbered[]): NotEnforced[] =>
  numbered.flatMap(({ rule, info }) => {
    const reason = notEnforceable(rule);
    return reason === undefined ? [] : [{ rule: info, reason }];
  });

/** What `compile` says of one policy by itself that it cannot enforce, without compiling it. */
export const notEnforcedOf = (policy: Policy): readonly NotEnforced[] => notEnforcedAmong(number([policy]));

/** Of one policy by itself, far below every bound of an image: a state and some cells a byte, an accept set of at most all rules. */
const PLAIN = { rules: 100, bytes: 16_384 } as const;

/**
 * Whether a policy is so simple that `compile` of it alone never exceeds a limit: some paths and folders, as nearly all policies have.
 * False says nothing.
 */
export function isPlain({ rules }: Policy): boolean {
  if (rules.length > PLAIN.rules) return false;
  let bytes = 0;
  for (const rule of rules) {
    if ((rule.family !== 'process' && rule.family !== 'file') || rule.subjects.length > 0) return false;
    if (rule.object.kind !== 'path' && rule.object.kind !== 'dir') return false;
    bytes += rule.object.kind === 'path' ? rule.object.path.length : rule.object.dir.length;
  }
  return bytes <= PLAIN.bytes;
}

/** Ends a compilation that met a bound of the automaton; caught by `compile` only. */
class Exceeded extends Error {
  readonly limit: CompileExceeded;

  constructor(limit: CompileExceeded) {
    super(limit.exceeded);
    this.limit = limit;
  }
}

function writeImage(active: readonly Numbered[], workload: Workload, resolve: PathResolver): Pick<RuleSet, 'image' | 'flags'> {
  const writer = new ImageWriter();
  const subjects = new SubjectTable();
  const paths = new PathTables(subjects);
  const flags = addRules(active, { paths, subjects, resolve, writer }) | paths.flags;
  const met = paths.write(writer);
  if (met !== undefined) throw new Exceeded({ exceeded: `${met.exceeded} of one automaton`, limit: met.limit });
  if (subjects.matrixWords > IMAGE_CLASS_WORDS.at(-1)!) throw new ImageFull();
  writer.setHead('matrix', writer.put(subjects.matrix()));
  writer.setHead('matrix_words', subjects.rowWords);
  for (const [family, index] of FAMILIES) writer.setHead('posture', postureOf(family, active, workload), index);
  writer.setHead('flags', flags);
  return { image: writer.finish(), flags };
}

interface Tables {
  readonly paths: PathTables;
  readonly subjects: SubjectTable;
  readonly resolve: PathResolver;
  readonly writer: ImageWriter;
}

function addRules(active: readonly Numbered[], { paths, subjects, resolve, writer }: Tables): number {
  let flags = 0;
  for (const [family, , flag] of FAMILIES) if (active.some(({ rule }) => rule.family === family)) flags |= flag;
  if (active.some(({ rule }) => judgesPeers(rule))) flags |= IMAGE_FLAG.PEER;
  const columnOf = (rule: Rule): number => {
    if (rule.subjects.length > 0) flags |= IMAGE_FLAG.SUBJECT;
    return subjects.column(rule.subjects, rule.action, resolve, paths);
  };
  for (const { rule, info } of active) {
    if (rule.family !== 'process' && rule.family !== 'file') continue;
    const column = columnOf(rule);
    const lowered = rule.family === 'process' ? lowerProcess(rule, resolve) : lowerFile(rule, resolve);
    for (const item of lowered) paths.add(item, info.id, column);
  }
  writer.setHead('net', compileNetwork(active, columnOf, writer));
  writer.setHead('caps', compileCapabilities(active, columnOf, writer));
  return flags;
}
