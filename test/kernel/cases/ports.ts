// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const rule = (fields: string): string => `network: { matchProtocols: [{ ${fields} }] }`;
const FIRST = 'network.matchProtocols[0]';
const TCP = 'inet/stream/6';
const UDP = 'inet/dgram/17';

/** Sockets by port, address and direction, and those that exist already. */
export const PORT_CASES: readonly KernelCase[] = [
  {
    name: 'ports: Block of a port is about connecting to it, listening on it goes on',
    policies: [rule('protocol: tcp, port: 1337, action: Block')],
    run: `sock a inet stream OK
          connect a 127.0.0.1 1337 EACCES
          connect a 127.0.0.1 1338 ECONNREFUSED
          sock s inet stream OK
          bind s 127.0.0.1 1337 OK
          listen s OK
          sock b inet stream OK
          connect b 127.0.0.1 1337 EACCES
          sock c inet dgram OK
          connect c 127.0.0.1 1337 OK`,
    expect: [`denied SOCKET_CONNECT ${TCP}@127.0.0.1:1337 ${FIRST} x2`],
  },
  {
    name: 'ports: a range',
    policies: [rule('protocol: tcp, port: 2000, endPort: 2002, action: Block')],
    run: `sock a inet stream OK
          connect a 127.0.0.1 1999 ECONNREFUSED
          connect a 127.0.0.1 2000 EACCES
          connect a 127.0.0.1 2002 EACCES
          connect a 127.0.0.1 2003 ECONNREFUSED`,
    expect: [`denied SOCKET_CONNECT ${TCP}@127.0.0.1:2000 ${FIRST}`, `denied SOCKET_CONNECT ${TCP}@127.0.0.1:2002 ${FIRST}`],
  },
  {
    name: 'ports: an address range of IPv4, also in an IPv6 socket',
    needs: ['ipv6'],
    policies: [rule('protocol: tcp, cidr: 127.0.0.0/30, action: Block')],
    run: `sock a inet stream OK
          connect a 127.0.0.1 9 EACCES
          connect a 127.0.0.4 9 ECONNREFUSED
          sock b inet6 stream OK
          connect b ::ffff:127.0.0.2 9 EACCES
          connect b ::1 9 ECONNREFUSED`,
    expect: [`denied SOCKET_CONNECT ${TCP}@127.0.0.1:9 ${FIRST}`, `denied SOCKET_CONNECT inet6/stream/6@::ffff:7f00:2:9 ${FIRST}`],
  },
  {
    name: 'ports: an address range of IPv6 with a port',
    needs: ['ipv6'],
    policies: [rule('protocol: tcp, cidr: "::/64", port: 9, action: Block')],
    run: `sock b inet6 stream OK
          connect b ::1 9 EACCES
          connect b ::1 10 ECONNREFUSED
          sock a inet stream OK
          connect a 127.0.0.1 9 ECONNREFUSED`,
    expect: [`denied SOCKET_CONNECT inet6/stream/6@::1:9 ${FIRST}`],
  },
  {
    name: 'ports: an IPv4 socket takes an IPv6 range for nothing of its own',
    needs: ['ipv6'],
    policies: [rule('protocol: tcp, cidr: "::/0", action: Block')],
    run: `sock a inet stream OK
          connect a 127.0.0.1 9 ECONNREFUSED
          sock b inet6 stream OK
          connect b ::1 9 EACCES`,
    expect: [`denied SOCKET_CONNECT inet6/stream/6@::1:9 ${FIRST}`],
  },
  {
    name: 'ports: ingress is bind, listen and accept',
    policies: [rule('protocol: tcp, port: 1400, direction: ingress, action: Block')],
    run: `sock s inet stream OK
          bind s 127.0.0.1 1400 EACCES
          bind s 127.0.0.1 1401 OK
          listen s OK
          sock a inet stream OK
          connect a 127.0.0.1 1400 ECONNREFUSED
          connect a 127.0.0.1 1401 OK
          accept s t OK`,
    expect: [`denied SOCKET_BIND ${TCP}@127.0.0.1:1400 ${FIRST}`],
  },
  {
    name: 'ports: sending with an address',
    policies: [rule('protocol: udp, port: 1500, action: Block')],
    run: `sock u inet dgram OK
          sendto u 127.0.0.1 1500 EACCES
          sendmsg u 127.0.0.1 1500 EACCES
          sendto u 127.0.0.1 1501 OK
          sendmmsg u 127.0.0.1 1501 1500 EPERM
          connect u 127.0.0.1 1500 EACCES
          connect u 127.0.0.1 1501 OK
          sendto u 127.0.0.1 1500 EACCES`,
    expect: [`denied SOCKET_SENDMSG ${UDP}@127.0.0.1:1500 ${FIRST} x4`, `denied SOCKET_CONNECT ${UDP}@127.0.0.1:1500 ${FIRST}`],
  },
  {
    name: 'ports: a first packet with data (TCP Fast Open) is a connect',
    policies: [rule('protocol: tcp, port: 1600, action: Block')],
    run: `sock a inet stream OK
          fastopen a 127.0.0.1 1600 EACCES`,
    expect: [`denied SOCKET_SENDMSG ${TCP}@127.0.0.1:1600 ${FIRST}`],
  },
  {
    name: 'ports: disconnecting passes',
    policies: [rule('protocol: "udp,tcp", cidr: 0.0.0.0/0, action: Block')],
    run: `sock u inet dgram OK
          connect u unspec OK
          connect u 127.0.0.1 9 EACCES
          connect u unspec OK`,
    expect: [`denied SOCKET_CONNECT ${UDP}@127.0.0.1:9 ${FIRST}#0`],
  },
  {
    name: 'ports: an address without a family is one of the socket’s own family',
    policies: [
      'network: { matchProtocols: [{ protocol: udp, port: 1650, action: Block }, { protocol: udp, port: 1651, direction: ingress, action: Block }] }',
    ],
    run: `sock u inet dgram OK
          sendto u unspec=127.0.0.1 1650 EACCES
          sendto u unspec=127.0.0.1 1652 OK
          sock v inet dgram OK
          bind v unspec=0.0.0.0 1651 EACCES
          bind v unspec=0.0.0.0 1652 OK`,
    expect: [`denied SOCKET_SENDMSG ${UDP}@127.0.0.1:1650 ${FIRST}`, `denied SOCKET_BIND ${UDP}@0.0.0.0:1651 network.matchProtocols[1]`],
  },
  {
    name: 'ports: Allow with a port defers the decision from the socket to the connection',
    posture: 'block',
    policies: [rule('protocol: tcp, port: 1700, action: Allow')],
    run: `sock a inet stream OK
          connect a 127.0.0.1 1700 ECONNREFUSED
          connect a 127.0.0.1 1701 EACCES
          socket inet dgram EACCES
          sock s inet stream OK
          bind s 127.0.0.1 1700 EACCES`,
    expect: [
      `denied SOCKET_CONNECT ${TCP}@127.0.0.1:1701 posture`,
      `denied SOCKET_CREATE ${UDP} posture`,
      `denied SOCKET_BIND ${TCP}@127.0.0.1:1700 posture`,
    ],
  },
  {
    name: 'ports: Allow of a protocol and Block of a port',
    posture: 'block',
    policies: ['network: { matchProtocols: [{ protocol: tcp, action: Allow }, { protocol: tcp, port: 1337, action: Block }] }'],
    run: `sock a inet stream OK
          connect a 127.0.0.1 1337 EACCES
          connect a 127.0.0.1 1338 ECONNREFUSED
          sock s inet stream OK
          bind s 127.0.0.1 1337 OK
          listen s OK`,
    expect: [`denied SOCKET_CONNECT ${TCP}@127.0.0.1:1337 network.matchProtocols[1]`],
  },
  {
    name: 'ports: Block of a protocol and Allow of a port of it',
    policies: ['network: { matchProtocols: [{ protocol: tcp, action: Block }, { protocol: tcp, port: 1800, action: Allow }] }'],
    run: `sock a inet stream OK
          connect a 127.0.0.1 1800 ECONNREFUSED
          connect a 127.0.0.1 1801 EACCES`,
    expect: [`denied SOCKET_CONNECT ${TCP}@127.0.0.1:1801 ${FIRST}`],
  },
  {
    name: 'ports: what an Audit rule said of a socket no less specific one says again',
    policies: [
      `network:
        matchProtocols:
          - { protocol: udp, action: Audit, fromSource: [{ path: /bin/stim }] }
          - { protocol: dgram, port: 8081, action: Audit }`,
    ],
    run: `sock a inet dgram OK
          sendto a 127.0.0.1 8081 OK`,
    expect: ['audited SOCKET_CREATE inet/dgram/17 network.matchProtocols[0]'],
  },
  {
    name: 'ports: Audit of a port',
    policies: [rule('protocol: tcp, port: 1900, action: Audit')],
    run: `sock a inet stream OK
          connect a 127.0.0.1 1900 ECONNREFUSED
          connect a 127.0.0.1 1901 ECONNREFUSED`,
    expect: [`audited SOCKET_CONNECT ${TCP}@127.0.0.1:1900 ${FIRST}`],
  },
  {
    name: 'ports: sockets from before the rule are judged at their next operation',
    policies: [rule('protocol: udp, port: 1, action: Block')],
    swaps: [[rule('protocol: tcp, action: Block')]],
    run: `sock s inet stream OK
          bind s 127.0.0.1 2100 OK
          listen s OK
          sock a inet stream OK
          connect a 127.0.0.1 2100 OK
          sock b inet stream OK
          sock c inet stream OK
          ! swap 1
          accept s t EACCES
          connect b 127.0.0.1 2100 EACCES
          bind c 127.0.0.1 2101 EACCES
          listen s EACCES
          send a OK`,
    expect: [
      `denied SOCKET_ACCEPT ${TCP}@127.0.0.1:2100 s1p0:${FIRST}`,
      `denied SOCKET_CONNECT ${TCP}@127.0.0.1:2100 s1p0:${FIRST}`,
      `denied SOCKET_BIND ${TCP}@127.0.0.1:2101 s1p0:${FIRST}`,
      `denied SOCKET_LISTEN ${TCP}@127.0.0.1:2100 s1p0:${FIRST}`,
    ],
  },
  {
    name: 'ports: a port of one program only',
    policies: [rule('protocol: tcp, port: 2200, action: Block, fromSource: [{ path: /usr/bin/curl }]')],
    root: ['/usr/bin/curl = stim'],
    run: `sock a inet stream OK
          connect a 127.0.0.1 2200 ECONNREFUSED
          exec /usr/bin/curl OK
          sock a inet stream OK
          connect a 127.0.0.1 2200 EACCES`,
    expect: [`denied SOCKET_CONNECT ${TCP}@127.0.0.1:2200 ${FIRST} by /usr/bin/curl`],
  },
];
