/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Mounting over a path, unmounting it and moving it is a write to the mount point, and changes the names of what is
 * below it. Only in the workload's own mount name space: elsewhere all names are foreign anyway.
 *
 * Hooks:  sb_mount, move_mount, sb_umount, sb_pivotroot.
 * Fails:  closed, as lib/check.h says.
 */
static __always_inline int in_own_namespace(struct task *x)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return seq_of(BPF_CORE_READ(task, nsproxy, mnt_ns)) == x->ns_seq;
}

/* `moved`: what is moved from here; a mount that is nowhere yet has no mount point to write to. */
static __always_inline int check_mount_point(struct vfsmount *mnt, struct dentry *d, int moved)
{
	struct task *x;

	x = begin(WANTS_IMAGE(IMAGE_FLAG_FILE));
	if (!x)
		return 0;
	if (!in_own_namespace(x))
		return 0;
	x->mute = moved && x->told ? MUTE_ALL : 0;
	x->told = 0;
	x->mnt = (u64)mnt;
	x->dentry = (u64)d;
	x->access = ACCESS_WRITE | ACCESS_MOVE;
	x->family = FAMILY_FILE;
	x->hook = HOOK_MOUNT;
	x->owner = owns(BPF_CORE_READ(d, d_inode));
	if (moved) {
		walk_shown(x);
		if (x->flags & EVENT_FLAG_FOREIGN)
			return 0;
	}
	return check_object(x);
}

#define MS_MOVE 8192

/* mount(2) with MS_MOVE gives what is moved as text, which has many forms for one place: as an unknown path. */
static __always_inline int check_moved_name(const char *name)
{
	struct task *x;
	long len;

	x = begin(WANTS_IMAGE(IMAGE_FLAG_FILE));
	if (!x)
		return 0;
	if (!in_own_namespace(x))
		return 0;
	len = bpf_probe_read_kernel_str(x->name, 256, name);
	x->len = len > 1 ? (len - 1) & 255 : 0;
	x->flags = EVENT_FLAG_UNKNOWN;
	x->flat = 1; /* the event shows it as it stands */
	x->access = ACCESS_WRITE | ACCESS_MOVE;
	x->family = FAMILY_FILE;
	x->hook = HOOK_MOUNT;
	x->owner = 0;
	return conclude(x, BY_CLASS(x->word, judge, x));
}

SEC("lsm/sb_mount")
int BPF_PROG(ka_sb_mount, const char *dev, struct path *path, const char *type, unsigned long flags,
	     void *data, int ret)
{
	if (!ret)
		ret = check_mount_point(path->mnt, path->dentry, 0);
	return ret || !(flags & MS_MOVE) ? ret : check_moved_name(dev);
}

SEC("lsm/move_mount")
int BPF_PROG(ka_move_mount, struct path *from, struct path *to, int ret)
{
	if (!ret)
		ret = check_mount_point(to->mnt, to->dentry, 0);
	return ret ? ret : check_mount_point(from->mnt, from->dentry, 1);
}

SEC("lsm/sb_umount")
int BPF_PROG(ka_sb_umount, struct vfsmount *mnt, int flags, int ret)
{
	return ret ? ret : check_mount_point(mnt, mnt->mnt_root, 0);
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(ka_sb_pivotroot, struct path *old, struct path *new, int ret)
{
	if (!ret)
		ret = check_mount_point(old->mnt, old->dentry, 0);
	return ret ? ret : check_mount_point(new->mnt, new->dentry, 0);
}
