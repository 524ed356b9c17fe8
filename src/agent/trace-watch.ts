// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#base';
import { traceRemarks } from '#host';
import type { KubeArmorTraces } from '#host';
import type { Remark } from './node-status.ts';

export interface TraceWatchOptions {
  /** What of KubeArmor is on this node now. */
  readonly look: () => KubeArmorTraces;
  readonly logger: Logger;
  /** Milliseconds, from any point. Default: since this process began. */
  readonly nowMs?: () => number;
}

/** An installation that is being replaced is gone by the next look. */
const LOOK_EVERY_MS = 60_000;

/** Sees that KubeArmor's own enforcers are on the node beside this agent: never two unnoticed. */
export class TraceWatch {
  readonly #options: TraceWatchOptions;
  readonly #nowMs: () => number;
  readonly #told = new Set<string>();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #remarks: readonly Remark[] = [];

  constructor(options: TraceWatchOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Looks if it is time; each finding is told in the log once, until it is gone. */
  check(): void {
    const now = this.#nowMs();
    if (now - this.#lookedMs < LOOK_EVERY_MS) return;
    this.#lookedMs = now;
    const { look, logger } = this.#options;
    const traces = look();
    for (const path of traces.unread) this.#tell(path, () => logger.warn('what KubeArmor left cannot be looked for', { path }));
    this.#remarks = traceRemarks(traces);
    for (const { problem, cure } of this.#remarks) this.#tell(problem, () => logger.warn(problem, { cure }));
    if (this.#remarks.length === 0 && traces.unread.length === 0) this.#told.clear();
  }

  remarks(): readonly Remark[] {
    return this.#remarks;
  }

  #tell(what: string, tell: () => void): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    tell();
  }
}
