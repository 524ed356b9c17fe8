// SPDX-License-Identifier: Apache-2.0
import { LABELS } from '#cluster';
import type { Kind, KubeObject } from '#k8s';

/** Who put an object there: the operator keeps and removes its own, whoever installs the operator likewise. */
export type InstalledBy = 'kubearmor-operator' | 'kubearmor-installer';

/** Labels of an object. @param app for KubeArmor's label, which its users select by */
export const labelsOf = (by: InstalledBy, app: string): Readonly<Record<string, string>> => ({
  [LABELS.app]: app,
  [LABELS.installedBy]: by,
});

/** Labels of a pod; `app` is what KubeArmor's pages select logs by. */
export const podLabels = (by: InstalledBy, app: string): Readonly<Record<string, string>> => ({ app: 'kubearmor', ...labelsOf(by, app) });

export interface Named {
  readonly name: string;
  readonly namespace?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An object of the table. */
export function objectOf(kind: Kind, metadata: Named, fields: object): KubeObject {
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
  return { apiVersion, kind: kind.kind, metadata, ...fields };
}
