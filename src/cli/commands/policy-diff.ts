// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { CLUSTER_OPTIONS } from '../cluster/cluster-flags.ts';
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import { current, loadPolicySet, reportErrors } from '../policy-set.ts';
import { ROOT_OPTIONS, WORKLOAD_OPTIONS } from '../workload-flags.ts';

/** @throws {KubeArmorError} `USAGE`: between two sets of files no cluster is asked */
function refuseClusterFlags(flags: Flags): void {
  for (const name of ['watch', 'kubeconfig', 'context']) {
    if (flags.isSet(name) || flags.text(name) !== undefined)
      throw new KubeArmorError('USAGE', `--${name} is for comparing files with a cluster: name one set of files`);
  }
}

/** `karmor policy diff A B`: which accesses change their verdict, with an access for each; exit 1 if any does. */
export const policyDiff: Command = {
  arguments: [
    { name: '<before>', summary: 'a file or folder of policies, - for stdin', completes: 'file' },
    { name: '[after]', summary: 'the other; without it the cluster is compared with the first', completes: 'file' },
  ],
  options: [
    { flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json'] },
    { flags: '--watch', summary: 'against the cluster: go on, and tell each drift when it comes and when it is gone' },
    ...WORKLOAD_OPTIONS,
    ...ROOT_OPTIONS,
    ...CLUSTER_OPTIONS,
  ],
  details: `Prints, for each workload, every way in which the verdict of an access changes, with one access that shows it and the rules on both
sides. Without labels, namespace or container it looks at a workload for each selector of the policies, and for each two that can meet.
A verdict is denied, audited or allowed; that another rule says the same is no change. What is compared: every access to a name in the
workload’s own mount name space, every socket, every capability. Not compared: objects of other mount name spaces, second names in bind
mounts, paths of more than 64 components. A side without policies is compared as an empty set, and named on stderr. It exits with 1 if a verdict changes, 0 if none does, 65 if a policy is refused.

With one name it tells where the cluster (of KUBECONFIG, ~/.kube/config or this pod) is not as those files say: policies that are missing,
in no file, or different, and who changed them last and when (from managed fields); then which verdicts the files would change. The order
of rules and defaults are no drift; only spec is compared. Kinds and namespaces of which the files have nothing are left alone; with -n
only that namespace counts. It exits with 1 if there is drift. With --watch it goes on until it is stopped.

Examples:
  karmor policy diff old/ new/
  git show main:web.yaml | karmor policy diff - web.yaml -l app=web
  karmor policy diff policies/ --context prod`,
  async run([a = '', b], flags, io) {
    if (b === undefined) return await (await import('../cluster/policy-drift.ts')).runDrift(a, flags, io);
    refuseClusterFlags(flags);
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
