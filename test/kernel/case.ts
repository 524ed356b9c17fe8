// SPDX-License-Identifier: Apache-2.0
import type { Postures } from '#policy';

/** One behaviour of the product on a real kernel: what is in force, what is done, what must come of it. */
export interface KernelCase {
  /** Unique; `family: sentence`. */
  readonly name: string;
  /** Features of the kernel (features.ts). Where one is missing the case is skipped; features of the product are never asked for. */
  readonly needs?: readonly string[];
  /** Whole documents, or only what stands below `spec` next to the selector: then a KubeArmorPolicy `p0`, `p1` … that selects the workload. */
  readonly policies: readonly string[];
  /** Further sets of policies, put in force by `! swap N` (from 1). */
  readonly swaps?: readonly (readonly string[])[];
  /** Default posture of every family, or of some. `audit` where absent. */
  readonly posture?: Postures['file'] | Partial<Postures>;
  readonly mode?: 'audited';
  /** What passes is reported too, as `observed …`. */
  readonly visible?: boolean;
  /** Nothing is in force until `! bind`: the agent finds a container that runs already. */
  readonly late?: boolean;
  /**
   * The workload is the host. Policies without a head are KubeArmorHostPolicies, `ROOT` in all texts is the case's root, and programs
   * are named on the host (`$ ROOT/bin/stim OK` first). `--service`: started by a service manager in a mount name space of its own;
   * `--container`: by a runtime, in a container that nobody bound; `--unshared`: in a name space of anybody's. No nested processes.
   */
  readonly host?: boolean;
  readonly namespace?: string;
  /** Besides `app: web`. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What the container's root holds besides the usual (stage.ts says how to write it). */
  readonly root?: readonly string[];
  /** The root is an overlay file system; `root` is its lower layer. */
  readonly overlay?: boolean;
  /** `/bin`, `/sbin` and `/lib` are links into `/usr`, and `/bin/stim` is `/usr/bin/stim`. */
  readonly mergedUsr?: boolean;
  /** Options of native/cell.c for every process, e.g. `--ro-bind volume:/etc/secrets`; the source is made by `root` as `volume:…`. */
  readonly cell?: readonly string[];
  /**
   * Steps, a line each:
   *   `OPERATION … RESULT`  of native/stim*.c; RESULT is `OK` or an errno's name
   *   `$ [OPTION …] PROGRAM RESULT`  a new process from PROGRAM, a copy of stim; before the first `$` it is `/bin/stim`.
   *       Options of cell.c, and `--unbound`: outside the workload's cgroup; `--below`: in a cgroup below it
   *   `% PROGRAM RESULT`, steps, `%end`  while the process waits: exec into its container
   *   `! ACTION`  while the process waits, by the host (drive.ts)
   */
  readonly run: string;
  /** Every event, in any order: `OUTCOME HOOK OBJECT [RULE] [by SUBJECT] [xN]`, see alerts.ts. Nothing else may be reported. */
  readonly expect: readonly string[];
  /** Fields of the first event of a hook: a value, or `= NAME`, the same as that field. */
  readonly fields?: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
  /** Instead of `expect`: how many alerts are delivered or counted as lost. */
  readonly total?: number;
}

export interface Operation {
  readonly kind: 'operation';
  readonly text: string;
  readonly result: string;
}
export interface Action {
  readonly kind: 'action';
  readonly words: readonly string[];
}
export interface Process {
  readonly kind: 'process';
  readonly options: readonly string[];
  readonly program: string;
  readonly result: string;
  readonly steps: readonly (Operation | Action | Process)[];
}

const RESULT = /^(OK|E[A-Z0-9]+)$/;

function splitResult(line: string): { words: string[]; result: string } {
  const words = line.split(/\s+/);
  const result = words.pop() ?? '';
  if (!RESULT.test(result)) throw new Error(`a step without a result: ${line}`);
  return { words, result };
}

const OPTIONS_WITH_VALUE = ['--bind', '--ro-bind', '--uid'];

function startProcess(line: string): Process & { steps: (Operation | Action | Process)[] } {
  const { words, result } = splitResult(line.slice(1).trim());
  const options: string[] = [];
  while (words[0]?.startsWith('--')) {
    const option = words.shift()!;
    options.push(option);
    if (OPTIONS_WITH_VALUE.includes(option)) options.push(words.shift() ?? '');
  }
  return { kind: 'process', options, program: words[0] ?? '', result, steps: [] };
}

/** The processes of a case, one after the other; a nested process is one that enters the container. */
export function parseRun(run: string): Process[] {
  const lines = run.split('\n').map((line) => line.trim());
  const processes: ReturnType<typeof startProcess>[] = [];
  let nested: ReturnType<typeof startProcess> | undefined;
  for (const line of lines) {
    if (line === '') continue;
    if (line.startsWith('$')) {
      processes.push(startProcess(line));
      continue;
    }
    if (processes.length === 0) processes.push(startProcess('$ /bin/stim OK'));
    const into = (nested ?? processes.at(-1)!).steps;
    if (line === '%end') {
      nested = undefined;
    } else if (line.startsWith('%')) {
      nested = startProcess(line);
      into.push(nested);
    } else if (line.startsWith('!')) {
      into.push({ kind: 'action', words: line.slice(1).trim().split(/\s+/) });
    } else {
      const { words, result } = splitResult(line);
      into.push({ kind: 'operation', text: words.join(' '), result });
    }
  }
  return processes;
}
