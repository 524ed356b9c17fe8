// SPDX-License-Identifier: Apache-2.0
import type { SocketAccess } from './access.ts';
import { BLOCK, check } from './testing/sentences.ts';

const [UNIX, INET, INET6, NETLINK, PACKET, SMC, XDP] = [1, 2, 10, 16, 17, 43, 44];
const [STREAM, DGRAM, RAW] = [1, 2, 3];
const [TCP, UDP, UDPLITE, MPTCP, ICMP] = [6, 17, 136, 262, 1];

function socket(
  op: SocketAccess['op'],
  [domain, type, protocol]: readonly number[],
  peer: { address?: string; port?: number; subject?: string } = {},
): SocketAccess {
  const { address, port, subject = '/bin/task' } = peer;
  return { kind: 'socket', op, domain: domain!, type: type!, protocol: protocol!, address, port, subject };
}
const tcp4 = [INET, STREAM, TCP];
const tcp6 = [INET6, STREAM, TCP];
const udp4 = [INET, DGRAM, UDP];
const net = (rules: string): string => `network: {matchProtocols: [${rules}]}`;

check([
  {
    says: 'section 3: tcp is TCP, MPTCP and SMC over IPv4 and IPv6, never a local socket',
    spec: net('{protocol: tcp, action: Block}'),
    gets: [
      ...[tcp4, tcp6, [INET, STREAM, MPTCP], [SMC, STREAM, 0], [INET, STREAM, 0]].map(
        (kind) => [socket('create', kind), 'denied by network.matchProtocols[0]'] as const,
      ),
      ...[[UNIX, STREAM, 0], udp4, [NETLINK, RAW, 6]].map((kind) => [socket('create', kind), 'passed'] as const),
    ],
  },
  {
    says: 'section 3: udp has UDP-Lite; raw is raw IP, packet and XDP sockets and never netlink; types are of any family; all is all',
    spec: net('{protocol: udp, action: Block}, {protocol: raw, action: Block}'),
    gets: [
      [socket('create', [INET, DGRAM, UDPLITE]), 'denied by network.matchProtocols[0]'],
      [socket('create', [INET6, RAW, ICMP]), 'denied by network.matchProtocols[1]'],
      [socket('create', [PACKET, RAW, 0]), 'denied by network.matchProtocols[1]'],
      [socket('create', [PACKET, DGRAM, 0]), 'denied by network.matchProtocols[1]'],
      [socket('create', [XDP, RAW, 0]), 'denied by network.matchProtocols[1]'],
      [socket('create', [NETLINK, RAW, 17]), 'passed'],
    ],
  },
  {
    says: 'section 3: stream means the type on any family, and a comma list is one rule a part',
    spec: net('{protocol: "stream,icmp", action: Block}'),
    gets: [
      [socket('create', [UNIX, STREAM, 0]), 'denied by network.matchProtocols[0]#0'],
      [socket('create', [INET, DGRAM, ICMP]), 'denied by network.matchProtocols[0]#1'],
      [socket('create', udp4), 'passed'],
    ],
  },
  {
    says: 'section 4: port or cidr before protocol before type before all',
    spec: net(`{protocol: all, action: Block}, {protocol: stream, action: Allow}, {protocol: tcp, action: Block},
      {protocol: tcp, port: "443", action: Allow}, {protocol: udp, action: Allow}, {protocol: udp, cidr: 10.0.0.0/8, action: Block}`),
    workload: BLOCK,
    gets: [
      [socket('create', [INET, RAW, ICMP]), 'denied by network.matchProtocols[0]'],
      [socket('create', [UNIX, STREAM, 0]), 'passed'],
      [socket('egress', tcp4, { address: '1.2.3.4', port: 80 }), 'denied by network.matchProtocols[2]'],
      [socket('egress', tcp4, { address: '1.2.3.4', port: 443 }), 'passed'],
      [socket('egress', udp4, { address: '10.2.3.4', port: 53 }), 'denied by network.matchProtocols[5]'],
      [socket('egress', udp4, { address: '11.2.3.4', port: 53 }), 'passed'],
    ],
  },
  {
    says: 'section 3: at creation an Allow with port or cidr for that protocol defers the decision',
    spec: net('{protocol: tcp, port: "443", cidr: "2001:db8::/32", action: Allow}'),
    workload: BLOCK,
    gets: [
      [socket('create', tcp6), 'passed'],
      [socket('create', udp4), 'denied by posture'],
      [socket('egress', tcp6, { address: '2001:db8::7', port: 443 }), 'passed'],
      [socket('egress', tcp6, { address: '2001:db8::7', port: 80 }), 'denied by posture'],
      [socket('egress', tcp6, { address: '2001:db9::7', port: 443 }), 'denied by posture'],
      [socket('egress', tcp4, { address: '1.2.3.4', port: 443 }), 'denied by posture'],
    ],
  },
  {
    says: 'section 1: without direction a rule with port or cidr means egress; ranges include their ends; v4-mapped addresses are IPv4',
    spec: net(
      '{protocol: tcp, port: "8000", endPort: 8010, action: Block}, {protocol: tcp, cidr: 10.1.0.0/16, action: Block}, {protocol: udp, port: "53", direction: ingress, action: Block}',
    ),
    gets: [
      [socket('create', tcp4), 'passed'],
      [socket('egress', tcp4, { address: '1.1.1.1', port: 7999 }), 'passed'],
      [socket('egress', tcp4, { address: '1.1.1.1', port: 8000 }), 'denied by network.matchProtocols[0]'],
      [socket('egress', tcp4, { address: '1.1.1.1', port: 8010 }), 'denied by network.matchProtocols[0]'],
      [socket('egress', tcp4, { address: '1.1.1.1', port: 8011 }), 'passed'],
      [socket('ingress', tcp4, { port: 8005 }), 'passed'],
      [socket('egress', tcp6, { address: '::ffff:10.1.2.3', port: 1 }), 'denied by network.matchProtocols[1]'],
      [socket('ingress', tcp4, { address: '10.1.2.3', port: 1 }), 'passed'],
      [socket('ingress', udp4, { port: 53 }), 'denied by network.matchProtocols[2]'],
      [socket('egress', udp4, { address: '1.1.1.1', port: 53 }), 'passed'],
    ],
  },
  {
    says: 'who may connect is decided at the request: nothing that the socket does itself is compared with a peer',
    spec: net(
      '{protocol: tcp, cidr: 10.0.0.0/8, direction: ingress, action: Block}, {protocol: tcp, cidr: 11.0.0.0/8, port: "80", direction: ingress, action: Audit}',
    ),
    gets: [
      [socket('create', tcp4), 'passed'],
      [socket('ingress', tcp4, { address: '10.0.0.1', port: 80 }), 'passed'],
      [socket('egress', tcp4, { address: '10.0.0.1', port: 80 }), 'passed'],
      [socket('request', tcp4, { address: '10.0.0.1', port: 80 }), 'denied by network.matchProtocols[0]'],
      [socket('request', tcp6, { address: '::ffff:10.0.0.1', port: 80 }), 'denied by network.matchProtocols[0]'],
      [socket('request', tcp4, { address: '11.0.0.1', port: 80 }), 'audited by network.matchProtocols[1]'],
      [socket('request', tcp4, { address: '11.0.0.1', port: 81 }), 'passed'],
      [socket('request', tcp4, { address: '12.0.0.1', port: 80 }), 'passed'],
    ],
  },
  {
    says: 'an Allow of peers defers the decision until somebody asks; what audits a socket was said before',
    spec: net(
      '{protocol: tcp, cidr: 10.0.0.0/8, direction: ingress, action: Allow}, {protocol: tcp, action: Audit}, {protocol: tcp, port: "22", direction: ingress, action: Audit}',
    ),
    workload: BLOCK,
    gets: [
      [socket('create', tcp4), 'audited by network.matchProtocols[1]'],
      [socket('ingress', tcp4, { address: '127.0.0.1', port: 80 }), 'audited by network.matchProtocols[1]'],
      [socket('ingress', tcp4, { port: 22 }), 'audited by network.matchProtocols[2]'],
      [socket('egress', tcp4, { address: '10.0.0.1', port: 80 }), 'denied by posture'],
      [socket('request', tcp4, { address: '10.0.0.1', port: 22 }), 'passed'],
      [socket('request', tcp4, { address: '11.0.0.1', port: 22 }), 'denied by posture'],
    ],
  },
  {
    says: 'what is tcp and has no requests of its own is judged by the strictest peer when it binds',
    spec: net('{protocol: tcp, cidr: 10.0.0.0/8, direction: ingress, action: Block}'),
    gets: [
      [socket('ingress', [INET, STREAM, MPTCP], { port: 80 }), 'passed'],
      ...[
        [SMC, STREAM, 0],
        [INET, STREAM, 256],
        [INET, RAW, TCP],
      ].map((kind) => [socket('ingress', kind, { port: 80 }), 'denied by network.matchProtocols[0]'] as const),
      [socket('ingress', udp4, { address: '10.0.0.1', port: 80 }), 'passed'],
    ],
  },
  {
    says: 'the same of an Allow',
    spec: net('{protocol: tcp, cidr: 10.0.0.0/8, direction: ingress, action: Allow}'),
    workload: BLOCK,
    gets: [
      [socket('ingress', tcp4, { port: 80 }), 'passed'],
      [socket('ingress', [SMC, STREAM, 0], { port: 80 }), 'denied by posture'],
    ],
  },
  {
    says: 'subjects of network rules',
    spec: net('{protocol: tcp, action: Block, fromSource: [{path: /bin/curl}]}, {protocol: tcp, action: Audit}'),
    gets: [
      [socket('create', tcp4, { subject: '/bin/curl' }), 'denied by network.matchProtocols[0]'],
      [socket('create', tcp4), 'audited by network.matchProtocols[1]'],
    ],
  },
  {
    says: 'section 3: capabilities, with subjects and posture',
    spec: 'capabilities: {matchCapabilities: [{capability: net_raw, action: Block}, {capability: CAP_NET_RAW, action: Allow, fromSource: [{path: /bin/ping}]}, {capability: chown, action: Allow}]}',
    gets: [
      [{ kind: 'capability', capability: 13, subject: '/bin/x' }, 'denied by capabilities.matchCapabilities[0]'],
      [{ kind: 'capability', capability: 13, subject: '/bin/ping' }, 'passed'],
      [{ kind: 'capability', capability: 0, subject: '/bin/x' }, 'passed'],
      [{ kind: 'capability', capability: 21, subject: '/bin/x' }, 'audited by posture'],
      [{ kind: 'capability', capability: 200, subject: '/bin/x' }, 'audited by posture'],
    ],
  },
]);
