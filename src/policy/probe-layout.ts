// SPDX-License-Identifier: Apache-2.0
import type { Access } from './access.ts';

/** What lies at a path of a canary's root. `any`: whatever else is needed there; nothing else: a file. */
export interface CanaryNode {
  readonly kind: 'any' | 'file' | 'program' | 'folder';
  /** Whether the canary owns it. */
  readonly owned: boolean;
}

/** Accesses that one root can hold together, in their order, and what that root has. */
export interface CanaryRoot<T> {
  readonly probes: readonly T[];
  readonly nodes: ReadonlyMap<string, CanaryNode>;
  /** What did not fit: the next root's. */
  readonly rest: readonly T[];
}

/** Accesses of one root at most: one process does them in some milliseconds. */
export const ROOT_PROBES_MAX = 128;

/** Puts accesses into one root as long as each finds there what it needs: a path is a file or a folder, never both. */
export function layOut<T extends { readonly access: Access }>(probes: readonly T[]): CanaryRoot<T> {
  const nodes = new Map<string, CanaryNode>();
  const taken: T[] = [];
  const rest: T[] = [];
  for (const probe of probes) {
    const merged = taken.length < ROOT_PROBES_MAX ? merge(nodes, needsOf(probe.access)) : undefined;
    if (merged === undefined) rest.push(probe);
    else taken.push(probe);
    for (const [path, node] of merged ?? []) nodes.set(path, node);
  }
  return { probes: taken, nodes, rest };
}

type Needs = [path: string, node: CanaryNode][];

function needsOf(access: Access): Needs {
  const needs: Needs = [];
  if (typeof access.subject === 'string') needs.push([access.subject, { kind: 'program', owned: true }]);
  if ('object' in access) {
    const kind = access.kind === 'exec' ? 'program' : access.kind === 'write' ? 'file' : 'any';
    needs.push([access.object.path, { kind, owned: access.owner }]);
  }
  const above = needs.flatMap(([path]) => foldersAbove(path).map((folder): Needs[number] => [folder, FOLDER]));
  return [...needs, ...above];
}

/** Whose folders on the way are does not matter to anybody; where one is looked at itself it is the canary's. */
const FOLDER: CanaryNode = { kind: 'folder', owned: true };

/** `/`, `/a`, `/a/b` of `/a/b/c`; nothing of `/`. */
function foldersAbove(path: string): string[] {
  if (path === '/') return [];
  const found = ['/'];
  for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) found.push(path.slice(0, at));
  return found;
}

/** The nodes that change, or undefined where one would have to be two things. */
function merge(nodes: ReadonlyMap<string, CanaryNode>, needs: Needs): Map<string, CanaryNode> | undefined {
  const changed = new Map<string, CanaryNode>();
  for (const [path, need] of needs) {
    const joined = join(changed.get(path) ?? nodes.get(path) ?? (path === '/' ? FOLDER : undefined), need);
    if (joined === undefined) return undefined;
    changed.set(path, joined);
  }
  return changed;
}

function join(have: CanaryNode | undefined, need: CanaryNode): CanaryNode | undefined {
  if (have === undefined) return need;
  if (have.owned !== need.owned) return undefined;
  if (have.kind === 'any') return need;
  return need.kind === 'any' || need.kind === have.kind ? have : undefined;
}
