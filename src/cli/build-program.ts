// SPDX-License-Identifier: Apache-2.0
import { Argument, Command as Parser, Help, InvalidArgumentError, Option } from 'commander';
import { KubeArmorError } from '#base';
import type { ArgumentSpec, Command, CommandEntry, OptionSpec } from './command.ts';
import { CLUSTER_OPTIONS } from './cluster/cluster-flags.ts';
import { COMMANDS, GROUPS, HIDDEN, PLANNED } from './command-table.ts';
import type { PlannedCommand } from './command-table.ts';
import { EXIT_CODES, exitCodesText } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { Flags } from './flags.ts';
import type { Io } from './io.ts';
import { wrapText } from './wrap-text.ts';

/** What parsing does with the outside; `run-cli.ts` gives it. */
export interface ProgramHooks {
  readonly io: Io;
  /** The command that is being parsed, for messages. */
  entered(words: readonly string[], parser: Parser): void;
  finished(code: ExitCode): void;
  help(text: string, toStderr: boolean): void;
}

/** Builds the parser of the whole program; a command's own options are loaded only when the words lead to it. */
export function buildProgram(hooks: ProgramHooks): Parser {
  const program = new Parser('karmor').description('KubeArmor’s command line: policies, alerts and the state of a node');
  prepare(program, hooks);
  program.configureHelp({
    visibleOptions(command) {
      return [...Help.prototype.visibleOptions.call(this, command), new Option('-v, --version', 'as `karmor version`')];
    },
    helpWidth: hooks.io.width,
    minWidthToWrap: 20,
  });
  for (const spec of CLUSTER_OPTIONS) program.addOption(toOption(spec));
  addBelow(program, `Exit codes:\n${exitCodesText()}\n\nPlanned, not in this version: ${plannedNames()}.`, hooks);
  const groups = new Map<string, Parser>([['', program]]);
  for (const group of GROUPS) {
    const node = addChild(groups, group, hooks);
    for (const spec of group.options ?? []) node.addOption(toOption(spec));
    groups.set(group.words.join(' '), node);
  }
  for (const entry of COMMANDS) addLeaf(groups, entry, hooks);
  for (const entry of HIDDEN) addLeaf(groups, { ...entry, hidden: true }, hooks);
  for (const planned of PLANNED) addPlanned(groups, planned, hooks);
  return program;
}

function plannedNames(): string {
  return PLANNED.map(({ words }) => words.join(' ')).join(', ');
}

/** Settings are not inherited by commands added by hand, so every node gets them. */
function prepare(parser: Parser, hooks: ProgramHooks): void {
  parser
    .helpCommand(false)
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureHelp({ helpWidth: hooks.io.width, minWidthToWrap: 20 })
    .configureOutput({
      writeOut: (text) => hooks.help(text, false),
      writeErr: (text) => hooks.help(text, true),
      outputError: () => {},
    });
}

function addBelow(parser: Parser, text: string, { io }: ProgramHooks): void {
  parser.addHelpText('after', `\n${wrapText(text, io.width)}`);
}

interface Node extends Pick<CommandEntry, 'words' | 'summary'> {
  readonly hidden?: boolean;
}

function addChild(groups: ReadonlyMap<string, Parser>, entry: Node, hooks: ProgramHooks): Parser {
  const parent = groups.get(entry.words.slice(0, -1).join(' '));
  const name = entry.words.at(-1);
  if (parent === undefined || name === undefined) throw new Error(`command table: no group for ${entry.words.join(' ')}`);
  const child = new Parser(name).description(entry.summary);
  prepare(child, hooks);
  parent.addCommand(child, { hidden: entry.hidden === true });
  parent.hook('preSubcommand', (_parent, chosen) => {
    if (chosen === child) hooks.entered(entry.words, child);
  });
  return child;
}

function addLeaf(groups: ReadonlyMap<string, Parser>, entry: Node & CommandEntry, hooks: ProgramHooks): void {
  const leaf = addChild(groups, entry, hooks);
  leaf.parent?.hook('preSubcommand', async (_parent, chosen) => {
    if (chosen === leaf) declare(leaf, await entry.load(), hooks);
  });
}

/** Gives a node its command's options, arguments and action. */
function declare(leaf: Parser, command: Command, hooks: ProgramHooks): void {
  for (const spec of command.options ?? []) leaf.addOption(toOption(spec));
  for (const spec of command.arguments ?? []) leaf.addArgument(toArgument(spec));
  if (command.details !== undefined) addBelow(leaf, command.details, hooks);
  leaf.action(async () => {
    refuseCluster(leaf, command);
    hooks.finished(await command.run(leaf.args, new Flags(leaf.optsWithGlobals()), hooks.io));
  });
}

/** An option of the whole program must not be taken and mean nothing. @throws {KubeArmorError} `USAGE` */
function refuseCluster(leaf: Parser, { options = [] }: Command): void {
  const given: Readonly<Record<string, unknown>> = leaf.optsWithGlobals();
  for (const name of ['kubeconfig', 'context']) {
    if (given[name] === undefined || options.some(({ flags }) => flags.startsWith(`--${name} `))) continue;
    throw new KubeArmorError('USAGE', `--${name}: this command does not speak to a cluster: leave it out`);
  }
}

function addPlanned(groups: ReadonlyMap<string, Parser>, { words, instead }: PlannedCommand, hooks: ProgramHooks): void {
  const parent = groups.get(words.slice(0, -1).join(' '));
  const planned = new Parser(words.at(-1));
  prepare(planned, hooks);
  planned.helpOption(false).allowUnknownOption().allowExcessArguments();
  planned.action(() => {
    const hint = instead === undefined ? 'see `karmor --help` for what is' : `until then: ${instead}`;
    hooks.io.err(`karmor ${words.join(' ')}: planned, not in this version; ${hint}`);
    hooks.finished(EXIT_CODES.usage.code);
  });
  parent?.addCommand(planned, { hidden: true });
}

function toOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.summary);
  if (spec.choices !== undefined) option.choices([...spec.choices]).argParser(choiceOf(spec.choices));
  if (spec.default !== undefined) option.default(spec.default);
  if (spec.value === 'count') option.argParser(parseCount);
  if (spec.value === 'list') option.argParser(parseList);
  if (spec.value === 'switch') option.argParser(parseSwitch);
  return option;
}

function toArgument(spec: ArgumentSpec): Argument {
  const argument = new Argument(spec.name, spec.summary);
  return spec.choices === undefined ? argument : argument.choices([...spec.choices]).argParser(choiceOf(spec.choices));
}

/** In any case: `-o JSON` leaves no doubt. */
function choiceOf(choices: readonly string[]): (text: string) => string {
  return (text) => {
    const found = choices.find((choice) => choice.toLowerCase() === text.toLowerCase());
    if (found === undefined) throw new InvalidArgumentError(`Write one of ${choices.join(', ')}.`);
    return found;
  };
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) throw new InvalidArgumentError('Write a whole number from 0.');
  return count;
}

/** What Go's `flag` takes. */
function parseSwitch(text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw new InvalidArgumentError('Write true or false.');
}

function parseList(text: string, before: unknown): string[] {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  return [...(Array.isArray(before) ? (before as string[]) : []), ...items];
}
