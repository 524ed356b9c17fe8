/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Writes records into the rings. Nothing here changes a verdict: a full ring, or no free buffer, is counted as lost.
 *
 * The same event again within FOLD_NS is not written but counted, and the count goes out with the next one after that, or
 * is collected by the agent: every event that was generated is delivered, folded or counted as lost.
 */
#ifndef KA_EMIT_H
#define KA_EMIT_H

#include "argv.h"

#define FOLD_NS 1000000000ULL
#define FOLDS_MAX 16384
#define BUFFERS_MAX 64
#define BUFFER_TRIES 4
#define STRINGS_MAX 512 /* subject and parent */
#define ARGUMENTS_MAX 512
#define PATH_END (STRINGS_MAX + EVENT_PATH_MAX)

/* Denials and audit hits; sized by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} alerts SEC(".maps");

/* Telemetry: what passed. A flood of it never costs an alert. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} logs SEC(".maps");

/*
 * A record is built here and copied into the ring in its own length. The pool stands for per-CPU memory, which preemption
 * would mix up: a buffer is claimed and given back.
 */
struct buffer {
	u32 busy;
	u32 pad;
	struct event e;
	char data[PATH_END + 2 * ARGUMENTS_MAX + 256]; /* the rest bounds the last copies */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BUFFERS_MAX);
	__type(key, u32);
	__type(value, struct buffer);
} buffers SEC(".maps");

/*
 * Who listens on a socket, as of its listen(): kept with the socket, as a request for a connection comes at a time when any
 * task, or none, is current. Written once, by the first who listens.
 */
struct listener {
	u32 state; /* enum listener_state */
	u32 subject_class;
	u64 classed; /* both, and task_flags, as in struct task */
	u64 program; /* inode of the executable */
	u32 task_flags;
	u32 pad;
	struct event head; /* what a record says of who acts */
	char strings[STRINGS_MAX];
};

enum listener_state {
	LISTENER_NEW,
	LISTENER_WRITTEN,
	LISTENER_KNOWN,
};

/* What makes two events the same: everything but the process and the time. */
struct fold_key {
	u32 scope;
	u32 image;
	u32 rule;
	u16 hook;
	u8 outcome;
	u8 pad;
	u64 program; /* inode of the executable */
	u64 object;  /* dentry (with its name: addresses come again) and mount of the object */
	u64 mount;
	u32 addr[4];
	u32 capability;
	u16 domain;
	u16 type;
	u16 protocol;
	u16 port;
	u32 shown; /* how the object is shown: the same one can get another name; of telemetry the open's flags */
};

/* Never evicts, which would lose counts: where it is full, events are written one by one until the agent has collected. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FOLDS_MAX);
	__type(key, struct fold_key);
	__type(value, struct fold);
} folds SEC(".maps"), log_folds SEC(".maps");

static __always_inline void count_more(u32 which, u64 more)
{
	u64 *n = bpf_map_lookup_elem(&counters, &which);

	if (n)
		__sync_fetch_and_add(n, more);
}

static __always_inline struct buffer *claim(void)
{
	u32 first = bpf_get_smp_processor_id() * BUFFER_TRIES;

	for (u32 i = 0; i < BUFFER_TRIES; i++) {
		u32 at = (first + i) % BUFFERS_MAX;
		struct buffer *b = bpf_map_lookup_elem(&buffers, &at);

		if (b && !__sync_val_compare_and_swap(&b->busy, 0, 1))
			return b;
	}
	return 0;
}

static __noinline int fill_task(struct event *e)
{
	struct task_struct *task = bpf_get_current_task_btf(),
			   *parent = BPF_CORE_READ(task, real_parent);
	struct pid *pid = BPF_CORE_READ(task, signal, pids[1]),
		   *ppid = BPF_CORE_READ(parent, signal, pids[1]);
	u32 level = BPF_CORE_READ(pid, level);

	if (!e)
		return 0;
	e->boot_ns = bpf_ktime_get_boot_ns();
	e->host_pid = task->tgid;
	e->host_ppid = BPF_CORE_READ(parent, tgid);
	/* struct upid holds nr and its name space's pointer: 16 bytes a level */
	e->pid = e->ppid = 0;
	bpf_probe_read_kernel(&e->pid, 4, &pid->numbers[0].nr + (level & 31) * 4);
	if (BPF_CORE_READ(ppid, level) >= level)
		bpf_probe_read_kernel(&e->ppid, 4, &ppid->numbers[0].nr + (level & 31) * 4);
	e->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	__builtin_memset(e->tty, 0, sizeof(e->tty));
	BPF_CORE_READ_STR_INTO(&e->tty, task, signal, tty, name);
	return 0;
}

static __always_inline void fill_check(struct event *e, struct task *x)
{
	e->image = SCOPE_IMAGE(x->word);
	e->rule = x->rule;
	e->hook = x->hook;
	e->outcome = x->outcome;
	e->flags = x->flags;
	e->open_flags = x->open_flags;
	e->capability = x->capability;
	e->sock_domain = x->sock_domain;
	e->sock_type = x->sock_type;
	e->sock_protocol = x->sock_protocol;
	e->sock_port = x->sock_port;
	__builtin_memcpy(e->sock_addr, x->sock_addr, 16);
	e->path_len = e->args_len = e->argc = e->pad = 0;
}

/* Subject and parent, as of their exec. `strings` has room for STRINGS_MAX bytes. */
static __noinline u32 fill_subjects(struct event *e, char *strings, struct task *x)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task *parent;
	u32 len, more;

	if (!e || !strings || !x)
		return 0;
	e->scope = x->scope;
	e->parent_len = 0;
	len = x->subject_len & (SUBJECT_MAX - 1);
	bpf_probe_read_kernel(strings, len, x->subject);
	e->subject_len = len;
	parent = bpf_task_storage_get(&tasks, task->real_parent, 0, 0);
	if (!parent)
		return len;
	more = parent->subject_len & (SUBJECT_MAX - 1);
	bpf_probe_read_kernel(strings + len, more, parent->subject);
	e->parent_len = more;
	return len + more;
}

/* Who acts: the current task, or the listener as it was when it began to listen. Gives the length of the strings. */
static __always_inline u32 fill_actor(struct buffer *b, struct task *x)
{
	struct listener *l = (void *)x->listener;

	if (!l) {
		fill_task(&b->e);
		return fill_subjects(&b->e, b->data, x);
	}
	bpf_probe_read_kernel(&b->e, sizeof(b->e), &l->head);
	bpf_probe_read_kernel(b->data, STRINGS_MAX, l->strings);
	b->e.boot_ns = bpf_ktime_get_boot_ns();
	return (b->e.subject_len & (SUBJECT_MAX - 1)) + (b->e.parent_len & (SUBJECT_MAX - 1));
}

/* The position is in `x`: the verifier knows nothing of it there, so the loop converges (since 6.7). */
struct fill {
	struct task *x;
	struct buffer *b;
};

static long fill_component(u32 i, struct fill *f)
{
	u64 name;
	u32 len = name_of(f->x->comp[(f->x->n - 1 - i) & (COMPONENTS_MAX - 1)], &name);
	u32 pos = f->x->pos;

	if (pos >= PATH_END) {
		f->x->cut = 1;
		return 1;
	}
	if (i || !f->x->bare)
		f->b->data[pos++] = '/';
	if (bpf_probe_read_kernel(&f->b->data[pos], len, (void *)name))
		return 1;
	f->x->pos = pos + len;
	return 0;
}

/* The path, root first: `x` still holds the components of the first name. */
static __noinline int fill_path(struct buffer *b, struct task *x, u32 start)
{
	struct fill f = { .x = x, .b = b };

	if (!b || !x)
		return 0;
	x->pos = start;
	x->cut = 0;
	if (x->flat) { /* a name that was given, not walked */
		u32 len = x->len & 255;

		bpf_probe_read_kernel(&b->data[start & (STRINGS_MAX - 1)], len, x->name);
		x->pos = start + len;
		b->e.path_len = len;
		return 0;
	}
	if (x->n == 0 && (x->mnt || x->dentry)) {
		b->data[start & (STRINGS_MAX - 1)] = '/';
		x->pos++;
	}
	bpf_loop(x->n < COMPONENTS_MAX ? x->n : COMPONENTS_MAX, fill_component, &f, 0);
	if (x->cut || x->n > COMPONENTS_MAX)
		b->e.flags |= EVENT_FLAG_CUT;
	b->e.path_len = x->pos - start;
	return 0;
}

/* The arguments of an exec, as they lie in the new program's memory: argc strings, then (not ours to show) the environment. */
static __noinline int fill_arguments(struct buffer *b, struct task *x)
{
	u64 page = page_of((void *)x->mm, x->argv);
	u32 pos = x->pos, offset = x->argv & (PAGE_BYTES - 1), first = PAGE_BYTES - offset, rest;

	if (!b || !x || !page || pos >= PATH_END + 256)
		return 0;
	if (first > ARGUMENTS_MAX - 1)
		first = ARGUMENTS_MAX - 1;
	if (bpf_probe_read_kernel(&b->data[pos], first & (ARGUMENTS_MAX - 1),
				  (void *)(page + offset)))
		return 0;
	b->e.argc = x->argc;
	b->e.args_len = first;
	rest = (ARGUMENTS_MAX - 1 - first) & (ARGUMENTS_MAX - 1);
	page = rest ? page_of((void *)x->mm, x->argv + first) : 0;
	if (page && !bpf_probe_read_kernel(&b->data[pos + (first & (ARGUMENTS_MAX - 1))], rest,
					   (void *)page))
		b->e.args_len = first + rest;
	x->pos = pos + b->e.args_len;
	return 0;
}

/* Inode of the executable that acts. */
static __always_inline u64 program_of(struct task *x)
{
	struct listener *l = (void *)x->listener;
	struct mm_struct *mm;
	struct file *exe;
	u64 program = 0;

	if (!l) {
		mm = FIELD(task_struct, bpf_get_current_task_btf(), mm);
		exe = FIELD(mm_struct, mm, exe_file);
		return (u64)FIELD(file, exe, f_inode);
	}
	bpf_probe_read_kernel(&program, sizeof(program), &l->program);
	return program;
}

/* How many events this record stands for; 0: folded, nothing to write. */
static __always_inline u32 fold(void *map, struct task *x, u32 shown)
{
	u64 now = bpf_ktime_get_ns();
	struct fold_key key = {
		.scope = x->scope,
		.image = SCOPE_IMAGE(x->word),
		.rule = x->rule,
		.hook = x->hook,
		.outcome = x->outcome,
		.program = program_of(x),
		.object = x->dentry ? x->dentry ^ FIELD(dentry, x->dentry, d_name.hash_len) : 0,
		.mount = x->mnt,
		.shown = shown,
		.domain = x->sock_domain,
		.protocol = x->sock_protocol,
		.capability = x->capability ^ x->applet,
		.type = x->sock_type,
		.port = x->sock_port,
	};
	struct fold fresh = { .emitted_ns = now }, *f;
	u32 pending;

	__builtin_memcpy(key.addr, x->sock_addr, sizeof(key.addr));
	f = bpf_map_lookup_elem(map, &key);
	if (!f) {
		fresh.id = now ^ (u64)bpf_get_smp_processor_id() << 56;
		x->fold = bpf_map_update_elem(map, &key, &fresh, BPF_NOEXIST) ? 0 : fresh.id;
		return 1;
	}
	x->fold = f->id;
	if (now - f->emitted_ns < FOLD_NS) {
		__sync_fetch_and_add(&f->pending, 1);
		return 0;
	}
	pending = __sync_lock_test_and_set(&f->pending, 0);
	f->emitted_ns = now;
	return pending + 1;
}

/*
 * Counts the event of the check in `x` (rule, outcome set). Gives and keeps for how many events a record of it would stand;
 * 0: it is folded. No path is needed yet where nothing forbids; an exec is always told, as its arguments are its own.
 */
__noinline int admit(struct task *x)
{
	if (!x)
		return 0;
	x->fold = 0;
	x->times = 1;
	if (x->outcome != OUTCOME_OBSERVED) {
		count(COUNTER_ALERTS);
		x->times = fold(&folds, x, x->n | x->flags << 16);
	} else {
		count(COUNTER_LOGS);
		if (!x->argv)
			x->times = fold(&log_folds, x, x->open_flags);
	}
	return x->times;
}

/* Writes the record of the check in `x`, which was admitted. */
__noinline int write_record(struct task *x)
{
	u32 observed, length, strings;
	struct buffer *b;
	long full;

	if (!x)
		return 0;
	observed = x->outcome == OUTCOME_OBSERVED;
	b = claim();
	if (!b) {
		count_more(observed ? COUNTER_LOGS_LOST : COUNTER_ALERTS_LOST, x->times);
		return 0;
	}
	strings = fill_actor(b, x);
	fill_check(&b->e, x);
	b->e.count = x->times;
	b->e.fold = x->fold;
	fill_path(b, x, strings);
	if (x->argv)
		fill_arguments(b, x);
	length = x->pos;
	if (length > sizeof(b->data))
		length = sizeof(b->data);
	length += sizeof(b->e);
	full = observed ? bpf_ringbuf_output(&logs, &b->e, length, 0)
			: bpf_ringbuf_output(&alerts, &b->e, length, 0);
	if (full)
		count_more(observed ? COUNTER_LOGS_LOST : COUNTER_ALERTS_LOST, x->times);
	__sync_lock_test_and_set(&b->busy, 0);
	return 0;
}

#endif
