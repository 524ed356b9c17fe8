// SPDX-License-Identifier: Apache-2.0
import { checkFiles, skippedText } from '../check-files.ts';
import type { FileReport } from '../check-files.ts';
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import type { NodeReport } from '../node-check.ts';
import { current, issueText, policiesIn } from '../policy-set.ts';
import { SARIF_OPTION } from '../report-options.ts';
import { sarifText } from '../sarif.ts';
import type { Text } from '../text.ts';
import { writeReport } from '../write-report.ts';

interface Summary {
  readonly files: number;
  readonly policies: number;
  readonly taken: number;
  readonly refused: number;
  readonly errors: number;
  readonly warnings: number;
  /** Documents of other API groups in folders. */
  readonly skipped: number;
}

/** `karmor policy check FILE…`: every problem of every file, with its place and cure; exit 65 if a policy is refused. */
export const policyCheck: Command = {
  arguments: [{ name: '<file...>', summary: 'files, folders (every .yaml, .yml and .json below), - for stdin', completes: 'file' }],
  options: [
    { flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json'] },
    {
      flags: '--node <facts>',
      summary: 'say what a node cannot enforce: `local`, or a file with what `karmor probe -o json` printed there',
      completes: 'file',
    },
    SARIF_OPTION,
  ],
  details: `Needs no agent and no cluster. An error refuses the policy; a warning says that a policy or rule does not do what it seems to.
Where there is no policy at all, that is an error. In a folder documents of other API groups are skipped and counted.
With --node it exits with 1 where every policy is taken and the node does not enforce all of it.

Examples:
  karmor policy check policies/
  kubectl get ksp -A -o yaml | karmor policy check -
  karmor policy check --node node1.json --sarif check.sarif policies/`,
  async run(names, flags, io) {
    const reports: FileReport[] = [];
    const asText = flags.text('output') !== 'json' && flags.text('sarif') !== '-';
    for await (const report of checkFiles(names, io)) {
      reports.push(report);
      if (asText) for (const issue of report.issues) await io.out(issueText(issue));
    }
    const summary = summarize(reports);
    const node = await nodeReport(reports, flags, io);
    await writeSarif(reports, node, { flags, io });
    if (asText) for (const line of [summaryText(summary), ...(node?.lines ?? [])]) await io.out(line);
    else if (flags.text('output') === 'json') await io.outJson(JSON.stringify(toJson(reports, summary, node), undefined, 2));
    return exitCode(summary, node?.report);
  },
};

interface CheckedNode {
  readonly report: NodeReport;
  readonly lines: readonly Text[];
  readonly issues: FileReport['issues'];
}

async function nodeReport(reports: readonly FileReport[], flags: Flags, io: Io): Promise<CheckedNode | undefined> {
  const name = flags.text('node');
  if (name === undefined) return undefined;
  const { checkNode, nodeFacts, nodeIssues, nodeLines } = await import('../node-check.ts');
  const policies = current(policiesIn(reports));
  const report = checkNode(policies, await nodeFacts(name, io));
  const lines = nodeLines(report, policies.length).map(({ text, isBad }): Text => (isBad ? { text, colour: 'yellow' } : text));
  return { report, lines, issues: nodeIssues(report, policies) };
}

async function writeSarif(
  reports: readonly FileReport[],
  node: CheckedNode | undefined,
  { flags, io }: { flags: Flags; io: Io },
): Promise<void> {
  const name = flags.text('sarif');
  if (name === undefined) return;
  const issues = [...reports.flatMap((report) => report.issues), ...(node?.issues ?? [])];
  const results = issues.map(({ severity, code, at, problem, cure, file, line, column }) => {
    const text = `${at === '' ? '' : `${at}: `}${problem} (${cure})`;
    return { code, level: severity, text, place: { file, line, column } };
  });
  await writeReport(name, sarifText('karmor policy check', results), io);
}

function exitCode({ errors }: Summary, node: NodeReport | undefined): ExitCode {
  if (errors > 0) return EXIT_CODES.badData.code;
  return node !== undefined && node.lacks.length + node.gaps.length > 0 ? EXIT_CODES.findings.code : EXIT_CODES.ok.code;
}

function toJson(reports: readonly FileReport[], summary: Summary, node: CheckedNode | undefined): object {
  const more = node === undefined ? {} : { node: nodeJson(node.report) };
  return { schemaVersion: 1, summary, files: reports.map(fileJson), ...more };
}

function nodeJson({ node, kernel, lacks, gaps }: NodeReport): object {
  const constructs = gaps.map(({ construct, reason, rules }) => ({
    construct,
    reason,
    rules: rules.map(({ policy, rule }) => ({ policy: policy.policy.name, rule: rule.field, ...policy.where(rule.field) })),
  }));
  return { name: node, kernel, enforces: lacks.length === 0, lacks, constructs };
}

function summarize(reports: readonly FileReport[]): Summary {
  const documents = reports.flatMap((report) => report.documents);
  const issues = reports.flatMap((report) => report.issues);
  const taken = documents.filter(({ policy }) => policy !== undefined).length;
  const errors = issues.filter(({ severity }) => severity === 'error').length;
  return {
    files: reports.filter(({ isRead }) => isRead).length,
    policies: documents.length,
    taken,
    refused: documents.length - taken,
    errors,
    warnings: issues.length - errors,
    skipped: reports.reduce((sum, report) => sum + report.skipped, 0),
  };
}

const counted = (count: number, noun: string, plural = `${noun}s`): string => `${count} ${count === 1 ? noun : plural}`;

function summaryText({ files, policies, taken, refused, errors, warnings, skipped }: Summary): Text {
  const head = `${counted(files, 'file')}, ${counted(policies, 'policy', 'policies')}: ${taken} taken, ${refused} refused`;
  const tail = skipped === 0 ? '' : `; ${skippedText(skipped)}`;
  return { text: `${head}; ${counted(errors, 'error')}, ${counted(warnings, 'warning')}${tail}`, colour: errors > 0 ? 'red' : 'green' };
}

function fileJson({ file, documents, issues, skipped }: FileReport): object {
  return {
    file,
    policies: documents.flatMap(({ policy }) =>
      policy === undefined ? [] : [{ kind: policy.kind, namespace: policy.namespace, name: policy.name, rules: policy.rules.length }],
    ),
    issues,
    skipped,
  };
}
