// SPDX-License-Identifier: Apache-2.0
import type { KernelEvent } from '#events';

/** Processes whose arguments are remembered; the one that executed longest ago is forgotten first. */
const REMEMBERED_MAX = 16_384;

interface CommandLine {
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * What running programs were executed with, as the kernel told of their executions: for telemetry's `Source`. Known while
 * executions are told at all (visibility `process`, or a rule that audits them), and only of those since the agent began.
 */
export class CommandLines {
  readonly #byPid = new Map<number, CommandLine>();

  /** Remembers an execution that passed. */
  note({ hook, outcome, hostPid, path, args }: KernelEvent): void {
    if (hook !== 'SECURITY_BPRM_CHECK' || outcome === 'denied') return;
    this.#byPid.delete(hostPid);
    this.#byPid.set(hostPid, { program: path, args });
    if (this.#byPid.size > REMEMBERED_MAX) this.#byPid.delete(this.#byPid.keys().next().value!);
  }

  /** The arguments of the program that acts, of its own execution or of its parent's where it was forked only; empty: not known. */
  of({ hostPid, hostPpid, subject }: KernelEvent): readonly string[] {
    const own = this.#byPid.get(hostPid) ?? this.#byPid.get(hostPpid);
    return own?.program === subject ? own.args : [];
  }
}
