// SPDX-License-Identifier: Apache-2.0
import type { WorkloadMode } from '#policy';
import type { WorkloadIdentity } from '#workloads';
import type { AgentConfig } from './config.ts';

const MODES: readonly string[] = ['enabled', 'audited', 'disabled'] satisfies readonly WorkloadMode[];
const isMode = (text: string | undefined): text is WorkloadMode => text !== undefined && MODES.includes(text);

type ModeConfig = Pick<AgentConfig, 'untrackedNamespaces' | 'auditedNamespaces' | 'modeAnnotation'>;

/**
 * The mode of a container (semantics, “Which workloads”): by configuration for the namespaces that it names, else by the annotation
 * `kubearmor-policy`, else `enabled`. Another value of the annotation counts as `enabled`.
 *
 * Neither is an image's to choose: a namespace counts where Kubernetes gave it, and annotations come from who made the container,
 * unlike labels, which runtimes fill from the image.
 */
export function modeOf({ isPod, namespace, policyAnnotation }: WorkloadIdentity, config: ModeConfig): WorkloadMode {
  if (isPod && config.untrackedNamespaces.has(namespace)) return 'disabled';
  if (isPod && config.auditedNamespaces.has(namespace)) return 'audited';
  return config.modeAnnotation && isMode(policyAnnotation) ? policyAnnotation : 'enabled';
}
