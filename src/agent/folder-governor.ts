// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#base';
import type { PolicyKind } from '#policy';
import type { BoundWorkload, WorkloadSettings } from '#workloads';
import type { AgentConfig } from './config.ts';
import { followFolder } from './follow-folder.ts';
import type { Governor, Ground } from './governor.ts';
import { boundHost } from './host-bound.ts';
import type { Remark } from './node-status.ts';
import { folderBackups } from './policy-files.ts';
import { selectsHere } from './policy-identity.ts';
import { PolicyKeeper } from './policy-keeper.ts';
import type { KeeperStatus } from './policy-keeper.ts';
import type { PolicyAnswers } from './policy-requests.ts';
import type { StoredPolicy } from './policy-store.ts';
import type { Protector } from './protector.ts';
import { modeOf } from './workload-mode.ts';

/** Kinds of policies that are switched on. */
export function kindsOf({
  containerPolicies,
  hostPolicies,
  networkPolicies,
}: Pick<AgentConfig, 'containerPolicies' | 'hostPolicies' | 'networkPolicies'>): ReadonlySet<PolicyKind> {
  return new Set<PolicyKind>([
    ...(containerPolicies ? (['KubeArmorPolicy', 'KubeArmorClusterPolicy'] as const) : []),
    ...(hostPolicies ? (['KubeArmorHostPolicy'] as const) : []),
    ...(networkPolicies ? (['KubeArmorNetworkPolicy'] as const) : []),
  ]);
}

interface FolderGovernorOptions {
  readonly config: AgentConfig;
  readonly hostName: string;
  readonly protector: Protector;
  readonly logger: Logger;
}

/** A node without Kubernetes: policies of a folder and of the RPC. */
export class FolderGovernor implements Governor {
  readonly config: AgentConfig;
  readonly workloadSettings: WorkloadSettings;
  readonly selects = selectsHere;
  readonly answers: PolicyAnswers;
  readonly #hostName: string;
  readonly #keeper: PolicyKeeper;

  constructor({ config, hostName, protector, logger }: FolderGovernorOptions) {
    const { policyDir, containerPolicies, hostPolicies, networkPolicies } = config;
    this.config = config;
    this.#hostName = hostName;
    this.workloadSettings = { posturesOf: () => config.postures, modeOf: (identity) => modeOf(identity, config) };
    const keeper = new PolicyKeeper({ directory: policyDir, backups: folderBackups(policyDir), protector, kinds: kindsOf(config), logger });
    this.#keeper = keeper;
    this.answers = { keeper, containerPolicies, hostPolicies, networkPolicies };
  }

  host(): BoundWorkload {
    return boundHost(this.#hostName, this.config, Date.now());
  }

  isKnown(): boolean {
    return true;
  }

  async start({ run, signal }: Ground): Promise<void> {
    await this.#keeper.resume();
    await this.#keeper.rescan();
    run(followFolder(this.config.policyDir, () => this.#keeper.rescan(), { signal }));
  }

  status(): KeeperStatus {
    return this.#keeper.status();
  }

  policies(): readonly StoredPolicy[] {
    return this.#keeper.policies();
  }

  remarks(): readonly Remark[] {
    return [];
  }
}
