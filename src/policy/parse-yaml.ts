// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from 'yaml';
import type { Document, Node, Pair, ParsedNode, Scalar, YAMLMap } from 'yaml';
import { yamlCure } from '#base';
import { childOf, Notes, shown } from './fields.ts';
import type { Place } from './fields.ts';
import { LIMITS } from './limits.ts';
import { plainScalar } from './yaml-scalars.ts';

/** One document of a YAML stream (JSON is YAML) as plain values, with the place of each. */
export interface YamlDocument {
  /** Undefined where it could not be read; equal keys with different values are an error too, but the value goes on with the last. */
  readonly value: unknown;
  readonly values: ReadonlyMap<string, Place>;
  readonly keys: ReadonlyMap<string, Place>;
  readonly notes: Notes;
}

type Token = ReturnType<Parser['next']> extends Generator<infer T> ? T : never;
type ParsedDoc = Document.Parsed<ParsedNode, true>;

/**
 * Splits and reads a YAML stream. Never throws; empty documents are left out.
 *
 * Bounded: depth and count are checked on the token stream, before the recursive part of the YAML library sees it,
 * and aliases are expanded by us, counting. Its own check for equal keys is quadratic, so that is ours too.
 */
export function readYaml(text: string, file?: string): YamlDocument[] {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const lines = new LineCounter();
  const refused = (at: Place, code: string, problem: string, cure: string): YamlDocument[] => {
    const places = { values: new Map([['', at]]), keys: new Map<string, Place>() };
    const notes = new Notes(file, places);
    notes.error(code, '', problem, cure);
    return [{ value: undefined, ...places, notes }];
  };
  const bytes = Buffer.byteLength(source);
  if (bytes > LIMITS.fileBytes.value) {
    return refused(
      { line: 1, column: 1 },
      'LIMIT_EXCEEDED',
      `the file has ${bytes} bytes, the limit is ${LIMITS.fileBytes.value}`,
      'split it',
    );
  }
  const bad = /[\0\uFFFD]/.exec(source);
  if (bad !== null) {
    const problem = bad[0] === '\0' ? 'has a NUL byte: this is not a text file' : 'is not UTF-8 (or has the replacement character U+FFFD)';
    return refused(placeIn(source, bad.index), 'TEXT_INVALID', problem, 'give a YAML or JSON file in UTF-8');
  }
  const scanned = scan(source, lines);
  if ('offset' in scanned) return refused(placeOf(lines, scanned.offset), 'LIMIT_EXCEEDED', scanned.problem, 'split or flatten it');
  return compose(scanned.tokens, lines).flatMap((document) => readDocument(document, lines, file) ?? []);
}

interface Refusal {
  readonly offset: number;
  readonly problem: string;
}

/** The stream's tokens, one tree a document; refused where too deep, too many or too long. */
function scan(source: string, lines: LineCounter): { tokens: Token[] } | Refusal {
  const parser = new Parser(lines.addNewLine);
  const tokens: Token[] = [];
  let documents = 0;
  let start = 0;
  const take = (made: Iterable<Token>): Refusal | undefined => {
    for (const token of made) {
      tokens.push(token);
      if (token.type !== 'document') continue;
      documents++;
      const size = Buffer.byteLength(source.slice(start, parser.offset));
      if (size > LIMITS.documentBytes.value)
        return { offset: start, problem: `the document has ${size} bytes, the limit is ${LIMITS.documentBytes.value}` };
      start = parser.offset;
    }
    if (documents > LIMITS.documentsPerFile.value)
      return { offset: start, problem: `more than ${LIMITS.documentsPerFile.value} documents in one file` };
    // A map entry takes two levels of the parser's stack (the pair, and the block it stands in).
    if (parser.stack.length > 2 * LIMITS.nestingDepth.value)
      return { offset: parser.offset, problem: `nested deeper than ${LIMITS.nestingDepth.value} levels` };
    return undefined;
  };
  lines.addNewLine(0);
  const { documentBytes } = LIMITS;
  for (const lexeme of new Lexer().lex(source)) {
    // before it is parsed: what a document holds besides policies (comments, blank lines) takes seconds a megabyte
    if (parser.offset - start > documentBytes.value)
      return { offset: start, problem: `the document has more than ${documentBytes.value} bytes` };
    const refusal = take(parser.next(lexeme));
    if (refusal !== undefined) return refusal;
  }
  return take(parser.end()) ?? { tokens };
}

function compose(tokens: readonly Token[], lines: LineCounter): ParsedDoc[] {
  const composer = new Composer<ParsedNode, true>({ uniqueKeys: false, lineCounter: lines, prettyErrors: false, strict: true });
  const end = lines.lineStarts.at(-1) ?? 0;
  return [...composer.compose(tokens, false, end)];
}

function readDocument(document: ParsedDoc, lines: LineCounter, file: string | undefined): YamlDocument | undefined {
  const values = new Map<string, Place>([['', placeOf(lines, document.contents?.range?.[0] ?? document.range[0])]]);
  const keys = new Map<string, Place>();
  const notes = new Notes(file, { values, keys });
  for (const problem of [...document.errors, ...document.warnings]) {
    // The library has no field path for these, so the place is told under a path of its own.
    values.set('', placeOf(lines, problem.pos[0]));
    notes.error('YAML_INVALID', '', firstLine(problem.message), yamlCure(problem));
  }
  if (notes.failed) return { value: undefined, values, keys, notes };
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) return undefined;
  const value = new Walk(lines, { values, keys, notes }).value(document.contents, '', 0);
  const unreadable = notes.issues.some((issue) => issue.code !== 'KEY_DUPLICATE');
  return { value: unreadable ? undefined : value, values, keys, notes };
}

/** Turns nodes into plain values, noting places, equal keys, and the end of the budget. */
class Walk {
  readonly #lines: LineCounter;
  readonly #out: { values: Map<string, Place>; keys: Map<string, Place>; notes: Notes };
  // The library's own resolve() walks the whole document for every alias.
  readonly #anchors = new Map<string, unknown>();
  #expanding = 0;
  #nodes = 0;

  constructor(lines: LineCounter, out: { values: Map<string, Place>; keys: Map<string, Place>; notes: Notes }) {
    this.#lines = lines;
    this.#out = out;
  }

  value(node: unknown, at: string, depth: number): unknown {
    if (this.#overBudget(depth)) return undefined;
    this.#place(this.#out.values, at, node);
    if (isAlias(node)) return this.#alias(node.source, at, depth);
    const anchor = (node as { anchor?: string } | null)?.anchor;
    if (anchor !== undefined && this.#expanding === 0) this.#anchors.set(anchor, node);
    if (isMap(node)) return this.#map(node, at, depth);
    if (isSeq(node)) return node.items.map((item, index) => (this.#stopped ? undefined : this.value(item, childOf(at, index), depth + 1)));
    if (!isScalar(node)) return null;
    return scalarValue(node);
  }

  #overBudget(depth: number): boolean {
    const deep = depth > LIMITS.nestingDepth.value;
    if (++this.#nodes <= LIMITS.nodes.value && !deep) return false;
    const [limit, what] = deep ? [LIMITS.nestingDepth, 'levels'] : [LIMITS.nodes, 'values with its aliases expanded'];
    this.#out.notes.error('LIMIT_EXCEEDED', '', `the document has more than ${limit.value} ${what}`, 'split it, or write out less');
    return true;
  }

  get #stopped(): boolean {
    return this.#nodes > LIMITS.nodes.value || this.#out.notes.full;
  }

  #alias(name: string, at: string, depth: number): unknown {
    if (!this.#anchors.has(name)) {
      this.#out.notes.error('YAML_INVALID', at, `unknown alias \`*${shown(name)}\``, 'quote a value that starts with `*`');
      return undefined;
    }
    this.#expanding++;
    const value = this.value(this.#anchors.get(name), at, depth + 1);
    this.#expanding--;
    return value;
  }

  #map(node: YAMLMap, at: string, depth: number): Record<string, unknown> {
    const out = new Map<string, unknown>();
    const merged = new Map<string, unknown>();
    for (const pair of node.items) {
      if (this.#stopped) break;
      const key = this.#key(pair, at);
      if (key === undefined) continue;
      const here = childOf(at, key);
      if (key === '<<') {
        this.#merge(this.value(pair.value, here, depth + 1), merged);
        continue;
      }
      this.#place(this.#out.keys, here, pair.key);
      const value = this.value(pair.value, here, depth + 1);
      if (out.has(key)) this.#duplicate(key, here, isDeepStrictEqual(out.get(key), value));
      out.set(key, value);
    }
    // fromEntries defines own properties, also for a key `__proto__`.
    return Object.fromEntries([...merged, ...out]);
  }

  /** Whoever says the same twice means it; of two values one would be lost. */
  #duplicate(key: string, at: string, isSame: boolean): void {
    const { notes } = this.#out;
    if (isSame) notes.warnAtKey('KEY_DUPLICATE', at, `\`${shown(key)}\` is written twice here, with the same value`, 'remove one');
    else
      notes.errorAtKey('KEY_DUPLICATE', at, `\`${shown(key)}\` is written twice here, with different values`, 'keep one, or merge the two');
  }

  #key(pair: Pair, at: string): string | undefined {
    if (isScalar(pair.key) && pair.key.value !== null) return String(scalarValue(pair.key));
    this.#out.notes.error(
      'YAML_INVALID',
      at,
      'has a key that is not a single value',
      'write `key: value`; quote values that start with { or [',
    );
    return undefined;
  }

  /** `<<: *anchor`, or a list of those: the first one to give a key wins. */
  #merge(value: unknown, into: Map<string, unknown>): void {
    for (const source of Array.isArray(value) ? value : [value]) {
      for (const [key, entry] of Object.entries((source ?? {}) as Record<string, unknown>)) {
        if (!into.has(key)) into.set(key, entry);
      }
    }
  }

  #place(map: Map<string, Place>, at: string, node: unknown): void {
    const offset = (node as Node | null)?.range?.[0];
    if (offset !== undefined) map.set(at, placeOf(this.#lines, offset));
  }
}

/** As kubectl reads it. Of YAML 1.1 (`%YAML 1.1`) there are dates and bytes too: a policy has only the JSON types, so they stay text. */
function scalarValue({ value, source = '', type, tag }: Scalar): unknown {
  if (!isJson(value)) return source === '' ? String(value) : source;
  return type === 'PLAIN' && tag === undefined ? plainScalar(source, value) : value;
}

function isJson(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function placeOf(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

/** As `placeOf`, of a text that was not lexed. */
function placeIn(source: string, offset: number): Place {
  const before = source.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

/** The library's messages may quote the source, so they are cut; their own point comes before that. */
function firstLine(message: string): string {
  return shown(message.split('\n')[0] ?? message, 120);
}
