/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Which path: from the object up to the root of the mount name space that the scope recorded, keeping the components'
 * names. A walk that ends elsewhere is foreign, one that does not end is unknown (docs/adr/0005-paths.md).
 */
#ifndef KA_PATH_H
#define KA_PATH_H

#include "scope.h"

#define WALK_MAX 4096 /* steps: 4,096 bytes of path hold at most 2,048 components */
#define STRIDE 4      /* components a step */

enum { STOP_ROOT = 1, STOP_DISCONNECTED = 2, STOP_FAULT = 3 };

/* A component's name: its length, and where it lies. */
static __always_inline u32 name_of(u64 dentry, u64 *name)
{
	struct dentry *d = (void *)dentry;

	if (bpf_rdonly_cast) {
		d = bpf_rdonly_cast(d, bpf_core_type_id_kernel(struct dentry));
		*name = (u64)d->d_name.name;
		return d->d_name.len & 255;
	}
	*name = (u64)BPF_CORE_READ(d, d_name.name);
	return BPF_CORE_READ(d, d_name.len) & 255;
}

/* kubelet's atomic writer: `..data` and `..<time>` directly under the root of a read-only mount are transparent. */
static __always_inline int transparent(struct task *x, u32 n, struct mount *m)
{
	u16 dots = 0;
	u64 name;

	if (!(FIELD(mount, m, mnt.mnt_flags) & MNT_READONLY))
		return 0;
	if (name_of(x->comp[(n - 1) & (COMPONENTS_MAX - 1)], &name) < 3)
		return 0;
	bpf_probe_read_kernel(&dots, 2, (void *)name);
	return dots == 0x2e2e;
}

/* A file opened by its handle that nobody looked up yet: "/" stands for its name. */
static __always_inline int is_without_name(struct task *x)
{
	char first = 0;
	u64 name;

	if (x->n != 1 || name_of(x->comp[0], &name) != 1)
		return 0;
	bpf_probe_read_kernel(&first, 1, (void *)name);
	return first == '/';
}

/* From the root of a mount to where it is mounted. Not 0: the walk is over. */
__noinline int cross_mount(struct task *x)
{
	struct walk *w;
	struct mount *m;
	u64 parent;

	if (!x)
		return 1;
	w = &x->walk;
	m = (void *)w->mnt;
	if (!m) {
		w->stop = STOP_ROOT;
		return 1;
	}
	parent = (u64)FIELD(mount, m, mnt_parent);
	/* of more components than are kept, the last one overwrote another */
	if (w->n != w->inside && w->n <= COMPONENTS_MAX && transparent(x, w->n, m))
		w->n--;
	w->inside = w->n;
	if (!w->crossed) {
		w->crossed = 1;
		w->below = w->n;
	}
	if (parent == w->mnt || !parent) {
		w->stop = parent ? STOP_ROOT : STOP_FAULT;
		return 1;
	}
	w->dentry = (u64)FIELD(mount, m, mnt_mountpoint);
	w->mnt = parent;
	m = (void *)parent;
	w->root = (u64)FIELD(mount, m, mnt.mnt_root);
	return 0;
}

/* Some components, and a mount's root if it comes. */
static long walk_up(u32 i, struct task **c)
{
	struct task *x = *c;
	struct walk *w = &x->walk;
	u64 dentry = w->dentry, root = w->root, parent;
	u32 n = w->n, k;

	for (k = 0; k < STRIDE && dentry != root; k++) {
		parent = (u64)FIELD(dentry, dentry, d_parent);
		if (!parent) {
			w->stop = STOP_FAULT;
			return 1;
		}
		x->comp[n & (COMPONENTS_MAX - 1)] = dentry;
		n++;
		if (parent == dentry) {
			w->n = n;
			w->stop = STOP_DISCONNECTED;
			return 1;
		}
		dentry = parent;
	}
	w->n = n;
	w->dentry = dentry;
	return dentry == root ? bit(cross_mount(x)) : 0;
}

/* Walks from x->dentry, below the mount `mnt` (0: in its superblock only) with the root `root`. */
static __always_inline u32 walk(struct task *x, u64 mnt, u64 root)
{
	struct walk *w = &x->walk;
	struct task *c = x;

	w->n = w->inside = w->crossed = w->stop = 0;
	w->dentry = x->dentry;
	w->mnt = mnt;
	w->root = root;
	x->bare = 0;
	bpf_loop(WALK_MAX, walk_up, &c, 0);
	x->n = w->n;
	return w->stop;
}

/*
 * First name: fills comp, n, flags, bare and partial from mnt and dentry.
 */
__noinline int walk_shown(struct task *x)
{
	struct super_block *sb;
	struct vfsmount *vm;
	struct mount *m;
	u64 root;
	u32 stop;

	if (!x)
		return 0;
	vm = (void *)x->mnt;
	m = container_of(vm, struct mount, mnt);
	root = (u64)FIELD(vfsmount, vm, mnt_root);
	stop = walk(x, (u64)m, root);
	x->flags = 0;
	/* a part of a file system, or the container's own one shown elsewhere: mounted again, or its root moved by pivot_root */
	sb = FIELD(vfsmount, vm, mnt_sb);
	x->partial = root != (u64)FIELD(super_block, sb, s_root) ||
		     ((u64)sb == x->root_sb && (x->mnt != x->root_fs || x->walk.below != x->n));
	m = (void *)x->walk.mnt;
	if (stop == 0 || stop == STOP_FAULT) {
		x->flags = EVENT_FLAG_UNKNOWN;
	} else if (stop == STOP_DISCONNECTED) {
		x->bare = 1;
		x->flags = is_without_name(x) ? EVENT_FLAG_UNKNOWN : EVENT_FLAG_FOREIGN;
	} else if (x->walk.mnt != x->root || seq_of(FIELD(mount, m, mnt_ns)) != x->ns_seq) {
		x->flags = EVENT_FLAG_FOREIGN;
	}
	return 0;
}

/* Second name: the path within the object's own superblock, which no mount can change. */
__noinline int walk_superblock(struct task *x)
{
	if (!x)
		return 0;
	return walk(x, 0, (u64)FIELD(super_block, FIELD(dentry, x->dentry, d_sb), s_root)) ==
	       STOP_ROOT;
}

#endif
