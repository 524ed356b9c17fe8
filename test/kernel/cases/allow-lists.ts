// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const head = (name: string, namespace: string): string[] => [
  'apiVersion: security.kubearmor.com/v1',
  'kind: KubeArmorPolicy',
  `metadata: { name: ${name}, namespace: ${namespace} }`,
  'spec:',
  '  selector: { matchLabels: { app: web } }',
];

const NGINX = [
  ...head('nginx-only', 'demo'),
  '  process:',
  '    matchPaths: [{ path: /usr/sbin/nginx, action: Allow }]',
  '    matchDirectories: [{ dir: /, recursive: true, action: Block }]',
  '  file:',
  '    matchDirectories:',
  '      - { dir: /etc/nginx/, recursive: true, readOnly: true, action: Allow }',
  '      - { dir: /var/log/nginx/, action: Allow }',
  '      - { dir: /var/cache/nginx/, action: Allow }',
  '      - { dir: /usr/share/nginx/html/, readOnly: true, action: Allow }',
  '    matchPaths: [{ path: /etc/passwd, readOnly: true, action: Allow }, { path: /etc/group, readOnly: true, action: Allow }]',
].join('\n');

const NGINX_ROOT = [
  '/usr/sbin/nginx = stim',
  '/bin/sh = stim',
  '/usr/bin/wget = stim',
  '/etc/nginx/conf.d/x.conf',
  '/var/log/nginx/',
  '/var/cache/nginx/',
  '/usr/share/nginx/html/index.html',
];

const NODE = [
  ...head('node-only', 'production'),
  '  process:',
  '    matchPaths: [{ path: /usr/local/bin/node, action: Allow }, { path: /usr/bin/node, action: Allow }]',
  '    matchDirectories: [{ dir: /, recursive: true, action: Block }]',
  '  file:',
  '    matchDirectories:',
  '      - { dir: /app/, recursive: true, readOnly: true, action: Allow }',
  '      - { dir: /usr/local/lib/node_modules/, recursive: true, readOnly: true, action: Allow }',
  '      - { dir: /tmp/, action: Allow }',
  '    matchPaths: [{ path: /etc/passwd, readOnly: true, action: Allow }, { path: /etc/hosts, readOnly: true, action: Allow }]',
  '  network: { matchProtocols: [{ protocol: tcp, action: Allow }, { protocol: udp, action: Allow }, { protocol: raw, action: Block }] }',
].join('\n');

const POSTGRES = [
  ...head('postgres', 'database'),
  '  process:',
  '    matchPaths:',
  ...['postgres', 'pg_ctl', 'initdb'].map((name) => `      - { path: "/usr/lib/postgresql/*/bin/${name}", action: Allow }`),
  '    matchDirectories: [{ dir: /, recursive: true, action: Block }]',
  '  file:',
  '    matchDirectories:',
  '      - { dir: /var/lib/postgresql/, recursive: true, action: Allow }',
  '      - { dir: /var/run/postgresql/, action: Allow }',
  '      - { dir: /etc/postgresql/, recursive: true, readOnly: true, action: Allow }',
  '  capabilities: { matchCapabilities: [{ capability: net_bind_service, action: Block }] }',
].join('\n');

const POSTGRES_ROOT = [
  '/usr/lib/postgresql/15/bin/postgres = stim',
  '/usr/lib/postgresql/15/bin/pg_ctl = stim',
  '/usr/lib/postgresql/15/bin/initdb = stim',
  '/usr/lib/postgresql/15/bin/psql = stim',
  '/usr/lib/postgresql/15/extra/bin/postgres = stim',
  '/var/lib/postgresql/15/main/base',
  '/var/run -> /run',
  '/run/postgresql/',
  '/etc/postgresql/15/main.conf',
];

const CHECKOUT = [
  ...head('checkout', 'production'),
  '  process:',
  '    matchPaths: [{ path: /usr/local/bin/node, action: Allow }]',
  '    matchDirectories: [{ dir: /, recursive: true, action: Block }]',
  '  file: { matchDirectories: [{ dir: /app/, recursive: true, action: Allow }, { dir: /tmp/, action: Allow }] }',
  '  network: { matchProtocols: [{ protocol: tcp, action: Allow }, { protocol: udp, action: Allow }] }',
].join('\n');

const FRONTEND = [
  ...head('frontend', 'production'),
  '  network:',
  '    matchProtocols:',
  '      - { protocol: tcp, action: Allow }',
  '      - { protocol: udp, action: Allow }',
  '      - { protocol: icmp, action: Block }',
  '      - { protocol: raw, action: Block }',
].join('\n');

const NODE_ROOT = [
  '/usr/local/bin/node = stim',
  '/bin/sh = stim',
  '/app/src/main.js',
  '/usr/local/lib/node_modules/a/index.js',
  '/tmp/sub/',
];

/** The allow-list policies of published pages, in our own words, under both postures. */
export const ALLOW_LIST_CASES: readonly KernelCase[] = [
  {
    name: 'allow list: a web server that serves, and nothing else, posture block',
    namespace: 'demo',
    posture: 'block',
    policies: [NGINX],
    root: NGINX_ROOT,
    run: `$ /bin/sh EACCES
          $ /usr/sbin/nginx OK
          open r /etc/nginx/conf.d/x.conf OK
          open w+creat+append /var/log/nginx/access.log OK
          mkdir /var/cache/nginx/client_temp OK
          open r /usr/share/nginx/html/index.html OK
          open r /etc/passwd OK
          run /usr/sbin/nginx OK
          fork OK
          sock s inet stream OK
          bind s 127.0.0.1 80 OK
          listen s OK
          run /bin/sh EACCES
          run /usr/bin/wget EACCES
          open r /etc/shadow EACCES
          open w /etc/nginx/conf.d/x.conf EACCES
          open w /usr/share/nginx/html/index.html EACCES
          open w+creat /tmp/x EACCES`,
    expect: [
      'denied SECURITY_BPRM_CHECK /bin/sh process.matchDirectories[0] by -',
      'denied SECURITY_BPRM_CHECK /bin/sh process.matchDirectories[0] by /usr/sbin/nginx',
      'denied SECURITY_BPRM_CHECK /usr/bin/wget process.matchDirectories[0] by /usr/sbin/nginx',
      'denied FILE_OPEN /etc/shadow posture by /usr/sbin/nginx',
      'denied FILE_OPEN /etc/nginx/conf.d/x.conf posture by /usr/sbin/nginx',
      'denied FILE_OPEN /usr/share/nginx/html/index.html posture by /usr/sbin/nginx',
      'denied FILE_MKNOD /tmp/x posture by /usr/sbin/nginx',
    ],
  },
  {
    name: 'allow list: a web server, posture audit: programs are denied, files reported',
    namespace: 'demo',
    policies: [NGINX],
    root: NGINX_ROOT,
    run: `$ /usr/sbin/nginx OK
          run /bin/sh EACCES
          open r /etc/nginx/conf.d/x.conf OK
          open r /etc/shadow OK
          open w /etc/nginx/conf.d/x.conf OK`,
    expect: [
      'denied SECURITY_BPRM_CHECK /bin/sh process.matchDirectories[0] by /usr/sbin/nginx',
      'audited FILE_OPEN /etc/shadow posture by /usr/sbin/nginx',
      'audited FILE_OPEN /etc/nginx/conf.d/x.conf posture by /usr/sbin/nginx',
    ],
  },
  {
    name: 'allow list: Node.js, posture block',
    namespace: 'production',
    posture: 'block',
    policies: [NODE],
    root: NODE_ROOT,
    run: `$ /usr/local/bin/node OK
          open r /app/src/main.js OK
          open r /usr/local/lib/node_modules/a/index.js OK
          open r /etc/hosts OK
          open rw+creat /tmp/x OK
          socket inet stream OK
          socket inet dgram OK
          open w /app/src/main.js EACCES
          open w+creat /tmp/sub/x EACCES
          open r /etc/shadow EACCES
          run /bin/sh EACCES
          socket inet raw 1 EACCES
          socket netlink raw 0 EACCES`,
    expect: [
      'FILE_OPEN /app/src/main.js posture',
      'FILE_MKNOD /tmp/sub/x posture',
      'FILE_OPEN /etc/shadow posture',
      'SECURITY_BPRM_CHECK /bin/sh process.matchDirectories[0]',
      'SOCKET_CREATE inet/raw/1 network.matchProtocols[2]',
      'SOCKET_CREATE netlink/raw/0 posture',
    ].map((event) => `denied ${event} by /usr/local/bin/node`),
  },
  {
    name: 'allow list: Node.js, posture audit',
    namespace: 'production',
    policies: [NODE],
    root: NODE_ROOT,
    run: `$ /usr/local/bin/node OK
          open r /app/src/main.js OK
          open r /etc/shadow OK
          run /bin/sh EACCES
          socket inet raw 1 EACCES
          socket netlink raw 0 OK`,
    expect: [
      'audited FILE_OPEN /etc/shadow posture',
      'denied SECURITY_BPRM_CHECK /bin/sh process.matchDirectories[0]',
      'denied SOCKET_CREATE inet/raw/1 network.matchProtocols[2]',
      'audited SOCKET_CREATE netlink/raw/0 posture',
    ].map((event) => `${event} by /usr/local/bin/node`),
  },
  {
    name: 'allow list: a database server by globs, posture block',
    namespace: 'database',
    posture: 'block',
    policies: [POSTGRES],
    root: POSTGRES_ROOT,
    run: `$ /usr/lib/postgresql/15/bin/postgres OK
          run /usr/lib/postgresql/15/bin/postgres OK
          run /usr/lib/postgresql/15/bin/pg_ctl OK
          run /usr/lib/postgresql/15/bin/initdb OK
          run /usr/lib/postgresql/15/bin/psql EACCES
          run /usr/lib/postgresql/15/extra/bin/postgres EACCES
          open rw /var/lib/postgresql/15/main/base OK
          sock s unix stream OK
          bind s /var/run/postgresql/socket OK
          open r /etc/postgresql/15/main.conf OK
          open w /etc/postgresql/15/main.conf EACCES
          open r /etc/passwd EACCES
          sock t inet stream OK
          bind t 127.0.0.1 82 EACCES
          bind t 127.0.0.1 5432 OK`,
    expect: [
      'SECURITY_BPRM_CHECK /usr/lib/postgresql/15/bin/psql process.matchDirectories[0]',
      'SECURITY_BPRM_CHECK /usr/lib/postgresql/15/extra/bin/postgres process.matchDirectories[0]',
      'FILE_OPEN /etc/postgresql/15/main.conf posture',
      'FILE_OPEN /etc/passwd posture',
      'CAPABLE CAP_NET_BIND_SERVICE capabilities.matchCapabilities[0]',
    ].map((event) => `denied ${event} by /usr/lib/postgresql/15/bin/postgres`),
  },
  {
    name: 'allow list: a database server by globs, posture audit',
    namespace: 'database',
    policies: [POSTGRES],
    root: POSTGRES_ROOT,
    run: `$ /usr/lib/postgresql/15/bin/postgres OK
          run /usr/lib/postgresql/15/bin/psql EACCES
          open rw /var/lib/postgresql/15/main/base OK
          open r /etc/passwd OK`,
    expect: [
      'denied SECURITY_BPRM_CHECK /usr/lib/postgresql/15/bin/psql process.matchDirectories[0]',
      'audited FILE_OPEN /etc/passwd posture',
    ].map((event) => `${event} by /usr/lib/postgresql/15/bin/postgres`),
  },
  {
    name: 'allow list: a service with one program, one directory, posture block',
    namespace: 'production',
    posture: 'block',
    policies: [CHECKOUT],
    root: NODE_ROOT,
    run: `$ /usr/local/bin/node OK
          open rw /app/src/main.js OK
          open w+creat /tmp/x OK
          open r /etc/passwd EACCES
          run /bin/sh EACCES
          socket inet stream OK
          socket inet raw 1 EACCES`,
    expect: [
      'FILE_OPEN /etc/passwd posture',
      'SECURITY_BPRM_CHECK /bin/sh process.matchDirectories[0]',
      'SOCKET_CREATE inet/raw/1 posture',
    ].map((event) => `denied ${event} by /usr/local/bin/node`),
  },
  {
    name: 'allow list: a service with one program, one directory, posture audit',
    namespace: 'production',
    policies: [CHECKOUT],
    root: NODE_ROOT,
    run: `$ /usr/local/bin/node OK
          open r /etc/passwd OK
          run /bin/sh EACCES
          socket inet raw 1 OK`,
    expect: [
      'audited FILE_OPEN /etc/passwd posture',
      'denied SECURITY_BPRM_CHECK /bin/sh process.matchDirectories[0]',
      'audited SOCKET_CREATE inet/raw/1 posture',
    ].map((event) => `${event} by /usr/local/bin/node`),
  },
  {
    name: 'allow list: protocols of a front end, posture block',
    namespace: 'production',
    posture: 'block',
    policies: [FRONTEND],
    run: `socket inet stream OK
          socket inet dgram OK
          socket inet dgram 1 EACCES
          socket inet raw 255 EACCES
          socket unix stream EACCES`,
    expect: [
      'denied SOCKET_CREATE inet/dgram/1 network.matchProtocols[2]',
      'denied SOCKET_CREATE inet/raw/255 network.matchProtocols[3]',
      'denied SOCKET_CREATE unix/stream/0 posture',
    ],
  },
  {
    name: 'allow list: protocols of a front end, posture audit',
    namespace: 'production',
    policies: [FRONTEND],
    run: `socket inet stream OK
          socket inet dgram 1 EACCES
          socket inet raw 255 EACCES
          socket unix stream OK`,
    expect: [
      'denied SOCKET_CREATE inet/dgram/1 network.matchProtocols[2]',
      'denied SOCKET_CREATE inet/raw/255 network.matchProtocols[3]',
      'audited SOCKET_CREATE unix/stream/0 posture',
    ],
  },
];
