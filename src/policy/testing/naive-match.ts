// SPDX-License-Identifier: Apache-2.0
import type { PathAccess } from '../access.ts';
import type { PathResolver } from '../lower.ts';
import type { PathObject, Rule } from '../model.ts';

/** Whether a path object names a path, both as text. */
export function matchesObject(object: PathObject, path: string): boolean {
  switch (object.kind) {
    case 'path':
      return path === object.path;
    case 'execname':
      return path.slice(path.lastIndexOf('/') + 1) === object.name && path.includes('/');
    case 'glob':
      return globToRegExp(object.glob).test(path);
    case 'dir': {
      const base = object.dir === '/' ? '/' : `${object.dir}/`;
      const below = path.startsWith(base) ? path.slice(base.length) : '';
      return path === object.dir || (below !== '' && (object.recursive || !below.includes('/')));
    }
  }
}

const REGEXPS = new Map<string, RegExp>();

/** A glob as a regular expression; ASCII only, without `{a,b}` inside one another. */
function globToRegExp(glob: string): RegExp {
  let made = REGEXPS.get(glob);
  if (made === undefined) REGEXPS.set(glob, (made = new RegExp(`^${regExpText(glob)}$`, 's')));
  return made;
}

function regExpText(glob: string): string {
  let out = '';
  for (const part of glob.match(/\\.|\*\*+|\[[!^]?[^\]]*\]|./gs) ?? []) {
    if (part.startsWith('**')) out += '.*';
    else if (part === '*') out += '[^/]*';
    else if (part === '?') out += '[^/]';
    else if (part.startsWith('[')) out += `(?!/)${part.replace(/^\[!/, '[^')}`;
    else if ('{},'.includes(part)) out += { '{': '(?:', '}': ')', ',': '|' }[part];
    else out += part.replace(/^\\/, '').replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
  }
  return out;
}

/** Whether the task that acts is one of the rule's subjects. */
export function matchesSubject(rule: Rule, subject: PathAccess['subject'], resolve: PathResolver): boolean {
  if (rule.subjects.length === 0) return true;
  if (subject === undefined) return rule.action !== 'Allow';
  const names = rule.subjects.flatMap((named) => resolve(named, 'subject', rule.action));
  if (typeof subject === 'string') return names.some(({ object }) => matchesObject(object, subject));
  return names.some(({ object }) => object.kind === 'path' && object.path === '/runc');
}
