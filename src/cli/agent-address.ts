// SPDX-License-Identifier: Apache-2.0
import type { OptionSpec } from './command.ts';
import type { Flags } from './flags.ts';
import type { Io } from './io.ts';
import type { AgentAddress, AgentPort } from './ports.ts';

/** Where an agent of this machine listens. */
export const AGENT_SOCKET = '/run/kubearmor/kubearmor.sock';
const DEFAULT_ADDRESS = `unix://${AGENT_SOCKET}`;
const DEFAULT_TLS_PATH = '/var/lib/kubearmor/tls';

/** Options of every command that speaks to an agent. */
export const AGENT_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--gRPC <address>',
    summary: `unix:///path or host:port of the agent or relay (else KUBEARMOR_SERVICE, else ${DEFAULT_ADDRESS})`,
  },
  { flags: '--secure', summary: 'TLS with a client certificate' },
  {
    flags: '--tlsCertPath <folder>',
    summary: `folder with ca.crt, client.crt and client.key, for TLS (with --secure alone ${DEFAULT_TLS_PATH})`,
    completes: 'directory',
  },
];

/** Where to connect: the flag, else the environment, else this machine's socket. */
export function agentAddress(flags: Flags, io: Io): AgentAddress {
  const given = [flags.text('gRPC'), io.env.KUBEARMOR_SERVICE].find((address) => address !== undefined && address !== '');
  return {
    address: given ?? DEFAULT_ADDRESS,
    tlsCertPath: flags.isSet('secure') ? tlsFolder(flags) : flags.text('tlsCertPath'),
  };
}

/** The folder of certificates that is named, else the usual one. */
export const tlsFolder = (flags: Flags): string => flags.text('tlsCertPath') ?? DEFAULT_TLS_PATH;

/** Opens the connection that the flags ask for; dispose it. */
export function connectAgent(flags: Flags, io: Io): Promise<AgentPort> {
  return io.connect(agentAddress(flags, io));
}

/** Whether the address is of this machine, so that this machine's files and kernel are the agent's. */
export function isLocalAddress(address: string): boolean {
  return /^(unix:|\/|:\d|localhost[:]|127\.|\[?::1\]?)/.test(address);
}
