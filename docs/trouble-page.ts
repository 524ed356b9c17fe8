// SPDX-License-Identifier: Apache-2.0
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from '#base';
import type { ErrorCode } from '#base';
import { NODE_REASONS, RULE_NOT_TRIED } from '#cluster';
import { LINT_CODES } from '#policy';
import type { LintCode } from '#policy';
import { ISSUE_MEANINGS } from './issue-meanings.ts';
import { ERROR_TROUBLE, ISSUE_TROUBLE, LINT_TROUBLE, STATUS_TROUBLE } from './trouble-codes.ts';

type Table = (head: readonly string[], rows: readonly (readonly string[])[]) => string;
const ROOT = join(import.meta.dirname, '..');
const code = (text: string): string => `\`${text}\``;
/** Where words of conditions, of reports and of refusals are given. */
const STATUS_SOURCES = 'src/{agent/kube,agent/proof,cluster,controller,operator}/*.ts';

const sentence = (text: string): string => `${text[0]?.toUpperCase()}${text.slice(1)}${text.endsWith('?') ? '' : '.'}`;

/** Every word in CamelCase that a source gives as `code` or `reason`. */
function statusWords(): string[] {
  const sources = globSync(STATUS_SOURCES, { cwd: ROOT }).filter((path) => !path.endsWith('.test.ts'));
  const words = sources.flatMap((path) => {
    const given = readFileSync(join(ROOT, path), 'utf8').matchAll(/\b(?:code|reason): ([^,;\n}]*)/g);
    return [...given].flatMap(([, value = '']) => [...value.matchAll(/'([A-Z][a-z]+[A-Za-z]*)'/g)].map(([, word = '']) => word));
  });
  return [...new Set([...words, ...NODE_REASONS, RULE_NOT_TRIED])];
}

/** Fails where a table of explanations and the code differ. */
function same(what: string, codes: readonly string[], explained: Readonly<Record<string, unknown>>): void {
  const missing = codes.filter((name) => !Object.hasOwn(explained, name));
  const stale = Object.keys(explained).filter((name) => !codes.includes(name));
  if (missing.length > 0) throw new Error(`docs/trouble-codes.ts does not explain ${what} ${missing.join(', ')}`);
  if (stale.length > 0) throw new Error(`docs/trouble-codes.ts explains ${what} that no source has: ${stale.join(', ')}`);
}

/**
 * What every code means, why it comes and what to do. Fails where a code has no explanation, or an explanation no code.
 *
 * @param issues codes of issues, as found in the sources
 */
export function troublePage(table: Table, issues: readonly string[]): string {
  same('the issue', issues, ISSUE_TROUBLE);
  same('the word', statusWords(), STATUS_TROUBLE);
  const sorted = <T>(record: Readonly<Record<string, T>>): [string, T][] => Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const errors = sorted(ERROR_TROUBLE).map(([name, { meaning, why, cure }]) => [code(name), meaning, why, `${sentence(ERRORS[name as ErrorCode].hint)} ${cure}`]);
  const issueRows = sorted(ISSUE_TROUBLE).map(([name, { why, cure }]) => [code(name), (ISSUE_MEANINGS[name] ?? '').replaceAll('](limits.md)', '](../reference/limits.md)'), why, cure]);
  const lint = sorted(LINT_TROUBLE).map(([name, { why, cure }]) => [code(name), LINT_CODES[name as LintCode].meaning, why, cure]);
  const status = sorted(STATUS_TROUBLE).map(([name, { meaning, why, cure }]) => [code(name), meaning, why, cure]);
  return `# Troubleshooting

## "I applied Block and it is not blocked"

In this order:

1. \`karmor probe\`: the first line must be ENFORCING. If it is not, the lines below say why, each with its cure.
2. Does the policy select the workload? On a host: \`karmor probe\` lists the policies of each container. In a cluster:
   \`kubectl get ksp NAME\`, columns ENFORCED and WORKLOADS; 0 workloads is a matter of the selector or the namespace.
3. Was every rule taken? \`karmor policy check FILE\` names rules that no enforcer can do; the condition \`Degraded\` those that a node cannot.
4. What decides the access? \`karmor explain FILE --exec /bin/sh -l app=web\` says which rule, and why not the others. \`--merged-usr\` and \`--link\`
   say what is known of the image.
5. Is it an Allow rule? What no Allow rule names is denied with the posture \`block\` alone; the default is \`audit\`.
6. Is the workload \`audited\` or \`disabled\` (annotation \`kubearmor-policy\`)? An alert with the action \`Audit (Block)\` says so.
7. Is it what the [threat model](../threat-model.md) lists as not covered: a copy of the program, a script that an interpreter reads, an applet
   that busybox runs inside itself, a file that was open before?

## "Something is denied that should not be"

\`karmor logs\` has the alert: it names the policy and the rule that decided. \`PolicyName\` is \`DefaultPosture\` where no rule names the access and the
posture is \`block\`. Then \`karmor explain\` with the policies shows what would have to be written. To let a workload go on at once: the
annotation \`kubearmor-policy: audited\` on its pod, or \`action: Audit\` in the policy.

## Words of statuses, reports and events

Of the conditions of policies and of KubeArmorConfig, of \`.status.nodeReasons\`, of a node's report (\`kubectl get kan NODE -o yaml\`), of refusals by the API server, of Events.

${table(['word', 'meaning', 'why it comes', 'what to do'], status)}

## Errors

Exit codes are in [exit-codes.md](../reference/exit-codes.md), gRPC statuses in [errors.md](../reference/errors.md).

${table(['code', 'meaning', 'why it comes', 'what to do'], errors)}

## Problems in policies and settings

Severities are in [errors.md](../reference/errors.md).

${table(['code', 'meaning', 'why it comes', 'what to do'], issueRows)}

## What \`karmor policy lint\` finds

${table(['code', 'meaning', 'why it comes', 'what to do'], lint)}
`;
}
