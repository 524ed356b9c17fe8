// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const rule = (fields: string): string => `capabilities: { matchCapabilities: [{ ${fields} }] }`;
/** What overlayfs asks for with the credentials of the mounter when it copies up. */
const COPY_UP = rule('capability: "SYS_ADMIN,CHOWN,DAC_OVERRIDE,FOWNER,FSETID,MKNOD,SETFCAP", action: Block');
const FIRST = 'capabilities.matchCapabilities[0]';

/** Capabilities: a check made with the task's own credentials. */
export const CAPABILITY_CASES: readonly KernelCase[] = [
  {
    name: 'capabilities: Block SYS_ADMIN, and programs start without a word',
    policies: [rule('capability: SYS_ADMIN, action: Block')],
    run: `sethostname guest EPERM
          mount tmpfs x /mnt EPERM
          unshare mnt EPERM
          run /bin/stim OK
          fork OK
          open rw /data/a OK
          chown 1000 /data/a OK`,
    expect: [`denied CAPABLE CAP_SYS_ADMIN ${FIRST} x3`],
  },
  {
    name: 'capabilities: NET_RAW',
    policies: [rule('capability: net_raw, action: Block')],
    needs: ['packet'],
    run: `socket inet raw 1 EPERM
          socket packet raw 0 EPERM
          socket inet stream OK`,
    expect: [`denied CAPABLE CAP_NET_RAW ${FIRST} x2`],
  },
  {
    name: 'capabilities: NET_BIND_SERVICE fails with the error of the call',
    policies: [rule('capability: CAP_NET_BIND_SERVICE, action: Block')],
    run: `sock a inet stream OK
          bind a 127.0.0.1 81 EACCES
          bind a 127.0.0.1 8181 OK`,
    expect: [`denied CAPABLE CAP_NET_BIND_SERVICE ${FIRST}`],
  },
  {
    name: 'capabilities: CHOWN, SETUID, MKNOD, SYS_CHROOT, SYS_NICE, each by its name',
    policies: [
      'capabilities: { matchCapabilities: [{ capability: "chown,SETUID,cap_mknod", action: Block }, { capability: SYS_CHROOT }, { capability: sys_nice }] }',
    ],
    run: `chown 1000 /data/a EPERM
          setuid 1000 EPERM
          mknod /tmp/null null EPERM
          mknod /tmp/file file OK
          chroot /data EPERM
          nice -5 EACCES`,
    expect: [
      `denied CAPABLE CAP_CHOWN ${FIRST}#0`,
      `denied CAPABLE CAP_SETUID ${FIRST}#1`,
      `denied CAPABLE CAP_MKNOD ${FIRST}#2`,
      'denied CAPABLE CAP_SYS_CHROOT capabilities.matchCapabilities[1]',
      'denied CAPABLE CAP_SYS_NICE capabilities.matchCapabilities[2]',
    ],
  },
  {
    name: 'capabilities: fromSource',
    policies: [rule('capability: NET_RAW, action: Block, fromSource: [{ path: /usr/bin/ping }]')],
    root: ['/usr/bin/ping = stim'],
    run: `socket inet raw 1 OK
          exec /usr/bin/ping OK
          socket inet raw 1 EPERM`,
    expect: [`denied CAPABLE CAP_NET_RAW ${FIRST} by /usr/bin/ping`],
  },
  {
    name: 'capabilities: an allow list under posture block',
    posture: 'block',
    policies: [rule('capability: NET_RAW, action: Allow')],
    run: `socket inet raw 1 OK
          sethostname guest EPERM
          chown 1000 /data/a EPERM
          run /bin/stim OK
          open rw /data/a OK`,
    expect: ['denied CAPABLE CAP_SYS_ADMIN posture', 'denied CAPABLE CAP_CHOWN posture'],
  },
  {
    name: 'capabilities: an allow list under posture audit',
    policies: [rule('capability: NET_RAW, action: Allow')],
    run: `socket inet raw 1 OK
          chown 1000 /data/a OK`,
    expect: ['audited CAPABLE CAP_CHOWN posture'],
  },
  {
    name: 'capabilities: Audit',
    policies: [rule('capability: CHOWN, action: Audit')],
    run: `chown 1000 /data/a OK
          socket inet raw 1 OK`,
    expect: [`audited CAPABLE CAP_CHOWN ${FIRST}`],
  },
  {
    name: 'capabilities: an audited workload is denied nothing',
    mode: 'audited',
    policies: [rule('capability: CHOWN, action: Block')],
    run: 'chown 1000 /data/a OK',
    expect: [`would-deny CAPABLE CAP_CHOWN ${FIRST}`],
  },
  {
    name: 'capabilities: what the task lacks anyway is no alert',
    policies: [rule('capability: "SYS_ADMIN,CHOWN", action: Block')],
    run: `$ --uid 1000 /bin/stim OK
          sethostname guest EPERM
          chown 0 /data/a EPERM`,
    expect: [],
  },
  {
    name: 'capabilities: those of a user name space count too',
    needs: ['userns'],
    policies: [rule('capability: SYS_ADMIN, action: Block')],
    run: `$ --uid 1000 /bin/stim OK
          unshare user-unmapped OK
          unshare mnt EPERM`,
    expect: [`denied CAPABLE CAP_SYS_ADMIN ${FIRST}`],
  },
  {
    name: 'capabilities: an overlay copies up under Block SYS_ADMIN, CHOWN and DAC_OVERRIDE in silence',
    overlay: true,
    policies: [COPY_UP],
    root: ['/data/theirs @1000:666', '/data/own @1000'],
    run: `open w+append /data/a OK
          chmod 0600 /data/b OK
          rename /data/sub/c /data/c OK
          unlink /data/c OK
          open w+append /data/theirs OK
          sethostname guest EPERM
          $ --uid 1000 /bin/stim OK
          open w+append /data/own OK
          chmod 0600 /data/theirs OK`,
    expect: [`denied CAPABLE CAP_SYS_ADMIN ${FIRST}#0`],
  },
  {
    name: 'capabilities: what the task itself needs on an overlay is refused',
    overlay: true,
    policies: [COPY_UP],
    root: ['/data/theirs @1000', '/data/closed @1000:600', '/theirs/ @1000'],
    run: `hold t w /data/theirs EACCES
          open r /data/closed OK
          open w+creat /theirs/x EACCES
          chmod 0600 /data/theirs EPERM
          chown 0 /data/theirs EPERM`,
    expect: ['CAP_DAC_OVERRIDE matchCapabilities[0]#2 x2', 'CAP_FOWNER matchCapabilities[0]#3', 'CAP_CHOWN matchCapabilities[0]#1'].map(
      (event) => `denied CAPABLE ${event.replace(' ', ' capabilities.')}`,
    ),
  },
  {
    name: 'capabilities: Block beats Allow, a subject beats both',
    policies: [
      `capabilities:
        matchCapabilities:
          - { capability: NET_RAW, action: Allow }
          - { capability: NET_RAW, action: Block }
          - { capability: NET_RAW, action: Allow, fromSource: [{ path: /usr/bin/ping }] }`,
    ],
    root: ['/usr/bin/ping = stim'],
    run: `socket inet raw 1 EPERM
          exec /usr/bin/ping OK
          socket inet raw 1 OK`,
    expect: ['denied CAPABLE CAP_NET_RAW capabilities.matchCapabilities[1]'],
  },
];
