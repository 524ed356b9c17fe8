// SPDX-License-Identifier: Apache-2.0
import { lstatSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate } from '#policy';
import type { Access, PathAccess, RuleSet } from '#policy';
import type { Outcome } from './drive.ts';

const OPENS: Readonly<Record<string, PathAccess['kind']>> = {
  r: 'read',
  w: 'write',
  rw: 'read-write',
  'w+append': 'write',
  'w+trunc': 'write',
};
const FAMILIES: Readonly<Record<string, number>> = { unix: 1, inet: 2, inet6: 10, netlink: 16, packet: 17 };
const TYPES: Readonly<Record<string, number>> = { stream: 1, dgram: 2, raw: 3, seqpacket: 5 };
const DEFAULT_PROTOCOLS: Readonly<Record<string, number>> = { stream: 6, dgram: 17 };

/** After these an operation's words alone do not say what the object is, or who acts. */
const LEAVES_THE_PLAIN =
  /^(chdir|chroot|unshare|setns|setuid|setfsuid|mount|umount|attach|move-mount|pivot|rename|exchange|link|linkfd|symlink|exec)\b/;

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

/** Operations on one path: what they are to it, and which of their words it is. */
const PATH_OPERATIONS: Readonly<Record<string, { readonly kind: PathAccess['kind']; readonly word: number }>> = {
  list: { kind: 'read', word: 1 },
  run: { kind: 'exec', word: 1 },
  unlink: { kind: 'write', word: 1 },
  rmdir: { kind: 'write', word: 1 },
  truncate: { kind: 'write', word: 1 },
  setxattr: { kind: 'write', word: 1 },
  chmod: { kind: 'write', word: 2 },
  chown: { kind: 'write', word: 2 },
};

function socketAccess([, family = '', type = '', protocol]: readonly string[], subject: string): Access | undefined {
  const usual = family.startsWith('inet') ? (DEFAULT_PROTOCOLS[type] ?? 0) : 0;
  const [domain, number] = [FAMILIES[family], TYPES[type]];
  if (domain === undefined || number === undefined) return undefined;
  return { kind: 'socket', op: 'create', domain, type: number, protocol: protocol === undefined ? usual : Number(protocol), subject };
}

function pathAccess(words: readonly string[], subject: string, root: string): Access | undefined {
  const [name = '', flags = ''] = words;
  const { kind, word } = name === 'open' ? { kind: OPENS[flags], word: 2 } : (PATH_OPERATIONS[name] ?? { kind: undefined, word: 0 });
  const path = words[word];
  if (kind === undefined || path === undefined || !plainObject(root, path)) return undefined;
  const stat = lstatSync(join(root, path));
  // neither scripts nor applets: what they are does not follow from the path alone
  if (kind === 'exec' && (stat.nlink > 1 || stat.size < 1024 || path.endsWith('/busybox'))) return undefined;
  return { kind, object: { path }, owner: stat.uid === 0, subject };
}

function accessOf({ step, program }: Outcome, root: string): Access | undefined {
  const words = step.text.split(' ');
  return words[0] === 'socket' ? socketAccess(words, program) : pathAccess(words, program, root);
}

/** Compares steps with the reference evaluator, as long as what they do can be told from their words. */
export function compareWithEvaluator(
  outcomes: readonly Outcome[],
  ruleSet: RuleSet,
  root: string,
): { compared: number; problems: string[] } {
  const problems: string[] = [];
  let compared = 0;
  for (const outcome of outcomes) {
    if (outcome.program === '') continue;
    if (LEAVES_THE_PLAIN.test(outcome.step.text)) break;
    const access = accessOf(outcome, root);
    if (access === undefined) continue;
    compared++;
    if (outcome.result === 'ENOENT') continue; // it was made later
    const { outcome: verdict } = evaluate(ruleSet.image, access);
    if ((verdict === 'denied') !== (outcome.result === 'EACCES')) {
      problems.push(`${outcome.step.text}: the evaluator says ${verdict}, the kernel ${outcome.result}`);
    }
  }
  return { compared, problems };
}
