// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const SLEEP = ['/usr/bin/sleep = stim'];

/** Which programs may be executed: objects, subjects, owners. */
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
];
