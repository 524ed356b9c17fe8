// SPDX-License-Identifier: Apache-2.0
import { AGENT_SOCKET } from '../agent-address.ts';
import { EXIT_CODES, interruptCode } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { hasErrorCode } from '../has-error-code.ts';
import type { Io } from '../io.ts';
import { HOME, UNIT } from './machine-port.ts';
import type { MachinePort } from './machine-port.ts';

const ADDRESS = `unix://${AGENT_SOCKET}`;
/** Loading the kernel programs takes seconds, on a slow machine a minute. */
const WAIT_MS = 180_000;
const LOOK_MS = 1_000;

/** Whether an agent of ours listens on this machine. */
export async function isAnswered(io: Io): Promise<boolean> {
  try {
    using agent = await io.connect({ address: ADDRESS });
    await agent.ping(io.signal);
    return true;
  } catch (error) {
    if (hasErrorCode(error, ['UNREACHABLE', 'PROTOCOL'])) return false;
    // Somebody is there who does not speak to this user.
    if (hasErrorCode(error, ['PEER_REFUSED'])) return true;
    throw error;
  }
}

/** Waits until the agent answers, three minutes at most; tells the unit's state as it changes. */
export async function untilAnswered(machine: MachinePort, io: Io): Promise<ExitCode> {
  const untilMs = io.nowMs() + WAIT_MS;
  let told = '';
  for (;;) {
    if (await isAnswered(io)) {
      await io.out(`the agent answers on ${ADDRESS}`);
      return EXIT_CODES.ok.code;
    }
    if (!machine.hasSystemd) {
      io.err(`systemd does not run here, so nothing starts the agent: run ${HOME}/kubearmor in ${HOME} as root`);
      return EXIT_CODES.findings.code;
    }
    const state = await machine.unitState();
    if (state !== told) await io.out(`${UNIT} is ${state}`);
    told = state;
    if (io.signal.aborted) return interruptCode(io.signal);
    if (io.nowMs() >= untilMs) break;
    await io.sleep(LOOK_MS);
  }
  io.err(`the agent does not answer within ${WAIT_MS / 60_000} minutes: journalctl -u kubearmor`);
  return EXIT_CODES.findings.code;
}
