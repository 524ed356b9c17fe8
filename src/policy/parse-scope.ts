// SPDX-License-Identifier: Apache-2.0
import { childOf } from './fields.ts';
import type { Notes } from './fields.ts';
import { LIMITS } from './limits.ts';
import type { Action, PathObject, Rule } from './model.ts';
import { neverMatches, readDirectory, readFilePath } from './parse-path.ts';
import type { SourceFields, Stma } from './schema.ts';

/** What every rule has, inherited and read. */
export interface Base {
  readonly field: string;
  readonly action: Action;
  readonly severity: number;
  readonly tags: readonly string[];
  readonly message: string;
  readonly subjects: readonly PathObject[];
  readonly pts?: boolean | undefined;
}

/** The fields of one rule that are the same in every section. */
export interface RuleFields extends Stma {
  readonly fromSource?: readonly SourceFields[] | undefined;
  readonly pts?: boolean | undefined;
}

/**
 * Matches nothing: no path that the kernel gives has a `..`.
 *
 * An Allow rule that can never match still makes its family an allow-list (semantics.md 4.2), so it is kept, for this subject only;
 * a Block or Audit rule that can never match is left out.
 */
export const NOBODY: PathObject = { kind: 'path', path: '/..' };

/** The rules of one policy as they are read. */
export class Scope {
  readonly notes: Notes;
  readonly rules: Rule[] = [];
  readonly #spec: Stma;

  constructor(notes: Notes, spec: Stma) {
    this.notes = notes;
    this.#spec = spec;
  }

  /**
   * Rule, else section, else spec, each field by itself.
   *
   * @returns `never` where the rule has sources and none of them can match
   */
  base(at: string, item: RuleFields, section?: Stma): Base | 'never' {
    const subjects = this.#subjects(item.fromSource, childOf(at, 'fromSource'));
    const base = this.inherit(at, item, section);
    if (subjects !== 'never') return { ...base, subjects, pts: item.pts };
    this.nothing(base);
    return 'never';
  }

  inherit(at: string, item: Stma, section: Stma = {}): Base {
    const levels = [item, section, this.#spec];
    const tags = levels.map((level) => (level.tags ?? []).filter((tag) => tag !== undefined));
    return {
      field: at,
      action: levels.find((level) => level.action !== undefined)?.action ?? 'Block',
      severity: levels.find((level) => level.severity !== undefined)?.severity ?? 0,
      tags: tags.find((list) => list.length > 0) ?? [],
      message: levels.find((level) => (level.message ?? '') !== '')?.message ?? '',
      subjects: [],
    };
  }

  /** One rule beyond the limit is kept, so that whoever counts sees it; no more. */
  add(rule: Rule): void {
    if (this.rules.length <= LIMITS.rulesPerPolicy.value) this.rules.push(rule);
  }

  /** Refused already, with enough reasons: what follows need not be looked at. */
  get full(): boolean {
    return this.rules.length > LIMITS.rulesPerPolicy.value || (this.notes.failed && this.notes.full);
  }

  /** Keeps what a rule that can never match still means; see NOBODY. `family` is taken from the section's name. */
  nothing(base: Base): void {
    if (base.action !== 'Allow') return;
    const rest = { ...base, subjects: [NOBODY] };
    const section = /^spec\.(\w+)(?:\.(\w+))?/.exec(base.field);
    if (section?.[1] === 'process') this.add({ ...rest, family: 'process', object: NOBODY, ownerOnly: false });
    else if (section?.[1] === 'file') this.add({ ...rest, family: 'file', object: NOBODY, ownerOnly: false, readOnly: false });
    else if (section?.[2] === 'matchDNSQueries') this.add({ ...rest, family: 'dns', domain: 'invalid' });
    else if (section?.[1] === 'network') this.add({ ...rest, family: 'network', protocol: 'all' });
    else if (section?.[1] === 'capabilities') this.add({ ...rest, family: 'capabilities', capability: 'CAP_CHOWN' });
  }

  #subjects(sources: readonly SourceFields[] | undefined, at: string): readonly PathObject[] | 'never' {
    if (sources === undefined || sources.length === 0) return [];
    const subjects = sources.flatMap((source, index) => this.#subject(source ?? {}, childOf(at, index)));
    if (subjects.length > 0 || this.notes.failed) return subjects;
    return neverMatches(this.notes, at, 'no entry of fromSource names a program', 'name one, or remove fromSource for anybody');
  }

  #subject(source: NonNullable<SourceFields>, at: string): PathObject[] {
    const out: PathObject[] = [];
    const recursive = source.recursive ?? false;
    const take = (read: PathObject | 'never' | undefined): void => {
      if (read !== undefined && read !== 'never') out.push(read);
    };
    if (source.path !== undefined) {
      const here = childOf(at, 'path');
      const isDir = source.path.startsWith('/') && source.path.endsWith('/');
      take(isDir ? readDirectory({ written: source.path, recursive }, here, this.notes) : readFilePath(source.path, here, this.notes));
    }
    if (source.dir !== undefined) take(readDirectory({ written: source.dir, recursive }, childOf(at, 'dir'), this.notes));
    if (source.path === undefined && source.dir === undefined) {
      this.notes.warn('FIELD_EMPTY', at, 'names no program and is left out', 'write `- path: /usr/bin/program`');
    }
    return out;
  }
}

/** The entries that could be read, each with its field path. */
export function entriesOf<T>(items: readonly (T | undefined)[] | undefined, at: string): { item: T; at: string }[] {
  return (items ?? []).flatMap((item, index) => (item === undefined ? [] : [{ item, at: childOf(at, index) }]));
}

/** One rule a part of a comma list, spaces dropped: `tcp, udp` is `tcp` at `…#0` and `udp` at `…#1`. */
export function commaParts(written: string, at: string): { part: string; at: string }[] {
  const parts = written
    .replaceAll(' ', '')
    .split(',')
    .filter((part) => part !== '');
  return parts.map((part, index) => ({ part, at: parts.length > 1 ? `${at}#${index}` : at }));
}
