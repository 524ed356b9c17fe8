/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Files and directories: reading and every way of writing.
 *
 * Hooks:  file_open, file_permission (writing through a descriptor that was not judged), path_*, file_truncate (6.2+),
 *         mmap_file, file_mprotect, file_receive, inode_setxattr, inode_removexattr, inode_set_acl, inode_remove_acl (6.2+).
 * Fails:  closed, as lib/check.h says.
 */

/* Pipes, sockets and anonymous inodes have no place in a file system; memfd and other unnamed memory has a name. */
static __always_inline int is_nameless(struct dentry *d)
{
	struct super_block *sb = FIELD(dentry, d, d_sb);

	return FIELD(super_block, sb, s_flags) & (SB_KERNMOUNT | SB_NOUSER) &&
	       FIELD(super_block, sb, s_magic) != TMPFS_MAGIC;
}

/* `second`: the other object of the same access (a rename's target), which raises no second audit. */
static __always_inline int check_object_of(struct vfsmount *mnt, struct dentry *d,
					   struct inode *owner, u32 hook, u32 access, int second)
{
	struct task *x;
	u64 word;

	x = scoped(&word);
	if (!x)
		return 0;
	if (access & ACCESS_WRITE && guards(x, mnt, d, hook))
		return -EPERM;
	if (!(SCOPE_WANTS(word) & WANTS_IMAGE(IMAGE_FLAG_FILE)))
		return 0;
	prepare(x, word);
	x->mute = second && x->told ? MUTE_ALL : 0;
	x->told = 0;
	if (is_nameless(d))
		return 0;
	x->mnt = (u64)mnt;
	x->dentry = (u64)d;
	x->access = access;
	x->family = FAMILY_FILE;
	x->hook = hook;
	x->owner = owns(owner);
	return check_object(x);
}

static __always_inline int check_file(struct vfsmount *mnt, struct dentry *d, struct inode *owner,
				      u32 hook, u32 access)
{
	return check_object_of(mnt, d, owner, hook, access, 0);
}

/* Judges an object that has no mount here by its name within its file system: only Block rules count. */
static __always_inline int check_alias(struct task *x)
{
	x->block_only = x->alias = 1;
	if (walk_superblock(x) != 1)
		return 0;
	BY_CLASS(x->word, judge, x);
	if (x->hit[0].verdict != VERDICT_BLOCK && x->hit[1].verdict != VERDICT_BLOCK)
		return 0;
	return conclude(x, POSTURE_NONE);
}

/* An entry of a directory: what is there, or is about to be (then the directory's owner counts). */
static __always_inline int check_entry_of(struct path *dir, struct dentry *d, u32 hook, u32 access,
					  int second)
{
	struct inode *inode = FIELD(dentry, d, d_inode);

	inode = inode ? inode : FIELD(dentry, dir->dentry, d_inode);
	return check_object_of(dir->mnt, d, inode, hook, access, second);
}

static __always_inline int check_entry(struct path *dir, struct dentry *d, u32 hook)
{
	return check_entry_of(dir, d, hook, ACCESS_WRITE, 0);
}

static __always_inline u32 access_of(struct file *file)
{
	return (file->f_mode & FMODE_READ ? ACCESS_READ : 0) |
	       (file->f_mode & FMODE_WRITE ? ACCESS_WRITE : 0);
}

/* A layer's file below an overlay's. */
static __always_inline int is_backing(struct file *file)
{
	return file->f_mode & FMODE_NOACCOUNT && file->f_mode & FMODE_BACKING;
}

/*
 * Whether the container's own overlay does this, as when it copies a file up: it works with the credentials that it keeps of its
 * mounter, and no other file system has the same ones. An overlay that the task mounted has others.
 */
static __always_inline int done_by_root(struct task *x)
{
	struct super_block *sb = (void *)x->root_sb;
	struct ovl_fs *overlay = 0;

	if (!bpf_core_field_exists(overlay->creator_cred) ||
	    FIELD(super_block, sb, s_magic) != OVERLAYFS_SUPER_MAGIC)
		return 0;
	overlay = BPF_CORE_READ(sb, s_fs_info);
	return BPF_CORE_READ(overlay, creator_cred) == bpf_get_current_task_btf()->cred;
}

/*
 * overlayfs opens files itself: every file a second time (since 6.5 as the layer's own file; before, see check_layer), and
 * what it copies up, under mounts of its own. That is no access of the task: only Block rules count, and nothing where
 * the container's own root file system is opened; an overlay that shows a protected directory elsewhere is not.
 * 1: nothing to judge; -1: under another name than the task's own.
 */
static __always_inline int second_open(struct file *file, struct task *x, u64 word)
{
	struct backing_file *backing = (void *)file;
	struct mount *m = container_of(file->f_path.mnt, struct mount, mnt);
	u64 ns = (u64)FIELD(mount, m, mnt_ns);
	struct vfsmount *user;
	int alias = 0;

	if (is_backing(file)) {
		alias = 1;
		if (bpf_core_field_exists(backing->user_path)) {
			user = FIELD(backing_file, backing, user_path.mnt);
			if ((u64)FIELD(vfsmount, user, mnt_sb) == x->root_sb)
				return 1;
		}
	} else if (ns >= (u64)-4095) {
		/* MNT_NS_INTERNAL, and not one of the kernel's own file systems, as memfd's */
		if (done_by_root(x))
			return 1;
		alias = !(file->f_path.dentry->d_sb->s_flags & SB_KERNMOUNT);
	}
	return !alias ? 0 : SCOPE_FLAGS(word) & IMAGE_FLAG_BLOCK_PATH ? -1 : 1;
}

/* Files that were judged for writing, by struct file *: by which image, and which inode it was (pointers come again). */
struct judged {
	u64 inode;
	u32 image;
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct judged);
} judged_files SEC(".maps");

static __always_inline void remember_judged(struct file *file, struct task *x)
{
	struct judged judged = { .inode = (u64)file->f_inode, .image = SCOPE_IMAGE(x->word) };
	u64 key = (u64)file;

	if (SCOPE_FLAGS(x->word) & IMAGE_FLAG_FILE)
		bpf_map_update_elem(&judged_files, &key, &judged, BPF_ANY);
}

/*
 * The layer's file that is opened for an overlay's; 0: none. Before 6.7 it is shown only as an inode: by the name that has.
 */
static __always_inline struct dentry *dentry_of_layer(struct file *file)
{
	struct backing_file *backing = (void *)file;
	struct hlist_node *node;
	struct dentry *d = 0;

	if (!(file->f_mode & FMODE_NOACCOUNT))
		return 0;
	if (is_backing(file) && bpf_core_field_exists(backing->user_path))
		return file->f_path.dentry;
	node = BPF_CORE_READ(file, f_inode, i_dentry.first);
	/* d_u has another name in kernels that do not come here */
	if (!bpf_core_field_exists(d->d_u) || !node)
		return 0;
	return (void *)node - bpf_core_field_offset(d->d_u);
}

static __always_inline int check_layer(struct file *file, struct task *x, struct dentry *d)
{
	if (!d || !(SCOPE_FLAGS(x->word) & IMAGE_FLAG_BLOCK_PATH) ||
	    (u64)BPF_CORE_READ(file, f_path.dentry, d_sb) == x->root_sb)
		return 0;
	x->dentry = (u64)d;
	x->access = access_of(file);
	x->open_flags = file->f_flags;
	x->family = FAMILY_FILE;
	x->hook = HOOK_FILE_OPEN;
	x->owner = owns(file->f_inode);
	return check_alias(x);
}

SEC("lsm/file_open")
int BPF_PROG(ka_file_open, struct file *file, int ret)
{
	int layer = file->f_mode & FMODE_NOACCOUNT && !is_backing(file);
	int result = 0, second = 0, made;
	struct dentry *below;
	struct task *x;
	u64 word;

	if (ret || (file->f_flags & FMODE_EXEC && !layer))
		return ret;
	x = scoped(&word);
	if (!x)
		return 0;
	below = dentry_of_layer(file);
	if (file->f_mode & FMODE_WRITE &&
	    guards(x, below ? 0 : file->f_path.mnt, below ? below : file->f_path.dentry,
		   HOOK_FILE_OPEN))
		return -EPERM;
	if (!(SCOPE_WANTS(word) & (WANTS_IMAGE(IMAGE_FLAG_FILE) | SCOPE_MODE_SEE_FILE)) ||
	    reads_itself(x, file))
		return 0;
	if (!layer) {
		second = second_open(file, x, word);
		if (second > 0 || is_nameless(file->f_path.dentry))
			return 0;
	}
	/* this open made the file just now, which is the same access */
	made = file->f_mode & FMODE_CREATED && x->hook == HOOK_FILE_MKNOD && x->told;
	prepare(x, word);
	if (layer)
		return check_layer(file, x, below);
	x->alias = second < 0;
	x->mute = made && !x->alias ? MUTE_ALL : 0;
	x->mnt = (u64)file->f_path.mnt;
	x->dentry = (u64)file->f_path.dentry;
	x->access = access_of(file);
	x->open_flags = file->f_flags;
	x->family = FAMILY_FILE;
	x->hook = HOOK_FILE_OPEN;
	x->owner = owns(file->f_inode);
	if (SCOPE_FLAGS(x->word) & IMAGE_FLAG_FILE) {
		result = check_object(x);
		x->walked = 1;
	}
	if (result)
		return result;
	if (file->f_mode & FMODE_WRITE)
		remember_judged(file, x);
	if (!x->alias)
		observe(x, SCOPE_MODE_SEE_FILE);
	return 0;
}

/* Writing through a descriptor from before the rules, or from elsewhere. What was judged by these rules is not again. */
SEC("lsm/file_permission")
int BPF_PROG(ka_file_permission, struct file *file, int mask, int ret)
{
	u64 key = (u64)file, word;
	struct judged *judged;
	struct task *x;
	u16 type;
	int result;

	if (ret || !(mask & (MAY_WRITE | MAY_APPEND)))
		return ret;
	type = file->f_inode->i_mode & S_IFMT;
	if (type == S_IFIFO || type == S_IFSOCK ||
	    file->f_path.dentry->d_sb->s_flags &
		    (SB_KERNMOUNT | SB_NOUSER)) /* memory that the task made itself */
		return 0;
	x = wanting(WANTS_IMAGE(IMAGE_FLAG_FILE), &word);
	if (!x)
		return 0;
	judged = bpf_map_lookup_elem(&judged_files, &key);
	if (judged && judged->image == SCOPE_IMAGE(word) && judged->inode == (u64)file->f_inode)
		return 0;
	if (file->f_mode & FMODE_NOACCOUNT)
		return 0;
	prepare(x, word);
	x->mnt = (u64)file->f_path.mnt;
	x->dentry = (u64)file->f_path.dentry;
	x->access = ACCESS_WRITE;
	x->family = FAMILY_FILE;
	x->hook = HOOK_FILE_PERMISSION;
	x->owner = owns(file->f_inode);
	result = check_object(x);
	if (!result)
		remember_judged(file, x);
	return result;
}

SEC("lsm/path_mknod")
int BPF_PROG(ka_path_mknod, struct path *dir, struct dentry *d, u16 mode, u32 dev, int ret)
{
	return ret ? ret : check_entry(dir, d, HOOK_FILE_MKNOD);
}

SEC("lsm/path_unlink")
int BPF_PROG(ka_path_unlink, struct path *dir, struct dentry *d, int ret)
{
	return ret ? ret : check_entry(dir, d, HOOK_FILE_UNLINK);
}

SEC("lsm/path_mkdir")
int BPF_PROG(ka_path_mkdir, struct path *dir, struct dentry *d, u16 mode, int ret)
{
	return ret ? ret : check_entry(dir, d, HOOK_FILE_MKDIR);
}

SEC("lsm/path_rmdir")
int BPF_PROG(ka_path_rmdir, struct path *dir, struct dentry *d, int ret)
{
	return ret ? ret : check_entry(dir, d, HOOK_FILE_RMDIR);
}

SEC("lsm/path_symlink")
int BPF_PROG(ka_path_symlink, struct path *dir, struct dentry *d, const char *old, int ret)
{
	return ret ? ret : check_entry(dir, d, HOOK_FILE_SYMLINK);
}

SEC("lsm/path_link")
int BPF_PROG(ka_path_link, struct dentry *old, struct path *dir, struct dentry *d, int ret)
{
	if (!ret)
		ret = check_file(dir->mnt, old, FIELD(dentry, old, d_inode), HOOK_FILE_LINK,
				 ACCESS_WRITE);
	return ret ? ret : check_entry_of(dir, d, HOOK_FILE_LINK, ACCESS_WRITE, 1);
}

SEC("lsm/path_rename")
int BPF_PROG(ka_path_rename, struct path *old_dir, struct dentry *old, struct path *dir,
	     struct dentry *d, u32 flags, int ret)
{
	int result;

	if (ret)
		return ret;
	result = check_file(old_dir->mnt, old, FIELD(dentry, old, d_inode), HOOK_FILE_RENAME,
			    ACCESS_WRITE | ACCESS_MOVE);
	if (result)
		return result;
	return check_entry_of(dir, d, HOOK_FILE_RENAME,
			      ACCESS_WRITE | (flags & RENAME_EXCHANGE ? ACCESS_MOVE : 0), 1);
}

SEC("lsm/path_chmod")
int BPF_PROG(ka_path_chmod, struct path *path, u16 mode, int ret)
{
	return ret ? ret
		   : check_file(path->mnt, path->dentry, path->dentry->d_inode, HOOK_FILE_CHMOD,
				ACCESS_WRITE);
}

SEC("lsm/path_chown")
int BPF_PROG(ka_path_chown, struct path *path, u32 uid, u32 gid, int ret)
{
	return ret ? ret
		   : check_file(path->mnt, path->dentry, path->dentry->d_inode, HOOK_FILE_CHOWN,
				ACCESS_WRITE);
}

SEC("lsm/path_truncate")
int BPF_PROG(ka_path_truncate, struct path *path, int ret)
{
	return ret ? ret
		   : check_file(path->mnt, path->dentry, path->dentry->d_inode, HOOK_FILE_TRUNCATE,
				ACCESS_WRITE);
}

/* The path by which the task knows a file that it mapped: since 6.7 overlayfs maps the layer's own file. */
static __always_inline void set_mapped_path(struct task *x, struct file *file)
{
	struct backing_file *backing = (void *)file;

	x->mnt = (u64)file->f_path.mnt;
	x->dentry = (u64)file->f_path.dentry;
	if (is_backing(file) && bpf_core_field_exists(backing->user_path)) {
		x->mnt = (u64)BPF_CORE_READ(backing, user_path.mnt);
		x->dentry = (u64)BPF_CORE_READ(backing, user_path.dentry);
	}
}

/*
 * Mapping: a shared writable one is a write; an executable one is a read, and denied where running the file is by name. The
 * kernel's own mappings of the program at an exec are part of that; the interpreter's are not.
 */
static __always_inline int check_mapping(struct file *file, u32 write, u32 exec)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 access, mapx, executing;
	struct task *x;
	int result;

	if (!write && !exec)
		return 0;
	executing = BPF_CORE_READ_BITFIELD(task, in_execve);
	mapx = exec && !(executing && file->f_inode == task->mm->exe_file->f_inode);
	access = (write ? ACCESS_WRITE : 0) | (exec && !executing ? ACCESS_READ : 0);
	if (!mapx && !access)
		return 0;
	x = begin(WANTS_IMAGE((mapx ? IMAGE_FLAG_MAPX : 0) | (access ? IMAGE_FLAG_FILE : 0)));
	if (!x)
		return 0;
	set_mapped_path(x, file);
	x->hook = HOOK_MMAP_FILE;
	x->owner = owns(file->f_inode);
	if (mapx && SCOPE_FLAGS(x->word) & IMAGE_FLAG_MAPX) {
		x->access = ACCESS_MAPX;
		x->family = FAMILY_PROCESS;
		result = check_object(x);
		if (result)
			return result;
		forget_hits(x);
		x->walked = 1;
	}
	x->told = 0;
	if (!access || !(SCOPE_FLAGS(x->word) & IMAGE_FLAG_FILE) ||
	    is_nameless(file->f_path.dentry))
		return 0;
	x->access = access;
	x->family = FAMILY_FILE;
	return check_object(x);
}

SEC("lsm/mmap_file")
int BPF_PROG(ka_mmap_file, struct file *file, unsigned long reqprot, unsigned long prot,
	     unsigned long flags, int ret)
{
	if (ret || !file)
		return ret;
	return check_mapping(file, prot & PROT_WRITE && (flags & MAP_TYPE) != MAP_PRIVATE,
			     prot & PROT_EXEC);
}

SEC("lsm/file_mprotect")
int BPF_PROG(ka_file_mprotect, struct vm_area_struct *vma, unsigned long reqprot,
	     unsigned long prot, int ret)
{
	struct file *file = vma->vm_file;

	if (ret || !file)
		return ret;
	return check_mapping(file, prot & PROT_WRITE && vma->vm_flags & VM_SHARED,
			     prot & PROT_EXEC && !(vma->vm_flags & VM_EXEC));
}

/* A descriptor that another process passes is judged on arrival. */
SEC("lsm/file_receive")
int BPF_PROG(ka_file_receive, struct file *file, int ret)
{
	if (ret)
		return ret;
	return check_file(file->f_path.mnt, file->f_path.dentry, file->f_inode, HOOK_FILE_RECEIVE,
			  access_of(file));
}

/* Since 6.2; before it ftruncate comes through path_truncate (kernel commit 3350607dc563). */
SEC("?lsm/file_truncate")
int BPF_PROG(ka_file_truncate, struct file *file, int ret)
{
	if (ret)
		return ret;
	return check_file(file->f_path.mnt, file->f_path.dentry, file->f_inode, HOOK_FILE_TRUNCATE,
			  ACCESS_WRITE);
}

/*
 * The hook does not know the mount. On the container's own root file system it is the root's; elsewhere only Block rules
 * count, by the name within the file system (docs/threat-model.md).
 */
static __always_inline int check_attribute(struct dentry *d)
{
	struct task *x;
	u64 word;

	x = scoped(&word);
	if (!x)
		return 0;
	if (guards(x, 0, d, HOOK_FILE_SETXATTR))
		return -EPERM;
	if (!(SCOPE_WANTS(word) & WANTS_IMAGE(IMAGE_FLAG_FILE)))
		return 0;
	prepare(x, word);
	if (is_nameless(d))
		return 0;
	x->dentry = (u64)d;
	x->mnt = x->root_fs;
	x->access = ACCESS_WRITE;
	x->family = FAMILY_FILE;
	x->hook = HOOK_FILE_SETXATTR;
	x->owner = owns(FIELD(dentry, d, d_inode));
	if ((u64)FIELD(dentry, d, d_sb) == x->root_sb)
		return check_object(x);
	return done_by_root(x) ? 0 : check_alias(x);
}

SEC("lsm/inode_setxattr")
int BPF_PROG(ka_inode_setxattr, void *idmap, struct dentry *d, const char *name, const void *value,
	     u64 size, int flags, int ret)
{
	return ret ? ret : check_attribute(d);
}

/* Since 6.2 access control lists come here, and not to inode_setxattr. */
SEC("?lsm/inode_set_acl")
int BPF_PROG(ka_inode_set_acl, void *idmap, struct dentry *d, const char *name, void *acl, int ret)
{
	return ret ? ret : check_attribute(d);
}

SEC("?lsm/inode_remove_acl")
int BPF_PROG(ka_inode_remove_acl, void *idmap, struct dentry *d, const char *name, int ret)
{
	return ret ? ret : check_attribute(d);
}

SEC("lsm/inode_removexattr")
int BPF_PROG(ka_inode_removexattr, void *idmap, struct dentry *d, const char *name, int ret)
{
	return ret ? ret : check_attribute(d);
}
