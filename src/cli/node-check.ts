// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { Issue } from '#base';
import { nodeLacks } from '#host';
import type { NodeLack } from '#host';
import { ANY_WORKLOAD, asWritten, compile, isMap } from '#policy';
import type { Policy, Rule } from '#policy';
import type { Io } from './io.ts';
import { readPolicyFiles } from './policy-files.ts';
import type { LoadedPolicy } from './policy-set.ts';
import type { LocalFacts } from './ports.ts';

/** Rules of one shape that a node cannot enforce, for one reason. */
export interface NodeGap {
  /** `process.matchPaths`, and what of it where it is a part. */
  readonly construct: string;
  readonly reason: string;
  readonly cure: string;
  readonly rules: readonly { readonly policy: LoadedPolicy; readonly rule: Rule }[];
}

/** What a node can do with policies. */
export interface NodeReport {
  readonly node: string;
  readonly kernel: string;
  /** What it lacks as a whole: with any of these it enforces nothing. */
  readonly lacks: readonly NodeLack[];
  readonly gaps: readonly NodeGap[];
}

type Facts = Pick<LocalFacts, 'hostname' | 'kernelRelease' | 'kernelMajor' | 'kernelMinor' | 'lsms' | 'hasBtf' | 'cgroupRoot'>;

/**
 * What the node of these facts cannot enforce of these policies, by construct. Node-wide lacks come first: they hold for every rule.
 */
export function checkNode(policies: readonly LoadedPolicy[], facts: Facts): NodeReport {
  const gaps = new Map<string, NodeGap & { readonly rules: { policy: LoadedPolicy; rule: Rule }[] }>();
  for (const policy of policies) {
    for (const { rule, reason } of notEnforced(policy.policy)) {
      const construct = constructOf(rule);
      const key = `${construct} ${reason}`;
      const gap = gaps.get(key) ?? {
        construct,
        reason,
        cure: 'remove the rules, or keep them for a later version; the others are enforced',
        rules: [],
      };
      gap.rules.push({ policy, rule });
      gaps.set(key, gap);
    }
  }
  return { node: facts.hostname, kernel: facts.kernelRelease, lacks: nodeLacks(facts), gaps: [...gaps.values()] };
}

function notEnforced(policy: Policy): { rule: Rule; reason: string }[] {
  const made = compile([policy], ANY_WORKLOAD, asWritten);
  if ('exceeded' in made)
    return policy.rules.map((rule) => ({ rule, reason: `the policy is beyond the limit of ${made.limit} ${made.exceeded}` }));
  return made.notEnforced.flatMap(({ rule: { field }, reason }) =>
    policy.rules.filter((rule) => rule.field === field).map((rule) => ({ rule, reason })),
  );
}

/** `spec.process.matchPaths[2]#0` → `process.matchPaths`. */
const constructOf = ({ field }: Rule): string => field.replace(/^spec\./, '').replace(/\[\d+\].*$|#\d+$/, '');

/**
 * The facts that `--node` names: `local`, or a file of JSON as `karmor probe -o json` prints it (its `node`, or that alone).
 *
 * @throws {KubeArmorError} `USAGE` for a file without facts; as `readPolicyFiles`
 */
export async function nodeFacts(name: string, io: Io): Promise<Facts> {
  if (name === 'local') return await io.localFacts();
  for await (const { text } of readPolicyFiles(name, io)) {
    if (text !== undefined) return factsOf(text, name);
  }
  throw new KubeArmorError('USAGE', `--node ${name}: it cannot be read`);
}

function factsOf(text: string, name: string): Facts {
  const found = readFacts(text);
  if (typeof found !== 'string') return { ...found, hostname: found.hostname || name };
  throw new KubeArmorError('USAGE', `--node ${name}: ${found}: write it with \`karmor probe -o json\` on the node`);
}

/** The facts, or what is wrong. */
function readFacts(text: string): Facts | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'it is no JSON';
  }
  const node = isMap(json) && isMap(json['node']) ? json['node'] : json;
  if (!isMap(node) || typeof node['kernelRelease'] !== 'string') return 'it has no facts of a node (`node.kernelRelease`)';
  const { hostname, kernelRelease, lsms, hasBtf, cgroupVersion } = node;
  const version = /^(\d+)\.(\d+)/.exec(kernelRelease);
  if (version === null) return `\`${kernelRelease.slice(0, 60)}\` is no kernel release`;
  if (!isNames(lsms)) return '`lsms` is no list of names';
  if (typeof hasBtf !== 'boolean') return '`hasBtf` is neither true nor false';
  if (!isCgroupVersion(cgroupVersion)) return '`cgroupVersion` is neither 1 nor 2';
  // older output does not tell: version 2 is what nearly every node has
  const cgroupRoot = { version: cgroupVersion ?? 2, directory: '/sys/fs/cgroup' } as const;
  const kernel = { kernelRelease, kernelMajor: Number(version[1]), kernelMinor: Number(version[2]) };
  return { ...kernel, hostname: typeof hostname === 'string' ? hostname : '', lsms, hasBtf, cgroupRoot };
}

const isNames = (value: unknown): value is readonly string[] | undefined =>
  value === undefined || (Array.isArray(value) && value.every((one) => typeof one === 'string'));
const isCgroupVersion = (value: unknown): value is 1 | 2 | undefined => value === undefined || value === 1 || value === 2;

/** The report as issues, at the rules that it is about; of the node as a whole one for each policy. */
export function nodeIssues({ node, lacks, gaps }: NodeReport, policies: readonly LoadedPolicy[]): Issue[] {
  const whole = policies.flatMap((policy) =>
    lacks.map(({ problem, cure }): Issue => ({
      severity: 'warning',
      code: 'NODE_CANNOT_ENFORCE',
      ...policy.where('metadata.name'),
      at: '',
      problem: `nothing of it is enforced on ${node}: ${problem}`,
      cure,
    })),
  );
  const parts = gaps.flatMap(({ rules, reason, cure }) =>
    rules.map(({ policy, rule }): Issue => ({
      severity: 'warning',
      code: 'NODE_CANNOT_ENFORCE',
      ...policy.where(rule.field),
      at: rule.field,
      problem: reason,
      cure,
    })),
  );
  return [...whole, ...parts];
}

/** The report for people, below the issues of a check. */
export function nodeLines(
  { node, kernel, lacks, gaps }: NodeReport,
  policies: number,
): { readonly text: string; readonly isBad: boolean }[] {
  if (policies === 0) return [];
  const lines = lacks.flatMap(({ problem, cure }) => [
    { text: `  - ${problem}`, isBad: false },
    { text: `    → ${cure}`, isBad: false },
  ]);
  const head = `node ${node} (kernel ${kernel}): `;
  if (lacks.length > 0) return [{ text: `${head}enforces nothing`, isBad: true }, ...lines];
  if (gaps.length === 0) return [{ text: `${head}enforces every rule`, isBad: false }];
  const list = gaps.map(({ construct, reason, rules }) => ({
    text: `  - ${construct}, ${rules.length} ${rules.length === 1 ? 'rule' : 'rules'}: ${reason}`,
    isBad: false,
  }));
  return [{ text: `${head}does not enforce`, isBad: true }, ...list];
}
