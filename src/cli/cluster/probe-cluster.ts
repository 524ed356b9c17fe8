// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { textOf } from '#cluster';
import type { Reason } from '../agent-detail.ts';
import type { Io } from '../io.ts';
import type { Verdict } from '../probe-verdict.ts';
import type { ClusterPort } from './cluster-port.ts';
import { componentPods, findInstallation } from './installation.ts';
import type { ComponentPod } from './installation.ts';
import { listPolicies, worstEffectFirst } from './live-policies.ts';
import type { LivePolicy } from './live-policies.ts';
import { readNodes } from './node-states.ts';
import type { NodeState, Optional } from './node-states.ts';

/** What `karmor probe` finds in a cluster. */
export interface ClusterReport {
  readonly verdict: Verdict;
  readonly reasons: readonly Reason[];
  readonly server: string;
  readonly namespace: string | undefined;
  readonly components: readonly ComponentPod[];
  readonly nodes: readonly NodeState[];
  readonly policies: readonly LivePolicy[];
}

const CLOCK_CURE = 'look at `kubectl logs` of its agent; if all nodes are so, compare this machine’s clock';

/**
 * Reads everything once; what this user may not read is a reason, and the rest is told.
 *
 * @throws {KubeArmorError} where the cluster cannot be asked at all
 */
export async function probeCluster(cluster: ClusterPort, asked: string | undefined, io: Io): Promise<ClusterReport> {
  const { api, server } = cluster;
  const reasons: Reason[] = [];
  const optional: Optional = async (what, read) => {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof KubeArmorError) || !['API_REFUSED', 'NOT_SUPPORTED'].includes(error.code)) throw error;
      reasons.push({ problem: `${what} cannot be read: ${error.message}`, cure: error.hint });
      return undefined;
    }
  };
  const found = await optional('where KubeArmor is installed', () => findInstallation(cluster, asked, io.signal));
  const namespace = found?.namespace;
  const components =
    namespace === undefined ? [] : ((await optional('KubeArmor’s pods', () => componentPods(cluster, namespace, io.signal))) ?? []);
  const policies = (await optional('policies', () => listPolicies(api, undefined, io.signal))) ?? [];
  const parts = { namespace: namespace ?? asked ?? 'kubearmor', wallMs: io.wallMs(), signal: io.signal, optional };
  const nodes = await optional('what nodes report', () => readNodes(api, parts));
  reasons.push(...componentReasons(components), ...nodeReasons(nodes, components), ...policyReasons(policies));
  return { verdict: verdictOf(nodes ?? [], reasons), reasons, server, namespace, components, nodes: nodes ?? [], policies };
}

function verdictOf(nodes: readonly NodeState[], reasons: readonly Reason[]): Verdict {
  const fresh = nodes.filter(({ isFresh, report }) => isFresh && report !== undefined);
  if (fresh.length === 0) return 'NOT RUNNING';
  if (fresh.every(({ report }) => report?.enforcer === '')) return 'AUDIT-ONLY';
  return reasons.length === 0 ? 'ENFORCING' : 'DEGRADED';
}

function componentReasons(components: readonly ComponentPod[]): Reason[] {
  return components
    .filter(({ isReady, object }) => !isReady && textOf(object['status'], 'phase') !== 'Succeeded')
    .map(({ namespace, name }) => ({
      problem: `the pod ${namespace}/${name} is not ready`,
      cure: `see \`kubectl -n ${namespace} describe pod ${name}\``,
    }));
}

function nodeReasons(nodes: readonly NodeState[] | undefined, components: readonly ComponentPod[]): Reason[] {
  const hasAgents = components.some(({ app }) => app === 'kubearmor');
  if (nodes === undefined) {
    if (!hasAgents) return [{ problem: 'the cluster knows no KubeArmorNode: no agent reports', cure: 'install it: `karmor install`' }];
    return [
      {
        problem: 'pods with the label kubearmor-app=kubearmor run, and none reports: they are KubeArmor’s own',
        cure: '`karmor migrate --check cluster` says what would change; `kubectl get nodes` and KubeArmor’s karmor show them',
      },
    ];
  }
  return nodes.flatMap(nodeReason);
}

function nodeReason({ name, report, isFresh, wordAgeSeconds, isSchedulable }: NodeState): Reason[] {
  if (report === undefined) {
    if (!isSchedulable) return [];
    return [
      { problem: `node ${name}: no agent reports of it`, cure: 'has the DaemonSet a pod there? compare its tolerations and nodeSelector' },
    ];
  }
  if (!isFresh) {
    const since = wordAgeSeconds === undefined ? 'has never said that its report holds' : `is silent for ${wordAgeSeconds} s`;
    return [{ problem: `node ${name}: its agent ${since}`, cure: CLOCK_CURE }];
  }
  const told = report.problems.map(({ problem, cure }) => ({ problem: `node ${name}: ${problem}`, cure }));
  if (told.length > 0 || report.state === 'enforcing') return told;
  return [{ problem: `node ${name}: its agent says ${report.state}`, cure: 'see `kubectl describe kan ' + name + '`' }];
}

function policyReasons(policies: readonly LivePolicy[]): Reason[] {
  return policies
    .filter(({ effect }) => effect !== 'enforced' && effect !== 'idle')
    .toSorted(worstEffectFirst)
    .map(({ ref, effect, why }) => ({
      problem: `policy ${ref} is ${effect === 'unknown' ? 'not known to be enforced' : effect}: ${why.split('\n')[0] ?? ''}`,
      cure: `see \`karmor policy status ${ref}\``,
    }));
}
