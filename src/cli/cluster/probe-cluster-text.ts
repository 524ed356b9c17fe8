// SPDX-License-Identifier: Apache-2.0
import type { Verdict } from '../probe-verdict.ts';
import { tableLines } from '../table.ts';
import type { Colour, Text } from '../text.ts';
import { worstEffectFirst } from './live-policies.ts';
import type { LivePolicy } from './live-policies.ts';
import type { NodeState } from './node-states.ts';
import type { ClusterReport } from './probe-cluster.ts';

const COLOURS: { readonly [V in Verdict]: Colour } = {
  ENFORCING: 'green',
  'AUDIT-ONLY': 'yellow',
  DEGRADED: 'yellow',
  'NOT RUNNING': 'red',
};

/** What a reader can take in; the rest is counted, and `--full` tells it. */
const SHOWN = { reasons: 20, rows: 40 } as const;
const ALL = 'all: karmor probe --full';

/** @param isFull everything, with all that nodes say and every policy's nodes; else what is worst, and how much more there is */
export function clusterText(report: ClusterReport, isFull: boolean): Text[] {
  const { verdict, reasons, server, namespace } = report;
  const told = isFull ? reasons : reasons.slice(0, SHOWN.reasons);
  return [
    { text: verdict, colour: COLOURS[verdict] },
    ...told.flatMap(({ problem, cure }) => [`  - ${problem}`, ...(cure === '' ? [] : [`    → ${cure}`])]),
    ...(told.length < reasons.length ? [`  - and ${reasons.length - told.length} more reasons (${ALL})`] : []),
    `Cluster: ${server}, KubeArmor in the namespace ${namespace ?? 'none'}`,
    `Active enforcers: [${enforcersOf(report.nodes).join(', ')}]`,
    ...componentLines(report),
    ...nodeLines(report.nodes, isFull),
    ...policyLines(report.policies, isFull),
  ];
}

/** Of nodes whose agents report now; the line that KubeArmor’s pages look for. */
function enforcersOf(nodes: readonly NodeState[]): string[] {
  const found = nodes.flatMap(({ isFresh, report }) =>
    isFresh && report !== undefined && report.enforcer !== '' ? [report.enforcer] : [],
  );
  return [...new Set(found)].toSorted();
}

function section(title: string, rows: readonly (readonly string[])[], none: string): Text[] {
  if (rows.length <= 1) return [`${title}: ${none}`];
  return [{ text: `${title}:`, colour: 'bold' }, ...tableLines(rows).map((line) => `  ${line}`)];
}

/** Rows of a table as far as they are shown, worst first, and the words of those that are not, counted. */
function cut<T>(all: readonly T[], isFull: boolean, wordOf: (one: T) => string): { readonly shown: readonly T[]; readonly rest: Text[] } {
  const shown = isFull ? all : all.slice(0, SHOWN.rows);
  const hidden = all.slice(shown.length);
  if (hidden.length === 0) return { shown, rest: [] };
  const counts = [...Map.groupBy(hidden, wordOf)].map(([word, of]) => `${of.length} ${word}`);
  return { shown, rest: [`  and ${hidden.length} more: ${counts.join(', ')} (${ALL})`] };
}

function componentLines({ components }: ClusterReport): Text[] {
  const apps = [...Map.groupBy(components, ({ app }) => app)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const rows = apps.map(([app, pods]) => {
    const images = new Set(pods.flatMap(({ containers }) => containers.map(({ image }) => image)));
    return [app, `${pods.filter(({ isReady }) => isReady).length}/${pods.length}`, [...images].join(', ')];
  });
  return section('Components', [['NAME', 'READY', 'IMAGES'], ...rows], 'none');
}

function nodeLines(nodes: readonly NodeState[], isFull: boolean): Text[] {
  const worstFirst = nodes.toSorted((a, b) => NODE_ORDER.indexOf(stateOf(a)) - NODE_ORDER.indexOf(stateOf(b)));
  const { shown, rest } = cut(worstFirst, isFull, stateOf);
  const rows = shown.map((node) => {
    const { name, report, info } = node;
    const age = node.wordAgeSeconds === undefined ? '' : `${node.wordAgeSeconds} s ago`;
    const facts = report === undefined ? [info.kernel, info.runtime] : [report.kernel, report.runtime];
    return [name, stateOf(node), age, report?.enforcer ?? '', proofText(node), report?.agentVersion ?? '', ...facts];
  });
  const head = ['NODE', 'STATE', 'LAST WORD', 'ENFORCER', 'PROVEN', 'AGENT', 'KERNEL', 'RUNTIME'];
  return [...section('Nodes', [head, ...rows], 'none reports'), ...rest, ...(isFull ? nodes.flatMap(nodeDetails) : [])];
}

/** The worst first; a state that a later agent says is before them all. */
const NODE_ORDER: readonly string[] = ['no agent', 'silent', 'degraded', 'enforcing', 'no agent (takes no pods)'];

function stateOf({ report, isFresh, isSchedulable }: NodeState): string {
  if (report === undefined) return isSchedulable ? 'no agent' : 'no agent (takes no pods)';
  return isFresh ? report.state : 'silent';
}

function proofText({ report }: NodeState): string {
  if (report?.proof === undefined) return '';
  const { images, failed, since } = report.proof;
  if (failed > 0) return `${failed} of ${images} failed`;
  return since === '' ? 'not now' : `${images} of ${images}`;
}

function nodeDetails({ name, report, info }: NodeState): Text[] {
  if (report === undefined) return [];
  const lacks = report.lacks.map(({ construct, reason }) => `    cannot enforce ${construct}: ${reason}`);
  return [
    { text: `Node ${name}:`, colour: 'bold' },
    `    ${report.osImage}; kubelet ${info.kubelet || 'unknown'}; security modules: ${report.lsm.join(', ') || 'unknown'}`,
    ...lacks,
  ];
}

const EFFECT_COLOURS: { readonly [E in LivePolicy['effect']]: Colour } = {
  enforced: 'green',
  idle: 'dim',
  degraded: 'yellow',
  pending: 'yellow',
  unknown: 'yellow',
  'not enforced': 'red',
  refused: 'red',
};

/** The effect of a policy, coloured. */
export const effectText = (effect: LivePolicy['effect']): { text: string; colour: Colour } => ({
  text: effect,
  colour: EFFECT_COLOURS[effect],
});

function policyLines(policies: readonly LivePolicy[], isFull: boolean): Text[] {
  const { shown, rest } = cut(policies.toSorted(worstEffectFirst), isFull, ({ effect }) => effect);
  const rows = shown.map((policy) => [policy.ref, policy.effect, String(policy.workloads), nodesText(policy), firstLine(policy.why)]);
  const lines = [...section('Policies', [['POLICY', 'EFFECT', 'WORKLOADS', 'NODES', 'WHY'], ...rows], 'none'), ...rest];
  if (!isFull) return lines;
  const details = policies.flatMap(({ ref, nodeReasons }) =>
    nodeReasons.map(({ node, reason, message }) => `  ${ref} on ${node}: ${reason}: ${message}`),
  );
  return [...lines, ...details];
}

/** `2/3`: on how many of the nodes with workloads of it. */
export const nodesText = ({ nodes, enforcedNodes }: LivePolicy): string => `${enforcedNodes}/${nodes}`;

function firstLine(text: string): string {
  const line = text.split('\n')[0] ?? '';
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}
