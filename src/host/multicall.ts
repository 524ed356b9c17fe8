// SPDX-License-Identifier: Apache-2.0

/**
 * Programs that are many: what they do is chosen by the name they are called by. Compared with the last component of a path.
 *
 * @source each program's manual; `coreutils` is GNU's and uutils' single binary, `uutils` the latter's other name
 */
export const MULTICALL_BINARIES: readonly string[] = [
  'busybox',
  'busybox.static',
  'busybox-static',
  'toybox',
  'toolbox',
  'coreutils',
  'uutils',
  'kmod',
  'dropbearmulti',
  'lvm',
  'sbase-box',
  'ubase-box',
];

/** Where hard links to a multi-call binary are looked up besides the link's own directory. */
export const MULTICALL_DIRECTORIES: readonly string[] = ['/bin', '/usr/bin', '/sbin', '/usr/sbin'];
