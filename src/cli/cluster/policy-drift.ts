// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { POLICY_KINDS } from '#cluster';
import type { WatchChange } from '#k8s';
import { parsePolicyObject } from '#policy';
import type { PolicyKind } from '#policy';
import { compareSides, differencesJson, differencesText } from '../compare-policies.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import { current, loaded, loadPolicySet, reportErrors } from '../policy-set.ts';
import type { LoadedPolicy } from '../policy-set.ts';
import type { Text } from '../text.ts';
import { askedCluster } from './cluster-flags.ts';
import type { ClusterPort } from './cluster-port.ts';
import { driftOf } from './drift.ts';
import type { Drift } from './drift.ts';
import { driftJson, driftLines, driftSummary } from './drift-text.ts';
import { listPolicies, livePolicy } from './live-policies.ts';
import type { LivePolicy } from './live-policies.ts';

/** `karmor policy diff DIR`: the cluster against files. */
export async function runDrift(name: string, flags: Flags, io: Io): Promise<ExitCode> {
  const set = await loadPolicySet([name], io, { mayBeEmpty: true });
  if (reportErrors(set.issues, io)) return EXIT_CODES.badData.code;
  const files = current(set.all);
  if (files.length === 0) throw new KubeArmorError('USAGE', `there is no policy in ${name}: nothing to compare the cluster with`);
  using cluster = await io.cluster(askedCluster(flags));
  if (flags.isSet('watch')) return await follow(files, cluster, flags, io);
  const live = await listPolicies(cluster.api, undefined, io.signal);
  const { drifts, leftAlone } = driftOf(files, live, flags.text('namespace'));
  const verdicts = compareVerdicts({ files, live, drifts }, flags, io);
  if (flags.text('output') === 'json') {
    const json = { schemaVersion: 1, drifts: drifts.map(driftJson), leftAlone, verdicts: verdicts?.json ?? null };
    await io.outJson(JSON.stringify(json, undefined, 2));
  } else {
    for (const line of [...drifts.flatMap(driftLines), driftSummary(drifts, leftAlone), ...(verdicts?.text ?? [])]) await io.out(line);
  }
  return drifts.length > 0 ? EXIT_CODES.findings.code : EXIT_CODES.ok.code;
}

interface Compared {
  readonly files: readonly LoadedPolicy[];
  readonly live: readonly LivePolicy[];
  readonly drifts: readonly Drift[];
}

interface VerdictChanges {
  readonly json: object;
  readonly text: readonly Text[];
}

/** What the drift means for accesses, from the cluster to the files; nothing where there is no drift. */
function compareVerdicts({ files, live, drifts }: Compared, flags: Flags, io: Io): VerdictChanges | undefined {
  if (drifts.length === 0) return undefined;
  const before = live.flatMap(({ kind, ref, object }) => {
    const { policy } = parsePolicyObject(object, { kind });
    return policy === undefined ? [] : [loaded(policy, `the cluster’s ${ref}`)];
  });
  const extra = new Set(drifts.flatMap(({ what, ref }) => (what === 'extra' ? [ref] : [])));
  const named = new Set(files.map(({ policy }) => `${policy.kind} ${policy.namespace} ${policy.name}`));
  const kept = before.filter(
    ({ policy, file }) => !named.has(`${policy.kind} ${policy.namespace} ${policy.name}`) && !extra.has(file.replace('the cluster’s ', '')),
  );
  const sides = { before, after: [...files, ...kept] };
  try {
    const differences = compareSides(sides, flags);
    return { json: differencesJson(differences), text: differencesText(differences, sides, io.width) };
  } catch (error) {
    if (!(error instanceof KubeArmorError) || error.code !== 'LIMIT_EXCEEDED') throw error;
    io.err(`karmor policy diff: verdicts are not compared: ${error.message}; name one workload with --labels`);
    return undefined;
  }
}

/** Tells each drift when it comes and when it goes, until the command is stopped. */
async function follow(files: readonly LoadedPolicy[], { api }: ClusterPort, flags: Flags, io: Io): Promise<ExitCode> {
  const state = new WatchedDrift(files, flags, io);
  const kinds = Object.entries(POLICY_KINDS) as readonly (readonly [PolicyKind, (typeof POLICY_KINDS)[PolicyKind]])[];
  const stop = new AbortController();
  const signal = AbortSignal.any([io.signal, stop.signal]);
  const one = async (kind: PolicyKind): Promise<void> => {
    for await (const change of api.watch(POLICY_KINDS[kind], { managedFields: true }, signal)) await state.take(kind, change);
  };
  try {
    await Promise.all(kinds.map(([kind]) => one(kind)));
  } finally {
    stop.abort();
  }
  return state.hasDrift ? EXIT_CODES.findings.code : EXIT_CODES.ok.code;
}

class WatchedDrift {
  readonly #files: readonly LoadedPolicy[];
  readonly #flags: Flags;
  readonly #io: Io;
  readonly #live = new Map<PolicyKind, Map<string, LivePolicy>>();
  #told = new Map<string, string>();
  #isFirst = true;
  #turn: Promise<void> = Promise.resolve();

  constructor(files: readonly LoadedPolicy[], flags: Flags, io: Io) {
    this.#files = files;
    this.#flags = flags;
    this.#io = io;
  }

  get hasDrift(): boolean {
    return this.#told.size > 0;
  }

  /** One change of one kind; they are taken one after the other. */
  async take(kind: PolicyKind, change: WatchChange): Promise<void> {
    this.#turn = this.#turn.then(() => this.#take(kind, change));
    await this.#turn;
  }

  async #take(kind: PolicyKind, change: WatchChange): Promise<void> {
    if (change.kind === 'lost') {
      this.#io.err(`karmor policy diff: ${change.cause.message}; trying again`);
      return;
    }
    const known = this.#live.get(kind) ?? new Map<string, LivePolicy>();
    if (change.kind === 'synced') known.clear();
    for (const object of change.kind === 'synced' ? change.objects : [change.object]) {
      const policy = livePolicy(kind, object);
      if (change.kind === 'deleted') known.delete(policy.ref);
      else known.set(policy.ref, policy);
    }
    this.#live.set(kind, known);
    if (this.#live.size === Object.keys(POLICY_KINDS).length) await this.#tell();
  }

  async #tell(): Promise<void> {
    const live = [...this.#live.values()].flatMap((known) => [...known.values()]);
    const { drifts, leftAlone } = driftOf(this.#files, live, this.#flags.text('namespace'));
    const before = this.#told;
    this.#told = new Map(drifts.map((drift) => [drift.ref, JSON.stringify(driftJson(drift))]));
    const come = drifts.filter(({ ref }) => before.get(ref) !== this.#told.get(ref));
    const gone = [...before.keys()].filter((ref) => !this.#told.has(ref));
    const isJson = this.#flags.text('output') === 'json';
    for (const drift of come) await this.#print(isJson ? JSON.stringify(driftJson(drift)) : driftLines(drift));
    for (const ref of gone) {
      await this.#print(
        isJson
          ? JSON.stringify({ policy: ref, drift: null })
          : [[{ text: 'as wanted', colour: 'green' }, `  ${ref}  again as its file says`]],
      );
    }
    if (this.#isFirst && !isJson) await this.#io.out(driftSummary(drifts, leftAlone));
    this.#isFirst = false;
  }

  async #print(what: string | readonly Parameters<Io['out']>[0][]): Promise<void> {
    if (typeof what === 'string') await this.#io.outJson(what);
    else for (const line of what) await this.#io.out(line);
  }
}
