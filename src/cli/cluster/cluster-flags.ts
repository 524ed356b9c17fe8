// SPDX-License-Identifier: Apache-2.0
import type { OptionSpec } from '../command.ts';
import type { Flags } from '../flags.ts';
import type { ClusterAsked } from './cluster-port.ts';

/** Of every command that can speak to a cluster; they may stand before the command too, as with KubeArmor’s tool. */
export const CLUSTER_OPTIONS: readonly OptionSpec[] = [
  { flags: '--kubeconfig <file>', summary: 'the kubeconfig of the cluster to speak to', completes: 'file' },
  { flags: '--context <name>', summary: 'its context (default: the current one)', completes: 'context' },
];

/** Where KubeArmor is in the cluster, for commands whose `-n` means something else. */
export const INSTALLATION_OPTION: OptionSpec = {
  flags: '--kubearmor-namespace <name>',
  summary: 'where KubeArmor is installed (default: kubearmor, else where its pods are)',
  completes: 'namespace',
};

export const askedCluster = (flags: Flags): ClusterAsked => ({ kubeconfig: flags.text('kubeconfig'), context: flags.text('context') });
