// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const rule = (fields: string): string => `network: { matchProtocols: [{ ${fields} }] }`;
const FIRST = 'network.matchProtocols[0]';
const TCP = 'inet/stream/6';
const UDP = 'inet/dgram/17';

/** Sockets by protocol and type, at creation. */
export const NETWORK_CASES: readonly KernelCase[] = [
  {
    name: 'network: tcp is a protocol of IPv4 and IPv6, never a local socket',
    policies: [rule('protocol: tcp, action: Block')],
    needs: ['ipv6'],
    run: `socket inet stream EACCES
          socket inet stream 6 EACCES
          socket inet6 stream EACCES
          socket inet dgram OK
          socket unix stream OK
          socketpair stream OK
          socket netlink raw 0 OK
          socket netlink dgram 0 OK`,
    expect: [`denied SOCKET_CREATE ${TCP} ${FIRST} x2`, `denied SOCKET_CREATE inet6/stream/6 ${FIRST}`],
  },
  {
    name: 'network: udp',
    policies: [rule('protocol: UDP, action: Block')],
    needs: ['ipv6'],
    run: `socket inet dgram EACCES
          socket inet6 dgram 17 EACCES
          socket inet stream OK
          socket unix dgram OK
          socket netlink raw 0 OK
          socket inet dgram 1 OK`,
    expect: [`denied SOCKET_CREATE ${UDP} ${FIRST}`, `denied SOCKET_CREATE inet6/dgram/17 ${FIRST}`],
  },
  {
    name: 'network: MPTCP is tcp',
    policies: [rule('protocol: tcp, action: Block')],
    needs: ['mptcp'],
    run: 'socket inet stream 262 EACCES',
    expect: [`denied SOCKET_CREATE inet/stream/262 ${FIRST}`],
  },
  {
    name: 'network: SMC is tcp',
    policies: [rule('protocol: tcp, action: Block')],
    needs: ['smc'],
    run: 'socket inet stream 256 EACCES',
    expect: [`denied SOCKET_CREATE inet/stream/256 ${FIRST}`],
  },
  {
    name: 'network: UDP-Lite is udp',
    policies: [rule('protocol: udp, action: Block')],
    needs: ['udplite'],
    run: 'socket inet dgram 136 EACCES',
    expect: [`denied SOCKET_CREATE inet/dgram/136 ${FIRST}`],
  },
  {
    name: 'network: icmp is its raw and its ping sockets',
    policies: [rule('protocol: icmp, action: Block')],
    run: `socket inet raw 1 EACCES
          socket inet dgram 1 EACCES
          socket inet dgram OK
          socket inet raw 255 OK`,
    expect: [`denied SOCKET_CREATE inet/raw/1 ${FIRST}`, `denied SOCKET_CREATE inet/dgram/1 ${FIRST}`],
  },
  {
    name: 'network: icmpv6',
    policies: [rule('protocol: icmpv6, action: Block')],
    needs: ['ipv6'],
    run: `socket inet6 raw 58 EACCES
          socket inet6 dgram 58 EACCES
          socket inet raw 1 OK`,
    expect: [`denied SOCKET_CREATE inet6/raw/58 ${FIRST}`, `denied SOCKET_CREATE inet6/dgram/58 ${FIRST}`],
  },
  {
    name: 'network: raw is raw IP and packet sockets, never netlink',
    policies: [rule('protocol: raw, action: Block')],
    needs: ['packet', 'ipv6'],
    run: `socket inet raw 1 EACCES
          socket inet raw 255 EACCES
          socket inet6 raw 58 EACCES
          socket packet raw 0 EACCES
          socket packet dgram 0 EACCES
          socket netlink raw 0 OK
          socket inet stream OK
          socket inet dgram 1 OK`,
    expect: ['inet/raw/1', 'inet/raw/255', 'inet6/raw/58', 'packet/raw/0', 'packet/dgram/0'].map(
      (socket) => `denied SOCKET_CREATE ${socket} ${FIRST}`,
    ),
  },
  {
    name: 'network: sctp',
    policies: [rule('protocol: sctp, action: Block')],
    needs: ['sctp'],
    run: `socket inet seqpacket 132 EACCES
          socket inet stream 132 EACCES
          socket inet stream OK`,
    expect: [`denied SOCKET_CREATE inet/seqpacket/132 ${FIRST}`, `denied SOCKET_CREATE inet/stream/132 ${FIRST}`],
  },
  {
    name: 'network: dccp',
    policies: [rule('protocol: dccp, action: Block')],
    needs: ['dccp'],
    run: 'socket inet dccp 33 EACCES',
    expect: [`denied SOCKET_CREATE inet/dccp/33 ${FIRST}`],
  },
  {
    name: 'network: stream is a type of any family',
    policies: [rule('protocol: stream, action: Block')],
    run: `socket inet stream EACCES
          socket unix stream EACCES
          socketpair stream EACCES
          socket unix dgram OK
          socket inet dgram OK`,
    expect: [`denied SOCKET_CREATE ${TCP} ${FIRST}`, `denied SOCKET_CREATE unix/stream/0 ${FIRST} x2`],
  },
  {
    name: 'network: dgram and seqpacket are types of any family, in one comma list',
    policies: [rule('protocol: "dgram,seqpacket", action: Block')],
    run: `socket inet dgram EACCES
          socket unix dgram EACCES
          socket unix seqpacket EACCES
          socket netlink dgram EACCES
          socket unix stream OK
          socket netlink raw 0 OK`,
    expect: [
      `denied SOCKET_CREATE ${UDP} ${FIRST}#0`,
      `denied SOCKET_CREATE unix/dgram/0 ${FIRST}#0`,
      `denied SOCKET_CREATE unix/seqpacket/0 ${FIRST}#1`,
      `denied SOCKET_CREATE netlink/dgram/0 ${FIRST}#0`,
    ],
  },
  {
    name: 'network: all is every socket',
    policies: [rule('protocol: all, action: Block')],
    run: `socket inet stream EACCES
          socket inet dgram EACCES
          socket unix stream EACCES
          socket netlink raw 0 EACCES`,
    expect: [TCP, UDP, 'unix/stream/0', 'netlink/raw/0'].map((socket) => `denied SOCKET_CREATE ${socket} ${FIRST}`),
  },
  {
    name: 'network: an allow list under posture block',
    posture: 'block',
    policies: [
      'network: { matchProtocols: [{ protocol: tcp, action: Allow }, { protocol: udp, action: Allow }, { protocol: icmp, action: Block }] }',
    ],
    run: `socket inet stream OK
          socket inet dgram OK
          socket inet raw 1 EACCES
          socket inet raw 255 EACCES
          socket netlink raw 0 EACCES
          open r /etc/passwd OK`,
    expect: [
      'denied SOCKET_CREATE inet/raw/1 network.matchProtocols[2]',
      'denied SOCKET_CREATE inet/raw/255 posture',
      'denied SOCKET_CREATE netlink/raw/0 posture',
    ],
  },
  {
    name: 'network: an allow list under posture audit',
    policies: [rule('protocol: tcp, action: Allow')],
    run: `socket inet stream OK
          socket inet dgram OK
          run /bin/stim OK`,
    expect: [`audited SOCKET_CREATE ${UDP} posture`],
  },
  {
    name: 'network: a posture is told once of a socket, at its creation or, where that left it open, at its first use',
    policies: ['network: { matchProtocols: [{ protocol: tcp, action: Allow }, { protocol: udp, port: 53, action: Allow }] }'],
    run: `sock a inet raw 1 OK
          sendto a 127.0.0.1 OK
          connect a 127.0.0.1 OK
          sock b inet dgram OK
          sendto b 127.0.0.1 53 OK
          sendto b 127.0.0.1 54 OK
          sendto b 127.0.0.1 53 OK`,
    expect: ['audited SOCKET_CREATE inet/raw/1 posture', `audited SOCKET_SENDMSG ${UDP}@127.0.0.1:54 posture`],
  },
  {
    name: 'network: only the posture of the network counts',
    posture: { file: 'block', capabilities: 'block' },
    policies: [rule('protocol: tcp, action: Allow')],
    run: 'socket inet dgram OK',
    expect: [`audited SOCKET_CREATE ${UDP} posture`],
  },
  {
    name: 'network: fromSource',
    policies: [rule('protocol: TCP, action: Block, fromSource: [{ path: /usr/bin/curl }]')],
    root: ['/usr/bin/curl = stim'],
    run: `socket inet stream OK
          exec /usr/bin/curl OK
          socket inet stream EACCES
          socket inet dgram OK
          fork OK
          socket inet stream EACCES`,
    expect: [`denied SOCKET_CREATE ${TCP} ${FIRST} by /usr/bin/curl x2`],
  },
  {
    name: 'network: a protocol goes before a type, a type before all',
    posture: 'block',
    policies: [
      `network:
        matchProtocols:
          - { protocol: tcp, action: Allow }
          - { protocol: stream, action: Block }
          - { protocol: dgram, action: Allow }
          - { protocol: all, action: Block }`,
    ],
    run: `socket inet stream OK
          socket unix stream EACCES
          socket inet dgram OK
          socket netlink raw 0 EACCES`,
    expect: [
      'denied SOCKET_CREATE unix/stream/0 network.matchProtocols[1]',
      'denied SOCKET_CREATE netlink/raw/0 network.matchProtocols[3]',
    ],
  },
  {
    name: 'network: Block beats Allow of the same protocol, a subject beats both',
    policies: [
      `network:
        matchProtocols:
          - { protocol: tcp, action: Allow }
          - { protocol: tcp, action: Block }
          - { protocol: all, action: Allow, fromSource: [{ path: /usr/bin/web }] }`,
    ],
    root: ['/usr/bin/web = stim'],
    run: `socket inet stream EACCES
          exec /usr/bin/web OK
          socket inet stream OK`,
    expect: [`denied SOCKET_CREATE ${TCP} network.matchProtocols[1]`],
  },
  {
    name: 'network: Audit reports a socket once',
    policies: [rule('protocol: tcp, action: Audit')],
    run: `sock a inet stream OK
          connect a 127.0.0.1 9 ECONNREFUSED
          connect a 127.0.0.1 9 ECONNREFUSED
          bind a 127.0.0.1 0 OK`,
    expect: [`audited SOCKET_CREATE ${TCP} ${FIRST}`],
  },
  {
    name: 'network: an audited workload is denied nothing',
    mode: 'audited',
    policies: [rule('protocol: tcp, action: Block')],
    run: 'socket inet stream OK',
    expect: [`would-deny SOCKET_CREATE ${TCP} ${FIRST}`],
  },
  {
    name: 'network: a local socket in the file system is judged by file rules alone',
    policies: [rule('protocol: tcp, action: Block'), 'file: { matchPaths: [{ path: /tmp/no, action: Block }] }'],
    run: `sock a unix stream OK
          bind a /tmp/yes OK
          listen a OK
          sock b unix stream OK
          connect b /tmp/yes OK
          sock c unix stream OK
          bind c /tmp/no EACCES`,
    expect: ['denied FILE_MKNOD /tmp/no p1:file.matchPaths[0]'],
  },
];
