// SPDX-License-Identifier: Apache-2.0
// Fails where the sources leave the map of rooms (the project's architecture page), one line per finding.

import { globSync, readFileSync } from 'node:fs';
import { join, normalize, relative } from 'node:path';

const PROGRAMS = ['agent', 'relay', 'controller', 'operator', 'cli'] as const;

/** What each room may import; a program sees every room but no other program. */
export const ROOMS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  automaton: ['base'],
  policy: ['base', 'automaton'],
  events: ['base', 'policy'],
  wire: [],
  libbpf: ['base'],
  host: ['base'],
  k8s: ['base'],
  cluster: ['base', 'policy', 'k8s'],
  install: ['base', 'policy', 'k8s', 'cluster'],
  grpc: ['base', 'wire'],
  pki: [],
  runtimes: ['base', 'grpc', 'host'],
  workloads: ['base', 'policy', 'runtimes', 'k8s'],
  enforce: ['base', 'policy', 'libbpf', 'host', 'events', 'observe'],
  observe: ['base', 'events', 'libbpf'],
  store: ['base', 'events'],
  learn: ['base', 'policy', 'events'],
  export: ['base', 'events'],
  metrics: ['base'],
  console: ['wire'],
};

/** Rooms that compute and nothing else: no I/O, clock, randomness or environment. */
const PURE = ['automaton', 'policy', 'events', 'cluster', 'install', 'learn'];
const PURE_BUILTINS = ['node:net', 'node:util', 'node:buffer', 'node:url', 'node:crypto'];
const IMPURE =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bperformance\.|\brandom(?:Bytes|UUID|Int|FillSync)\b|\bgetRandomValues\b|\bprocess\./;

/** An enforcer is known by name to its own folder and to the registry only. */
const ENFORCERS = ['bpf-lsm', 'bpflsm', 'apparmor', 'selinux', 'nftables'];
const ENFORCER_WORDS_ELSEWHERE: readonly { readonly room: string; readonly name: string; readonly why: string }[] = [
  { room: 'host', name: 'apparmor', why: 'facts of a node: what another product loaded there is told by name' },
  { room: 'policy', name: 'apparmor', why: 'a field of KubeArmorPolicy has that name, and its rules are a family of their own' },
];

/** Statements at the start of a line, as the formatter leaves them, so that code inside a test's strings does not count. */
const IMPORT = /^(?:import|export)\s+(type\s+)?(?:[\w$*\s{},]+?\s+from\s*)?['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/gm;

/** One source file; `path` is relative to the repository, with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

interface Place {
  readonly path: string;
  /** The room, or undefined outside `src`. */
  readonly room: string | undefined;
  readonly isTest: boolean;
  readonly imports: readonly Import[];
  /** The text without comments; strings stay. */
  readonly code: string;
  readonly text: string;
}

/**
 * Every finding in these sources, `path: what`, in the order of the files.
 *
 * Works on text, not on a syntax tree: comments are blanked first, so only code counts. Tests (`*.test.ts`, `*.prop.test.ts`,
 * `testing*`), `tools/` and `test/` may start processes, read the environment and import each other's helpers.
 */
export function findBreaches(sources: readonly Source[]): string[] {
  const places = sources.map(placeOf);
  const scripts = places.filter((place) => place.path.endsWith('.ts'));
  return [
    ...places.flatMap(checkHeader),
    ...scripts.flatMap((place) => [...checkImports(place), ...checkWords(place), ...checkPurity(place)]),
    ...findCycles(scripts),
  ];
}

/** Comments replaced by nothing, strings and templates kept; line breaks stay. Regular expressions are not recognised. */
export function blankComments(text: string): string {
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return text.replace(token, (found) => (found.startsWith('/') ? found.replace(/[^\n]/g, '') : found));
}

function placeOf({ path, text }: Source): Place {
  const code = path.endsWith('.ts') ? blankComments(text) : text;
  const imports = [...code.matchAll(IMPORT)].map((m) => ({ specifier: m[2] ?? m[3] ?? '', typeOnly: m[1] !== undefined }));
  const room = /^src\/([^/]+)\//.exec(path)?.[1];
  return { path, room, isTest: room === undefined || /\.test\.ts$|\/testing[./-]|-testing\.ts$/.test(path), imports, code, text };
}

function checkHeader(place: Place): string[] {
  const head = place.text.split('\n', 8).join('\n');
  return head.includes('SPDX-License-Identifier:') ? [] : [`${place.path}: no SPDX-License-Identifier in its first lines`];
}

function checkImports(place: Place): string[] {
  const found = place.imports.flatMap(({ specifier }) => {
    if (specifier.startsWith('#')) return checkRoomImport(place, specifier);
    if (specifier.startsWith('.')) return checkFileImport(place, specifier);
    return checkPackageImport(place, specifier);
  });
  if (/^export\s*\*/m.test(place.code)) found.push('`export *` hides what a face offers; name each export');
  return found.map((problem) => `${place.path}: ${problem}`);
}

function checkRoomImport({ room, isTest }: Place, specifier: string): string[] {
  const [target = '', rest] = specifier.slice(1).split('/');
  if (rest !== undefined && !(isTest && rest === 'testing')) return [`${specifier} reaches behind the face of a room`];
  if (ROOMS[target] === undefined) return [`${specifier} is no room; the rooms are a table in tools/boundaries.ts`];
  if (room === undefined) return [];
  if (target === room) return [`${specifier} is its own room; import the file`];
  const seen = (PROGRAMS as readonly string[]).includes(room) ? Object.keys(ROOMS) : ROOMS[room];
  if (seen === undefined) return [`src/${room} is not in the table of rooms`];
  return isTest || seen.includes(target) ? [] : [`${room} may not see ${specifier}`];
}

function checkFileImport({ path, room, isTest }: Place, specifier: string): string[] {
  const target = resolveFile(path, specifier);
  if (target === 'package.json') return [];
  if (!specifier.endsWith('.ts') && !specifier.endsWith('.json')) return [`${specifier} lacks its ending`];
  if (room !== undefined) {
    if (target.startsWith(`src/${room}/`)) return [];
    if (isTest && /^(tools|test)\//.test(target)) return [];
    return [`${specifier} leaves the room; another room is reached by its #name`];
  }
  const program = PROGRAMS.some((name) => target.startsWith(`src/${name}/`));
  return target.startsWith('src/') && !program ? [`${specifier} reaches behind the face of a room`] : [];
}

function checkPackageImport({ room, isTest }: Place, specifier: string): string[] {
  const name = specifier.replace(/^node:/, '');
  if ((name === 'ffi' || name === 'koffi') && room !== 'libbpf') return [`${specifier} belongs to libbpf alone`];
  if (name === 'child_process' && room !== 'host' && !isTest) return [`${specifier} belongs to host alone`];
  return [];
}

function checkWords({ path, room, isTest, code }: Place): string[] {
  if (room === undefined || isTest) return [];
  const found: string[] = [];
  if (/\bprocess\.(env|argv)\b/.test(code) && !path.endsWith('/config.ts') && path !== 'src/cli/main.ts') {
    found.push('process.env and process.argv are read in a config.ts or src/cli/main.ts only');
  }
  for (const name of ENFORCERS) {
    const home = path === 'src/enforce/index.ts' || path.startsWith(`src/enforce/${name.replace('bpflsm', 'bpf-lsm')}/`);
    const named = new RegExp(`(['"\`/])${name}(['"\`/])`, 'i').test(code);
    const excepted = ENFORCER_WORDS_ELSEWHERE.some((row) => row.room === room && row.name === name);
    if (named && !home && !excepted) found.push(`names the enforcer ${name}; only its folder and src/enforce/index.ts do`);
  }
  return found.map((problem) => `${path}: ${problem}`);
}

function checkPurity({ path, room, isTest, imports, code }: Place): string[] {
  if (room === undefined || isTest || !PURE.includes(room)) return [];
  const found = imports
    .filter(({ specifier }) => specifier.startsWith('node:') && !PURE_BUILTINS.includes(specifier))
    .map(({ specifier }) => `${path}: ${room} is pure and may not use ${specifier}`);
  const impure = IMPURE.exec(code)?.[0];
  return impure === undefined ? found : [...found, `${path}: ${room} is pure and may not use ${impure}`];
}

/** Import circles between files, types left out since they are gone at run time; each is named once, at its first file. */
function findCycles(places: readonly Place[]): string[] {
  const edges = new Map(places.map((place) => [place.path, fileTargets(place)]));
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push(`${path}: import circle ${[...trail.slice(start), path].join(' → ')}`);
    if (start >= 0 || done.has(path)) return;
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
}

function fileTargets({ path, imports }: Place): string[] {
  return imports.flatMap(({ specifier, typeOnly }) => {
    if (typeOnly) return [];
    if (specifier.startsWith('#')) return [`src/${specifier.slice(1)}/index.ts`];
    return specifier.startsWith('.') ? [resolveFile(path, specifier)] : [];
  });
}

function resolveFile(from: string, specifier: string): string {
  return normalize(join(from, '..', specifier)).replaceAll('\\', '/');
}

/** Every source file of the repository at `root`; scripts without an ending are known by their first line. */
export function readSources(root: string): Source[] {
  const withEnding = globSync(
    [
      'src/**/*.ts',
      'deploy/**/*.sh',
      'tools/**/*.{ts,sh,go}',
      'test/**/*.{ts,sh,c,h}',
      'bpf/**/*.{c,h}',
      'native/*.{c,h}',
      'api/**/*.proto',
      'api/crd/*.yaml',
    ],
    { cwd: root },
  );
  const scripts = globSync(
    [
      'tools/*',
      'tools/{helm,kube}/build',
      'deploy/**/*',
      'test/vm/*',
      '.ci/*',
      'karmor',
      'kubearmor',
      'kubearmor-controller',
      'kubearmor-operator',
      'kubearmor-relay',
    ],
    { cwd: root, withFileTypes: true },
  )
    .filter((entry) => entry.isFile() && !entry.name.includes('.'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => readFileSync(join(root, path), 'utf8').startsWith('#'));
  return [...new Set([...withEnding, ...scripts])].toSorted().map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

if (import.meta.main) {
  const sources = readSources(join(import.meta.dirname, '..'));
  const found = findBreaches(sources);
  for (const line of found) console.error(line);
  if (found.length > 0) console.error(`boundaries: ${found.length} findings in ${sources.length} files`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
