// SPDX-License-Identifier: Apache-2.0
import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { ERRORS, KubeArmorError, nearestWord } from '#base';
import { buildProgram } from './build-program.ts';
import { EXIT_CODES, interruptCode } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Io } from './io.ts';
import { commandAdvice, optionAdvice } from './usage-advice.ts';

/**
 * Runs one command line: `args` are the words after `karmor`.
 *
 * Wrong usage and foreseen failures are one line on stderr and an exit code; anything else that is thrown is a bug and passes through.
 */
export async function runCli(args: readonly string[], io: Io): Promise<ExitCode> {
  let words: readonly string[] = [];
  let parser: Command | undefined;
  let code: ExitCode = EXIT_CODES.ok.code;
  const help: { text: string; toStderr: boolean }[] = [];
  const program = buildProgram({
    io,
    entered: (entered, by) => {
      words = entered;
      parser = by;
    },
    finished: (finished) => void (code = finished),
    help: (text, toStderr) => void help.push({ text, toStderr }),
  });
  const prefix = (): string => ['karmor', ...words].join(' ');
  try {
    await program.parseAsync(withoutAliases(args), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) code = reportUsage(error, { words, parser: parser ?? program }, io);
    else if (error instanceof KubeArmorError) code = reportFailure(error, prefix(), io);
    else throw error;
  }
  for (const { text, toStderr } of help) {
    for (const line of text.trimEnd().split('\n')) {
      if (toStderr) io.err(line);
      else await io.out(line);
    }
  }
  return code;
}

/** `karmor help logs` and `karmor --version`: what fingers expect. */
function withoutAliases(args: readonly string[]): string[] {
  if (args.length === 0) return ['--help'];
  if (args[0] === 'help') return [...args.slice(1), '--help'];
  if (args[0] === '--version' || args[0] === '-v') return ['version', ...args.slice(1)];
  return [...args];
}

interface Place {
  /** Of the command that was being parsed. */
  readonly words: readonly string[];
  readonly parser: Command;
}

function reportUsage(error: CommanderError, place: Place, io: Io): ExitCode {
  if (error.code === 'commander.helpDisplayed') return EXIT_CODES.ok.code;
  if (error.code === 'commander.help') return EXIT_CODES.usage.code;
  const prefix = ['karmor', ...place.words].join(' ');
  io.err(`${prefix}: ${plainly(error.message)} (${hintFor(error, place) ?? `see \`${prefix} --help\``})`);
  return EXIT_CODES.usage.code;
}

/** The parser's words for a value that is none of those that are possible, said shorter. */
function plainly(message: string): string {
  return message
    .replace(/^error: /, '')
    .replace(/^option '(.+?)' argument '([\s\S]*)' is invalid\. Write (.*)\.$/, (_all, flags: string, value: string, what: string) => {
      return `${flags.replace(/ <.*$/, '')} does not take '${value}': write ${what}`;
    })
    .replace(/^command-argument value '([\s\S]*)' is invalid for argument '(.+)'\. Write (.*)\.$/, "there is no $2 '$1' here: write $3");
}

function hintFor(error: CommanderError, { words, parser }: Place): string | undefined {
  const typed = /'([^'=]*)/.exec(error.message)?.[1] ?? '';
  if (error.code === 'commander.unknownCommand') {
    const advice = commandAdvice(words, typed);
    if (advice !== undefined) return `use ${advice}`;
    const names = parser.createHelp().visibleCommands(parser);
    return didYouMean(
      typed,
      names.map((command) => command.name()),
    );
  }
  if (error.code !== 'commander.unknownOption') return undefined;
  return optionAdvice(words, typed) ?? (typed.startsWith('--') ? didYouMean(typed, optionNames(parser)) : undefined);
}

/** Ours instead of commander's: `--logfilter` and `--grpc=x` are the slips to expect, and it counts case and `=x` as differences. */
function didYouMean(typed: string, known: readonly string[]): string | undefined {
  const near = nearestWord(typed, known);
  return near === undefined ? undefined : `did you mean ${near}?`;
}

function optionNames(parser: Command): string[] {
  const known = ['--help'];
  for (let at: Command | null = parser; at !== null; at = at.parent) {
    known.push(...at.options.flatMap(({ long }) => long ?? []));
  }
  return known;
}

function reportFailure(error: KubeArmorError, prefix: string, io: Io): ExitCode {
  if (io.signal.aborted) {
    // A reader that left needs no explanation.
    if (io.signal.reason !== 'EPIPE') io.err(`${prefix}: interrupted`);
    return interruptCode(io.signal);
  }
  const hint = error.code === 'USAGE' ? `see \`${prefix} --help\`` : error.hint;
  io.err(`${prefix}: ${error.message} (${hint})`);
  return ERRORS[error.code].exitCode;
}
