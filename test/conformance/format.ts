// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What one program does to one object: the part of a case that a program of ours can do instead of an image's. */
export interface Access {
  /** The executable that acts; for an exec the one that is executed. */
  readonly actor?: string;
  /** The executable that calls execve. */
  readonly parent?: string;
  readonly op: string;
  readonly object?: string | null;
  /** `O_WRONLY|O_CREAT` … */
  readonly mode?: string;
  readonly uid?: number;
  readonly args?: string;
  readonly repeat?: number;
}

/** Fields of an alert or a log, and `kind`. */
export type EventFields = Readonly<Record<string, unknown>>;
export type Verdict = 'allow' | 'deny';

/** What a legacy scenario expects, by default posture or under `any`. */
export interface ByPosture {
  readonly verdict: Verdict | null;
  readonly alert?: EventFields | null;
}

export interface ExecStep {
  readonly do: 'exec';
  readonly n: number;
  readonly workload: string;
  readonly container?: string;
  readonly argv: readonly string[];
  readonly access: Access;
  readonly verdict?: Verdict | null;
  readonly expected_events?: readonly EventFields[];
  readonly forbidden_events?: readonly EventFields[];
  readonly role?: string;
  readonly expect_by_posture?: Readonly<Record<string, ByPosture>>;
  readonly expect_event_fields?: EventFields;
}
export interface WatchStep {
  readonly do: 'watch';
  readonly n: number;
  readonly stream?: string;
  readonly namespace?: string | null;
  readonly operation?: string | null;
  readonly pod?: string | null;
}
export interface ExpectStep {
  readonly do: 'expect_event';
  readonly n: number;
  readonly kind: 'alert' | 'log';
  readonly match: EventFields;
  readonly found: boolean;
  readonly implied_by_watch?: EventFields;
}
export interface CollectStep {
  readonly do: 'collect_events';
  readonly n: number;
  readonly max_events?: number;
  readonly assertions: readonly EventFields[];
}
export interface FilesStep {
  readonly do: 'apply' | 'delete';
  readonly n: number;
  readonly files: readonly string[];
}
export interface AnnotateStep {
  readonly do: 'annotate_namespace';
  readonly n: number;
  readonly namespace: string;
  readonly key: string;
  readonly value: string;
}
export interface ConfigStep {
  readonly do: 'set_global_config';
  readonly n: number;
  readonly changes: Readonly<Record<string, string>>;
}
/** Steps that need nothing here, or what is not here (missing.ts). */
export interface OtherStep {
  readonly do: 'sleep' | 'unwatch' | 'wait_pod' | 'list_pods' | 'assert_pods' | 'probe' | 'container_runtime';
  readonly n: number;
}
export type Step = ExecStep | WatchStep | ExpectStep | CollectStep | FilesStep | AnnotateStep | ConfigStep | OtherStep;

/** A pod, a container without Kubernetes, or (without containers) the host. */
export interface CaseWorkload {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly containers?: readonly string[];
  readonly fs_family?: string;
  readonly namespace_annotations?: Readonly<Record<string, string>>;
  readonly caps_add?: readonly string[];
  readonly security_context?: Readonly<Record<string, unknown>>;
  /** When it appears, where that is not at the start. */
  readonly created?: string;
  readonly workdir?: string;
}
export interface CasePolicy {
  readonly file?: string;
  readonly path?: string;
  readonly yaml: string;
}
export interface Table {
  readonly function: string;
  readonly rows: readonly { readonly in: unknown; readonly out: unknown }[];
}

/** A case of KubeArmor's behaviour (the format's own README describes it); what is not named here is not needed to play one. */
export interface ConformanceCase {
  readonly id: string;
  readonly title: string;
  readonly env: string;
  readonly status?: string;
  readonly baseline?: string;
  readonly preconditions?: { readonly baseline?: string };
  /** Ours: which of a legacy scenario's postures is meant; `block` where absent. */
  readonly posture?: 'audit';
  readonly policies?: readonly CasePolicy[];
  readonly workloads?: readonly CaseWorkload[];
  readonly steps?: readonly Step[];
  readonly table?: Table;
  /** Ours, for cases that prove that this program can fail: what it must say then, regular expressions. */
  readonly fails_with?: readonly string[];
}

/** A file of a case; `problem` where it holds none. */
export interface CaseFile {
  readonly file: string;
  readonly test?: ConformanceCase;
  readonly problem?: string;
}

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name) => join(path, name));
}

function readCase(file: string): CaseFile {
  try {
    const test = JSON.parse(readFileSync(file, 'utf8')) as Partial<ConformanceCase>;
    if (typeof test.id !== 'string' || (test.steps ?? test.table) === undefined)
      return { file, problem: 'this is no case: it has no id, or neither steps nor a table' };
    return { file, test: test as ConformanceCase };
  } catch (error) {
    return { file, problem: String(error) };
  }
}

/**
 * The cases of files and of every `.json` below folders.
 *
 * @throws where a path is not there
 */
export function readCases(paths: readonly string[]): CaseFile[] {
  return paths.flatMap((path) => filesBelow(path).map(readCase));
}
