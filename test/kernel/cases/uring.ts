// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const BLOCK_DAC = 'capabilities: { matchCapabilities: [{ capability: DAC_OVERRIDE, action: Block }] }';
const AUDIT_CHOWN = 'capabilities: { matchCapabilities: [{ capability: CHOWN, action: Audit }] }';
const BLOCK_A = 'file: { matchPaths: [{ path: /data/a, action: Block }] }';
const THEIRS = ['/data/theirs @1000'];
const DAC = 'denied CAPABLE CAP_DAC_OVERRIDE capabilities.matchCapabilities[0]';

/** io_uring: requests are judged as the calls that they stand for, whoever performs them and with whatever credentials. */
export const URING_CASES: readonly KernelCase[] = [
  {
    name: 'io_uring: files are judged, by a worker as by the task',
    needs: ['uring'],
    policies: [BLOCK_A],
    run: `uring OK
          uring-open r /data/a EACCES
          uring-open r /data/a async EACCES
          uring-unlink /data/a async EACCES
          uring-open r /data/b async OK
          uring-open r /data/../data/a async EACCES
          fork OK
          uring OK
          uring-open r /data/a async EACCES`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x4', 'denied FILE_UNLINK /data/a file.matchPaths[0]'],
  },
  {
    name: 'io_uring: an allow list of files holds for a worker',
    needs: ['uring'],
    posture: 'block',
    policies: [
      'file: { matchPaths: [{ path: /data/a, action: Allow }, { path: /data/b, action: Allow, fromSource: [{ path: /usr/bin/web }] }] }',
    ],
    root: ['/usr/bin/web = stim'],
    run: `uring OK
          uring-open r /data/a async OK
          uring-open r /data/b async EACCES
          uring-open w+creat /tmp/x async EACCES
          exec /usr/bin/web OK
          uring OK
          uring-open r /data/b async OK`,
    expect: ['denied FILE_OPEN /data/b posture', 'denied FILE_MKNOD /tmp/x posture'],
  },
  {
    name: 'io_uring: new rules are in force for a worker at once',
    needs: ['uring'],
    policies: [],
    swaps: [[BLOCK_A]],
    run: `uring OK
          uring-open r /data/a async OK
          ! swap 1
          uring-open r /data/a async EACCES`,
    expect: ['denied FILE_OPEN /data/a s1p0:file.matchPaths[0]'],
  },
  {
    name: 'io_uring: a worker finds its task among those that run already',
    needs: ['uring'],
    late: true,
    policies: [BLOCK_A],
    run: `uring OK
          uring-open r /data/a async OK
          ! bind
          pause 300 OK
          uring-open r /data/a async EACCES`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0]'],
  },
  {
    name: 'io_uring: sockets are judged, by a worker as by the task',
    needs: ['uring'],
    policies: ['network: { matchProtocols: [{ protocol: tcp, action: Block }] }'],
    run: `uring OK
          uring-tcp EACCES
          uring-tcp async EACCES`,
    expect: ['denied SOCKET_CREATE inet/stream/6 network.matchProtocols[0] x2'],
  },
  {
    name: 'io_uring: registered credentials are judged as the task’s own',
    needs: ['uring'],
    policies: [BLOCK_DAC],
    root: THEIRS,
    run: `uring OK
          uring-lend OK
          drop 23 OK
          uring-nop OK
          uring-nop lent OK
          uring-open r /data/theirs lent OK
          uring-open w /data/theirs lent EACCES
          uring-open w /data/theirs lent+async EACCES
          uring-open w /data/theirs EACCES`,
    expect: [`${DAC} x3`],
  },
  {
    name: 'io_uring: registered credentials serve where there are no rules for capabilities',
    needs: ['uring'],
    policies: [BLOCK_A],
    run: `uring OK
          uring-lend OK
          setuid 1000 OK
          uring-nop lent OK
          uring-open w /data/b EACCES
          uring-open w /data/b lent OK
          uring-open w /data/b lent+async OK
          uring-open r /data/a lent EACCES
          uring-open r /data/a lent+async EACCES`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x2'],
  },
  {
    name: 'io_uring: registered credentials serve an audited workload',
    needs: ['uring'],
    mode: 'audited',
    policies: [BLOCK_DAC],
    root: THEIRS,
    run: `uring OK
          uring-lend OK
          uring-nop lent OK
          uring-open w /data/theirs OK`,
    expect: ['would-deny CAPABLE CAP_DAC_OVERRIDE capabilities.matchCapabilities[0]'],
  },
  {
    name: 'io_uring: registered credentials serve where capabilities are only audited',
    needs: ['uring'],
    policies: [AUDIT_CHOWN],
    run: `uring OK
          uring-lend OK
          uring-nop lent OK
          chown 1000 /data/a OK`,
    expect: ['audited CAPABLE CAP_CHOWN capabilities.matchCapabilities[0]'],
  },
  {
    name: 'io_uring: capabilities are judged for a worker',
    needs: ['uring'],
    policies: [BLOCK_DAC],
    root: THEIRS,
    run: `uring OK
          uring-open w /data/theirs EACCES
          uring-open w /data/theirs async EACCES
          uring-open w /data/a async OK`,
    expect: [`${DAC} x2`],
  },
  {
    name: 'io_uring: capabilities are judged for a worker that is older than the credentials',
    needs: ['uring'],
    policies: [BLOCK_DAC],
    root: THEIRS,
    run: `uring OK
          uring-open w /data/theirs async EACCES
          drop 23 OK
          uring-open w /data/theirs EACCES
          uring-open w /data/theirs async EACCES`,
    expect: [`${DAC} x3`],
  },
  {
    name: 'io_uring: capabilities are judged for a request that is older than the credentials',
    needs: ['uring'],
    policies: [BLOCK_DAC],
    root: THEIRS,
    run: `uring OK
          uring-open w /data/theirs later OK
          drop 23 OK
          uring-wait EACCES`,
    expect: [DAC],
  },
];
