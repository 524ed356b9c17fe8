// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { ClusterAsked, ClusterPort } from './cluster/cluster-port.ts';
import type { Io } from './io.ts';
import type { AgentAddress, AgentPort, FeedItem, LocalFacts, PolicyAnswer, PolicyEvent, ProbeAnswer, StreamName } from './ports.ts';
import { printableJson, renderText } from './text.ts';

/** A node that can do everything. */
export const GOOD_NODE: LocalFacts = {
  hostname: 'node1',
  kernelRelease: '6.12.0-1-amd64',
  kernelMajor: 6,
  kernelMinor: 12,
  lsms: ['lockdown', 'capability', 'bpf'],
  hasBtf: true,
  bpffs: '/sys/fs/bpf',
  cgroupRoot: { version: 2, directory: '/sys/fs/cgroup' },
};

export interface Recorded {
  readonly io: Io;
  readonly out: string[];
  readonly err: string[];
  /** Where commands connected to. */
  readonly addresses: AgentAddress[];
  /** Which clusters were opened. */
  readonly clusters: ClusterAsked[];
  readonly stop: AbortController;
}

/** What `wallMs` begins with. */
export const WALL_MS = Date.parse('2026-11-22T12:00:00Z');

/** An `Io` for tests: records what is printed; an agent only where one is handed in. Time passes only in `sleep`. */
export function recordingIo(
  over: Partial<Omit<Io, 'cluster'>> & { agent?: AgentPort; coloured?: boolean; cluster?: ClusterPort } = {},
): Recorded {
  const { agent, cluster, coloured = false, ...rest } = over;
  const clusters: ClusterAsked[] = [];
  const [out, err, addresses]: [string[], string[], AgentAddress[]] = [[], [], []];
  const stop = new AbortController();
  let nowMs = 0;
  const io: Io = {
    out: async (line) => void out.push(renderText(line, coloured)),
    outJson: async (json) => void out.push(printableJson(json)),
    err: (line) => void err.push(renderText(line, coloured)),
    width: 80,
    readStdin: async () => '',
    ask: async () => undefined,
    signal: stop.signal,
    env: {},
    programPath: '/src/karmor.ts',
    connect: async (to) => {
      addresses.push(to);
      if (agent === undefined) throw new KubeArmorError('UNREACHABLE', `connecting to ${to.address}: nothing listens`);
      return agent;
    },
    surroundings: async () => ({ isInPod: false, hasKubeconfigVariable: cluster !== undefined, hasAgentSocket: cluster === undefined }),
    cluster: async (asked) => {
      clusters.push(asked);
      if (cluster === undefined) throw new KubeArmorError('CONFIG_INVALID', 'looking for a cluster: there is none in this test');
      return cluster;
    },
    contexts: async () => [],
    localFacts: async () => GOOD_NODE,
    machine: async () => {
      throw new KubeArmorError('HOST_IO', 'looking for packages: there is no machine in this test');
    },
    agentFile: async (path) => ({ missing: `${path}: no such file` }),
    leftInForce: async () => ({ programs: 0 }),
    kubeArmorTraces: async () => ({ agents: [], profiles: [], pins: [], unread: [] }),
    nowMs: () => nowMs,
    wallMs: () => WALL_MS + nowMs,
    sleep: async (ms) => void (nowMs += ms),
    ...rest,
  };
  return { io, out, err, addresses, clusters, stop };
}

export interface FakeAgentScript {
  /** One entry per `watch`, in order: items, then the stream ends, with the error if there is one. */
  readonly feeds?: { readonly items: readonly FeedItem[]; readonly error?: Error | undefined }[];
  readonly answers?: readonly PolicyAnswer[];
  readonly probe?: ProbeAnswer;
  /** Called on each ping; throw to be down. */
  readonly onPing?: () => void;
}

/** An agent that plays a script and remembers what it was sent. */
export class FakeAgent implements AgentPort {
  readonly sent: { readonly kind: string; readonly type: string; readonly object: unknown; readonly seconds?: number | undefined }[] = [];
  readonly watched: string[] = [];
  isDisposed = false;
  readonly #script: FakeAgentScript;

  constructor(script: FakeAgentScript = {}) {
    this.#script = script;
  }

  async ping(): Promise<void> {
    this.#script.onPing?.();
  }

  async *watch(stream: StreamName): AsyncGenerator<FeedItem> {
    const feed = this.#script.feeds?.[this.watched.push(stream) - 1];
    yield* feed?.items ?? [];
    if (feed?.error !== undefined) throw feed.error;
  }

  async sendPolicy(kind: string, event: PolicyEvent): Promise<PolicyAnswer> {
    this.sent.push({ kind, ...event });
    return this.#script.answers?.[this.sent.length - 1] ?? { status: 'Applied' };
  }

  async probe(): Promise<ProbeAnswer> {
    return this.#script.probe ?? { containers: [], hosts: [] };
  }

  [Symbol.dispose](): void {
    this.isDisposed = true;
  }
}
