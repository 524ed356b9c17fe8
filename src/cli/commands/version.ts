// SPDX-License-Identifier: Apache-2.0
import { COMMIT, VERSION, VERSION_TEXT } from '#base';
import { AGENT_DETAIL_PATH, parseAgentDetail } from '../agent-detail.ts';
import { AGENT_OPTIONS, agentAddress, isLocalAddress } from '../agent-address.ts';
import { CLUSTER_OPTIONS } from '../cluster/cluster-flags.ts';
import type { ClusterAsked } from '../cluster/cluster-port.ts';
import { chooseTarget, TARGET_DETAILS } from '../cluster/target.ts';
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import { hasErrorCode } from '../has-error-code.ts';
import type { Io } from '../io.ts';

interface AgentVersion {
  readonly reachable: boolean;
  readonly version?: string | undefined;
  /** Why it is not known. */
  readonly why?: string | undefined;
}

/** `karmor version`: this program's, and the agent's if it answers. Never asks the network for updates. */
export const version: Command = {
  options: [
    { flags: '--client', summary: 'this program only; asks nobody' },
    { flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json'] },
    ...AGENT_OPTIONS,
    ...CLUSTER_OPTIONS,
  ],
  details: TARGET_DETAILS,
  async run(_args, flags, io) {
    const target = flags.isSet('client') ? undefined : await chooseTarget(flags, io);
    if (target?.kind === 'cluster') return await inCluster(target.asked, flags, io);
    const agent = target === undefined ? undefined : await agentVersion(flags, io);
    if (flags.text('output') === 'json') {
      await io.outJson(JSON.stringify({ schemaVersion: 1, client: VERSION, commit: COMMIT, agent }, undefined, 2));
      return EXIT_CODES.ok.code;
    }
    await io.out(`karmor ${VERSION_TEXT}`);
    if (agent !== undefined) await io.out(`agent ${agent.version ?? `unknown: ${agent.why}`}`);
    return EXIT_CODES.ok.code;
  },
};

async function inCluster(asked: ClusterAsked, flags: Flags, io: Io): Promise<ExitCode> {
  const { agentVersions } = await import('../cluster/agent-versions.ts');
  const agents = await agentVersions(asked, io);
  if (flags.text('output') === 'json') {
    await io.outJson(JSON.stringify({ schemaVersion: 1, client: VERSION, commit: COMMIT, agents }, undefined, 2));
    return EXIT_CODES.ok.code;
  }
  await io.out(`karmor ${VERSION_TEXT}`);
  if ('why' in agents) await io.out(`agents unknown: ${agents.why}`);
  else if (agents.versions.length === 0) await io.out('agents: none reports');
  else for (const { version: one, nodes } of agents.versions) await io.out(`agents ${one} on ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`);
  return EXIT_CODES.ok.code;
}

/** The file alone would not do: it outlives an agent that was killed. */
async function agentVersion(flags: Flags, io: Io): Promise<AgentVersion> {
  const to = agentAddress(flags, io);
  try {
    using agent = await io.connect(to);
    await agent.ping(io.signal);
  } catch (error) {
    if (!hasErrorCode(error, ['UNREACHABLE', 'PEER_REFUSED', 'PROTOCOL'])) throw error;
    return { reachable: false, why: error.message };
  }
  if (!isLocalAddress(to.address)) return { reachable: true, why: 'it is on another machine; its alerts carry KubeArmorVersion' };
  const file = await io.agentFile(AGENT_DETAIL_PATH);
  const found = parseAgentDetail(file)?.version;
  return found === undefined
    ? { reachable: true, why: 'missing' in file ? file.missing : `${AGENT_DETAIL_PATH} does not say it` }
    : { reachable: true, version: found };
}
