// SPDX-License-Identifier: Apache-2.0
import type { ClusterAsked, ClusterPort, Surroundings } from './cluster/cluster-port.ts';
import type { MachinePort } from './nonk8s/machine-port.ts';
import type { AgentAddress, AgentFile, AgentPort, KubeArmorTraces, LeftInForce, LocalFacts } from './ports.ts';
import type { Text } from './text.ts';

/** Everything a command may touch. Tests hand in another one; no command looks at the process. */
export interface Io {
  /** One line on stdout, made printable. Resolves when the reader has room: a slow reader slows us, not our memory. */
  out(line: Text): Promise<void>;
  /** JSON text on stdout, as it is. */
  outJson(json: string): Promise<void>;
  /** One line on stderr. */
  err(line: Text): void;
  /** Columns that help may take. */
  readonly width: number;
  /** All of stdin as UTF-8. @throws {KubeArmorError} `HOST_IO` also when `signal` aborts */
  readStdin(): Promise<string>;
  /** A line that a person types on the terminal; undefined without one, after `ms`, or when `signal` aborts. */
  ask(question: string, ms: number): Promise<string | undefined>;
  /** Aborts on SIGINT, SIGTERM and when stdout's reader is gone: end cleanly. The reason is the signal's name. */
  readonly signal: AbortSignal;
  /** The environment variables that commands know. */
  readonly env: { readonly KUBEARMOR_SERVICE?: string | undefined; readonly KUBEARMOR_RELEASES?: string | undefined };
  /** The file that runs, links followed. */
  readonly programPath: string;
  /** Opens the connection lazily: nothing is sent before the first call. */
  connect(to: AgentAddress): Promise<AgentPort>;
  /** What there is to speak to, without asking it. */
  surroundings(): Promise<Surroundings>;
  /** Opens a cluster lazily: nothing is sent before the first call. */
  cluster(asked: ClusterAsked): Promise<ClusterPort>;
  /** Contexts of the kubeconfig, by name; empty where there is none. */
  contexts(asked: ClusterAsked): Promise<readonly string[]>;
  localFacts(): Promise<LocalFacts>;
  /** What installs and runs the agent on this machine. */
  machine(): Promise<MachinePort>;
  /** `/run/kubearmor/probe.json` or KubeArmor's own probe file. */
  agentFile(path: string): Promise<AgentFile>;
  /** What is still in force although no agent answers. `bpffs`: where the BPF file system is mounted. */
  leftInForce(bpffs: string): Promise<LeftInForce>;
  /** What of KubeArmor 1.7 is on this machine. `bpffs`: where the BPF file system is mounted. */
  kubeArmorTraces(bpffs: string | undefined): Promise<KubeArmorTraces>;
  /** Milliseconds, monotonic. */
  nowMs(): number;
  /** Milliseconds since 1970, as this machine believes. */
  wallMs(): number;
  /** Resolves early when `signal` aborts; never rejects. */
  sleep(ms: number): Promise<void>;
}
