// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMANDS, GROUPS } from '../../src/cli/command-table.ts';
import { loadCompletionTree } from '../../src/cli/completion-model.ts';
import type { CompletionNode } from '../../src/cli/completion-model.ts';
import { SETTINGS } from '../../src/agent/settings.ts';
import type { Invocation } from './shell-words.ts';
import { ROOT } from './sh-blocks.ts';

/** Programs of others that pages may call. */
const OTHERS = new Set([
  'apt-get',
  'ar',
  'cd',
  'ctr',
  'curl',
  'docker',
  'helm',
  'jq',
  'kubectl',
  'journalctl',
  'nerdctl',
  'skopeo',
  'systemctl',
  'tar',
  'zstd',
]);
/** Flags of the agent that are no settings. */
const AGENT_ACTIONS = ['remove', 'yes', 'help', 'version'];
const tree = await loadCompletionTree({ commands: COMMANDS, groups: GROUPS });

/** Why a program cannot be called like this, or undefined where it can. Nothing is run. */
export function problemOf({ program, words }: Invocation): string | undefined {
  const name = program.replace(/^\.\//, '');
  if (name === 'karmor') return karmorProblem(words);
  if (name === 'kubearmor') return agentProblem(words);
  if (name === 'make') return words.map(makeProblem).find((problem) => problem !== undefined);
  if (name === 'npm') return npmProblem(words);
  if (name === 'sh' || name === 'bash') return words[0] === '-s' ? undefined : fileProblem(words[0] ?? '');
  if (/^(tools|demo|test)\//.test(name)) return fileProblem(name);
  const place = words.find((word) => /^(examples|api|docs)\/\S/.test(word) && fileProblem(word) !== undefined);
  if (place !== undefined) return fileProblem(place);
  return OTHERS.has(name) ? undefined : `\`${name}\` is no program that pages may call: see OTHERS`;
}

const fileProblem = (path: string): string | undefined => (existsSync(join(ROOT, path)) ? undefined : `there is no ${path}`);

function makeProblem(word: string): string | undefined {
  if (word.startsWith('-') || fileProblem(word) === undefined) return undefined; // -C bpf
  const targets = /^\.PHONY: (.*)$/m.exec(readFileSync(join(ROOT, 'Makefile'), 'utf8'))?.[1]?.split(' ') ?? [];
  return targets.includes(word) ? undefined : `make has no target ${word}`;
}

function npmProblem([verb = '', script = '']: readonly string[]): string | undefined {
  if (verb !== 'run') return verb === 'install' ? undefined : `npm ${verb}: not known here`;
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  return Object.hasOwn(scripts, script) ? undefined : `package.json has no script ${script}`;
}

function agentProblem(words: readonly string[]): string | undefined {
  const known = [...SETTINGS.flatMap(({ key, alias }) => [key, ...(alias === undefined ? [] : [alias])]), ...AGENT_ACTIONS];
  const wrong = words.find((word) => word.startsWith('-') && !known.includes(word.replace(/^--?/, '').replace(/=.*$/, '')));
  return wrong === undefined ? undefined : `kubearmor has no flag ${wrong}`;
}

/** The subcommand is the longest run of words that the table has; options are its own, its groups' and the program's. */
function karmorProblem(words: readonly string[]): string | undefined {
  const plain = words.filter((word) => !word.startsWith('-'));
  const leaves = tree.filter(
    ({ words: own, children }) => children.length === 0 && own.length > 0 && own.every((word, i) => plain[i] === word),
  );
  const leaf = leaves.toSorted((a, b) => b.words.length - a.words.length)[0];
  if (leaf === undefined)
    return words.every((word) => word.startsWith('-')) && words.length > 0 ? undefined : `karmor has no command ${words.join(' ')}`;
  const groups = tree.filter(({ words: own, children }) => children.length > 0 && own.every((word, i) => leaf.words[i] === word));
  return optionProblem(words, [leaf, ...groups]);
}

function optionProblem(words: readonly string[], nodes: readonly CompletionNode[]): string | undefined {
  for (const [i, word] of words.entries()) {
    if (!/^--?[A-Za-z]/.test(word)) continue;
    const [name = '', value] = word.split(/=(.*)/s);
    const option = nodes.flatMap(({ options }) => options).find(({ long, short }) => long === name || short === name);
    if (option === undefined) return `karmor ${nodes[0]?.words.join(' ')} has no option ${name}`;
    if (option.value !== undefined && (value ?? words[i + 1]) === undefined) return `${name} has no value`;
    if (option.value === undefined && value !== undefined) return `${name} takes no value`;
  }
  return undefined;
}
