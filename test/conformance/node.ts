// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { formatIssue, noLogger } from '#base';
import type { Enforcer } from '#enforce';
import { compile, parsePolicyText, selects } from '#policy';
import type { Policy, RuleSet, Workload } from '#policy';
import { ContainerPaths } from '../../src/agent/path-resolver.ts';
import { policyKey, selectsHere, withoutKubernetes } from '../../src/agent/policy-identity.ts';
import type { NativePrograms } from '../kernel/native.ts';
import { removeCgroup } from '../kernel/run-case.ts';
import { mountRoots, setStage, unmountRoots } from '../kernel/stage.ts';
import type { Stage } from '../kernel/stage.ts';
import type { CasePolicy, CaseWorkload, ConformanceCase, ExecStep } from './format.ts';
import { hostPolicies, protectHost } from './host.ts';
import { Missing, notEnforcedFamilies } from './missing.ts';
import { capabilityOptions, familyOf, rootOf } from './roots.ts';
import { baselineOf, describePlace, HOST, isHost, posturesOf, visibilityOf } from './workloads.ts';
import type { GlobalConfig, Place } from './workloads.ts';

const CGROUPS = '/sys/fs/cgroup';

/** A workload of a case that exists: a root file system and a cgroup. */
export interface Placed extends Place {
  readonly key: string;
  readonly cgroup: string;
  readonly cgroupId: bigint;
  readonly stage: Stage;
  readonly paths: ContainerPaths;
  /** Options of cell.c for every process in it. */
  readonly options: readonly string[];
  workload: Workload;
  /** Undefined: no policy selects it. */
  ruleSet: RuleSet | undefined;
}

/** Places for root file systems, each a tmpfs of its own; they are used again, as mounting takes longer than a case. */
export class Roots {
  readonly #folder: string;
  readonly #mounted: string[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The place of that number, empty; mounted where it is used for the first time. */
  at(index: number): string {
    const directory = join(this.#folder, String(index));
    if (!this.#mounted.includes(directory)) {
      mountRoots([directory]);
      this.#mounted.push(directory);
    }
    for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true });
    return directory;
  }

  [Symbol.dispose](): void {
    unmountRoots(this.#mounted);
  }
}

/** What plays a case: the enforcer, programs for roots, and places for them. */
export interface Bench {
  readonly enforcer: Enforcer;
  readonly programs: NativePrograms & { readonly busybox: string };
  readonly roots: Roots;
}

const fileOf = ({ file, path }: CasePolicy): string => file ?? path ?? '';

/**
 * The node and the cluster of one case, as data: workloads, policies, annotations of namespaces, the configuration. Every change
 * goes the agent's way: select, compile in the container's root, protect.
 */
export class CaseNode {
  config: GlobalConfig;
  readonly #test: ConformanceCase;
  readonly #bench: Bench;
  readonly #policies = new Map<string, Policy>();
  readonly #annotations = new Map<string, Record<string, string>>();
  readonly #placed = new Map<string, Placed>();

  constructor(test: ConformanceCase, bench: Bench) {
    this.#test = test;
    this.#bench = bench;
    this.config = baselineOf(test);
    for (const { namespace = '', namespace_annotations: own = {} } of test.workloads ?? [])
      this.#annotations.set(namespace, { ...this.#annotations.get(namespace), ...own });
    for (const pod of this.#pods()) if (!(pod.created ?? '').startsWith('during')) this.#place(pod);
    this.update();
  }

  /** The workloads that the case lists, and the host where only its steps name it. */
  #pods(): readonly CaseWorkload[] {
    const { workloads = [] } = this.#test;
    const names = this.#execs().map(({ workload }) => workload);
    return names.includes('host') && !workloads.some(({ name }) => name === 'host') ? [...workloads, HOST] : workloads;
  }

  #execs(): readonly ExecStep[] {
    return (this.#test.steps ?? []).filter((step) => step.do === 'exec');
  }

  /** Makes its containers, or what stands for the host (host.ts). */
  #place(pod: CaseWorkload): void {
    for (const container of isHost(pod) ? [''] : (pod.containers ?? [])) {
      const key = `conformance/${this.#test.id}/${pod.name}/${container}`;
      if (this.#placed.has(key)) continue;
      const directory = this.#bench.roots.at(this.#placed.size);
      const cgroup = join(CGROUPS, `conformance-${this.#test.id}-${this.#placed.size}`);
      mkdirSync(cgroup, { recursive: true });
      const steps = this.#execs().filter((step) => step.workload === pod.name);
      const { mergedUsr } = familyOf(pod);
      const programs = { ...this.#bench.programs };
      const stage = setStage(directory, rootOf(pod, steps), { overlay: false, mergedUsr, programs });
      // Nothing in the root is older than the container: links of an image count for Allow rules too.
      const paths = new ContainerPaths({ rootPath: stage.root, createdNs: BigInt(Date.now() + 1) * 1_000_000n }, undefined, noLogger);
      const workload = describePlace(key, { pod, container }, this.#test.env, this.config.postures);
      const options = [...(isHost(pod) ? [] : capabilityOptions(pod, container)), ...mountOptions(steps, stage.root)];
      const cgroupId = statSync(cgroup, { bigint: true }).ino;
      this.#placed.set(key, { pod, container, key, cgroup, cgroupId, stage, paths, options, workload, ruleSet: undefined });
    }
  }

  /**
   * Whom a step is about. A container that its pod does not have is another pod's: two of KubeArmor's cases name it wrongly.
   *
   * @throws where there is none
   */
  find({ workload, container }: Pick<ExecStep, 'workload' | 'container'>): Placed {
    const all = [...this.#placed.values()];
    const own = all.filter(({ pod }) => pod.name === workload);
    const [found] =
      container === undefined
        ? own
        : [...own.filter((one) => one.container === container), ...all.filter((one) => one.container === container)];
    if (found === undefined) throw new Error(`the case has no workload ${workload}${container === undefined ? '' : `, ${container}`}`);
    return found;
  }

  placed(): readonly Placed[] {
    return [...this.#placed.values()];
  }

  /** Puts policies in force, or, where a file is none of the case's policies, the pods that appear meanwhile. */
  apply(files: readonly string[]): void {
    for (const file of files) {
      const found = (this.#test.policies ?? []).find((policy) => fileOf(policy) === file);
      if (found !== undefined) for (const policy of this.#parse(found)) this.#policies.set(policyKey(policy), policy);
      else this.#appear(file);
    }
    this.update();
  }

  #appear(file: string): void {
    const pods = this.#pods().filter(({ created = '' }) => created.startsWith('during'));
    if (pods.length === 0) throw new Error(`the case has neither a policy ${file} nor pods that appear`);
    for (const pod of pods) this.#place(pod);
  }

  delete(files: readonly string[]): void {
    for (const found of (this.#test.policies ?? []).filter((policy) => files.includes(fileOf(policy))))
      for (const policy of this.#parse(found)) this.#policies.delete(policyKey(policy));
    this.update();
  }

  annotate(namespace: string, key: string, value: string): void {
    this.#annotations.set(namespace, { ...this.#annotations.get(namespace), [key]: value });
    this.update();
  }

  #parse(file: CasePolicy): Policy[] {
    return parsePolicyText(file.yaml, fileOf(file)).map(({ policy, issues }) => {
      if (policy === undefined) throw new Error(`a policy is refused: ${issues.map(formatIssue).join('; ')}`);
      return this.#test.env === 'k8s' ? policy : withoutKubernetes(policy);
    });
  }

  #selected({ workload }: Placed): readonly Policy[] {
    if (workload.kind === 'host') return hostPolicies(this.#policies.values(), workload);
    const selecting = this.#test.env === 'k8s' ? selects : selectsHere;
    return [...this.#policies.values()].filter((policy) => selecting(policy, workload));
  }

  /**
   * Every workload is under the rules that its policies, annotations and the configuration make now.
   *
   * @throws {Missing} where a rule is of a family that the product does not have
   */
  update(): void {
    for (const placed of this.#placed.values()) {
      const annotations = this.#annotations.get(placed.pod.namespace ?? '') ?? {};
      placed.workload = describePlace(placed.key, placed, this.#test.env, posturesOf(annotations, this.config));
      const policies = this.#selected(placed);
      placed.ruleSet = policies.length === 0 ? undefined : this.#compile(placed, policies);
      const { key, cgroupId, workload, ruleSet } = placed;
      const options = { cgroupId, mode: workload.mode, ruleSet, visibility: visibilityOf(annotations, this.config) };
      if (workload.kind === 'host') protectHost(this.#bench.enforcer, key, options);
      else this.#bench.enforcer.protect(key, options);
    }
  }

  #compile({ paths, workload }: Placed, policies: readonly Policy[]): RuleSet {
    const set = paths.with((resolve) => compile(policies, workload, resolve));
    if ('exceeded' in set) throw new Error(`beyond the limit of ${set.limit} ${set.exceeded}`);
    const missing = notEnforcedFamilies(set);
    if (missing.length > 0) throw new Missing([...new Set(missing)].join(', '));
    return set;
  }

  [Symbol.dispose](): void {
    for (const { key, stage, cgroup } of this.#placed.values()) {
      this.#bench.enforcer.release(key);
      stage.clear();
      removeCgroup(cgroup);
    }
  }
}

/** What a step unmounts is mounted first. */
function mountOptions(steps: readonly ExecStep[], root: string): string[] {
  const points = steps.filter(({ access }) => access.op.startsWith('umount')).map(({ access }) => access.object ?? '');
  return [...new Set(points)].flatMap((point) => ['--bind', `${root}${point}:${point}`]);
}
