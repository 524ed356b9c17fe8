// SPDX-License-Identifier: Apache-2.0
/* Operations on mounts. */
#include "stim.h"
#include <sys/mount.h>

/* mount TYPE FROM PATH [DATA]: TYPE a file system, or bind, rbind, move, ro, remount, bind-shared (at once) */
static long do_mount(char **w)
{
	int flags = !strcmp(w[0], "bind")          ? MS_BIND
		    : !strcmp(w[0], "rbind")       ? MS_BIND | MS_REC
		    : !strcmp(w[0], "bind-shared") ? MS_BIND | MS_SHARED
		    : !strcmp(w[0], "move")        ? MS_MOVE
		    : !strcmp(w[0], "ro")          ? MS_REMOUNT | MS_BIND | MS_RDONLY
		    : !strcmp(w[0], "remount")     ? MS_REMOUNT
						   : 0;

	return mount(w[1], w[2], flags ? NULL : w[0], flags, w[3]);
}

static long do_umount(char **w)
{
	return umount2(w[0], MNT_DETACH);
}

#define OPEN_TREE_CLONE_ 1

/* clone S PATH: a detached copy of the mount at PATH into slot S */
static long do_clone(char **w)
{
	return slot_put(w[0], syscall(SYS_open_tree, AT_FDCWD, w[1],
				      OPEN_TREE_CLONE_ | O_CLOEXEC | AT_RECURSIVE));
}

/* attach S PATH: puts the mount of slot S there */
static long do_attach(char **w)
{
	return syscall(SYS_move_mount, slot_get(w[0]), "", AT_FDCWD, w[1],
		       4 /* MOVE_MOUNT_F_EMPTY_PATH */);
}

/* move-mount FROM TO */
static long do_move_mount(char **w)
{
	return syscall(SYS_move_mount, AT_FDCWD, w[0], AT_FDCWD, w[1], 0);
}

/* pivot NEW OLD: OLD below NEW */
static long do_pivot(char **w)
{
	return syscall(SYS_pivot_root, w[0], w[1]);
}

/* remount-private: no mount event leaves or enters */
static long do_private(char **w)
{
	(void)w;
	return mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

const struct op mount_ops[] = {
	{ "mount", do_mount },           { "umount", do_umount },
	{ "clone", do_clone },           { "attach", do_attach },
	{ "move-mount", do_move_mount }, { "pivot", do_pivot },
	{ "private", do_private },       { NULL, NULL },
};
