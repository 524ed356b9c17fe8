/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * By which name a multi-call binary is called: the last component of argv[0], or of argv[1] where argv[0] names the binary
 * itself (`busybox sh`). Read from the new program's own memory, which no other thread can change, through its page
 * tables: it is not the current address space yet. bprm->filename is the caller's choice and never used.
 *
 * Fails: closed. What cannot be read, or is called in a way that this does not follow, is APPLET_UNKNOWN: Block rules for
 * any applet match it, Allow rules for none.
 */
#ifndef KA_ARGV_H
#define KA_ARGV_H

#include "gate.h"

/* FNV-1a, 32 bits (draft-eastlake-fnv); src/policy/image.ts writes the same. */
#define FNV_BASIS 0x811c9dc5U
#define FNV_PRIME 0x01000193U
/* fnv1a("busybox"), ("toybox"), ("coreutils") */
#define FNV_BUSYBOX 0xe3282e09U
#define FNV_TOYBOX 0x3ca01fb8U
#define FNV_COREUTILS 0x4a02fe7bU

/*
 * Addresses of two variables of arch/x86: unsigned int, 39 or 48; unsigned long, where physical memory is mapped. The kernel
 * looks them up for us: an extern would make the loader read all of /proc/kallsyms, which takes longer than all else.
 */
u64 pgdir_shift_at, page_offset_base_at;

static __always_inline u64 address_of(const char *name, int size)
{
	u64 at = 0;

	return bpf_kallsyms_lookup_name(name, size, 0, &at) ? 0 : at;
}

/* Run once, before anything is attached. */
SEC("syscall")
int ka_find_symbols(void *ctx)
{
	static const char shift[] = "pgdir_shift", base[] = "page_offset_base",
			  init[] = "init_task";

	pgdir_shift_at = address_of(shift, sizeof(shift));
	page_offset_base_at = address_of(base, sizeof(base));
	init_task_at = address_of(init, sizeof(init));
	return 0;
}

#define PAGE_BYTES 4096
#define ARGUMENTS_READ 256
#define PTE_PRESENT 1
#define PTE_LARGE 0x80
#define PTE_FRAME 0x000ffffffffff000ULL

/* Where the kernel sees a page of another address space; 0 where it is not there. x86-64 with 4 or 5 levels. */
static __always_inline u64 page_of(struct mm_struct *mm, u64 address)
{
	u64 table = (u64)BPF_CORE_READ(mm, pgd), base = 0, entry = 0;
	u32 top = 0;

	if (!pgdir_shift_at || !page_offset_base_at)
		return 0;
	bpf_probe_read_kernel(&top, sizeof(top), (void *)pgdir_shift_at);
	bpf_probe_read_kernel(&base, sizeof(base), (void *)page_offset_base_at);
	for (int shift = 48; shift >= 12; shift -= 9) {
		if (shift > (int)top)
			continue;
		if (bpf_probe_read_kernel(&entry, 8,
					  (void *)(table + ((address >> shift) & 511) * 8)))
			return 0;
		if (!(entry & PTE_PRESENT) || (shift > 12 && entry & PTE_LARGE))
			return 0;
		table = base + (entry & PTE_FRAME);
	}
	return table;
}

/* Reads up to 256 bytes of the new program's arguments into `name`; gives how many. */
static __noinline u32 read_arguments(struct task *x, struct linux_binprm *bprm)
{
	struct mm_struct *mm = BPF_CORE_READ(bprm, mm);
	u64 p = BPF_CORE_READ(bprm, p), page = page_of(mm, p);
	u32 first = PAGE_BYTES - (p & (PAGE_BYTES - 1)), rest;

	if (!page)
		return 0;
	if (first >= ARGUMENTS_READ)
		return bpf_probe_read_kernel(x->name, ARGUMENTS_READ,
					     (void *)(page + (p & (PAGE_BYTES - 1))))
			       ? 0
			       : ARGUMENTS_READ;
	first &= 255;
	if (bpf_probe_read_kernel(x->name, first, (void *)(page + (p & (PAGE_BYTES - 1)))))
		return 0;
	page = page_of(mm, p + first);
	rest = (256 - first) & 255;
	if (!page || bpf_probe_read_kernel(x->name + first, rest, (void *)page))
		return first;
	return ARGUMENTS_READ;
}

/* Hash of a file's own name. */
static long hash_name(u32 i, struct task **c)
{
	struct task *x = *c;

	if (i >= x->len)
		return 1;
	x->hash = (x->hash ^ (u8)x->name[i & 255]) * FNV_PRIME;
	return 0;
}

static __always_inline int names_binary(struct task *x)
{
	return x->hash == x->self || x->prefix == FNV_BUSYBOX || x->hash == FNV_TOYBOX ||
	       x->hash == FNV_COREUTILS;
}

/* One byte of argv[0] and argv[1]; `at` counts bytes of the component, `found` arguments. */
static long read_applet(u32 i, struct task **c)
{
	struct task *x = *c;
	u8 b = x->name[i & 255];

	if (i >= x->len)
		return 1;
	if (b == '/') {
		x->hash = FNV_BASIS;
		x->prefix = x->at = 0;
		return 0;
	}
	if (b == '-' && !x->at) {
		if (x->found) /* an option of the binary itself */
			return 1;
		return 0; /* a login shell */
	}
	if (b) {
		x->hash = (x->hash ^ b) * FNV_PRIME;
		if (++x->at == 7)
			x->prefix = x->hash;
		return 0;
	}
	if (!names_binary(x)) {
		x->applet = x->hash ? x->hash : 1;
		return 1;
	}
	if (x->argc < 2) { /* the binary itself, without an applet */
		x->applet = 0;
		return 1;
	}
	if (x->found)
		return 1;
	x->found = 1;
	x->hash = FNV_BASIS;
	x->prefix = x->at = 0;
	return 0;
}

/* Sets x->applet for an exec. */
static __noinline int find_applet(struct task *x, struct linux_binprm *bprm)
{
	struct dentry *d = BPF_CORE_READ(bprm, file, f_path.dentry);
	struct task *c = x;

	x->applet = APPLET_UNKNOWN;
	x->len = BPF_CORE_READ(d, d_name.len) & 255;
	x->hash = FNV_BASIS;
	bpf_probe_read_kernel(x->name, x->len & 255, BPF_CORE_READ(d, d_name.name));
	bpf_loop(255, hash_name, &c, 0);
	x->self = x->hash;
	x->len = read_arguments(x, bprm);
	x->hash = FNV_BASIS;
	x->prefix = x->at = x->found = 0;
	bpf_loop(256, read_applet, &c, 0);
	return 0;
}

#endif
