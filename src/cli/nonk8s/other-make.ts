// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { Io } from '../io.ts';
import type { MachinePort } from './machine-port.ts';

/** KubeArmor's own, as far as this machine has it. */
export interface OtherMake {
  readonly isPackage: boolean;
  /** Each part of it that was found, in words. */
  readonly parts: readonly string[];
}

/** @throws {KubeArmorError} as the port */
export async function findOtherMake(machine: MachinePort, io: Io): Promise<OtherMake> {
  const { isPackage, paths } = await machine.otherFiles();
  const package_ = isPackage ? [`its package, version ${(await machine.installed())?.version ?? 'unknown'}`] : [];
  return { isPackage, parts: [...package_, ...paths, ...(await runningAgents(io))] };
}

async function runningAgents(io: Io): Promise<string[]> {
  const { agents } = await io.kubeArmorTraces(undefined);
  return agents.map(({ pid, exe }) => `${exe} as process ${pid}`);
}

/**
 * Two enforcers on one machine deny what either denies, so never unnoticed.
 *
 * @throws {KubeArmorError} `NOT_SUPPORTED` where one of KubeArmor's own make is there
 */
export function refuseOtherMake({ parts }: OtherMake, doing: string, cure: string): void {
  if (parts.length > 0)
    throw new KubeArmorError('NOT_SUPPORTED', `${doing}: KubeArmor’s own is on this machine (${parts.join(', ')}): ${cure}`);
}

/**
 * Stops KubeArmor's own service; its files the package replaces.
 *
 * @throws {KubeArmorError} `NOT_SUPPORTED` for an agent that runs still: in a container, or started by hand
 */
export async function stopOtherMake(machine: MachinePort, io: Io): Promise<void> {
  if (machine.hasSystemd && (await machine.unitState()) !== 'inactive') await machine.unit('stop');
  const left = await runningAgents(io);
  if (left.length === 0) return;
  throw new KubeArmorError(
    'NOT_SUPPORTED',
    `taking over: KubeArmor’s own agent is no service of systemd (${left.join(', ')}): end it, or remove the container that it runs in`,
  );
}
