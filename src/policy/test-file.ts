// SPDX-License-Identifier: Apache-2.0
import type { Issue } from '#base';
import { childOf, flag, integer, isMap, labels, list, object, reader, shown, text, word } from './fields.ts';
import type { Notes, Place, Read, Reader } from './fields.ts';
import type { Postures, Workload } from './model.ts';
import { readYaml } from './parse-yaml.ts';
import { parsePolicyObject } from './parse.ts';
import { entriesOf } from './parse-scope.ts';
import type { ParsedDocument } from './parse.ts';
import { ANY_WORKLOAD } from './one-rule.ts';
import { OPERATIONS, readQuestion } from './questions.ts';
import type { Operation, Question } from './questions.ts';
import { HintedRoot, MERGED_USR } from './root-hints.ts';

/** One access and what it should come to. */
export interface PolicyTest {
  /** As given, else what is asked in words. */
  readonly name: string;
  readonly place: Place | undefined;
  /** Undefined where no `from` was given: some program that no rule names. */
  readonly question: (unnamed: string) => Question;
  readonly workload: Workload;
  readonly expect: 'allowed' | 'audited' | 'denied';
  /** Expected where given: the name of a policy, or `DefaultPosture`. */
  readonly policy?: string | undefined;
  /** Field path of a rule, or the beginning of one. */
  readonly rule?: string | undefined;
  readonly action?: string | undefined;
}

/** One document of a test file. */
export interface TestSuite {
  readonly name: string;
  /** Files and folders, relative to the test file, and documents that stand in it. */
  readonly policies: readonly ({ readonly file: string; readonly place: Place | undefined } | { readonly document: ParsedDocument })[];
  readonly root: HintedRoot;
  readonly tests: readonly PolicyTest[];
}

/** A document as read; `suite` is absent iff an issue is an error. */
export interface ParsedSuite {
  readonly suite?: TestSuite;
  readonly issues: readonly Issue[];
}

const path = text('pathBytes');
const posture = word('audit', 'block');
const workloadReader = object({
  namespace: text('nameBytes'),
  container: text('nameBytes'),
  labels,
  mode: word('enabled', 'audited', 'disabled'),
  postures: object({ file: posture, network: posture, capabilities: posture }),
  host: flag,
});
type WorkloadFields = NonNullable<Read<typeof workloadReader>>;

const id = integer(0, 4_294_967_294);
const operations = Object.keys(OPERATIONS) as Operation[];
const testReader = object(
  {
    ...(Object.fromEntries(operations.map((operation) => [operation, path])) as Record<Operation, Reader<string>>),
    name: text('messageBytes'),
    from: path,
    uid: id,
    owner: id,
    workload: workloadReader,
    expect: word('allowed', 'passed', 'audited', 'denied'),
    policy: text('nameBytes'),
    rule: text('pathBytes'),
    action: word('Block', 'Audit', 'Audit (Block)'),
  },
  {
    required: ['expect'],
    elsewhere: { verdict: 'did you mean `expect`?', alert: 'did you mean `action`?', subject: 'did you mean `from`?' },
  },
);
type TestFields = NonNullable<Read<typeof testReader>>;

const policyReader: Reader<string | Readonly<Record<string, unknown>>> = reader({ type: 'anything' }, (value, at, notes) =>
  isMap(value) ? value : path(value, at, notes),
);
const IS_POLICY = 'this is a policy: name its file in `policies:` of a test file';
const suiteReader = object(
  {
    name: text('messageBytes'),
    policies: list(policyReader, 'rulesPerPolicy'),
    workload: workloadReader,
    root: object({ mergedUsr: flag, links: labels, multicall: list(text('execNameBytes'), 'tags') }),
    tests: list(testReader, 'rulesPerPolicy'),
  },
  {
    required: ['policies', 'tests'],
    elsewhere: { policy: 'did you mean `policies`?', accesses: 'did you mean `tests`?', apiVersion: IS_POLICY },
  },
);

type SuiteFields = NonNullable<Read<typeof suiteReader>>;

/**
 * Reads a file of policy tests: one suite a YAML document. Never throws; every problem of the file is told at once, with its place.
 *
 * @param multicallBinaries programs that are many, where the file does not say: last components
 */
export function parseTestFile(source: string, file: string, multicallBinaries: readonly string[]): ParsedSuite[] {
  return readYaml(source, file).map((document) => {
    const fields = document.value === undefined ? undefined : suiteReader(document.value, '', document.notes);
    return fields === undefined ? { issues: document.notes.issues } : readSuite(fields, document.notes, multicallBinaries);
  });
}

function readSuite(fields: SuiteFields, notes: Notes, multicallBinaries: readonly string[]): ParsedSuite {
  const root = rootOf(fields.root ?? {}, notes, multicallBinaries);
  const policies = entriesOf(fields.policies, 'policies').map(({ item, at }) => readPolicy(item, at, notes));
  const base = workloadOf(fields.workload ?? {}, { ...ANY_WORKLOAD, namespace: 'default' }, 'workload', notes);
  const tests = entriesOf(fields.tests, 'tests').flatMap(({ item, at }) => readTest(item, { at, notes, base, root }) ?? []);
  if (fields.tests?.length === 0) notes.error('FIELD_EMPTY', 'tests', 'has no tests', 'add `- exec: /bin/sh` and `expect: denied`');
  const issues = [...notes.issues, ...policies.flatMap((policy) => ('document' in policy ? policy.document.issues : []))];
  if (issues.some(({ severity }) => severity === 'error')) return { issues };
  return { suite: { name: fields.name ?? '', policies, root, tests }, issues };
}

function rootOf(fields: NonNullable<SuiteFields['root']>, notes: Notes, known: readonly string[]): HintedRoot {
  const links = { ...(fields.mergedUsr === true ? MERGED_USR : {}), ...checkedLinks(fields.links ?? {}, notes) };
  return new HintedRoot({ links, multicallBinaries: fields.multicall?.filter((name) => name !== undefined) ?? known });
}

function checkedLinks(links: Readonly<Record<string, string>>, notes: Notes): Readonly<Record<string, string>> {
  for (const [link, target] of Object.entries(links)) {
    const at = childOf('root.links', link);
    if (!link.startsWith('/'))
      notes.errorAtKey('PATH_INVALID', at, `\`${shown(link)}\` is not an absolute path`, 'write the whole path of the link');
    if (target === '') notes.error('FIELD_EMPTY', at, 'a link leads somewhere', 'write its target, as `readlink` prints it');
  }
  return links;
}

/** A policy that stands in the file has its places in it; its issues are told with the file's. */
function readPolicy(entry: string | Readonly<Record<string, unknown>>, at: string, notes: Notes): TestSuite['policies'][number] {
  if (typeof entry === 'string') return { file: entry, place: notes.placeOf(at) };
  const parsed = parsePolicyObject(entry, notes.file === undefined ? {} : { file: notes.file });
  const placeOf = (inside: string): Place | undefined =>
    notes.placeOf(inside === '' ? at : inside.startsWith('[') ? at + inside : `${at}.${inside}`);
  const issues = parsed.issues.map((issue) => ({ ...issue, ...placeOf(issue.at), at: issue.at === '' ? at : `${at}.${issue.at}` }));
  return { document: { ...parsed, issues, placeOf } };
}

function workloadOf(fields: WorkloadFields, base: Workload, at: string, notes: Notes): Workload {
  const isHost = fields.host ?? base.kind === 'host';
  if (isHost && (fields.namespace !== undefined || fields.container !== undefined)) {
    notes.error('FIELDS_EXCLUDE', at, 'the host has no namespace and no container', 'remove `host`, or the two others');
  }
  return {
    ...base,
    kind: isHost ? 'host' : 'container',
    namespace: isHost ? '' : (fields.namespace ?? base.namespace),
    containerName: fields.container ?? base.containerName,
    labels: { ...base.labels, ...fields.labels },
    mode: fields.mode ?? base.mode,
    postures: posturesOf(fields.postures ?? {}, base.postures),
  };
}

function posturesOf({ file, network, capabilities }: NonNullable<WorkloadFields['postures']>, base: Postures): Postures {
  return { file: file ?? base.file, network: network ?? base.network, capabilities: capabilities ?? base.capabilities };
}

interface TestContext {
  readonly at: string;
  readonly notes: Notes;
  readonly base: Workload;
  readonly root: HintedRoot;
}

function readTest(fields: TestFields, { at, notes, base, root }: TestContext): PolicyTest | undefined {
  const asked = operations.filter((operation) => fields[operation] !== undefined);
  const [operation] = asked;
  if (operation === undefined) {
    notes.error('FIELD_MISSING', at, 'asks nothing', `add one of ${operations.join(', ')}`);
    return undefined;
  }
  if (asked.length > 1)
    notes.error('FIELDS_EXCLUDE', at, `asks ${asked.length} things: ${asked.join(', ')}`, 'make each a test of its own');
  const from = subjectOf(fields.from, root, notes, at);
  const text = fields[operation] ?? '';
  const ask = (unnamed: string): ReturnType<typeof readQuestion> =>
    readQuestion(operation, text, { subject: from ?? unnamed, owner: (fields.uid ?? 0) === (fields.owner ?? 0) }, root);
  const tried = ask('/');
  if ('problem' in tried) notes.error('VALUE_UNKNOWN', childOf(at, operation), tried.problem, tried.cure);
  if (fields.expect === undefined) return undefined;
  const { policy, rule, action } = fields;
  const expect = fields.expect === 'passed' ? 'allowed' : fields.expect;
  checkExpected(fields, expect, at, notes);
  const name = fields.name ?? `${operation} ${text}${fields.from === undefined ? '' : ` from ${fields.from}`}`;
  const workload = workloadOf(fields.workload ?? {}, base, childOf(at, 'workload'), notes);
  return { name, place: notes.placeOf(at), question: (unnamed) => ask(unnamed) as Question, workload, expect, policy, rule, action };
}

function subjectOf(from: string | undefined, root: HintedRoot, notes: Notes, at: string): string | { readonly runtime: true } | undefined {
  if (from === undefined) return undefined;
  if (from === 'runtime') return { runtime: true };
  if (!from.startsWith('/'))
    notes.error('PATH_INVALID', childOf(at, 'from'), `\`${shown(from)}\` is not an absolute path`, 'write the whole path, or `runtime`');
  return root.real(from);
}

/** An expectation that no verdict can meet is a slip. */
function checkExpected(fields: TestFields, expect: PolicyTest['expect'], at: string, notes: Notes): void {
  if (expect === 'allowed' && fields.action !== undefined) {
    notes.error('FIELDS_EXCLUDE', childOf(at, 'action'), 'what is allowed raises no alert', 'remove it, or expect `audited`');
  }
  const needed = fields.action === 'Block' ? 'denied' : 'audited';
  if (expect !== 'allowed' && fields.action !== undefined && expect !== needed) {
    notes.error(
      'FIELDS_EXCLUDE',
      childOf(at, 'action'),
      `\`${fields.action}\` is the alert of what is ${needed}`,
      `expect \`${needed}\`, or change the action`,
    );
  }
  if (fields.policy === 'DefaultPosture' && fields.rule !== undefined) {
    notes.error('FIELDS_EXCLUDE', childOf(at, 'rule'), 'a default posture has no rule', 'remove it');
  }
}
