// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { accessText, ANY_WORKLOAD, diffFor, HintedRoot, MERGED_USR, subjectText, workloadClasses } from '#policy';
import type { Change, Difference, SideVerdict, Workload } from '#policy';
import type { Flags } from './flags.ts';
import { rulePlace } from './policy-set.ts';
import type { LoadedPolicy } from './policy-set.ts';
import type { Colour, Text } from './text.ts';
import { askedLinks, askedWorkload } from './workload-flags.ts';
import { wrapText } from './wrap-text.ts';

/** The policies that are compared. */
export interface Sides {
  readonly before: readonly LoadedPolicy[];
  readonly after: readonly LoadedPolicy[];
}

/**
 * The difference for the workload that the flags name, else for each that the selectors tell apart.
 *
 * @throws {KubeArmorError} `USAGE` for a wrong flag; `LIMIT_EXCEEDED`
 */
export function compareSides(sides: Sides, flags: Flags): Difference[] {
  const [before, after] = [sides.before, sides.after].map((side) => side.map(({ policy }) => policy));
  const both = [...before!, ...after!];
  const asked = askedWorkload(flags, both, ANY_WORKLOAD);
  const { postures } = asked.workload;
  const workloads = asked.isNamed ? [asked.workload] : workloadClasses(both).map((one) => ({ ...one, postures }));
  const { resolver } = new HintedRoot({ links: askedLinks(flags, MERGED_USR), multicallBinaries: [] });
  return workloads.map((workload) => {
    const made = diffFor({ before: before!, after: after! }, workload, resolver);
    if (!('exceeded' in made)) return made;
    throw new KubeArmorError(
      'LIMIT_EXCEEDED',
      `the policies of one workload together are beyond the limit of ${made.limit} ${made.exceeded}`,
    );
  });
}

const COLOURS = { denied: 'red', audited: 'yellow', passed: 'green' } as const satisfies Record<SideVerdict['outcome'], Colour>;
const WORDS = { denied: 'denied', audited: 'audited', passed: 'allowed' } as const;
/** Workloads with the same changes that are named. */
const SAME_MAX = 3;

/** The differences for people; workloads with the same changes are told together. */
export function differencesText(differences: readonly Difference[], sides: Sides, width: number): Text[] {
  const groups = Map.groupBy(
    differences.filter(({ changes }) => changes.length > 0),
    ({ changes }) => JSON.stringify(changes.map(({ before, after }) => [before, after])),
  );
  const lines = [...groups.values()].flatMap(([first, ...same]): Text[] => {
    if (first === undefined) return [];
    const names = same.slice(0, SAME_MAX).map(({ workload }) => workloadText(workload));
    const others = `  and the same for ${same.length} more: ${names.join('; ')}${same.length > SAME_MAX ? ' …' : ''}`;
    return [
      { text: workloadText(first.workload), colour: 'bold' },
      ...(same.length > 0 ? [others] : []),
      ...first.changes.flatMap((change) => changeLines(change, sides)),
    ];
  });
  const isEmpty = differences.length === 0 && sides.before.length + sides.after.length === 0;
  const last = isEmpty ? 'no policy on either side: no access changes its verdict' : summary(differences);
  return [...lines, ...wrapText(last, width).split('\n')];
}

function changeLines({ before, after, witness, kinds }: Change, sides: Sides): Text[] {
  const word = ({ outcome }: SideVerdict): { text: string; colour: Colour } => ({ text: WORDS[outcome], colour: COLOURS[outcome] });
  const isPlain = typeof witness.subject === 'string' && !isAboutSubject(before, sides.before) && !isAboutSubject(after, sides.after);
  return [
    ['  ', word(before), ' → ', word(after), `  ${accessText(witness)}`],
    ...(isPlain ? [] : [`      by      ${subjectText(witness.subject)}`]),
    ...(kinds.length > 1 ? [`      for     ${kinds.join(', ')}`] : []),
    `      before  ${sideText(before, sides.before)}`,
    `      after   ${sideText(after, sides.after)}`,
  ];
}

/** Whether a side's rule is for some programs. */
function isAboutSubject({ by }: SideVerdict, all: readonly LoadedPolicy[]): boolean {
  if (typeof by !== 'object') return false;
  const named = all.filter(({ policy }) => policy.name === by.policy && policy.namespace === by.namespace);
  return named.some(({ policy }) => policy.rules.some(({ field, subjects }) => field === by.field && subjects.length > 0));
}

function sideText({ by }: SideVerdict, all: readonly LoadedPolicy[]): string {
  if (by === undefined) return 'no rule';
  return by === 'DefaultPosture' ? 'default posture' : `${by.action}, ${by.policy} ${by.field} (${rulePlace(by, all)})`;
}

function workloadText({ kind, namespace, containerName, labels }: Workload): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const container = containerName === '' ? [] : [`container ${containerName}`];
  return [kind === 'host' ? 'the host' : `namespace ${namespace}`, ...container, ...pairs].join(', ');
}

/** A verdict on nothing must say what it is about. */
const NOT_COMPARED = '; not compared: objects of other mount name spaces, second names in bind mounts, paths of more than 64 components';

function summary(differences: readonly Difference[]): string {
  const count = differences.reduce((sum, { changes }) => sum + changes.length, 0);
  const partial = differences.filter(({ isComplete }) => !isComplete).length;
  const where = `${differences.length} ${differences.length === 1 ? 'workload' : 'workloads'}`;
  if (differences.length === 0) {
    return 'no policy selects any workload that can be made up from the selectors: name one with --labels or --namespace';
  }
  const limits =
    partial === 0
      ? NOT_COMPARED
      : `; for ${partial} of them the rules are too many to look at every access, so some may be missed${NOT_COMPARED}`;
  if (count > 0) return `${count} ${count === 1 ? 'change' : 'changes'} of verdict in ${where}${limits}`;
  return partial === 0 ? `no access changes its verdict, in ${where}${limits}` : `no change was found in ${where}${limits}`;
}

/** The same for programs. */
export function differencesJson(differences: readonly Difference[]): object {
  const workloads = differences.map(({ workload, changes, isComplete }) => {
    const { kind, namespace, containerName: container, labels, postures } = workload;
    return { workload: { kind, namespace, container, labels, postures }, complete: isComplete, changes: changes.map(changeJson) };
  });
  return { schemaVersion: 1, workloads };
}

function changeJson({ before, after, witness, kinds }: Change): object {
  const subject = witness.subject ?? null;
  return { before: sideJson(before), after: sideJson(after), kinds, text: accessText(witness), witness: { ...witness, subject } };
}

function sideJson({ outcome, by }: SideVerdict): object {
  if (by === undefined || by === 'DefaultPosture') return { outcome: WORDS[outcome], policy: by ?? null };
  const { kind, namespace, policy, field, action } = by;
  return { outcome: WORDS[outcome], kind, namespace, policy, rule: field, action };
}
