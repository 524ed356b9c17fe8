// SPDX-License-Identifier: Apache-2.0
import { webhookConfiguration } from '#cluster';
import type { KubeObject } from '#k8s';
import { accountObjects, ACCOUNTS } from './access.ts';
import { agentDaemonSet } from './agent.ts';
import { controllerBudget, controllerDeployment, relayDeployment } from './deployments.ts';
import type { Installation } from './installation.ts';
import { labelsOf } from './object.ts';
import { configMap, services } from './plain-objects.ts';
import type { NodeShape } from './shapes.ts';

/**
 * Every object that the operator keeps, in the order in which they are applied: what others refer to comes first. Certificates are not
 * among them: their Secrets are made where the time is known.
 *
 * Always the same for the same installation, so a second apply changes nothing.
 */
export function installationObjects(installation: Installation, shapes: readonly NodeShape[]): KubeObject[] {
  const { namespace } = installation;
  const by = 'kubearmor-operator';
  return [
    ...ACCOUNTS.flatMap((account) => accountObjects(account, namespace, by)),
    configMap(installation),
    ...services(installation),
    webhookConfiguration(namespace, labelsOf(by, 'kubearmor-controller')),
    controllerBudget(installation),
    controllerDeployment(installation),
    relayDeployment(installation),
    ...shapes.map((shape) => agentDaemonSet(installation, shape)),
  ];
}
