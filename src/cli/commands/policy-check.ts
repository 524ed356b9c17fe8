// SPDX-License-Identifier: Apache-2.0
import { formatIssue } from '#base';
import type { Issue } from '#base';
import { checkFiles, skippedText } from '../check-files.ts';
import type { FileReport } from '../check-files.ts';
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Text } from '../text.ts';

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
  options: [{ flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json'] }],
  details: `Needs no agent and no cluster. An error refuses the policy; a warning says that a policy or rule does not do what it seems to.
Where there is no policy at all, that is an error. In a folder documents of other API groups are skipped and counted.

Examples:
  karmor policy check policies/
  kubectl get ksp -A -o yaml | karmor policy check -`,
  async run(names, flags, io) {
    const reports: FileReport[] = [];
    const asText = flags.text('output') !== 'json';
    for await (const report of checkFiles(names, io)) {
      reports.push(report);
      if (asText) for (const issue of report.issues) await io.out(issueText(issue));
    }
    const summary = summarize(reports);
    if (asText) await io.out(summaryText(summary));
    else await io.outJson(JSON.stringify({ schemaVersion: 1, summary, files: reports.map(fileJson) }, undefined, 2));
    return summary.errors > 0 ? EXIT_CODES.badData.code : EXIT_CODES.ok.code;
  },
};

function issueText(issue: Issue): Text {
  return { text: formatIssue(issue), colour: issue.severity === 'error' ? 'red' : 'yellow' };
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
