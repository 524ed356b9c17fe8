// SPDX-License-Identifier: Apache-2.0
import type { Policy, Rule, Workload } from './model.ts';

/** Stands for any container where it does not matter which. */
export const ANY_WORKLOAD: Workload = {
  id: '',
  kind: 'container',
  namespace: '',
  podName: '',
  containerName: '',
  image: '',
  labels: {},
  mode: 'enabled',
  postures: { file: 'audit', network: 'audit', capabilities: 'audit' },
};

/** A policy of one rule: compiled alone, its only rule has id 0 and says what it matches. */
export function alone(rule: Rule): Policy {
  const selector = { target: 'workload', matchLabels: {}, matchExpressions: [], containerNames: [] } as const;
  return { kind: 'KubeArmorPolicy', namespace: '', name: '', selector, rules: [rule], document: {} };
}
