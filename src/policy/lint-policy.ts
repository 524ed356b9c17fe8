// SPDX-License-Identifier: Apache-2.0
import type { Finding } from './lint.ts';
import type { Family, Policy, Rule } from './model.ts';

/** What is odd about one policy as it is written. `beside`: it and those that are with it on every workload. */
export function lintPolicy(policy: Policy, index: number, beside: readonly Policy[]): Finding[] {
  const found = [...families(policy, beside), ...mergedUsr(policy, beside), ...aroundPorts(policy, beside), ...copies(policy)];
  return found.map((one) => ({ because: [], ...one, policy: index }));
}

type Part = Omit<Finding, 'policy' | 'because'>;
const LISTED = ['process', 'file', 'network', 'capabilities'] as const satisfies readonly Family[];
const WHAT = {
  process: 'every program that no Allow rule names',
  file: 'every file that no Allow rule names',
  network: 'every socket that no Allow rule names',
  capabilities: 'every capability that no Allow rule names',
} as const;

function families(policy: Policy, beside: readonly Policy[]): Part[] {
  return LISTED.flatMap((family): Part[] => {
    const mine = policy.rules.filter((rule) => rule.family === family);
    const allows = mine.filter(({ action }) => action === 'Allow');
    const [first] = allows;
    if (first === undefined) return [];
    const denies = beside.some(
      (other) => other.defaultPosture === 'block' && other.rules.some((rule) => rule.family === family && rule.action === 'Allow'),
    );
    const effect = denies ? 'is denied' : 'raises an alert, or is denied where the posture is block';
    const blocks = mine.filter(({ action }) => action === 'Block');
    if (
      blocks.length > 0 &&
      allows.length <= blocks.length &&
      !allows.some((allow) => blocks.some((block) => isException(allow, block) || isException(block, allow)))
    ) {
      const problem = `Allow beside Block rules of the family ${family}, and no exception to any of them: it makes the family an allow-list, so ${WHAT[family]} ${effect}`;
      return [
        {
          code: 'ALLOW_BESIDE_BLOCK',
          at: first.field,
          problem,
          cure: 'remove the Allow rules: without them everything but the Block rules passes',
        },
      ];
    }
    if (!denies) return []; // the check says ALLOW_WITHOUT_BLOCK
    const problem = `Allow rules with the posture block: ${WHAT[family]} is denied${family === 'file' ? ', the loader and libraries of the programs too' : ''}`;
    return [
      {
        code: 'FAMILY_DEFAULT_DENY',
        at: first.field,
        problem,
        cure: 'try it with `karmor policy test`, or with `defaultPosture: audit` first',
      },
    ];
  });
}

/** Whether one rule may stand for a part of what another names: by a subject of its own, or below its directory or glob. */
function isException(part: Rule, whole: Rule): boolean {
  if (part.subjects.length > 0 && whole.subjects.length === 0) return true;
  if (!('object' in part) || !('object' in whole) || part.object === undefined || whole.object === undefined)
    return 'port' in part || 'cidr' in part;
  return whole.object.kind === 'dir' || whole.object.kind === 'glob';
}

const MERGED = /^(?:\/usr)?(\/(?:s?bin|lib\w*)\/.+)$/;

function mergedUsr(policy: Policy, beside: readonly Policy[]): Part[] {
  const key = (rule: Rule, path: string): string => `${rule.family} ${rule.action} ${path}`;
  const exact = (rule: Rule): string | undefined =>
    (rule.family === 'process' || rule.family === 'file') && rule.object.kind === 'path' ? rule.object.path : undefined;
  const known = new Set(beside.flatMap(({ rules }) => rules.flatMap((rule) => key(rule, exact(rule) ?? ''))));
  const half = policy.rules.flatMap((rule) => {
    const path = exact(rule);
    const name = path === undefined ? undefined : MERGED.exec(path)?.[1];
    if (path === undefined || name === undefined || path.startsWith('/usr/')) return [];
    return known.has(key(rule, `/usr${path}`)) ? [] : [{ rule, path }];
  });
  const [first] = half;
  if (first === undefined) return [];
  const top = first.path.split('/', 2).join('/');
  const more = half.length === 1 ? '' : ` (and ${half.length - 1} more like it)`;
  const problem = `${first.path} without /usr${first.path}${more}: both are covered where ${top} is a link to /usr${top}, and only this name where it is not`;
  return [
    {
      code: 'ONE_OF_MERGED_USR',
      at: first.rule.field,
      problem,
      cure: 'add the other name if images without the link run this, or if KubeArmor itself is to read the policy',
    },
  ];
}

function aroundPorts(policy: Policy, beside: readonly Policy[]): Part[] {
  const detailed = policy.rules.find(
    (rule) => rule.family === 'network' && rule.action !== 'Audit' && (rule.port !== undefined || rule.cidr !== undefined),
  );
  if (detailed === undefined) return [];
  const all = beside.flatMap(({ rules }) => rules);
  const closes = (rule: Rule): boolean =>
    rule.action === 'Block' &&
    rule.subjects.length === 0 &&
    ((rule.family === 'capabilities' && rule.capability === 'CAP_NET_RAW') ||
      (rule.family === 'network' && rule.protocol === 'raw' && rule.port === undefined));
  const lists = beside.some(
    (one) => one.defaultPosture === 'block' && one.rules.some((rule) => rule.family === 'capabilities' && rule.action === 'Allow'),
  );
  if (
    all.some(closes) ||
    (lists && !all.some((rule) => rule.family === 'capabilities' && rule.action === 'Allow' && rule.capability === 'CAP_NET_RAW'))
  )
    return [];
  const problem = 'a program with CAP_NET_RAW sends packets around rules on ports and addresses, and nothing here keeps programs from it';
  return [
    {
      code: 'NET_RAW_AROUND_PORTS',
      at: detailed.field,
      problem,
      cure: 'add a Block rule for the capability `net_raw`, or run the container without it',
    },
  ];
}

function copies({ rules }: Policy): Part[] {
  const processes = rules.filter((rule) => rule.family === 'process');
  const first = processes.find((rule) => rule.action === 'Block' && rule.object.kind !== 'dir');
  if (first === undefined || processes.some(({ action }) => action === 'Allow')) return [];
  const problem = 'programs are blocked by their names: a copy under another name runs, and so do scripts that an interpreter reads';
  return [
    {
      code: 'COPIES_RUN',
      at: first.field,
      problem,
      cure: 'where that matters, allow the programs that are needed and set `defaultPosture: block`',
    },
  ];
}
