// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { agentAddress } from '../agent-address.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import type { AgentAddress } from '../ports.ts';
import { askedCluster } from './cluster-flags.ts';
import type { ClusterAsked, Surroundings } from './cluster-port.ts';

/** Whom a command speaks to. */
export type Target =
  | { readonly kind: 'agent'; readonly to: AgentAddress; readonly note?: string | undefined }
  | { readonly kind: 'cluster'; readonly asked: ClusterAsked; readonly isInPod: boolean; readonly note?: string | undefined };

/** The rule, as `--help` says it. */
export const TARGET_DETAILS = `Whom it speaks to, the first that holds:
  1. --kubeconfig or --context: that cluster (with --gRPC: refused)
  2. --gRPC or KUBEARMOR_SERVICE: the agent or relay at that address
  3. KUBECONFIG is set: that cluster
  4. an agent’s socket is on this machine: that agent
  5. in a pod: its cluster; else ~/.kube/config is there: that cluster
  6. the agent of this machine
Where 4 and 5 are both there, it is said on stderr.`;

/**
 * Chooses by what was named, else by what is there. Nothing is tried out: a cluster that does not answer is an error, and no reason to
 * look elsewhere.
 *
 * @throws {KubeArmorError} `USAGE` where flags name both
 */
export async function chooseTarget(flags: Flags, io: Io): Promise<Target> {
  const asked = askedCluster(flags);
  const namesCluster = asked.kubeconfig !== undefined || asked.context !== undefined;
  if (namesCluster && (flags.text('gRPC') ?? '') !== '') {
    throw new KubeArmorError('USAGE', '--gRPC names an address, --kubeconfig and --context a cluster: give one of them');
  }
  if (namesCluster) return { kind: 'cluster', asked, isInPod: false };
  const agent: Target = { kind: 'agent', to: agentAddress(flags, io) };
  return isAddressNamed(flags, io) ? agent : chooseFound(agent, await io.surroundings());
}

function chooseFound(agent: Target, there: Surroundings): Target {
  const { hasKubeconfigVariable, hasAgentSocket, isInPod, homeKubeconfig } = there;
  if (hasKubeconfigVariable) return { kind: 'cluster', asked: {}, isInPod: false };
  const hasCluster = isInPod || homeKubeconfig !== undefined;
  if (!hasCluster) return hasAgentSocket ? agent : { ...agent, note: 'there is no kubeconfig, and no agent’s socket on this machine' };
  if (!hasAgentSocket) return { kind: 'cluster', asked: {}, isInPod };
  const home = `of ~/.kube/config: --kubeconfig ${homeKubeconfig}`;
  const other = isInPod ? 'of this pod: --gRPC kubearmor.kubearmor.svc:32767 --secure' : home;
  return { ...agent, note: `this is the agent of this machine; for the cluster ${other}` };
}

const isAddressNamed = (flags: Flags, io: Io): boolean => (flags.text('gRPC') ?? '') !== '' || (io.env.KUBEARMOR_SERVICE ?? '') !== '';
