// SPDX-License-Identifier: Apache-2.0
import type { AgentDetail, Reason } from './agent-detail.ts';
import type { LocalFacts } from './ports.ts';

export type Verdict = 'ENFORCING' | 'AUDIT-ONLY' | 'DEGRADED' | 'NOT RUNNING';

export interface ProbeFindings {
  readonly verdict: Verdict;
  /** Why it is not better; empty for a clean ENFORCING. */
  readonly reasons: readonly Reason[];
}

export interface ProbeInputs {
  /** Why the agent does not answer; undefined if it does. */
  readonly unreachable: Reason | undefined;
  readonly detail: AgentDetail | undefined;
  /** Why there is no detail. */
  readonly detailMissing: string;
  /** Undefined for an agent on another machine: this one's facts say nothing about it. */
  readonly facts: LocalFacts | undefined;
}

/** `bpf_loop`; design/kernel.md names the rest. */
const KERNEL_MIN = { major: 5, minor: 17 } as const;

const STATUS_VERDICTS: Readonly<Record<string, Verdict>> = {
  enforcing: 'ENFORCING',
  'audit-only': 'AUDIT-ONLY',
  audit: 'AUDIT-ONLY',
  degraded: 'DEGRADED',
};

/**
 * Decides the first line of `karmor probe`: what the agent says of itself, never better than what this machine's kernel can do.
 */
export function decideVerdict({ unreachable, detail, detailMissing, facts }: ProbeInputs): ProbeFindings {
  const lacks = facts === undefined ? [] : kernelLacks(facts);
  if (unreachable !== undefined) return { verdict: 'NOT RUNNING', reasons: [unreachable, ...lacks] };
  if (detail === undefined) return withoutDetail(detailMissing, facts, lacks);
  const reasons = [...detail.reasons];
  if (detail.enforcer === undefined) {
    reasons.push({
      problem: 'the agent has no enforcer: policies are not enforced',
      cure: 'see the agent’s log, and what the kernel lacks',
    });
    return { verdict: 'AUDIT-ONLY', reasons: [...reasons, ...lacks] };
  }
  const claimed = STATUS_VERDICTS[detail.status ?? 'enforcing'];
  if (claimed === undefined) {
    reasons.push({ problem: `the agent reports the unknown status ${detail.status}`, cure: 'use the karmor of the agent’s version' });
  }
  return { verdict: claimed ?? 'DEGRADED', reasons };
}

function withoutDetail(why: string, facts: LocalFacts | undefined, lacks: readonly Reason[]): ProbeFindings {
  const unknown =
    facts === undefined
      ? { problem: 'the agent is on another machine and does not say what it enforces', cure: 'run karmor probe on its node' }
      : { problem: `the agent answers, but its state cannot be read (${why})`, cure: 'run as root on the agent’s node' };
  return { verdict: 'DEGRADED', reasons: [unknown, ...lacks] };
}

/** What this kernel lacks for enforcing with BPF programs, each with its cure. */
export function kernelLacks(facts: LocalFacts): readonly Reason[] {
  const reasons: Reason[] = [];
  const { kernelMajor: major, kernelMinor: minor } = facts;
  if (major < KERNEL_MIN.major || (major === KERNEL_MIN.major && minor < KERNEL_MIN.minor)) {
    reasons.push({
      problem: `kernel ${facts.kernelRelease} is older than ${KERNEL_MIN.major}.${KERNEL_MIN.minor}`,
      cure: 'update the kernel',
    });
  }
  if (facts.lsms === undefined) {
    reasons.push({
      problem: 'the list of active security modules cannot be read',
      cure: 'mount securityfs: mount -t securityfs none /sys/kernel/security',
    });
  } else if (!facts.lsms.includes('bpf')) {
    const wanted = [...facts.lsms, 'bpf'].join(',');
    reasons.push({
      problem: `the security module bpf is not active (active: ${facts.lsms.join(', ')})`,
      cure: `add lsm=${wanted} to the kernel’s command line and boot again`,
    });
  }
  if (!facts.hasBtf) {
    reasons.push({ problem: 'the kernel has no BTF (/sys/kernel/btf/vmlinux)', cure: 'use a kernel built with CONFIG_DEBUG_INFO_BTF=y' });
  }
  if (facts.bpffs === undefined) {
    reasons.push({ problem: 'no BPF file system is mounted', cure: 'mount -t bpf bpf /sys/fs/bpf' });
  }
  return reasons;
}
