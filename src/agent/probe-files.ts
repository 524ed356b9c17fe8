// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import type { Usage } from '#enforce';
import type { Postures } from '#policy';
import { writeAtomically } from './policy-files.ts';
import type { NodeStatus } from './node-status.ts';
import { policyKey } from './policy-identity.ts';
import type { KeeperStatus } from './policy-keeper.ts';
import type { Proofs, ProofSummary } from './proof/port.ts';
import type { RuntimeState } from './runtime-source.ts';

/** KubeArmor's own file, for its `karmor probe`. */
export const KUBEARMOR_PROBE_PATH = '/tmp/karmorProbeData.cfg';

/** Everything that the files say. */
export interface ProbeFacts {
  readonly version: string;
  readonly enforcer: string;
  readonly node: NodeStatus;
  readonly postures: Postures;
  /** Undefined where host policies are switched off. */
  readonly host: { readonly postures: Postures; readonly visibility: ReadonlySet<string> } | undefined;
  readonly runtime: RuntimeState;
  readonly kernelRelease: string;
  readonly osImage: string;
  readonly containerPolicies: boolean;
  readonly addresses: readonly string[];
  readonly policies: KeeperStatus;
  readonly losses: Readonly<Record<string, bigint>>;
  readonly usage: Usage;
  readonly startGate: 'open' | 'wait';
  readonly proofs: Pick<Proofs, 'stateOf' | 'summary'>;
}

/** `probe.json`: what the agent says of itself beside the RPCs, for `karmor probe`. */
export function detailText(facts: ProbeFacts): string {
  const { version, enforcer, node, postures, host, runtime, addresses, policies, losses, usage, proofs } = facts;
  return `${JSON.stringify(
    {
      schemaVersion: 1,
      version,
      enforcer,
      status: node.status,
      reasons: node.reasons,
      postures: { container: families(postures), ...(host === undefined ? {} : { host: families(host.postures) }) },
      containerRuntime: runtimeText(runtime),
      startGate: gateText(facts),
      proof: proofText(proofs.summary()),
      addresses,
      policies: policies.policies.map(({ id, path, workloads, notEnforced, problem }) => ({
        ...id,
        path,
        workloads,
        notEnforced,
        problem,
        proof: proofs.stateOf(policyKey(id)),
      })),
      usage,
      losses: Object.fromEntries(Object.entries(losses).map(([name, count]) => [name, Number(count)])),
    },
    undefined,
    2,
  )}\n`;
}

function gateText({ startGate, losses }: ProbeFacts): string {
  const passed = (losses['gate_open'] ?? 0n) + (losses['gate_expired'] ?? 0n);
  const rule = startGate === 'open' ? 'open while no agent is there' : 'shut while no agent is there';
  return passed === 0n ? rule : `${rule}; ${passed} programs started in new containers without rules so far`;
}

function proofText({ state, provenAt, images, failed }: ProofSummary): string {
  const sets = `${images} rule ${images === 1 ? 'set' : 'sets'}`;
  switch (state) {
    case 'Off':
      return 'off: what is loaded is taken for enforced';
    case 'Idle':
      return 'nothing to prove';
    case 'Failed':
      return `failed for ${failed} of ${sets}`;
    case 'Pending':
      return `${sets}, not all proven within the last minute`;
    case 'Proven':
      return `${sets} proven by a canary, all since ${new Date(provenAt ?? 0).toISOString()}`;
  }
}

/** KubeArmor's form. @source reference: KubeArmor's `karmorProbeData.cfg`, JSON with PascalCase keys */
export function kubearmorText(facts: ProbeFacts): string {
  const { host } = facts;
  return JSON.stringify({
    OSImage: facts.osImage,
    KernelVersion: facts.kernelRelease,
    KubeletVersion: '',
    ContainerRuntime: runtimeText(facts.runtime),
    ActiveLSM: facts.enforcer,
    KernelHeaderPresent: true,
    HostSecurity: host !== undefined,
    ContainerSecurity: facts.containerPolicies,
    ContainerDefaultPosture: { ...families(facts.postures), device: 'audit' },
    HostDefaultPosture: { ...families(host?.postures ?? NO_POSTURES), device: 'audit' },
    HostVisibility: [...(host?.visibility ?? [])].join(',') || 'none',
  });
}

const NO_POSTURES: Postures = { file: 'audit', network: 'audit', capabilities: 'audit' };
const families = ({ file, network, capabilities }: Postures): Postures => ({ file, network, capabilities });

const runtimeText = (runtime: RuntimeState): string => (runtime.kind === 'connected' ? `containerd (${runtime.socket})` : '');

/** Keeps files current: a file is written only when its text changed, and one that cannot be written is told once. */
export class ProbeFiles {
  readonly #written = new Map<string, string>();
  readonly #failed = new Set<string>();
  readonly #logger: Logger;
  #busy = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    if (this.#busy) return; // the next round has newer facts
    this.#busy = true;
    try {
      for (const [path, text] of Object.entries(files)) if (this.#written.get(path) !== text) await this.#writeOne(path, text);
    } finally {
      this.#busy = false;
    }
  }

  async #writeOne(path: string, text: string): Promise<void> {
    try {
      await writeAtomically(path, text);
      this.#written.set(path, text);
      this.#failed.delete(path);
    } catch (error) {
      if (!(error instanceof KubeArmorError)) throw error;
      if (!this.#failed.has(path)) this.#logger.warn(error.message);
      this.#failed.add(path);
    }
  }
}
