// SPDX-License-Identifier: Apache-2.0
import { parseGlob } from '#automaton';
import type { Pattern } from '#automaton';
import { capabilityNumber } from './capabilities.ts';
import { ACCESS, CONDITION } from './image-layout.gen.ts';
import type { Action, FileRule, NetworkRule, PathObject, ProcessRule } from './model.ts';
import { pathRank } from './rank.ts';

/** A rule's object or subject as it is in one container: a name that the kernel can see there. */
export interface ResolvedName {
  readonly object: PathObject;
  /** The object is a multi-call binary, and the rule means this applet of it. */
  readonly applet?: string | undefined;
}

/**
 * The names a path object has in a container: as written, and as it resolves there before its first instruction. What the
 * container changed since may add names for Block and Audit rules, never for Allow.
 *
 * @param action of the rule that names it
 */
export type PathResolver = (object: PathObject, role: 'exec' | 'file' | 'subject', action: Action) => readonly ResolvedName[];

/** One line of a list in the image, before its rule id and subject column are known. */
export interface Lowered {
  readonly pattern: Pattern;
  readonly list: 'process' | 'file';
  readonly access: number;
  readonly condition: number;
  readonly action: Action;
  readonly rank: number;
  readonly applet?: string | undefined;
}

/** A path object as a pattern of the automaton. */
export function patternOf(object: PathObject): Pattern {
  switch (object.kind) {
    case 'path':
      return { kind: 'exact', path: object.path };
    case 'glob':
      return { kind: 'glob', glob: object.glob };
    case 'execname':
      return { kind: 'execname', name: object.name };
    case 'dir':
      return { kind: 'dir', dir: object.dir, recursive: object.recursive };
  }
}

/** What a process rule becomes: exec, and for Block rules by name the executable mapping too (`ld.so program`). */
export function lowerProcess(rule: ProcessRule, resolve: PathResolver): Lowered[] {
  const conditions = rule.ownerOnly ? (rule.action === 'Allow' ? CONDITION.OWNER : CONDITION.NOT_OWNER) : 0;
  return resolve(rule.object, 'exec', rule.action).map(({ object, applet }) => {
    const mapped = rule.action === 'Allow' || (rule.action === 'Block' && object.kind !== 'dir' && applet === undefined);
    return {
      pattern: patternOf(object),
      list: 'process',
      access: ACCESS.EXEC | (mapped ? ACCESS.MAPX : 0),
      condition: conditions,
      action: rule.action,
      rank: pathRank(object, rule.action, rule.subjects.length > 0),
      applet,
    };
  });
}

/** Which accesses under which condition a file rule covers (semantics.md, section 3, readOnly and ownerOnly). */
function fileParts(rule: FileRule): readonly { access: number; condition: number }[] {
  const both = ACCESS.READ | ACCESS.WRITE;
  if (rule.action === 'Allow') {
    return [{ access: rule.readOnly ? ACCESS.READ : both, condition: rule.ownerOnly ? CONDITION.OWNER : 0 }];
  }
  if (!rule.ownerOnly) return [{ access: rule.readOnly ? ACCESS.WRITE : both, condition: 0 }];
  const others = { access: both, condition: CONDITION.NOT_OWNER };
  return rule.readOnly ? [others, { access: ACCESS.WRITE, condition: 0 }] : [others];
}

/** The part of a path object before its first meta character, as a path. */
function fixedPart(object: PathObject): string {
  if (object.kind === 'path') return object.path;
  if (object.kind === 'dir') return object.dir;
  return object.kind === 'glob' ? parseGlob(object.glob).prefix : '/';
}

/** Every proper ancestor directory of a path, without the root: `/a`, `/a/b` of `/a/b/c`. */
export function ancestors(path: string): string[] {
  const found: string[] = [];
  for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) found.push(path.slice(0, at));
  return found;
}

/** What a file rule becomes; renaming an ancestor of what a Block or readOnly rule protects is a write to it. */
export function lowerFile(rule: FileRule, resolve: PathResolver): Lowered[] {
  const lowered: Lowered[] = [];
  for (const { object } of resolve(rule.object, 'file', rule.action)) {
    const common = { list: 'file', action: rule.action, rank: pathRank(object, rule.action, rule.subjects.length > 0) } as const;
    for (const part of fileParts(rule)) lowered.push({ ...common, ...part, pattern: patternOf(object) });
    if (!(rule.action === 'Block' || (rule.action === 'Audit' && rule.readOnly))) continue;
    const condition = rule.ownerOnly && !rule.readOnly ? CONDITION.NOT_OWNER : 0;
    const fixed = fixedPart(object);
    const above = object.kind === 'path' || object.kind === 'glob' ? ancestors(fixed) : [...ancestors(fixed), fixed];
    for (const path of above) {
      if (path !== '/') lowered.push({ ...common, pattern: { kind: 'exact', path }, access: ACCESS.MOVE, condition });
    }
  }
  return lowered;
}

const IPPROTO: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, dccp: 33, icmpv6: 58, sctp: 132 };
const SOCK: Readonly<Record<string, number>> = { stream: 1, dgram: 2, rdm: 4, seqpacket: 5, packet: 10 };

/** What a protocol word matches: `NET_KIND` and the number that goes with it. @source linux/in.h, linux/net.h */
export function netKind(rule: NetworkRule): { kind: 'ALL' | 'PROTOCOL' | 'TYPE' | 'RAW'; value: number } {
  const { protocol } = rule;
  if (protocol === 'all') return { kind: 'ALL', value: 0 };
  if (protocol === 'raw') return { kind: 'RAW', value: 0 };
  const number = IPPROTO[protocol];
  return number === undefined ? { kind: 'TYPE', value: SOCK[protocol] ?? 0 } : { kind: 'PROTOCOL', value: number };
}

/** Why the enforcer cannot do a rule, or undefined where it can. One sentence each, shown to the user. */
export function notEnforceable(rule: {
  family: string;
  pts?: boolean | undefined;
  allowedArgs?: readonly string[] | undefined;
  protocol?: string | number | undefined;
  cidr?: string | undefined;
  direction?: string | undefined;
  capability?: string;
}): string | undefined {
  if (rule.pts === false) return NOT_YET['pts'];
  if (rule.allowedArgs !== undefined) return NOT_YET['allowedArgs'];
  if (rule.family === 'capabilities' && capabilityNumber(rule.capability ?? '') < 0)
    return `this kernel interface has no ${rule.capability}`;
  if (rule.cidr !== undefined && rule.direction === 'ingress' && rule.protocol !== 'tcp')
    return '`cidr` with `direction: ingress` is enforced for `protocol: tcp` only; `port` is enforced for every protocol that has ports';
  return NOT_YET[rule.family];
}

const NOT_YET: Readonly<Record<string, string>> = {
  dns: '`matchDNSQueries` is not enforced yet',
  syscalls: '`matchSyscalls` is not observed yet',
  device: '`matchDevice` is not enforced yet',
  firewall: '`ingress` and `egress` quotas are not enforced yet; `network.matchProtocols` with port and cidr is',
  preset: '`presets` are not enforced yet',
  apparmor: 'raw AppArmor rules need the AppArmor enforcer',
  pts: '`pts` is not enforced yet',
  allowedArgs: '`allowedArgs` is not enforced yet',
};

/** What no rule can have on any node yet, by family or field. */
export const NEVER_ENFORCED: readonly { readonly construct: string; readonly reason: string }[] = Object.entries(NOT_YET).map(
  ([construct, reason]) => ({ construct, reason }),
);
