// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const rules = (...fields: readonly string[]): string => `network: { matchProtocols: [${fields.map((one) => `{ ${one} }`).join(', ')}] }`;
const FIRST = 'network.matchProtocols[0]';
const SECOND = 'network.matchProtocols[1]';
const TCP = 'inet/stream/6';
const TCP6 = 'inet6/stream/6';
const WEB = ['/usr/bin/web = stim'];

/** One that listens on a port of an address, as steps. */
const listens = (port: number, address = '127.0.0.1', socket = 'inet stream'): string =>
  `sock s ${socket} OK
   bind s ${address} ${port} OK
   listen s OK`;
/** One that asks for a connection, from outside of the workload: its own rules are not the matter. */
const asks = (from: string, to: string, port: number, result: string): string =>
  `% --unbound /bin/stim OK
   sock a ${to.includes(':') ? 'inet6' : 'inet'} stream OK
   dial a ${from} ${to} ${port} ${result}
   %end`;

/** Who may connect to a workload: `cidr` with `direction: ingress`. */
export const PEER_CASES: readonly KernelCase[] = [
  {
    name: 'peers: Block refuses who is in the network and nobody else, and listening goes on',
    policies: [rules('protocol: tcp, cidr: 127.0.0.2/31, direction: ingress, action: Block')],
    run: `${listens(3000)}
          sock a inet stream OK
          dial a 127.0.0.1 127.0.0.1 3000 OK
          accept s t OK
          sock b inet stream OK
          dial b 127.0.0.2 127.0.0.1 3000 ETIMEDOUT
          sock c inet stream OK
          dial c 127.0.0.3 127.0.0.1 3000 ETIMEDOUT
          sock d inet stream OK
          dial d 127.0.0.4 127.0.0.1 3000 OK
          accept s u OK
          sock e inet stream OK
          connect e 127.0.0.2 9 ECONNREFUSED`,
    expect: [`denied SOCKET_ACCEPT ${TCP}@127.0.0.2:3000 ${FIRST}`, `denied SOCKET_ACCEPT ${TCP}@127.0.0.3:3000 ${FIRST}`],
  },
  {
    name: 'peers: a peer outside of the workload is judged too',
    policies: [rules('protocol: tcp, cidr: 127.0.0.0/8, direction: ingress, action: Block')],
    run: `${listens(3010)}
          ${asks('127.0.0.1', '127.0.0.1', 3010, 'ETIMEDOUT')}`,
    expect: [`denied SOCKET_ACCEPT ${TCP}@127.0.0.1:3010 ${FIRST}`],
  },
  {
    name: 'peers: the address that is bound, and the one that is connected to, are never the peer',
    policies: [
      rules(
        'protocol: tcp, cidr: 127.0.0.5/32, direction: ingress, action: Block',
        'protocol: tcp, cidr: 127.0.0.6/32, direction: ingress, action: Audit',
      ),
    ],
    run: `${listens(3020, '127.0.0.5')}
          sock a inet stream OK
          dial a 127.0.0.1 127.0.0.5 3020 OK
          accept s t OK
          sock b inet stream OK
          bind b 127.0.0.6 3021 OK
          listen b OK`,
    expect: [],
  },
  {
    name: 'peers: an allow list defers the decision to the request',
    posture: 'block',
    policies: [rules('protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Allow')],
    run: `${listens(3030)}
          ${asks('127.0.0.2', '127.0.0.1', 3030, 'OK')}
          accept s t OK
          ${asks('127.0.0.3', '127.0.0.1', 3030, 'ETIMEDOUT')}
          sock c inet stream OK
          connect c 127.0.0.1 3030 EACCES
          socket inet dgram EACCES`,
    expect: [
      `denied SOCKET_ACCEPT ${TCP}@127.0.0.3:3030 posture`,
      `denied SOCKET_CONNECT ${TCP}@127.0.0.1:3030 posture`,
      'denied SOCKET_CREATE inet/dgram/17 posture',
    ],
  },
  {
    name: 'peers: an allow list under posture audit tells who else came',
    policies: [rules('protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Allow')],
    run: `${listens(3040)}
          ${asks('127.0.0.2', '127.0.0.1', 3040, 'OK')}
          ${asks('127.0.0.3', '127.0.0.1', 3040, 'OK')}
          accept s t OK
          accept s u OK`,
    expect: [`audited SOCKET_ACCEPT ${TCP}@127.0.0.3:3040 posture`],
  },
  {
    name: 'peers: Block of a protocol and Allow of a network, and the other way round',
    policies: [rules('protocol: tcp, action: Block', 'protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Allow')],
    swaps: [[rules('protocol: tcp, action: Allow', 'protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Block')]],
    run: `${listens(3050)}
          ${asks('127.0.0.2', '127.0.0.1', 3050, 'OK')}
          ${asks('127.0.0.3', '127.0.0.1', 3050, 'ETIMEDOUT')}
          ! swap 1
          ${asks('127.0.0.2', '127.0.0.1', 3050, 'ETIMEDOUT')}
          ${asks('127.0.0.3', '127.0.0.1', 3050, 'OK')}`,
    expect: [`denied SOCKET_ACCEPT ${TCP}@127.0.0.3:3050 p0:${FIRST}`, `denied SOCKET_ACCEPT ${TCP}@127.0.0.2:3050 s1p0:${SECOND}`],
  },
  {
    name: 'peers: a network with a port',
    posture: 'block',
    policies: [
      rules(
        'protocol: tcp, cidr: 127.0.0.2/32, port: 3060, direction: ingress, action: Allow',
        'protocol: tcp, port: 3061, direction: ingress, action: Allow',
      ),
    ],
    run: `${listens(3060)}
          ${asks('127.0.0.2', '127.0.0.1', 3060, 'OK')}
          ${asks('127.0.0.3', '127.0.0.1', 3060, 'ETIMEDOUT')}
          sock b inet stream OK
          bind b 127.0.0.1 3061 OK
          listen b OK
          ${asks('127.0.0.3', '127.0.0.1', 3061, 'OK')}
          sock c inet stream OK
          bind c 127.0.0.1 3062 EACCES`,
    expect: [`denied SOCKET_ACCEPT ${TCP}@127.0.0.3:3060 posture`, `denied SOCKET_BIND ${TCP}@127.0.0.1:3062 posture`],
  },
  {
    name: 'peers: IPv6',
    needs: ['ipv6'],
    policies: [rules('protocol: tcp, cidr: "::1/128", direction: ingress, action: Block')],
    swaps: [[rules('protocol: tcp, cidr: "2001:db8::/32", direction: ingress, action: Block')]],
    run: `${listens(3070, '::1', 'inet6 stream')}
          ${asks('::1', '::1', 3070, 'ETIMEDOUT')}
          ! swap 1
          ${asks('::1', '::1', 3070, 'OK')}`,
    expect: [`denied SOCKET_ACCEPT ${TCP6}@::1:3070 p0:${FIRST}`],
  },
  {
    name: 'peers: an IPv4 peer of an IPv6 socket is IPv4',
    needs: ['ipv6'],
    policies: [rules('protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Block')],
    swaps: [[rules('protocol: tcp, cidr: "::/0", direction: ingress, action: Block')]],
    run: `${listens(3080, '::', 'inet6 stream')}
          ${asks('127.0.0.2', '127.0.0.1', 3080, 'ETIMEDOUT')}
          ${asks('127.0.0.3', '127.0.0.1', 3080, 'OK')}
          ${asks('::1', '::1', 3080, 'OK')}
          ! swap 1
          ${asks('127.0.0.2', '127.0.0.1', 3080, 'OK')}
          ${asks('::1', '::1', 3080, 'ETIMEDOUT')}`,
    expect: [`denied SOCKET_ACCEPT ${TCP6}@::ffff:7f00:2:3080 p0:${FIRST}`, `denied SOCKET_ACCEPT ${TCP6}@::1:3080 s1p0:${FIRST}`],
  },
  {
    name: 'peers: MPTCP is tcp',
    needs: ['mptcp'],
    policies: [rules('protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Block')],
    run: `${listens(3090, '127.0.0.1', 'inet stream 262')}
          ${asks('127.0.0.2', '127.0.0.1', 3090, 'ETIMEDOUT')}
          ${asks('127.0.0.3', '127.0.0.1', 3090, 'OK')}
          accept s t OK
          sock a inet stream 262 OK
          dial a 127.0.0.2 127.0.0.1 3090 ETIMEDOUT
          sock b inet stream 262 OK
          dial b 127.0.0.3 127.0.0.1 3090 OK`,
    expect: [`denied SOCKET_ACCEPT ${TCP}@127.0.0.2:3090 ${FIRST} x2`],
  },
  {
    name: 'peers: what is tcp without requests of its own is taken for the strictest',
    policies: [rules('protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Block')],
    run: `sock a inet raw 6 OK
          bind a 127.0.0.1 EACCES`,
    expect: [`denied SOCKET_BIND inet/raw/6 ${FIRST}`],
  },
  {
    name: 'peers: the same of SMC',
    needs: ['smc'],
    posture: 'block',
    policies: [rules('protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Allow')],
    run: `sock a inet stream 256 OK
          bind a 127.0.0.1 3095 EACCES`,
    expect: [`denied SOCKET_BIND inet/stream/256@127.0.0.1:3095 posture`],
  },
  {
    name: 'peers: the one who listens acts, whoever connects',
    root: WEB,
    policies: [rules('protocol: tcp, cidr: 127.0.0.0/8, direction: ingress, action: Block, fromSource: [{ path: /usr/bin/web }]')],
    run: `${listens(3100)}
          sock a inet stream OK
          dial a 127.0.0.1 127.0.0.1 3100 OK
          exec /usr/bin/web OK
          ${listens(3101)}
          % /bin/stim OK
          sock b inet stream OK
          dial b 127.0.0.1 127.0.0.1 3101 ETIMEDOUT
          %end`,
    expect: [`denied SOCKET_ACCEPT ${TCP}@127.0.0.1:3101 ${FIRST} by /usr/bin/web`],
  },
  {
    name: 'peers: rules that come while a program listens, for it and for another',
    root: WEB,
    policies: [rules('protocol: udp, port: 1, action: Block')],
    swaps: [
      [rules('protocol: tcp, cidr: 127.0.0.0/8, direction: ingress, action: Block, fromSource: [{ path: /usr/bin/web }]')],
      [rules('protocol: tcp, cidr: 127.0.0.0/8, direction: ingress, action: Block, fromSource: [{ path: /bin/stim }]')],
      [rules('protocol: udp, port: 1, action: Block')],
    ],
    run: `$ /usr/bin/web OK
          ${listens(3110)}
          ${asks('127.0.0.1', '127.0.0.1', 3110, 'OK')}
          ! swap 1
          ${asks('127.0.0.1', '127.0.0.1', 3110, 'ETIMEDOUT')}
          ! swap 2
          ${asks('127.0.0.1', '127.0.0.1', 3110, 'OK')}
          ! swap 1
          ${asks('127.0.0.2', '127.0.0.1', 3110, 'ETIMEDOUT')}
          ! swap 3
          ${asks('127.0.0.1', '127.0.0.1', 3110, 'OK')}`,
    expect: ['127.0.0.1', '127.0.0.2'].map((peer) => `denied SOCKET_ACCEPT ${TCP}@${peer}:3110 s1p0:${FIRST} by /usr/bin/web`),
  },
  {
    name: 'peers: an event is of the one who listens, in its own pid name space',
    root: WEB,
    cell: ['--pidns', '--uid', '1234'],
    policies: [rules('protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Audit')],
    run: `$ /usr/bin/web OK
          ${listens(3120)}
          fork OK
          ! stim sock a inet stream; dial a 127.0.0.2 127.0.0.1 3120
          accept s t OK`,
    expect: [`audited SOCKET_ACCEPT ${TCP}@127.0.0.2:3120 ${FIRST} by /usr/bin/web`],
    fields: { SOCKET_ACCEPT: { pid: 1, ppid: 0, uid: 1234, comm: 'web', subject: '/usr/bin/web' } },
  },
  {
    name: 'peers: Audit tells each connection of a network, and a socket of any peer once',
    policies: [rules('protocol: tcp, action: Audit', 'protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Audit')],
    run: `${listens(3130)}
          ${asks('127.0.0.2', '127.0.0.1', 3130, 'OK')}
          ${asks('127.0.0.2', '127.0.0.1', 3130, 'OK')}
          ${asks('127.0.0.3', '127.0.0.1', 3130, 'OK')}
          accept s t OK`,
    expect: [`audited SOCKET_CREATE ${TCP} ${FIRST}`, `audited SOCKET_ACCEPT ${TCP}@127.0.0.2:3130 ${SECOND} x2`],
  },
  {
    name: 'peers: an audited workload refuses nobody',
    mode: 'audited',
    policies: [rules('protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Block')],
    run: `${listens(3140)}
          ${asks('127.0.0.2', '127.0.0.1', 3140, 'OK')}`,
    expect: [`would-deny SOCKET_ACCEPT ${TCP}@127.0.0.2:3140 ${FIRST}`],
  },
  {
    name: 'peers: who listened before the workload was known is known from its next accept',
    late: true,
    policies: [rules('protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Block')],
    run: `${listens(3150)}
          ! bind
          ${asks('127.0.0.2', '127.0.0.1', 3150, 'OK')}
          accept s t OK
          ${asks('127.0.0.2', '127.0.0.1', 3150, 'ETIMEDOUT')}
          ${asks('127.0.0.3', '127.0.0.1', 3150, 'OK')}`,
    expect: [`denied SOCKET_ACCEPT ${TCP}@127.0.0.2:3150 ${FIRST}`],
  },
  {
    name: 'peers: the answer to a SYN cookie is a request too',
    policies: [
      rules(
        'protocol: tcp, cidr: 127.0.0.2/32, direction: ingress, action: Block',
        'protocol: tcp, cidr: 127.0.0.3/32, direction: ingress, action: Audit',
      ),
    ],
    run: `${listens(3160)}
          ! sh echo 2 > /proc/sys/net/ipv4/tcp_syncookies
          ${asks('127.0.0.2', '127.0.0.1', 3160, 'ETIMEDOUT')}
          ${asks('127.0.0.3', '127.0.0.1', 3160, 'OK')}
          ! sh echo 1 > /proc/sys/net/ipv4/tcp_syncookies`,
    expect: [`denied SOCKET_ACCEPT ${TCP}@127.0.0.2:3160 ${FIRST}`, `audited SOCKET_ACCEPT ${TCP}@127.0.0.3:3160 ${SECOND} x2`],
  },
];
