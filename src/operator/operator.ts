// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '#base';
import { CONFIGS, CORE, NAMES, NODE_REPORTS, readConfigConditions, readConfig } from '#cluster';
import type { ConfigStatus } from '#cluster';
import { definitions, isInstalled, KINDS, NETWORK_SECRETS, removeInstallation, shapeOfSocket } from '#install';
import type { Images, Installation } from '#install';
import { follow, Followed, WorkQueue } from '#k8s';
import type { Kind, KubeApi, KubeObject, OnFailure, OwnerReference, Selection } from '#k8s';
import { Certificates } from './certificates.ts';
import { configStatus, secondStatus } from './config-status.ts';
import type { Outcome } from './config-status.ts';
import { Installer } from './installer.ts';
import { LastGood } from './last-good.ts';
import { Neighbours } from './neighbours.ts';
import { notHere } from './not-here.ts';
import { planNode, shapesOf } from './node-labels.ts';
import type { NodePlan } from './node-labels.ts';
import { ObjectStore } from './object-store.ts';

export const FIELD_MANAGER = NAMES.operator;

export interface OperatorOptions {
  readonly namespace: string;
  readonly images: Images;
  /** Of the runtime on every node; undefined: where the node's distribution has it. */
  readonly socket: string | undefined;
  /** Between two looks at everything, whatever changed. Default 5 min. */
  readonly everyMs?: number;
  /** Of a removal: looks at nodes that end enforcement. */
  readonly removal: { readonly pause: () => Promise<void>; readonly looks: number };
}

export interface OperatorParts {
  readonly api: KubeApi;
  readonly logger: Logger;
  readonly wallMs: () => number;
  /** Told after each look at everything. */
  readonly onPass?: () => void;
}

const EVERY_MS = 300_000;
/** Changes come in bursts, as from a DaemonSet whose pods start. */
const SETTLE_MS = 200;
const ALL = 'installation';

const whatOf = ({ plural }: Kind, { fieldSelector }: Selection): string =>
  fieldSelector === undefined ? plural : `${plural} ${fieldSelector}`;

/**
 * Keeps an installation as its KubeArmorConfig says. Everything is decided anew from what the API server has, so it may end anywhere, and
 * a second run changes nothing. Without a KubeArmorConfig nothing is wanted: what was installed is taken out.
 */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #parts: OperatorParts;
  readonly #followed = new Followed(() => this.#touch());
  readonly #queue: WorkQueue;
  readonly #certificates: Certificates;
  readonly #installer: Installer;
  readonly #neighbours: Neighbours;
  readonly #lastGood: LastGood;
  /** The operator's namespace. It goes with it, so this stays as it was first seen. */
  #owner: OwnerReference | undefined;
  readonly #configs = this.#store();
  readonly #nodes = this.#store();
  readonly #reports = this.#store();
  readonly #daemonSets = this.#store();
  readonly #deployments = this.#store();
  /** Each is followed by its name: the operator may read no others. */
  readonly #secrets: ReadonlyMap<string, ObjectStore> = new Map(
    [...NETWORK_SECRETS, NAMES.webhookSecret].map((name) => [name, this.#store()]),
  );

  constructor(options: OperatorOptions, parts: OperatorParts) {
    this.#options = options;
    this.#parts = parts;
    const { namespace } = options;
    this.#certificates = new Certificates({ ...parts, namespace });
    const stores = { daemonSets: this.#daemonSets, deployments: this.#deployments };
    const everyMs = options.everyMs ?? EVERY_MS;
    this.#installer = new Installer({ ...parts, ...stores, namespace, everyMs });
    this.#lastGood = new LastGood(parts.api, namespace);
    this.#neighbours = new Neighbours({ ...parts, namespace, everyMs });
    this.#queue = new WorkQueue({ work: (_, signal) => this.#reconcile(signal), logger: parts.logger });
  }

  /** What it does not know yet. */
  get waitsFor(): readonly string[] {
    return this.#followed.waitsFor;
  }

  /** @throws what is a bug */
  async run(outer: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([outer, stop.signal]);
    const { namespace } = this.#options;
    const onFailure: OnFailure = (object, error) =>
      this.#parts.logger.error('taking in an object failed: it counts as it was before', { ...object, cause: String(error) });
    const following = (kind: Kind, store: ObjectStore, selection: Selection = {}): Promise<void> =>
      follow(
        this.#parts.api,
        { kind, selection, what: whatOf(kind, selection) },
        { followed: this.#followed, following: store, onFailure },
        signal,
      );
    if (!(await this.#upgradeDefinitions(signal))) return;
    const all = [
      following(CONFIGS, this.#configs, { namespace }),
      following(CORE.nodes, this.#nodes),
      following(NODE_REPORTS, this.#reports),
      following(KINDS.daemonSets, this.#daemonSets),
      following(KINDS.deployments, this.#deployments, { namespace }),
      ...Array.from(this.#secrets, ([name, store]) =>
        following(CORE.secrets, store, { namespace, fieldSelector: `metadata.name=${name}` }),
      ),
      this.#queue.run(signal),
    ];
    try {
      await Promise.all(all);
    } finally {
      stop.abort();
      await Promise.allSettled(all);
    }
  }

  #store(): ObjectStore {
    return new ObjectStore(() => this.#touch());
  }

  #touch(): void {
    if (this.#followed.isSettled) this.#queue.addAfter(ALL, SETTLE_MS);
  }

  /** Before their objects are read: a definition of another version may not know what is in them. @returns false: aborted */
  async #upgradeDefinitions(signal: AbortSignal): Promise<boolean> {
    const options = { fieldManager: FIELD_MANAGER, signal };
    try {
      for (const definition of definitions()) await this.#parts.api.apply(KINDS.definitions, definition, options);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  async #reconcile(signal: AbortSignal): Promise<void> {
    // What is not known may be there: nothing is concluded from its absence.
    if (!this.#followed.isSettled) return;
    this.#queue.addAfter(ALL, this.#options.everyMs ?? EVERY_MS);
    const [obeyed, ...others] = this.#wanted();
    for (const other of others)
      await this.#tell(
        other,
        secondStatus(other.metadata.generation ?? 0, obeyed?.metadata.name ?? '', readConfigConditions(other['status']), this.#now()),
      );
    if (obeyed === undefined) await this.#remove();
    else await this.#install(obeyed, signal);
    this.#parts.onPass?.();
  }

  /** KubeArmorConfigs that are not being deleted, the oldest first. */
  #wanted(): readonly KubeObject[] {
    const key = ({ metadata }: KubeObject): string => `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
    const live = this.#configs.all().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    return live.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  }

  async #install(document: KubeObject, signal: AbortSignal): Promise<void> {
    const { namespace, images } = this.#options;
    const read = readConfig(document);
    // One that cannot be read changes nothing: the last that could be read is looked after.
    const good = read.config === undefined ? await this.#lastGood.find(signal) : this.#lastGood.keep(document, read.config);
    const { issues } = read;
    const generation = document.metadata.generation ?? 0;
    const outcome = { generation, inForce: good?.generation, issues, notHere: [], others: [], without: [], workloads: [] };
    if (good === undefined) return this.#tell(document, this.#status(outcome, document));
    const { config, record } = good;
    const plans = this.#plans();
    const { shapes, problems } = shapesOf(plans);
    const owner = await this.#ownNamespace(signal);
    const installation: Installation = {
      namespace,
      config,
      images,
      ...(owner === undefined ? {} : { owner }),
      ...(record === undefined ? {} : { record }),
    };
    const { others, mayInstall } = await this.#neighbours.look(document, this.#daemonSets.all(), signal);
    if (mayInstall) {
      await this.#labelNodes(plans, signal);
      await this.#certificates.maintain(config, this.#held(), signal);
      await this.#installer.apply(installation, shapes, signal);
    }
    const told: Outcome = {
      ...outcome,
      notHere: notHere(config),
      others,
      without: problems,
      workloads: this.#installer.workloads(),
    };
    await this.#tell(document, this.#status(told, document));
  }

  async #ownNamespace(signal: AbortSignal): Promise<OwnerReference | undefined> {
    const name = this.#options.namespace;
    if (this.#owner === undefined) {
      const uid = (await this.#parts.api.get(CORE.namespaces, { name }, signal))?.metadata.uid;
      this.#owner = uid === undefined ? undefined : { apiVersion: 'v1', kind: CORE.namespaces.kind, name, uid };
    }
    return this.#owner;
  }

  #held(): ReadonlyMap<string, KubeObject> {
    const { namespace } = this.#options;
    return new Map(
      Array.from(this.#secrets).flatMap(([name, store]): [string, KubeObject][] => {
        const found = store.get(`${namespace}/${name}`);
        return found === undefined ? [] : [[name, found]];
      }),
    );
  }

  #plans(): ReadonlyMap<string, NodePlan> {
    const { socket } = this.#options;
    return new Map(
      this.#nodes
        .all()
        .map((node): [string, NodePlan] => [node.metadata.name, planNode(node, this.#reports.get(node.metadata.name), socket)]),
    );
  }

  async #labelNodes(plans: ReadonlyMap<string, NodePlan>, signal: AbortSignal): Promise<void> {
    const options = { fieldManager: FIELD_MANAGER, signal };
    for (const [name, { labels }] of plans)
      if (labels !== undefined) await this.#parts.api.patch(CORE.nodes, { name }, { metadata: { labels } }, options);
  }

  async #remove(): Promise<void> {
    const { api, logger } = this.#parts;
    const { namespace, images, removal, socket } = this.#options;
    this.#lastGood.forget();
    if (!(await isInstalled(api, namespace))) return;
    logger.info('there is no KubeArmorConfig: what was installed is taken out');
    const { config } = readConfig({});
    if (config === undefined) throw new TypeError('an empty KubeArmorConfig is not taken');
    const unfinished = await removeInstallation(
      { namespace, config, images },
      {
        api,
        fieldManager: FIELD_MANAGER,
        ...removal,
        tell: (text) => logger.info(text),
        shapes: socket === undefined ? [] : [shapeOfSocket(socket)],
      },
    );
    this.#installer.forget();
    for (const { name, nodes } of unfinished)
      logger.warn('enforcement was not seen to end; it ends when these nodes start again', { name, nodes });
    logger.info('what was installed is taken out');
  }

  #status(outcome: Outcome, document: KubeObject): ConfigStatus {
    return configStatus(outcome, readConfigConditions(document['status']), this.#now());
  }

  #now(): string {
    return new Date(this.#parts.wallMs()).toISOString().replace(/\.\d+Z$/, 'Z');
  }

  async #tell(document: KubeObject, status: ConfigStatus): Promise<void> {
    if (isDeepStrictEqual(document['status'], JSON.parse(JSON.stringify(status)))) return;
    const { name, namespace } = document.metadata;
    const written = await this.#parts.api.patch(
      CONFIGS,
      { name, namespace },
      { status },
      { fieldManager: FIELD_MANAGER, subresource: 'status' },
    );
    this.#configs.put(written);
  }
}
