// SPDX-License-Identifier: Apache-2.0
import type { ClusterConfig, Component, Toleration } from '#cluster';
import type { OwnerReference } from '#k8s';

/** The images of one release, or what stands in their place. */
export interface Images {
  readonly agent: string;
  readonly relay: string;
  readonly controller: string;
  readonly operator: string;
}

/** What is to be installed, and where. */
export interface Installation {
  readonly namespace: string;
  readonly config: ClusterConfig;
  readonly images: Images;
  /** The namespace itself: what the cluster has once goes with it. */
  readonly owner?: OwnerReference;
  /** What the configuration was read from, to be found by the next operator. */
  readonly record?: string;
}

/** A probe's answer may take as long: a node under load is no reason to start programs again. */
export const PROBE_TIMEOUT_S = 5;

/** For how long a program may start: a node under load is slow, and starting it again makes it no quicker. */
export const startupProbe = (action: object): object => ({
  ...action,
  periodSeconds: 5,
  timeoutSeconds: PROBE_TIMEOUT_S,
  failureThreshold: 48,
});

/** Names of images, as KubeArmor's. */
export const IMAGE_NAMES: Images = {
  agent: 'kubearmor/kubearmor',
  relay: 'kubearmor/kubearmor-relay-server',
  controller: 'kubearmor/kubearmor-controller',
  operator: 'kubearmor/kubearmor-operator',
};

/** The images of a release. @param registry with which every name begins */
export function imagesOf(version: string, registry = 'docker.io'): Images {
  const of = (name: string): string => `${registry}/${name}:v${version}`;
  const { agent, relay, controller, operator } = IMAGE_NAMES;
  return { agent: of(agent), relay: of(relay), controller: of(controller), operator: of(operator) };
}

type Deployed = 'agent' | 'relay' | 'controller';

/** A component with what holds for all of them; of two values for one thing its own counts. */
export function componentOf({ config, images }: Installation, name: Deployed): Component & { readonly image: string } {
  const { global, components } = config;
  const own = components[name];
  const names = new Set(own.env.map((one) => one.name));
  return {
    ...own,
    image: own.image ?? images[name],
    env: [...global.env.filter((one) => !names.has(one.name)), ...own.env],
    imagePullSecrets: [...new Set([...global.imagePullSecrets, ...own.imagePullSecrets])],
    nodeSelector: { ...global.nodeSelector, ...own.nodeSelector },
    tolerations: [...global.tolerations, ...own.tolerations],
  };
}

/** Agents protect a node whatever its taints keep away, unless they are told themselves what to tolerate. */
export function agentTolerations({ config }: Installation): readonly Toleration[] {
  const { tolerations } = config.components.agent;
  return tolerations.length === 0 ? [{ operator: 'Exists' }] : [...config.global.tolerations, ...tolerations];
}

/** The fields of a pod that users may set, left out where nothing is set: an apply owns what it names. */
export function placement(component: Component, nodeSelector: Readonly<Record<string, string>> = {}): object {
  const { imagePullSecrets, tolerations } = component;
  return {
    nodeSelector: { 'kubernetes.io/os': 'linux', ...nodeSelector, ...component.nodeSelector },
    ...(tolerations.length === 0 ? {} : { tolerations }),
    ...(imagePullSecrets.length === 0 ? {} : { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) }),
  };
}

/** The fields of its container that users may set. Tags name versions and never move, so an image is pulled once. */
export const imageFields = ({ image, imagePullPolicy }: Component & { readonly image: string }): object => ({
  image,
  imagePullPolicy: imagePullPolicy ?? 'IfNotPresent',
});
