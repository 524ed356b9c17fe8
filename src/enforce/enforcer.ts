// SPDX-License-Identifier: Apache-2.0
import type { KernelEvent } from '#events';
import type { RuleInfo, RuleSet, WorkloadMode } from '#policy';

/** What an enforcer can do on this node, and why not more. */
export interface EnforcerReport {
  /** As KubeArmor names it in events: `BPFLSM`. */
  readonly name: string;
  /** Hooks that are not attached, with the reason. Empty when everything is in force. */
  readonly missing: readonly { readonly hook: string; readonly reason: string }[];
}

/** Totals since the enforcer's state was made, by name. */
export type Counters = Readonly<Record<string, bigint>>;

/** What is logged of a workload although nothing forbids it. */
export interface Visibility {
  readonly process: boolean;
  readonly file: boolean;
  readonly network: boolean;
}

export interface ProtectOptions {
  /** `HOST_CGROUP_ID`: the host, every task outside containers but for kernel threads and this process. */
  readonly cgroupId: bigint;
  /** False: the container's first program has not been executed, what runs in its cgroup is the runtime's. Absent: true. */
  readonly started?: boolean;
  readonly mode: WorkloadMode;
  /** Undefined: nothing is enforced, but the workload's tasks are known. */
  readonly ruleSet: RuleSet | undefined;
  /** Absent: nothing. */
  readonly visibility?: Visibility | undefined;
  /** A workload of the agent's own: its name is not kept for the next agent, which ends it. Absent: no. */
  readonly isTransient?: boolean;
}

/** What the rules of all workloads take in the kernel. */
export interface Usage {
  /** Rule sets that are loaded; workloads with the same rules share one. */
  readonly images: number;
  /** Bytes of all maps. Without the tasks' own storage. */
  readonly mapBytes: number;
}

/** A process that waits at the start gate. */
export interface HeldTask {
  readonly pid: number;
  readonly cgroupId: bigint;
  /** When the process started, in nanoseconds since boot. */
  readonly startNs: bigint;
  /** For how long it has waited. */
  readonly heldMs: number;
}

/**
 * What may be the first program of a container waits in front of its exec until it is let go: outside the host's mount name space and root
 * directory, in no bound cgroup. Let go, the exec is judged anew, so a container that was bound meanwhile is under its rules.
 */
export interface StartGate {
  /**
   * From now on they wait, while this is called again within `GATE_PATIENCE_MS`.
   *
   * @param whenSilent after that, without an agent: `open` lets all go on without rules (counted), `wait` makes them wait for the next
   */
  beat(whenSilent: 'open' | 'wait'): void;
  /** Nobody waits from now on; who waits is left to `letGo`. */
  open(): void;
  /** Who waits now. Those that are gone meanwhile are forgotten. */
  held(): readonly HeldTask[];
  /** @param settle nobody in its cgroup waits again while nothing is bound there */
  letGo(task: HeldTask, settle?: boolean): void;
  /**
   * Nobody in this cgroup waits while nothing is bound there. It may be forgotten where thousands of others are settled later.
   *
   * @param childrenToo nor in those right below it
   */
  settle(cgroupId: bigint, childrenToo?: boolean): void;
  /** What was settled of a cgroup no longer counts. */
  unsettle(cgroupId: bigint): void;
  /** Counts one that was let go because nobody told of its container. */
  countExpired(): void;
  /** Calls back soon after somebody began to wait; one call can stand for many. */
  watch(onHeld: () => void, signal: AbortSignal): Promise<void>;
}

/** For how long the kernel believes that an agent is there. */
export const GATE_PATIENCE_MS = 10_000;

/** Something of ours in the kernel that somebody else changed. */
export interface Tampering {
  readonly what: string;
  /** Why it could not be set right; undefined where it was. */
  readonly problem: string | undefined;
  /** Keys of the workloads whose rules were not in force, or may not have been; absent: everybody's. */
  readonly workloads?: readonly string[];
}

/** The port behind which rules become refusals. An enforcer knows rule sets and cgroups, never policies. */
export interface Enforcer extends Disposable {
  readonly report: EnforcerReport;
  /** Whether applets of multi-call binaries are told apart. Else each is unknown: Block and Audit rules for any applet match it, Allow rules for none. */
  readonly tellsApplets: boolean;
  readonly gate: StartGate;
  /**
   * Binds a workload to its rules, or swaps them: in force for the next access once this returns, and each access is
   * judged by one whole rule set.
   *
   * @param key the workload's name here; any string that is unique on this host
   * @throws {KubeArmorError} `KERNEL_CALL`, `LIMIT_EXCEEDED`; the rules of before stay in force
   */
  protect(key: string, options: ProtectOptions): void;
  /** Forgets a workload that has no tasks any more. */
  release(key: string): void;
  /** The workloads that are bound, also those that an agent before us bound. */
  keys(): readonly string[];
  /**
   * Ends what an agent of another version left in force, soon: when all tasks of bound cgroups have their scope here. Call once all workloads
   * are protected.
   */
  dropOthers(): void;
  /** The workload of an event's scope, also for a while after its release. */
  workloadOf(scopeId: number): string | undefined;
  /** The rule of an event, also for a while after its image is gone. */
  ruleOf(imageId: number, ruleId: number): RuleInfo | undefined;
  /** Reads events until aborted. */
  watch(onEvent: (event: KernelEvent) => void, signal: AbortSignal): Promise<void>;
  counters(): Counters;
  usage(): Usage;
  /**
   * From now on containers can change none of these files and directories, nor what is in them, nor move or cover what leads there.
   * Replaces those of before. What does not exist is left out until `checkIntegrity` finds that it does.
   *
   * @throws {KubeArmorError} `LIMIT_EXCEEDED`, `KERNEL_CALL`, `HOST_IO`; some are guarded then
   */
  guard(paths: readonly string[]): void;
  /** Compares the kernel's state with what was written, and writes again what differs. Cheap: for every few seconds. */
  checkIntegrity(): readonly Tampering[];
}
