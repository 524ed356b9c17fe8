// SPDX-License-Identifier: Apache-2.0
import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { ERRORS, KubeArmorError } from '#base';
import { buildProgram } from './build-program.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Io } from './io.ts';
import { nearestWord } from './nearest-word.ts';

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
    if (error instanceof CommanderError) code = reportUsage(error, { prefix: prefix(), parser: parser ?? program }, io);
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

/** `karmor help logs`, `karmor -h`, `karmor --version`: what fingers expect. */
function withoutAliases(args: readonly string[]): string[] {
  if (args.length === 0) return ['--help'];
  const end = args.indexOf('--');
  const spelled = args.map((arg, i) => (arg === '-h' && (end < 0 || i < end) ? '--help' : arg));
  if (spelled[0] === 'help') return [...spelled.slice(1), '--help'];
  if (spelled[0] === '--version' || spelled[0] === '-v') return ['version', ...spelled.slice(1)];
  return spelled;
}

function reportUsage(error: CommanderError, { prefix, parser }: { prefix: string; parser: Command }, io: Io): ExitCode {
  if (error.code === 'commander.helpDisplayed') return EXIT_CODES.ok.code;
  if (error.code === 'commander.help') return EXIT_CODES.usage.code;
  const problem = error.message.replace(/^error: /, '');
  const suggestion = suggestionFor(error, parser);
  const hint = suggestion === undefined ? `see \`${prefix} --help\`` : `did you mean ${suggestion}?`;
  io.err(`${prefix}: ${problem} (${hint})`);
  return EXIT_CODES.usage.code;
}

/** Ours instead of commander's: `--logfilter` and `--grpc=x` are the slips to expect, and it counts case and `=x` as differences. */
function suggestionFor(error: CommanderError, parser: Command): string | undefined {
  const typed = /'([^'=]*)/.exec(error.message)?.[1] ?? '';
  if (error.code === 'commander.unknownCommand')
    return nearestWord(
      typed,
      parser
        .createHelp()
        .visibleCommands(parser)
        .map((command) => command.name()),
    );
  if (error.code !== 'commander.unknownOption' || !typed.startsWith('--')) return undefined;
  const known = ['--help'];
  for (let at: Command | null = parser; at !== null; at = at.parent) {
    known.push(...at.options.flatMap(({ long }) => long ?? []));
  }
  return nearestWord(typed, known);
}

function reportFailure(error: KubeArmorError, prefix: string, io: Io): ExitCode {
  if (io.signal.aborted) {
    io.err(`${prefix}: interrupted`);
    return EXIT_CODES.partial.code;
  }
  const hint = error.code === 'USAGE' ? `see \`${prefix} --help\`` : error.hint;
  io.err(`${prefix}: ${error.message} (${hint})`);
  return ERRORS[error.code].exitCode;
}
