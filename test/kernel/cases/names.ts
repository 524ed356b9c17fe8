// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const SLEEP = ['/usr/bin/sleep = stim'];
const BLOCK_SLEEP = 'process: { matchPaths: [{ path: /usr/bin/sleep, action: Block }] }';
const BLOCK_A = 'file: { matchPaths: [{ path: /data/a, action: Block }] }';
const BLOCK_DATA = 'file: { matchDirectories: [{ dir: /data/, recursive: true, action: Block }] }';
const ONLY_STIM = 'process: { matchPaths: [{ path: /bin/stim, action: Allow }] }';

const deniedExec = (path = '/usr/bin/sleep'): string => `denied SECURITY_BPRM_CHECK ${path} process.matchPaths[0]`;
const deep = (levels: number): string => '/d'.repeat(levels);
const LONG = `/${'x'.repeat(199)}`.repeat(15);

/** Other names for a protected object: links, spellings, depths, copies. */
export const NAME_CASES: readonly KernelCase[] = [
  {
    name: 'names: a symbolic link to a blocked program',
    policies: [BLOCK_SLEEP],
    root: SLEEP,
    run: `symlink /usr/bin/sleep /tmp/s OK
          run /tmp/s EACCES
          symlink ../usr/bin /tmp/bin OK
          run /tmp/bin/sleep EACCES`,
    expect: [`${deniedExec()} x2`],
  },
  {
    name: 'names: a hard link is another name, and rules by path let it pass',
    policies: [BLOCK_SLEEP],
    root: SLEEP,
    run: `link /usr/bin/sleep /tmp/h OK
          run /tmp/h OK
          run /usr/bin/sleep EACCES`,
    expect: [deniedExec()],
  },
  {
    name: 'names: hard link, copy, rename and unnamed memory do not get round an allow list',
    posture: 'block',
    policies: [ONLY_STIM],
    root: SLEEP,
    run: `link /bin/stim /tmp/h OK
          run /tmp/h EACCES
          copy /usr/bin/sleep /tmp/c OK
          run /tmp/c EACCES
          rename /usr/bin/sleep /tmp/r OK
          run /tmp/r EACCES
          memfd m /bin/stim x OK
          runfd m EACCES`,
    expect: ['/tmp/h', '/tmp/c', '/tmp/r', 'memfd:x'].map((path) => `denied SECURITY_BPRM_CHECK ${path} posture`),
  },
  {
    name: 'names: rules by path do not follow a rename or a copy, rules by name follow a rename',
    policies: [BLOCK_SLEEP, 'process: { matchPaths: [{ execname: tool, action: Block }] }'],
    root: [...SLEEP, '/usr/bin/tool = stim'],
    run: `copy /usr/bin/sleep /tmp/c OK
          run /tmp/c OK
          rename /usr/bin/sleep /tmp/r OK
          run /tmp/r OK
          rename /usr/bin/tool /tmp/tool OK
          run /tmp/tool EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /tmp/tool p1:process.matchPaths[0]'],
  },
  {
    name: 'names: a program made under a blocked name',
    policies: [BLOCK_SLEEP],
    root: ['/usr/bin/'],
    run: `run /usr/bin/sleep ENOENT
          copy /bin/stim /usr/bin/sleep OK
          run /usr/bin/sleep EACCES`,
    expect: [deniedExec()],
  },
  {
    name: 'names: doubled slashes, dots and going up',
    policies: [BLOCK_SLEEP, BLOCK_A],
    root: SLEEP,
    run: `run //usr///bin//sleep EACCES
          run /usr/./bin/../bin/sleep EACCES
          run /../../usr/bin/sleep EACCES
          open r /data//sub/./../a EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep p0:process.matchPaths[0] x3', 'denied FILE_OPEN /data/a p1:file.matchPaths[0]'],
  },
  {
    name: 'names: relative names',
    policies: [BLOCK_SLEEP, BLOCK_A],
    root: SLEEP,
    run: `chdir /usr/bin OK
          run sleep EACCES
          run ./sleep EACCES
          chdir /data/sub OK
          open r ../a EACCES
          open r c OK`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep p0:process.matchPaths[0] x2', 'denied FILE_OPEN /data/a p1:file.matchPaths[0]'],
  },
  {
    name: 'names: after chroot the path is still that of the name space',
    policies: [BLOCK_DATA],
    root: ['/jail/data/a', '/jail/data/sub/c'],
    run: `fork OK
          chroot /data / OK
          open r /a EACCES
          open r /sub/c EACCES
          $ /bin/stim OK
          chroot /jail / OK
          open r /data/a OK
          open r /data/sub/c OK`,
    expect: ['denied FILE_OPEN /data/a file.matchDirectories[0]', 'denied FILE_OPEN /data/sub/c file.matchDirectories[0]'],
  },
  {
    name: 'names: programs outside and inside a chroot',
    policies: [BLOCK_SLEEP],
    root: [...SLEEP, '/jail/usr/bin/sleep = stim'],
    run: `hold r path+dir / OK
          chroot /jail OK
          runfd r usr/bin/sleep EACCES
          run /usr/bin/sleep OK`,
    expect: [deniedExec()],
  },
  {
    name: 'names: through /proc',
    policies: [BLOCK_SLEEP, BLOCK_A],
    root: SLEEP,
    run: `open r /proc/self/root/data/a EACCES
          run /proc/self/root/usr/bin/sleep EACCES
          chdir /data OK
          open r /proc/self/cwd/a EACCES
          open r /proc/thread-self/root/data/a EACCES
          hold b path /usr/bin/sleep OK
          open r /proc/self/cwd/b OK`,
    expect: ['denied FILE_OPEN /data/a p1:file.matchPaths[0] x3', 'denied SECURITY_BPRM_CHECK /usr/bin/sleep p0:process.matchPaths[0]'],
  },
  {
    name: 'names: /proc/self/exe is the program itself',
    policies: ['process: { matchPaths: [{ path: /usr/bin/sleep, action: Block, fromSource: [{ path: /usr/bin/sleep }] }] }'],
    root: SLEEP,
    run: `run /proc/self/exe OK
          exec /usr/bin/sleep OK
          run /proc/self/exe EACCES
          run /bin/stim OK`,
    expect: [`${deniedExec()} by /usr/bin/sleep`],
  },
  {
    name: 'names: 40 components',
    policies: [`file: { matchPaths: [{ path: ${deep(39)}/f, action: Block }] }`],
    root: [`${deep(39)}/f`, `${deep(39)}/g`],
    run: `open r ${deep(39)}/f EACCES
          open r ${deep(39)}/g OK
          deep 39 d OK
          open w f EACCES`,
    expect: ['denied FILE_OPEN /d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/f file.matchPaths[0] x2'],
  },
  {
    name: 'names: 70 components, where the strictest rule that may still match decides',
    policies: [`file: { matchPaths: [{ path: ${deep(69)}/f, action: Block }] }`],
    root: [`${deep(69)}/f`, `/e${deep(69)}/f`],
    run: `open r ${deep(69)}/f EACCES
          open r /e${deep(69)}/f OK`,
    expect: ['denied FILE_OPEN /d/d/d/d/d/d/d/d/d/d… file.matchPaths[0]'],
  },
  {
    name: 'names: 70 components below a blocked directory, and of a program',
    policies: [
      'file: { matchDirectories: [{ dir: /d/, recursive: true, action: Block }] }',
      'process: { matchDirectories: [{ dir: /d/, recursive: true, action: Block }] }',
    ],
    root: [`${deep(69)}/f = stim`, `/e${deep(69)}/f = stim`],
    run: `open r ${deep(69)}/f EACCES
          run ${deep(69)}/f EACCES
          unlink ${deep(69)}/f EACCES
          run /e${deep(69)}/f OK`,
    expect: [
      'denied FILE_OPEN /d/d/d/d/d/d/d/d/d/d… p0:file.matchDirectories[0]',
      'denied SECURITY_BPRM_CHECK /d/d/d/d/d/d/d/d/d/d… p1:process.matchDirectories[0]',
      'denied FILE_UNLINK /d/d/d/d/d/d/d/d/d/d… p0:file.matchDirectories[0]',
    ],
  },
  {
    name: 'names: a path too deep to know is not allowed by an allow list',
    posture: 'block',
    policies: ['file: { matchDirectories: [{ dir: /d/, recursive: true, action: Allow }] }'],
    root: [`${deep(40)}/f`, `${deep(69)}/f`],
    run: `open r ${deep(40)}/f OK
          open r ${deep(69)}/f EACCES`,
    expect: ['denied FILE_OPEN /d/d/d/d/d/d/d/d/d/d… posture'],
  },
  {
    name: 'names: 3,000 bytes',
    policies: [`file: { matchPaths: [{ path: "${LONG}/f", action: Block }], matchPatterns: [{ pattern: "/*/**/g", action: Block }] }`],
    root: [`${LONG}/f`, `${LONG}/g`, `${LONG}/h`],
    run: `open r ${LONG}/f EACCES
          open r ${LONG}/g EACCES
          open r ${LONG}/h OK`,
    expect: ['denied FILE_OPEN /xxxxxxxxxxxxxxxxxxx… file.matchPaths[0]', 'denied FILE_OPEN /xxxxxxxxxxxxxxxxxxx… file.matchPatterns[0]'],
  },
  {
    name: 'names: components of 255 bytes',
    policies: [`process: { matchPaths: [{ path: "/${'y'.repeat(255)}", action: Block }] }`],
    root: [`/${'y'.repeat(255)} = stim`, `/${'y'.repeat(254)} = stim`],
    run: `run /${'y'.repeat(255)} EACCES
          run /${'y'.repeat(254)} OK`,
    expect: ['denied SECURITY_BPRM_CHECK /yyyyyyyyyyyyyyyyyyy… process.matchPaths[0]'],
  },
  {
    name: 'names: a program with a long path is known as a subject',
    policies: [`file: { matchPaths: [{ path: /data/a, action: Block, fromSource: [{ path: "${LONG}/web" }] }] }`],
    root: [`${LONG}/web = stim`, `${LONG}/other = stim`],
    run: `exec ${LONG}/other OK
          open r /data/a OK
          exec ${LONG}/web OK
          open r /data/b OK
          open r /data/a EACCES
          exec /bin/stim OK
          open r /data/a OK`,
    expect: ['denied FILE_OPEN /data/a file.matchPaths[0] by /xxxxxxxxxxxxxxxxxxx…'],
  },
  {
    name: 'names: bytes that are no UTF-8 letters of a name',
    policies: ['file: { matchDirectories: [{ dir: /data/ü/, recursive: true, action: Block }] }'],
    root: ['/data/ü/ñ', '/data/u/n'],
    run: `open r /data/ü/ñ EACCES
          open r /data/u/n OK`,
    expect: ['denied FILE_OPEN /data/ü/ñ file.matchDirectories[0]'],
  },
  {
    name: 'names: unnamed memory is matched under the name that the kernel shows',
    policies: ['process: { matchPatterns: [{ pattern: "**memfd:*", action: Block }] }'],
    run: `memfd m /bin/stim payload OK
          runfd m EACCES
          run /bin/stim OK`,
    expect: ['denied SECURITY_BPRM_CHECK memfd:payload process.matchPatterns[0]'],
  },
  {
    name: 'names: a program in unnamed memory is no subject that a rule names',
    posture: 'block',
    policies: [
      'file: { matchPaths: [{ path: /data/a, action: Allow, fromSource: [{ path: /bin/stim }] }, { path: /bin/stim, readOnly: true, action: Allow }] }',
    ],
    run: `open r /data/a OK
          memfd m /bin/stim x OK
          exec /proc/self/fd/4 OK
          open r /data/a EACCES`,
    expect: ['denied FILE_OPEN /data/a posture by memfd:x'],
  },
  {
    name: 'names: a volume as kubelet lays it out, before and after a rotation',
    policies: ['file: { matchPaths: [{ path: "/etc/secrets/*", action: Block }] }'],
    cell: ['--ro-bind', 'volume:/etc/secrets'],
    root: ['/etc/secrets/', 'volume:/..2026_01/password', 'volume:/..data -> ..2026_01', 'volume:/password -> ..data/password'],
    run: `open r /etc/secrets/password EACCES
          open r /etc/secrets/..data/password EACCES
          open r /etc/secrets/..2026_01/password EACCES
          ! sh cd $VOLUME; mkdir ..2026_02; echo new >..2026_02/password; ln -s ..2026_02 ..tmp; mv -T ..tmp ..data; rm -r ..2026_01
          open r /etc/secrets/password EACCES`,
    expect: ['denied FILE_OPEN /etc/secrets/password file.matchPaths[0] x4'],
  },
  {
    name: 'names: a file of a kubelet volume stays the same name for exact and Allow rules',
    posture: 'block',
    policies: ['file: { matchPaths: [{ path: /etc/secrets/password, readOnly: true, action: Allow }] }'],
    cell: ['--ro-bind', 'volume:/etc/secrets'],
    root: [
      '/etc/secrets/',
      'volume:/..2026_01/password',
      'volume:/..2026_01/other',
      'volume:/..data -> ..2026_01',
      'volume:/password -> ..data/password',
      'volume:/other -> ..data/other',
    ],
    run: `open r /etc/secrets/password OK
          open r /etc/secrets/other EACCES
          ! sh cd $VOLUME; cp -r ..2026_01 ..2026_02; ln -s ..2026_02 ..tmp; mv -T ..tmp ..data; rm -r ..2026_01
          open r /etc/secrets/password OK
          open r /etc/secrets/other EACCES`,
    expect: ['denied FILE_OPEN /etc/secrets/other posture x2'],
  },
  {
    name: 'names: on a volume that can be written to, such a folder is an ordinary one',
    policies: ['file: { matchPaths: [{ path: /srv/v/password, action: Block }] }'],
    cell: ['--bind', 'volume:/srv/v'],
    root: ['/srv/v/', 'volume:/..2026_01/password', 'volume:/password'],
    run: `open r /srv/v/password EACCES
          open r /srv/v/..2026_01/password OK`,
    expect: ['denied FILE_OPEN /srv/v/password file.matchPaths[0]'],
  },
];
