// SPDX-License-Identifier: Apache-2.0
import { lstatSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate } from '#policy';
import type { Access, PathAccess, RuleSet } from '#policy';
import type { Outcome } from './drive.ts';

const OPENS: Readonly<Record<string, PathAccess['kind']>> = { r: 'read', w: 'write', rw: 'read-write', 'w+append': 'write', 'w+trunc': 'write' };
const FAMILIES: Readonly<Record<string, number>> = { unix: 1, inet: 2, inet6: 10, netlink: 16, packet: 17 };
const TYPES: Readonly<Record<string, number>> = { stream: 1, dgram: 2, raw: 3, seqpacket: 5 };
const DEFAULT_PROTOCOLS: Readonly<Record<string, number>> = { stream: 6, dgram: 17 };

/** After these an operation's words alone do not say what the object is, or who acts. */
const LEAVES_THE_PLAIN = /^(chdir|chroot|unshare|setns|setuid|setfsuid|mount|umount|attach|move-mount|pivot|rename|exchange|link|linkfd|symlink|exec)\b/;

/** An object's path in the root where it is what its words say: no link on the way, not on another mount. */
function plainObject(root: string, path: string): boolean {
  if (!path.startsWith('/') || /\/\/|\/\.\.?(\/|$)|^\/(proc|dev)\//.test(path)) return false;
  const at = join(root, path);
  try {
    return realpathSync(at) === at && lstatSync(at).dev === lstatSync(root).dev;
  } catch {
    return false;
  }
}

function pathAccess(words: readonly string[]): { kind: PathAccess['kind']; path: string } | undefined {
  const [name, a = '', b = ''] = words;
  switch (name) {
    case 'open': {
      const kind = OPENS[a];
      return kind === undefined ? undefined : { kind, path: b };
    }
    case 'list':
      return { kind: 'read', path: a };
    case 'run':
      return { kind: 'exec', path: a };
    case 'unlink':
    case 'rmdir':
    case 'truncate':
    case 'setxattr':
      return { kind: 'write', path: a };
    case 'chmod':
    case 'chown':
      return { kind: 'write', path: b };
    default:
      return undefined;
  }
}

function accessOf(outcome: Outcome, root: string): Access | undefined {
  const words = outcome.step.text.split(' ');
  if (words[0] === 'socket') {
    const [, family = '', type = '', protocol] = words;
    const inet = family.startsWith('inet');
    const domain = FAMILIES[family];
    const number = protocol === undefined ? (inet ? (DEFAULT_PROTOCOLS[type] ?? 0) : 0) : Number(protocol);
    if (domain === undefined || TYPES[type] === undefined) return undefined;
    return { kind: 'socket', op: 'create', domain, type: TYPES[type], protocol: number, subject: outcome.program };
  }
  const named = pathAccess(words);
  if (named === undefined || !plainObject(root, named.path)) return undefined;
  const stat = lstatSync(join(root, named.path));
  if (named.kind === 'exec' && (stat.nlink > 1 || stat.size < 1024)) return undefined; // an applet, perhaps, or a script
  return { kind: named.kind, object: { path: named.path }, owner: stat.uid === 0, subject: outcome.program };
}


/** Compares steps with the reference evaluator, as long as what they do can be told from their words. */
export function compareWithEvaluator(outcomes: readonly Outcome[], ruleSet: RuleSet, root: string): { compared: number; problems: string[] } {
  const problems: string[] = [];
  let compared = 0;
  for (const outcome of outcomes) {
    if (outcome.program === '') continue;
    if (LEAVES_THE_PLAIN.test(outcome.step.text)) break;
    const access = accessOf(outcome, root);
    if (access === undefined) continue;
    compared++;
    const { outcome: verdict } = evaluate(ruleSet.image, access);
    if ((verdict === 'denied') !== (outcome.result === 'EACCES')) {
      problems.push(`${outcome.step.text}: the evaluator says ${verdict}, the kernel ${outcome.result}`);
    }
  }
  return { compared, problems };
}
