// SPDX-License-Identifier: Apache-2.0
import type { Issue } from '#base';
import type { Finding, LintSeverity } from '#policy';
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import { issueText, loadPolicySet } from '../policy-set.ts';
import type { LoadedPolicy, PolicySet } from '../policy-set.ts';
import { SARIF_OPTION } from '../report-options.ts';
import { sarifText } from '../sarif.ts';
import type { SarifPlace } from '../sarif.ts';
import { askedLinks, ROOT_OPTIONS } from '../workload-flags.ts';
import { writeReport } from '../write-report.ts';

/** A finding, or an issue of the check, with its place. */
interface Line {
  readonly severity: Issue['severity'] | LintSeverity;
  readonly code: string;
  readonly where: SarifPlace;
  readonly at: string;
  readonly problem: string;
  readonly cure: string;
  readonly because: readonly SarifPlace[];
}

const RANK = { error: 0, warning: 1, note: 2 } as const;
/** Because places that are named; the rest is counted. */
const BECAUSE_MAX = 3;

/** `karmor policy lint FILE…`: rules that do not do what they seem to; exit 1 for a warning, 65 if a policy is refused. */
export const policyLint: Command = {
  arguments: [{ name: '<file...>', summary: 'files, folders (every .yaml, .yml and .json below), - for stdin', completes: 'file' }],
  options: [
    { flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json'] },
    SARIF_OPTION,
    { flags: '--level <level>', summary: 'the least that is told', default: 'note', choices: ['error', 'warning', 'note'] },
    ...ROOT_OPTIONS,
  ],
  details: `Tells what \`karmor policy check\` tells, and looks for rules that do not do what they seem to: that others always decide before,
that match nothing, that undo each other, that turn a family into an allow-list. Needs no agent and no cluster.
What is said of other rules counts wherever the policy is: a rule is judged beside those that select every workload that its policy
selects. It exits with 1 if there is a warning, 65 if a policy is refused; notes alone are 0. The codes are in docs/reference/errors.md.

Examples:
  karmor policy lint policies/
  karmor policy lint --merged-usr --level warning --sarif lint.sarif policies/`,
  async run(names, flags, io) {
    const { HintedRoot, LINT_CODES, lint, MERGED_USR } = await import('#policy');
    const root = new HintedRoot({ links: askedLinks(flags, MERGED_USR), multicallBinaries: [] });
    const set = await loadPolicySet(names, io);
    const findings = lint(
      set.all.map(({ policy }) => policy),
      root.resolver,
    );
    const told = [...set.issues.map(ofIssue), ...findings.map((finding) => ofFinding(finding, LINT_CODES[finding.code].severity, set.all))];
    const lines = told.filter(({ severity }) => RANK[severity] <= RANK[flags.text('level') as keyof typeof RANK]).toSorted(byPlace);
    const meanings = Object.fromEntries(Object.entries(LINT_CODES).map(([code, { meaning }]) => [code, meaning]));
    await print({ lines, set, meanings }, flags, io);
    const worst = Math.min(...told.map(({ severity }) => RANK[severity]), RANK.note);
    return [EXIT_CODES.badData.code, EXIT_CODES.findings.code, EXIT_CODES.ok.code][worst] ?? EXIT_CODES.ok.code;
  },
};

interface Report {
  readonly lines: readonly Line[];
  readonly set: PolicySet;
  readonly meanings: Readonly<Record<string, string>>;
}

async function print({ lines, set, meanings }: Report, flags: Flags, io: Io): Promise<void> {
  const sarif = flags.text('sarif');
  if (sarif !== undefined) {
    const results = lines.map(({ severity: level, code, where, because, ...line }) => ({
      code,
      level,
      text: textOf(line),
      place: where,
      related: because,
    }));
    await writeReport(sarif, sarifText('karmor policy lint', results, meanings), io);
    if (sarif === '-') return;
  }
  const count = (severity: Line['severity']): number => lines.filter((line) => line.severity === severity).length;
  const [errors, warnings, notes] = [count('error'), count('warning'), count('note')];
  if (flags.text('output') === 'json') {
    const findings = lines.map(({ where, ...line }) => ({ ...line, ...where }));
    const summary = { policies: set.all.length, errors, warnings, notes };
    await io.outJson(JSON.stringify({ schemaVersion: 1, summary, findings }, undefined, 2));
    return;
  }
  for (const line of lines) await io.out(lineText(line));
  const text = `${set.all.length} ${set.all.length === 1 ? 'policy' : 'policies'}: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}, ${counted(notes, 'note')}`;
  await io.out({ text, colour: errors > 0 ? 'red' : warnings > 0 ? 'yellow' : 'green' });
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

function ofIssue({ severity, code, at, problem, cure, file, line, column }: Issue): Line {
  return { severity, code, at, problem, cure, where: { file, line, column }, because: [] };
}

function ofFinding({ code, policy, at, problem, cure, because }: Finding, severity: LintSeverity, all: readonly LoadedPolicy[]): Line {
  const places = because.map((place) => ({
    ...all[place.policy]?.where(place.at),
    message: `${all[place.policy]?.policy.name ?? ''} ${place.at}`,
  }));
  return { severity, code, at, problem, cure, where: all[policy]?.where(at) ?? {}, because: places };
}

const byPlace = (a: Line, b: Line): number =>
  (a.where.file ?? '').localeCompare(b.where.file ?? '') ||
  (a.where.line ?? 0) - (b.where.line ?? 0) ||
  RANK[a.severity] - RANK[b.severity];

const textOf = ({ at, problem, cure }: Pick<Line, 'at' | 'problem' | 'cure'>): string =>
  `${at === '' ? '' : `${at}: `}${problem} (${cure})`;

function lineText(line: Line): Parameters<Io['out']>[0] {
  if (line.severity !== 'note' && line.because.length === 0)
    return issueText({ ...line, ...line.where, severity: line.severity, problem: `${line.problem} [${line.code}]` });
  const place = [line.where.file, line.where.line, line.where.column].filter((part) => part !== undefined).join(':');
  const shown = line.because
    .slice(0, BECAUSE_MAX)
    .map(({ file, line: row, message }) => `${message ?? ''} at ${[file, row].filter((part) => part !== undefined).join(':')}`);
  const more = line.because.length > BECAUSE_MAX ? `, and ${line.because.length - BECAUSE_MAX} more` : '';
  const why = shown.length === 0 ? '' : `: ${shown.join(', ')}${more}`;
  const text = `${place}: ${line.severity}: ${line.at}: ${line.problem}${why} [${line.code}] (${line.cure})`;
  return line.severity === 'note' ? { text, colour: 'cyan' } : { text, colour: 'yellow' };
}
