// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const BY_STIM = 'fromSource: [{ path: ROOT/bin/stim }]';
/** Everything may be done, but below ROOT/data, where only `a` may be opened. */
const ONLY_A = `file: { matchDirectories: [{ dir: /, recursive: true, action: Allow }, { dir: ROOT/data/, recursive: true, action: Block }], matchPaths: [{ path: ROOT/data/a, action: Allow }] }`;
const DATA = 'file.matchDirectories[1]';

/** The host as a workload: the same checks, other tasks. */
export const HOST_CASES: readonly KernelCase[] = [
  {
    name: 'host: files by path and below a directory, for reading and writing',
    host: true,
    policies: [
      'file: { matchPaths: [{ path: ROOT/etc/shadow }, { path: ROOT/etc/group, readOnly: true }], matchDirectories: [{ dir: ROOT/data/sub/, recursive: true }] }',
    ],
    run: `$ ROOT/bin/stim OK
          open r ROOT/etc/shadow EACCES
          open r ROOT/etc/group OK
          open w ROOT/etc/group EACCES
          open r ROOT/data/sub/deep/d EACCES
          unlink ROOT/data/sub/c EACCES
          rename ROOT/data ROOT/gone EACCES
          open r ROOT/data/a OK`,
    expect: [
      'denied FILE_OPEN ROOT/etc/shadow file.matchPaths[0] by ROOT/bin/stim',
      'denied FILE_OPEN ROOT/etc/group file.matchPaths[1] by ROOT/bin/stim',
      'denied FILE_OPEN ROOT/data/sub/deep/d file.matchDirectories[0] by ROOT/bin/stim',
      'denied FILE_UNLINK ROOT/data/sub/c file.matchDirectories[0] by ROOT/bin/stim',
      'denied FILE_RENAME ROOT/data file.matchDirectories[0] by ROOT/bin/stim',
    ],
  },
  {
    name: 'host: programs, and their children',
    host: true,
    root: ['/bin/other = stim'],
    policies: ['process: { matchPaths: [{ path: ROOT/bin/other }] }'],
    run: `$ ROOT/bin/stim OK
          run ROOT/bin/other EACCES
          fork OK
          run ROOT/bin/other EACCES
          run ROOT/bin/stim OK
          $ ROOT/bin/other EACCES`,
    expect: [
      'denied SECURITY_BPRM_CHECK ROOT/bin/other process.matchPaths[0] by ROOT/bin/stim x2',
      'denied SECURITY_BPRM_CHECK ROOT/bin/other process.matchPaths[0] by /usr/bin/dash',
    ],
  },
  {
    name: 'host: sockets and capabilities by program',
    host: true,
    policies: [
      `network: { matchProtocols: [{ protocol: tcp, ${BY_STIM} }, { protocol: raw, ${BY_STIM} }] }`,
      `capabilities: { matchCapabilities: [{ capability: CHOWN, ${BY_STIM} }, { capability: SYS_ADMIN, ${BY_STIM} }] }`,
    ],
    run: `$ ROOT/bin/stim OK
          socket inet stream EACCES
          socket inet raw 1 EACCES
          socket inet dgram OK
          socket unix stream OK
          chown 1000 ROOT/data/a EPERM
          sethostname guest EPERM`,
    expect: [
      'denied SOCKET_CREATE inet/stream/6 p0:network.matchProtocols[0] by ROOT/bin/stim',
      'denied SOCKET_CREATE inet/raw/1 p0:network.matchProtocols[1] by ROOT/bin/stim',
      'denied CAPABLE CAP_CHOWN p1:capabilities.matchCapabilities[0] by ROOT/bin/stim',
      'denied CAPABLE CAP_SYS_ADMIN p1:capabilities.matchCapabilities[1] by ROOT/bin/stim',
    ],
  },
  {
    name: 'host: mode audited, other rules, and none',
    host: true,
    policies: ['file: { matchPaths: [{ path: ROOT/etc/shadow }] }'],
    swaps: [['file: { matchPaths: [{ path: ROOT/etc/passwd }] }']],
    run: `$ ROOT/bin/stim OK
          open r ROOT/etc/shadow EACCES
          $ ROOT/bin/stim OK
          ! mode audited
          open r ROOT/etc/shadow OK
          $ ROOT/bin/stim OK
          ! mode enabled
          ! swap 1
          open r ROOT/etc/shadow OK
          open r ROOT/etc/passwd EACCES`,
    expect: [
      'denied FILE_OPEN ROOT/etc/shadow p0:file.matchPaths[0] by ROOT/bin/stim',
      'would-deny FILE_OPEN ROOT/etc/shadow p0:file.matchPaths[0] by ROOT/bin/stim',
      'denied FILE_OPEN ROOT/etc/passwd s1p0:file.matchPaths[0] by ROOT/bin/stim',
    ],
  },
  {
    name: 'host: a service in a mount name space of its own has the names that its manager gave it',
    host: true,
    policies: [ONLY_A],
    run: `$ --service ROOT/bin/stim OK
          open r ROOT/data/a OK
          open r ROOT/data/b EACCES
          open r ROOT/etc/passwd OK
          fork OK
          open r ROOT/data/a OK
          open w ROOT/data/sub/c EACCES`,
    expect: [`denied FILE_OPEN ROOT/data/b ${DATA} by ROOT/bin/stim`, `denied FILE_OPEN ROOT/data/sub/c ${DATA} by ROOT/bin/stim`],
  },
  {
    name: 'host: the names of a name space of one’s own count for Block rules alone',
    host: true,
    policies: [ONLY_A],
    run: `$ --unshared ROOT/bin/stim OK
          open r ROOT/data/a EACCES
          open r ROOT/data/b EACCES
          $ ROOT/bin/stim OK
          open r ROOT/data/a OK
          unshare mnt OK
          open r ROOT/data/a EACCES`,
    expect: [`denied FILE_OPEN ROOT/data/a ${DATA} by ROOT/bin/stim x2`, `denied FILE_OPEN ROOT/data/b ${DATA} by ROOT/bin/stim`],
  },
  {
    name: 'host: a runtime sets up a container as it needs, and the container is not the host',
    host: true,
    policies: [
      'file: { matchPaths: [{ path: /etc/shadow }, { path: /etc/hostname }], matchDirectories: [{ dir: /dev/shm/, recursive: true }, { dir: ROOT/proc/, recursive: true }] }\nprocess: { matchPaths: [{ path: /bin/stim }] }',
    ],
    run: `$ --container --setup /bin/stim OK
          open r /etc/shadow OK
          run /bin/stim OK
          fork OK
          open r /etc/hostname OK`,
    expect: [],
  },
];
