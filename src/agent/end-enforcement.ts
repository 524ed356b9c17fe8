// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { KubeArmorError } from '#base';
import { endLeftInForce, findLeftInForce } from '#enforce';
import type { LeftInForce, LeftInForcePlace } from '#enforce';
import { removeScratchCgroup } from '#host';
import type { AgentConfig } from './config.ts';
import { isAnswered } from './preflight.ts';
import { CANARY_CGROUP } from './proof/canary.ts';

/** As a wrong flag: the confirmation is missing. */
const NOT_CONFIRMED = 2;

/** Where rules outlive the agent, under the BPF file system. */
export function survivalOf({ bpfFsPath, stateDir }: Pick<AgentConfig, 'bpfFsPath' | 'stateDir'>): LeftInForcePlace {
  return { pinDirectory: path.join(bpfFsPath, 'kubearmor'), stateDirectory: stateDir };
}

/**
 * `kubearmor -remove`: ends what an agent that is gone left in force (docs/adr/0016-ending.md). Policies stay where they are.
 *
 * @param confirmed without it nothing is removed
 * @returns what to exit with
 * @throws {KubeArmorError} `NOT_SUPPORTED` without root; `HOST_IO` while an agent runs, or where a pin cannot be removed
 */
export async function endEnforcement(config: AgentConfig, confirmed: boolean, tell: (line: string) => void): Promise<number> {
  if (process.getuid?.() !== 0) throw new KubeArmorError('NOT_SUPPORTED', 'ending enforcement: it takes root');
  if (await isAnswered(config.socket))
    throw new KubeArmorError('HOST_IO', `ending enforcement: an agent listens on ${config.socket}: stop it first`);
  const place = survivalOf(config);
  const found = findLeftInForce(place.pinDirectory);
  if (confirmed) await removeScratchCgroup(CANARY_CGROUP);
  if (found.length === 0) {
    tell(`kubearmor: nothing is in force: no rules are pinned in ${place.pinDirectory}`);
    return 0;
  }
  if (!confirmed) {
    tell(`kubearmor: in force without an agent, in ${place.pinDirectory}: ${shown(found)}`);
    tell('kubearmor: nothing was removed; to end it: kubearmor -remove -yes; to go on: start the agent, it takes the rules over');
    return NOT_CONFIRMED;
  }
  tell(`kubearmor: removed from ${place.pinDirectory}: ${shown(endLeftInForce(place))}`);
  tell(`kubearmor: no rule is enforced on this node until an agent starts; the policies in ${config.policyDir} stay`);
  return 0;
}

const shown = (found: readonly LeftInForce[]): string =>
  found.map(({ version, programs }) => `version ${version}: ${programs} programs with their maps`).join('; ');
