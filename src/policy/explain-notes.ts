// SPDX-License-Identifier: Apache-2.0
import type { Explanation } from './explain.ts';
import { notEnforceable } from './lower.ts';
import type { Policy } from './model.ts';
import type { Answer } from './question-verdict.ts';
import type { Operation } from './questions.ts';

/** What was asked, and what became of it. */
export interface Asked {
  readonly operation: Operation;
  readonly outcome: Answer['outcome'];
}

/**
 * What an explanation does not cover, where it matters for what was asked: the limits that the design page states.
 *
 * @param policies those that select the workload
 */
export function explainNotes(explanation: Explanation, { operation, outcome }: Asked, policies: readonly Policy[]): string[] {
  const { access } = explanation;
  if (access.kind === 'capability') return ['The kernel’s own checks with other credentials (overlayfs, for example) pass without a word.'];
  if (access.kind === 'socket') return socketNotes(policies);
  if (operation === 'exec') return execNotes(explanation, outcome);
  if (outcome !== 'denied') return [];
  if (access.kind === 'map-exec') return [...DENIED_NOTES.map, 'A copy of the file under another name is another file.'];
  return operation === 'read' || operation === 'write' || operation === 'rename' || operation === 'map' ? DENIED_NOTES[operation] : [];
}

/** Of what is denied. */
const DENIED_NOTES: { readonly [operation in 'read' | 'write' | 'rename' | 'map']: string[] } = {
  read: [
    'stat and readlink still tell that the file is there, its size and its owner.',
    'What was opened or mapped before the rules came can still be read.',
  ],
  write: ['Mappings that were made before stay writable.'],
  rename: ['The new name is judged too, as a write: ask for it with --write.'],
  map: ['Mappings that were made before stay executable.'],
};

function socketNotes(policies: readonly Policy[]): string[] {
  const rules = policies.flatMap((policy) => policy.rules.filter((rule) => notEnforceable(rule) === undefined));
  const detailed = rules.some((rule) => rule.family === 'network' && (rule.port !== undefined || rule.cidr !== undefined));
  return detailed ? ['A program with CAP_NET_RAW can send packets around rules on ports and addresses.'] : [];
}

function execNotes({ access, candidates, posture }: Explanation, outcome: Answer['outcome']): string[] {
  const byName = posture.value !== 'block' && candidates.some(({ rule, isDecider }) => isDecider && rule.action === 'Block');
  const notes =
    outcome === 'denied' && byName
      ? [
          'A copy of the program under another name is another program, and a script that an interpreter reads is no exec: an allow-list (Allow rules with the posture block) covers both.',
        ]
      : [];
  const isApplet = 'applet' in access && access.applet !== undefined;
  return isApplet ? [...notes, 'An applet that a multi-call binary runs inside itself, without an exec, is not seen.'] : notes;
}
