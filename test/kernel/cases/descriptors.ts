// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const WEB = ['/usr/bin/web = stim'];
const BLOCK_A = 'file: { matchPaths: [{ path: /data/a, action: Block }] }';
const READ_ONLY = 'file: { matchDirectories: [{ dir: /data/, recursive: true, readOnly: true, action: Block }] }';

/** Files through descriptors, mappings, other tasks' hands and other file systems. */
export const DESCRIPTOR_CASES: readonly KernelCase[] = [
  {
    name: 'fd: O_PATH is no access, opening it again is',
    policies: [BLOCK_A],
    run: `hold a path /data/a OK
          reopen a r EACCES
          reopen a w EACCES
          hold b path /data/b OK
          reopen b rw OK`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x2'],
  },
  {
    name: 'fd: a descriptor for reading does not become one for writing',
    policies: [READ_ONLY],
    run: `hold a r /data/a OK
          reopen a r OK
          reopen a rw EACCES
          fchmod a 0600 EACCES
          fchown a 1000 EACCES
          mmap a r+shared OK`,
    expect: [
      'denied FILE_OPEN /data/a file.matchDirectories[0]',
      'denied FILE_CHMOD /data/a file.matchDirectories[0]',
      'denied FILE_CHOWN /data/a file.matchDirectories[0]',
    ],
  },
  {
    name: 'fd: relative to a directory, with every restriction of openat2',
    policies: [BLOCK_A],
    root: ['/data/link -> a'],
    run: `hold d path+dir /data OK
          openat d r a EACCES
          openat d r sub/../a EACCES
          openat2 beneath r /data a EACCES
          openat2 in-root r /data ../a EACCES
          openat2 no-xdev r /data link EACCES
          openat2 no-links r /data link ELOOP`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x5'],
  },
  {
    name: 'fd: writing through a descriptor from before the rule',
    policies: ['file: { matchPaths: [{ path: /etc/nothing, action: Block }] }'],
    swaps: [[READ_ONLY]],
    run: `hold a rw /data/a OK
          write a OK
          ! swap 1
          write a EACCES
          read a OK
          ftruncate a 0 EACCES
          fallocate a EACCES
          fchmod a 0600 EACCES`,
    expect: [
      'denied FILE_PERMISSION /data/a s1p0:file.matchDirectories[0] x2',
      'denied FILE_TRUNCATE /data/a s1p0:file.matchDirectories[0]',
      'denied FILE_CHMOD /data/a s1p0:file.matchDirectories[0]',
    ],
  },
  {
    name: 'fd: a shared mapping for writing through a descriptor from before the rule',
    policies: ['file: { matchPaths: [{ path: /etc/nothing, action: Block }] }'],
    swaps: [[READ_ONLY]],
    run: `hold a rw /data/a OK
          mmap a r+w+shared OK
          ! swap 1
          mmap a r+w+shared EACCES
          mprotect a r+shared r+w EACCES
          mmap a r+w OK
          mmap a r+shared OK`,
    expect: ['denied MMAP_FILE /data/a s1p0:file.matchDirectories[0] x2'],
  },
  {
    name: 'fd: a received descriptor is checked on arrival',
    policies: ['file: { matchPaths: [{ path: /data/a, action: Block, fromSource: [{ path: /usr/bin/web }] }] }'],
    root: WEB,
    run: `hold a r /data/a OK
          give a /usr/bin/web EACCES
          give a /bin/stim OK
          hold b r /data/b OK
          give b /usr/bin/web OK`,
    expect: ['denied FILE_RECEIVE /data/a file.matchPaths[0] by /usr/bin/web'],
  },
  {
    name: 'fd: what a received descriptor is open for counts',
    policies: ['file: { matchPaths: [{ path: /data/a, readOnly: true, action: Block, fromSource: [{ path: /usr/bin/web }] }] }'],
    root: WEB,
    run: `hold a r /data/a OK
          give a /usr/bin/web OK
          hold b rw /data/a OK
          give b /usr/bin/web EACCES`,
    expect: ['denied FILE_RECEIVE /data/a file.matchPaths[0] by /usr/bin/web'],
  },
  {
    name: 'fd: a deleted file keeps its last name',
    policies: [BLOCK_A],
    run: `hold a path /data/a OK
          ! sh rm $ROOT/data/a
          reopen a r EACCES
          open r /data/a ENOENT`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0]'],
  },
  {
    name: 'fd: a deleted program keeps its last name',
    policies: ['process: { matchPaths: [{ path: /usr/bin/web, action: Block }] }'],
    root: WEB,
    run: `hold a path /usr/bin/web OK
          runfd a EACCES
          ! sh rm $ROOT/usr/bin/web
          runfd a EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/web process.matchPaths[0] x2'],
  },
  {
    name: 'fd: executing a descriptor, or a name in a directory',
    policies: ['process: { matchPaths: [{ path: /usr/bin/web, action: Block }] }'],
    root: WEB,
    run: `hold a r /usr/bin/web OK
          runfd a EACCES
          hold d path+dir /usr OK
          runfd d bin/web EACCES
          hold b r /bin/stim OK
          runfd b OK`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/web process.matchPaths[0] x2'],
  },
  {
    name: 'fd: pipes, sockets and unnamed memory have no place in a file list',
    posture: 'block',
    policies: ['file: { matchPaths: [{ path: /data/a, action: Allow }] }'],
    run: `memfd m /data/a memory OK
          write m OK
          socketpair stream OK
          run /bin/stim OK`,
    expect: [],
  },
  {
    name: 'fd: a copy of a blocked file cannot be made',
    policies: [BLOCK_A],
    run: `copy /data/a /tmp/a EACCES
          copy /data/b /data/a EACCES
          copy /data/b /tmp/b OK`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x2'],
  },
  {
    name: 'fd: a socket in the file system is made like a file',
    policies: [READ_ONLY],
    run: `sock a unix stream OK
          bind a /data/socket EACCES
          bind a /tmp/socket OK`,
    expect: ['denied FILE_MKNOD /data/socket file.matchDirectories[0]'],
  },
  {
    name: 'fd: name spaces and other anonymous files pass an allow list',
    posture: 'block',
    policies: ['file: { matchPaths: [{ path: /data/a, action: Allow }] }'],
    run: `hold n r /proc/self/ns/mnt OK
          open r /data/a OK`,
    expect: [],
  },
  {
    name: 'fd: an audited workload is denied nothing',
    mode: 'audited',
    policies: [READ_ONLY],
    run: `open w /data/a OK
          unlink /data/a OK
          mkdir /data/new OK
          open r /data/b OK`,
    expect: ['FILE_OPEN /data/a', 'FILE_UNLINK /data/a', 'FILE_MKDIR /data/new'].map(
      (event) => `would-deny ${event} file.matchDirectories[0]`,
    ),
  },
  {
    name: 'overlay: one open is one alert, whatever the layers do',
    overlay: true,
    policies: ['file: { matchPaths: [{ path: /data/a, action: Block }, { path: /etc/passwd, action: Audit }] }'],
    run: `open r /data/a EACCES
          open w /data/a EACCES
          open r /etc/passwd OK
          open rw /etc/passwd OK
          open r /etc/passwd OK
          open r /data/b OK`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x2', 'audited FILE_OPEN /etc/passwd file.matchPaths[1] x3'],
  },
  {
    name: 'overlay: an allow list lets a file be copied up',
    overlay: true,
    posture: 'block',
    policies: ['file: { matchDirectories: [{ dir: /data/, recursive: true, action: Allow }] }'],
    run: `open r /data/a OK
          open w+append /data/a OK
          chmod 0600 /data/b OK
          rename /data/sub/c /data/cc OK
          unlink /data/cc OK
          open w+creat /data/new OK
          mkdir /data/dir OK
          open r /etc/passwd EACCES`,
    expect: ['denied FILE_OPEN /etc/passwd posture'],
  },
  {
    name: 'overlay: a file that is allowed by name is copied up although a glob blocks its name in the layer',
    overlay: true,
    policies: [
      `file:
        matchPaths: [{ path: /data/a, action: Allow }]
        matchPatterns: [{ pattern: /**/a, action: Block }]`,
    ],
    run: `open r /data/a OK
          open w /data/a OK
          truncate /data/a 1 OK
          setxattr /data/a OK`,
    expect: [],
  },
  {
    name: 'overlay: an allow list lets a mapping become executable',
    overlay: true,
    posture: 'block',
    policies: ['file: { matchDirectories: [{ dir: /data/, recursive: true, action: Allow }] }'],
    run: `hold a r /data/a OK
          mprotect a r r+x OK`,
    expect: [],
  },
  {
    name: 'overlay: an audit posture reports the access alone',
    overlay: true,
    policies: ['file: { matchPaths: [{ path: /data/a, action: Allow }] }'],
    run: `open rw /data/a OK
          open w /data/b OK
          open r /data/b OK`,
    expect: ['audited FILE_OPEN /data/b posture x2'],
  },
  {
    name: 'overlay: programs',
    overlay: true,
    posture: 'block',
    policies: ['process: { matchPaths: [{ path: /bin/stim, action: Allow }, { path: /usr/bin/web, action: Block }] }'],
    root: [...WEB, '/usr/bin/other = stim'],
    run: `run /usr/bin/web EACCES
          run /usr/bin/other EACCES
          run /bin/stim OK
          rename /bin/stim /bin/moved OK
          run /bin/moved EACCES`,
    expect: [
      'denied SECURITY_BPRM_CHECK /usr/bin/web process.matchPaths[1]',
      'denied SECURITY_BPRM_CHECK /usr/bin/other posture',
      'denied SECURITY_BPRM_CHECK /bin/moved posture',
    ],
  },
  {
    name: 'overlay: every way of writing is refused before a copy is made',
    overlay: true,
    policies: [READ_ONLY],
    run: `open w /data/a EACCES
          truncate /data/a 0 EACCES
          chmod 0600 /data/a EACCES
          unlink /data/sub/c EACCES
          rename /data/sub/c /tmp/c EACCES
          open r /data/a OK`,
    expect: ['FILE_OPEN /data/a', 'FILE_TRUNCATE /data/a', 'FILE_CHMOD /data/a', 'FILE_UNLINK /data/sub/c', 'FILE_RENAME /data/sub/c'].map(
      (event) => `denied ${event} file.matchDirectories[0]`,
    ),
  },
  {
    name: 'descriptors: an open that makes its file is one access, told once in mode audited too',
    mode: 'audited',
    policies: ['file: { matchDirectories: [{ dir: /data/, recursive: true }] }'],
    run: `open w+creat /data/new OK
          rename /data/new /data/other OK`,
    expect: ['would-deny FILE_MKNOD /data/new file.matchDirectories[0]', 'would-deny FILE_RENAME /data/new file.matchDirectories[0]'],
  },
  {
    name: 'descriptors: an open that makes its file is one access, audited once',
    policies: [
      'file: { matchDirectories: [{ dir: /data/, recursive: true, action: Audit }, { dir: /tmp/, action: Block, readOnly: true }] }',
    ],
    run: `open w+creat /data/new OK
          open rw+creat+excl /data/sub/new OK
          open w+creat /data/a OK
          mknod /data/node file OK
          open w /data/node OK
          open w+creat /tmp/x EACCES`,
    expect: [
      'audited FILE_MKNOD /data/new',
      'audited FILE_MKNOD /data/sub/new',
      'audited FILE_OPEN /data/a',
      'audited FILE_MKNOD /data/node',
      'audited FILE_OPEN /data/node',
    ]
      .map((event) => `${event} file.matchDirectories[0]`)
      .concat('denied FILE_MKNOD /tmp/x file.matchDirectories[1]'),
  },
];
