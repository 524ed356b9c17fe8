// SPDX-License-Identifier: Apache-2.0
import type { Kind, KubeObject } from '#k8s';
import type { ControlPlane, ControlPlaneOptions } from './control-plane.ts';

/** How much of what takes long is played. */
export interface Scale {
  /** As long as it is said to be; else shortened. */
  readonly full: boolean;
}

/** One case against a real API server. It throws where something is not as it should be. */
export interface ClusterCase {
  readonly name: string;
  readonly run: (plane: ControlPlane, scale: Scale) => Promise<void>;
  /** One that takes longer hangs. Default: five minutes. */
  readonly hangMs?: number;
}

/** What a `*.kube.ts` file exports as `SUITE`: its cases run one after the other on one control plane. */
export interface ClusterSuite {
  readonly options?: ControlPlaneOptions;
  readonly cases: readonly ClusterCase[];
}

export const CONFIG_MAPS: Kind = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
export const NAMESPACES: Kind = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };

/** A ConfigMap with one entry, `size`. */
export function configMap(namespace: string, name: string, size = '1'): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { size } };
}

let namespaces = 0;

/** Makes a namespace that no other case has. */
export async function newNamespace(plane: ControlPlane): Promise<string> {
  const name = `case-${++namespaces}`;
  using api = plane.api();
  await api.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, { fieldManager: 'test' });
  return name;
}

/** `status.nodeInfo` of a Node with containerd. */
export const NODE_INFO = {
  machineID: '',
  systemUUID: '',
  bootID: '',
  kernelVersion: '6.12.0',
  osImage: 'Debian',
  kubeletVersion: 'v1.36.0',
  kubeProxyVersion: '',
  operatingSystem: 'linux',
  architecture: 'amd64',
  containerRuntimeVersion: 'containerd://2.1.0',
};
