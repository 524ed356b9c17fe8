// SPDX-License-Identifier: Apache-2.0
import { lstatSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate } from '#policy';
import type { PathAccess, RuleSet } from '#policy';
import type { Outcome } from './drive.ts';
import { SocketOracle } from './oracle-sockets.ts';

const OPENS: Readonly<Record<string, PathAccess['kind']>> = {
  r: 'read',
  w: 'write',
  rw: 'read-write',
  'w+append': 'write',
  'w+trunc': 'write',
};

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

function pathAccess(words: readonly string[], subject: string, root: string): PathAccess | undefined {
  const [name = '', flags = ''] = words;
  const { kind, word } = name === 'open' ? { kind: OPENS[flags], word: 2 } : (PATH_OPERATIONS[name] ?? { kind: undefined, word: 0 });
  const path = words[word];
  if (kind === undefined || path === undefined || !plainObject(root, path)) return undefined;
  const stat = lstatSync(join(root, path));
  // neither scripts nor applets: what they are does not follow from the path alone
  if (kind === 'exec' && (stat.nlink > 1 || stat.size < 1024 || path.endsWith('/busybox'))) return undefined;
  return { kind, object: { path }, owner: stat.uid === 0, subject };
}

/** What a step asks for, each with the error that it ends with where that is denied. */
function askedBy(words: readonly string[], { program, root, sockets }: { program: string; root: string; sockets: SocketOracle }) {
  const path = pathAccess(words, program, root);
  return path === undefined ? sockets.asked(words, program) : [{ access: path, refusal: 'EACCES' }];
}

/** Compares steps with the reference evaluator, as long as what they do can be told from their words. */
export function compareWithEvaluator(
  outcomes: readonly Outcome[],
  ruleSet: RuleSet,
  root: string,
): { compared: number; problems: string[] } {
  const problems: string[] = [];
  let compared = 0;
  let sockets = new SocketOracle();
  for (const { program, step, result } of outcomes) {
    if (program === '') sockets = new SocketOracle();
    if (program === '') continue;
    if (LEAVES_THE_PLAIN.test(step.text)) break;
    const words = step.text.split(' ');
    const asked = askedBy(words, { program, root, sockets });
    if (result === 'OK') sockets.note(words, program);
    if (asked.length === 0) continue;
    compared++;
    if (result === 'ENOENT') continue; // it was made later
    const refusal = asked.find(({ access }) => evaluate(ruleSet.image, access).outcome === 'denied')?.refusal ?? 'OK';
    const came = asked.some((one) => one.refusal === result) ? result : 'OK';
    if (refusal !== came) problems.push(`${step.text}: the evaluator says ${refusal}, the kernel ${result}`);
  }
  return { compared, problems };
}
