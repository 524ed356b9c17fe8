// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#base';
import type { Counters, Enforcer } from '#enforce';
import { alertOf, formatAgentJson, formatAgentLine, logOf } from '#events';
import type { Alert, EventContext, KernelEvent, Log, Owner } from '#events';
import type { Feed } from '#grpc';
import { ANY_WORKLOAD } from '#policy';
import type { Workload } from '#policy';
import { CommandLines } from './command-lines.ts';
import type { LineOutput } from './line-output.ts';
import type { LossTotals, ToldLosses } from './told-losses.ts';

export interface EventPumpOptions {
  readonly enforcer: Pick<Enforcer, 'watch' | 'ruleOf' | 'counters' | 'report'>;
  /** Takes events that are nobody's but the agent's own: they are told to nobody. Absent: there are none. */
  readonly takes?: (event: KernelEvent) => boolean;
  /** The workload of a scope, also for a while after it is gone. */
  readonly workloadOf: (scopeId: number) => Workload | undefined;
  readonly feed: Pick<Feed, 'publishAlert' | 'publishLog' | 'countLost' | 'stats'>;
  readonly names: Pick<EventContext, 'clusterName' | 'hostName' | 'nodeId' | 'version' | 'wallClock'>;
  /** Which logs are told: `process`, `file`, `network`, `capabilities`. */
  readonly visibilityOf: (workload: Workload) => ReadonlySet<string>;
  readonly dropProcessResource: boolean;
  /** One line an alert, for people. */
  readonly lines: LineOutput;
  /** JSON of alerts and logs, where asked for. */
  readonly json: LineOutput | undefined;
  /** What an agent before this one told of losses. */
  readonly toldLosses: ToldLosses;
  readonly logger: Logger;
}

/** KubeArmor's word for a container whose description has not come. */
const UNKNOWN: Workload = { ...ANY_WORKLOAD, namespace: 'Unknown', podName: 'Unknown', containerName: 'Unknown' };
const POLL_MS = 1_000;

/** Turns what the kernel tells into alerts and logs, for streams and lines, until aborted. */
export async function pumpEvents(options: EventPumpOptions, signal: AbortSignal): Promise<void> {
  const loss = new LossPoll(options);
  const commands = new CommandLines();
  const timer = setInterval(() => loss.poll(), POLL_MS);
  try {
    await options.enforcer.watch((event) => handle(event, commands, options), signal);
  } finally {
    clearInterval(timer);
    loss.poll();
  }
}

function handle(event: KernelEvent, commands: CommandLines, options: EventPumpOptions): void {
  const { enforcer, names, feed, json } = options;
  if (options.takes?.(event) === true) return;
  commands.note(event);
  // a busy node makes many: none is described that nobody reads
  if (event.outcome === 'observed' && json === undefined && feed.stats('logs').subscribers === 0) return;
  const workload = options.workloadOf(event.scopeId) ?? UNKNOWN;
  const rule = event.ruleId === undefined ? undefined : enforcer.ruleOf(event.imageId, event.ruleId);
  const context: EventContext = { ...names, workload, rule, owner: ownerOf(workload), enforcer: enforcer.report.name };
  if (event.outcome === 'observed') {
    const log = logFor(event, { ...context, commandArgs: commands.of(event) }, options);
    if (log === undefined) return;
    feed.publishLog(log);
    json?.write(formatAgentJson(log));
    return;
  }
  tellAlert(alertOf(event, context), options);
}

function ownerOf({ owner }: Workload): Owner | undefined {
  return owner === undefined ? undefined : { Ref: owner.kind, Name: owner.name, Namespace: owner.namespace };
}

/** To streams, the console and the log file. */
export function tellAlert(alert: Alert, { feed, lines, json }: Pick<EventPumpOptions, 'lines' | 'json'> & TellsAlerts): void {
  feed.publishAlert(alert);
  lines.write(formatAgentLine(alert));
  json?.write(formatAgentJson(alert));
}

interface TellsAlerts {
  readonly feed: Pick<Feed, 'publishAlert'>;
}

function logFor(event: KernelEvent, context: EventContext, { visibilityOf, dropProcessResource }: EventPumpOptions): Log | undefined {
  const log = logOf(event, context);
  if (!visibilityOf(context.workload).has(log.Operation.toLowerCase())) return undefined;
  return dropProcessResource && log.Operation === 'Process' ? { ...log, Resource: '' } : log;
}

/** Tells streams and the log how many events the kernel could not hand over, also while no agent ran. */
class LossPoll {
  readonly #options: EventPumpOptions;
  #before: LossTotals;

  constructor(options: EventPumpOptions) {
    this.#options = options;
    this.#before = options.toldLosses.load();
    const now = totalsOf(options.enforcer.counters());
    // counters that fell are new ones: the programs were loaded afresh
    if (now.alerts < this.#before.alerts || now.logs < this.#before.logs) this.#before = { alerts: 0n, logs: 0n };
    this.poll('while no agent read them');
  }

  poll(when?: string): void {
    const { enforcer, feed, logger, toldLosses } = this.#options;
    const now = totalsOf(enforcer.counters());
    const before = this.#before;
    for (const kind of ['alerts', 'logs'] as const) {
      const kernel = now[kind] - before[kind];
      if (kernel <= 0n) continue;
      feed.countLost(kind, { kernel, queue: 0n });
      logger.warn(`${kernel} ${kind} did not fit the kernel's buffer and are lost`, { total: now[kind], when });
    }
    if (now.alerts === before.alerts && now.logs === before.logs) return;
    this.#before = now;
    toldLosses.save(now);
  }
}

const totalsOf = (counters: Counters): LossTotals => ({ alerts: counters['alerts_lost'] ?? 0n, logs: counters['logs_lost'] ?? 0n });
