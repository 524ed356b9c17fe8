// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net';
import { nearestWord } from '#base';
import { childOf, shown } from './fields.ts';
import type { Notes } from './fields.ts';
import type { FirewallRule, NetworkRule } from './model.ts';
import { neverMatches } from './parse-path.ts';
import { neverBase, takenByKubeArmor } from './parse-rules.ts';
import { commaParts, entriesOf } from './parse-scope.ts';
import type { RuleFields, Scope } from './parse-scope.ts';
import { NAMED_PORTS, PROTOCOLS } from './schema-names.ts';
import type { FirewallFields, NetworkFields } from './schema.ts';

interface ProtocolFields extends RuleFields {
  readonly protocol?: string | undefined;
  readonly port?: number | undefined;
  readonly endPort?: number | undefined;
  readonly cidr?: string | undefined;
  readonly direction?: 'ingress' | 'egress' | undefined;
}

/** `spec.network`: protocols and DNS names, in comma lists too. */
export function readNetwork(section: NetworkFields, scope: Scope): void {
  const protocols: readonly (ProtocolFields | undefined)[] | undefined = section.matchProtocols;
  for (const { item, at } of entriesOf(protocols, 'spec.network.matchProtocols')) readProtocols(item, at, { section, scope });
  for (const { item, at } of entriesOf(section.matchDNSQueries, 'spec.network.matchDNSQueries')) {
    const base = scope.base(at, item, section);
    if (base === 'never' || item.domain === undefined) continue;
    const field = childOf(at, 'domain');
    const parts = commaParts(item.domain, at);
    if (parts.length === 0) scope.nothing(neverBase(base, scope.notes, { at: field, why: 'it names no domain' }));
    for (const { part, at: here } of parts) {
      if (scope.full) return;
      const domain = readDomain(part, field, scope.notes);
      if (domain === 'never') scope.nothing({ ...base, field: here });
      else scope.add({ ...base, field: here, family: 'dns', domain });
    }
  }
}

function readProtocols(item: ProtocolFields, at: string, { section, scope }: { section: NetworkFields; scope: Scope }): void {
  const base = scope.base(at, item, section);
  if (base === 'never' || item.protocol === undefined) return;
  const place = readTarget(item, at, scope.notes);
  const field = childOf(at, 'protocol');
  const parts = commaParts(item.protocol, at);
  if (parts.length === 0) scope.nothing(neverBase(base, scope.notes, { at: field, why: 'it names no protocol' }));
  for (const { part, at: here } of parts) {
    if (scope.full) return;
    const protocol = PROTOCOLS.find((name) => name === part.toLowerCase());
    if (protocol !== undefined && portsFit(protocol, item, { at, notes: scope.notes })) {
      scope.add({ ...base, field: here, family: 'network', protocol, ...place });
    } else if (
      protocol === undefined &&
      takenByKubeArmor(
        item.protocol,
        PROTOCOLS.flatMap((name) => [name, name.toUpperCase()]),
      )
    ) {
      scope.nothing(neverBase({ ...base, field: here }, scope.notes, { at: field, why: `there is no protocol \`${shown(part)}\`` }));
    } else if (protocol === undefined) {
      const near = nearestWord(part, PROTOCOLS);
      scope.notes.error(
        'VALUE_UNKNOWN',
        field,
        `unknown protocol \`${shown(part)}\``,
        near === undefined ? `write one of ${PROTOCOLS.join(', ')}` : `did you mean \`${near}\`?`,
      );
    }
  }
}

const WITH_PORTS: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp', 'dccp', 'stream', 'dgram', 'seqpacket', 'all']);

function portsFit(protocol: string, item: ProtocolFields, { at, notes }: { at: string; notes: Notes }): boolean {
  if (item.port === undefined || WITH_PORTS.has(protocol)) return true;
  notes.error('VALUE_UNKNOWN', childOf(at, 'port'), `protocol ${protocol} has no ports`, 'remove `port`, or use tcp, udp, sctp or dccp');
  return false;
}

function readTarget(item: ProtocolFields, at: string, notes: Notes): Pick<NetworkRule, 'port' | 'endPort' | 'cidr' | 'direction'> {
  const { port, endPort, cidr } = item;
  if (endPort !== undefined) checkRange(port, endPort, { at, notes });
  const problem = cidr === undefined ? undefined : cidrProblem(cidr);
  if (problem !== undefined)
    notes.error('VALUE_UNKNOWN', childOf(at, 'cidr'), problem, 'write an address and a prefix length, such as 10.0.0.0/8');
  const direction = item.direction ?? (port === undefined && cidr === undefined ? undefined : 'egress');
  return {
    ...(port === undefined ? {} : { port }),
    ...(endPort === undefined ? {} : { endPort }),
    ...(cidr === undefined ? {} : { cidr }),
    ...(direction === undefined ? {} : { direction }),
  };
}

function checkRange(port: number | undefined, endPort: number, { at, notes }: { at: string; notes: Notes }): void {
  if (port === undefined && !notes.failed) {
    notes.error('FIELD_MISSING', childOf(at, 'port'), 'is required beside endPort', 'add `port:`, the first of the range');
  }
  if (port !== undefined && endPort < port) {
    notes.error('VALUE_OUT_OF_RANGE', childOf(at, 'endPort'), `${endPort} is before port ${port}`, 'write the last port of the range');
  }
}

/** What is wrong with `10.0.0.0/8` or `2001:db8::/32`; a lone address is one host. */
function cidrProblem(cidr: string): string | undefined {
  const [address = '', bits, ...rest] = cidr.split('/');
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 0 || rest.length > 0) return `\`${shown(cidr)}\` is not an IP network`;
  if (bits === undefined) return undefined;
  const max = family === 4 ? 32 : 128;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= max ? undefined : `\`${shown(cidr)}\`: the prefix length is 0 to ${max}`;
}

/** A DNS name, lower case without the final dot. KubeArmor's API server takes any string. */
function readDomain(written: string, at: string, notes: Notes): string {
  const domain = written.toLowerCase().replace(/\.$/, '');
  if (notes.tooLong(domain, 'domainBytes', at)) return 'never';
  if (domain.startsWith('*.')) {
    return neverMatches(
      notes,
      at,
      `\`${shown(written)}\` has a wildcard`,
      `write \`${shown(domain.slice(2))}\`: it covers the names below it`,
    );
  }
  const good = domain.split('.').every((label) => /^[a-z0-9_-]{1,63}$/.test(label));
  if (good) return domain;
  return neverMatches(
    notes,
    at,
    `\`${shown(written)}\` is not a DNS name`,
    'write a name such as example.com; other alphabets in their xn-- form',
  );
}

const DURATION = /^([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)/;

/** `spec.ingress` and `spec.egress` of a KubeArmorNetworkPolicy. */
export function readFirewall(
  direction: 'ingress' | 'egress',
  items: readonly (FirewallFields | undefined)[] | undefined,
  scope: Scope,
): void {
  for (const { item, at } of entriesOf(items, `spec.${direction}`)) {
    const { notes } = scope;
    const { severity, ...base } = scope.inherit(at, item);
    const peersAt = childOf(at, direction === 'ingress' ? 'from' : 'to');
    const peers = entriesOf(direction === 'ingress' ? item.from : item.to, peersAt);
    const cidrs = peers.flatMap((peer) => readPeer(peer.item.ipBlock?.cidr, childOf(peer.at, 'ipBlock.cidr'), notes));
    const listed = entriesOf(item.ports, childOf(at, 'ports'));
    const ports = listed.flatMap((entry) => readPort(entry.item, entry.at, notes));
    if (!quotaFits(item, at, notes)) continue;
    // Where every peer or port fell away the rule must not become one for all of them.
    if ((peers.length > 0 && cidrs.length === 0) || (listed.length > 0 && ports.length === 0)) continue;
    const interfaces = (item.iface ?? []).filter((name) => name !== undefined);
    scope.add({
      ...base,
      severity: Math.min(10, Math.max(0, severity)),
      family: 'firewall',
      direction,
      cidrs,
      interfaces,
      ports,
      limit: item.limit,
      duration: item.duration,
    });
  }
}

function quotaFits({ limit, duration }: FirewallFields, at: string, notes: Notes): boolean {
  if (limit !== undefined && !/^[0-9]+(KB|MB|GB|K|M|G)?$/.test(limit)) {
    const cure = 'write a number and KB, MB or GB, such as 100MB';
    notes.error('VALUE_UNKNOWN', childOf(at, 'limit'), `\`${shown(limit)}\` is not an amount of data`, cure);
  }
  if (duration === undefined || isDuration(duration)) return true;
  const cure = 'write a number and s, m or h, such as 24h';
  neverMatches(notes, childOf(at, 'duration'), `\`${shown(duration)}\` is not a duration`, cure);
  return false;
}

function isDuration(text: string): boolean {
  if (text === '0') return true;
  let rest = text;
  while (DURATION.test(rest)) rest = rest.replace(DURATION, '');
  return text !== '' && rest === '';
}

function readPeer(cidr: string | undefined, at: string, notes: Notes): string[] {
  if (cidr === undefined) return [];
  const problem = cidrProblem(cidr);
  if (problem === undefined) return [cidr];
  neverMatches(notes, at, problem, 'write an address and a prefix length, such as 10.0.0.0/8');
  return [];
}

type FirewallPort = FirewallRule['ports'][number];
function readPort(
  item: { port?: string | undefined; endPort?: number | undefined; protocol?: string | undefined },
  at: string,
  notes: Notes,
): FirewallPort[] {
  const { port, endPort, protocol } = item;
  if (port === undefined) return [];
  const number = /^\d{1,5}$/.test(port) ? Number(port) : undefined;
  const named = NAMED_PORTS.includes(port.toLowerCase());
  if (!named && (number === undefined || number < 1 || number > 65_535)) {
    neverMatches(notes, childOf(at, 'port'), `there is no port \`${shown(port)}\``, `write 1 to 65535, or ${NAMED_PORTS.join(', ')}`);
    return [];
  }
  if (endPort !== undefined && (number === undefined || endPort < number)) {
    neverMatches(notes, childOf(at, 'endPort'), `${endPort} ends no range that starts at ${port}`, 'write the last port of the range');
    return [];
  }
  return [{ port: named ? port.toLowerCase() : port, endPort, protocol: protocol?.toLowerCase() }];
}
