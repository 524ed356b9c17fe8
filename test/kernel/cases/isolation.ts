// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const SLEEP = ['/usr/bin/sleep = stim'];
const BLOCK_SLEEP = 'process: { matchPaths: [{ path: /usr/bin/sleep, action: Block }] }';
const BLOCK_A = 'file: { matchPaths: [{ path: /data/a, action: Block }] }';
const BLOCK_DATA = 'file: { matchDirectories: [{ dir: /data/, recursive: true, action: Block }] }';
const ALLOW_DATA = 'file: { matchDirectories: [{ dir: /data/, recursive: true, action: Allow }] }';

const deniedA = (path = '/data/a'): string => `denied FILE_OPEN ${path} file.matchPaths[0]`;
const deniedSleep = (path = '/usr/bin/sleep'): string => `denied SECURITY_BPRM_CHECK ${path} process.matchPaths[0]`;

/** Name spaces and mounts: forged names, and mounting as a write. */
export const ISOLATION_CASES: readonly KernelCase[] = [
  {
    name: 'mounts: a bind mount shows the same file',
    policies: [BLOCK_A],
    run: `mount bind /data /mnt OK
          open r /mnt/a EACCES
          open r /mnt/b OK
          open r /data/a EACCES`,
    expect: [deniedA('/mnt/a'), deniedA()],
  },
  {
    name: 'mounts: a bind mount of the file itself',
    policies: [BLOCK_A],
    root: ['/mnt/x'],
    run: `mount bind /data/a /mnt/x OK
          open r /mnt/x EACCES`,
    expect: [deniedA('/mnt/x')],
  },
  {
    name: 'mounts: a bind mount of a program',
    policies: [BLOCK_SLEEP],
    root: SLEEP,
    run: `mount bind /usr/bin /mnt OK
          run /mnt/sleep EACCES`,
    expect: [deniedSleep('/mnt/sleep')],
  },
  {
    name: 'mounts: Allow goes by the path that is seen, not by the one inside a volume',
    posture: 'block',
    policies: [ALLOW_DATA],
    cell: ['--bind', 'volume/data:/mnt'],
    root: ['volume:/data/x'],
    run: `open r /data/a OK
          open r /mnt/x EACCES`,
    expect: ['denied FILE_OPEN /mnt/x posture'],
  },
  {
    name: 'namespace: unshare alone changes no Block rule',
    policies: [BLOCK_A],
    run: `unshare mnt OK
          open r /data/a EACCES
          open r /data/b OK`,
    expect: [deniedA()],
  },
  {
    name: 'namespace: unshare and a bind mount',
    policies: [BLOCK_A],
    run: `unshare mnt OK
          private OK
          mount bind /data /mnt OK
          open r /mnt/a EACCES
          mount tmpfs x /data OK
          open r /mnt/a EACCES`,
    expect: [`${deniedA('/mnt/a')} x2`],
  },
  {
    name: 'namespace: unshare and a bind mount of a program',
    policies: [BLOCK_SLEEP],
    root: SLEEP,
    run: `unshare mnt OK
          private OK
          mount bind /usr/bin /mnt OK
          run /mnt/sleep EACCES
          run /usr/bin/sleep EACCES`,
    expect: [deniedSleep('/mnt/sleep'), deniedSleep()],
  },
  {
    name: 'namespace: Allow rules with a path never match in another name space',
    posture: 'block',
    policies: [ALLOW_DATA],
    run: `hold n r /proc/self/ns/mnt OK
          open r /data/a OK
          unshare mnt OK
          open r /data/a EACCES
          setns n OK
          open r /data/a OK`,
    expect: ['denied FILE_OPEN /data/a posture'],
  },
  {
    name: 'namespace: an allow list of programs holds in another name space',
    posture: 'block',
    policies: ['process: { matchPaths: [{ path: /bin/stim, action: Allow }] }'],
    root: SLEEP,
    run: `unshare mnt OK
          private OK
          mount bind /usr/bin/sleep /bin/stim OK
          run /bin/stim EACCES
          run /usr/bin/sleep EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /bin/stim posture', 'denied SECURITY_BPRM_CHECK /usr/bin/sleep posture'],
  },
  {
    name: 'namespace: a forged program is not the subject of an Allow rule',
    posture: 'block',
    policies: [
      'file: { matchPaths: [{ path: /data/a, action: Allow, fromSource: [{ path: /usr/bin/web }] }], matchDirectories: [{ dir: /usr/, recursive: true, action: Allow }] }',
    ],
    root: ['/usr/bin/web = stim', '/usr/bin/evil = stim'],
    run: `$ /usr/bin/web OK
          open r /data/a OK
          $ /usr/bin/evil OK
          unshare mnt OK
          private OK
          mount bind /usr/bin/evil /usr/bin/web OK
          exec /usr/bin/web OK
          open r /data/a EACCES`,
    expect: ['denied FILE_OPEN /data/a posture by /usr/bin/web'],
  },
  {
    name: 'namespace: a forged program is not the subject of an Allow rule for sockets',
    posture: 'block',
    policies: ['network: { matchProtocols: [{ protocol: tcp, action: Allow, fromSource: [{ path: /usr/bin/web }] }] }'],
    root: ['/usr/bin/web = stim', '/usr/bin/evil = stim'],
    run: `$ /usr/bin/web OK
          socket inet stream OK
          $ /usr/bin/evil OK
          unshare mnt OK
          private OK
          mount bind /usr/bin/evil /usr/bin/web OK
          exec /usr/bin/web OK
          socket inet stream EACCES`,
    expect: ['denied SOCKET_CREATE inet/stream/6 posture by /usr/bin/web'],
  },
  {
    name: 'namespace: a detached copy of a mount',
    policies: [BLOCK_A],
    run: `clone t /data OK
          openat t r a EACCES
          openat t r b OK
          attach t /mnt OK
          open r /mnt/a EACCES`,
    expect: [deniedA('/a'), deniedA('/mnt/a')],
  },
  {
    name: 'namespace: a detached copy of a mount, programs',
    policies: [BLOCK_SLEEP],
    root: SLEEP,
    run: `clone t /usr OK
          runfd t bin/sleep EACCES
          unshare mnt OK
          private OK
          attach t /mnt OK
          run /mnt/bin/sleep EACCES`,
    expect: [deniedSleep('/bin/sleep'), deniedSleep('/mnt/bin/sleep')],
  },
  {
    name: 'namespace: a detached copy of a mount, made in another name space',
    policies: [BLOCK_A, BLOCK_SLEEP],
    root: SLEEP,
    run: `unshare mnt OK
          private OK
          clone t /data OK
          openat t r a EACCES
          openat t r b OK
          clone u /data/a OK
          reopen u r EACCES
          clone p /usr OK
          runfd p bin/sleep EACCES
          clone q /usr/bin/sleep OK
          runfd q EACCES
          attach t /mnt OK
          open r /mnt/a EACCES
          attach p /tmp OK
          run /tmp/bin/sleep EACCES`,
    expect: [
      ...['/a', '/', '/mnt/a'].map((path) => `denied FILE_OPEN ${path} p0:file.matchPaths[0]`),
      ...['/bin/sleep', '/', '/tmp/bin/sleep'].map((path) => `denied SECURITY_BPRM_CHECK ${path} p1:process.matchPaths[0]`),
    ],
  },
  {
    name: 'namespace: a detached copy of a mount, made in an unprivileged user name space',
    needs: ['userns'],
    policies: [BLOCK_A, BLOCK_SLEEP],
    root: SLEEP,
    run: `$ --uid 1000 /bin/stim OK
          unshare user+mnt OK
          clone t /data OK
          openat t r a EACCES
          openat t r b OK
          clone p /usr OK
          runfd p bin/sleep EACCES
          attach t /mnt OK
          open r /mnt/a EACCES
          attach p /tmp OK
          run /tmp/bin/sleep EACCES`,
    expect: [
      ...['/a', '/mnt/a'].map((path) => `denied FILE_OPEN ${path} p0:file.matchPaths[0]`),
      ...['/bin/sleep', '/tmp/bin/sleep'].map((path) => `denied SECURITY_BPRM_CHECK ${path} p1:process.matchPaths[0]`),
    ],
  },
  {
    name: 'namespace: pivot_root in a name space of its own',
    policies: [BLOCK_A],
    run: `unshare mnt OK
          private OK
          mount tmpfs x /mnt OK
          mkdir /mnt/old OK
          pivot /mnt /mnt/old OK
          chroot / / OK
          open r /old/data/a EACCES
          open r /old/data/b OK`,
    expect: [deniedA('/old/data/a')],
  },
  {
    name: 'namespace: pivot_root in the name space of the container',
    policies: [BLOCK_A],
    run: `mount tmpfs x /mnt OK
          mkdir /mnt/old OK
          pivot /mnt /mnt/old OK
          chroot / / OK
          open r /old/data/a EACCES`,
    expect: [deniedA('/old/data/a')],
  },
  {
    name: 'namespace: an unprivileged user name space, bind and pivot_root',
    needs: ['userns'],
    policies: [BLOCK_A],
    run: `$ --uid 1000 /bin/stim OK
          unshare user+mnt OK
          open r /data/a EACCES
          mount bind /data /tmp OK
          open r /tmp/a EACCES
          mount tmpfs x /mnt OK
          mkdir /mnt/old OK
          pivot /mnt /mnt/old OK
          open r /old/data/a EACCES`,
    expect: [deniedA(), deniedA('/tmp/a'), deniedA('/old/data/a')],
  },
  {
    name: 'namespace: an overlay over a protected directory',
    policies: [BLOCK_A],
    run: `unshare mnt OK
          private OK
          mount tmpfs x /tmp OK
          mkdir /tmp/u OK
          mkdir /tmp/w OK
          mount overlay x /mnt lowerdir=/data,upperdir=/tmp/u,workdir=/tmp/w OK
          open r /mnt/b OK
          open r /mnt/a EACCES`,
    expect: [deniedA('/data/a')],
  },
  {
    name: 'namespace: a pid name space changes nothing',
    policies: [BLOCK_A, BLOCK_SLEEP],
    root: SLEEP,
    run: `unshare pid OK
          open r /data/a EACCES
          run /usr/bin/sleep EACCES`,
    expect: ['denied FILE_OPEN /data/a p0:file.matchPaths[0]', 'denied SECURITY_BPRM_CHECK /usr/bin/sleep p1:process.matchPaths[0]'],
  },
  {
    name: 'namespace: a user name space changes nothing',
    needs: ['userns'],
    policies: [BLOCK_A, 'process: { matchPaths: [{ path: /usr/bin/sleep, action: Block }] }'],
    root: SLEEP,
    run: `unshare user OK
          open r /data/a EACCES
          run /usr/bin/sleep EACCES`,
    expect: ['denied FILE_OPEN /data/a p0:file.matchPaths[0]', 'denied SECURITY_BPRM_CHECK /usr/bin/sleep p1:process.matchPaths[0]'],
  },
  {
    name: 'pid namespace: files of the container by the number of a process, Block',
    policies: [BLOCK_A],
    run: `open r /proc/%p/root/data/a EACCES
          open r /proc/%p/root/data/b OK
          fork OK
          open r /proc/%P/root/data/a EACCES
          open r /proc/%P/cwd/data/a EACCES
          unshare mnt OK
          open r /proc/%P/root/data/a EACCES
          open r /proc/%P/root/data/b OK`,
    expect: [`${deniedA()} x4`],
    fields: { FILE_OPEN: { pid: '= hostPid', ppid: '= hostPpid' } },
  },
  {
    name: 'pid namespace: files of the container by the number of a process, Allow',
    posture: 'block',
    policies: [ALLOW_DATA],
    run: `open r /proc/%p/root/data/a OK
          open r /proc/%p/root/etc/hosts EACCES
          fork OK
          open r /proc/%P/root/data/a OK
          unshare mnt OK
          open r /proc/%P/root/data/a OK
          open r /proc/%p/root/data/a EACCES`,
    expect: ['denied FILE_OPEN /etc/hosts posture', 'denied FILE_OPEN /data/a posture'],
  },
  {
    name: 'pid namespace: a process enters the container and opens by the number of another',
    policies: [BLOCK_A],
    run: `% /bin/stim OK
          fork OK
          open r /proc/%P/root/data/a EACCES
          open r /proc/%P/root/data/b OK
          %end`,
    expect: [deniedA()],
  },
  {
    name: 'pid namespace: files and programs of the host pass unless blocked',
    policies: [
      'file: { matchPaths: [{ path: /run/host-file, action: Block }] }',
      'process: { matchPaths: [{ path: /run/host-program, action: Block }] }',
    ],
    run: `! sh for n in file other; do echo >/run/host-$n; done; for n in program tool; do cp /bin/busybox /run/host-$n; done
          open r /proc/1/root/run/host-other OK
          open r /proc/1/root/run/host-file EACCES
          run /proc/1/root/run/host-tool true OK
          run /proc/1/root/run/host-program true EACCES
          ! sh rm /run/host-*`,
    expect: [
      'denied FILE_OPEN /run/host-file p0:file.matchPaths[0]',
      'denied SECURITY_BPRM_CHECK /run/host-program p1:process.matchPaths[0]',
    ],
  },
  {
    name: 'pid namespace: an allow list holds no file and no program of the host',
    posture: 'block',
    policies: [
      'file: { matchDirectories: [{ dir: /etc/, action: Allow }, { dir: /run/, action: Allow }] }',
      'process: { matchDirectories: [{ dir: /bin/, action: Allow }, { dir: /run/, action: Allow }] }',
    ],
    root: ['/run/mine', '/run/tool = stim'],
    run: `! sh echo >/run/mine; cp /bin/busybox /run/tool
          open r /run/mine OK
          open r /proc/1/root/run/mine EACCES
          open r /proc/1/root/etc/hosts EACCES
          run /run/tool OK
          run /proc/1/root/run/tool true EACCES
          ! sh rm /run/mine /run/tool`,
    expect: ['denied FILE_OPEN /run/mine posture', 'denied FILE_OPEN /etc/hosts posture', 'denied SECURITY_BPRM_CHECK /run/tool posture'],
  },
  {
    name: 'mounts: mounting over a blocked path is a write to it',
    policies: [BLOCK_DATA],
    root: ['/other/x'],
    run: `mount tmpfs x /data EACCES
          mount bind /other /data/sub EACCES
          mount bind /other/x /data/a EACCES
          clone t /other OK
          attach t /data/sub EACCES
          mount tmpfs x /other OK`,
    expect: ['denied MOUNT /data', 'denied MOUNT /data/sub', 'denied MOUNT /data/a', 'denied MOUNT /data/sub'].map(
      (event) => `${event} file.matchDirectories[0]`,
    ),
  },
  {
    name: 'mounts: mounting over a readOnly file',
    policies: ['file: { matchPaths: [{ path: /data/a, readOnly: true, action: Block }] }'],
    run: `mount bind /data/b /data/a EACCES
          open r /data/a OK
          mount bind /data/a /data/b OK`,
    expect: ['denied MOUNT /data/a file.matchPaths[0]'],
  },
  {
    name: 'mounts: unmounting and moving are writes to the mount point',
    policies: ['file: { matchDirectories: [{ dir: /srv/v/, recursive: true, readOnly: true, action: Block }] }'],
    cell: ['--bind', 'volume:/srv/v'],
    root: ['/srv/v/', 'volume:/x'],
    run: `open r /srv/v/x OK
          umount /srv/v EACCES
          mount move /srv/v /mnt EACCES
          move-mount /srv/v /mnt EACCES
          mount tmpfs x /mnt OK
          mount move /mnt /srv/v EACCES
          umount /mnt OK`,
    expect: ['denied MOUNT /srv/v file.matchDirectories[0] x4'],
  },
  {
    name: 'mounts: under an allow list of files, mounting is a write outside the list',
    posture: 'block',
    policies: [ALLOW_DATA],
    run: `mount tmpfs x /mnt EACCES
          mount tmpfs x /data/sub OK`,
    expect: ['denied MOUNT /mnt posture'],
  },
  {
    name: 'mounts: what lies below a new mount has the path that is seen',
    policies: [BLOCK_DATA],
    run: `mount tmpfs x /mnt OK
          mkdir /mnt/data OK
          open w+creat /mnt/data/a OK
          open r /mnt/data/a OK`,
    expect: [],
  },
];
