// SPDX-License-Identifier: Apache-2.0
import { webhookConfiguration } from '#cluster';
import type { KubeObject, OwnerReference } from '#k8s';
import { accountObjects, ACCOUNTS } from './access.ts';
import { agentDaemonSet } from './agent.ts';
import { controllerBudget, controllerDeployment, relayDeployment } from './deployments.ts';
import type { Installation } from './installation.ts';
import { kindOf } from './kinds.ts';
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
  const { namespace, owner } = installation;
  const by = 'kubearmor-operator';
  const objects = [
    ...ACCOUNTS.flatMap((account) => accountObjects(account, namespace, by)),
    configMap(installation),
    ...services(installation),
    webhookConfiguration(namespace, labelsOf(by, 'kubearmor-controller')),
    controllerBudget(installation),
    controllerDeployment(installation),
    relayDeployment(installation),
    ...shapes.map((shape) => agentDaemonSet(installation, shape)),
  ];
  return owner === undefined ? objects : objects.map((object) => (kindOf(object).namespaced ? object : ownedBy(owner, object)));
}

/**
 * Who deletes the namespace deletes who would take this out: the cluster's garbage collection does. A webhook that nobody answers any more
 * would keep pods from starting.
 */
function ownedBy(owner: OwnerReference, object: KubeObject): KubeObject {
  return { ...object, metadata: { ...object.metadata, ownerReferences: [owner] } };
}
