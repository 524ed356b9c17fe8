/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Which path: from the object up to the root of the mount name space that the scope recorded, keeping the components'
 * names. A walk that ends elsewhere is foreign, one that does not end is unknown (docs/adr/0005-paths.md).
 */
#ifndef KA_PATH_H
#define KA_PATH_H

#include "scope.h"

#define WALK_MAX 4096 /* steps: 4,096 bytes of path hold at most 2,048 components */

struct walk {
	struct scratch *x;
	u64 dentry;
	u64 mnt;  /* struct mount * */
	u64 root; /* dentry at the mount's root */
	u32 n;
	u32 below; /* components below the object's own mount */
	u32 crossed;
	u32 stop;
};

enum { STOP_ROOT = 1, STOP_DISCONNECTED = 2, STOP_FAULT = 3 };

struct dentry_part {
	u64 parent;
	u64 hash_len;
	u64 name;
};

/* Parent and name in one read: they are neighbours in every kernel we know, which the build of the program checks. */
static __always_inline long read_dentry(struct dentry_part *part, u64 dentry)
{
	struct dentry *d = (void *)dentry;
	u64 at = bpf_core_field_offset(d->d_parent);

	if (bpf_core_field_offset(d->d_name) == at + 8)
		return bpf_probe_read_kernel(part, sizeof(*part), (void *)(dentry + at));
	part->parent = (u64)BPF_CORE_READ(d, d_parent);
	part->hash_len = BPF_CORE_READ(d, d_name.hash_len);
	part->name = (u64)BPF_CORE_READ(d, d_name.name);
	return 0;
}

/* kubelet's atomic writer: `..data` and `..<time>` directly under the root of a read-only mount are transparent. */
static __always_inline int transparent(struct scratch *x, u32 n, struct mount *m)
{
	struct component *c = &x->comp[(n - 1) & (COMPONENTS_MAX - 1)];
	u16 dots = 0;

	if (c->len < 3 || !(BPF_CORE_READ(m, mnt.mnt_flags) & MNT_READONLY))
		return 0;
	bpf_probe_read_kernel(&dots, 2, (void *)c->name);
	return dots == 0x2e2e;
}

static long walk_up(u32 i, struct walk *w)
{
	struct dentry_part part;
	struct component *c;

	if (w->dentry == w->root) {
		struct mount *m = (void *)w->mnt;
		u64 parent = (u64)BPF_CORE_READ(m, mnt_parent);

		if (w->n && transparent(w->x, w->n, m))
			w->n--;
		if (!w->crossed) {
			w->crossed = 1;
			w->below = w->n;
		}
		if (parent == w->mnt) {
			w->stop = STOP_ROOT;
			return 1;
		}
		w->dentry = (u64)BPF_CORE_READ(m, mnt_mountpoint);
		w->mnt = parent;
		m = (void *)parent;
		w->root = (u64)BPF_CORE_READ(m, mnt.mnt_root);
		return 0;
	}
	if (read_dentry(&part, w->dentry)) {
		w->stop = STOP_FAULT;
		return 1;
	}
	c = &w->x->comp[w->n & (COMPONENTS_MAX - 1)];
	c->name = part.name;
	c->len = part.hash_len >> 32;
	w->n++;
	if (part.parent == w->dentry) {
		w->stop = STOP_DISCONNECTED;
		return 1;
	}
	w->dentry = part.parent;
	return 0;
}

/*
 * First name: fills comp, n, flags, bare and partial from mnt and dentry.
 */
__noinline int walk_shown(struct scratch *x)
{
	struct walk w = { .x = x };
	struct super_block *sb;
	struct vfsmount *vm;
	struct mount *m;

	if (!x)
		return 0;
	vm = (void *)x->mnt;
	m = container_of(vm, struct mount, mnt);
	w.n = x->zero;
	w.dentry = x->dentry;
	w.mnt = (u64)m;
	w.root = (u64)BPF_CORE_READ(vm, mnt_root);
	x->bare = 0;
	x->flags = 0;
	bpf_loop(WALK_MAX, walk_up, &w, 0);
	x->n = w.n;
	/* a part of a file system, or the container's own one shown elsewhere: mounted again, or its root moved by pivot_root */
	sb = BPF_CORE_READ(vm, mnt_sb);
	x->partial = (u64)BPF_CORE_READ(vm, mnt_root) != (u64)BPF_CORE_READ(sb, s_root) ||
		     ((u64)sb == x->root_sb && (x->mnt != x->root_fs || w.below != w.n));
	m = (void *)w.mnt;
	if (w.stop == 0 || w.stop == STOP_FAULT) {
		x->flags = EVENT_FLAG_UNKNOWN;
	} else if (w.stop == STOP_DISCONNECTED) {
		x->bare = 1;
		x->flags = EVENT_FLAG_FOREIGN;
	} else if (w.mnt != x->root || BPF_CORE_READ(m, mnt_ns, seq) != x->ns_seq) {
		x->flags = EVENT_FLAG_FOREIGN;
	}
	return 0;
}

static long walk_up_superblock(u32 i, struct walk *w)
{
	struct dentry_part part;
	struct component *c;

	if (w->dentry == w->root) {
		w->stop = STOP_ROOT;
		return 1;
	}
	if (read_dentry(&part, w->dentry) || part.parent == w->dentry) {
		w->stop = STOP_FAULT;
		return 1;
	}
	c = &w->x->comp[w->n & (COMPONENTS_MAX - 1)];
	c->name = part.name;
	c->len = part.hash_len >> 32;
	w->n++;
	w->dentry = part.parent;
	return 0;
}

/* Second name: the path within the object's own superblock, which no mount can change. */
__noinline int walk_superblock(struct scratch *x)
{
	struct walk w = { .x = x };
	struct dentry *d;

	if (!x)
		return 0;
	d = (void *)x->dentry;
	w.n = x->zero;
	w.dentry = x->dentry;
	w.root = (u64)BPF_CORE_READ(d, d_sb, s_root);
	bpf_loop(WALK_MAX, walk_up_superblock, &w, 0);
	x->n = w.n;
	x->bare = 0;
	return w.stop == STOP_ROOT;
}

#endif
