// SPDX-License-Identifier: Apache-2.0
import type { Explanation } from './explain.ts';
import { notEnforceable } from './lower.ts';
import type { Policy } from './model.ts';

/**
 * What an explanation does not cover, where it matters for this access: the limits that the design page states.
 *
 * @param policies those that select the workload
 */
export function explainNotes({ access, verdict, candidates, posture }: Explanation, policies: readonly Policy[]): string[] {
  const isDenied = verdict.outcome === 'denied';
  const rules = policies.flatMap((policy) => policy.rules.filter((rule) => notEnforceable(rule) === undefined));
  if (access.kind === 'capability') return ['The kernel’s own checks with other credentials (overlayfs, for example) pass without a word.'];
  if (access.kind === 'socket') {
    const detailed = rules.some((rule) => rule.family === 'network' && (rule.port !== undefined || rule.cidr !== undefined));
    return detailed ? ['A program with CAP_NET_RAW can send packets around rules on ports and addresses.'] : [];
  }
  const applet =
    access.applet === undefined ? [] : ['An applet that a multi-call binary runs inside itself, without an exec, is not seen.'];
  if (access.kind === 'exec' || access.kind === 'map-exec') {
    if (!isDenied) return applet;
    const byName = posture.value !== 'block' && candidates.some(({ rule, isDecider }) => isDecider && rule.action === 'Block');
    return [
      ...(byName
        ? [
            'A copy of the program under another name is another program, and a script that an interpreter reads is no exec: an allow-list (Allow rules with the posture block) covers both.',
          ]
        : []),
      ...applet,
    ];
  }
  if (!isDenied) return [];
  return [
    'stat and readlink still tell that the file is there, its size and its owner.',
    access.kind === 'write'
      ? 'Mappings that were made before stay writable.'
      : 'What was opened or mapped before the rules came can still be read.',
  ];
}
