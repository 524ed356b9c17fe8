// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';

const BLOCK_A = 'file: { matchPaths: [{ path: /data/a, action: Block }] }';
const BLOCK_SLEEP = 'process: { matchPaths: [{ path: /usr/bin/sleep, action: Block }] }';
const SLEEP = ['/usr/bin/sleep = stim'];
const DENIED_A = 'denied FILE_OPEN /data/a file.matchPaths[0]';

/** Attacks that no other case stands for (test/adversary/attacks.ts). */
export const ADVERSARY_CASES: readonly KernelCase[] = [
  {
    name: 'adversary: a program whose ELF interpreter is a blocked program',
    policies: [BLOCK_SLEEP],
    root: SLEEP,
    run: `elf /tmp/loads /usr/bin/sleep OK
          run /tmp/loads OK`, // the exec is past its point of no return: the kernel ends the program
    expect: ['denied MMAP_FILE /usr/bin/sleep process.matchPaths[0] by /tmp/loads'],
  },
  {
    name: 'adversary: tasks that preempt each other on one CPU, and a storm of forks',
    policies: [BLOCK_A],
    run: 'hammer /data/a /data/b OK',
    expect: [`${DENIED_A} x840`], // of each of 4 children 200, and of each of its 10 children one
  },
  {
    name: 'adversary: a file that is deleted and made again keeps its rules, whatever inode it gets',
    policies: [BLOCK_A],
    run: `! sh for i in 1 2 3 4 5 6 7 8; do rm $ROOT/data/a; echo >$ROOT/data/x; rm $ROOT/data/x; echo >$ROOT/data/a; done
          open r /data/a EACCES
          open r /data/b OK`,
    expect: [DENIED_A],
  },
  {
    name: 'adversary: the name spaces of the host, and of a task that has no rules',
    policies: [BLOCK_A],
    run: `! sh mkdir -p /run/adversary; mount --bind $ROOT /run/adversary
          hold n r /proc/1/ns/mnt OK
          setns n OK
          open r /run/adversary/data/b OK
          open r /run/adversary/data/a EACCES
          ! sh umount /run/adversary; rmdir /run/adversary`,
    expect: ['denied FILE_OPEN /run/adversary/data/a file.matchPaths[0]'],
  },
];
