// SPDX-License-Identifier: Apache-2.0
import { CORE, textsOf } from '#cluster';
import type { WatchChange } from '#k8s';
import type { Postures } from '#policy';
import type { BoundWorkload, WorkloadIdentity, WorkloadSettings } from '#workloads';
import type { AgentConfig } from '../config.ts';
import { boundHost } from '../host-bound.ts';
import type { Remark } from '../node-status.ts';
import { modeOf } from '../workload-mode.ts';
import { parseVisibility } from './annotations.ts';
import type { ClusterState } from './cache.ts';
import type { Follower } from './follow-kind.ts';
import { readLiveValues, withLiveValues } from './live-config.ts';
import type { LiveValues } from './live-config.ts';
import { Namespaces } from './namespaces.ts';
import { OwnNode } from './node.ts';
import { Pods } from './pods.ts';

const CONFIG_CURE = 'correct the ConfigMap kubearmor-config; what was good before counts';
const ANNOTATION_CURE = 'correct the annotation';

/** What the agent knows of its cluster but for policies: the node, its pods, namespaces, the configuration. No I/O. */
export class ClusterView {
  readonly pods = new Pods();
  readonly namespaces = new Namespaces();
  readonly node = new OwnNode();
  readonly #base: AgentConfig;
  readonly #nodeName: string;
  readonly #startedMs = Date.now();
  #config: AgentConfig;
  #values: LiveValues = {};
  #configProblems: readonly string[] = [];

  constructor(base: AgentConfig, nodeName: string) {
    this.#base = base;
    this.#nodeName = nodeName;
    this.#config = base;
  }

  /** What flags say, and over it the ConfigMap. */
  get config(): AgentConfig {
    return this.#config;
  }

  /** How containers are named, and under which mode, postures and visibility they are. */
  get workloadSettings(): WorkloadSettings {
    return {
      podFacts: (pod) => this.pods.factsOf(pod),
      modeOf: (identity) => modeOf(identity, this.#config),
      posturesOf: (identity) => this.#posturesOf(identity),
      visibilityOf: (identity) => this.#visibilityOf(identity),
    };
  }

  /** @param change of the ConfigMap */
  takeConfig(change: WatchChange): void {
    if (change.kind === 'lost') return;
    const object = change.kind === 'synced' ? change.objects[0] : change.kind === 'deleted' ? undefined : change.object;
    const { values, problems } = readLiveValues(textsOf(object?.['data']), this.#values);
    this.#configProblems = problems;
    this.#setValues(values);
  }

  load(state: ClusterState): void {
    this.pods.load(state.pods);
    this.namespaces.load(state.namespaces);
    if (state.node !== undefined) this.node.load(state.nodeName, state.node);
    this.#setValues(state.config);
  }

  state(): Omit<ClusterState, 'policies'> {
    return {
      nodeName: this.#nodeName,
      node: this.node.get(),
      namespaces: this.namespaces.list(),
      pods: this.pods.list(),
      config: this.#values,
    };
  }

  /** Whether what the cluster says of a container's pod is known, or cannot be had now. */
  isKnown({ pod }: BoundWorkload, follower: Pick<Follower, 'isCurrent'>): boolean {
    if (pod === undefined || !follower.isCurrent(CORE.pods) || !follower.isCurrent(CORE.namespaces)) return true;
    return this.pods.factsOf(pod) !== undefined && this.namespaces.get(pod.namespace) !== undefined;
  }

  /** The host under the Node's labels and annotations. */
  host(): BoundWorkload {
    const node = this.node.get();
    const config = node === undefined ? this.#config : { ...this.#config, nodeLabels: node.labels };
    const bound = boundHost(this.#nodeName, config, this.#startedMs);
    const visibility = this.#config.hostPolicies && node?.visibility !== undefined ? new Set(node.visibility) : this.#config.hostVisibility;
    return { ...bound, workload: { ...bound.workload, mode: node?.mode ?? 'enabled', visibility } };
  }

  /** What somebody wrote that means nothing. */
  remarks(): readonly Remark[] {
    const annotated = [this.node.get(), ...this.namespaces.list(), ...this.pods.list()].flatMap((one) => one?.problems ?? []);
    return [
      ...this.#configProblems.map((problem) => ({ problem: `ConfigMap kubearmor-config: ${problem}`, cure: CONFIG_CURE, isNote: true })),
      ...annotated.map((problem) => ({ problem, cure: ANNOTATION_CURE, isNote: true })),
    ];
  }

  #setValues(values: LiveValues): void {
    this.#values = values;
    this.#config = withLiveValues(this.#base, values);
  }

  #posturesOf({ isPod, namespace }: WorkloadIdentity): Postures {
    return { ...this.#config.postures, ...(isPod ? this.namespaces.get(namespace)?.postures : {}) };
  }

  #visibilityOf({ isPod, namespace, visibilityAnnotation }: WorkloadIdentity): ReadonlySet<string> {
    if (!isPod) return this.#config.visibility;
    const own = visibilityAnnotation === undefined ? undefined : parseVisibility(visibilityAnnotation);
    const { visibility } = this.namespaces.get(namespace) ?? {};
    return own ?? (visibility === undefined ? this.#config.visibility : new Set(visibility));
  }
}
