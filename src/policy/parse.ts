// SPDX-License-Identifier: Apache-2.0
import { nearestWord } from '#base';
import type { Issue } from '#base';
import { isMap, Notes, shown } from './fields.ts';
import type { Place } from './fields.ts';
import type { Policy, PolicyKind } from './model.ts';
import { nestingIssue } from './nesting.ts';
import { hint } from './parse-hints.ts';
import { readFirewall, readNetwork } from './parse-network.ts';
import { readCapabilities, readDevices, readPathSection, readPresets, readSyscalls } from './parse-rules.ts';
import { Scope } from './parse-scope.ts';
import { readSelector } from './parse-selector.ts';
import { readYaml } from './parse-yaml.ts';
import type { YamlDocument } from './parse-yaml.ts';
import { API_VERSION, POLICY_KINDS } from './schema-names.ts';
import { readEnvelope, readMetadata, SPECS } from './schema.ts';
import type { SpecFields } from './schema.ts';

/** One document as read. `policy` is absent iff an issue is an error; warnings may accompany a policy. */
export interface ParsedDocument {
  readonly policy?: Policy;
  readonly issues: readonly Issue[];
  /** An object of another API group, such as a Deployment: refused, but nothing that was meant for us. */
  readonly isForeign?: boolean;
  /** Where a field stands, else what holds it; undefined where the source had no lines. */
  readonly placeOf?: (at: string) => Place | undefined;
}

/** What a caller knows of an object that does not say it itself. */
export interface ParseOptions {
  /** The kind, where the object has none: the RPC sends `metadata` and `spec` alone. */
  readonly kind?: PolicyKind;
  /** Shown as the origin of issues. */
  readonly file?: string;
  /**
   * Takes the place of a KubeArmorPolicy's namespace, and of a KubeArmorNetworkPolicy's that has one: `container_namespace`
   * outside Kubernetes. The other kinds have none.
   */
  readonly namespace?: string;
}

/**
 * Reads policies from YAML (several documents, or `kind: List`) or JSON.
 *
 * Pure and total: never throws, whatever the text. Empty documents are left out. Every problem of every document is reported at once,
 * with line and column. Bounds: LIMITS.
 *
 * @param file shown as the origin of issues
 * @returns one entry a document or item; a text that is refused as a whole (too big, binary) gives one entry with the reason
 */
export function parsePolicyText(text: string, file?: string): ParsedDocument[] {
  return readYaml(text, file).flatMap((document) => {
    if (document.value === undefined) return [{ issues: document.notes.issues }];
    return isList(document.value)
      ? readList(document.value, document)
      : [readPolicy(document.value, document.notes, { envelope: 'needed' })];
  });
}

/**
 * Reads one policy that is an object already: from the Kubernetes API, or the policy RPC's `{metadata, spec}`.
 *
 * Never throws. Its issues have no line. One that is nested too deep is refused before anything walks it.
 */
export function parsePolicyObject(value: unknown, options: ParseOptions = {}): ParsedDocument {
  const deep = nestingIssue(value);
  if (deep !== undefined) return { issues: [options.file === undefined ? deep : { ...deep, file: options.file }] };
  return readPolicy(value, new Notes(options.file), { ...options, envelope: 'optional' });
}

/** `kind: List`, and the typed lists that the API server gives. */
function isList(value: unknown): value is Readonly<Record<string, unknown>> {
  return isMap(value) && typeof value['kind'] === 'string' && /^(KubeArmor\w+)?List$/.test(value['kind']);
}

function readList(list: Readonly<Record<string, unknown>>, document: YamlDocument): ParsedDocument[] {
  const { notes } = document;
  const items = list['items'];
  if (!Array.isArray(items)) notes.error('FIELD_MISSING', 'items', 'a List needs a list of items', 'add `items:`');
  else notes.tooMany(items.length, 'documentsPerFile', 'items');
  // An equal key somewhere in the list may be in any of its items.
  if (!Array.isArray(items) || notes.failed) return [{ issues: notes.issues }];
  return items.map((item, index) => readPolicy(item, new Notes(notes.file, document, `items[${index}]`), { envelope: 'needed' }));
}

interface ReadOptions extends ParseOptions {
  readonly envelope: 'needed' | 'optional';
}

function readPolicy(value: unknown, notes: Notes, options: ReadOptions): ParsedDocument {
  const placeOf = (at: string): Place | undefined => notes.placeOf(at);
  if (options.envelope === 'needed' && isForeign(value)) {
    const { kind, apiVersion } = value;
    const problem = `\`${shown(kind)}\` of \`${shown(apiVersion)}\` is not a policy of KubeArmor`;
    notes.error('VALUE_UNKNOWN', 'kind', problem, 'leave it out here; in a folder such documents are skipped');
    return { issues: notes.issues, isForeign: true, placeOf };
  }
  const policy = readParts(value, notes, options);
  return policy === undefined || notes.failed ? { issues: notes.issues, placeOf } : { policy, issues: notes.issues, placeOf };
}

/** A document of another API group whose kind is nothing like ours. A group that is a slip of ours does not count as another. */
function isForeign(value: unknown): value is { readonly kind: string; readonly apiVersion: string } {
  if (!isMap(value)) return false;
  const { apiVersion, kind } = value;
  if (typeof apiVersion !== 'string' || apiVersion === '' || typeof kind !== 'string' || kind === '') return false;
  const group = apiVersion.split('/', 1)[0] ?? '';
  const nearKind = nearestWord(kind, [...POLICY_KINDS, OPERATOR.kind]);
  const nearGroup = nearestWord(group, [OUR_GROUP, OPERATOR.group]);
  return (nearKind === undefined || nearKind === OPERATOR.kind) && nearGroup !== OUR_GROUP;
}

const OUR_GROUP = API_VERSION.split('/', 1)[0] ?? '';
/** KubeArmor's own, no policy, and near to ours by its letters. */
const OPERATOR = { group: 'operator.kubearmor.com', kind: 'KubeArmorConfig' } as const;

function readParts(value: unknown, notes: Notes, options: ReadOptions): Policy | undefined {
  const envelope = readEnvelope(value, '', notes);
  if (envelope === undefined) return undefined;
  checkVersion(envelope.apiVersion, notes, options);
  const kind = readKind(envelope.kind === '' ? undefined : envelope.kind, notes, options);
  const { name, namespace } = readNames(envelope.metadata, notes);
  if (kind === undefined) return undefined;
  const spec = readSpec(kind, envelope.spec, notes);
  if (spec === undefined) return undefined;
  const selector = readSelector(kind, spec, notes);
  const scope = new Scope(notes, spec);
  readSections(kind, spec, scope);
  if (notes.tooMany(scope.rules.length, 'rulesPerPolicy', 'spec')) return undefined;
  const { rules } = scope;
  const policy = {
    kind,
    namespace: namespaceOf(kind, namespace, options.namespace),
    name,
    selector,
    rules,
    defaultPosture: spec.defaultPosture,
  };
  if (!notes.failed) hint(policy, notes);
  return { ...policy, document: value };
}

function readSpec(kind: PolicyKind, written: unknown, notes: Notes): SpecFields | undefined {
  if (written !== undefined && written !== null) return SPECS[kind](written, 'spec', notes);
  notes.warn('FIELD_EMPTY', 'spec', 'is missing or empty', 'add `spec:` with a selector and rules');
  return {};
}

function readNames(written: unknown, notes: Notes): { name: string; namespace: string | undefined } {
  const metadata = readMetadata(written ?? {}, 'metadata', notes) as { name?: string; namespace?: string } | undefined;
  const name = readName(metadata?.name, 'metadata.name', notes) ?? '';
  // hosts without a cluster take such names
  if (/[A-Z_]|\.[.-]|-\./.test(name)) {
    const cure = 'use lower case, digits, - and ., each part with a letter or digit first and last';
    notes.warn('NAME_INVALID', 'metadata.name', `no cluster takes \`${shown(name)}\``, cure);
  }
  return { name, namespace: metadata?.namespace === '' ? undefined : readName(metadata?.namespace, 'metadata.namespace', notes) };
}

function readSections(kind: PolicyKind, spec: SpecFields, scope: Scope): void {
  if (spec.process !== undefined) readPathSection('process', spec.process, scope);
  if (spec.file !== undefined) readPathSection('file', spec.file, scope);
  if (spec.network !== undefined) readNetwork(spec.network, scope);
  if (spec.capabilities !== undefined) readCapabilities(spec.capabilities, scope);
  if (spec.syscalls !== undefined) readSyscalls(spec.syscalls, scope);
  if (spec.device !== undefined) readDevices(spec.device, scope);
  readPresets(spec, scope);
  if (kind !== 'KubeArmorNetworkPolicy') return;
  for (const direction of ['ingress', 'egress'] as const) {
    checkQuotas(direction, spec, scope.notes);
    readFirewall(direction, spec[direction], scope);
  }
}

/** KubeArmor's API server: beside `selector` every ingress and egress item is a quota. */
function checkQuotas(direction: 'ingress' | 'egress', spec: SpecFields, notes: Notes): void {
  if (spec.selector === undefined) return;
  for (const [index, item] of (spec[direction] ?? []).entries()) {
    if (item === undefined || (item.limit !== undefined && item.duration !== undefined)) continue;
    notes.error(
      'FIELD_MISSING',
      `spec.${direction}[${index}]`,
      'needs limit and duration, as the policy selects pods',
      'add both, use nodeSelector, or write the rule below `network.matchProtocols`',
    );
  }
}

function checkVersion(version: string | undefined, notes: Notes, options: ReadOptions): void {
  if (version === API_VERSION) return;
  const absent = version === undefined || version === '';
  if (absent && options.envelope === 'optional') return;
  const problem = absent ? 'is required' : `unknown version \`${shown(version)}\``;
  notes.error(absent ? 'FIELD_MISSING' : 'VALUE_UNKNOWN', 'apiVersion', problem, `write \`apiVersion: ${API_VERSION}\``);
}

/** A slip is an error, and the rest is read as the kind that was meant, so that all problems come at once. */
function readKind(written: string | undefined, notes: Notes, options: ReadOptions): PolicyKind | undefined {
  const kind = written === undefined ? options.kind : POLICY_KINDS.find((known) => known === written);
  if (kind !== undefined && (options.kind === undefined || options.kind === kind)) return kind;
  if (kind !== undefined) {
    notes.error('VALUE_UNKNOWN', 'kind', `\`${kind}\` where a ${options.kind} is expected`, 'send it as its own kind');
    return kind;
  }
  if (written === undefined) {
    notes.error('FIELD_MISSING', 'kind', 'is required', `write one of ${POLICY_KINDS.join(', ')}`);
    return undefined;
  }
  const near = nearestWord(written, POLICY_KINDS);
  const cure = near === undefined ? `write one of ${POLICY_KINDS.join(', ')}` : `did you mean \`${near}\`?`;
  notes.error('VALUE_UNKNOWN', 'kind', `\`${shown(written)}\` is not a policy`, cure);
  return POLICY_KINDS.find((known) => known === near);
}

/** Names become file names, log fields and nftables names: nothing but what Kubernetes lets into them, and `_`. */
function readName(name: string | undefined, at: string, notes: Notes): string | undefined {
  if (name === undefined) return undefined;
  if (/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(name)) return name;
  notes.error(
    'NAME_INVALID',
    at,
    `\`${shown(name)}\` is not a name`,
    'use letters, digits, -, . and _, and a letter or digit first and last',
  );
  return undefined;
}

function namespaceOf(kind: PolicyKind, written: string | undefined, override: string | undefined): string {
  if (kind === 'KubeArmorPolicy') return override ?? written ?? 'default';
  if (kind === 'KubeArmorNetworkPolicy' && written !== undefined) return override ?? written;
  return '';
}
