/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What keeps containers from covering, moving and unmounting the agent's places (self.bpf.h), and from changing them where the hooks
 * of file.bpf.h see another file system: overlayfs asks inode_* alone for what it does in its upper layer, in the task that
 * uses the overlay.
 *
 * Hooks:  sb_mount, move_mount, sb_umount, sb_pivotroot, sb_remount, inode_create, inode_unlink, inode_link, inode_symlink,
 *         inode_mkdir, inode_rmdir, inode_mknod, inode_rename, inode_setattr, file_ioctl, file_ioctl_compat (6.8+).
 * Fails:  as self.bpf.h says.
 */

/* include/uapi/linux/mount.h: mount(2) looks at them in this order, MS_MOVE (mount.bpf.h) being the last */
#define MS_REMOUNT 32
#define MS_BIND 4096
#define MS_SHARING (1 << 17 | 1 << 18 | 1 << 19 | 1 << 20)

static __always_inline int is_hosts(struct mnt_namespace *ns)
{
	return BPF_CORE_READ(ns, ns.inum) == host_mnt_ns;
}

static __always_inline int in_hosts_namespace(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return is_hosts(BPF_CORE_READ(task, nsproxy, mnt_ns));
}

/* Where it is moved from is text, which has many forms for one place: in the host's name space nothing is moved. */
SEC("lsm/sb_mount")
int BPF_PROG(ka_self_mount, const char *dev, struct path *path, const char *type,
	     unsigned long flags, void *data, int ret)
{
	struct task *x;

	if (ret || flags & MS_REMOUNT || (flags & MS_SHARING && !(flags & MS_BIND)))
		return ret;
	x = confined();
	if (!x)
		return 0;
	if (flags & MS_MOVE && !(flags & MS_BIND) && in_hosts_namespace())
		return refuse_place(x, path->mnt, path->dentry, HOOK_MOUNT);
	return guards(x, path->mnt, path->dentry, HOOK_MOUNT);
}

SEC("lsm/move_mount")
int BPF_PROG(ka_self_move_mount, struct path *from, struct path *to, int ret)
{
	struct mount *moved = container_of(from->mnt, struct mount, mnt);
	struct task *x;

	if (ret)
		return ret;
	x = confined();
	if (!x)
		return 0;
	if (is_hosts(BPF_CORE_READ(moved, mnt_ns)) &&
	    guards(x, from->mnt, from->dentry, HOOK_MOUNT))
		return -EPERM;
	return guards(x, to->mnt, to->dentry, HOOK_MOUNT);
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(ka_self_pivotroot, struct path *old, struct path *new, int ret)
{
	struct task *x;

	if (ret)
		return ret;
	x = confined();
	return x && in_hosts_namespace() ? refuse_place(x, new->mnt, new->dentry, HOOK_MOUNT) : 0;
}

/* It would be unmounted wherever else what it is mounted on is shown (mount_namespaces(7)). */
static __always_inline int is_shared(struct mount *m)
{
	return BPF_CORE_READ(m, mnt_parent, mnt_group_id) != 0;
}

#define MNT_DETACH 2
#define TREE_MAX \
	262144 /* steps, two a mount; fs.mount-max is 100,000 mounts for a whole name space */

enum { TREE_PLACE = 1, TREE_SEEN = 2 };

/* One step through a tree of mounts, depth first: w->mnt is where it is, w->inside that it comes from below, w->root the tree's. */
static long look_at_mount(u32 i, struct task **c)
{
	struct walk *w = &(*c)->walk;
	struct mount *m = (void *)w->mnt;
	u64 list = w->mnt + bpf_core_field_offset(struct mount, mnt_mounts);
	u64 child = bpf_core_field_offset(struct mount, mnt_child), next;

	if (!w->inside) {
		if (is_shared(m) && place_of((u64)BPF_CORE_READ(m, mnt.mnt_root))) {
			w->stop = TREE_PLACE;
			return 1;
		}
		next = (u64)BPF_CORE_READ(m, mnt_mounts.next);
		if (next && next != list) {
			w->mnt = next - child;
			return 0;
		}
	}
	if (w->mnt == w->root) {
		w->stop = TREE_SEEN;
		return 1;
	}
	next = (u64)BPF_CORE_READ(m, mnt_child.next);
	w->mnt = (u64)BPF_CORE_READ(m, mnt_parent);
	w->inside = next == w->mnt + bpf_core_field_offset(struct mount, mnt_mounts);
	if (!w->inside)
		w->mnt = next - child;
	return !next;
}

/* Not 0: the tree of mounts below x->walk.root shows one of the agent's places, and not it alone would lose it. x->walk.mnt: where. */
__noinline int shares_place(struct task *x)
{
	struct task *c = x;

	if (!x)
		return 0;
	x->walk.mnt = x->walk.root;
	x->walk.inside = x->walk.stop = 0;
	bpf_loop(TREE_MAX, look_at_mount, &c, 0);
	return x->walk.stop != TREE_SEEN;
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
	if (!x)
		return 0;
	if ((mnt->mnt_sb->s_magic == BPF_FS_MAGIC || is_hosts(BPF_CORE_READ(m, mnt_ns)) ||
	     is_shared(m)) &&
	    guards(x, mnt, mnt->mnt_root, HOOK_MOUNT))
		return -EPERM;
	/* else what is mounted below it would keep it */
	if (!(flags & MNT_DETACH))
		return 0;
	x->walk.root = (u64)m;
	if (!shares_place(x))
		return 0;
	m = (void *)x->walk.mnt;
	mnt = (void *)m + bpf_core_field_offset(struct mount, mnt);
	return refuse_place(x, mnt, BPF_CORE_READ(m, mnt.mnt_root), HOOK_MOUNT);
}

/* Of a file system that has a place: read-only it would be for all. */
SEC("lsm/sb_remount")
int BPF_PROG(ka_self_remount, struct super_block *sb, void *options, int ret)
{
	struct task *x;

	if (ret)
		return ret;
	x = confined();
	return x && kind_of_place((u64)sb, 0) ? refuse_place(x, 0, sb->s_root, HOOK_MOUNT) : 0;
}

/* An entry of a directory without a mount: what is there, or is about to be. Where a path_* hook came before, it has refused already. */
static __always_inline int guards_entry(struct dentry *d, u32 hook)
{
	struct task *x = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);

	return guards(x, 0, d, hook);
}

SEC("lsm/inode_create")
int BPF_PROG(ka_inode_create, void *dir, struct dentry *d, u16 mode, int ret)
{
	return ret ? ret : guards_entry(d, HOOK_FILE_MKNOD);
}

SEC("lsm/inode_mknod")
int BPF_PROG(ka_inode_mknod, void *dir, struct dentry *d, u16 mode, u32 dev, int ret)
{
	return ret ? ret : guards_entry(d, HOOK_FILE_MKNOD);
}

SEC("lsm/inode_mkdir")
int BPF_PROG(ka_inode_mkdir, void *dir, struct dentry *d, u16 mode, int ret)
{
	return ret ? ret : guards_entry(d, HOOK_FILE_MKDIR);
}

SEC("lsm/inode_symlink")
int BPF_PROG(ka_inode_symlink, void *dir, struct dentry *d, const char *old, int ret)
{
	return ret ? ret : guards_entry(d, HOOK_FILE_SYMLINK);
}

SEC("lsm/inode_link")
int BPF_PROG(ka_inode_link, struct dentry *old, void *dir, struct dentry *d, int ret)
{
	if (!ret)
		ret = guards_entry(old, HOOK_FILE_LINK);
	return ret ? ret : guards_entry(d, HOOK_FILE_LINK);
}

SEC("lsm/inode_unlink")
int BPF_PROG(ka_inode_unlink, void *dir, struct dentry *d, int ret)
{
	return ret ? ret : guards_entry(d, HOOK_FILE_UNLINK);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(ka_inode_rmdir, void *dir, struct dentry *d, int ret)
{
	return ret ? ret : guards_entry(d, HOOK_FILE_RMDIR);
}

/* Both names are of one file system, so where it has no place one look-up says so. */
SEC("lsm/inode_rename")
int BPF_PROG(ka_inode_rename, void *old_dir, struct dentry *old, void *dir, struct dentry *d,
	     int ret)
{
	struct task *x;

	if (ret)
		return ret;
	x = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);
	if (!is_confined(x) || !kind_of_place((u64)FIELD(dentry, old, d_sb), 0))
		return 0;
	ret = guards(x, 0, old, HOOK_FILE_RENAME);
	return ret ? ret : guards(x, 0, d, HOOK_FILE_RENAME);
}

/* Since 6.9 with the mount's ids before the dentry (kernel commit 314a8dc728d0). */
struct mnt_idmap;
struct iattr;
union security_list_options___ids {
	int (*inode_setattr)(struct mnt_idmap *, struct dentry *, struct iattr *);
} __attribute__((preserve_access_index));

/* The compiler would join two loads into one from an address that is computed, which the kernel does not take. */
#define ARGUMENT(at)                                                                   \
	({                                                                             \
		u64 value_;                                                            \
		asm volatile("%0 = *(u64 *)(%1 + " #at ")" : "=r"(value_) : "r"(ctx)); \
		value_;                                                                \
	})

/* Owner, mode, length and times. */
SEC("lsm/inode_setattr")
int ka_inode_setattr(u64 *ctx)
{
	u64 dentry;
	int ret;

	if (bpf_core_type_matches(union security_list_options___ids)) {
		dentry = ARGUMENT(8);
		ret = ARGUMENT(24);
	} else {
		dentry = ARGUMENT(0);
		ret = ARGUMENT(16);
	}
	return ret ? ret : guards_entry((void *)dentry, HOOK_FILE_CHMOD);
}

/* include/uapi/linux/fs.h: FS_IOC_SETFLAGS, FS_IOC32_SETFLAGS, FS_IOC_FSSETXATTR */
static __always_inline int sets_flags(u32 command)
{
	return command == 0x40086602 || command == 0x40046602 || command == 0x401c5820;
}

/* Making it immutable. */
static __always_inline int guards_flags(struct file *file, u32 command)
{
	struct task *x;

	if (!sets_flags(command))
		return 0;
	x = confined();
	return x ? guards(x, file->f_path.mnt, file->f_path.dentry, HOOK_FILE_IOCTL) : 0;
}

SEC("lsm/file_ioctl")
int BPF_PROG(ka_file_ioctl, struct file *file, u32 command, u64 argument, int ret)
{
	return ret ? ret : guards_flags(file, command);
}

/* Of 32-bit programs; since 6.8, and in kernels that it was brought back to. */
SEC("?lsm/file_ioctl_compat")
int BPF_PROG(ka_file_ioctl_compat, struct file *file, u32 command, u64 argument, int ret)
{
	return ret ? ret : guards_flags(file, command);
}
