// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { KubeArmorError } from '#base';
import type { Backups } from './policy-files.ts';

/** A policy that is in force on trial: what was before comes back unless somebody confirms it in time. */
export interface Trial {
  /** `policyKey` of the policy. */
  readonly key: string;
  readonly name: string;
  /** Its file. */
  readonly path: string;
  /** What the file held before; undefined where there was none. */
  readonly before: string | undefined;
  /** Wall clock, in milliseconds. */
  readonly until: number;
  /** How long it was to be. */
  readonly lengthMs: number;
}

/** Longest and shortest trial, in seconds. */
export const TRIAL_SECONDS = { min: 1, max: 86_400 } as const;

/**
 * The trials that are open, in a file that also survives a reboot: who is locked out may have no other way left.
 *
 * Written before the policy is in force, so that whatever happens in between is rolled back.
 */
export class Trials {
  readonly #file: string;
  readonly #backups: Pick<Backups, 'save' | 'remove'>;
  readonly #open = new Map<string, Trial>();

  constructor(file: string, backups: Pick<Backups, 'save' | 'remove'>) {
    this.#file = file;
    this.#backups = backups;
  }

  /**
   * Takes up what an agent before us left open.
   *
   * @throws {KubeArmorError} `HOST_IO` where the file cannot be understood: what it was to roll back would stay in force
   */
  load(): void {
    const text = readIfAny(this.#file);
    if (text === undefined) return;
    const value = parse(text);
    if (!Array.isArray(value) || !value.every(isTrial))
      throw new KubeArmorError('HOST_IO', `reading ${this.#file}: it holds no trials: remove it`);
    for (const trial of value) this.#open.set(trial.key, trial);
  }

  all(): readonly Trial[] {
    return [...this.#open.values()];
  }

  get(key: string): Trial | undefined {
    return this.#open.get(key);
  }

  /** @throws {KubeArmorError} `HOST_IO`; what was open before is still */
  async set(trial: Trial): Promise<void> {
    const before = this.#open.get(trial.key);
    this.#open.set(trial.key, trial);
    try {
      await this.#save();
    } catch (error) {
      if (before === undefined) this.#open.delete(trial.key);
      else this.#open.set(trial.key, before);
      throw error;
    }
  }

  /** @throws {KubeArmorError} `HOST_IO`; the trial is still open then */
  async close(key: string): Promise<void> {
    const trial = this.#open.get(key);
    if (trial === undefined) return;
    this.#open.delete(key);
    try {
      await this.#save();
    } catch (error) {
      this.#open.set(key, trial);
      throw error;
    }
  }

  /** Milliseconds that a trial lasts still; a clock that was set back makes it no longer than it was to be. */
  static remainingMs({ until, lengthMs }: Trial, now = Date.now()): number {
    return Math.max(0, Math.min(until - now, lengthMs));
  }

  async #save(): Promise<void> {
    if (this.#open.size === 0) await this.#backups.remove(this.#file);
    else await this.#backups.save(this.#file, `${JSON.stringify(this.all())}\n`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readIfAny(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new KubeArmorError('HOST_IO', `reading ${file}: ${code ?? String(error)}`, { cause: error });
  }
}

function isTrial(value: unknown): value is Trial {
  if (typeof value !== 'object' || value === null) return false;
  const { key, name, path, before, until, lengthMs } = value as Record<string, unknown>;
  const texts = [key, name, path, before ?? ''].every((text) => typeof text === 'string');
  return texts && Number.isFinite(until) && Number.isFinite(lengthMs);
}
