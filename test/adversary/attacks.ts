// SPDX-License-Identifier: Apache-2.0
import { agent, OURSELVES, WITHOUT } from './attacks-self.ts';

/**
 * A way around rules, or against what enforces them.
 *
 * `from`: B1–B16 known limits of KubeArmor's BPF enforcer; `measured`: passed KubeArmor in a guest of ours; `users`: the bypass corpus that
 * users ask for; `ours`: thought of here. One may stand for several.
 */
export interface Attack {
  readonly name: string;
  readonly from: string;
  /** Cases that try it and see it fail: of test/kernel by their names, of test/vm with `agent: ` before it. */
  readonly proofs?: readonly string[];
  /** It works: the beginning of the row of docs/threat-model.md that says why. */
  readonly open?: string;
}

const NAMES: readonly Attack[] = [
  {
    name: 'symbolic link, `//`, `..`, relative name',
    from: 'measured (held), users',
    proofs: ['names: a symbolic link to a blocked program', 'names: doubled slashes, dots and going up', 'names: relative names'],
  },
  {
    name: '`/proc/self/root`, `/proc/self/fd`, `/proc/PID/root`',
    from: 'measured (held), users',
    proofs: ['names: through /proc', 'pid namespace: files of the container by the number of a process, Block'],
  },
  {
    name: 'chroot',
    from: 'ours',
    proofs: ['names: after chroot the path is still that of the name space', 'names: programs outside and inside a chroot'],
  },
  {
    name: 'bind mount of a protected directory, file or program',
    from: 'measured',
    proofs: ['mounts: a bind mount shows the same file', 'mounts: a bind mount of the file itself', 'mounts: a bind mount of a program'],
  },
  {
    name: 'mounting over a protected path',
    from: 'ours',
    proofs: ['mounts: mounting over a blocked path is a write to it', 'mounts: mounting over a readOnly file'],
  },
  { name: 'overlay over a protected directory', from: 'ours', proofs: ['namespace: an overlay over a protected directory'] },
  {
    name: 'detached copy of a mount (`open_tree`)',
    from: 'ours',
    proofs: [
      'namespace: a detached copy of a mount',
      'namespace: a detached copy of a mount, programs',
      'namespace: a detached copy of a mount, made in another name space',
      'namespace: a detached copy of a mount, made in an unprivileged user name space',
    ],
  },
  {
    name: 'pivot_root, also in an unprivileged user name space',
    from: 'ours',
    proofs: [
      'namespace: pivot_root in a name space of its own',
      'namespace: pivot_root in the name space of the container',
      'namespace: an unprivileged user name space, bind and pivot_root',
    ],
  },
  {
    name: 'rename of a directory above a protected file',
    from: 'ours',
    proofs: [
      'file: renaming a directory above a blocked file is a write to it',
      'file: renaming a directory above what is readOnly, or blocked for this program',
    ],
  },
  { name: 'rename of a component while the path is walked', from: 'ours', open: 'a path that is renamed while it is walked' },
  {
    name: 'deep paths, long paths, long names',
    from: 'B5, measured, users',
    proofs: [
      'names: 70 components below a blocked directory, and of a program',
      'names: a path too deep to know is not allowed by an allow list',
      'names: 3,000 bytes',
      'names: components of 255 bytes',
    ],
  },
  {
    name: 'patterns that are not enforced',
    from: 'measured',
    proofs: ['file: globs', 'process: question mark, sets and alternatives of globs'],
  },
  {
    name: 'a volume under another name in a mount name space of one’s own',
    from: 'ours',
    open: 'what lies on a volume, shown under another name',
  },
  {
    name: 'a file deleted and made again (inode reuse)',
    from: 'ours',
    proofs: [
      'adversary: a file that is deleted and made again keeps its rules, whatever inode it gets',
      'names: a program made under a blocked name',
    ],
  },
];

const PROGRAMS: readonly Attack[] = [
  {
    name: 'copy, rename or hard link of a blocked binary, under an allow list',
    from: 'B4, measured, users',
    proofs: ['names: hard link, copy, rename and unnamed memory do not get round an allow list'],
  },
  { name: 'copy of a blocked binary, without an allow list', from: 'B4, measured', open: 'a copy of a blocked program' },
  {
    name: 'rename or hard link of a blocked binary, without an allow list',
    from: 'B4, measured',
    open: 'a renamed or hard-linked blocked program',
  },
  { name: '`ld.so program`', from: 'B4, users', proofs: ['process: a Block rule by name denies mapping the program executable'] },
  {
    name: '`PT_INTERP` names the blocked program',
    from: 'ours',
    proofs: ['adversary: a program whose ELF interpreter is a blocked program'],
  },
  { name: 'interpreter: `sh script`', from: 'B4', open: 'a copy of a blocked program' },
  {
    name: 'memfd, and deleted programs',
    from: 'B3, measured, users',
    proofs: [
      'names: unnamed memory is matched under the name that the kernel shows',
      'names: hard link, copy, rename and unnamed memory do not get round an allow list',
      'fd: a deleted program keeps its last name',
    ],
  },
  {
    name: 'a memfd program as subject of a rule',
    from: 'B3',
    proofs: ['names: a program in unnamed memory is no subject that a rule names'],
  },
  { name: 'fexecve, execveat', from: 'measured (held)', proofs: ['fd: executing a descriptor, or a name in a directory'] },
  { name: 'forged argv[0]', from: 'ours', proofs: ['applets: by argv[0], whatever the path says'] },
  { name: 'an applet that runs inside a multi-call binary', from: 'users', open: 'an applet that a multi-call binary runs inside itself' },
  {
    name: 'orphaned by a double fork, to be another’s child',
    from: 'B7',
    proofs: ['process: the subject is the program that calls execve, not its parent', 'scope: daemons keep their subject'],
  },
  {
    name: 'a mount that makes another program seem an allowed source',
    from: 'ours',
    proofs: [
      'namespace: a forged program is not the subject of an Allow rule',
      'namespace: a forged program is not the subject of an Allow rule for sockets',
    ],
  },
  { name: 'program renamed over an allowed source', from: 'ours', open: 'a file put in the place that an Allow rule names' },
  {
    name: 'LD_PRELOAD, ptrace and `/proc/PID/mem` into an allowed program of the same container',
    from: 'B7',
    open: 'an allowed program that is made to do something else',
  },
  { name: 'arguments changed while they are judged', from: 'B8', open: '`pts`, `allowedArgs`, DNS' },
  { name: 'without a terminal', from: 'B9', open: '`pts`, `allowedArgs`, DNS' },
];

const DESCRIPTORS: readonly Attack[] = [
  {
    name: 'writing, mapping and truncating through a descriptor from before the policy',
    from: 'measured',
    proofs: [
      'fd: writing through a descriptor from before the rule',
      'fd: a shared mapping for writing through a descriptor from before the rule',
    ],
  },
  {
    name: 'reading through a descriptor from before the policy',
    from: 'measured',
    open: 'reads through a descriptor opened before the rule',
  },
  { name: 'a mapping from before the policy', from: 'ours', open: 'mappings that exist' },
  {
    name: 'received descriptor',
    from: 'ours',
    proofs: ['fd: a received descriptor is checked on arrival', 'fd: what a received descriptor is open for counts'],
  },
  {
    name: '`O_PATH`, then opened again',
    from: 'measured (held)',
    proofs: ['fd: O_PATH is no access, opening it again is', 'fd: a descriptor for reading does not become one for writing'],
  },
  {
    name: 'readOnly: `O_TRUNC`, ftruncate, shared mapping, chown, unlink, rename',
    from: 'B6, measured',
    proofs: [
      'file: Block denies every way of changing a file',
      'file: Block readOnly denies writing and says nothing about reading',
      'file: Block denies changing who may use a file',
    ],
  },
  {
    name: 'io_uring',
    from: 'users',
    proofs: [
      'io_uring: files are judged, by a worker as by the task',
      'io_uring: sockets are judged, by a worker as by the task',
      'io_uring: registered credentials are judged as the task’s own',
    ],
  },
  {
    name: 'preemption between lookup and verdict',
    from: 'B14',
    proofs: ['adversary: tasks that preempt each other on one CPU, and a storm of forks'],
  },
];

const SCOPES: readonly Attack[] = [
  {
    name: '`unshare` of mount, pid and user name spaces',
    from: 'B1, measured, users',
    proofs: [
      'namespace: unshare alone changes no Block rule',
      'namespace: unshare and a bind mount',
      'namespace: unshare and a bind mount of a program',
      'namespace: a pid name space changes nothing',
      'namespace: a user name space changes nothing',
    ],
  },
  {
    name: 'nested container',
    from: 'B1',
    proofs: ['scope: a cgroup below belongs to it', 'namespace: pivot_root in a name space of its own'],
  },
  {
    name: 'the host’s pid name space',
    from: 'B2',
    proofs: [
      'self: memory and descriptors of the agent; a debugger of the node, which has no rules, works',
      'pid namespace: files of the container by the number of a process, Block',
      'pid namespace: an allow list holds no file and no program of the host',
    ],
  },
  {
    name: '`nsenter` into a neighbour or the host',
    from: 'ours',
    proofs: [
      'adversary: the name spaces of the host, and of a task that has no rules',
      'namespace: Allow rules with a path never match in another name space',
    ],
  },
  {
    name: 'moving to another cgroup',
    from: 'ours',
    proofs: ['scope: a task keeps it when it is moved to another cgroup, and its children too'],
  },
  {
    name: 'daemons, threads, pids that come again',
    from: 'users',
    proofs: [
      'scope: children, their children and daemons',
      'scope: threads, and programs that a thread starts',
      'adversary: tasks that preempt each other on one CPU, and a storm of forks',
    ],
  },
  { name: 'fork while memory is short', from: 'ours', open: 'memory for the scope of a task that runs already' },
  {
    name: 'start race: the first program of a container',
    from: 'B11, measured, users',
    proofs: [
      agent('a process that waits goes on waiting when somebody else lets it go on, and dies when it is killed'),
      agent('containers that do at once what they may not, while the agent stumbles: none succeeds'),
    ],
  },
  {
    name: 'a process that runs before the policy',
    from: 'B11',
    proofs: [
      'late: tasks that run already when the agent finds their container',
      'change: new rules are in force for running tasks at once',
    ],
  },
  { name: 'while no agent runs', from: 'B12, measured', proofs: [WITHOUT] },
  {
    name: 'more rules than fit',
    from: 'B13, measured',
    proofs: ['size: an image of the second size class', 'size: images of different classes one after the other'],
  },
];

const NETWORK: readonly Attack[] = [
  {
    name: 'bind, listen, sendto, sockets from before the rule, a passed socket',
    from: 'B15',
    proofs: [
      'ports: ingress is bind, listen and accept',
      'ports: sending with an address',
      'ports: sockets from before the rule are judged at their next operation',
    ],
  },
  { name: 'TCP Fast Open', from: 'ours', proofs: ['ports: a first packet with data (TCP Fast Open) is a connect'] },
  {
    name: 'MPTCP, SMC',
    from: 'ours',
    proofs: ['network: MPTCP is tcp', 'network: SMC is tcp', 'peers: MPTCP is tcp', 'peers: the same of SMC'],
  },
  {
    name: 'an IPv4 address in an IPv6 socket, an address without family',
    from: 'ours',
    proofs: [
      'ports: an address range of IPv4, also in an IPv6 socket',
      'ports: an address without a family is one of the socket’s own family',
    ],
  },
  { name: 'a SYN cookie', from: 'ours', proofs: ['peers: the answer to a SYN cookie is a request too'] },
  { name: 'raw sockets write their own ports', from: 'ours', open: 'port rules against CAP_NET_RAW' },
  { name: 'DNS in parts, over TCP or HTTPS, in mixed case', from: 'B10', open: '`pts`, `allowedArgs`, DNS' },
  { name: 'SCTP’s own calls', from: 'ours', open: '`sctp_connectx` and `sctp_bindx`' },
  {
    name: 'a capability that is taken for another',
    from: 'B16',
    proofs: ['capabilities: CHOWN, SETUID, MKNOD, SYS_CHROOT, SYS_NICE, each by its name'],
  },
];

/** In groups, as docs/threat-model.md shows them. */
export const ATTACKS: Readonly<Record<string, readonly Attack[]>> = {
  'under another name': NAMES,
  'programs and subjects': PROGRAMS,
  'descriptors and files': DESCRIPTORS,
  'out of the scope': SCOPES,
  'network and capabilities': NETWORK,
  'against ourselves': OURSELVES,
};
