// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const denied = (rule: string, events: readonly string[]): string[] => events.map((event) => `denied ${event} ${rule}`);

/** Files and directories: objects, accesses, readOnly, ownerOnly, postures. */
export const FILE_CASES: readonly KernelCase[] = [
  {
    name: 'file: Block by path denies reading and writing that file alone',
    policies: ['file: { matchPaths: [{ path: /data/a, action: Block }] }'],
    run: `open r /data/a EACCES
          open w /data/a EACCES
          open rw /data/a EACCES
          open w+append /data/a EACCES
          open r /data/b OK
          stat /data/a OK
          list /data OK`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x4'],
  },
  {
    name: 'file: Block denies changing who may use a file',
    policies: ['file: { matchPaths: [{ path: /data/a, action: Block }] }'],
    run: `setacl /data/b OK
          removeacl /data/b OK
          setacl /data/a EACCES
          removeacl /data/a EACCES`,
    expect: ['denied FILE_SETXATTR /data/a file.matchPaths[0] x2'],
  },
  {
    name: 'file: Block denies every way of changing a file',
    policies: ['file: { matchPaths: [{ path: /data/a, action: Block }] }'],
    run: `truncate /data/a 0 EACCES
          open w+trunc /data/a EACCES
          chmod 0600 /data/a EACCES
          chown 1000 /data/a EACCES
          lchown 1000 /data/a EACCES
          setxattr /data/a EACCES
          unlink /data/a EACCES
          rename /data/a /data/z EACCES
          rename /data/b /data/a EACCES
          exchange /data/b /data/a EACCES
          exchange /data/a /data/b EACCES
          link /data/a /data/z EACCES`,
    expect: denied('file.matchPaths[0]', [
      'FILE_TRUNCATE /data/a',
      'FILE_OPEN /data/a',
      'FILE_CHMOD /data/a',
      'FILE_SETXATTR /data/a',
      'FILE_UNLINK /data/a',
      'FILE_LINK /data/a',
    ]).concat('denied FILE_CHOWN /data/a file.matchPaths[0] x2', 'denied FILE_RENAME /data/a file.matchPaths[0] x4'),
  },
  {
    name: 'file: Block denies every way of making a file',
    policies: ['file: { matchPatterns: [{ pattern: "/tmp/x*", action: Block }] }'],
    run: `open w+creat /tmp/x1 EACCES
          mkdir /tmp/x2 EACCES
          mknod /tmp/x3 file EACCES
          mknod /tmp/x4 fifo EACCES
          mknod /tmp/x5 null EACCES
          symlink /data/a /tmp/x6 EACCES
          link /data/a /tmp/x7 EACCES
          rename /data/a /tmp/x8 EACCES
          open r /tmp/x9 ENOENT
          open w+creat /tmp/y OK`,
    expect: denied('file.matchPatterns[0]', [
      'FILE_MKNOD /tmp/x1',
      'FILE_MKDIR /tmp/x2',
      'FILE_MKNOD /tmp/x3',
      'FILE_MKNOD /tmp/x4',
      'FILE_MKNOD /tmp/x5',
      'FILE_SYMLINK /tmp/x6',
      'FILE_LINK /tmp/x7',
      'FILE_RENAME /tmp/x8',
    ]),
  },
  {
    name: 'file: an unnamed file is made in its directory, and named by a link',
    policies: ['file: { matchDirectories: [{ dir: /data/, readOnly: true, action: Block }] }'],
    run: `open w+tmpfile /data EACCES
          hold a rw+tmpfile /tmp OK
          linkfd a /data/z EACCES
          linkfd a /tmp/z OK`,
    expect: ['denied FILE_OPEN /data/#N file.matchDirectories[0]', 'denied FILE_LINK /data/z file.matchDirectories[0]'],
  },
  {
    name: 'file: a directory means itself and its children',
    policies: ['file: { matchDirectories: [{ dir: /data/, action: Block }] }'],
    run: `open r /data/a EACCES
          list /data EACCES
          list /data/sub EACCES
          open r /data/sub/c OK
          open w+creat /data/z EACCES
          rename /data /other EACCES`,
    expect: denied('file.matchDirectories[0]', [
      'FILE_OPEN /data/a',
      'FILE_OPEN /data',
      'FILE_OPEN /data/sub',
      'FILE_MKNOD /data/z',
      'FILE_RENAME /data',
    ]),
  },
  {
    name: 'file: a recursive directory means itself and everything below',
    policies: ['file: { matchDirectories: [{ dir: /data/, recursive: true, action: Block }] }'],
    root: ['/database', '/other/'],
    run: `open r /data/sub/deep/d EACCES
          list /data/sub/deep EACCES
          rmdir /data/sub/deep EACCES
          mkdir /data/sub/deep/e EACCES
          rename /data/sub/deep /tmp/e EACCES
          rename /other /data/sub/e EACCES
          list /data EACCES
          open rw /database OK`,
    expect: denied('file.matchDirectories[0]', [
      'FILE_OPEN /data/sub/deep/d',
      'FILE_OPEN /data/sub/deep',
      'FILE_RMDIR /data/sub/deep',
      'FILE_MKDIR /data/sub/deep/e',
      'FILE_RENAME /data/sub/deep',
      'FILE_RENAME /data/sub/e',
      'FILE_OPEN /data',
    ]),
  },
  {
    name: 'file: Block readOnly denies writing and says nothing about reading',
    policies: ['file: { matchDirectories: [{ dir: /data/, recursive: true, readOnly: true, action: Block }] }'],
    run: `open r /data/a OK
          list /data OK
          open w /data/a EACCES
          open rw /data/sub/c EACCES
          open r+trunc /data/a EACCES
          truncate /data/a 0 EACCES
          chmod 0600 /data/a EACCES
          chown 1000 /data/a EACCES
          link /data/a /tmp/h EACCES
          unlink /data/sub/c EACCES
          open w+creat /data/z EACCES
          rename /tmp /data/t EACCES
          open r /data/a OK`,
    expect: denied('file.matchDirectories[0]', [
      'FILE_OPEN /data/a',
      'FILE_OPEN /data/sub/c',
      'FILE_CHMOD /data/a',
      'FILE_CHOWN /data/a',
      'FILE_LINK /data/a',
      'FILE_UNLINK /data/sub/c',
      'FILE_MKNOD /data/z',
      'FILE_RENAME /data/t',
    ]).concat('denied FILE_TRUNCATE /data/a file.matchDirectories[0] x2'),
  },
  {
    name: 'file: Allow readOnly under posture block allows reading only',
    posture: 'block',
    policies: ['file: { matchPaths: [{ path: /data/a, readOnly: true, action: Allow }, { path: /data/b, action: Allow }] }'],
    run: `open r /data/a OK
          open w /data/a EACCES
          open rw /data/a EACCES
          open rw /data/b OK
          truncate /data/b 0 OK
          open r /etc/passwd EACCES
          list /data EACCES`,
    expect: ['denied FILE_OPEN /data/a posture x2', 'denied FILE_OPEN /etc/passwd posture', 'denied FILE_OPEN /data posture'],
  },
  {
    name: 'file: Audit readOnly audits writing only',
    policies: ['file: { matchDirectories: [{ dir: /data/, readOnly: true, action: Audit }] }'],
    run: `open r /data/a OK
          open w /data/a OK
          open rw /data/b OK
          chmod 0600 /data/b OK`,
    expect: [
      'audited FILE_OPEN /data/a file.matchDirectories[0]',
      'audited FILE_OPEN /data/b file.matchDirectories[0]',
      'audited FILE_CHMOD /data/b file.matchDirectories[0]',
    ],
  },
  {
    name: 'file: Block ownerOnly denies everybody but the owner',
    policies: ['file: { matchDirectories: [{ dir: /own/, recursive: true, ownerOnly: true, action: Block }] }'],
    root: ['/own/mine', '/own/theirs @1000', '/own/their-dir/ @1000'],
    run: `open rw /own/mine OK
          open r /own/theirs EACCES
          open w /own/theirs EACCES
          open w+creat /own/new OK
          open w+creat /own/their-dir/new EACCES
          unlink /own/theirs EACCES`,
    expect: denied('file.matchDirectories[0]', ['FILE_MKNOD /own/their-dir/new', 'FILE_UNLINK /own/theirs']).concat(
      'denied FILE_OPEN /own/theirs file.matchDirectories[0] x2',
    ),
  },
  {
    name: 'file: Block ownerOnly readOnly denies the owner writing, others everything',
    policies: ['file: { matchDirectories: [{ dir: /own/, ownerOnly: true, readOnly: true, action: Block }] }'],
    root: ['/own/mine', '/own/theirs @1000'],
    run: `open r /own/mine OK
          open w /own/mine EACCES
          open r /own/theirs EACCES
          open w /own/theirs EACCES`,
    expect: ['denied FILE_OPEN /own/mine file.matchDirectories[0]', 'denied FILE_OPEN /own/theirs file.matchDirectories[0] x2'],
  },
  {
    name: 'file: Allow ownerOnly under posture block',
    posture: 'block',
    policies: ['file: { matchDirectories: [{ dir: /own/, ownerOnly: true, action: Allow }] }'],
    root: ['/own/mine', '/own/theirs @1000', '/own/their-dir/ @1000'],
    run: `open rw /own/mine OK
          open w+creat /own/new OK
          open r /own/theirs EACCES
          setfsuid 1000 OK
          open rw /own/theirs OK
          open r /own/mine EACCES`,
    expect: ['denied FILE_OPEN /own/theirs posture', 'denied FILE_OPEN /own/mine posture'],
  },
  {
    name: 'file: Audit ownerOnly audits what Block would deny',
    policies: ['file: { matchDirectories: [{ dir: /own/, ownerOnly: true, action: Audit }] }'],
    root: ['/own/mine', '/own/theirs @1000'],
    run: `open rw /own/mine OK
          open r /own/theirs OK`,
    expect: ['audited FILE_OPEN /own/theirs file.matchDirectories[0]'],
  },
  {
    name: 'file: ownership is the file system uid, and root is not exempt',
    policies: ['file: { matchPaths: [{ path: /own/theirs, ownerOnly: true, action: Block }] }'],
    root: ['/own/theirs @1000'],
    run: `open r /own/theirs EACCES
          setfsuid 1000 OK
          open rw /own/theirs OK
          setfsuid 0 OK
          open r /own/theirs EACCES`,
    expect: ['denied FILE_OPEN /own/theirs file.matchPaths[0] x2'],
  },
  {
    name: 'file: fromSource limits a rule to that program',
    policies: ['file: { matchPaths: [{ path: /data/a, action: Block, fromSource: [{ path: /usr/bin/web }] }] }'],
    root: ['/usr/bin/web = stim'],
    run: `open rw /data/a OK
          exec /usr/bin/web OK
          open r /data/a EACCES
          unlink /data/a EACCES
          open r /data/b OK
          exec /bin/stim OK
          open r /data/a OK`,
    expect: denied('file.matchPaths[0] by /usr/bin/web', ['FILE_OPEN /data/a', 'FILE_UNLINK /data/a']),
  },
  {
    name: 'file: only one program may read',
    policies: [
      `file:
        matchDirectories: [{ dir: /data/, recursive: true, action: Block }]
        matchPaths: [{ path: /data/sub/c, readOnly: true, action: Allow, fromSource: [{ path: /usr/bin/web }] }]`,
    ],
    root: ['/usr/bin/web = stim'],
    run: `open r /data/sub/c EACCES
          exec /usr/bin/web OK
          open r /data/sub/c OK
          open w /data/sub/c EACCES
          open r /data/a EACCES`,
    expect: [
      'denied FILE_OPEN /data/sub/c file.matchDirectories[0]',
      'denied FILE_OPEN /data/sub/c file.matchDirectories[0] by /usr/bin/web',
      'denied FILE_OPEN /data/a file.matchDirectories[0] by /usr/bin/web',
    ],
  },
  {
    name: 'file: an allow list under posture block denies every other operation',
    posture: 'block',
    policies: ['file: { matchDirectories: [{ dir: /data/, recursive: true, action: Allow }] }'],
    run: `open rw /data/a OK
          open w+creat /data/new OK
          mkdir /data/dir OK
          rename /data/new /data/dir/new OK
          unlink /data/dir/new OK
          rmdir /data/dir OK
          open r /etc/shadow EACCES
          open w+creat /tmp/x EACCES
          mkdir /tmp/d EACCES
          unlink /etc/shadow EACCES
          chmod 0600 /etc/shadow EACCES
          rename /data/a /tmp/a EACCES
          rename /etc/shadow /data/s EACCES
          symlink x /tmp/l EACCES`,
    expect: [
      'denied FILE_OPEN /etc/shadow posture',
      'denied FILE_MKNOD /tmp/x posture',
      'denied FILE_MKDIR /tmp/d posture',
      'denied FILE_UNLINK /etc/shadow posture',
      'denied FILE_CHMOD /etc/shadow posture',
      'denied FILE_RENAME /tmp/a posture',
      'denied FILE_RENAME /etc/shadow posture',
      'denied FILE_SYMLINK /tmp/l posture',
    ],
  },
  {
    name: 'file: an allow list under posture audit reports the rest',
    policies: ['file: { matchDirectories: [{ dir: /data/, recursive: true, action: Allow }] }'],
    run: `open rw /data/sub/c OK
          open r /etc/passwd OK
          open rw /etc/passwd OK
          unlink /etc/shadow OK`,
    expect: ['audited FILE_OPEN /etc/passwd posture x2', 'audited FILE_UNLINK /etc/shadow posture'],
  },
  {
    name: 'file: executing is not a file access',
    posture: 'block',
    policies: ['file: { matchPaths: [{ path: /usr/bin/sleep, action: Block }, { path: /etc/passwd, action: Allow }] }'],
    root: ['/usr/bin/sleep = stim'],
    run: `run /usr/bin/sleep OK
          run /bin/stim OK
          open r /usr/bin/sleep EACCES
          open r /bin/stim EACCES`,
    expect: ['denied FILE_OPEN /usr/bin/sleep file.matchPaths[0]', 'denied FILE_OPEN /bin/stim posture'],
  },
  {
    name: 'file: globs',
    policies: [
      'file: { matchPatterns: [{ pattern: "/etc/*.conf", action: Block }, { pattern: "**/.ssh/*", readOnly: true, action: Block }] }',
    ],
    root: ['/etc/a.conf', '/etc/sub/b.conf', '/home/u/.ssh/key', '/.ssh/key'],
    run: `open r /etc/a.conf EACCES
          open r /etc/sub/b.conf OK
          open r /home/u/.ssh/key OK
          open w /home/u/.ssh/key EACCES
          unlink /.ssh/key EACCES`,
    expect: [
      'denied FILE_OPEN /etc/a.conf file.matchPatterns[0]',
      'denied FILE_OPEN /home/u/.ssh/key file.matchPatterns[1]',
      'denied FILE_UNLINK /.ssh/key file.matchPatterns[1]',
    ],
  },
  {
    name: 'file: a glob for one name anywhere',
    policies: ['file: { matchPatterns: [{ pattern: "**/id_rsa", action: Block }] }'],
    root: ['/home/u/id_rsa', '/id_rsa', '/home/id_rsa.pub'],
    run: `open r /home/u/id_rsa EACCES
          open r /id_rsa EACCES
          open r /home/id_rsa.pub OK`,
    expect: ['/home/u/id_rsa', '/id_rsa'].map((path) => `denied FILE_OPEN ${path} file.matchPatterns[0]`),
  },
  {
    name: 'file: a rule through links means where they lead',
    policies: ['file: { matchPaths: [{ path: /etc/link, action: Block }], matchDirectories: [{ dir: /var/run/, action: Block }] }'],
    root: ['/etc/link -> ../data/a', '/var/run -> /run', '/run/x'],
    run: `open r /etc/link EACCES
          open r /data/a EACCES
          open r /run/x EACCES
          open r /var/run/x EACCES`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] x2', 'denied FILE_OPEN /run/x file.matchDirectories[0] x2'],
  },
  {
    name: 'file: renaming a directory above a blocked file is a write to it',
    policies: ['file: { matchPaths: [{ path: /data/sub/c, action: Block }] }'],
    root: ['/other/'],
    run: `rename /data/sub /data/gone EACCES
          rename /data /gone EACCES
          rename /data/b /data/bb OK
          rename /data/sub/deep /data/deep OK
          exchange /data /other EACCES
          exchange /other /data/sub EACCES`,
    expect: ['denied FILE_RENAME /data/sub file.matchPaths[0] x2', 'denied FILE_RENAME /data file.matchPaths[0] x2'],
  },
  {
    name: 'file: renaming a directory above what is readOnly, or blocked for this program',
    policies: [
      `file:
        matchDirectories: [{ dir: /data/sub/deep/, recursive: true, readOnly: true, action: Block }]
        matchPaths: [{ path: /srv/x/y, action: Block, fromSource: [{ path: /usr/bin/web }] }]`,
    ],
    root: ['/usr/bin/web = stim', '/srv/x/y'],
    run: `rename /data/sub /data/gone EACCES
          rename /data/sub/deep /data/gone EACCES
          $ /usr/bin/web OK
          rename /srv/x /srv/z EACCES
          $ /bin/stim OK
          rename /srv/x /srv/z OK`,
    expect: [
      'denied FILE_RENAME /data/sub file.matchDirectories[0]',
      'denied FILE_RENAME /data/sub/deep file.matchDirectories[0]',
      'denied FILE_RENAME /srv/x file.matchPaths[0] by /usr/bin/web',
    ],
  },
  {
    name: 'file: one access raises one alert',
    policies: [
      `file:
        matchDirectories: [{ dir: /data/, recursive: true, action: Audit }]
        matchPatterns: [{ pattern: "**/a", action: Audit }]
        matchPaths: [{ path: /data/b, readOnly: true, action: Audit }]`,
    ],
    run: `open rw /data/a OK
          open rw /data/b OK
          rename /data/sub /data/other OK`,
    expect: [
      'audited FILE_OPEN /data/a file.matchPatterns[0]',
      'audited FILE_OPEN /data/b file.matchDirectories[0]',
      'audited FILE_RENAME /data/sub file.matchDirectories[0]',
    ],
  },
];
