// SPDX-License-Identifier: Apache-2.0
import { formatIssue } from '#base';
import type { Issue } from '#base';
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { loadPolicyChecker } from '../parse-policies.ts';
import type { CheckedDocument } from '../parse-policies.ts';
import { readPolicyFiles } from '../policy-files.ts';
import type { Text } from '../text.ts';

interface FileReport {
  readonly file: string;
  readonly documents: readonly CheckedDocument[];
}

interface Summary {
  readonly files: number;
  readonly policies: number;
  readonly taken: number;
  readonly refused: number;
  readonly errors: number;
  readonly warnings: number;
}

/** `karmor policy check FILE…`: every problem of every file, with its place and cure; exit 65 if a policy is refused. */
export const policyCheck: Command = {
  arguments: [{ name: '<file...>', summary: 'files, folders (every .yaml, .yml and .json below), - for stdin', completes: 'file' }],
  options: [{ flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json'] }],
  details: `Needs no agent and no cluster. An error refuses the policy; a warning says that a rule does not do what it seems to.

Examples:
  karmor policy check policies/
  kubectl get ksp -A -o yaml | karmor policy check -`,
  async run(names, flags, io) {
    const check = await loadPolicyChecker();
    const reports: FileReport[] = [];
    const asText = flags.text('output') !== 'json';
    for await (const { name, text } of readPolicyFiles(names, io)) {
      if (io.signal.aborted) return EXIT_CODES.partial.code;
      const documents = check(text, name);
      reports.push({ file: name, documents });
      if (asText) for (const issue of documents.flatMap(({ issues }) => issues)) await io.out(issueText(issue));
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
  const issues = documents.flatMap((document) => document.issues);
  const taken = documents.filter(({ policy }) => policy !== undefined).length;
  const errors = issues.filter(({ severity }) => severity === 'error').length;
  return {
    files: reports.length,
    policies: documents.length,
    taken,
    refused: documents.length - taken,
    errors,
    warnings: issues.length - errors,
  };
}

const counted = (count: number, noun: string, plural = `${noun}s`): string => `${count} ${count === 1 ? noun : plural}`;

function summaryText({ files, policies, taken, refused, errors, warnings }: Summary): Text {
  const head = `${counted(files, 'file')}, ${counted(policies, 'policy', 'policies')}: ${taken} taken, ${refused} refused`;
  return { text: `${head}; ${counted(errors, 'error')}, ${counted(warnings, 'warning')}`, colour: errors > 0 ? 'red' : 'green' };
}

function fileJson({ file, documents }: FileReport): object {
  return {
    file,
    policies: documents.flatMap(({ policy }) =>
      policy === undefined ? [] : [{ kind: policy.kind, namespace: policy.namespace, name: policy.name, rules: policy.rules.length }],
    ),
    issues: documents.flatMap(({ issues }) => issues),
  };
}
