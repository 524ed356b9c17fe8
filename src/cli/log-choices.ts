// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError, nearestWord } from '#base';
import type { Flags } from './flags.ts';
import { compileFilterGlob } from './glob.ts';

/** Values of the field Type, ours and those of other agents behind a relay. */
export const TYPES = ['MatchedPolicy', 'MatchedHostPolicy', 'MatchedNetworkPolicy', 'SystemEvent', 'ContainerLog', 'HostLog'] as const;
/** Values of the field Operation, likewise. */
export const OPERATIONS = ['Process', 'File', 'Network', 'Capabilities', 'Syscall', 'Device', 'NetworkFirewall', 'AlertThreshold'] as const;

/** Flags whose value is a glob over the whole field. */
const GLOBS = ['namespace', 'pod', 'container', 'source', 'resource', 'logType', 'operation'] as const;

/**
 * Refuses filters that nothing can ever match.
 *
 * @throws {KubeArmorError} `USAGE`
 */
export function checkLogFilters(flags: Flags): void {
  checkWord(flags, 'logType', TYPES);
  checkWord(flags, 'operation', OPERATIONS);
  for (const label of flags.list('labels')) {
    if (/^[^=]+=/.test(label)) continue;
    const cure = label.includes(':') ? `write -l ${label.replace(':', '=')}` : `write -l ${label}=VALUE, or -l '${label}=*' for any value`;
    throw new KubeArmorError('USAGE', `-l ${label}: a label is key=value; ${cure}`);
  }
}

/** A glob may stand for several of the words; a regular expression is left to `regexWarning`. */
function checkWord(flags: Flags, name: string, words: readonly string[]): void {
  const given = flags.text(name);
  if (given === undefined || words.some(compileFilterGlob(given, { ignoreCase: true }))) return;
  const near = meantBy(given, words);
  const hint = near === undefined ? '' : `did you mean ${near}? `;
  throw new KubeArmorError('USAGE', `--${name} ${given}: ${hint}it is one of ${words.join(', ')}, in any case`);
}

function meantBy(given: string, words: readonly string[]): string | undefined {
  if (!REGEX.test(given)) return nearestWord(given, words) ?? words.find((word) => word.toLowerCase().includes(given.toLowerCase()));
  const glob = globOf(given);
  return words.some(compileFilterGlob(glob, { ignoreCase: true })) ? glob : undefined;
}

const REGEX = /[\^$|]|\.[*+]/;

/** One line for filters that look like KubeArmor's regular expressions, with what to write; undefined where none does. */
export function regexWarning(flags: Flags): string | undefined {
  const suspects = GLOBS.flatMap((name) => {
    const given = flags.text(name);
    return given !== undefined && REGEX.test(given) ? [`--${name} ${globs(given)}`] : [];
  });
  if (suspects.length === 0) return undefined;
  return `filters are globs over the whole value, not regular expressions; if one was meant, write ${suspects.join(', ')}`;
}

const globs = (regex: string): string =>
  regex
    .replace(/^\((.*)\)$/, '$1')
    .split('|')
    .map((part) => `'${globOf(part)}'`)
    .join(' or (one at a time) ');

/** The glob over the whole value that means what an unanchored regular expression did. */
function globOf(regex: string): string {
  const open = `${regex.startsWith('^') ? '' : '.*'}${regex.replace(/^\^|\$$/g, '')}${regex.endsWith('$') ? '' : '.*'}`;
  return open
    .replace(/\.[*+]\??/g, '*')
    .replace(/\\(.)/g, '$1')
    .replace(/\*{2,}/g, '*');
}
