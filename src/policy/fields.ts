// SPDX-License-Identifier: Apache-2.0
import { nearestWord } from '#base';
import type { Issue } from '#base';
import { LIMITS } from './limits.ts';
import type { LimitName } from './limits.ts';
import type { Shape } from './shape.ts';

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Where each field path of a document stands: its value, and its key for what is wrong with the key. */
export interface Places {
  readonly values: ReadonlyMap<string, Place>;
  readonly keys: ReadonlyMap<string, Place>;
}

/** What is wrong with one document, collected while it is read. `at` is a field path. */
export class Notes {
  readonly issues: Issue[] = [];
  readonly file: string | undefined;
  /** Put before every `at`: items of a List carry `items[3]`. */
  readonly prefix: string;
  readonly #places: Places | undefined;
  readonly #seen = new Set<string>();
  #failed = false;
  #omitted = 0;

  constructor(file?: string, places?: Places, prefix = '') {
    this.file = file;
    this.#places = places;
    this.prefix = prefix;
  }

  error(code: string, at: string, problem: string, cure: string): void {
    this.#add('error', { code, at, problem, cure });
  }

  warn(code: string, at: string, problem: string, cure: string): void {
    this.#add('warning', { code, at, problem, cure });
  }

  /** An error about the name of a field, placed at the name. */
  errorAtKey(code: string, at: string, problem: string, cure: string): void {
    this.#add('error', { code, at, problem, cure }, true);
  }

  warnAtKey(code: string, at: string, problem: string, cure: string): void {
    this.#add('warning', { code, at, problem, cure }, true);
  }

  /** Notes an error where `text` has more bytes than the named limit. */
  tooLong(text: string, limit: LimitName, at: string): boolean {
    return this.tooMany(Buffer.byteLength(text), limit, at);
  }

  tooMany(count: number, limit: LimitName, at: string): boolean {
    const { value, unit } = LIMITS[limit];
    if (count <= value) return false;
    this.error('LIMIT_EXCEEDED', at, `${count} ${unit}, the limit is ${value}`, 'shorten it, or split it');
    return true;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** As many problems as anybody reads were noted: later ones are not looked into. */
  get full(): boolean {
    return this.issues.length >= LIMITS.issues.value;
  }

  /** Where a field stands, else what holds it; undefined where the source has no places. */
  placeOf(at: string): Place | undefined {
    return this.#placeAt(this.#fullPath(at), false);
  }

  #add(severity: Issue['severity'], what: Pick<Issue, 'code' | 'at' | 'problem' | 'cure'>, atKey = false): void {
    this.#failed ||= severity === 'error';
    // An error is told even then, unless there were enough errors to act on.
    if (this.#omitted > 0 || (this.full && (severity === 'warning' || this.issues.length >= 2 * LIMITS.issues.value))) return this.#omit();
    const full = this.#fullPath(what.at);
    const identity = JSON.stringify([what.code, full, what.problem]);
    if (this.#seen.has(identity)) return;
    this.#seen.add(identity);
    const place = this.#placeAt(full, atKey);
    this.issues.push({ severity, ...what, at: full, file: this.file, line: place?.line, column: place?.column });
  }

  /** Stands at the end of the list for what is not in it. */
  #omit(): void {
    if (this.#omitted > 0) this.issues.pop();
    this.#omitted++;
    const problem = `${this.#omitted} more problems were found, and the rest was not looked into`;
    const severity = this.#failed ? 'error' : 'warning';
    this.issues.push({ severity, code: 'LIMIT_EXCEEDED', at: '', problem, cure: 'mend these first', file: this.file });
  }

  #fullPath(at: string): string {
    if (this.prefix === '' || at === '') return this.prefix + at;
    return at.startsWith('[') ? this.prefix + at : `${this.prefix}.${at}`;
  }

  /** The place of the field, else of what holds it: a missing field has none of its own. */
  #placeAt(at: string, atKey: boolean): Place | undefined {
    if (this.#places === undefined) return undefined;
    const own = (atKey ? this.#places.keys.get(at) : undefined) ?? this.#places.values.get(at);
    if (own !== undefined) return own;
    for (let path = at; path !== '';) {
      path = parentOf(path);
      const place = this.#places.keys.get(path) ?? this.#places.values.get(path);
      if (place !== undefined) return place;
    }
    return undefined;
  }
}

/** `spec.process` + `matchPaths` → `spec.process.matchPaths`; a key that is not a plain word is quoted in brackets. */
export function childOf(at: string, key: string | number): string {
  if (typeof key === 'number') return `${at}[${key}]`;
  if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${at}[${JSON.stringify(key)}]`;
  return at === '' ? key : `${at}.${key}`;
}

function parentOf(at: string): string {
  const cut = /(\.[A-Za-z_][\w-]*|#\d+|\[\d+\]|\["(?:[^"\\]|\\.)*"\]|^[^.[]*)$/.exec(at);
  return cut === null ? '' : at.slice(0, cut.index);
}

/** A value as a problem shows it: short, on one line. */
export function shown(value: unknown, most = 60): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const line = text.length > most ? `${text.slice(0, most - 3)}...` : text;
  // oxlint-disable-next-line no-control-regex -- terminals must not get them
  return line.toWellFormed().replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '\u00b7');
}

/** Reads one value of a document, or notes why it cannot be; undefined where absent or wrong. Its shape says what it takes. */
export interface Reader<T> {
  (value: unknown, at: string, notes: Notes): T | undefined;
  readonly shape: Shape;
}

/** Puts the shape beside the function that reads it. */
export function reader<T>(shape: Shape, read: (value: unknown, at: string, notes: Notes) => T | undefined): Reader<T> {
  return Object.assign(read, { shape });
}

/** The same reader with a sentence or two for those who write the field (`kubectl explain`). */
export function described<T>(doc: string, read: Reader<T>): Reader<T> {
  return reader({ ...read.shape, doc }, (value, at, notes) => read(value, at, notes));
}

/** What a reader gives. */
export type Read<R> = R extends Reader<infer T> ? T : never;
/** The fields of an object as read: each may be absent. */
export type Fields<F> = { readonly [K in keyof F]?: Read<F[K]> | undefined };

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  object: 'a map',
  list: 'a list',
  null: 'empty',
};
function typeName(value: unknown): string {
  if (value === null) return 'empty';
  return TYPE_NAMES[Array.isArray(value) ? 'list' : typeof value] ?? typeof value;
}

function wrongType(want: string, value: unknown, where: { at: string; notes: Notes; cure: string }): undefined {
  const got = typeof value === 'object' ? typeName(value) : `${typeName(value)} (${shown(value)})`;
  where.notes.error('TYPE_WRONG', where.at, `must be ${want}, is ${got}`, where.cure);
  return undefined;
}

/** A string of at most `limit` bytes, without NUL and well-formed. A scalar of another type is an error: Kubernetes refuses it too. */
export function text(limit: LimitName): Reader<string> {
  return reader({ type: 'text' }, (value, at, notes) => {
    if (typeof value !== 'string') return wrongType('a string', value, { at, notes, cure: toText(value) });
    if (value.includes('\0') || !value.isWellFormed()) {
      notes.error('TEXT_INVALID', at, 'has a NUL character or is not valid Unicode', 'remove the character');
      return undefined;
    }
    return notes.tooLong(value, limit, at) ? undefined : value;
  });
}

/** `yes` and `on` are booleans too where kubectl reads them, so the word that was written is not known. */
function toText(value: unknown): string {
  if (typeof value === 'number') return `quote it: "${value}"`;
  return typeof value === 'boolean' ? 'put it in quotes' : 'write a single value';
}

/** As text, but an integer is taken as its digits (`port: 1337` and `port: "1337"`). */
export function textOrInteger(limit: LimitName): Reader<string> {
  const read = text(limit);
  return reader({ type: 'textOrInteger' }, (value, at, notes) => read(Number.isSafeInteger(value) ? String(value) : value, at, notes));
}

export const flag: Reader<boolean> = reader({ type: 'flag' }, (value, at, notes) => {
  if (typeof value === 'boolean') return value;
  const quoted = typeof value === 'string' && /^(true|false|yes|no|on|off)$/i.test(value);
  return wrongType('true or false', value, { at, notes, cure: quoted ? `remove the quotes: ${value}` : 'write true or false' });
});

export function integer(min: number, max: number): Reader<number> {
  return reader({ type: 'integer', min, max }, (value, at, notes) => {
    const range = `an integer from ${min} to ${max}`;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    if (typeof value === 'number') {
      notes.error('VALUE_OUT_OF_RANGE', at, `must be ${range}, is ${value}`, `write ${range}`);
      return undefined;
    }
    const quoted = typeof value === 'string' && /^\d{1,10}$/.test(value);
    return wrongType(range, value, { at, notes, cure: quoted ? `remove the quotes: ${value}` : `write ${range}` });
  });
}

/** An optional integer where 0 stands for absent, as Go programs write it. */
export function integerOrZero(min: number, max: number): Reader<number> {
  const read = integer(min, max);
  return reader(read.shape, (value, at, notes) => (value === 0 ? undefined : read(value, at, notes)));
}

/** One of `words`, in any case; an empty string is as absent. */
export function word<W extends string>(...words: readonly W[]): Reader<W> {
  return reader({ type: 'word', words }, (value, at, notes) => {
    if (value === '') return undefined;
    const found = typeof value === 'string' ? words.find((w) => w.toLowerCase() === value.toLowerCase()) : undefined;
    if (found !== undefined) return found;
    const near = typeof value === 'string' ? nearestWord(value, words) : undefined;
    const cure = near === undefined ? `write one of ${words.join(', ')}` : `did you mean \`${near}\`?`;
    notes.error('VALUE_UNKNOWN', at, `unknown value \`${shown(value)}\``, cure);
    return undefined;
  });
}

/** A list that keeps the positions: what could not be read is undefined. */
export function list<T>(item: Reader<T>, limit: LimitName): Reader<readonly (T | undefined)[]> {
  return reader({ type: 'list', item: item.shape }, (value, at, notes) => {
    if (!Array.isArray(value)) {
      return wrongType('a list', value, { at, notes, cure: 'start each entry with `- `' });
    }
    if (notes.tooMany(value.length, limit, at)) return undefined;
    return value.map((entry: unknown, index) => {
      const here = childOf(at, index);
      if (entry !== null && entry !== undefined) return item(entry, here, notes);
      notes.warn('FIELD_EMPTY', here, 'is an empty entry and taken as absent', 'remove it or fill it in');
      return undefined;
    });
  });
}

/** A map of strings to strings, such as labels. */
export const labels: Reader<Readonly<Record<string, string>>> = reader({ type: 'map', value: { type: 'text' } }, (value, at, notes) => {
  if (!isMap(value)) return wrongType('a map', value, { at, notes, cure: 'write `key: value` lines below it' });
  const entries = Object.entries(value);
  if (notes.tooMany(entries.length, 'labels', at)) return undefined;
  const read = text('labelBytes');
  const pairs = entries.map(([key, entry]): [string, string] => {
    const here = childOf(at, key);
    read(key, here, notes);
    return [key, entry === null || entry === undefined ? '' : (read(entry, here, notes) ?? '')];
  });
  return Object.fromEntries(pairs);
});

/** Anything; for what others write and we ignore. */
export const anything: Reader<unknown> = reader({ type: 'anything' }, (value) => value);

interface ObjectOptions {
  /** Field names that must be present. */
  readonly required?: readonly string[];
  /** Field names of which one is expected: a mistyped name is taken for one of those that are missing, if it is near. */
  readonly expected?: readonly string[];
  /** Cures for names that belong elsewhere. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** The cure for a name that is neither known nor near to one. */
  readonly otherwise?: string;
}

/**
 * An object with these fields and no others. An unknown field is an error that names the nearest known one;
 * a field without a value is as absent, with a warning.
 */
export function object<F extends Readonly<Record<string, Reader<unknown>>>>(fields: F, options: ObjectOptions = {}): Reader<Fields<F>> {
  return reader(objectShape(fields, options), (value, at, notes) => {
    if (!isMap(value)) {
      return wrongType('a map', value, { at, notes, cure: `write its fields below it: ${Object.keys(fields).slice(0, 4).join(', ')} …` });
    }
    const out: Record<string, unknown> = {};
    const meant = new Set<string | undefined>();
    const missing = [...(options.required ?? []), ...(options.expected ?? [])].filter((key) => !isPresent(value, key));
    for (const [key, entry] of Object.entries(value)) {
      if (entry === undefined) continue; // only an object from code has it
      const here = childOf(at, key);
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (field === undefined) meant.add(unknownField(key, here, { notes, known: Object.keys(fields), missing, options }));
      else if (entry !== null || field.shape.type === 'anything') out[key] = field(entry, here, notes);
      else notes.warn('FIELD_EMPTY', here, 'has no value and is taken as absent', 'remove it or fill it in');
    }
    noteMissing(
      missing.filter((key) => options.required?.includes(key) === true && !meant.has(key)),
      at,
      notes,
    );
    return out as Fields<F>;
  });
}

function objectShape(fields: Readonly<Record<string, Reader<unknown>>>, { required = [] }: ObjectOptions): Shape {
  return {
    type: 'object',
    fields: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.shape])),
    required,
  };
}

function noteMissing(keys: readonly string[], at: string, notes: Notes): void {
  for (const key of keys) notes.error('FIELD_MISSING', childOf(at, key), 'is required', `add \`${key}:\``);
}

function isPresent(value: Readonly<Record<string, unknown>>, key: string): boolean {
  return Object.hasOwn(value, key) && value[key] !== null && value[key] !== undefined;
}

interface UnknownOptions {
  readonly notes: Notes;
  readonly known: readonly string[];
  readonly missing: readonly string[];
  readonly options: ObjectOptions;
}
/** @returns the field that it is taken for */
function unknownField(key: string, at: string, { notes, known, missing, options }: UnknownOptions): string | undefined {
  const { elsewhere, otherwise = `known here: ${known.join(', ')}` } = options;
  const moved = elsewhere !== undefined && Object.hasOwn(elsewhere, key) ? elsewhere[key] : undefined;
  const near = notes.full || moved !== undefined ? undefined : (nearestWord(key, missing) ?? nearestWord(key, known));
  const cure = moved ?? (near === undefined ? otherwise : `did you mean \`${near}\`?`);
  notes.errorAtKey('FIELD_UNKNOWN', at, `unknown field \`${shown(key)}\``, cure);
  return near ?? missing.find((name) => moved === `did you mean \`${name}\`?`);
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
