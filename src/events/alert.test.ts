// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuleInfo, Workload } from '#policy';
import { alertOf, logOf } from './index.ts';
import type { Alert, EventContext, KernelEvent, Log } from './index.ts';

const workload: Workload = {
  id: 'c1c1',
  kind: 'container',
  namespace: 'default',
  podName: 'web-0',
  containerName: 'nginx',
  image: 'nginx:1.27',
  labels: { tier: 'front', app: 'web', 'pod-template-hash': '7d9' },
  mode: 'enabled',
  postures: { file: 'audit', network: 'audit', capabilities: 'audit' },
};
const host: Workload = { ...workload, id: 'host', kind: 'host', namespace: '', podName: '', containerName: '', labels: { node: 'a' } };
const rule: RuleInfo = {
  id: 0,
  kind: 'KubeArmorPolicy',
  namespace: 'default',
  policy: 'no-shell',
  field: 'spec.process.matchPaths[0]',
  family: 'process',
  action: 'Block',
  severity: 7,
  tags: ['NIST', 'SI-4'],
  message: 'no shells here',
};
const context: EventContext = {
  rule,
  workload,
  clusterName: 'default',
  hostName: 'node1',
  nodeId: '3d12',
  version: 'v0.1.0',
  enforcer: 'BPFLSM',
  wallClock: (bootNs) => new Date(1_795_251_911_000 + Number(bootNs / 1_000_000n)),
};
const exec: KernelEvent = {
  bootNs: 940_319_000n,
  scopeId: 3,
  imageId: 9,
  ruleId: 0,
  outcome: 'denied',
  hook: 'SECURITY_BPRM_CHECK',
  count: 1,
  hostPid: 1080,
  hostPpid: 1072,
  pid: 14,
  ppid: 1,
  uid: 33,
  tty: 'pts0',
  comm: 'nginx',
  cwd: '/srv',
  subject: '/usr/sbin/nginx',
  parent: '/usr/bin/init',
  path: '/bin/sh',
  args: ['-c', 'id <x> & y'],
};
const file = (fields: Partial<KernelEvent> = {}): KernelEvent => ({ ...exec, hook: 'FILE_OPEN', path: '/etc/shadow', args: [], ...fields });
const socket = (
  hook: KernelEvent['hook'],
  numbers: readonly [domain: number, type: number, protocol: number],
  more: object = {},
): KernelEvent => ({
  ...exec,
  hook,
  path: '',
  args: [],
  socket: { domain: numbers[0], type: numbers[1], protocol: numbers[2], ...more },
});
const pick = <T extends Alert | Log>(record: T, ...keys: (keyof T)[]): unknown[] => keys.map((key) => record[key]);

test('a denied exec, whole', () => {
  assert.deepEqual(alertOf(exec, context), {
    Timestamp: 1795251911n,
    UpdatedTime: '2026-11-21T09:05:11.940000Z',
    ClusterName: 'default',
    HostName: 'node1',
    NamespaceName: 'default',
    PodName: 'web-0',
    Labels: 'app=web,tier=front',
    ContainerID: 'c1c1',
    ContainerName: 'nginx',
    ContainerImage: 'nginx:1.27',
    HostPPID: 1072,
    HostPID: 1080,
    PPID: 1,
    PID: 14,
    UID: 33,
    ParentProcessName: '/usr/bin/init',
    ProcessName: '/bin/sh',
    Source: '/usr/sbin/nginx',
    Operation: 'Process',
    Resource: '/bin/sh -c id <x> & y',
    Data: 'lsm=SECURITY_BPRM_CHECK',
    EventData: { Lsm: 'SECURITY_BPRM_CHECK' },
    Result: 'Permission denied',
    Cwd: '/srv/',
    TTY: 'pts0',
    ExecEvent: { ExecID: '0', ExecutableName: 'nginx' },
    NodeID: '3d12',
    ProcessHash: '',
    ParentHash: '',
    ResourceHash: '',
    HashAlgo: '',
    UserName: '',
    Count: 1,
    LostKernel: 0n,
    LostQueue: 0n,
    BootNs: 940_319_000n,
    EventID: '',
    Sequence: 0n,
    Type: 'MatchedPolicy',
    PolicyName: 'no-shell',
    Severity: '7',
    Tags: 'NIST,SI-4',
    ATags: ['NIST', 'SI-4'],
    Message: 'no shells here',
    Enforcer: 'BPFLSM',
    Action: 'Block',
    MaxAlertsPerSec: 0,
    DroppingAlertsInterval: 0,
    KubeArmorVersion: 'v0.1.0',
    PolicyKind: 'KubeArmorPolicy',
    PolicyNamespace: 'default',
    RuleField: 'spec.process.matchPaths[0]',
    RuleID: 0,
    ImageID: 9,
  } satisfies Alert);
});

const actions = [
  ['denied', rule, 'Block', 'Permission denied'],
  ['denied', undefined, 'Block', 'Permission denied'],
  ['audited', { ...rule, action: 'Audit' }, 'Audit', 'Passed'],
  ['audited', undefined, 'Audit', 'Passed'],
  ['would-deny', rule, 'Audit (Block)', 'Passed'],
  ['would-deny', { ...rule, action: 'Allow' }, 'Audit (Allow)', 'Passed'],
  ['would-deny', undefined, 'Audit (Block)', 'Passed'],
] as const;
for (const [outcome, by, action, result] of actions) {
  test(`${outcome} by ${by?.action ?? 'posture'}: ${action}`, () => {
    const alert = alertOf({ ...exec, outcome, ruleId: by?.id }, { ...context, rule: by });
    assert.deepEqual(pick(alert, 'Action', 'Result', 'PolicyName'), [action, result, by === undefined ? 'DefaultPosture' : 'no-shell']);
    if (by === undefined)
      assert.deepEqual(pick(alert, 'Severity', 'Tags', 'ATags', 'PolicyKind', 'RuleField', 'RuleID'), ['', '', [], '', '', undefined]);
  });
}

test('the host has no pod, and its own types', () => {
  const onHost = { ...context, workload: host };
  const alert = alertOf(exec, onHost);
  assert.deepEqual(pick(alert, 'Type', 'NamespaceName', 'PodName', 'ContainerID', 'Labels'), ['MatchedHostPolicy', '', '', '', '']);
  assert.equal(logOf({ ...exec, outcome: 'observed' }, onHost).Type, 'HostLog');
});

const alerts: readonly (readonly [name: string, event: KernelEvent, operation: string, resource: string, data: string, more?: object])[] = [
  ['file', file(), 'File', '/etc/shadow', 'lsm=FILE_OPEN'],
  ['unlink', file({ hook: 'FILE_UNLINK' }), 'File', '/etc/shadow', 'lsm=FILE_UNLINK'],
  [
    'tcp',
    socket('SOCKET_CREATE', [2, 1, 0]),
    'Network',
    'protocol=TCP type=SOCK_STREAM',
    'lsm=SOCKET_CREATE protocol=TCP type=SOCK_STREAM',
    { Protocol: 'TCP', Type: 'SOCK_STREAM' },
  ],
  [
    'mptcp is tcp',
    socket('SOCKET_CREATE', [10, 1, 262]),
    'Network',
    'protocol=TCP type=SOCK_STREAM',
    'lsm=SOCKET_CREATE protocol=TCP type=SOCK_STREAM',
    { Protocol: 'TCP', Type: 'SOCK_STREAM' },
  ],
  [
    'udp',
    socket('SOCKET_CREATE', [10, 2, 0]),
    'Network',
    'protocol=UDP type=SOCK_DGRAM',
    'lsm=SOCKET_CREATE protocol=UDP type=SOCK_DGRAM',
    { Protocol: 'UDP', Type: 'SOCK_DGRAM' },
  ],
  [
    'icmp',
    socket('SOCKET_CREATE', [2, 3, 1]),
    'Network',
    'protocol=ICMP type=SOCK_RAW',
    'lsm=SOCKET_CREATE protocol=ICMP type=SOCK_RAW',
    { Protocol: 'ICMP', Type: 'SOCK_RAW' },
  ],
  [
    'icmpv6',
    socket('SOCKET_CREATE', [10, 3, 58]),
    'Network',
    'protocol=IPv6-ICMP type=SOCK_RAW',
    'lsm=SOCKET_CREATE protocol=IPv6-ICMP type=SOCK_RAW',
    { Protocol: 'IPv6-ICMP', Type: 'SOCK_RAW' },
  ],
  [
    'sctp',
    socket('SOCKET_CREATE', [2, 5, 132]),
    'Network',
    'protocol=SCTP type=SOCK_SEQPACKET',
    'lsm=SOCKET_CREATE protocol=SCTP type=SOCK_SEQPACKET',
    { Protocol: 'SCTP', Type: 'SOCK_SEQPACKET' },
  ],
  ['raw', socket('SOCKET_CREATE', [2, 3, 255]), 'Network', 'type=SOCK_RAW', 'lsm=SOCKET_CREATE type=SOCK_RAW', { Type: 'SOCK_RAW' }],
  [
    'a local stream is not tcp',
    socket('SOCKET_CREATE', [1, 1, 0]),
    'Network',
    'type=SOCK_STREAM',
    'lsm=SOCKET_CREATE type=SOCK_STREAM',
    { Type: 'SOCK_STREAM' },
  ],
  [
    'connect: the peer in Data only',
    socket('SOCKET_CONNECT', [2, 1, 6], { address: '10.0.0.1', port: 443 }),
    'Network',
    'protocol=TCP type=SOCK_STREAM',
    'lsm=SOCKET_CONNECT protocol=TCP type=SOCK_STREAM remoteip=10.0.0.1 port=443',
    { Protocol: 'TCP', Type: 'SOCK_STREAM', Remoteip: '10.0.0.1', Port: '443' },
  ],
  [
    'bind: the own address',
    socket('SOCKET_BIND', [2, 1, 6], { address: '0.0.0.0', port: 80 }),
    'Network',
    'protocol=TCP type=SOCK_STREAM',
    'lsm=SOCKET_BIND protocol=TCP type=SOCK_STREAM localip=0.0.0.0 port=80',
    { Protocol: 'TCP', Type: 'SOCK_STREAM', Localip: '0.0.0.0', Port: '80' },
  ],
  ['capability', { ...exec, hook: 'CAPABLE', path: '', capability: 13 }, 'Capabilities', 'CAP_NET_RAW', 'lsm=CAPABLE CAP_NET_RAW'],
  ['a capability of the future', { ...exec, hook: 'CAPABLE', path: '', capability: 99 }, 'Capabilities', 'CAP_99', 'lsm=CAPABLE CAP_99'],
];
for (const [name, event, operation, resource, data, more] of alerts) {
  test(`alert of ${name}`, () => {
    const alert = alertOf(event, { ...context, rule: undefined });
    assert.deepEqual(pick(alert, 'Operation', 'Resource', 'Data', 'EventData'), [operation, resource, data, { Lsm: event.hook, ...more }]);
    assert.deepEqual(pick(alert, 'Source', 'ProcessName'), ['/usr/sbin/nginx', '/usr/sbin/nginx']);
  });
}

test('a program loader that maps a blocked program is a Process alert', () => {
  const alert = alertOf(file({ hook: 'MMAP_FILE', path: '/bin/sh' }), context);
  assert.deepEqual(pick(alert, 'Operation', 'Resource', 'Data'), ['Process', '/bin/sh', 'lsm=MMAP_FILE']);
});

const peer = { address: '10.0.0.1', port: 443 };
const logs: readonly (readonly [name: string, event: KernelEvent, operation: string, resource: string, data: string, eventData: object])[] =
  [
    ['exec', exec, 'Process', '/bin/sh -c id <x> & y', 'syscall=SYS_EXECVE', { Syscall: 'SYS_EXECVE' }],
    [
      'open',
      file({ openFlags: 0o2100000 }),
      'File',
      '/etc/shadow',
      'syscall=SYS_OPENAT flags=O_RDONLY|O_CLOEXEC',
      { Syscall: 'SYS_OPENAT', Flags: 'O_RDONLY|O_CLOEXEC' },
    ],
    [
      'creating open',
      file({ openFlags: 0o1101 }),
      'File',
      '/etc/shadow',
      'syscall=SYS_OPENAT flags=O_WRONLY|O_CREAT|O_TRUNC',
      { Syscall: 'SYS_OPENAT', Flags: 'O_WRONLY|O_CREAT|O_TRUNC' },
    ],
    ['open, flags not known', file(), 'File', '/etc/shadow', 'lsm=FILE_OPEN', { Lsm: 'FILE_OPEN' }],
    [
      'tcp connect',
      socket('SOCKET_CONNECT', [2, 1, 6], peer),
      'Network',
      'remoteip=10.0.0.1 port=443 protocol=TCP',
      'kprobe=tcp_connect domain=AF_INET',
      { Kprobe: 'tcp_connect', Domain: 'AF_INET', Remoteip: '10.0.0.1', Port: '443', Protocol: 'TCP' },
    ],
    [
      'tcp connect, IPv6',
      socket('SOCKET_CONNECT', [10, 1, 0], { address: '2001:db8::1', port: 443 }),
      'Network',
      'remoteip=2001:db8::1 port=443 protocol=TCPv6',
      'kprobe=tcp_connect domain=AF_INET6',
      { Kprobe: 'tcp_connect', Domain: 'AF_INET6', Remoteip: '2001:db8::1', Port: '443', Protocol: 'TCPv6' },
    ],
    [
      'udp connect',
      socket('SOCKET_CONNECT', [2, 2, 0], { address: '10.0.0.2', port: 53 }),
      'Network',
      'sa_family=AF_INET sin_port=53 sin_addr=10.0.0.2',
      'syscall=SYS_CONNECT',
      { Syscall: 'SYS_CONNECT', Sa_family: 'AF_INET', Sin_port: '53', Sin_addr: '10.0.0.2' },
    ],
    [
      'local connect',
      socket('SOCKET_CONNECT', [1, 1, 0], { address: '/run/x.sock' }),
      'Network',
      'sa_family=AF_UNIX sun_path=/run/x.sock',
      'syscall=SYS_CONNECT',
      { Syscall: 'SYS_CONNECT', Sa_family: 'AF_UNIX', Sun_path: '/run/x.sock' },
    ],
    [
      'accept',
      socket('SOCKET_ACCEPT', [2, 1, 6], peer),
      'Network',
      'remoteip=10.0.0.1 port=443 protocol=TCP',
      'kprobe=tcp_accept domain=AF_INET',
      { Kprobe: 'tcp_accept', Domain: 'AF_INET', Remoteip: '10.0.0.1', Port: '443', Protocol: 'TCP' },
    ],
    [
      'socket',
      socket('SOCKET_CREATE', [2, 1, 0]),
      'Network',
      'domain=AF_INET type=SOCK_STREAM protocol=HOPOPT',
      'syscall=SYS_SOCKET',
      { Syscall: 'SYS_SOCKET', Domain: 'AF_INET', Type: 'SOCK_STREAM', Protocol: 'HOPOPT' },
    ],
    ['listen', socket('SOCKET_LISTEN', [2, 1, 6]), 'Network', '', 'syscall=SYS_LISTEN', { Syscall: 'SYS_LISTEN' }],
  ];
for (const [name, event, operation, resource, data, eventData] of logs) {
  test(`log of ${name}`, () => {
    const log = logOf({ ...event, outcome: 'observed', ruleId: undefined }, { ...context, rule: undefined });
    assert.deepEqual(pick(log, 'Operation', 'Resource', 'Data', 'EventData', 'Type', 'Result'), [
      operation,
      resource,
      data,
      eventData,
      'ContainerLog',
      'Passed',
    ]);
    assert.equal('Action' in log || 'PolicyName' in log, false);
  });
}

test('an attempt on the enforcement itself names no policy of the workload, and what it was directed at', () => {
  const attempts: readonly (readonly [Partial<KernelEvent>, operation: string, resource: string])[] = [
    [{ hook: 'BPF', path: 'scopes', tampering: { number: 1, target: 0 } }, 'Syscall', 'map=scopes'],
    [{ hook: 'BPF', path: '', tampering: { number: 3, target: 0 } }, 'Syscall', 'link'],
    [{ hook: 'TASK_KILL', path: '', tampering: { number: 9, target: 4711 } }, 'Process', 'signal=9 pid=4711'],
    [{ hook: 'PTRACE', path: '', tampering: { number: 18, target: 4711 } }, 'Process', 'pid=4711'],
    [{ hook: 'TASK_SETRLIMIT', path: '', tampering: { number: 7, target: 4711 } }, 'Process', 'limit=7 pid=4711'],
    [{ hook: 'TASK_SETNICE', path: '', tampering: { number: 0, target: 4711 } }, 'Process', 'pid=4711'],
    [{ hook: 'UNIX_CONNECT', path: '/run/a.sock', tampering: { number: 0, target: 0 } }, 'Network', '/run/a.sock'],
    [{ hook: 'FILE_UNLINK', path: '/opt/x', tampering: { number: 0, target: 0 } }, 'File', '/opt/x'],
  ];
  for (const [over, operation, resource] of attempts) {
    const event = { ...exec, ruleId: undefined, args: [], ...over };
    const { rule: _, ...nobody } = context;
    const alert = alertOf(event, nobody);
    assert.deepEqual(
      [alert.PolicyName, alert.Severity, alert.Type, alert.Action, alert.Operation, alert.Resource, alert.Data],
      ['KubeArmorSelfProtection', '10', 'MatchedPolicy', 'Block', operation, resource, `lsm=${event.hook}`],
    );
  }
});
