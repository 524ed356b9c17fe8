/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What keeps this enforcement itself out of the hands of containers, whatever their policies are and also where they have none:
 * our maps, programs and links, the agent's process, its directories, pins and socket, and the tasks of others, by which all of it
 * could be reached. Tasks without a scope are not asked: root on the node is trusted (docs/threat-model.md).
 *
 * Hooks:  bpf, bpf_map, bpf_prog, unix_stream_connect; files by self_guards() in file.bpf.h, tasks in self-tasks.bpf.h, mounts in
 *         self-places.bpf.h.
 * Fails:  closed for what is known to be ours; what the agent has not enrolled yet is open.
 */

/* Kinds of a place, and of the context of ka_enroll. */
#define PLACE_INSIDE 1 /* it and everything below cannot be written, mounted over or connected to */
#define PLACE_ABOVE 2  /* it leads to such a place: cannot be moved, removed or mounted over */
#define PLACES_MAX 1024
#define PLACE_DEPTH 8 /* the agent's directories are flat, and a container makes none in them */
#define OWN_MAX 1024

#define IMAGE_NAME 0x6567616d695f616bULL /* "ka_image", as the agent names the maps of images */

enum own_kind { OWN_MAP = 1, OWN_PROGRAM, OWN_LINK };

/* The agent: alive or not, no other task has both. */
struct agent {
	u64 start;
	u32 tgid;
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct agent);
} self_agent SEC(".maps");

/* Our maps, programs and links: enum own_kind << 32 | id. Images are known by their maps' name. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, OWN_MAX);
	__type(key, u64);
	__type(value, u32);
} self_own SEC(".maps");

/* A directory or file. With the inode number 0: some place is in this file system. */
struct place {
	u64 sb;
	u64 inode;
	u32 generation; /* numbers come again, on some file systems in every subvolume */
	u32 pad;
};

struct place_kind {
	u32 kind;
	u32 epoch; /* of the enrolment; the agent removes what is of another */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, PLACES_MAX);
	__type(key, struct place);
	__type(value, struct place_kind);
} self_places SEC(".maps");

static __always_inline int is_agent(struct task_struct *task)
{
	u32 zero = 0;
	struct agent *a = bpf_map_lookup_elem(&self_agent, &zero);

	return a && a->tgid && (u32)task->tgid == a->tgid &&
	       BPF_CORE_READ(task, group_leader, start_boottime) == a->start;
}

/* Whether a task with this storage is a container's. */
static __always_inline int is_confined(struct task *x)
{
	return x && is_container(x);
}

/* The current task's storage, if it is confined and not the agent. */
static __always_inline struct task *confined(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task *x = bpf_task_storage_get(&tasks, task, 0, 0);

	return x && is_confined(x) && !is_agent(task) ? x : 0;
}

/* Alert of a refusal whose object is in `x`. */
static __always_inline int refuse_tampering(struct task *x)
{
	x->rule = EVENT_NO_RULE;
	x->outcome = OUTCOME_DENIED;
	x->flags |= EVENT_FLAG_SELF;
	if (admit(x))
		write_record(x);
	return -EPERM;
}

/* The same, of what is no file: `number` says what was asked for (signal, command), `object` on whom, `x->len` bytes of name. */
static __always_inline void name_tampering(struct task *x, u32 hook, u32 number, u32 object)
{
	reset(x, scope_word(x->scope));
	x->hook = hook;
	x->other = 1;
	x->flat = 1;
	x->len = 0;
	x->capability = number;
	x->applet = object;
	x->open_flags = object;
}

static __always_inline u32 kind_of_place(u64 sb, u64 inode)
{
	struct place key = { .sb = sb };
	struct place_kind *found;

	if (inode) {
		key.inode = FIELD(inode, inode, i_ino);
		key.generation = FIELD(inode, inode, i_generation);
	}
	found = bpf_map_lookup_elem(&self_places, &key);
	return found ? found->kind : 0;
}

/*
 * What a dentry is to the agent's places. A file that was opened by its handle, and that nobody has looked up, has no directory: it may
 * be in any.
 */
__noinline int place_of(u64 dentry)
{
	u64 sb = (u64)FIELD(dentry, dentry, d_sb), parent, inode;
	u32 kind = 0;

	if (!kind_of_place(sb, 0))
		return 0;
	for (int i = 0; i < PLACE_DEPTH; i++) {
		inode = (u64)FIELD(dentry, dentry, d_inode);
		if (inode)
			kind |= kind_of_place(sb, inode) &
				(i ? PLACE_INSIDE : PLACE_INSIDE | PLACE_ABOVE);
		parent = (u64)FIELD(dentry, dentry, d_parent);
		if (kind)
			break;
		if (parent == dentry)
			return FIELD(dentry, dentry, d_flags) & DCACHE_DISCONNECTED ? PLACE_INSIDE
										    : 0;
		dentry = parent;
	}
	return kind;
}

/* Tells that this was refused to be done to the object mnt + dentry in `x`; without a mount it is named within its file system. */
__noinline int tell_place(struct task *x, u32 hook)
{
	u64 mnt, dentry;

	if (!x)
		return 0;
	mnt = x->mnt;
	dentry = x->dentry;
	reset(x, scope_word(x->scope));
	x->hook = hook;
	x->family = FAMILY_FILE;
	x->mnt = mnt;
	x->dentry = dentry;
	if (mnt) {
		walk_shown(x);
	} else {
		walk_superblock(x);
		x->flags = EVENT_FLAG_FOREIGN;
	}
	return refuse_tampering(x);
}

/* Not 0: a confined task may not do this to the object mnt + dentry in `x`. Moving what leads to a place of the agent is included. */
__noinline int self_guards(struct task *x, u32 hook)
{
	u32 kind;

	if (!x)
		return 0;
	kind = place_of(x->dentry);
	if (!kind || is_agent(bpf_get_current_task_btf()))
		return 0;
	if (!(kind & PLACE_INSIDE) && hook != HOOK_FILE_RENAME && hook != HOOK_FILE_RMDIR &&
	    hook != HOOK_FILE_UNLINK && hook != HOOK_MOUNT)
		return 0;
	return tell_place(x, hook);
}

static __always_inline int refuse_place(struct task *x, struct vfsmount *mnt, struct dentry *d,
					u32 hook)
{
	x->mnt = (u64)mnt;
	x->dentry = (u64)d;
	tell_place(x, hook);
	return -EPERM;
}

/* Of a task with this storage, or without any. `mnt`: 0 where the hook knows none. */
static __always_inline int guards(struct task *x, struct vfsmount *mnt, struct dentry *d, u32 hook)
{
	if (!is_confined(x))
		return 0;
	x->mnt = (u64)mnt;
	x->dentry = (u64)d;
	return self_guards(x, hook) ? -EPERM : 0;
}

static __always_inline int is_ours(u32 kind, u32 id)
{
	u64 key = (u64)kind << 32 | id;

	return bpf_map_lookup_elem(&self_own, &key) != 0;
}

static __always_inline int refuse_own(struct task *x, u32 kind, const char *name)
{
	long len = 0;

	name_tampering(x, HOOK_BPF, kind, 0);
	if (name)
		len = bpf_probe_read_kernel_str(x->name, 16, name);
	x->len = len > 1 ? (len - 1) & 15 : 0;
	return refuse_tampering(x);
}

SEC("lsm/bpf_map")
int BPF_PROG(ka_bpf_map, struct bpf_map *map, u32 mode, int ret)
{
	struct task *x;
	u64 name = 0;

	if (ret)
		return ret;
	x = confined();
	if (!x)
		return 0;
	bpf_probe_read_kernel(&name, sizeof(name), map->name);
	if (name != IMAGE_NAME && !is_ours(OWN_MAP, map->id))
		return 0;
	return refuse_own(x, OWN_MAP, map->name);
}

SEC("lsm/bpf_prog")
int BPF_PROG(ka_bpf_prog, struct bpf_prog *prog, int ret)
{
	struct task *x;

	if (ret)
		return ret;
	x = confined();
	if (!x || !is_ours(OWN_PROGRAM, BPF_CORE_READ(prog, aux, id)))
		return 0;
	return refuse_own(x, OWN_PROGRAM, (const char *)prog->aux->name);
}

/* The id of a link by its descriptor; of another file some number, which decides nothing but an error's name. */
static __always_inline u32 link_of(u32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slots = BPF_CORE_READ(table, fd), *file = 0;
	struct bpf_link *link;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), &slots[fd]);
	link = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(link, id);
}

/* Links have no hook of their own: taking one by its id, and changing or detaching one. The first word of each is id or descriptor. */
SEC("lsm/bpf")
int BPF_PROG(ka_bpf, int cmd, union bpf_attr *attr, u32 size)
{
	struct task *x;
	u32 word = 0;

	if (cmd != BPF_LINK_GET_FD_BY_ID && cmd != BPF_LINK_UPDATE && cmd != BPF_LINK_DETACH)
		return 0;
	x = confined();
	if (!x)
		return 0;
	bpf_probe_read_kernel(&word, sizeof(word), attr);
	if (!is_ours(OWN_LINK, cmd == BPF_LINK_GET_FD_BY_ID ? word : link_of(word)))
		return 0;
	return refuse_own(x, OWN_LINK, 0);
}

/* The API's socket is for the node. */
SEC("lsm/unix_stream_connect")
int BPF_PROG(ka_unix_stream_connect, struct sock *sock, struct sock *other, struct sock *new,
	     int ret)
{
	struct unix_sock *unix_socket = (void *)other;
	struct task *x;
	u64 dentry;

	if (ret)
		return ret;
	x = confined();
	if (!x)
		return 0;
	dentry = (u64)BPF_CORE_READ(unix_socket, path.dentry);
	if (!dentry)
		return 0;
	return guards(x, BPF_CORE_READ(unix_socket, path.mnt), (void *)dentry, HOOK_UNIX_CONNECT);
}

/* Context of ka_enroll: the file or directory behind a descriptor of the caller; below 0: the caller itself, which is the agent. */
struct enrol {
	s32 fd;
	u32 kind;
	u32 epoch;
};

/* Run by the agent, under its own descriptors: so it is the kernel that says which file and which task they are. 0: enrolled. */
SEC("syscall")
int ka_enroll(struct enrol *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct agent agent = { .tgid = task->tgid };
	struct place_kind value = { .kind = ctx->kind, .epoch = ctx->epoch }, *known;
	struct place key = {};
	struct fdtable *table;
	struct file **slots, *file = 0;
	u32 zero = 0;

	if (ctx->fd < 0) {
		agent.start = BPF_CORE_READ(task, group_leader, start_boottime);
		return bpf_map_update_elem(&self_agent, &zero, &agent, BPF_ANY) ? 1 : 0;
	}
	table = BPF_CORE_READ(task, files, fdt);
	slots = BPF_CORE_READ(table, fd);
	if ((u32)ctx->fd >= BPF_CORE_READ(table, max_fds))
		return 1;
	bpf_probe_read_kernel(&file, sizeof(file), &slots[ctx->fd]);
	if (!file)
		return 1;
	key.sb = (u64)BPF_CORE_READ(file, f_path.dentry, d_sb);
	bpf_map_update_elem(&self_places, &key, &value, BPF_ANY);
	key.inode = BPF_CORE_READ(file, f_path.dentry, d_inode, i_ino);
	key.generation = BPF_CORE_READ(file, f_path.dentry, d_inode, i_generation);
	known = bpf_map_lookup_elem(&self_places, &key);
	if (known && known->epoch == value.epoch)
		value.kind |= known->kind;
	return bpf_map_update_elem(&self_places, &key, &value, BPF_ANY) ? 1 : 0;
}
