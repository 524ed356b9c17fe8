// SPDX-License-Identifier: Apache-2.0
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Logger } from '#base';

/** Totals of losses that were told of. */
export interface LossTotals {
  readonly alerts: bigint;
  readonly logs: bigint;
}

/** What an agent told of losses, so that the next one tells what was lost while none ran. */
export interface ToldLosses {
  /** What was told last; nothing where that is not known. */
  load(): LossTotals;
  save(totals: LossTotals): void;
}

const NOTHING: LossTotals = { alerts: 0n, logs: 0n };

/**
 * Keeps them in a file. After a power cut they may be gone: the kernel's counters are gone with them then.
 *
 * Where the file cannot be written the log says so once, and a next agent tells some losses again.
 */
export function toldLossesFile(path: string, logger: Logger): ToldLosses {
  let failed = false;
  return {
    load() {
      try {
        const { alerts, logs } = JSON.parse(readFileSync(path, 'utf8')) as { alerts: string; logs: string };
        return { alerts: BigInt(alerts), logs: BigInt(logs) };
      } catch {
        return NOTHING;
      }
    },
    save({ alerts, logs }) {
      try {
        writeFileSync(`${path}.new`, JSON.stringify({ schemaVersion: 1, alerts: String(alerts), logs: String(logs) }), { mode: 0o600 });
        renameSync(`${path}.new`, path);
        failed = false;
      } catch (error) {
        if (!failed) logger.warn('what was told of losses cannot be saved: after a restart some are told again', { reason: String(error) });
        failed = true;
      }
    },
  };
}
