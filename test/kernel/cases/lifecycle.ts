// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const BLOCK_A = 'file: { matchPaths: [{ path: /data/a, action: Block }] }';
const BLOCK_B = 'file: { matchPaths: [{ path: /data/b, action: Block }] }';
const ALLOW_BIN = 'process: { matchDirectories: [{ dir: /bin/, action: Allow }] }';
const WEB = ['/usr/bin/web = stim'];

/** Rules that touch nothing which a case does, in numbers that fill an image of the next size class. */
const many = (family: string, count: number): string =>
  `${family}: { matchPaths: [${Array.from({ length: count }, (_, i) => `{ path: /usr/share/${(i * 7919) % 9973}/${i}/file-${i * 31}, action: Block }`).join(', ')}, { path: /data/a, action: Block }] }`;

/** Who is covered, from when to when: binding, inheritance, changes of rules, lost alerts, fields of events. */
export const LIFECYCLE_CASES: readonly KernelCase[] = [
  {
    name: 'scope: tasks outside the cgroup are not touched',
    policies: [BLOCK_A],
    run: `$ --unbound /bin/stim OK
          open rw /data/a OK
          unlink /data/a OK`,
    expect: [],
  },
  {
    name: 'scope: a cgroup below belongs to it',
    policies: [BLOCK_A],
    run: `$ --below /bin/stim OK
          open r /data/a EACCES`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0]'],
  },
  {
    name: 'scope: a task keeps it when it is moved to another cgroup, and its children too',
    policies: [BLOCK_A],
    run: `open r /data/a EACCES
          ! move
          open r /data/a EACCES
          fork OK
          open r /data/a EACCES
          exec /bin/stim OK
          open r /data/a EACCES`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x4'],
  },
  {
    name: 'scope: children, their children and daemons',
    policies: [BLOCK_A],
    run: `fork OK
          open r /data/a EACCES
          fork OK
          open r /data/a EACCES
          daemon OK
          open r /data/a EACCES
          open r /data/b OK`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x3'],
  },
  {
    name: 'scope: threads, and programs that a thread starts',
    policies: [BLOCK_A, 'process: { matchPaths: [{ path: /usr/bin/web, action: Block }] }'],
    root: WEB,
    run: `thread OK
          open r /data/a EACCES
          run /usr/bin/web EACCES
          exec /bin/stim OK
          open r /data/a EACCES`,
    expect: ['denied FILE_OPEN /data/a p0:file.matchPaths[0] x2', 'denied SECURITY_BPRM_CHECK /usr/bin/web p1:process.matchPaths[0]'],
  },
  {
    name: 'scope: daemons keep their subject',
    policies: ['process: { matchPaths: [{ path: /usr/bin/sleep, action: Block, fromSource: [{ path: /usr/bin/web }] }] }'],
    root: [...WEB, '/usr/bin/sleep = stim'],
    run: `$ /usr/bin/web OK
          daemon OK
          thread OK
          run /usr/bin/sleep EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep process.matchPaths[0] by /usr/bin/web'],
  },
  {
    name: 'runtime: what it does before the first exec is not judged, default deny or not',
    posture: 'block',
    policies: [
      ALLOW_BIN,
      'file: { matchPaths: [{ path: /data/a, action: Allow }] }',
      'capabilities: { matchCapabilities: [{ capability: CHOWN, action: Allow }] }',
    ],
    run: `$ --setup --memfd /bin/stim OK
          open r /data/a OK
          open r /etc/passwd EACCES`,
    expect: ['denied FILE_OPEN /etc/passwd posture'],
  },
  {
    name: 'runtime: exec into a container under default deny',
    posture: 'block',
    policies: [ALLOW_BIN],
    root: WEB,
    run: `! sh true
          % /usr/bin/web EACCES
          %end
          % /bin/stim OK
          run /usr/bin/web EACCES
          open r /data/a OK
          %end
          run /usr/bin/web EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/web posture by -', 'denied SECURITY_BPRM_CHECK /usr/bin/web posture x2'],
  },
  {
    name: 'runtime: exec into a container under default deny of every family',
    posture: 'block',
    policies: [
      ALLOW_BIN,
      'file: { matchPaths: [{ path: /data/a, action: Allow }] }',
      'capabilities: { matchCapabilities: [{ capability: CHOWN, action: Allow }] }',
      'network: { matchProtocols: [{ protocol: udp, action: Allow }] }',
    ],
    root: WEB,
    run: `% --setup --memfd /usr/bin/web EACCES
          %end
          % --setup --memfd /bin/stim OK
          run /bin/stim OK
          run /usr/bin/web EACCES
          open rw /data/a OK
          open r /data/b EACCES
          chown 1000 /data/a OK
          sethostname guest EPERM
          socket inet dgram OK
          socket inet stream EACCES
          %end
          open r /data/b EACCES`,
    expect: [
      'SECURITY_BPRM_CHECK /usr/bin/web posture by -',
      'SECURITY_BPRM_CHECK /usr/bin/web posture',
      'FILE_OPEN /data/b posture x2',
      'CAPABLE CAP_SYS_ADMIN posture',
      'SOCKET_CREATE inet/stream/6 posture',
    ].map((event) => `denied ${event}`),
  },
  {
    name: 'runtime: exec into a container is judged by the files of the container',
    policies: [BLOCK_A],
    run: `! sh true
          % /bin/stim OK
          open r /data/a EACCES
          open r /data/b OK
          %end
          open r /data/a EACCES`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x2'],
  },
  {
    name: 'runtime: the subject before the first exec is the runtime',
    policies: ['process: { matchPaths: [{ path: /usr/bin/web, action: Block, fromSource: [{ path: /runc }] }] }'],
    root: WEB,
    run: `$ /usr/bin/web EACCES
          $ /bin/stim OK
          run /usr/bin/web OK`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/web process.matchPaths[0] by -'],
  },
  {
    name: 'change: new rules are in force for running tasks at once',
    policies: [BLOCK_A],
    swaps: [[BLOCK_B], [BLOCK_A, BLOCK_B]],
    run: `open r /data/a EACCES
          open r /data/b OK
          ! swap 1
          open r /data/a OK
          open r /data/b EACCES
          ! swap 2
          open r /data/a EACCES
          open r /data/b EACCES
          ! swap 0
          open r /data/b OK`,
    expect: [
      'denied FILE_OPEN /data/a p0:file.matchPaths[0]',
      'denied FILE_OPEN /data/b s1p0:file.matchPaths[0]',
      'denied FILE_OPEN /data/a s2p0:file.matchPaths[0]',
      'denied FILE_OPEN /data/b s2p1:file.matchPaths[0]',
    ],
  },
  {
    name: 'change: a workload without rules gets some, and loses them again',
    policies: [],
    swaps: [[BLOCK_A], []],
    run: `open r /data/a OK
          ! swap 1
          open r /data/a EACCES
          ! swap 2
          open r /data/a OK`,
    expect: ['denied FILE_OPEN /data/a s1p0:file.matchPaths[0]'],
  },
  {
    name: 'change: the subject of a running task is found in the new rules',
    policies: ['file: { matchPaths: [{ path: /etc/nothing, action: Block, fromSource: [{ path: /usr/bin/other }] }] }'],
    swaps: [['file: { matchPaths: [{ path: /data/a, action: Block, fromSource: [{ path: "/usr/bin/w*" }] }] }']],
    root: WEB,
    run: `$ /usr/bin/web OK
          open r /data/a OK
          rename /usr/bin/web /usr/bin/other OK
          ! swap 1
          open r /data/a EACCES
          thread OK
          open r /data/a EACCES
          exec /bin/stim OK
          open r /data/a OK`,
    expect: ['denied FILE_OPEN /data/a s1p0:file.matchPaths[0] by /usr/bin/web x2'],
  },
  {
    name: 'change: the subject of a task from before any rule',
    policies: [],
    swaps: [['process: { matchPaths: [{ path: /bin/stim, action: Block, fromSource: [{ path: /usr/bin/web }] }] }']],
    root: WEB,
    run: `$ /usr/bin/web OK
          run /bin/stim OK
          ! swap 1
          run /bin/stim EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /bin/stim s1p0:process.matchPaths[0] by /usr/bin/web'],
  },
  {
    name: 'change: mode of a workload',
    policies: [BLOCK_A],
    run: `open r /data/a EACCES
          ! mode audited
          open r /data/a OK
          ! mode disabled
          open r /data/a OK
          ! mode enabled
          open r /data/a EACCES`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x2', 'would-deny FILE_OPEN /data/a file.matchPaths[0]'],
  },
  {
    name: 'change: posture comes and goes with the Allow rules',
    posture: 'block',
    policies: [BLOCK_A],
    swaps: [['file: { matchDirectories: [{ dir: /data/, action: Allow }] }']],
    run: `open r /etc/passwd OK
          ! swap 1
          open r /etc/passwd EACCES
          open r /data/a OK
          ! swap 0
          open r /etc/passwd OK`,
    expect: ['denied FILE_OPEN /etc/passwd posture'],
  },
  {
    name: 'late: tasks that run already when the agent finds their container',
    late: true,
    policies: [BLOCK_A],
    run: `open r /data/a OK
          ! bind
          pause 300 OK
          open r /data/a EACCES
          open r /data/b OK
          fork OK
          open r /data/a EACCES`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x2'],
  },
  {
    name: 'late: the runtime in a container that has not started is left alone, what it executes is not',
    late: true,
    posture: 'block',
    policies: ['file: { matchPaths: [{ path: /data/b, action: Allow }] }', 'process: { matchPaths: [{ path: /bin/stim, action: Allow }] }'],
    run: `! bind unstarted
          pause 1300 OK
          open r /data/a OK
          fork OK
          open r /data/a OK
          exec /bin/stim OK
          open r /data/b OK
          open r /data/a EACCES
          fork OK
          open r /data/a EACCES`,
    expect: ['denied FILE_OPEN /data/a posture x2'],
  },
  {
    name: 'late: the program of a task that runs already is known as a subject',
    late: true,
    policies: ['file: { matchPaths: [{ path: /data/a, action: Block, fromSource: [{ path: /usr/bin/web }] }] }'],
    root: WEB,
    run: `$ /usr/bin/web OK
          open r /data/a OK
          ! bind
          pause 300 OK
          open r /data/a EACCES
          $ /bin/stim OK
          open r /data/a OK`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] by /usr/bin/web'],
  },
  {
    name: 'size: an image of the second size class',
    policies: [many('file', 800), many('process', 300)],
    run: `open r /data/a EACCES
          open r /data/b OK
          open r /etc/passwd OK`,
    expect: ['denied FILE_OPEN /data/a p0:file.matchPaths[800]'],
  },
  {
    name: 'size: images of different classes one after the other',
    policies: [BLOCK_B],
    swaps: [[many('file', 800)]],
    run: `open r /data/a OK
          ! swap 1
          open r /data/a EACCES
          open r /data/b OK
          ! swap 0
          open r /data/a OK
          open r /data/b EACCES`,
    expect: ['denied FILE_OPEN /data/a s1p0:file.matchPaths[800]', 'denied FILE_OPEN /data/b p0:file.matchPaths[0]'],
  },
  {
    name: 'loss: a full ring denies on, and what does not fit is counted',
    policies: ['file: { matchDirectories: [{ dir: /many/, recursive: true, action: Block }] }'],
    root: ['/many/'],
    run: `! reader off
          burst 4000 /many/a-name-of-some-length- OK
          open r /data/a OK
          ! reader on
          list /many EACCES`,
    expect: [],
    total: 4001,
  },
  {
    name: 'events: who, where from, by which name',
    policies: [BLOCK_A],
    run: `$ --pidns --uid 1000 /bin/stim OK
          name worker OK
          fork OK
          open r /data/a EACCES`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0]'],
    fields: {
      FILE_OPEN: {
        uid: 1000,
        comm: 'worker',
        pid: 2,
        ppid: 1,
        parent: '/bin/stim',
        subject: '/bin/stim',
        tty: '',
        openFlags: 0o100000,
        count: 1,
      },
    },
  },
  {
    name: 'events: an exec names the program that calls it',
    policies: ['process: { matchPaths: [{ path: /usr/bin/web, action: Block }] }'],
    root: WEB,
    run: 'run /usr/bin/web EACCES',
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/web process.matchPaths[0]'],
    fields: { SECURITY_BPRM_CHECK: { uid: 0, comm: 'stim', subject: '/bin/stim', parent: '/bin/stim' } },
  },
  {
    name: 'events: the controlling terminal',
    policies: [BLOCK_A],
    run: `tty OK
          open r /data/a EACCES`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0]'],
    fields: { FILE_OPEN: { tty: 'pts0' } },
  },
];
