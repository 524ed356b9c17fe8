// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const BOX = ['/bin/busybox = busybox', '/bin/sh -> busybox', '/bin/cat -> /bin/busybox', '/bin/true -> busybox'];
const BLOCK_SH = 'process: { matchPaths: [{ path: /bin/sh, action: Block }] }';
const DENIED = 'denied SECURITY_BPRM_CHECK /bin/busybox process.matchPaths[0]';

/** Programs that are many: a rule on a link to one means the applet. */
export const APPLET_CASES: readonly KernelCase[] = [
  {
    name: 'applets: a rule on a link to busybox means that applet',
    policies: [BLOCK_SH],
    root: BOX,
    run: `run /bin/sh EACCES
          run /bin/true OK
          run /bin/cat OK`,
    expect: [DENIED],
  },
  {
    name: 'applets: called by busybox itself',
    policies: [BLOCK_SH],
    root: BOX,
    run: `run /bin/busybox sh EACCES
          run /bin/busybox true OK
          run /bin/busybox OK
          run /bin/busybox true sh OK`,
    expect: [DENIED],
  },
  {
    name: 'applets: by argv[0], whatever the path says',
    policies: [BLOCK_SH],
    root: BOX,
    run: `run-as /bin/busybox sh EACCES
          run-as /bin/true sh EACCES
          run-as /bin/true /any/where/sh EACCES
          run-as /bin/sh true OK
          run-as /bin/busybox busybox sh EACCES
          run-as /bin/busybox /x/busybox sh EACCES`,
    expect: [`${DENIED} x5`],
  },
  {
    name: 'applets: a link made later',
    policies: [BLOCK_SH],
    root: BOX,
    run: `symlink /bin/busybox /tmp/sh OK
          run /tmp/sh EACCES
          symlink /bin/busybox /tmp/other OK
          run-as /tmp/other sh EACCES`,
    expect: [`${DENIED} x2`],
  },
  {
    name: 'applets: hard links',
    policies: [BLOCK_SH],
    root: ['/bin/busybox = busybox', '/bin/sh == /bin/busybox', '/bin/true == /bin/busybox'],
    run: `run /bin/sh EACCES
          run /bin/busybox sh EACCES
          run /bin/true OK
          run /bin/busybox true OK`,
    expect: ['denied SECURITY_BPRM_CHECK /bin/sh process.matchPaths[0]', DENIED],
  },
  {
    name: 'applets: an allow list of applets',
    posture: 'block',
    policies: ['process: { matchPaths: [{ path: /bin/stim, action: Allow }, { path: /bin/cat, action: Allow }] }'],
    root: BOX,
    run: `run /bin/cat OK
          run /bin/busybox cat OK
          run /bin/sh EACCES
          run /bin/busybox sh EACCES
          run-as /bin/cat sh EACCES
          run /bin/busybox EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /bin/busybox posture x4'],
  },
  {
    name: 'applets: the binary itself',
    policies: ['process: { matchPaths: [{ path: /bin/busybox, action: Block }] }'],
    root: BOX,
    run: `run /bin/sh EACCES
          run /bin/busybox true EACCES`,
    expect: [`${DENIED} x2`],
  },
  {
    name: 'applets: from one program only, and audited',
    policies: [
      `process:
        matchPaths:
          - { path: /bin/sh, action: Block, fromSource: [{ path: /usr/bin/web }] }
          - { path: /bin/cat, action: Audit }`,
    ],
    root: [...BOX, '/usr/bin/web = stim'],
    run: `run /bin/sh OK
          run /bin/cat OK
          exec /usr/bin/web OK
          run /bin/sh EACCES
          run /bin/true OK`,
    expect: [`${DENIED} by /usr/bin/web`, 'audited SECURITY_BPRM_CHECK /bin/busybox process.matchPaths[1]'],
  },
];
