// SPDX-License-Identifier: Apache-2.0
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { current, loadPolicySet, reportErrors } from '../policy-set.ts';
import { ROOT_OPTIONS, WORKLOAD_OPTIONS } from '../workload-flags.ts';

/** `karmor policy diff A B`: which accesses change their verdict, with an access for each; exit 1 if any does. */
export const policyDiff: Command = {
  arguments: [
    { name: '<before>', summary: 'a file or folder of policies, - for stdin', completes: 'file' },
    { name: '<after>', summary: 'the other', completes: 'file' },
  ],
  options: [
    { flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json'] },
    ...WORKLOAD_OPTIONS,
    ...ROOT_OPTIONS,
  ],
  details: `Prints, for each workload, every way in which the verdict of an access changes, with one access that shows it and the rules on both
sides. Without labels, namespace or container it looks at a workload for each selector of the policies, and for each two that can meet.
A verdict is denied, audited or allowed; that another rule says the same is no change. What is compared: every access to a name in the
workload’s own mount name space, every socket, every capability. Not compared: objects of other mount name spaces, second names in bind
mounts, paths of more than 64 components. A side without policies is compared as an empty set, and named on stderr. It exits with 1 if a verdict changes, 0 if none does, 65 if a policy is refused.

Examples:
  karmor policy diff old/ new/
  git show main:web.yaml | karmor policy diff - web.yaml -l app=web`,
  async run([a = '', b = ''], flags, io) {
    const [left, right] = [await loadPolicySet([a], io, { mayBeEmpty: true }), await loadPolicySet([b], io, { mayBeEmpty: true })];
    const failed = [left, right].map(({ issues }) => reportErrors(issues, io));
    if (failed.includes(true)) return EXIT_CODES.badData.code;
    const names = { before: [a, left], after: [b, right] } as const;
    for (const [side, [name, { all }]] of Object.entries(names)) {
      const shown = name === '-' ? 'stdin' : name;
      if (all.length === 0) io.err(`karmor policy diff: ${side}: there is no policy in ${shown}: compared as an empty set`);
    }
    const { compareSides, differencesJson, differencesText } = await import('../compare-policies.ts');
    const sides = { before: current(left.all), after: current(right.all) };
    const differences = compareSides(sides, flags);
    if (flags.text('output') === 'json') await io.outJson(JSON.stringify(differencesJson(differences), undefined, 2));
    else for (const line of differencesText(differences, sides, io.width)) await io.out(line);
    return differences.some(({ changes }) => changes.length > 0) ? EXIT_CODES.findings.code : EXIT_CODES.ok.code;
  },
};
