// SPDX-License-Identifier: Apache-2.0
import { compileIssues, LIMITS, parsePolicyText, SPEC_SHAPES } from '#policy';
import type { PolicyKind, Shape } from '#policy';
import { POLICY_KINDS } from '#cluster';
import { DEFAULTS, EXAMPLES, NOT_EVERYWHERE } from './policy-examples.ts';

type Table = (head: readonly string[], rows: readonly (readonly string[])[]) => string;
type ObjectShape = Extract<Shape, { type: 'object' }>;

const code = (text: string): string => `\`${text}\``;
const KINDS = Object.keys(SPEC_SHAPES) as PolicyKind[];
/** Fields that are the same wherever they stand: told once. */
const EVERYWHERE = ['action', 'severity', 'tags', 'message'];
const IN_RULES = ['fromSource', 'pts'];
/** Warnings that no example may have. */
const USELESS = ['FIELD_EMPTY', 'FIELD_WITHOUT_EFFECT', 'GLOB_LITERAL', 'PATTERN_SUSPECT', 'RULE_NEVER_MATCHES'];

/** One field at its place: `process.matchPaths[].path`; what stands in every rule has no place before it. */
interface Field {
  readonly place: string;
  readonly shape: Shape;
  readonly required: boolean;
  readonly kinds: Set<PolicyKind>;
}

/** Every field that some kind has, by its place, in the order of the schema. */
function fieldsOf(): ReadonlyMap<string, Field> {
  const found = new Map<string, Field>();
  const spec = specOf('KubeArmorPolicy');
  const enter = (shape: Shape, place: string, kind: PolicyKind): void => {
    if (shape.type === 'list') enter(shape.item, `${place}[]`, kind);
    if (shape.type !== 'object') return;
    for (const [name, field] of Object.entries(shape.fields)) {
      const isShared = IN_RULES.includes(name) || field === spec.fields[name];
      const at = isShared || place === '' ? name : `${place}.${name}`;
      const known = found.get(at) ?? { place: at, shape: field, required: shape.required.includes(name), kinds: new Set() };
      found.set(at, known);
      known.kinds.add(kind);
      if (!isShared || place === '' || IN_RULES.includes(name)) enter(field, at, kind);
    }
  };
  for (const kind of KINDS) enter(SPEC_SHAPES[kind], '', kind);
  return found;
}

function specOf(kind: PolicyKind): ObjectShape {
  const shape = SPEC_SHAPES[kind];
  if (shape.type !== 'object') throw new Error(`the spec of ${kind} is no object`);
  return shape;
}

const TYPES = { text: 'text', textOrInteger: 'text or number', flag: 'true or false', map: 'map of texts', object: 'map', listOrMap: 'list or map', anything: 'anything' };

function typeText(shape: Shape): string {
  if (shape.type === 'integer') return integerText(shape.min, shape.max);
  if (shape.type === 'word') return shape.words.map(code).join(', ');
  if (shape.type === 'list') return shape.item.type === 'object' ? 'list' : `list of ${typeText(shape.item)}`;
  return TYPES[shape.type];
}

/** Bounds of a 32 bit number are none for a reader. */
function integerText(min = -2_147_483_648, max = 2_147_483_647): string {
  if (min < -1000) return 'number';
  return max === 2_147_483_647 ? `number from ${min}` : `number, ${min} to ${max}`;
}

/** The policy that an example stands for, as a whole document. */
function documentOf(example: string, kind: PolicyKind): string {
  return `apiVersion: security.kubearmor.com/v1\nkind: ${kind}\nmetadata: {name: example}\nspec: ${example}\n`;
}

/** Reads an example as `karmor policy check` does. @returns why a rule of it is not enforced, or undefined */
function tryExample(place: string, example: string, kind: PolicyKind): string | undefined {
  const [document] = parsePolicyText(documentOf(example, kind), place);
  const policy = document?.policy;
  const wrong = document?.issues.find((issue) => issue.severity === 'error' || USELESS.includes(issue.code));
  if (policy === undefined || wrong !== undefined) throw new Error(`docs/policy-examples.ts: ${place}: ${wrong?.problem ?? 'no policy'}`);
  const name = /[^.[\]]+$/.exec(place)?.[0] ?? place;
  if (!new RegExp(`[{, ]${name}:`).test(example)) throw new Error(`docs/policy-examples.ts: ${place}: the example does not have it`);
  return compileIssues(policy).find(({ code: issue }) => issue === 'NOT_ENFORCEABLE')?.problem;
}

function row({ place, shape, required, kinds }: Field, withKinds: boolean): string[] {
  const example = EXAMPLES[place];
  const [kind] = kinds;
  if (example === undefined || kind === undefined) throw new Error(`docs/policy-examples.ts has no example of ${place}`);
  const reason = tryExample(place, example, kind);
  const name = place.slice(place.lastIndexOf('.') + 1);
  const partly = NOT_EVERYWHERE[place] === undefined ? undefined : tryExample(place, NOT_EVERYWHERE[place], kind);
  const here = reason !== undefined ? `**no**: ${reason}` : partly === undefined ? 'yes' : `in part: ${partly}`;
  if (shape.doc === undefined) throw new Error(`src/policy/schema.ts does not say what ${place} is`);
  const shorts = KINDS.filter((one) => kinds.has(one)).map((one) => POLICY_KINDS[one].short);
  const fallback = DEFAULTS[name] ?? (required ? 'needed' : '');
  return [code(name), typeText(shape), fallback, ...(withKinds ? [shorts.join(' ')] : []), shape.doc, here, code(example)];
}

const HEAD = ['field', 'values', 'default', 'meaning', 'enforced here', 'example (below `spec:`)'];
const HEAD_KINDS = ['field', 'values', 'default', 'kinds', 'meaning', 'enforced here', 'example (below `spec:`)'];

/** Every field of every policy kind, from the schema that reads them. */
export function policyPage(table: Table): string {
  const fields = fieldsOf();
  const stale = Object.keys({ ...EXAMPLES, ...NOT_EVERYWHERE }).filter((place) => !fields.has(place));
  if (stale.length > 0) throw new Error(`docs/policy-examples.ts has what no schema has: ${stale.join(', ')}`);
  const parentOf = (place: string): string => place.slice(0, Math.max(0, place.lastIndexOf('.')));
  const all = [...fields.values()];
  const top = all.filter(({ place }) => parentOf(place) === '' && ![...EVERYWHERE, ...IN_RULES].includes(place));
  const parents = [...new Set(all.map(({ place }) => parentOf(place)))].filter((parent) => parent !== '');
  const sections = parents.map((parent) => {
    const rows = all.filter(({ place }) => parentOf(place) === parent).map((field) => row(field, false));
    return `## ${parent.startsWith('fromSource') ? 'fromSource[] of a rule' : `spec.${parent}`}\n\n${table(HEAD, rows)}`;
  });
  const named = (names: readonly string[]): string[][] => names.flatMap((name) => (fields.has(name) ? [row(fields.get(name) as Field, false)] : []));
  return `# Policies: every field

Made from the schema by which policies are read, and from which the resource definitions in \`api/crd\` are made. Every example is read by
\`karmor policy check\`, and compiled, when this page is made. What the rules mean, and which of them wins: README and
[guide](../guide/recipes.md). Bounds: [limits.md](limits.md). Policies to copy: [examples](../../examples/README.md).

A policy is a document of \`apiVersion: security.kubearmor.com/v1\` with \`kind\`, \`metadata.name\` (at most ${LIMITS.nameBytes.value} bytes), for a kind that is
namespaced \`metadata.namespace\`, and \`spec\`. \`status\` is written by the controller and never read. A field that is not here is refused
(\`FIELD_UNKNOWN\`), as is a wrong value; \`null\` counts as absent.

A rule that says **no** below is taken, reported as not enforceable (\`NOT_ENFORCEABLE\`; condition \`Degraded\`), and the other rules of its
policy are in force. It is never weakened.

## Kinds

${table(
  ['kind', 'short', 'where it lies', 'what it selects'],
  KINDS.map((kind) => [code(kind), code(POLICY_KINDS[kind].short), POLICY_KINDS[kind].namespaced ? 'in a namespace' : 'in the cluster', specOf(kind).fields['selector'] === undefined ? '`nodeSelector`: nodes' : specOf(kind).fields['nodeSelector'] === undefined ? '`selector`: containers of pods' : '`selector`: containers of pods, or `nodeSelector`: nodes']),
)}

## spec

${table(HEAD_KINDS, top.map((field) => row(field, true)))}

## In spec, in a section, in a rule

Each by itself: a rule that does not have it takes that of its section, a section that of the spec.

${table(HEAD, named(EVERYWHERE))}

## In every rule of process, file, network and capabilities

Rules of \`syscalls\` have \`fromSource\` too.

${table(HEAD, named(IN_RULES))}

${sections.join('\n\n')}
`;
}
