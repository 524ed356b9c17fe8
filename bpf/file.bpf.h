/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Files and directories: reading and every way of writing.
 *
 * Hooks:  file_open, path_* , file_truncate (6.2+), mmap_file, file_mprotect, file_receive.
 * Fails:  closed, as lib/check.h says.
 */

/* Pipes, sockets and anonymous inodes have no place in a file system; memfd and other unnamed memory has a name. */
static __always_inline int is_nameless(struct dentry *d)
{
	struct super_block *sb = BPF_CORE_READ(d, d_sb);

	return BPF_CORE_READ(sb, s_flags) & (SB_KERNMOUNT | SB_NOUSER) && BPF_CORE_READ(sb, s_magic) != TMPFS_MAGIC;
}

static __always_inline int check_file(struct vfsmount *mnt, struct dentry *d, struct inode *owner, u32 hook, u32 access)
{
	struct scratch *x;
	int result;

	x = begin(IMAGE_FLAG_FILE, &result);
	if (!x)
		return result;
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

/* An entry of a directory: what is there, or is about to be (then the directory's owner counts). */
static __always_inline int check_entry(struct path *dir, struct dentry *d, u32 hook)
{
	struct inode *inode = BPF_CORE_READ(d, d_inode);

	return check_file(dir->mnt, d, inode ? inode : BPF_CORE_READ(dir, dentry, d_inode), hook, ACCESS_WRITE);
}

static __always_inline u32 access_of(struct file *file)
{
	return (file->f_mode & FMODE_READ ? ACCESS_READ : 0) | (file->f_mode & FMODE_WRITE ? ACCESS_WRITE : 0);
}

SEC("lsm/file_open")
int BPF_PROG(ka_file_open, struct file *file, int ret)
{
	struct scratch *x;
	int result;

	if (ret)
		return ret;
	x = begin(IMAGE_FLAG_FILE, &result);
	if (!x)
		return result;
	/* overlayfs opens a second time: 6.1 under the same name, later the layer's own file (backing) */
	if (file->f_flags & FMODE_EXEC || file->f_mode & (FMODE_NOACCOUNT | FMODE_BACKING) || is_nameless(file->f_path.dentry))
		return 0;
	x->mnt = (u64)file->f_path.mnt;
	x->dentry = (u64)file->f_path.dentry;
	x->access = access_of(file);
	x->open_flags = file->f_flags;
	x->family = FAMILY_FILE;
	x->hook = HOOK_FILE_OPEN;
	x->owner = owns(file->f_inode);
	return check_object(x);
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
		ret = check_file(dir->mnt, old, BPF_CORE_READ(old, d_inode), HOOK_FILE_LINK, ACCESS_WRITE);
	return ret ? ret : check_entry(dir, d, HOOK_FILE_LINK);
}

SEC("lsm/path_rename")
int BPF_PROG(ka_path_rename, struct path *old_dir, struct dentry *old, struct path *dir, struct dentry *d,
	     u32 flags, int ret)
{
	int result;

	if (ret)
		return ret;
	result = check_file(old_dir->mnt, old, BPF_CORE_READ(old, d_inode), HOOK_FILE_RENAME, ACCESS_WRITE | ACCESS_MOVE);
	return result ? result : check_entry(dir, d, HOOK_FILE_RENAME);
}

SEC("lsm/path_chmod")
int BPF_PROG(ka_path_chmod, struct path *path, u16 mode, int ret)
{
	return ret ? ret : check_file(path->mnt, path->dentry, path->dentry->d_inode, HOOK_FILE_CHMOD, ACCESS_WRITE);
}

SEC("lsm/path_chown")
int BPF_PROG(ka_path_chown, struct path *path, u32 uid, u32 gid, int ret)
{
	return ret ? ret : check_file(path->mnt, path->dentry, path->dentry->d_inode, HOOK_FILE_CHOWN, ACCESS_WRITE);
}

SEC("lsm/path_truncate")
int BPF_PROG(ka_path_truncate, struct path *path, int ret)
{
	return ret ? ret : check_file(path->mnt, path->dentry, path->dentry->d_inode, HOOK_FILE_TRUNCATE, ACCESS_WRITE);
}
