// SPDX-License-Identifier: Apache-2.0

/**
 * A problem in what a user gave us: returned, never thrown, all of a document's problems at once.
 *
 * `error` refuses the whole document; `warning` does not change what is enforced.
 */
export interface Issue {
  readonly severity: 'error' | 'warning';
  /** Stable upper-case word, listed in docs/reference/errors.md, for example `FIELD_UNKNOWN`. */
  readonly code: string;
  /** The file or other origin (`rpc`, `stdin`), where known. */
  readonly file?: string | undefined;
  /** 1-based place in `file`, where known. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** Field path in the document, for example `spec.process.matchPaths[0].path`; empty for the whole document. */
  readonly at: string;
  /** What is wrong, with the offending value. */
  readonly problem: string;
  /** What to do about it. */
  readonly cure: string;
}

/** `file:line:column: at: problem (cure)`, leaving out what is not known: the one-line form of every tool. */
export function formatIssue(issue: Issue): string {
  const place = [issue.file, issue.line, issue.column].filter((part) => part !== undefined).join(':');
  const head = [place, issue.severity, issue.at].filter((part) => part !== '').join(': ');
  return `${head}: ${issue.problem} (${issue.cure})`;
}
