// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import type { Enforcer, Tampering } from '#enforce';
import { alertOf } from '#events';
import type { Alert, EventContext, KernelEvent } from '#events';
import { ANY_WORKLOAD } from '#policy';
import type { Workload } from '#policy';
import type { Reason } from './node-status.ts';

export interface IntegrityWatchOptions {
  readonly enforcer: Pick<Enforcer, 'checkIntegrity' | 'report'>;
  readonly names: Pick<EventContext, 'clusterName' | 'hostName' | 'nodeId' | 'version'>;
  readonly tell: (alert: Alert) => void;
  /** Hears of every look what it found: what was changed is not proven any more. */
  readonly distrust?: (found: readonly Tampering[]) => void;
  readonly logger: Logger;
}

/** How long `karmor probe` speaks of what was set right. */
const REMEMBERED_MS = 600_000;
const CURE = 'find out who changes the kernel’s state beside the agent: it takes root on the node';

const NODE: Workload = { ...ANY_WORKLOAD, kind: 'host' };
const OURS: KernelEvent = {
  bootNs: 0n,
  scopeId: 0,
  imageId: 0,
  ruleId: undefined,
  outcome: 'audited',
  hook: 'BPF',
  count: 1,
  hostPid: 0,
  hostPpid: 0,
  pid: 0,
  ppid: 0,
  uid: 0,
  tty: '',
  comm: '',
  cwd: '/',
  subject: '',
  parent: '',
  path: '',
  args: [],
  tampering: { number: 0, target: 0 },
};

/** Sees that what the agent keeps in the kernel is as it left it: tells once, in the log and as an alert, what was not. */
export class IntegrityWatch {
  readonly #options: IntegrityWatchOptions;
  /** What was found, with when it was last. */
  readonly #found = new Map<string, { readonly ms: number; readonly problem: string | undefined }>();

  constructor(options: IntegrityWatchOptions) {
    this.#options = options;
  }

  check(): void {
    const now = performance.now();
    for (const [what, { ms }] of this.#found) if (now - ms > REMEMBERED_MS) this.#found.delete(what);
    const found = this.#look();
    this.#options.distrust?.(found);
    const stillWrong = new Set(found.map(({ what }) => what));
    // what could not be set right and is not found again is right now
    for (const [what, { ms, problem }] of this.#found)
      if (problem !== undefined && !stillWrong.has(what)) this.#found.set(what, { ms, problem: undefined });
    for (const { what, problem } of found) {
      const known = this.#found.get(what);
      this.#found.set(what, { ms: now, problem });
      if (known === undefined || known.problem !== problem) this.#tell(what, problem);
    }
  }

  reasons(): Reason[] {
    return [...this.#found].map(([what, { problem }]) => ({ problem: `${what}; ${stateOf(problem)}`, cure: CURE }));
  }

  #look(): readonly Tampering[] {
    try {
      return this.#options.enforcer.checkIntegrity();
    } catch (error) {
      if (!(error instanceof KubeArmorError)) throw error;
      return [{ what: 'the state in the kernel cannot be compared', problem: error.message }];
    }
  }

  #tell(what: string, problem: string | undefined): void {
    const { enforcer, names, tell, logger } = this.#options;
    logger.error(what, { result: stateOf(problem) });
    const event = { ...OURS, path: `${what}; ${stateOf(problem)}` };
    tell(alertOf(event, { ...names, workload: NODE, enforcer: enforcer.report.name, wallClock: () => new Date() }));
  }
}

const stateOf = (problem: string | undefined): string => (problem === undefined ? 'set right' : `not set right: ${problem}`);
