// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { LABELS } from '#cluster';
import type { KubeObject } from '#k8s';
import { isMap } from '#policy';

/** What nodes have in common whose agents need the same pod. */
export interface NodeShape {
  /** Of the DaemonSet. */
  readonly name: string;
  readonly runtime: 'containerd';
  /** Absolute path of the runtime's socket on the node. */
  readonly socket: string;
}

/** What a Node says of itself. */
export interface NodeFacts {
  readonly os: string;
  /** As `containerd://2.1.0-k3s1`. */
  readonly runtime: string;
  readonly kubelet: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Where distributions put containerd's socket, the first that fits; the last fits every node with containerd.
 *
 * @source each distribution's documentation; kubelet versions end with the distribution's name (Kubernetes, “Version skew”: build metadata)
 */
const DISTRIBUTIONS: readonly { readonly socket: string; readonly isOf: (facts: NodeFacts) => boolean }[] = [
  { socket: '/run/k3s/containerd/containerd.sock', isOf: ({ kubelet }) => /\+(k3s|rke2r)\d/.test(kubelet) },
  { socket: '/run/k0s/containerd.sock', isOf: ({ kubelet }) => /\+k0s/.test(kubelet) },
  { socket: '/var/snap/microk8s/common/run/containerd.sock', isOf: ({ labels }) => labels['microk8s.io/cluster'] === 'true' },
  { socket: '/run/containerd/containerd.sock', isOf: () => true },
];

/** A shape by its socket. The name tells shapes apart as KubeArmor's does, and is none of KubeArmor's; our charts make it too. */
export function shapeOfSocket(socket: string): NodeShape {
  const digest = createHash('sha256').update(socket).digest('hex').slice(0, 5);
  return { name: `kubearmor-containerd-${digest}`, runtime: 'containerd', socket };
}

/** Every shape that nodes are found to have. */
export const SHAPES: readonly NodeShape[] = DISTRIBUTIONS.map(({ socket }) => shapeOfSocket(socket));

export type FoundShape =
  /** `apart`: a node that needs no agent, and nobody need be told. */
  { readonly shape: NodeShape } | { readonly apart: true } | { readonly problem: string };

/**
 * The shape of a node, from what its kubelet says: no program has to look at the node first.
 *
 * @param socket of the runtime on every node, where the administrator named it
 */
export function shapeOf(facts: NodeFacts, socket?: string): FoundShape {
  if (facts.os !== 'linux') return facts.os === '' ? { problem: 'its kubelet has not said yet what it is' } : { apart: true };
  const [runtime = ''] = facts.runtime.split('://', 1);
  if (runtime === 'docker' || runtime === 'containerd') {
    if (socket !== undefined) return { shape: shapeOfSocket(socket) };
    const found = DISTRIBUTIONS.find(({ isOf }) => isOf(facts));
    return { shape: shapeOfSocket(found?.socket ?? '') };
  }
  return {
    problem: runtime === '' ? 'its kubelet has not said yet which runtime it has' : `there is no agent for the runtime ${runtime} yet`,
  };
}

/** Reads a Node; it is untrusted data. */
export function nodeFacts(node: KubeObject): NodeFacts {
  const status = isMap(node['status']) ? node['status'] : {};
  const info: Readonly<Record<string, unknown>> = isMap(status['nodeInfo']) ? status['nodeInfo'] : {};
  const text = (field: string): string => {
    const value = Object.hasOwn(info, field) ? info[field] : undefined;
    return typeof value === 'string' ? value.slice(0, 256) : '';
  };
  return {
    os: text('operatingSystem'),
    runtime: text('containerRuntimeVersion'),
    kubelet: text('kubeletVersion'),
    labels: node.metadata.labels ?? {},
  };
}

/** The labels that select a shape's nodes, as KubeArmor writes them: a socket's path with `_` for `/`. */
export const shapeLabels = ({ runtime, socket }: NodeShape): Readonly<Record<string, string>> => ({
  [LABELS.runtime]: runtime,
  [LABELS.socket]: socket.slice(1).replaceAll('/', '_').slice(0, 63),
});
