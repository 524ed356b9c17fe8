// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

/** The container's first program is run by the runtime. */
const START = 'observed SECURITY_BPRM_CHECK /bin/stim by -';

/** What passes, where a workload's visibility is on. */
export const TELEMETRY_CASES: readonly KernelCase[] = [
  {
    name: 'telemetry: the same open again is counted, another one is told',
    policies: [],
    visible: true,
    run: `open r /data/a OK
          open r /data/a OK
          open r /data/a OK
          open w /data/a OK
          open r /data/b OK
          open r /data/none ENOENT`,
    expect: [START, 'observed FILE_OPEN /data/a x4', 'observed FILE_OPEN /data/b'],
  },
  {
    name: 'telemetry: a file is told by the name that it has now',
    policies: [],
    visible: true,
    run: `open r /data/a OK
          rename /data/a /data/z OK
          open r /data/z OK
          open r /data/z OK`,
    expect: [START, 'observed FILE_OPEN /data/a', 'observed FILE_OPEN /data/z x2'],
  },
  {
    name: 'telemetry: every exec is told, with its own arguments',
    policies: [],
    visible: true,
    run: `exec /bin/stim OK
          exec /bin/stim OK`,
    expect: [START, 'observed SECURITY_BPRM_CHECK /bin/stim x2'],
  },
  {
    name: 'telemetry: connections by address and port',
    policies: [],
    visible: true,
    run: `sock a inet stream OK
          connect a 127.0.0.1 4444 ECONNREFUSED
          connect a 127.0.0.1 4444 ECONNREFUSED
          connect a 127.0.0.1 4445 ECONNREFUSED`,
    expect: [START, 'observed SOCKET_CONNECT inet/stream/6@127.0.0.1:4444 x2', 'observed SOCKET_CONNECT inet/stream/6@127.0.0.1:4445'],
  },
  {
    name: 'telemetry: what is denied is an alert and nothing else, what passes is told beside rules too',
    policies: ['file: { matchPaths: [{ path: /data/a, action: Block }] }'],
    visible: true,
    run: `open r /data/a EACCES
          open r /data/a EACCES
          open r /data/b OK
          open r /data/b OK`,
    expect: [START, 'denied FILE_OPEN /data/a file.matchPaths[0] x2', 'observed FILE_OPEN /data/b x2'],
  },
];
