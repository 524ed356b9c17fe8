// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { compile, parsePolicyText } from '#policy';
import type { Policy, Posture, RuleSet, Workload } from '#policy';

/** A repeatable sequence of numbers below `below`; the same seed, the same sequence, on every machine. */
export function sequence(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SYLLABLES = 'ba ca di do fe gi ha in jo ka li mo na or pe qu ra si to un ve wa xi yo ze lib py core net ssl'.split(' ');
const FOLDERS = [
  'bin',
  'sbin',
  'lib',
  'libexec',
  'lib/x86_64-linux-gnu',
  'share/doc',
  'share/locale',
  'share/man/man1',
  'include',
  'lib/python3',
];
const ENDINGS = ['', '', '.so', '.so.1', '.conf', '.gz', '.py', '.h', '.mo', '.txt'];

/** Different paths below `/usr`, two to five components deeper, some 40 bytes long, as a distribution's are. */
export function usrPaths(count: number, seed = 1): string[] {
  const below = sequence(seed);
  const pick = (list: readonly string[]): string => list[below(list.length)]!;
  const word = (): string => Array.from({ length: 2 + below(4) }, () => pick(SYLLABLES)).join('');
  const found = new Set<string>();
  while (found.size < count) {
    const folders = Array.from({ length: below(3) }, word);
    found.add(['/usr', pick(FOLDERS), ...folders, word() + pick(ENDINGS)].join('/'));
  }
  return [...found];
}

/** Globs as policies have them, where the published ones are not at hand. */
function ownGlobs(count: number): string[] {
  const below = sequence(7);
  const shapes = [
    (p: string) => `${p}/**`,
    (p: string) => `${p}*`,
    (p: string) => `/**/${p.split('/').at(-1)}`,
    (p: string) => `${p}/*.conf`,
    (p: string) => `${p.slice(0, p.lastIndexOf('/'))}/[a-m]*`,
    (p: string) => `${p}?/**/*.so`,
  ];
  return usrPaths(count, 7).map((path) => shapes[below(shapes.length)]!(path));
}

const CORPUS = new URL('../../../shared/corpus/policy-templates/', import.meta.url);

/** The globs of published policies where they are beside the repository, filled up with our own. */
export function globs(count: number): { globs: string[]; published: number } {
  const found = new Set<string>();
  for (const file of existsSync(CORPUS) ? readdirSync(CORPUS) : []) {
    const documents = parsePolicyText(readFileSync(new URL(file, CORPUS), 'utf8'), file);
    for (const rule of documents.flatMap(({ policy }) => policy?.rules ?? [])) {
      if ((rule.family === 'file' || rule.family === 'process') && rule.object.kind === 'glob') found.add(rule.object.glob);
    }
  }
  const published = Math.min(count, found.size);
  for (const glob of ownGlobs(count * 2)) if (found.size < count) found.add(glob);
  return { globs: [...found].slice(0, count), published };
}

/** A policy's text; `spec` holds what stands below it, a line each. */
export function policyText(name: string, spec: readonly string[]): string {
  const head = ['apiVersion: security.kubearmor.com/v1', 'kind: KubeArmorPolicy', `metadata: { name: ${name}, namespace: bench }`];
  return [...head, 'spec:', '  selector: { matchLabels: { app: bench } }', ...spec.map((line) => `  ${line}`), ''].join('\n');
}

const rules = (kind: string, key: string, values: readonly string[]): string[] => [
  `  ${kind}:`,
  ...values.map((value) => `    - { ${key}: ${JSON.stringify(value)} }`),
];

/** Block rules for these paths: the first half for programs, the second for files. */
export function blockText(paths: readonly string[]): string {
  const half = paths.length / 2;
  const spec = [
    'process:',
    ...rules('matchPaths', 'path', paths.slice(0, half)),
    'file:',
    ...rules('matchPaths', 'path', paths.slice(half)),
  ];
  return policyText('block', [...spec, 'action: Block']);
}

/** Block rules for files by glob. */
export function globText(patterns: readonly string[]): string {
  return policyText('globs', ['file:', ...rules('matchPatterns', 'pattern', patterns), 'action: Block']);
}

export function parse(text: string): Policy[] {
  return parsePolicyText(text, 'bench.yaml').map(({ policy, issues }) => {
    if (policy === undefined) throw new Error(`a policy of the bench is refused: ${JSON.stringify(issues[0])}`);
    return policy;
  });
}

export function workload(posture: Posture = 'audit'): Workload {
  return {
    id: 'bench',
    kind: 'container',
    namespace: 'bench',
    podName: 'bench',
    containerName: 'bench',
    image: 'bench:1',
    labels: { app: 'bench' },
    mode: 'enabled',
    postures: { file: posture, network: posture, capabilities: posture },
  };
}

export function compileOrThrow(policies: readonly Policy[], posture: Posture = 'audit'): RuleSet {
  const ruleSet = compile(policies, workload(posture));
  if ('exceeded' in ruleSet) throw new Error(`a policy of the bench exceeds ${ruleSet.exceeded}`);
  return ruleSet;
}

/** Where the guest's programs find what rules name; the same in every scenario. */
export const PLACES = { shallow: '/run/x', deep: '/d1/d2/d3/d4/d5/d6/d7/d8/x', many: '/many' } as const;

const dirOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

/** Rule sets that differ, each with an image of the middle size class (1 MiB). */
export const MAPS_RULE_SETS = 20;

/** Rule sets that the guest loads, compiled on the host: emulation would take a minute for the long ones. */
export function guestRuleSets(): Record<string, RuleSet> {
  const sets: Record<string, RuleSet> = {};
  for (const count of [20, 300, 1000, 10_000]) sets[`rules-${count}`] = compileOrThrow(parse(blockText(usrPaths(count))));
  const near = Object.values(PLACES).flatMap((path) => ['y', 'z', 'xx'].map((name) => `${dirOf(path)}/${name}`));
  sets['near'] = compileOrThrow(parse(blockText(near)));
  const hit = (action: string): string[] => [
    'file:',
    ...rules('matchPaths', 'path', [PLACES.shallow, PLACES.deep]),
    '  matchDirectories:',
    `    - { dir: ${PLACES.many}/, recursive: true }`,
    `action: ${action}`,
  ];
  sets['denied'] = compileOrThrow(parse(policyText('denied', hit('Block'))));
  sets['audited'] = compileOrThrow(parse(policyText('audited', hit('Audit'))));
  const allowed = [
    'process:',
    ...rules('matchDirectories', 'dir', ['/bin/', '/lib/', '/lib64/']).map((line) => line.replace(' }', ', recursive: true }')),
  ];
  const files = ['file:', ...rules('matchPaths', 'path', [PLACES.shallow, PLACES.deep, ...usrPaths(18, 3)])];
  const folders = rules('matchDirectories', 'dir', ['/bin/', '/lib/', '/lib64/', '/run/', `${PLACES.many}/`]).map((line) =>
    line.replace(' }', ', recursive: true }'),
  );
  sets['allow-list'] = compileOrThrow(parse(policyText('allow', [...allowed, ...files, ...folders, 'action: Allow'])), 'block');
  const network = ['network:', ...rules('matchProtocols', 'protocol', ['udp', 'icmp', 'raw']), 'action: Block'];
  sets['network'] = compileOrThrow([...parse(policyText('network', network)), ...parse(blockText(usrPaths(20)))]);
  for (let n = 0; n < MAPS_RULE_SETS; n++) sets[`maps-${n}`] = compileOrThrow(parse(blockText(usrPaths(1000, 100 + n))));
  return sets;
}
