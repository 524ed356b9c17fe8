// SPDX-License-Identifier: Apache-2.0
import { compileAutomaton, witness } from '#automaton';
import type { Access, CapabilityAccess, PathAccess, SocketAccess } from './access.ts';
import { capabilityNumber } from './capabilities.ts';
import { LIMITS } from './limits.ts';
import { patternOf } from './lower.ts';
import type { PathResolver, ResolvedName } from './lower.ts';
import type { FileRule, NetworkRule, PathObject, ProcessRule, Protocol, Rule } from './model.ts';

/** An access of which it is not said yet who does it. */
export type Deed = Omit<PathAccess, 'subject'> | Omit<SocketAccess, 'subject'> | Omit<CapabilityAccess, 'subject'>;

/** Accesses that a rule speaks of, the plainest first; or why a canary can do none of them. */
export type Candidates = { readonly deeds: readonly Deed[] } | { readonly reason: string };

/** The folder of a canary's own files, and the name of those that stand for any in a folder of a rule. */
export const CANARY_FOLDER = '/kubearmor-canary';
const ANY_NAME = 'kubearmor-canary';
/** What a canary calls a program by; never the last part of a path, so that no multi-call binary is called by its own name. */
export const CANARY_APPLET = 'canary-probe';
const NAMES_MAX = 6;
const WITNESS_STATES = 20_000;
const COMPONENTS_MAX = 60;
const PATH_BYTES_MAX = 3_500;
/** As long as a subject is kept (bpf/lib/scope.h). */
const SUBJECT_BYTES_MAX = 255;

export function candidatesOf(rule: Rule, resolve: PathResolver): Candidates {
  switch (rule.family) {
    case 'process':
    case 'file':
      return pathCandidates(rule, resolve);
    case 'network':
      return socketCandidates(rule);
    case 'capabilities':
      return capabilityCandidates(rule.capability);
    default:
      return { reason: 'it is of a family that is not enforced' };
  }
}

/** Programs that stand for the subjects of a rule; none: anybody. */
export function subjectNames(rule: Rule, resolve: PathResolver): readonly string[] {
  const resolved = rule.subjects.flatMap((subject) => [...resolve(subject, 'subject', rule.action), { object: subject }]);
  return [...new Set(resolved.flatMap(({ object }) => pathsOf(object)))]
    .filter((path) => new TextEncoder().encode(path).length <= SUBJECT_BYTES_MAX)
    .slice(0, NAMES_MAX);
}

/** A few paths that a path object matches: what it names, or what lies in it. */
function pathsOf(object: PathObject): string[] {
  return plainPaths(object).filter(
    (path) => path.length <= PATH_BYTES_MAX && !path.includes('\0') && path.split('/').length <= COMPONENTS_MAX,
  );
}

function plainPaths(object: PathObject): string[] {
  switch (object.kind) {
    case 'path':
      return [object.path];
    case 'execname':
      return [`${CANARY_FOLDER}/${object.name}`, `/usr/bin/${object.name}`];
    case 'dir': {
      const folder = object.dir === '/' ? '' : object.dir;
      const deeper = object.recursive ? [`${folder}/${ANY_NAME}.d/a`] : [];
      return [`${folder}/${ANY_NAME}`, ...deeper, `${folder}/a`];
    }
    case 'glob': {
      const limits = { maxStates: LIMITS.states.value, maxSteps: LIMITS.compileSteps.value, maxCells: LIMITS.cells.value };
      const made = compileAutomaton([patternOf(object)], limits);
      const found = 'exceeded' in made ? undefined : witness(made, (accepted) => accepted.includes(0), WITNESS_STATES);
      return found === undefined ? [] : [found];
    }
  }
}

function pathCandidates(rule: ProcessRule | FileRule, resolve: PathResolver): Candidates {
  const role = rule.family === 'process' ? 'exec' : 'file';
  // as it resolves first: a name as written can be a link's, which no access ever has
  const names: readonly ResolvedName[] = [...resolve(rule.object, role, rule.action), { object: rule.object }];
  const objects = names.flatMap(({ object, applet }) => pathsOf(object).map((path) => ({ path, applet })));
  if (objects.length === 0) return { reason: 'no path was found that it matches' };
  // an Allow rule with ownerOnly speaks of the owner's accesses, any other of everybody else's
  const owner = !rule.ownerOnly || rule.action === 'Allow';
  const deeds = objects.slice(0, NAMES_MAX).flatMap(({ path, applet }): Deed[] => {
    const object = { path };
    if (rule.family === 'process') return [{ kind: 'exec', object, owner, applet: applet ?? CANARY_APPLET }];
    if (!rule.readOnly) return [{ kind: 'read', object, owner }];
    if (rule.action === 'Allow') return [{ kind: 'read', object, owner }];
    return [{ kind: 'write', object, owner: true }];
  });
  return { deeds };
}

type SocketKind = Pick<SocketAccess, 'domain' | 'type' | 'protocol'>;
const INET_TCP: SocketKind = { domain: 2, type: 1, protocol: 6 };
const INET_UDP: SocketKind = { domain: 2, type: 2, protocol: 17 };
const INET6_TCP: SocketKind = { domain: 10, type: 1, protocol: 6 };
const INET6_UDP: SocketKind = { domain: 10, type: 2, protocol: 17 };
const INET_PING: SocketKind = { domain: 2, type: 3, protocol: 1 };
const unixOf = (type: number): SocketKind => ({ domain: 1, type, protocol: 0 });

/**
 * Sockets that every kernel has built in: making another kind would load a module where the rule is not in force.
 *
 * @source include/linux/socket.h, linux/net.h, uapi/linux/in.h
 */
const SAFE: { readonly [K in Protocol]: readonly SocketKind[] } = {
  tcp: [INET_TCP, INET6_TCP],
  udp: [INET_UDP, INET6_UDP],
  icmp: [INET_PING],
  icmpv6: [{ domain: 10, type: 3, protocol: 58 }],
  raw: [INET_PING],
  stream: [unixOf(1), INET_TCP],
  dgram: [unixOf(2), INET_UDP],
  seqpacket: [unixOf(5)],
  rdm: [unixOf(4)],
  all: [unixOf(1), INET_TCP, INET_UDP],
  sctp: [],
  dccp: [],
  packet: [],
};

/** For documentation: nobody has it. @source RFC 5737, RFC 3849 */
const NOBODY = { 2: '192.0.2.1', 10: '2001:db8::1' } as const;

function socketCandidates(rule: NetworkRule): Candidates {
  const { protocol, cidr, port, direction } = rule;
  if (SAFE[protocol].length === 0) return { reason: `making a socket of ${protocol} can load a kernel module` };
  if (direction === undefined) return { deeds: SAFE[protocol].map((kind) => ({ kind: 'socket', op: 'create', ...kind })) };
  const kinds = [INET_TCP, INET_UDP, INET6_TCP, INET6_UDP].filter((kind) => SAFE[protocol].includes(kind));
  if (kinds.length === 0) return { reason: `a direction of ${protocol} needs a peer` };
  if (direction === 'ingress') {
    if (cidr !== undefined) return { reason: 'a connection that comes in needs a peer' };
    return { deeds: kinds.map((kind) => ({ kind: 'socket', op: 'ingress', ...kind, port: port ?? 1 })) };
  }
  const [given] = cidr?.split('/') ?? [];
  const deeds = kinds.flatMap((kind): Deed[] => {
    const address = given ?? NOBODY[kind.domain as 2 | 10];
    if (address.includes(':') !== (kind.domain === 10)) return [];
    return [{ kind: 'socket', op: 'egress', ...kind, address, port: port ?? 1 }];
  });
  return deeds.length === 0 ? { reason: `a direction of ${protocol} with ${cidr} needs a peer` } : { deeds };
}

/**
 * Capabilities that the kernel asks for in something that does nothing beyond the canary's own name spaces, with one check that
 * no other capability can stand in for (native/canary.c does these).
 */
const HARMLESS: readonly string[] = [
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_SYS_MODULE',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
];

function capabilityCandidates(name: string): Candidates {
  if (!HARMLESS.includes(name)) return { reason: `${name} has no use that is harmless` };
  return { deeds: [{ kind: 'capability', capability: capabilityNumber(name) }] };
}

/** What stands for all that no rule names, for the default postures and for what must pass. */
export function unlistedDeeds(family: 'process' | 'file' | 'network' | 'capabilities'): readonly Deed[] {
  const object = { path: `${CANARY_FOLDER}/unlisted` };
  switch (family) {
    case 'process':
      return [{ kind: 'exec', object, owner: true, applet: CANARY_APPLET }];
    case 'file':
      return [
        { kind: 'read', object, owner: true },
        { kind: 'write', object, owner: true },
      ];
    case 'network':
      return [...SAFE.all, ...SAFE.dgram, ...SAFE.seqpacket, ...SAFE.raw, ...SAFE.icmpv6].map((kind) => ({
        kind: 'socket',
        op: 'create',
        ...kind,
      }));
    case 'capabilities':
      return HARMLESS.map((name) => ({ kind: 'capability', capability: capabilityNumber(name) }));
  }
}

/** Accesses that a deed begins with: where one of them is denied the deed itself is never asked about. */
export function beginningsOf(deed: Deed): readonly Deed[] {
  if (deed.kind === 'socket' && deed.op !== 'create') {
    const { domain, type, protocol } = deed;
    return [{ kind: 'socket', op: 'create', domain, type, protocol }];
  }
  if (deed.kind !== 'capability') return [];
  const made = (kind: SocketKind): Deed => ({ kind: 'socket', op: 'create', ...kind });
  switch (deed.capability) {
    case capabilityNumber('CAP_NET_RAW'):
      return [made(INET_PING)];
    case capabilityNumber('CAP_NET_ADMIN'):
      return [made(INET_UDP)];
    case capabilityNumber('CAP_NET_BIND_SERVICE'):
      return [made(INET_UDP), { kind: 'socket', op: 'ingress', ...INET_UDP, port: 1 }];
    default:
      return [];
  }
}

/** Capabilities that a deed needs beside what it is about. */
export function capabilitiesOf(deed: Deed): readonly number[] {
  const isRaw = deed.kind === 'socket' && deed.type === 3;
  const bindsLow = deed.kind === 'socket' && deed.op === 'ingress' && (deed.port ?? 0) < 1024;
  return [...(isRaw ? ['CAP_NET_RAW'] : []), ...(bindsLow ? ['CAP_NET_BIND_SERVICE'] : [])].map(capabilityNumber);
}

/** The access, done by this program. */
export const doneBy = (deed: Deed, subject: Access['subject']): Access => ({ ...deed, subject });
