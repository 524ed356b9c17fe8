/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What keeps containers from covering and unmounting the agent's places (self.bpf.h).
 *
 * Hooks:  sb_mount, move_mount, sb_umount.
 * Fails:  as self.bpf.h says.
 */

/* MS_REMOUNT, and how a mount is shared: nothing is covered */
#define MS_COVERS_NOTHING (32 | (1 << 17) | (1 << 18) | (1 << 19) | (1 << 20))

SEC("lsm/sb_mount")
int BPF_PROG(ka_self_mount, const char *dev, struct path *path, const char *type,
	     unsigned long flags, void *data, int ret)
{
	struct task *x;

	if (ret || flags & MS_COVERS_NOTHING)
		return ret;
	x = confined();
	return x ? guards(x, path->mnt, path->dentry, HOOK_MOUNT) : 0;
}

SEC("lsm/move_mount")
int BPF_PROG(ka_self_move_mount, struct path *from, struct path *to, int ret)
{
	struct task *x;

	if (ret)
		return ret;
	x = confined();
	return x ? guards(x, to->mnt, to->dentry, HOOK_MOUNT) : 0;
}

/* The file system of the pins, wherever it is mounted; others only where the host sees them: a container may unmount its own view. */
SEC("lsm/sb_umount")
int BPF_PROG(ka_self_umount, struct vfsmount *mnt, int flags, int ret)
{
	struct mount *m = container_of(mnt, struct mount, mnt);
	struct task *x;

	if (ret)
		return ret;
	x = confined();
	if (!x || (mnt->mnt_sb->s_magic != BPF_FS_MAGIC &&
		   BPF_CORE_READ(m, mnt_ns, ns.inum) != host_mnt_ns))
		return 0;
	return guards(x, mnt, mnt->mnt_root, HOOK_MOUNT);
}
