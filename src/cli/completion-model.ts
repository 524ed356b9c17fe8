// SPDX-License-Identifier: Apache-2.0
import { CLUSTER_OPTIONS } from './cluster/cluster-flags.ts';
import type { CommandEntry, CommandGroup, CommandTable, LiveName, OptionSpec } from './command.ts';

/** What to offer for a value: these words, paths, or nothing. */
export type Offer = { readonly words: readonly string[] } | { readonly live: LiveName } | 'file' | 'directory' | 'nothing';

export interface CompletionOption {
  /** `--namespace`. */
  readonly long: string;
  /** `-n`. */
  readonly short?: string | undefined;
  readonly summary: string;
  /** Undefined for a switch. */
  readonly value?: Offer | undefined;
}

/** One point of the command tree. */
export interface CompletionNode {
  /** Words below `karmor`; empty for the program itself. */
  readonly words: readonly string[];
  readonly children: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly CompletionOption[];
  readonly argument: Offer;
}

const HELP: CompletionOption = { long: '--help', short: '-h', summary: 'print this help' };
/** The program's only. */
const VERSION: CompletionOption = { long: '--version', short: '-v', summary: 'as karmor version' };

/** Loads every command and gives what a shell has to know. */
export async function loadCompletionTree(table: CommandTable): Promise<CompletionNode[]> {
  const program: CommandGroup = { words: [], summary: '', options: CLUSTER_OPTIONS };
  const groups = [program, ...table.groups].map(({ words, options = [] }) => ({
    words,
    children: childrenOf(table, words),
    options: [...options.map(toCompletion), HELP, ...(words.length === 0 ? [VERSION] : [])],
    argument: 'nothing' as const,
  }));
  return [...groups, ...(await Promise.all(table.commands.map(leafNode)))];
}

function childrenOf({ commands, groups }: CommandTable, words: readonly string[]): { name: string; summary: string }[] {
  return [...groups, ...commands]
    .filter((entry) => entry.words.length === words.length + 1 && words.every((word, i) => entry.words[i] === word))
    .map(({ words: own, summary }) => ({ name: own.at(-1) ?? '', summary }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function leafNode({ words, load }: CommandEntry): Promise<CompletionNode> {
  const { options = [], arguments: [argument] = [] } = await load();
  return { words, children: [], options: [...options.map(toCompletion), HELP], argument: offerOf(argument) };
}

function toCompletion(spec: OptionSpec): CompletionOption {
  const long = /--[\w-]+/.exec(spec.flags)?.[0] ?? '';
  const short = /^-\w\b/.exec(spec.flags)?.[0];
  return { long, short, summary: spec.summary, value: spec.flags.includes('<') ? offerOf(spec) : undefined };
}

function offerOf(spec: Pick<OptionSpec, 'choices' | 'completes' | 'suggests'> | undefined): Offer {
  const words = spec?.choices ?? spec?.suggests;
  if (words !== undefined) return { words };
  const completes = spec?.completes ?? 'nothing';
  return completes === 'file' || completes === 'directory' || completes === 'nothing' ? completes : { live: completes };
}
