/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The kernel's types, reduced to the fields that we read; CO-RE finds them in the running kernel by name.
 */
#ifndef KA_KERNEL_H
#define KA_KERNEL_H

#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

/* include/uapi/asm-generic/errno-base.h */
#define EAGAIN 11
#define EACCES 13
#define EPERM 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	u32 val;
} kuid_t;

struct qstr {
	union {
		struct {
			u32 hash;
			u32 len;
		};
		u64 hash_len;
	};
	const unsigned char *name;
};

struct super_block {
	struct dentry *s_root;
	unsigned long s_flags;
	unsigned long s_magic;
	void *s_fs_info;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct inode {
	struct hlist_head i_dentry;
	u16 i_mode;
	kuid_t i_uid;
	unsigned long i_ino;
	u32 i_generation;
};

struct dentry {
	u32 d_flags;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
	union {
		struct hlist_node d_alias;
	} d_u;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
	int mnt_flags;
};

struct ns_common {
	u32 inum;
};

struct mnt_namespace {
	struct ns_common ns;
	struct mount *root;
	u64 seq;
};

/* since 6.18 the number that is never used again is every name space's own */
struct ns_common___618 {
	u64 ns_id;
};

struct mnt_namespace___618 {
	struct ns_common___618 ns;
};

struct list_head {
	struct list_head *next;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct list_head mnt_mounts; /* list of mnt_child */
	struct list_head mnt_child;
	struct mnt_namespace *mnt_ns;
	int mnt_group_id; /* of those that show the same mounts; 0: private */
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	u32 f_mode;
	u32 f_flags;
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
};

/* fs/file_table.c; user_path since 6.7 (kernel commit def3ae83da02) */
struct backing_file {
	struct file file;
	struct path user_path;
};

/* fs/overlayfs/ovl_entry.h; of a module, so only known where that was there when the programs were loaded */
struct ovl_fs {
	const struct cred *creator_cred;
};

struct linux_binprm {
	struct mm_struct *mm;
	unsigned long p;
	struct file *file;
	int argc;
};

struct upid {
	int nr;
};

struct pid {
	u32 level;
	struct upid numbers[1];
};

struct tty_struct {
	char name[64];
};

struct signal_struct {
	struct tty_struct *tty;
	struct pid *pids[4];
};

/* 8 bytes; the fields have other names since 6.3 */
struct kernel_cap {
};

struct user_namespace {
	int level;
};

struct cred {
	kuid_t uid;
	kuid_t fsuid;
	struct kernel_cap cap_effective;
	struct kernel_cap cap_bset;
	struct user_namespace *user_ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct fs_struct {
	struct path root;
};

struct vm_area_struct {
	unsigned long vm_flags;
	struct file *vm_file;
};

struct mm_struct {
	void *pgd;
	struct file *exe_file;
};

struct fdtable {
	u32 max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	int pid;
	int tgid;
	u32 flags;
	char comm[16];
	struct task_struct *real_parent;
	struct pid *thread_pid;
	struct task_struct *group_leader;
	u64 start_boottime;
	struct files_struct *files;
	struct signal_struct *signal;
	const struct cred *real_cred;
	const struct cred *cred;
	struct nsproxy *nsproxy;
	struct fs_struct *fs;
	struct mm_struct *mm;
	struct css_set *cgroups;
	struct io_uring_task *io_uring;
	unsigned in_execve : 1;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
	int level;
	struct cgroup *ancestors[1];
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct in6_addr {
	u8 bytes[16];
};

struct sock_common {
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_family;
	u16 skc_num;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	u16 sk_protocol;
};

struct socket {
	short type;
	struct sock *sk;
};

struct unix_sock {
	struct path path;
};

struct bpf_map {
	u32 id;
	char name[16];
};

struct bpf_prog_aux {
	u32 id;
	char name[16];
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
};

struct bpf_link {
	u32 id;
};

struct request_sock {
	struct sock_common __req_common;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct sockaddr {
	u16 sa_family;
};

struct user_namespace;

struct sk_buff;

struct msghdr {
	void *msg_name;
	int msg_namelen;
};

#pragma clang attribute pop

/* Gives an address a type, so that it can be read by loads; a bad one reads as 0. Since 6.2 (kernel commit a35b9af4ec2c). */
extern void *bpf_rdonly_cast(void *obj, u32 btf_id) __ksym __weak;

/* A field of a kernel object whose address we kept: a load, or before 6.2 a call that costs as much as 50 of them. */

#define FIELD(type, at, field)                                                            \
	({                                                                                \
		struct type *object_ = (void *)(at);                                      \
		typeof(object_->field) value_;                                            \
		if (bpf_rdonly_cast)                                                      \
			value_ = ((struct type *)bpf_rdonly_cast(                         \
					  object_, bpf_core_type_id_kernel(struct type))) \
					 ->field;                                         \
		else                                                                      \
			value_ = BPF_CORE_READ(object_, field);                           \
		value_;                                                                   \
	})

/* Which mount name space it is: a number that is never used again. */
static __always_inline u64 seq_of(struct mnt_namespace *ns)
{
	struct mnt_namespace___618 *later = (void *)ns;

	if (bpf_core_field_exists(ns->seq))
		return FIELD(mnt_namespace, ns, seq);
	return FIELD(mnt_namespace___618, later, ns.ns_id);
}

/* include/linux/fs.h */
#define FMODE_READ 0x1
#define FMODE_WRITE 0x2
#define FMODE_EXEC 0x20
#define FMODE_CREATED 0x100000
#define FMODE_NOACCOUNT 0x20000000
/* Bit 25 from 6.5 to 6.13, 24 since; always with FMODE_NOACCOUNT, which the other uses of these bits never come with. */
#define FMODE_BACKING 0x3000000
#define SB_KERNMOUNT (1UL << 22)
#define SB_NOUSER (1UL << 31)
/* include/linux/dcache.h */
#define DCACHE_DISCONNECTED (1 << 5)
/* include/linux/mount.h */
#define MNT_READONLY 0x40
/* include/uapi/linux/magic.h */
#define TMPFS_MAGIC 0x01021994
#define BPF_FS_MAGIC 0xcafe4a11
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
/* include/linux/sched.h */
#define PF_KTHREAD 0x00200000
#define PF_IO_WORKER 0x00000010
/* include/uapi/linux/stat.h */
#define S_IFMT 0170000
#define S_IFIFO 0010000
#define S_IFSOCK 0140000
/* include/linux/fs.h */
#define RENAME_EXCHANGE 2
#define MAY_WRITE 2
#define MAY_APPEND 8
/* include/uapi/asm-generic/mman-common.h, include/linux/mm.h */
#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_TYPE 0xf
#define MAP_PRIVATE 2
#define VM_EXEC 0x4
#define VM_SHARED 0x8
/* include/linux/socket.h, include/uapi/linux/in.h, include/linux/net.h */
#define AF_UNSPEC 0
#define AF_INET 2
#define AF_INET6 10
#define AF_PACKET 17
#define AF_SMC 43
#define AF_XDP 44
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_UDPLITE 136
#define IPPROTO_MPTCP 262
#define IPPROTO_SMC 256
/* include/linux/security.h */
#define CAP_OPT_NOAUDIT 2

#endif
