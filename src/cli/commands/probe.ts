// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { AGENT_DETAIL_PATH, KUBEARMOR_PROBE_PATH, parseAgentDetail, parseKubeArmorProbe } from '../agent-detail.ts';
import type { AgentDetail, PostureTable, Reason } from '../agent-detail.ts';
import { AGENT_OPTIONS, agentAddress, isLocalAddress } from '../agent-address.ts';
import { CLUSTER_OPTIONS } from '../cluster/cluster-flags.ts';
import { chooseTarget, TARGET_DETAILS } from '../cluster/target.ts';
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import { hasErrorCode } from '../has-error-code.ts';
import type { Io } from '../io.ts';
import type { LeftInForce, LocalFacts, ProbeAnswer } from '../ports.ts';
import { decideVerdict } from '../probe-verdict.ts';
import type { ProbeFindings, ProbeInputs, Verdict } from '../probe-verdict.ts';
import { tableLines } from '../table.ts';
import { renderText } from '../text.ts';
import type { Colour, Text } from '../text.ts';

const VERDICTS: { readonly [K in Verdict]: { colour: Colour; exitCode: ExitCode } } = {
  ENFORCING: { colour: 'green', exitCode: EXIT_CODES.ok.code },
  'AUDIT-ONLY': { colour: 'yellow', exitCode: EXIT_CODES.findings.code },
  DEGRADED: { colour: 'yellow', exitCode: EXIT_CODES.findings.code },
  'NOT RUNNING': { colour: 'red', exitCode: EXIT_CODES.unreachable.code },
};

interface ProbeReport extends ProbeFindings {
  readonly address: string;
  /** Somebody is there and does not answer this user. */
  readonly refused: boolean;
  readonly leftInForce: LeftInForce | undefined;
  readonly answer: ProbeAnswer | undefined;
  readonly detail: AgentDetail | undefined;
  readonly facts: LocalFacts | undefined;
}

/** `karmor probe`: the verdict first, then what it rests on. Works without an agent. */
export const probe: Command = {
  options: [
    { flags: '-o, --output <format>', summary: 'how to print it; text where neither this nor -f is given', choices: ['text', 'json'] },
    { flags: '-f, --format <format>', summary: 'the same, as KubeArmor calls it', choices: ['text', 'json', 'no-color'] },
    {
      flags: '-n, --namespace <name>',
      summary: 'in a cluster: where KubeArmor is (default: kubearmor, else where its pods are)',
      completes: 'namespace',
    },
    { flags: '--full', summary: 'in a cluster: every reason, node and policy, what each node cannot enforce, and each policy’s nodes' },
    ...AGENT_OPTIONS,
    ...CLUSTER_OPTIONS,
  ],
  details: `The first line is ENFORCING, AUDIT-ONLY, DEGRADED or NOT RUNNING; below it why, and what to do.
It exits with 0 only for ENFORCING, 3 for NOT RUNNING, 1 for the others.
In a cluster it tells every node and every policy, from what agents and controller write into the API server; nothing is started on
nodes. There -f json prints KubeArmor’s own fields, -o json all of ours.

${TARGET_DETAILS}`,
  async run(_args, flags, io) {
    const format = formatOf(flags);
    const target = await chooseTarget(flags, io);
    if (target.note !== undefined) io.err(`karmor probe: ${target.note}`);
    if (target.kind === 'cluster') {
      const { runInCluster } = await import('../cluster/probe-command.ts');
      return VERDICTS[await runInCluster(target.asked, format, flags, io)].exitCode;
    }
    refuseClusterFlags(flags);
    const report = await gather(flags, io);
    if (format === 'json') await io.outJson(JSON.stringify(jsonReport(report), undefined, 2));
    else for (const line of textReport(report)) await io.out(format === 'no-color' ? renderText(line, false) : line);
    return VERDICTS[report.verdict].exitCode;
  },
};

/** What means nothing here must not be taken as if it did. */
function refuseClusterFlags(flags: Flags): void {
  if (flags.text('namespace') !== undefined)
    throw new KubeArmorError('USAGE', '-n: this is the agent of one machine; it has no namespace: leave it out');
  if (flags.isSet('full')) throw new KubeArmorError('USAGE', '--full: of one machine everything is always told: leave it out');
}

function formatOf(flags: Flags): string {
  const [output, format] = [flags.text('output'), flags.text('format')];
  if (output !== undefined && format !== undefined && output !== format)
    throw new KubeArmorError('USAGE', `-o ${output} and -f ${format} contradict each other: give one of them`);
  return format ?? output ?? 'text';
}

async function gather(flags: Flags, io: Io): Promise<ProbeReport> {
  const { address } = agentAddress(flags, io);
  const answer = await askAgent(flags, io);
  const local = isLocalAddress(address);
  const facts = local ? await io.localFacts() : undefined;
  const [ours, theirs] = await Promise.all([io.agentFile(AGENT_DETAIL_PATH), io.agentFile(KUBEARMOR_PROBE_PATH)]);
  const detail = local ? (parseAgentDetail(ours) ?? parseKubeArmorProbe(theirs)) : undefined;
  const unreachable = 'problem' in answer ? answer : undefined;
  const refused = unreachable?.refused === true;
  const { leftInForce, traces } = unreachable === undefined || refused ? {} : await askMachine(facts, io);
  const detailMissing = [ours, theirs].flatMap((file) => ('missing' in file ? [file.missing] : [])).join('; ');
  const findings = decideVerdict({ unreachable, refused, leftInForce, traces, detail, detailMissing, facts });
  return {
    ...findings,
    address,
    refused,
    leftInForce,
    answer: 'problem' in answer ? undefined : answer,
    detail: unreachable === undefined ? detail : undefined,
    facts,
  };
}

/** Where no agent answers. */
async function askMachine(facts: LocalFacts | undefined, io: Io): Promise<Pick<ProbeInputs, 'leftInForce' | 'traces'>> {
  if (facts === undefined) return {};
  return { leftInForce: await askKernel(facts, io), traces: await io.kubeArmorTraces(facts.bpffs) };
}

/** Rules outlive their agent in the BPF file system; where there is none nothing does. */
async function askKernel(facts: LocalFacts, io: Io): Promise<LeftInForce> {
  return facts.bpffs === undefined ? { programs: 0 } : await io.leftInForce(facts.bpffs);
}

async function askAgent(flags: Flags, io: Io): Promise<ProbeAnswer | (Reason & { readonly refused: boolean })> {
  try {
    using agent = await io.connect(agentAddress(flags, io));
    return await agent.probe(io.signal);
  } catch (error) {
    if (!hasErrorCode(error, ['UNREACHABLE', 'PEER_REFUSED', 'PROTOCOL'])) throw error;
    const cure = error.code === 'UNREACHABLE' ? 'start the agent, or name its address with --gRPC' : error.hint;
    return { problem: error.message, cure, refused: error.code === 'PEER_REFUSED' };
  }
}

function jsonReport(report: ProbeReport): object {
  const { verdict, reasons, address, answer, detail, facts, refused, leftInForce } = report;
  return {
    schemaVersion: 1,
    verdict,
    reasons: reasons.map(({ problem, cure }) => ({ problem, cure })),
    running: refused ? null : answer !== undefined,
    leftInForce,
    address,
    ...detailFields(detail),
    node: facts === undefined ? undefined : { ...nodeFacts(facts), containerRuntime: detail?.containerRuntime },
    containers: answer?.containers ?? [],
    hosts: answer?.hosts ?? [],
  };
}

function detailFields(detail: AgentDetail | undefined): object {
  return {
    enforcers: detail?.enforcer === undefined ? [] : [detail.enforcer],
    agentVersion: detail?.version,
    proof: detail?.proof,
    usage: detail?.mapBytes === undefined ? undefined : { images: detail.images, mapBytes: detail.mapBytes },
    postures: { container: detail?.containerPosture, host: detail?.hostPosture },
  };
}

/** Named one by one: what the host room adds later is not part of this output. */
function nodeFacts(facts: LocalFacts): object {
  const { hostname, kernelRelease, lsms, hasBtf, bpffs, cgroupRoot } = facts;
  return { hostname, kernelRelease, lsms, hasBtf, bpffs, cgroupVersion: cgroupRoot?.version };
}

function textReport(report: ProbeReport): Text[] {
  const { verdict, reasons, answer, detail, leftInForce } = report;
  const lines: Text[] = [{ text: verdict, colour: VERDICTS[verdict].colour }];
  for (const { problem, cure } of reasons) {
    lines.push(`  - ${problem}`);
    if (cure !== '') lines.push(`    → ${cure}`);
  }
  lines.push(runningText(report));
  if (leftInForce !== undefined && 'programs' in leftInForce && leftInForce.programs === 0)
    lines.push('Rules of an earlier agent: none in force');
  if (answer !== undefined) lines.push(`Active enforcers: ${detail === undefined ? 'unknown' : `[${detail.enforcer ?? ''}]`}`);
  return [...lines, ...nodeLines(report), ...postureLines(detail), ...gateLines(detail), ...policyLines(answer)];
}

function runningText({ answer, refused }: ProbeReport): string {
  if (refused) return 'KubeArmor may be running: it does not answer this user';
  return answer === undefined ? 'KubeArmor is not running' : 'KubeArmor is running';
}

function nodeLines({ address, answer, detail, facts }: ProbeReport): Text[] {
  const lines = [answer === undefined ? `Agent: ${address}` : `Agent: ${address}, version ${detail?.version ?? 'unknown'}`];
  if (detail?.containerRuntime !== undefined) lines.push(`Container runtime: ${detail.containerRuntime}`);
  lines.push(...usageLines(detail));
  if (facts !== undefined) {
    lines.push(
      `Node: ${facts.hostname}, kernel ${facts.kernelRelease}`,
      `  security modules: ${facts.lsms?.join(', ') ?? 'unknown'}`,
      `  BTF: ${facts.hasBtf ? 'yes' : 'no'}; BPF file system: ${facts.bpffs ?? 'not mounted'}`,
    );
  }
  return lines;
}

function usageLines(detail: AgentDetail | undefined): string[] {
  if (detail?.images === undefined || detail.mapBytes === undefined) return [];
  return [`In the kernel: ${detail.images} rule sets, ${(detail.mapBytes / 2 ** 20).toFixed(1)} MiB of maps`];
}

const gateLines = (detail: AgentDetail | undefined): string[] => [
  ...(detail?.startGate === undefined ? [] : [`Start gate: ${detail.startGate}`]),
  ...(detail?.proof === undefined ? [] : [`Proof: ${detail.proof}`]),
];

function postureLines(detail: AgentDetail | undefined): string[] {
  const line = (name: string, table: PostureTable | undefined): string[] =>
    table === undefined
      ? []
      : [
          `Default posture of ${name}: ${Object.entries(table)
            .map((entry) => entry.join(' '))
            .join(', ')}`,
        ];
  return [...line('containers', detail?.containerPosture), ...line('the host', detail?.hostPosture)];
}

function policyLines(answer: ProbeAnswer | undefined): string[] {
  if (answer === undefined) return [];
  const containers = answer.containers.map(({ name, mode, policies }) => [name, mode, policies.join(', ') || '-']);
  const hosts = answer.hosts.map(({ name, policies }) => [name, policies.join(', ') || '-']);
  return [
    ...(containers.length === 0 ? ['Containers: none'] : tableLines([['CONTAINER', 'MODE', 'POLICIES'], ...containers])),
    ...(hosts.length === 0 ? [] : tableLines([['HOST', 'POLICIES'], ...hosts])),
  ];
}
