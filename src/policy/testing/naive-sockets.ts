// SPDX-License-Identifier: Apache-2.0
import { BlockList, isIPv4 } from 'node:net';
import { CAPABILITIES } from '../capabilities.ts';
import type { CapabilityAccess, SocketAccess } from '../access.ts';
import type { NetworkRule } from '../model.ts';
import type { Decision, Named, World } from './naive-model.ts';
import { ruleKey } from './naive-model.ts';
import { matchesSubject } from './naive-match.ts';

const PROTOCOLS: Readonly<Record<string, readonly number[]>> = {
  icmp: [1],
  tcp: [6, 256, 262],
  udp: [17, 136],
  dccp: [33],
  icmpv6: [58],
  sctp: [132],
};
const TYPES: Readonly<Record<string, number>> = { stream: 1, dgram: 2, rdm: 4, seqpacket: 5, packet: 10 };
const [INET, INET6, PACKET, SMC, XDP] = [2, 10, 17, 43, 44];
const [STREAM, DGRAM, RAW] = [1, 2, 3];

const isInternet = (domain: number): boolean => domain === INET || domain === INET6 || domain === SMC;

function namesSocket({ protocol }: NetworkRule, access: SocketAccess): boolean {
  const { domain, type } = access;
  if (protocol === 'all') return true;
  if (protocol === 'raw') return (isInternet(domain) && type === RAW) || domain === PACKET || domain === XDP;
  const numbers = PROTOCOLS[protocol];
  if (numbers === undefined) return type === TYPES[protocol];
  return isInternet(domain) && numbers.includes(protocolOf(access));
}

/** The number; where the caller left it open, the one of the type. */
function protocolOf({ domain, type, protocol }: SocketAccess): number {
  if (domain === SMC) return 6;
  if (protocol !== 0) return protocol;
  return type === STREAM ? 6 : type === DGRAM ? 17 : 0;
}

function namesPort(rule: NetworkRule, port: number | undefined): boolean {
  return rule.port === undefined || (port !== undefined && port >= rule.port && port <= (rule.endPort ?? rule.port));
}

function namesAddress({ cidr }: NetworkRule, address: string | undefined): boolean {
  if (cidr === undefined) return true;
  if (address === undefined) return false;
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  const [net = '', bits] = cidr.split('/');
  const family = isIPv4(net) ? 'ipv4' : 'ipv6';
  if (family !== (isIPv4(plain) ? 'ipv4' : 'ipv6')) return false;
  const list = new BlockList();
  list.addSubnet(net, Number(bits ?? (family === 'ipv4' ? 32 : 128)), family);
  return list.check(plain, family);
}

const hasDetail = (rule: NetworkRule): boolean => rule.port !== undefined || rule.cidr !== undefined;

/** Whether the rule speaks at this moment of a socket's life, and of this peer. */
function speaks(rule: NetworkRule, access: SocketAccess): boolean {
  const everywhere = rule.direction === undefined && !hasDetail(rule);
  if (access.op === 'create') return everywhere || rule.action === 'Allow'; // else deferred, or said later
  const direction = access.op === 'egress' ? 'egress' : 'ingress';
  if (!everywhere && (rule.direction ?? 'egress') !== direction) return false;
  return namesPort(rule, access.port) && (access.op === 'egress' ? namesAddress(rule, access.address) : namesPeer(rule, access));
}

/** Where peers are known they are compared; before that an Allow leaves it to the request, and where none comes all others speak. */
function namesPeer(rule: NetworkRule, access: SocketAccess): boolean {
  if (rule.cidr === undefined) return access.op === 'ingress' || rule.action !== 'Audit'; // an audit was said when it listened
  return access.op === 'request' ? namesAddress(rule, access.address) : (rule.action === 'Allow') === hasRequests(access);
}

/** Whether peers ask the socket itself for connections, so that each is known before it is taken. */
function hasRequests(access: SocketAccess): boolean {
  return access.domain !== SMC && isInternet(access.domain) && access.type === STREAM && [6, 262].includes(protocolOf(access));
}

function specificity(rule: NetworkRule): number {
  if (hasDetail(rule)) return 0;
  return rule.protocol === 'all' ? 3 : rule.protocol in TYPES ? 2 : 1;
}

interface Scored extends Named {
  readonly score: number;
}

/** By subject, then by score; at equal rank Block beats Allow. */
function conclude(matching: readonly Scored[], posture: 'audit' | 'block' | undefined): Decision {
  const best = (list: readonly Scored[]): readonly Scored[] => {
    const rank = ({ rule, score }: Scored): number => (rule.subjects.length > 0 ? 0 : 100) + score;
    return list.filter((one) => rank(one) === Math.min(...list.map(rank)));
  };
  const keys = (list: readonly Scored[]): string[] => list.map(({ policy, rule }) => ruleKey(policy, rule));
  const top = best(matching.filter(({ rule }) => rule.action !== 'Audit'));
  const blocks = top.filter(({ rule }) => rule.action === 'Block');
  if (blocks.length > 0) return { outcome: 'denied', rules: keys(blocks) };
  if (top.length === 0 && posture === 'block') return { outcome: 'denied' };
  const audits = best(matching.filter(({ rule }) => rule.action === 'Audit'));
  if (audits.length > 0) return { outcome: 'audited', rules: keys(audits) };
  return { outcome: top.length === 0 && posture === 'audit' ? 'audited' : 'passed' };
}

export function decideSocket(world: World, named: readonly Named[], access: SocketAccess): Decision {
  const matching = named.flatMap(({ policy, rule }): Scored[] => {
    if (rule.family !== 'network' || !namesSocket(rule, access) || !speaks(rule, access)) return [];
    return matchesSubject(rule, access.subject, world.resolve) ? [{ policy, rule, score: specificity(rule) }] : [];
  });
  return conclude(matching, world.posture('network'));
}

export function decideCapability(world: World, named: readonly Named[], access: CapabilityAccess): Decision {
  const matching = named.flatMap(({ policy, rule }): Scored[] => {
    if (rule.family !== 'capabilities' || rule.capability !== CAPABILITIES[access.capability]) return [];
    return matchesSubject(rule, access.subject, world.resolve) ? [{ policy, rule, score: 0 }] : [];
  });
  return conclude(matching, world.posture('capabilities'));
}
