// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { CORE, policyRef } from '#cluster';
import type { KubeApi, KubeObject } from '#k8s';
import { parsePolicyObject } from '#policy';
import type { Policy } from '#policy';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import { current, loadPolicySet, reportErrors } from '../policy-set.ts';
import type { Text } from '../text.ts';
import { askedCluster } from './cluster-flags.ts';
import { listPolicies } from './live-policies.ts';
import { matchNodes, matchPods } from './pod-match.ts';
import type { NodeMatch, PodMatch } from './pod-match.ts';

/** What is selected by policies that were asked about. */
interface Matches {
  readonly asked: readonly Policy[];
  readonly pods: readonly PodMatch[];
  readonly nodes: readonly NodeMatch[];
}

/** Pods of one policy that are named; the rest is a number. */
const PODS_NAMED = 20;

/** `karmor policy match`. */
export async function printMatches(names: readonly string[], flags: Flags, io: Io): Promise<ExitCode> {
  const set = names.length === 0 ? undefined : await loadPolicySet(names, io);
  if (set !== undefined && reportErrors(set.issues, io)) return EXIT_CODES.badData.code;
  using cluster = await io.cluster(askedCluster(flags));
  const live = await livePolicies(cluster.api, io);
  const files = set === undefined ? undefined : current(set.all).map(({ policy }) => policy);
  const asked = files ?? live;
  const beside = live.filter((policy) => !asked.some((one) => policyRef(one) === policyRef(policy)));
  const pods = await readPods(cluster.api, flags, io.signal);
  const nodes = asked.some(({ selector }) => selector.target === 'node') ? await cluster.api.list(CORE.nodes, {}, io.signal) : [];
  const refs = new Set(asked.map(policyRef));
  const touched = matchPods([...asked, ...beside], pods).filter(({ policies }) => policies.some((ref) => refs.has(ref)));
  const found: Matches = { asked, pods: touched, nodes: matchNodes(asked, nodes) };
  if (flags.text('output') === 'json') await io.outJson(JSON.stringify(matchesJson(found), undefined, 2));
  else for (const line of flags.text('pod') === undefined ? matchLines(found) : podLines(found, flags)) await io.out(line);
  const selected = new Set([...found.pods, ...found.nodes].flatMap(({ policies }) => policies));
  const isAll = flags.text('pod') === undefined ? asked.every((policy) => selected.has(policyRef(policy))) : found.pods.length > 0;
  return isAll ? EXIT_CODES.ok.code : EXIT_CODES.findings.code;
}

async function livePolicies(api: KubeApi, io: Io): Promise<Policy[]> {
  const live = await listPolicies(api, undefined, io.signal);
  return live.flatMap(({ kind, ref, object }) => {
    const { policy } = parsePolicyObject(object, { kind });
    if (policy === undefined) io.err(`karmor policy match: ${ref} cannot be read, and is left out; see \`karmor policy status ${ref}\``);
    return policy ?? [];
  });
}

async function readPods(api: KubeApi, flags: Flags, signal: AbortSignal): Promise<readonly KubeObject[]> {
  const [namespace, pod] = [flags.text('namespace'), flags.text('pod')];
  const selection = {
    ...(namespace === undefined ? {} : { namespace }),
    ...(pod === undefined ? {} : { fieldSelector: `metadata.name=${pod}` }),
  };
  const pods = await api.list(CORE.pods, selection, signal);
  if (pod !== undefined && pods.length === 0)
    throw new KubeArmorError('USAGE', `--pod ${pod}: there is no such pod${namespace === undefined ? '' : ` in ${namespace}`}`);
  return pods;
}

function matchLines({ asked, pods, nodes }: Matches): Text[] {
  if (asked.length === 0) return ['there is no policy'];
  return asked.flatMap((policy): Text[] => {
    const ref = policyRef(policy);
    const [onPods, onNodes] = [pods, nodes].map((all) => all.filter(({ policies }) => policies.includes(ref))) as [PodMatch[], NodeMatch[]];
    const isOfNodes = policy.selector.target === 'node';
    const count = isOfNodes ? onNodes.length : onPods.length;
    const noun = isOfNodes ? 'node' : 'pod';
    const head: Text = [{ text: ref, colour: 'bold' }, `  ${count} ${count === 1 ? noun : `${noun}s`}`];
    if (count === 0) return [head, [{ text: '  selects nothing now', colour: 'yellow' }, selectorHint(policy)]];
    const lines = isOfNodes ? onNodes.map(({ node }) => `  ${node}`) : onPods.map((match) => podLine(match, ref));
    return [head, ...lines.slice(0, PODS_NAMED), ...(lines.length > PODS_NAMED ? [`  and ${lines.length - PODS_NAMED} more`] : [])];
  });
}

function selectorHint({ selector, namespace }: Policy): string {
  const labels = Object.entries(selector.matchLabels).map(([key, value]) => `${key}=${value}`);
  const where = namespace === '' ? '' : ` in the namespace ${namespace}`;
  return labels.length === 0 ? where : `: no ${selector.target === 'node' ? 'node' : 'pod'}${where} has ${labels.join(', ')}`;
}

function podLine({ namespace, pod, containers, containerCount, policies, isDisabled }: PodMatch, ref: string): string {
  const some = containers.length === containerCount ? '' : ` (of its containers: ${containers.join(', ')})`;
  const others = policies.filter((one) => one !== ref);
  const beside = others.length === 0 ? '' : `; also on it: ${others.join(', ')}`;
  return `  ${namespace}/${pod}${some}${isDisabled ? ' (not enforced: its annotation says disabled)' : ''}${beside}`;
}

function podLines({ pods }: Matches, flags: Flags): Text[] {
  if (pods.length === 0) return [`no policy selects the pod ${flags.text('pod')}`];
  return pods.flatMap(({ namespace, pod, policies, isDisabled }): Text[] => [
    [{ text: `${namespace}/${pod}`, colour: 'bold' }, isDisabled ? '  not enforced: its annotation says disabled' : ''],
    ...policies.map((ref) => `  ${ref}`),
  ]);
}

function matchesJson({ asked, pods, nodes }: Matches): object {
  return { schemaVersion: 1, policies: asked.map(policyRef), pods, nodes };
}
