// SPDX-License-Identifier: Apache-2.0
import { FRESH_MS } from './node-report.ts';

/** What was last seen of one Lease. */
interface Seen {
  readonly renewTime: string;
  /** When that renewal was, by a clock that never jumps. */
  readonly atMs: number;
}

/** Two clocks at one moment. */
export interface Moment {
  /** Never jumps; only differences count. */
  readonly steadyMs: number;
  /** Since 1970, as the machine believes. */
  readonly wallMs: number;
}

/**
 * How old Leases are, told apart by name.
 *
 * A renewal that was watched has its age by this machine's steady clock, so a node's clock that is wrong, or a jump of ours, makes no
 * agent look alive or dead. Only a Lease that is seen for the first time (or after a gap, when nobody watched) is aged by the times of
 * day; one that is alive corrects that with its next renewal.
 */
export class LeaseAges {
  readonly #seen = new Map<string, Seen>();

  /** @param wasWatched whether what came before it would have been seen */
  observe(name: string, renewTime: string, now: Moment, wasWatched: boolean): void {
    if (this.#seen.get(name)?.renewTime === renewTime) return;
    const writtenMs = Date.parse(renewTime);
    const age = wasWatched ? 0 : Number.isNaN(writtenMs) ? FRESH_MS : Math.max(0, now.wallMs - writtenMs);
    this.#seen.set(name, { renewTime, atMs: now.steadyMs - age });
  }

  forget(name: string): void {
    this.#seen.delete(name);
  }

  isFresh(name: string, steadyMs: number): boolean {
    const seen = this.#seen.get(name);
    return seen !== undefined && steadyMs - seen.atMs < FRESH_MS;
  }

  /** When the next Lease that is fresh now turns stale, by the steady clock; undefined where none is fresh. */
  nextStaleMs(steadyMs: number): number | undefined {
    let next: number | undefined;
    for (const { atMs } of this.#seen.values()) {
      const stale = atMs + FRESH_MS;
      if (stale > steadyMs && (next === undefined || stale < next)) next = stale;
    }
    return next;
  }

  get names(): readonly string[] {
    return [...this.#seen.keys()];
  }
}
