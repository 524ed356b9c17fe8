// SPDX-License-Identifier: Apache-2.0

/** One bound: its number, what it counts, and what happens to whom. */
export interface Limit {
  readonly value: number;
  readonly unit: string;
  /** One line for docs/reference/limits.md. */
  readonly doc: string;
}

const limit = (value: number, unit: string, doc: string): Limit => ({ value, unit, doc });

/**
 * Every bound on what a user may write and on what is compiled from it.
 *
 * Whatever is beyond a bound is refused with the number (an issue, code `LIMIT_EXCEEDED`), never cut.
 */
export const LIMITS = {
  fileBytes: limit(8_388_608, 'bytes', 'A file of policies, all documents together; refused before it is parsed.'),
  documentBytes: limit(1_048_576, 'bytes', 'One YAML or JSON document.'),
  documentsPerFile: limit(1_000, 'documents', 'YAML documents in one file, and items of one `kind: List`.'),
  nestingDepth: limit(64, 'levels', 'How deep lists and maps may stand in each other.'),
  nodes: limit(200_000, 'values', 'Values in one document after its aliases are expanded: stops alias bombs.'),
  issues: limit(500, 'problems', 'Warnings told of one document (errors: twice as many); the document is refused all the same.'),
  nameBytes: limit(253, 'bytes', 'Name and namespace of a policy.'),
  messageBytes: limit(4_096, 'bytes', 'One `message`.'),
  tags: limit(256, 'tags', 'Entries of one `tags` list.'),
  tagBytes: limit(1_024, 'bytes', 'One tag.'),
  labels: limit(256, 'labels', 'Entries of one `matchLabels`, `matchExpressions`, or `values` of an expression.'),
  labelBytes: limit(4_096, 'bytes', 'One label key or value in a selector (a list of host or container names may be long).'),
  rulesPerPolicy: limit(10_000, 'rules', 'Rules of one policy, after comma lists are expanded.'),
  subjectsPerRule: limit(256, 'entries', 'Entries of one `fromSource`.'),
  pathBytes: limit(4_096, 'bytes', 'A path, a directory or a pattern (PATH_MAX).'),
  execNameBytes: limit(255, 'bytes', 'An `execname` (NAME_MAX).'),
  args: limit(20, 'arguments', 'Entries of one `allowedArgs`.'),
  argBytes: limit(4_096, 'bytes', 'One allowed argument.'),
  domainBytes: limit(253, 'bytes', 'A DNS name (RFC 1035, section 2.3.4).'),
  hostnamePatternBytes: limit(1_024, 'bytes', 'A `hostnamereg` expression.'),
  apparmorBytes: limit(65_536, 'bytes', 'The `apparmor` text of one policy.'),
  peersPerRule: limit(1_000, 'entries', 'Peers, ports or interfaces of one firewall item.'),
  rulesPerWorkload: limit(20_000, 'rules', 'Rules of all policies that select one workload.'),
  states: limit(300_000, 'states', 'States of one automaton before equal ones are merged.'),
  cells: limit(1_000_000, 'cells', 'Transition cells of one automaton: 4 bytes each in a 4 MiB image.'),
  compileSteps: limit(20_000_000, 'steps', 'Work that compiling one rule set may take.'),
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof LIMITS;
