// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

/** A directory of the host with what run.ts has guarded: `state`, `above/state`, and `disk/state` in a file system of its own; `free` is not. */
export const GUARD = '/run/kernel-guard';
const SEES_GUARD = ['--bind', `${GUARD}:/mnt`];
const BLOCK_A = 'file: { matchPaths: [{ path: /data/a, action: Block }] }';

/** The enforcement itself, against a container with every capability; where nothing else is said, without any rules. */
export const SELF_CASES: readonly KernelCase[] = [
  {
    name: 'self: our maps, programs and links cannot be opened by their ids, those of others can',
    policies: [],
    run: `bpf-ids map EPERM
          bpf-ids prog EPERM
          bpf-ids link EPERM
          bpf-map m OK`,
    expect: ['denied BPF map self', 'denied BPF program self', 'denied BPF link self'],
  },
  {
    name: 'self: a workload in mode audited is refused them too',
    mode: 'audited',
    policies: [BLOCK_A],
    run: `open r /data/a OK
          bpf-ids map EPERM
          kill %P 15 EPERM`,
    expect: ['would-deny FILE_OPEN /data/a file.matchPaths[0]', 'denied BPF map self', 'denied TASK_KILL signal=15 self'],
  },
  {
    name: 'self: the node’s own tasks may',
    policies: [BLOCK_A],
    cell: SEES_GUARD,
    run: `$ --unbound /bin/stim OK
          bpf-ids map OK
          bpf-ids prog OK
          bpf-ids link OK
          vmread %P EFAULT
          open w /mnt/state/file OK`,
    expect: [],
  },
  {
    name: 'self: signals to the agent',
    policies: [],
    run: `kill %P 9 EPERM
          kill %P 19 EPERM
          kill %P 0 OK
          child OK
          kill %c 9 OK`,
    expect: ['denied TASK_KILL signal=9 self', 'denied TASK_KILL signal=19 self'],
  },
  {
    // who sends it is not known any more when it is sent: there is no alert
    name: 'self: a signal that the kernel sends to the agent for a descriptor (SIGIO)',
    policies: [],
    run: `sigio %P 9 OK
          child OK
          sigio %c 9 OK
          reap OK`,
    expect: [],
  },
  {
    name: 'self: limits, priorities and processors of the agent',
    policies: [],
    run: `limit %P EPERM
          schedule %P EPERM
          affine %P EPERM
          renice %P EPERM
          ionice %P EPERM
          migrate %P EPERM
          limit 1 OK
          child OK
          limit %c OK
          schedule %c OK
          affine %c OK
          renice %c OK
          ionice %c OK
          migrate %c OK`,
    expect: [
      'denied TASK_SETRLIMIT limit=0 self',
      'denied TASK_SETSCHEDULER task self x2',
      'denied TASK_SETNICE task self',
      'denied TASK_SETIOPRIO task self',
      'denied PTRACE task self',
    ],
  },
  {
    name: 'self: memory and descriptors of the agent; a debugger of the node, which has no rules, works',
    policies: [],
    run: `ptrace %P EPERM
          vmread %P EPERM
          open rw /proc/%P/mem EACCES
          steal d %P 0 EPERM
          vmread 1 EFAULT
          child OK
          ptrace %c OK
          vmread %c EFAULT`,
    expect: ['denied PTRACE task self x4'],
  },
  {
    name: 'self: what /proc shows of the agent to its like: not what it has open; what ps shows stays',
    policies: [],
    run: `open w /proc/%P/fd/1 EACCES
          open r /proc/%P/environ EACCES
          open r /proc/%P/root/etc/passwd EACCES
          readlink /proc/%P/exe EACCES
          hold n r /proc/%P/ns/mnt EACCES
          hold s r /proc/%P/stat OK
          read s OK
          hold s r /proc/%P/status OK
          read s OK
          hold s r /proc/%P/cmdline OK
          read s OK
          open r /proc/1/environ OK
          readlink /proc/1/exe OK`,
    expect: ['denied PTRACE task self x5'],
  },
  {
    name: 'self: memory and descriptors of the host, of a workload with rules',
    policies: ['file: { matchPaths: [{ path: /etc/shadow }] }'],
    run: `ptrace 1 EPERM
          vmread 1 EPERM
          steal d 1 0 EPERM
          child OK
          ptrace %c OK`,
    expect: ['denied PTRACE task self x3'],
  },
  {
    name: 'self: the agent’s directories cannot be written',
    policies: [],
    cell: SEES_GUARD,
    run: `open r /mnt/state/file OK
          open w /mnt/state/file EPERM
          open w+creat /mnt/state/new EPERM
          truncate /mnt/state/file EPERM
          unlink /mnt/state/file EPERM
          mkdir /mnt/state/new EPERM
          mknod /mnt/state/new fifo EPERM
          symlink /data/a /mnt/state/new EPERM
          link /mnt/state/file /mnt/new EPERM
          rename /mnt/free /mnt/state/file EPERM
          rename /mnt/state/file /mnt/new EPERM
          chmod 0777 /mnt/state EPERM
          chown 1000 /mnt/state/file EPERM
          open w /mnt/free OK
          open w+creat /mnt/new OK
          unlink /mnt/new OK`,
    expect: [
      'denied FILE_OPEN /mnt/state/file self',
      'denied FILE_MKNOD /mnt/state/new self x2',
      'denied FILE_TRUNCATE /mnt/state/file self',
      'denied FILE_UNLINK /mnt/state/file self',
      'denied FILE_MKDIR /mnt/state/new self',
      'denied FILE_SYMLINK /mnt/state/new self',
      'denied FILE_LINK /mnt/state/file self',
      'denied FILE_RENAME /mnt/state/file self x2',
      'denied FILE_CHMOD /mnt/state self',
      'denied FILE_CHOWN /mnt/state/file self',
    ],
  },
  {
    name: 'self: what leads to the agent’s directories cannot be moved or covered',
    policies: [],
    cell: SEES_GUARD,
    run: `rename /mnt/state /mnt/new EPERM
          rename /mnt/above /mnt/new EPERM
          exchange /mnt/above /mnt/other EPERM
          mount tmpfs x /mnt/state EPERM
          mount bind /data /mnt/above EPERM
          open w+creat /mnt/above/new OK
          unlink /mnt/above/new OK
          mount bind /mnt/other /data OK`,
    expect: [
      'denied FILE_RENAME /mnt/state self',
      'denied FILE_RENAME /mnt/above self x2',
      'denied MOUNT /mnt/state self',
      'denied MOUNT /mnt/above self',
    ],
  },
  {
    name: 'self: the agent’s directories under other names and in other name spaces',
    policies: [],
    cell: SEES_GUARD,
    run: `mount bind /mnt/state /tmp OK
          open w /tmp/file EPERM
          clone t /mnt OK
          openat t w state/file EPERM
          unshare mnt OK
          private OK
          mount bind /mnt/state/file /data/a OK
          open w /data/a EPERM
          open w /proc/1/root${GUARD}/state/file EPERM`,
    expect: [
      'denied FILE_OPEN /tmp/file self',
      'denied FILE_OPEN /state/file self',
      'denied FILE_OPEN /data/a self',
      `denied FILE_OPEN ${GUARD}/state/file self`,
    ],
  },
  {
    name: 'self: the agent’s socket takes no connection from a container, and stays where it is',
    policies: [],
    cell: SEES_GUARD,
    run: `sock s unix stream OK
          connect s /mnt/state/socket EPERM
          unlink /mnt/state/socket EPERM
          rename /mnt/free /mnt/state/socket EPERM
          connect s /mnt/open-socket OK`,
    expect: [
      `denied UNIX_CONNECT ${GUARD}/state/socket self`, // by the name that it was bound with
      'denied FILE_UNLINK /mnt/state/socket self',
      'denied FILE_RENAME /mnt/state/socket self',
    ],
  },
];
