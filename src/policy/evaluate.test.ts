// SPDX-License-Identifier: Apache-2.0
import { BLOCK, check, on } from './testing/sentences.ts';

const file = (rules: string): string => `file: {matchPaths: [${rules}]}`;

check([
  {
    says: 'section 4: a rule with a subject decides before one without, even a directory before an exact path',
    spec: 'file: {matchPaths: [{path: /a/b, action: Block}], matchDirectories: [{dir: /a/, recursive: true, action: Allow, fromSource: [{path: /bin/x}]}]}',
    workload: BLOCK,
    gets: [
      [on('read', '/a/b', { subject: '/bin/x' }), 'passed'],
      [on('read', '/a/b', { subject: '/bin/y' }), 'denied by file.matchPaths[0]'],
      [on('read', '/a/c', { subject: '/bin/y' }), 'denied by posture'],
    ],
  },
  {
    says: 'section 4: exact path before glob before directory',
    spec: 'file: {matchPaths: [{path: /a/b, action: Allow}], matchPatterns: [{pattern: /a/*, action: Block}], matchDirectories: [{dir: /a/, action: Allow}]}',
    gets: [
      [on('read', '/a/b'), 'passed'],
      [on('read', '/a/c'), 'denied by file.matchPatterns[0]'],
    ],
  },
  {
    says: 'section 4: execname is as specific as an exact path, and at equal rank Block beats Allow',
    spec: 'process: {matchPaths: [{execname: nc, action: Block}, {path: /bin/nc, action: Allow}, {path: /bin/ls, action: Allow}]}',
    gets: [
      [on('exec', '/bin/nc'), 'denied by process.matchPaths[0]'],
      [on('exec', '/opt/deep/nc'), 'denied by process.matchPaths[0]'],
      [on('exec', '/bin/ls'), 'passed'],
      [on('exec', '/bin/nc2'), 'audited by posture'],
    ],
  },
  {
    says: 'section 4: the deeper directory first, the non-recursive before the recursive one',
    spec: `file: {matchDirectories: [{dir: /a/, recursive: true, action: Block}, {dir: /a/b/, recursive: true, action: Allow},
      {dir: /a/b/, action: Block}, {dir: /a/b/c/, recursive: true, action: Block}]}`,
    gets: [
      [on('read', '/a/x'), 'denied by file.matchDirectories[0]'],
      [on('read', '/a/b/x'), 'denied by file.matchDirectories[2]'],
      [on('read', '/a/b/d/x'), 'passed'],
      [on('read', '/a/b/c/x'), 'denied by file.matchDirectories[3]'],
    ],
  },
  {
    says: 'section 4: a Block glob outranks any directory; an Allow glob only one that holds its fixed prefix',
    spec: `file: {matchDirectories: [{dir: /a/b/, recursive: true, action: Block}, {dir: /k/m/n/, recursive: true, action: Allow}],
      matchPatterns: [{pattern: /a/*/ok*, action: Allow}, {pattern: /a/b/in/*, action: Allow}, {pattern: "/k/**", action: Block}]}`,
    gets: [
      [on('read', '/a/b/ok1'), 'denied by file.matchDirectories[0]'],
      [on('read', '/a/c/ok1'), 'passed'],
      [on('read', '/a/b/in/x'), 'passed'],
      [on('read', '/k/m/n/x'), 'denied by file.matchPatterns[2]'],
    ],
  },
  {
    says: 'section 4: globs are equal among themselves: Block beats Allow however much longer the Allow glob is',
    spec: 'file: {matchPatterns: [{pattern: "/**/b", action: Block}, {pattern: /a/long/prefix/?, action: Allow}]}',
    gets: [
      [on('read', '/a/long/prefix/b'), 'denied by file.matchPatterns[0]'],
      [on('read', '/a/long/prefix/c'), 'passed'],
    ],
  },
  {
    says: 'section 4: without an Allow rule in the family nothing is asked of the posture; process and file are apart',
    spec: 'process: {matchPaths: [{path: /bin/ok, action: Allow}]}, file: {matchPaths: [{path: /secret, action: Block}]}',
    workload: BLOCK,
    gets: [
      [on('exec', '/bin/ok'), 'passed'],
      [on('exec', '/bin/other'), 'denied by posture'],
      [on('read', '/anything'), 'passed'],
      [on('read', '/secret'), 'denied by file.matchPaths[0]'],
    ],
  },
  {
    says: 'section 4: an Allow rule with a subject makes the family a list for everybody',
    spec: file('{path: /a, action: Allow, fromSource: [{path: /bin/x}]}'),
    gets: [
      [on('read', '/a', { subject: '/bin/x' }), 'passed'],
      [on('read', '/a'), 'audited by posture'],
      [on('read', '/b'), 'audited by posture'],
    ],
  },
  {
    says: 'section 1: spec.defaultPosture makes it stricter, never laxer',
    spec: `defaultPosture: block, ${file('{path: /a, action: Allow}')}`,
    gets: [[on('read', '/b'), 'denied by posture']],
  },
  {
    says: 'section 1: spec.defaultPosture audit does not undo a configured block',
    spec: `defaultPosture: audit, ${file('{path: /a, action: Allow}')}`,
    workload: BLOCK,
    gets: [[on('read', '/b'), 'denied by posture']],
  },
  {
    says: 'section 4: Audit rules change no verdict and do not count as Allow; the most specific one is told',
    spec: 'file: {matchPaths: [{path: /a/b, action: Audit}, {path: /a/c, action: Block}, {path: /a/c, action: Audit}], matchDirectories: [{dir: /a/, action: Audit}]}',
    workload: BLOCK,
    gets: [
      [on('read', '/a/b'), 'audited by file.matchPaths[0]'],
      [on('read', '/a/x'), 'audited by file.matchDirectories[0]'],
      [on('read', '/a/c'), 'denied by file.matchPaths[1]'],
      [on('read', '/x'), 'passed'],
    ],
  },
  {
    says: "section 4: one access raises one alert: an Audit rule's before the posture's",
    spec: file('{path: /a, action: Allow}, {path: /b, action: Audit}'),
    gets: [
      [on('read', '/b'), 'audited by file.matchPaths[1]'],
      [on('read', '/c'), 'audited by posture'],
      [on('read', '/a'), 'passed'],
    ],
  },
  {
    says: 'section 4: an object that cannot be known: Block of anything still reachable, else the posture',
    spec: file('{path: /a/b, action: Block, readOnly: true}, {path: /x, action: Allow}'),
    gets: [
      [on('write', '', { state: 'unknown' }), 'denied by file.matchPaths[0]'],
      [on('read', '', { state: 'unknown' }), 'audited by posture'],
    ],
  },
  {
    says: 'section 4: a path deeper than the bound: what can still be reached below it',
    spec: 'file: {matchDirectories: [{dir: /a/, recursive: true, action: Block}, {dir: /b/, action: Block}]}, process: {matchPaths: [{execname: nc, action: Block}]}',
    gets: [
      [on('read', `/a${'/d'.repeat(70)}`), 'denied by file.matchDirectories[0]'],
      [on('read', `/b${'/d'.repeat(70)}`), 'passed'],
      [on('exec', `/b${'/d'.repeat(70)}`), 'denied by process.matchPaths[0]'],
    ],
  },
]);

check([
  {
    says: 'section 3: a directory rule counts for children, or the subtree, and for the directory itself',
    spec: 'file: {matchDirectories: [{dir: /a/, action: Block}, {dir: /r/, recursive: true, action: Block}]}',
    gets: [
      [on('read', '/a'), 'denied by file.matchDirectories[0]'],
      [on('read', '/a/b'), 'denied by file.matchDirectories[0]'],
      [on('read', '/a/b/c'), 'passed'],
      [on('write', '/r'), 'denied by file.matchDirectories[1]'],
      [on('read', '/r/b/c'), 'denied by file.matchDirectories[1]'],
      [on('read', '/rr'), 'passed'],
    ],
  },
  {
    says: 'section 3: subjects may be a path, a glob or a directory; any of several',
    spec: file('{path: /a, action: Block, fromSource: [{path: /bin/x}, {path: "/opt/*/run"}, {dir: /srv/, recursive: true}]}'),
    gets: [
      [on('read', '/a', { subject: '/bin/x' }), 'denied by file.matchPaths[0]'],
      [on('read', '/a', { subject: '/opt/v1/run' }), 'denied by file.matchPaths[0]'],
      [on('read', '/a', { subject: '/srv/a/b/c' }), 'denied by file.matchPaths[0]'],
      [on('read', '/a', { subject: '/bin/y' }), 'passed'],
    ],
  },
  {
    says: 'section 3: before its first exec a container is /runc, which only rules that name it match',
    spec: `process: {matchPaths: [{path: /a, action: Block, fromSource: [{path: /runc}]}, {path: /b, action: Block, fromSource: [{path: "/**"}]},
      {path: /c, action: Block, fromSource: [{dir: /, recursive: true}]}]}`,
    gets: [
      [on('exec', '/a', { subject: { runtime: true } }), 'denied by process.matchPaths[0]'],
      [on('exec', '/b', { subject: { runtime: true } }), 'passed'],
      [on('exec', '/c', { subject: { runtime: true } }), 'passed'],
      [on('exec', '/b', { subject: '/bin/sh' }), 'denied by process.matchPaths[1]'],
    ],
  },
  {
    says: 'a task whose program is not known: Block and Audit rules match it, Allow rules do not',
    spec: file(
      '{path: /a, action: Block, fromSource: [{path: /bin/x}]}, {path: /b, action: Allow, fromSource: [{path: /bin/x}]}, {path: /c, action: Audit, fromSource: [{path: /bin/x}]}',
    ),
    workload: BLOCK,
    gets: [
      [on('read', '/a', { subject: undefined }), 'denied by file.matchPaths[0]'],
      [on('read', '/b', { subject: undefined }), 'denied by posture'],
    ],
  },
  {
    says: 'section 3: readOnly: Allow allows reading, Block denies writing, Audit audits writing',
    spec: file(
      '{path: /a, readOnly: true, action: Allow}, {path: /b, readOnly: true, action: Block}, {path: /c, readOnly: true, action: Audit}',
    ),
    gets: [
      [on('read', '/a'), 'passed'],
      [on('write', '/a'), 'audited by posture'],
      [on('read-write', '/a'), 'audited by posture'],
      [on('read', '/b'), 'audited by posture'],
      [on('write', '/b'), 'denied by file.matchPaths[1]'],
      [on('read-write', '/b'), 'denied by file.matchPaths[1]'],
      [on('write', '/c'), 'audited by file.matchPaths[2]'],
    ],
  },
  {
    says: 'section 3: ownerOnly: Allow for the owner; Block denies everyone else and, with readOnly, the writes of the owner',
    spec: file(`{path: /a, ownerOnly: true, action: Allow}, {path: /b, ownerOnly: true, action: Block}, {path: /c, ownerOnly: true, readOnly: true, action: Block},
      {path: /d, ownerOnly: true, action: Audit}, {path: /e, ownerOnly: true, readOnly: true, action: Audit}, {path: /f, ownerOnly: true, readOnly: true, action: Allow}`),
    workload: BLOCK,
    gets: [
      [on('write', '/a', { owner: true }), 'passed'],
      [on('read', '/a'), 'denied by posture'],
      [on('read', '/b'), 'denied by file.matchPaths[1]'],
      [on('read', '/b', { owner: true }), 'denied by posture'],
      [on('read', '/c'), 'denied by file.matchPaths[2]'],
      [on('read', '/c', { owner: true }), 'denied by posture'],
      [on('write', '/c', { owner: true }), 'denied by file.matchPaths[2]'],
      [on('read', '/f', { owner: true }), 'passed'],
      [on('write', '/f', { owner: true }), 'denied by posture'],
    ],
  },
  {
    says: 'section 3: ownerOnly Audit audits what Block would deny',
    spec: file('{path: /d, ownerOnly: true, action: Audit}, {path: /e, ownerOnly: true, readOnly: true, action: Audit}'),
    gets: [
      [on('read', '/d'), 'audited by file.matchPaths[0]'],
      [on('write', '/d', { owner: true }), 'passed'],
      [on('read', '/e'), 'audited by file.matchPaths[1]'],
      [on('read', '/e', { owner: true }), 'passed'],
      [on('write', '/e', { owner: true }), 'audited by file.matchPaths[1]'],
    ],
  },
  {
    says: 'section 3: ownerOnly of programs',
    spec: 'process: {matchPaths: [{path: /a, ownerOnly: true, action: Allow}, {path: /b, ownerOnly: true, action: Block}]}',
    gets: [
      [on('exec', '/a', { owner: true }), 'passed'],
      [on('exec', '/a'), 'audited by posture'],
      [on('exec', '/b', { owner: true }), 'audited by posture'],
      [on('exec', '/b'), 'denied by process.matchPaths[1]'],
    ],
  },
  {
    says: 'section 3: renaming an ancestor of what a Block or readOnly rule protects is a write to it',
    spec: `file: {matchPaths: [{path: /a/b/c, action: Block}, {path: /own/x/y, ownerOnly: true, readOnly: true, action: Block}, {path: /au/x/y, readOnly: true, action: Audit},
      {path: /seen/x/y, action: Audit}], matchDirectories: [{dir: /d/e/, recursive: true, action: Block}], matchPatterns: [{pattern: /g/h*/i, action: Block}]}`,
    gets: [
      [on('rename', '/a'), 'denied by file.matchPaths[0]'],
      [on('rename', '/a/b'), 'denied by file.matchPaths[0]'],
      [on('write', '/a/b'), 'passed'],
      [on('rename', '/a/bb'), 'passed'],
      [on('rename', '/d'), 'denied by file.matchDirectories[0]'],
      [on('rename', '/d/e'), 'denied by file.matchDirectories[0]'],
      [on('rename', '/g'), 'denied by file.matchPatterns[0]'],
      [on('rename', '/own/x', { owner: true }), 'denied by file.matchPaths[1]'],
      [on('rename', '/au/x'), 'audited by file.matchPaths[2]'],
      [on('rename', '/seen/x'), 'passed'],
    ],
  },
  {
    says: 'section 3: mapping executable is denied where a Block rule by path, name or glob denies the exec; it has no posture',
    spec: `process: {matchPaths: [{path: /bin/a, action: Block}, {execname: nc, action: Block}, {path: /bin/ok, action: Allow}], matchPatterns: [{pattern: "/t/*", action: Block}],
      matchDirectories: [{dir: /d/, recursive: true, action: Block}]}`,
    workload: BLOCK,
    gets: [
      [on('map-exec', '/bin/a'), 'denied by process.matchPaths[0]'],
      [on('map-exec', '/x/nc'), 'denied by process.matchPaths[1]'],
      [on('map-exec', '/t/x'), 'denied by process.matchPatterns[0]'],
      [on('map-exec', '/d/lib.so'), 'passed'],
      [on('exec', '/d/lib.so'), 'denied by process.matchDirectories[0]'],
      [on('map-exec', '/lib/libc.so'), 'passed'],
    ],
  },
]);

check([
  {
    says: 'section 3: a foreign object: Allow rules never match, Block rules match the path shown and the one in its superblock',
    spec: file('{path: /a, action: Allow}, {path: /secret, action: Block}'),
    workload: BLOCK,
    gets: [
      [on('read', '/a'), 'passed'],
      [on('read', '/a', { state: 'foreign' }), 'denied by posture'],
      [on('read', '/secret', { state: 'foreign' }), 'denied by file.matchPaths[1]'],
      [on('read', '/other', { state: 'foreign', superblockPath: '/secret' }), 'denied by file.matchPaths[1]'],
      [on('read', '/other', { state: 'foreign', superblockPath: '/a' }), 'denied by posture'],
    ],
  },
  {
    says: 'section 3: where a mount shows a part of its superblock, Allow rules match the path shown and Block rules both',
    spec: file('{path: /data/f, action: Allow}, {path: /vol/secret, action: Block}'),
    workload: BLOCK,
    gets: [
      [on('read', '/data/f', { superblockPath: '/vol/f' }), 'passed'],
      [on('read', '/data/g', { superblockPath: '/vol/secret' }), 'denied by file.matchPaths[1]'],
    ],
  },
  {
    says: 'section 3: an exec rule on a link to a multi-call binary means the applet',
    spec: 'process: {matchPaths: [{path: /bin/sh, action: Block}, {path: /bin/ls, action: Allow}]}',
    workload: BLOCK,
    resolve: (object) => {
      const applet = object.kind === 'path' ? object.path.slice('/bin/'.length) : undefined;
      return [{ object }, { object: { kind: 'path', path: '/bin/busybox' }, applet }];
    },
    gets: [
      [on('exec', '/bin/busybox', { applet: 'sh' }), 'denied by process.matchPaths[0]'],
      [on('exec', '/bin/busybox', { applet: 'ls' }), 'passed'],
      [on('exec', '/bin/busybox', { applet: 'cat' }), 'denied by posture'],
      [on('exec', '/bin/busybox', { applet: { unknown: true } }), 'denied by process.matchPaths[0]'],
      [on('map-exec', '/bin/busybox'), 'passed'],
    ],
  },
  {
    says: 'section 3: later changes may add names to Block and Audit rules, never to Allow: neither to objects nor to subjects',
    spec: `process: {matchPaths: [{path: /opt/ok, action: Allow}, {path: /opt/bad, action: Block}]},
      file: {matchPaths: [{path: /opt/f, action: Allow}, {path: /a, action: Allow, fromSource: [{path: /opt/ok}]}, {path: /b, action: Block, fromSource: [{path: /opt/ok}]}]}`,
    workload: BLOCK,
    resolve: (object, _role, action) =>
      object.kind === 'path' && object.path.startsWith('/opt/') && action !== 'Allow'
        ? [{ object }, { object: { kind: 'path', path: object.path.replace('/opt/', '/bin/') } }]
        : [{ object }],
    gets: [
      [on('exec', '/opt/ok'), 'passed'],
      [on('exec', '/bin/ok'), 'denied by posture'],
      [on('exec', '/bin/bad'), 'denied by process.matchPaths[1]'],
      [on('read', '/a', { subject: '/opt/ok' }), 'passed'],
      [on('read', '/a', { subject: '/bin/ok' }), 'denied by posture'],
      [on('read', '/b', { subject: '/bin/ok' }), 'denied by file.matchPaths[2]'],
      [on('read', '/bin/f'), 'denied by posture'],
    ],
  },
]);
