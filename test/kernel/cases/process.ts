// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const SLEEP = ['/usr/bin/sleep = stim'];
const WEB = ['/usr/bin/web = stim', ...SLEEP];

/** Which programs may be executed: objects, subjects, owners, postures. */
export const PROCESS_CASES: readonly KernelCase[] = [
  {
    name: 'process: Block by path denies that program and no other',
    policies: ['process: { matchPaths: [{ path: /usr/bin/sleep, action: Block }] }'],
    root: [...SLEEP, '/usr/bin/sleepy = stim'],
    run: `run /usr/bin/sleep EACCES
          run /usr/bin/sleepy OK
          run /bin/stim OK`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep process.matchPaths[0]'],
  },
  {
    name: 'process: Block denies the first program of a container',
    policies: ['process: { matchPaths: [{ path: /usr/bin/sleep, action: Block }] }'],
    root: SLEEP,
    run: `$ /usr/bin/sleep EACCES
          $ /bin/stim OK
          open r /etc/passwd OK`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep process.matchPaths[0] by -'],
  },
  {
    name: 'process: without an action anywhere a rule blocks',
    policies: ['process: { matchPaths: [{ path: /usr/bin/sleep }] }'],
    root: SLEEP,
    run: 'run /usr/bin/sleep EACCES',
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep process.matchPaths[0]'],
  },
  {
    name: 'process: execname is the last component in any directory',
    policies: ['process: { matchPaths: [{ execname: sleep, action: Block }] }'],
    root: [...SLEEP, '/opt/a/sleep = stim', '/sleep = stim', '/opt/sleep2 = stim', '/opt/asleep = stim', '/opt/sleep/x = stim'],
    run: `run /usr/bin/sleep EACCES
          run /opt/a/sleep EACCES
          run /sleep EACCES
          run /opt/sleep2 OK
          run /opt/asleep OK
          run /opt/sleep/x OK`,
    expect: ['/usr/bin/sleep', '/opt/a/sleep', '/sleep'].map((path) => `denied SECURITY_BPRM_CHECK ${path} process.matchPaths[0]`),
  },
  {
    name: 'process: a directory means its children',
    policies: ['process: { matchDirectories: [{ dir: /opt/, action: Block }] }'],
    root: ['/opt/a = stim', '/opt/sub/b = stim', '/optional = stim'],
    run: `run /opt/a EACCES
          run /opt/sub/b OK
          run /optional OK`,
    expect: ['denied SECURITY_BPRM_CHECK /opt/a process.matchDirectories[0]'],
  },
  {
    name: 'process: a recursive directory means everything below, also without its final slash',
    policies: ['process: { matchDirectories: [{ dir: /opt, recursive: true, action: Block }] }'],
    root: ['/opt/a = stim', '/opt/sub/deep/b = stim', '/optional/c = stim'],
    run: `run /opt/a EACCES
          run /opt/sub/deep/b EACCES
          run /optional/c OK`,
    expect: ['/opt/a', '/opt/sub/deep/b'].map((path) => `denied SECURITY_BPRM_CHECK ${path} process.matchDirectories[0]`),
  },
  {
    name: 'process: a star of a glob stops at a slash',
    policies: ['process: { matchPatterns: [{ pattern: /opt/*/tool, action: Block }] }'],
    root: ['/opt/a/tool = stim', '/opt/b/tool = stim', '/opt/a/b/tool = stim', '/opt/a/tools = stim'],
    run: `run /opt/a/tool EACCES
          run /opt/b/tool EACCES
          run /opt/a/b/tool OK
          run /opt/a/tools OK`,
    expect: ['/opt/a/tool', '/opt/b/tool'].map((path) => `denied SECURITY_BPRM_CHECK ${path} process.matchPatterns[0]`),
  },
  {
    name: 'process: a leading ** matches at any depth, the root too',
    policies: ['process: { matchPatterns: [{ pattern: "**/tool*", action: Block }] }'],
    root: ['/tool = stim', '/opt/a/b/toolbox = stim', '/opt/mytool = stim'],
    run: `run /tool EACCES
          run /opt/a/b/toolbox EACCES
          run /opt/mytool OK`,
    expect: ['/tool', '/opt/a/b/toolbox'].map((path) => `denied SECURITY_BPRM_CHECK ${path} process.matchPatterns[0]`),
  },
  {
    name: 'process: question mark, sets and alternatives of globs',
    policies: ['process: { matchPatterns: [{ pattern: "/opt/{a?c,[x-z][^0-9]}", action: Block }] }'],
    root: ['/opt/abc = stim', '/opt/ac = stim', '/opt/xy = stim', '/opt/x1 = stim', '/opt/wy = stim'],
    run: `run /opt/abc EACCES
          run /opt/ac OK
          run /opt/xy EACCES
          run /opt/x1 OK
          run /opt/wy OK`,
    expect: ['/opt/abc', '/opt/xy'].map((path) => `denied SECURITY_BPRM_CHECK ${path} process.matchPatterns[0]`),
  },
  {
    name: 'process: a glob in matchPaths is a glob, and an escaped star a character',
    policies: ['process: { matchPaths: [{ path: /opt/*/run, action: Block }, { path: "/opt/\\\\*x", action: Block }] }'],
    root: ['/opt/9/run = stim', '/opt/*x = stim', '/opt/yx = stim'],
    run: `run /opt/9/run EACCES
          run /opt/*x EACCES
          run /opt/yx OK`,
    expect: ['denied SECURITY_BPRM_CHECK /opt/9/run process.matchPaths[0]', 'denied SECURITY_BPRM_CHECK /opt/*x process.matchPaths[1]'],
  },
  {
    name: 'process: a rule under a linked directory means where the link leads',
    policies: ['process: { matchPaths: [{ path: /sbin/tool, action: Block }] }'],
    root: ['/sbin -> usr/sbin', '/usr/sbin/tool = stim'],
    run: `run /sbin/tool EACCES
          run /usr/sbin/tool EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/sbin/tool process.matchPaths[0] x2'],
  },
  {
    name: 'process: a rule on a link means the program behind it',
    policies: ['process: { matchPaths: [{ path: /usr/bin/python3, action: Block }] }'],
    root: ['/usr/bin/python3 -> python3.11', '/usr/bin/python3.11 = stim', '/usr/bin/python3.12 = stim'],
    run: `run /usr/bin/python3 EACCES
          run /usr/bin/python3.11 EACCES
          run /usr/bin/python3.12 OK`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/python3.11 process.matchPaths[0] x2'],
  },
  {
    name: 'process: directories and globs resolve their linked beginning too',
    policies: ['process: { matchDirectories: [{ dir: /sbin/, action: Block }], matchPatterns: [{ pattern: /lib/x*, action: Block }] }'],
    root: ['/sbin -> usr/sbin', '/lib -> usr/lib', '/usr/sbin/tool = stim', '/usr/lib/xy = stim'],
    run: `run /usr/sbin/tool EACCES
          run /lib/xy EACCES`,
    expect: [
      'denied SECURITY_BPRM_CHECK /usr/sbin/tool process.matchDirectories[0]',
      'denied SECURITY_BPRM_CHECK /usr/lib/xy process.matchPatterns[0]',
    ],
  },
  {
    name: 'process: fromSource limits a rule to that program',
    policies: ['process: { matchPaths: [{ path: /usr/bin/sleep, action: Block, fromSource: [{ path: /usr/bin/web }] }] }'],
    root: WEB,
    run: `run /usr/bin/sleep OK
          $ /usr/bin/web OK
          run /usr/bin/sleep EACCES
          run /bin/stim OK`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep process.matchPaths[0] by /usr/bin/web'],
  },
  {
    name: 'process: a subject may be a glob, a directory, or one of several',
    policies: [
      `process:
        matchPaths:
          - { path: /etc/x, action: Block, fromSource: [{ path: "/opt/*/web" }] }
          - { path: /etc/y, action: Block, fromSource: [{ path: /srv/ }, { path: /usr/bin/web }] }`,
    ],
    root: [...WEB, '/opt/1/web = stim', '/srv/web = stim', '/etc/x = stim', '/etc/y = stim'],
    run: `$ /opt/1/web OK
          run /etc/x EACCES
          run /etc/y OK
          $ /srv/web OK
          run /etc/x OK
          run /etc/y EACCES
          $ /usr/bin/web OK
          run /etc/y EACCES`,
    expect: [
      'denied SECURITY_BPRM_CHECK /etc/x process.matchPaths[0] by /opt/1/web',
      'denied SECURITY_BPRM_CHECK /etc/y process.matchPaths[1] by /srv/web',
      'denied SECURITY_BPRM_CHECK /etc/y process.matchPaths[1] by /usr/bin/web',
    ],
  },
  {
    name: 'process: the subject is the program that calls execve, not its parent',
    policies: ['process: { matchPaths: [{ path: /usr/bin/sleep, action: Block, fromSource: [{ path: /usr/bin/web }] }] }'],
    root: WEB,
    run: `$ /usr/bin/web OK
          exec /bin/stim OK
          run /usr/bin/sleep OK
          exec /usr/bin/web OK
          run /usr/bin/sleep EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep process.matchPaths[0] by /usr/bin/web'],
  },
  {
    name: 'process: a subject keeps the path that it had at its exec',
    policies: ['process: { matchPaths: [{ path: /usr/bin/sleep, action: Block, fromSource: [{ path: /usr/bin/web }] }] }'],
    root: WEB,
    run: `$ /usr/bin/web OK
          rename /usr/bin/web /usr/bin/other OK
          run /usr/bin/sleep EACCES
          $ /usr/bin/other OK
          run /usr/bin/sleep OK`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep process.matchPaths[0] by /usr/bin/web'],
  },
  {
    name: 'process: a subject under a linked directory means where the link leads',
    policies: ['process: { matchPaths: [{ path: /etc/x, action: Block, fromSource: [{ path: /sbin/web }] }] }'],
    root: ['/sbin -> usr/sbin', '/usr/sbin/web = stim', '/etc/x = stim'],
    run: `$ /sbin/web OK
          run /etc/x EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /etc/x process.matchPaths[0] by /usr/sbin/web'],
  },
  {
    name: 'process: Block ownerOnly denies everybody but the owner',
    policies: ['process: { matchDirectories: [{ dir: /opt/, ownerOnly: true, action: Block }] }'],
    root: ['/opt/mine = stim', '/opt/theirs = stim @1000'],
    run: `run /opt/mine OK
          run /opt/theirs EACCES
          setfsuid 1000 OK
          run /opt/theirs OK
          run /opt/mine EACCES`,
    expect: ['/opt/theirs', '/opt/mine'].map((path) => `denied SECURITY_BPRM_CHECK ${path} process.matchDirectories[0]`),
  },
  {
    name: 'process: Allow ownerOnly allows the owner alone',
    posture: 'block',
    policies: ['process: { matchDirectories: [{ dir: /bin/, action: Allow }, { dir: /opt/, ownerOnly: true, action: Allow }] }'],
    root: ['/opt/mine = stim', '/opt/theirs = stim @1000'],
    run: `run /opt/mine OK
          run /opt/theirs EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /opt/theirs posture'],
  },
  {
    name: 'process: Audit ownerOnly audits what Block would deny',
    policies: ['process: { matchDirectories: [{ dir: /opt/, ownerOnly: true, action: Audit }] }'],
    root: ['/opt/mine = stim', '/opt/theirs = stim @1000'],
    run: `run /opt/mine OK
          run /opt/theirs OK`,
    expect: ['audited SECURITY_BPRM_CHECK /opt/theirs process.matchDirectories[0]'],
  },
  {
    name: 'process: an allow list under posture block denies the rest',
    posture: 'block',
    policies: ['process: { matchPaths: [{ path: /bin/stim, action: Allow }] }'],
    root: SLEEP,
    run: `run /bin/stim OK
          run /usr/bin/sleep EACCES
          open r /etc/shadow OK`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep posture'],
  },
  {
    name: 'process: an allow list under posture audit reports the rest',
    policies: ['process: { matchPaths: [{ path: /bin/stim, action: Allow }] }'],
    root: SLEEP,
    run: `run /bin/stim OK
          run /usr/bin/sleep OK`,
    expect: ['audited SECURITY_BPRM_CHECK /usr/bin/sleep posture'],
  },
  {
    name: 'process: an allow list denies the first program of a container',
    posture: 'block',
    policies: ['process: { matchPaths: [{ path: /bin/stim, action: Allow }] }'],
    root: SLEEP,
    run: '$ /usr/bin/sleep EACCES',
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep posture by -'],
  },
  {
    name: 'process: a policy brings its own posture',
    policies: ['defaultPosture: block\nprocess: { matchPaths: [{ path: /bin/stim, action: Allow }] }'],
    root: SLEEP,
    run: 'run /usr/bin/sleep EACCES',
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep posture'],
  },
  {
    name: 'process: the strictest posture holds',
    posture: { file: 'block' },
    policies: ['defaultPosture: audit\nprocess: { matchPaths: [{ path: /bin/stim, action: Allow }] }'],
    root: SLEEP,
    run: 'run /usr/bin/sleep EACCES',
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep posture'],
  },
  {
    name: 'process: the posture of another family does not matter',
    posture: { network: 'block', capabilities: 'block' },
    policies: ['process: { matchPaths: [{ path: /bin/stim, action: Allow }] }'],
    root: SLEEP,
    run: 'run /usr/bin/sleep OK',
    expect: ['audited SECURITY_BPRM_CHECK /usr/bin/sleep posture'],
  },
  {
    name: 'process: an Allow rule for one subject makes a list for everybody',
    posture: 'block',
    policies: [
      `process:
        matchPaths:
          - { path: /bin/stim, action: Allow }
          - { path: /usr/bin/web, action: Allow }
          - { path: /usr/bin/sleep, action: Allow, fromSource: [{ path: /usr/bin/web }] }`,
    ],
    root: WEB,
    run: `run /usr/bin/sleep EACCES
          exec /usr/bin/web OK
          run /usr/bin/sleep OK`,
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep posture'],
  },
  {
    name: 'process: a script is judged by its own path, and its interpreter by its own',
    policies: ['process: { matchPaths: [{ path: /opt/script, action: Block }, { path: /usr/bin/sleep, action: Block }] }'],
    root: [...SLEEP, '/opt/script #!/bin/stim', '/opt/other #!/usr/bin/sleep', '/opt/third #!/bin/stim'],
    run: `run /opt/script EACCES
          run /opt/other EACCES
          run /opt/third OK`,
    expect: [
      'denied SECURITY_BPRM_CHECK /opt/script process.matchPaths[0]',
      'denied SECURITY_BPRM_CHECK /usr/bin/sleep process.matchPaths[1]',
    ],
  },
  {
    name: 'process: an allowed script needs an allowed interpreter',
    posture: 'block',
    policies: ['process: { matchPaths: [{ path: /bin/stim, action: Allow }, { path: /opt/script, action: Allow }] }'],
    root: [...SLEEP, '/opt/script #!/usr/bin/sleep'],
    run: 'run /opt/script EACCES',
    expect: ['denied SECURITY_BPRM_CHECK /usr/bin/sleep posture'],
  },
  {
    name: 'process: Audit passes and reports',
    policies: ['process: { matchPaths: [{ path: /usr/bin/sleep, action: Audit }] }'],
    root: SLEEP,
    run: `run /usr/bin/sleep OK
          run /bin/stim OK`,
    expect: ['audited SECURITY_BPRM_CHECK /usr/bin/sleep process.matchPaths[0]'],
  },
  {
    name: 'process: a Block rule by name denies mapping the program executable',
    policies: ['process: { matchPaths: [{ path: /usr/bin/sleep, action: Block }], matchDirectories: [{ dir: /opt/, action: Block }] }'],
    root: [...SLEEP, '/opt/tool = stim', '/usr/bin/other = stim'],
    run: `hold a r /usr/bin/sleep OK
          mmap a r OK
          mmap a r+x EACCES
          mprotect a r r+x EACCES
          hold b r /opt/tool OK
          mmap b r+x OK
          hold c r /usr/bin/other OK
          mmap c r+x OK`,
    expect: ['denied MMAP_FILE /usr/bin/sleep process.matchPaths[0] x2'],
  },
  {
    name: 'process: an audited workload is denied nothing and told everything',
    mode: 'audited',
    posture: 'block',
    policies: ['process: { matchPaths: [{ path: /bin/stim, action: Allow }, { path: /opt/tool, action: Block }] }'],
    root: [...SLEEP, '/opt/tool = stim'],
    run: `run /opt/tool OK
          run /usr/bin/sleep OK
          run /bin/stim OK`,
    expect: ['would-deny SECURITY_BPRM_CHECK /opt/tool process.matchPaths[1]', 'would-deny SECURITY_BPRM_CHECK /usr/bin/sleep posture'],
  },
];
