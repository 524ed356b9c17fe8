// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const APP = ['/opt/tool = stim', '/opt/app/tool = stim', '/opt/app/sub/tool = stim', '/usr/bin/web = stim'];
/** The program of the case itself, so that its own exec raises no alert under a list. */
const SELF = '{ path: /bin/stim, action: Allow }';

/** Which of several rules decides: the order of the specification's section 4. */
export const PRECEDENCE_CASES: readonly KernelCase[] = [
  {
    name: 'precedence: a rule with a subject goes before one without',
    policies: [
      `process:
        matchPaths:
          - ${SELF}
          - { path: /usr/bin/web, action: Allow }
          - { path: /opt/tool, action: Block }
          - { path: /opt/tool, action: Allow, fromSource: [{ path: /usr/bin/web }] }`,
    ],
    root: APP,
    run: `run /opt/tool EACCES
          exec /usr/bin/web OK
          run /opt/tool OK`,
    expect: ['denied SECURITY_BPRM_CHECK /opt/tool process.matchPaths[2]'],
  },
  {
    name: 'precedence: a directory with a subject goes before a path without',
    policies: [
      `process:
        matchPaths: [${SELF}, { path: /usr/bin/web, action: Allow }, { path: /opt/tool, action: Allow }]
        matchDirectories: [{ dir: /opt/, recursive: true, action: Block, fromSource: [{ path: /usr/bin/web }] }]`,
    ],
    root: APP,
    run: `run /opt/tool OK
          exec /usr/bin/web OK
          run /opt/tool EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /opt/tool process.matchDirectories[0] by /usr/bin/web'],
  },
  {
    name: 'precedence: a path goes before every directory',
    policies: [
      `process:
        matchPaths: [${SELF}, { path: /opt/app/tool, action: Allow }]
        matchDirectories: [{ dir: /, recursive: true, action: Block }]`,
    ],
    root: APP,
    run: `run /opt/app/tool OK
          run /opt/tool EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /opt/tool process.matchDirectories[0]'],
  },
  {
    name: 'precedence: the deeper directory goes first, Allow in Block',
    policies: [
      `process:
        matchPaths: [${SELF}]
        matchDirectories: [{ dir: /opt/, recursive: true, action: Block }, { dir: /opt/app/, recursive: true, action: Allow }]`,
    ],
    root: APP,
    run: `run /opt/app/tool OK
          run /opt/app/sub/tool OK
          run /opt/tool EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /opt/tool process.matchDirectories[0]'],
  },
  {
    name: 'precedence: the deeper directory goes first, Block in Allow',
    policies: [
      `process:
        matchPaths: [${SELF}]
        matchDirectories: [{ dir: /opt/app/, recursive: true, action: Block }, { dir: /opt/, recursive: true, action: Allow }]`,
    ],
    root: APP,
    run: `run /opt/app/tool EACCES
          run /opt/app/sub/tool EACCES
          run /opt/tool OK`,
    expect: ['/opt/app/tool', '/opt/app/sub/tool'].map((path) => `denied SECURITY_BPRM_CHECK ${path} process.matchDirectories[0]`),
  },
  {
    name: 'precedence: children alone go before the whole subtree',
    policies: [
      `process:
        matchPaths: [${SELF}]
        matchDirectories: [{ dir: /opt/app/, recursive: true, action: Block }, { dir: /opt/app/, action: Allow }]`,
    ],
    root: APP,
    run: `run /opt/app/tool OK
          run /opt/app/sub/tool EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /opt/app/sub/tool process.matchDirectories[0]'],
  },
  {
    name: 'precedence: a Block glob goes before every directory',
    policies: [
      `process:
        matchPaths: [${SELF}]
        matchDirectories: [{ dir: /opt/app/sub/, action: Allow }]
        matchPatterns: [{ pattern: "**/tool", action: Block }]`,
    ],
    root: APP,
    run: 'run /opt/app/sub/tool EACCES',
    expect: ['denied SECURITY_BPRM_CHECK /opt/app/sub/tool process.matchPatterns[0]'],
  },
  {
    name: 'precedence: an Allow glob goes before a Block directory that holds its fixed beginning',
    policies: [
      `process:
        matchPaths: [${SELF}]
        matchDirectories: [{ dir: /opt/, recursive: true, action: Block }]
        matchPatterns: [{ pattern: /opt/app/t*, action: Allow }]`,
    ],
    root: APP,
    run: `run /opt/app/tool OK
          run /opt/app/sub/tool EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /opt/app/sub/tool process.matchDirectories[0]'],
  },
  {
    name: 'precedence: an Allow glob does not open a Block directory that its fixed beginning lies outside of',
    policies: [
      `process:
        matchPaths: [${SELF}]
        matchDirectories: [{ dir: /opt/, recursive: true, action: Block }]
        matchPatterns: [{ pattern: /o*/app/tool, action: Allow }]`,
    ],
    root: APP,
    run: 'run /opt/app/tool EACCES',
    expect: ['denied SECURITY_BPRM_CHECK /opt/app/tool process.matchDirectories[0]'],
  },
  {
    name: 'precedence: a path goes before a glob',
    policies: [
      `process:
        matchPaths: [${SELF}, { path: /opt/app/tool, action: Allow }]
        matchPatterns: [{ pattern: "/opt/**", action: Block }]`,
    ],
    root: APP,
    run: `run /opt/app/tool OK
          run /opt/tool EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /opt/tool process.matchPatterns[0]'],
  },
  {
    name: 'precedence: globs are equal among themselves, so Block wins',
    policies: [
      `process:
        matchPaths: [${SELF}]
        matchPatterns: [{ pattern: /opt/app/too?, action: Allow }, { pattern: "**/t*", action: Block }]`,
    ],
    root: APP,
    run: 'run /opt/app/tool EACCES',
    expect: ['denied SECURITY_BPRM_CHECK /opt/app/tool process.matchPatterns[1]'],
  },
  {
    name: 'precedence: Block beats Allow on the same path, whichever policy comes first',
    policies: [
      `process: { matchPaths: [${SELF}, { path: /opt/tool, action: Allow }, { path: /opt/app/tool, action: Block }] }`,
      'process: { matchPaths: [{ path: /opt/tool, action: Block }, { path: /opt/app/tool, action: Allow }] }',
    ],
    root: APP,
    run: `run /opt/tool EACCES
          run /opt/app/tool EACCES`,
    expect: [
      'denied SECURITY_BPRM_CHECK /opt/tool p1:process.matchPaths[0]',
      'denied SECURITY_BPRM_CHECK /opt/app/tool p0:process.matchPaths[2]',
    ],
  },
  {
    name: 'precedence: execname ranks as a path',
    policies: [`process: { matchPaths: [${SELF}, { path: /opt/tool, action: Allow }, { execname: tool, action: Block }] }`],
    root: APP,
    run: 'run /opt/tool EACCES',
    expect: ['denied SECURITY_BPRM_CHECK /opt/tool process.matchPaths[2]'],
  },
  {
    name: 'precedence: Audit does not excuse a Block, and one access raises one alert',
    policies: [
      `process:
        matchPaths: [{ path: /opt/tool, action: Audit }]
        matchDirectories: [{ dir: /opt/, recursive: true, action: Block }]`,
    ],
    root: APP,
    run: 'run /opt/tool EACCES',
    expect: ['denied SECURITY_BPRM_CHECK /opt/tool process.matchDirectories[0]'],
  },
  {
    name: 'precedence: Audit is not Allow: there is no list',
    posture: 'block',
    policies: ['process: { matchPaths: [{ path: /opt/tool, action: Audit }] }'],
    root: APP,
    run: `run /opt/tool OK
          run /opt/app/tool OK`,
    expect: ['audited SECURITY_BPRM_CHECK /opt/tool process.matchPaths[0]'],
  },
  {
    name: 'precedence: the most specific Audit rule reports',
    policies: [
      `process:
        matchPaths: [{ path: /opt/tool, action: Audit }]
        matchDirectories: [{ dir: /opt/, recursive: true, action: Audit }]`,
    ],
    root: APP,
    run: `run /opt/tool OK
          run /opt/app/tool OK`,
    expect: [
      'audited SECURITY_BPRM_CHECK /opt/tool process.matchPaths[0]',
      'audited SECURITY_BPRM_CHECK /opt/app/tool process.matchDirectories[0]',
    ],
  },
  {
    name: 'precedence: an Audit rule reports before an audit posture',
    policies: [`process: { matchPaths: [${SELF}, { path: /opt/tool, action: Audit }] }`],
    root: APP,
    run: `run /opt/tool OK
          run /opt/app/tool OK`,
    expect: ['audited SECURITY_BPRM_CHECK /opt/tool process.matchPaths[1]', 'audited SECURITY_BPRM_CHECK /opt/app/tool posture'],
  },
  {
    name: 'precedence: a block posture denies what only an Audit rule matches',
    posture: 'block',
    policies: [`process: { matchPaths: [${SELF}, { path: /opt/tool, action: Audit }] }`],
    root: APP,
    run: 'run /opt/tool EACCES',
    expect: ['denied SECURITY_BPRM_CHECK /opt/tool posture'],
  },
  {
    name: 'precedence: an allowed access may be audited',
    posture: 'block',
    policies: [
      `process: { matchPaths: [${SELF}, { path: /opt/tool, action: Allow }], matchPatterns: [{ pattern: "/opt/*", action: Audit }] }`,
    ],
    root: APP,
    run: 'run /opt/tool OK',
    expect: ['audited SECURITY_BPRM_CHECK /opt/tool process.matchPatterns[0]'],
  },
  {
    name: 'precedence: policies add up, each alert names its own',
    policies: [
      'process: { matchPaths: [{ path: /opt/tool, action: Block }] }',
      'process: { matchPaths: [{ path: /opt/app/tool, action: Audit }] }',
      'file: { matchPaths: [{ path: /etc/shadow, action: Block }] }',
    ],
    root: APP,
    run: `run /opt/tool EACCES
          run /opt/app/tool OK
          open r /etc/shadow EACCES`,
    expect: [
      'denied SECURITY_BPRM_CHECK /opt/tool p0:process.matchPaths[0]',
      'audited SECURITY_BPRM_CHECK /opt/app/tool p1:process.matchPaths[0]',
      'denied FILE_OPEN /etc/shadow p2:file.matchPaths[0]',
    ],
  },
  {
    name: 'precedence: file: the most specific rule decides each access by itself',
    policies: [
      `file:
        matchPaths: [{ path: /data/a, action: Allow }]
        matchDirectories: [{ dir: /data/, recursive: true, readOnly: true, action: Block }]`,
    ],
    run: `open rw /data/a OK
          open r /data/sub/c OK
          open w /data/sub/c EACCES`,
    expect: ['audited FILE_OPEN /data/sub/c posture', 'denied FILE_OPEN /data/sub/c file.matchDirectories[0]'],
  },
  {
    name: 'precedence: file: reading allowed, writing of the same file blocked',
    posture: 'block',
    policies: [
      `file:
        matchPaths: [{ path: /data/a, readOnly: true, action: Allow }]
        matchDirectories: [{ dir: /data/, action: Block }]`,
    ],
    run: `open r /data/a OK
          open w /data/a EACCES
          open rw /data/a EACCES
          open r /etc/passwd EACCES`,
    expect: ['denied FILE_OPEN /data/a file.matchDirectories[0] x2', 'denied FILE_OPEN /etc/passwd posture'],
  },
  {
    name: 'precedence: a policy of another name space, label or container has no say',
    policies: [
      ...[
        'metadata: { name: a, namespace: other }\nspec:\n  selector: { matchLabels: { app: web } }',
        'metadata: { name: b, namespace: default }\nspec:\n  selector: { matchLabels: { app: db } }',
        'metadata: { name: c, namespace: default }\nspec:\n  selector: { matchLabels: { kubearmor.io/container.name: "[sidecar]" } }',
      ].map(
        (head) =>
          `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\n${head}\n  process: { matchPaths: [{ path: /opt/tool, action: Block }] }`,
      ),
      `apiVersion: security.kubearmor.com/v1
kind: KubeArmorClusterPolicy
metadata: { name: d }
spec:
  selector: { matchExpressions: [{ key: namespace, operator: In, values: [default] }] }
  process: { matchPaths: [{ path: /opt/app/tool, action: Block }] }`,
    ],
    root: APP,
    run: `run /opt/tool OK
          run /opt/app/tool EACCES`,
    expect: ['denied SECURITY_BPRM_CHECK /opt/app/tool d:process.matchPaths[0]'],
  },
];
