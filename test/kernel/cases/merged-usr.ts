// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const readOnly = (...dirs: readonly string[]): string =>
  `file: { matchDirectories: [${dirs.map((dir) => `{ dir: ${dir}, readOnly: true, recursive: true }`).join(', ')}] }\naction: Block`;

const by = (events: readonly string[]): string[] => events.map((event) => `denied ${event} by /usr/bin/stim`);

/** Roots where `/bin`, `/sbin` and `/lib` are links into `/usr`: a rule about one of them is about what it leads to. */
export const MERGED_USR_CASES: readonly KernelCase[] = [
  {
    name: 'merged /usr: the directories of a published policy cannot be written to',
    mergedUsr: true,
    policies: [
      `severity: 1
tags: [NIST]
message: somebody changes programs
${readOnly('/sbin/', '/usr/bin/', '/usr/lib/', '/usr/sbin/', '/bin/', '/boot/')}`,
    ],
    root: ['/usr/sbin/tool = stim', '/usr/bin/x = stim', '/usr/lib/a/lib.so', '/boot/kernel'],
    run: `run /sbin/tool OK
          run /bin/x OK
          open r /lib/a/lib.so OK
          list /bin OK
          open w /lib/a/lib.so EACCES
          unlink /bin/x EACCES
          rename /data/a /usr/sbin/tool EACCES
          open w+creat /sbin/new EACCES
          open w /boot/kernel EACCES
          open w /data/a OK`,
    expect: by([
      'FILE_OPEN /usr/lib/a/lib.so file.matchDirectories[2]',
      'FILE_UNLINK /usr/bin/x file.matchDirectories[1]',
      'FILE_RENAME /usr/sbin/tool file.matchDirectories[0]',
      'FILE_MKNOD /usr/sbin/new file.matchDirectories[0]',
      'FILE_OPEN /boot/kernel file.matchDirectories[5]',
    ]),
  },
  {
    name: 'merged /usr: a rule about /bin/ is one about /usr/bin/',
    mergedUsr: true,
    policies: [readOnly('/bin/')],
    root: ['/usr/bin/x = stim', '/usr/sbin/tool = stim'],
    run: `run /bin/x OK
          open w /bin/x EACCES
          open w /usr/bin/x EACCES
          open w+creat /bin/new EACCES
          rename /data/a /usr/bin/x EACCES
          open w /usr/sbin/tool OK`,
    expect: by(
      ['FILE_OPEN /usr/bin/x', 'FILE_OPEN /usr/bin/x', 'FILE_MKNOD /usr/bin/new', 'FILE_RENAME /usr/bin/x'].map(
        (event) => `${event} file.matchDirectories[0]`,
      ),
    ),
  },
  {
    name: 'merged /usr: neither the link nor what it leads through can be taken away',
    mergedUsr: true,
    policies: [readOnly('/bin/')],
    run: `unlink /bin EACCES
          rename /bin /other EACCES
          rename /usr /other EACCES
          list /bin OK`,
    expect: by(['FILE_UNLINK /bin', 'FILE_RENAME /bin', 'FILE_RENAME /usr'].map((event) => `${event} file.matchDirectories[0]`)),
  },
];
