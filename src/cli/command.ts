// SPDX-License-Identifier: Apache-2.0
import type { ExitCode } from './exit-codes.ts';
import type { Flags } from './flags.ts';
import type { Io } from './io.ts';

/** Names that completion asks the cluster, or the kubeconfig, for. */
export type LiveName = 'context' | 'namespace' | 'pod' | 'policy';

/** One option. Its value is read by the long name: `--log-path <x>` and `--logPath <x>` are both `logPath`. */
export interface OptionSpec {
  /** `-n, --namespace <name>`; without `<…>` it is a switch, and `[bool]` one that may be given as `--verify=false` too. */
  readonly flags: string;
  readonly summary: string;
  readonly default?: string | undefined;
  readonly choices?: readonly string[] | undefined;
  /** `count`: a whole number from 0; `list`: commas and repeats add up; `switch`: true or false, alone true. Otherwise text. */
  readonly value?: 'count' | 'list' | 'switch' | undefined;
  /** What completion offers for the value. */
  readonly completes?: 'file' | 'directory' | LiveName | undefined;
  /** Values that completion offers although others are taken too. */
  readonly suggests?: readonly string[] | undefined;
}

export interface ArgumentSpec {
  /** `<shell>` is required, `[file...]` any number. */
  readonly name: string;
  readonly summary: string;
  readonly choices?: readonly string[] | undefined;
  readonly completes?: 'file' | LiveName | undefined;
}

/** One command as data and a function of `io`: tested without a process. */
export interface Command {
  readonly arguments?: readonly ArgumentSpec[] | undefined;
  readonly options?: readonly OptionSpec[] | undefined;
  /** Printed below the options by `--help`. */
  readonly details?: string | undefined;
  /** @throws {KubeArmorError} when the world fails; `run-cli.ts` prints it and chooses the exit code */
  run(args: readonly string[], flags: Flags, io: Io): Promise<ExitCode>;
}

/** A line of the command table: what help and dispatch need without loading the command. */
export interface CommandEntry {
  /** Words below `karmor`: `['policy', 'check']`. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** A word that groups commands. */
export interface CommandGroup {
  readonly words: readonly string[];
  readonly summary: string;
  readonly options?: readonly OptionSpec[] | undefined;
}

/** All words of the program. */
export interface CommandTable {
  readonly commands: readonly CommandEntry[];
  readonly groups: readonly CommandGroup[];
}
