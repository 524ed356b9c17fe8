// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const KINDS = { ksp: 'KubeArmorPolicy', csp: 'KubeArmorClusterPolicy', nsp: 'KubeArmorNetworkPolicy' } as const;

function document(kind: keyof typeof KINDS, metadata: string, ...spec: readonly string[]): string {
  const lines = ['apiVersion: security.kubearmor.com/v1', `kind: ${KINDS[kind]}`, `metadata: { ${metadata} }`, 'spec:'];
  return [...lines, ...spec.map((line) => `  ${line}`)].join('\n');
}

const APP_EXISTS = 'selector: { matchExpressions: [{ key: app, operator: Exists }] }';
const selector = (label: string): string => `selector: { matchLabels: { ${label} } }`;
const exec = (outcome: string, path: string, field: string, by = ''): string => `${outcome} SECURITY_BPRM_CHECK ${path} ${field}${by}`;

/** The Block and Audit policies of published pages, in our own words: each does what its page says. */
export const DOCUMENT_CASES: readonly KernelCase[] = [
  {
    name: 'document: audit an interpreter by its link',
    policies: [
      document(
        'ksp',
        'name: watch-python, namespace: default',
        selector('app: web'),
        'process: { matchPaths: [{ path: /usr/bin/python3 }] }',
        'action: Audit',
      ),
    ],
    root: ['/usr/bin/python3 -> python3.11', '/usr/bin/python3.11 = stim'],
    run: `run /usr/bin/python3 OK
          run /usr/bin/python3.11 OK
          run /bin/stim OK`,
    expect: [`${exec('audited', '/usr/bin/python3.11', 'process.matchPaths[0]')} x2`],
  },
  {
    name: 'document: a program blocked in every name space, labels given as a map',
    namespace: 'anywhere',
    policies: [
      document(
        'csp',
        'name: no-curl-at-all',
        'selector: { matchExpressions: [{ key: label, operator: In, values: { app: web } }] }',
        'process: { matchPaths: [{ path: /usr/bin/curl }] }',
        'action: Block',
      ),
    ],
    root: ['/usr/bin/curl = stim'],
    run: 'run /usr/bin/curl EACCES',
    expect: [exec('denied', '/usr/bin/curl', 'process.matchPaths[0]')],
  },
  {
    name: 'document: a program blocked, policy without a name space',
    policies: [
      document('ksp', 'name: no-curl', selector('app: web'), 'process: { matchPaths: [{ path: /usr/bin/curl }] }', 'action: Block'),
    ],
    root: ['/usr/bin/curl = stim'],
    run: 'run /usr/bin/curl EACCES',
    expect: [exec('denied', '/usr/bin/curl', 'process.matchPaths[0]')],
  },
  {
    name: 'document: an outbound port blocked, listening on it still works',
    policies: [
      document(
        'nsp',
        'name: no-1337',
        selector('app: web'),
        'network: { matchProtocols: [{ protocol: TCP, port: 1337 }] }',
        'action: Block',
      ),
    ],
    run: `sock s inet stream OK
          bind s 127.0.0.1 1337 OK
          listen s OK
          sock c inet stream OK
          connect c 127.0.0.1 1337 EACCES
          connect c 127.0.0.1 1336 ECONNREFUSED
          ! stim sock a inet stream; connect a 127.0.0.1 1337
          accept s t OK`,
    expect: ['denied SOCKET_CONNECT inet/stream/6@127.0.0.1:1337 network.matchProtocols[0]'],
  },
  {
    name: 'document: shells and interpreters blocked in the whole cluster',
    policies: [
      document(
        'csp',
        'name: no-shells',
        APP_EXISTS,
        'process:',
        '  matchPaths:',
        ...['/bin/bash', '/bin/sh', '/bin/dash', '/bin/zsh', '/usr/bin/bash', '/usr/bin/sh'].map(
          (path) => `  - { path: ${path}, action: Block }`,
        ),
        '  matchPatterns:',
        ...['python', 'perl', 'ruby'].map((name) => `  - { pattern: "**/${name}*", action: Block }`),
      ),
    ],
    root: [
      '/bin/dash = stim',
      '/bin/sh -> dash',
      '/bin/zsh = stim',
      '/usr/bin/bash = stim',
      '/usr/bin/python3.11 = stim',
      '/usr/local/bin/python3 -> ../../bin/python3.11',
      '/opt/perl5 = stim',
      '/usr/bin/rubyist = stim',
      '/usr/bin/ipython = stim',
    ],
    run: `run /bin/sh EACCES
          run /bin/dash EACCES
          run /bin/zsh EACCES
          run /usr/bin/bash EACCES
          run /usr/local/bin/python3 EACCES
          run /opt/perl5 EACCES
          run /usr/bin/rubyist EACCES
          run /usr/bin/ipython OK
          run /bin/stim OK`,
    expect: [
      `${exec('denied', '/bin/dash', 'process.matchPaths[1]')} x2`,
      exec('denied', '/bin/zsh', 'process.matchPaths[3]'),
      exec('denied', '/usr/bin/bash', 'process.matchPaths[4]'),
      exec('denied', '/usr/bin/python3.11', 'process.matchPatterns[0]'),
      exec('denied', '/opt/perl5', 'process.matchPatterns[1]'),
      exec('denied', '/usr/bin/rubyist', 'process.matchPatterns[2]'),
    ],
  },
  {
    name: 'document: policies for the cluster that select others',
    labels: { tier: 'front' },
    policies: [
      document(
        'csp',
        'name: by-key',
        'selector: { matchExpressions: [{ key: database, operator: Exists }] }',
        'process: { matchPaths: [{ path: /usr/bin/curl, action: Block }] }',
      ),
      document(
        'csp',
        'name: by-map',
        'selector: { matchExpressions: [{ key: label, operator: In, values: { app: db, tier: back } }] }',
        'process: { matchPaths: [{ path: /usr/bin/wget, action: Block }] }',
      ),
      document(
        'csp',
        'name: by-both',
        'selector: { matchExpressions: [{ key: tier, operator: Exists }, { key: label, operator: In, values: { tier: front } }] }',
        'process: { matchPaths: [{ path: /usr/bin/nc, action: Block }] }',
      ),
    ],
    root: ['/usr/bin/curl = stim', '/usr/bin/wget = stim', '/usr/bin/nc = stim'],
    run: `run /usr/bin/curl OK
          run /usr/bin/wget OK
          run /usr/bin/nc EACCES`,
    expect: [exec('denied', '/usr/bin/nc', 'by-both:process.matchPaths[0]')],
  },
  {
    name: 'document: a first example: a shell, a directory read only, raw sockets',
    policies: [
      document(
        'ksp',
        'name: example, namespace: default',
        selector('app: web'),
        'process: { matchPaths: [{ path: /bin/bash, action: Block }] }',
        'file: { matchDirectories: [{ dir: /etc/, readOnly: true }] }',
        'network: { matchProtocols: [{ protocol: raw, action: Block }] }',
      ),
    ],
    root: ['/bin/bash = stim', '/etc/sub/x'],
    run: `run /bin/bash EACCES
          open r /etc/passwd OK
          open w /etc/passwd EACCES
          open w /etc/sub/x OK
          socket inet raw 1 EACCES
          socket inet stream OK`,
    expect: [
      exec('denied', '/bin/bash', 'process.matchPaths[0]'),
      'denied FILE_OPEN /etc/passwd file.matchDirectories[0]',
      'denied SOCKET_CREATE inet/raw/1 network.matchProtocols[0]',
    ],
  },
  {
    name: 'document: service account tokens, on a volume as kubelet makes it',
    policies: [
      document(
        'csp',
        'name: no-tokens',
        APP_EXISTS,
        'file: { matchDirectories: [{ dir: /var/run/secrets/kubernetes.io/serviceaccount/, recursive: true, action: Block }] }',
      ),
    ],
    cell: ['--ro-bind', 'volume:/run/secrets/kubernetes.io/serviceaccount'],
    root: [
      '/run/secrets/kubernetes.io/serviceaccount/',
      '/var/run -> /run',
      'volume:/..2026_01/token',
      'volume:/..data -> ..2026_01',
      'volume:/token -> ..data/token',
    ],
    run: `open r /var/run/secrets/kubernetes.io/serviceaccount/token EACCES
          list /run/secrets/kubernetes.io/serviceaccount EACCES
          ! sh cd $VOLUME; cp -r ..2026_01 ..2026_02; ln -s ..2026_02 ..tmp; mv -T ..tmp ..data; rm -r ..2026_01
          open r /run/secrets/kubernetes.io/serviceaccount/token EACCES
          open r /etc/passwd OK`,
    expect: [
      'denied FILE_OPEN /run/secrets/kubernetes.io/serviceaccount/token file.matchDirectories[0] x2',
      'denied FILE_OPEN /run/secrets/kubernetes.io/serviceaccount file.matchDirectories[0]',
    ],
  },
  {
    name: 'document: watch shells, downloads and configuration',
    namespace: 'demo',
    policies: [
      document(
        'ksp',
        'name: watch, namespace: demo',
        selector('app: web'),
        'process: { matchPaths: [{ path: /bin/sh, action: Audit }, { path: /bin/bash, action: Audit }, { path: /usr/bin/wget, action: Audit }] }',
        'file: { matchDirectories: [{ dir: /etc/, recursive: true, action: Audit }] }',
      ),
    ],
    root: ['/bin/sh = stim', '/usr/bin/wget = stim', '/etc/nginx/nginx.conf'],
    run: `run /bin/sh OK
          run /usr/bin/wget OK
          open r /etc/nginx/nginx.conf OK
          open w /etc/passwd OK
          open r /data/a OK`,
    expect: [
      exec('audited', '/bin/sh', 'process.matchPaths[0]'),
      exec('audited', '/usr/bin/wget', 'process.matchPaths[2]'),
      'audited FILE_OPEN /etc/nginx/nginx.conf file.matchDirectories[0]',
      'audited FILE_OPEN /etc/passwd file.matchDirectories[0]',
    ],
  },
  {
    name: 'document: watch one file',
    policies: [document('ksp', 'name: watch-file', selector('app: web'), 'file: { matchPaths: [{ path: /etc/passwd, action: Audit }] }')],
    run: `open r /etc/passwd OK
          open r /etc/shadow OK`,
    expect: ['audited FILE_OPEN /etc/passwd file.matchPaths[0]'],
  },
  {
    name: 'document: network tools blocked',
    policies: [
      document(
        'ksp',
        'name: no-tools',
        selector('app: web'),
        'process: { matchPaths: [{ path: /usr/bin/nmap, action: Block }, { path: /usr/bin/nc, action: Block }, { path: /usr/bin/netcat, action: Block }] }',
      ),
    ],
    root: ['/usr/bin/nmap = stim', '/usr/bin/netcat -> nc.traditional', '/usr/bin/nc.traditional = stim', '/usr/bin/nc -> nc.traditional'],
    run: `run /usr/bin/nmap EACCES
          run /usr/bin/nc EACCES
          run /usr/bin/netcat EACCES`,
    expect: [
      exec('denied', '/usr/bin/nmap', 'process.matchPaths[0]'),
      `${exec('denied', '/usr/bin/nc.traditional', 'process.matchPaths[1]')} x2`,
    ],
  },
  {
    name: 'document: shells blocked, and the file of accounts',
    namespace: 'production',
    policies: [
      document(
        'ksp',
        'name: no-shell, namespace: production',
        selector('app: web'),
        'process: { matchPaths: [{ path: /bin/sh, action: Block }, { path: /bin/bash, action: Block }] }',
        'file: { matchPaths: [{ path: /etc/passwd, action: Block }] }',
      ),
    ],
    root: ['/bin/busybox = busybox', '/bin/sh -> busybox', '/bin/ls -> busybox'],
    run: `run /bin/sh EACCES
          run /bin/ls OK
          run /bin/bash ENOENT
          open r /etc/passwd EACCES`,
    expect: [exec('denied', '/bin/busybox', 'process.matchPaths[0]'), 'denied FILE_OPEN /etc/passwd file.matchPaths[0]'],
  },
  {
    name: 'document: secrets by a final star, and a home directory',
    policies: [
      document(
        'ksp',
        'name: secrets',
        selector('app: web'),
        'file:',
        '  matchPaths: [{ path: "/etc/secrets/*", action: Block }, { path: "/var/run/secrets/*", action: Block }]',
        '  matchDirectories: [{ dir: /root, action: Block, recursive: true }]',
      ),
    ],
    cell: ['--ro-bind', 'volume:/etc/secrets'],
    root: [
      '/etc/secrets/',
      '/var/run -> /run',
      '/run/secrets/a/b',
      '/root/.ssh/key',
      'volume:/..2026_01/password',
      'volume:/..data -> ..2026_01',
      'volume:/password -> ..data/password',
    ],
    run: `open r /etc/secrets/password EACCES
          open r /var/run/secrets/a/b EACCES
          open r /root/.ssh/key EACCES
          ! sh cd $VOLUME; cp -r ..2026_01 ..2026_02; ln -s ..2026_02 ..tmp; mv -T ..tmp ..data; rm -r ..2026_01
          open r /etc/secrets/password EACCES
          open r /etc/passwd OK`,
    expect: [
      'denied FILE_OPEN /etc/secrets/password file.matchPaths[0] x2',
      'denied FILE_OPEN /run/secrets/a/b file.matchPaths[1]',
      'denied FILE_OPEN /root/.ssh/key file.matchDirectories[0]',
    ],
  },
  {
    name: 'document: capabilities blocked',
    policies: [
      document(
        'ksp',
        'name: caps',
        selector('app: web'),
        'capabilities: { matchCapabilities: [{ capability: SYS_ADMIN, action: Block }, { capability: NET_ADMIN, action: Block }] }',
      ),
    ],
    run: `mount tmpfs x /mnt EPERM
          sock a inet dgram OK
          big-buffer a EPERM
          run /bin/stim OK
          chown 1000 /data/a OK`,
    expect: [
      'denied CAPABLE CAP_SYS_ADMIN capabilities.matchCapabilities[0]',
      'denied CAPABLE CAP_NET_ADMIN capabilities.matchCapabilities[1]',
    ],
  },
  {
    name: 'document: no TCP from one program',
    policies: [
      document(
        'ksp',
        'name: net',
        selector('app: web'),
        'network: { matchProtocols: [{ protocol: TCP, fromSource: [{ path: /usr/bin/curl }], action: Block }] }',
      ),
    ],
    root: ['/usr/bin/curl = stim'],
    run: `socket inet stream OK
          exec /usr/bin/curl OK
          socket inet stream EACCES
          socket inet dgram OK
          socket unix stream OK
          socket netlink raw 0 OK`,
    expect: ['denied SOCKET_CREATE inet/stream/6 network.matchProtocols[0] by /usr/bin/curl'],
  },
  {
    name: 'document: a web application, all in one',
    namespace: 'production',
    policies: [
      document(
        'ksp',
        'name: web-app, namespace: production',
        selector('app: web'),
        'process: { matchPaths: [{ path: /bin/sh, action: Block }, { path: /bin/bash, action: Block }] }',
        'file:',
        '  matchPaths: [{ path: /etc/passwd, action: Block }, { path: /etc/shadow, action: Block }]',
        '  matchDirectories: [{ dir: /root, action: Block, recursive: true }]',
        'network: { matchProtocols: [{ protocol: TCP, fromSource: [{ path: /usr/bin/wget }], action: Block }] }',
      ),
    ],
    root: ['/bin/sh = stim', '/usr/bin/wget = stim', '/root/x'],
    run: `run /bin/sh EACCES
          open r /etc/shadow EACCES
          open r /etc/hosts OK
          list /root EACCES
          socket inet stream OK
          exec /usr/bin/wget OK
          socket inet stream EACCES`,
    expect: [
      exec('denied', '/bin/sh', 'process.matchPaths[0]'),
      'denied FILE_OPEN /etc/shadow file.matchPaths[1]',
      'denied FILE_OPEN /root file.matchDirectories[0]',
      'denied SOCKET_CREATE inet/stream/6 network.matchProtocols[0] by /usr/bin/wget',
    ],
  },
];
