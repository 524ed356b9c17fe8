// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';
import { GUARD } from './self.ts';

/** Guarded too: a directory whose files nobody keeps in memory. */
export const GUARD_CGROUP = '/sys/fs/cgroup/kernel-guard';
const SEES_GUARD = ['--bind', `${GUARD}:/mnt`];
/** In the file system of /run. */
const STATE = '/kernel-guard/state';
const ABOVE = '/kernel-guard/above/state';
const INTO_THE_HOSTS = `hold n r /proc/1/ns/mnt OK
          setns n OK`;

/** Ways to the agent's directories past the names that they have: other file systems, mounts, handles. */
export const SELF_PLACES_CASES: readonly KernelCase[] = [
  {
    name: 'self: an overlay whose upper layer leads to the agent’s directories',
    policies: [],
    cell: SEES_GUARD,
    run: `mkdir /mnt/work OK
          mount overlay x /tmp lowerdir=/data,upperdir=/mnt/above,workdir=/mnt/work OK
          open r /tmp/state/file OK
          open w /tmp/state/file EPERM
          open w+creat /tmp/state/new EPERM
          truncate /tmp/state/file EPERM
          unlink /tmp/state/file EPERM
          mkdir /tmp/state/new EPERM
          mknod /tmp/state/new fifo EPERM
          symlink /data/a /tmp/state/new EPERM
          link /tmp/state/file /tmp/new EPERM
          rename /tmp/state/file /tmp/new EPERM
          rename /tmp/state /tmp/new EPERM
          chmod 0777 /tmp/state EPERM
          chown 1000 /tmp/state/file EPERM
          setxattr /tmp/state/file EPERM
          open w+creat /tmp/new OK
          open w /tmp/a OK
          mkdir /tmp/more OK
          rmdir /tmp/more OK
          unlink /tmp/new OK
          unlink /tmp/a OK`,
    // by the names that they have in their file system: an overlay's layer is mounted nowhere
    expect: [
      `denied FILE_OPEN ${ABOVE}/file self`,
      `denied FILE_MKNOD ${ABOVE}/new self x2`,
      `denied FILE_CHMOD ${ABOVE}/file self x2`,
      `denied FILE_UNLINK ${ABOVE}/file self`,
      `denied FILE_MKDIR ${ABOVE}/new self`,
      `denied FILE_SYMLINK ${ABOVE}/new self`,
      `denied FILE_LINK ${ABOVE}/file self`,
      `denied FILE_RENAME ${ABOVE}/file self`,
      `denied FILE_SETXATTR ${ABOVE} self`,
      `denied FILE_CHMOD ${ABOVE} self`,
      `denied FILE_SETXATTR ${ABOVE}/file self`,
    ],
  },
  {
    name: 'self: an overlay with its upper layer in the agent’s directories',
    policies: [],
    cell: SEES_GUARD,
    run: `mkdir /mnt/work-2 OK
          mount overlay x /tmp lowerdir=/data,upperdir=/mnt/state,workdir=/mnt/work-2,uuid=off OK
          open r /tmp/file OK
          open w+creat /tmp/new EPERM
          open w /tmp/a EPERM
          unlink /tmp/file EPERM
          umount /tmp OK
          mkdir /mnt/upper OK
          mount overlay x /tmp lowerdir=/data,upperdir=/mnt/upper,workdir=/mnt/state OK
          open w+creat /tmp/new EROFS`,
    expect: [
      `denied FILE_SETXATTR ${STATE} self`,
      `denied FILE_MKNOD ${STATE}/new self`,
      `denied FILE_UNLINK ${STATE}/file self`,
      `denied FILE_MKDIR ${STATE}/work self`,
    ],
  },
  {
    name: 'self: attributes of the agent’s directories',
    policies: [],
    cell: SEES_GUARD,
    run: `setxattr /mnt/state/file EPERM
          setacl /mnt/state/file EPERM
          setflags /mnt/state EPERM
          setxattr /mnt/free OK
          removexattr /mnt/free OK
          setflags /mnt/free OK
          mount bind-shared /data /mnt/state EPERM`,
    expect: [`denied FILE_SETXATTR ${STATE}/file self x2`, 'denied FILE_IOCTL /mnt/state self', 'denied MOUNT /mnt/state self'],
  },
  {
    name: 'self: mounts of the host that lead to the agent’s directories cannot be moved away',
    policies: [],
    run: `mount tmpfs x /data OK
          move-mount /data /tmp OK
          mount move /tmp /mnt OK
          ${INTO_THE_HOSTS}
          move-mount ${GUARD}/disk ${GUARD}/other EPERM
          mount move ${GUARD}/disk ${GUARD}/other EPERM
          pivot ${GUARD}/above ${GUARD}/above EPERM
          umount ${GUARD}/disk EPERM
          mount remount x ${GUARD}/disk EPERM`,
    expect: [
      `denied MOUNT ${GUARD}/disk self x2`,
      `denied MOUNT ${GUARD}/other self`,
      `denied MOUNT ${GUARD}/above self`,
      `denied MOUNT / self`,
    ],
  },
  {
    name: 'self: unmounting in a copy of the host’s mounts does not reach the host',
    policies: [],
    run: `${INTO_THE_HOSTS}
          ! sh mount --make-shared /run
          unshare mnt OK
          umount ${GUARD}/disk EPERM
          mount tmpfs x /mnt OK
          mkdir /mnt/run OK
          mount rbind /run /mnt/run OK
          umount /mnt EPERM
          ! sh mount --make-private /run
          ! sh mountpoint -q ${GUARD}/disk
          private OK
          umount /mnt OK
          umount ${GUARD}/disk OK
          ! sh mountpoint -q ${GUARD}/disk`,
    expect: [`denied MOUNT ${GUARD}/disk self`, 'denied MOUNT /mnt/run/kernel-guard/disk self'],
  },
  {
    name: 'self: a file of the agent’s opened by its handle, which has no place then',
    policies: [],
    cell: ['--bind', '/sys/fs/cgroup:/mnt'],
    run: `handle /mnt/kernel-guard/cgroup.max.depth OK
          ! sh for i in 1 2 3; do echo 2 >/proc/sys/vm/drop_caches; done
          open-handle w /mnt EPERM
          open-handle r /mnt OK`,
    expect: ['denied FILE_OPEN / self'],
  },
];
