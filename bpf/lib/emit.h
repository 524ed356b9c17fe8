/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Writes records into the rings. A full ring never changes a verdict: the record is counted as lost. */
#ifndef KA_EMIT_H
#define KA_EMIT_H

#include "scope.h"

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

#define STRINGS_MAX 512 /* subject and parent */

#define RECORD(SIZE)                                                                                                             \
	struct record_##SIZE {                                                                                                   \
		struct event e;                                                                                                  \
		char data[STRINGS_MAX + (SIZE) + 512];                                                                           \
	};

RECORD(512)
RECORD(4096)

static __always_inline void fill_task(struct event *e, struct scratch *x)
{
	struct task_struct *task = bpf_get_current_task_btf(), *parent = BPF_CORE_READ(task, real_parent);
	struct pid *pid = BPF_CORE_READ(task, signal, pids[1]), *ppid = BPF_CORE_READ(parent, signal, pids[1]);
	u32 level = BPF_CORE_READ(pid, level);

	e->boot_ns = bpf_ktime_get_boot_ns();
	e->image = SCOPE_IMAGE(x->word);
	e->rule = x->rule;
	e->count = 1;
	e->hook = x->hook;
	e->outcome = x->outcome;
	e->flags = x->flags;
	e->host_pid = task->tgid;
	e->host_ppid = BPF_CORE_READ(parent, tgid);
	/* struct upid holds nr and its name space's pointer: 16 bytes a level */
	e->pid = e->ppid = 0;
	bpf_probe_read_kernel(&e->pid, 4, &pid->numbers[0].nr + (level & 31) * 4);
	if (BPF_CORE_READ(ppid, level) >= level)
		bpf_probe_read_kernel(&e->ppid, 4, &ppid->numbers[0].nr + (level & 31) * 4);
	e->uid = bpf_get_current_uid_gid();
	e->open_flags = x->open_flags;
	e->capability = x->capability;
	e->sock_domain = x->sock_domain;
	e->sock_type = x->sock_type;
	e->sock_protocol = x->sock_protocol;
	e->sock_port = x->sock_port;
	__builtin_memcpy(e->sock_addr, x->sock_addr, 16);
	e->spare = 0;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	__builtin_memset(e->tty, 0, sizeof(e->tty));
	BPF_CORE_READ_STR_INTO(&e->tty, task, signal, tty, name);
}

/* Subject and parent, as of their exec. */
static __always_inline u32 fill_subjects(struct event *e, char *data)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_scope *t = bpf_task_storage_get(&tasks, task, 0, 0);
	u32 len = 0, more;

	e->subject_len = e->parent_len = 0;
	if (!t)
		return 0;
	e->scope = t->scope;
	len = t->subject_len & (SUBJECT_MAX - 1);
	bpf_probe_read_kernel(data, len, t->subject);
	e->subject_len = len;
	t = bpf_task_storage_get(&tasks, task->real_parent, 0, 0);
	if (!t)
		return len;
	more = t->subject_len & (SUBJECT_MAX - 1);
	bpf_probe_read_kernel(data + len, more, t->subject);
	e->parent_len = more;
	return len + more;
}

/* The position is in `x`: the verifier knows nothing of it there, so the loop converges (since 6.7). */
struct fill {
	struct scratch *x;
	char *data;
};

/* The path, root first. `x` still holds the components of the first name. */
#define FILL_PATH(SIZE)                                                                                                          \
	static long fill_component_##SIZE(u32 i, struct fill *f)                                                                 \
	{                                                                                                                        \
		struct component *p = &f->x->comp[(f->x->n - 1 - i) & (COMPONENTS_MAX - 1)];                                     \
		struct record_##SIZE *r = (void *)f->data;                                                                       \
		u32 len = p->len & 255, pos = f->x->pos;                                                                           \
                                                                                                                                 \
		if (pos >= STRINGS_MAX + (SIZE)) {                                                                               \
			f->x->cut = 1;                                                                                              \
			return 1;                                                                                                \
		}                                                                                                                \
		if (i || !f->x->bare)                                                                                            \
			r->data[pos++] = '/';                                                                                    \
		if (bpf_probe_read_kernel(&r->data[pos], len, (void *)p->name))                                                  \
			return 1;                                                                                                \
		f->x->pos = pos + len;                                                                                              \
		return 0;                                                                                                        \
	}                                                                                                                        \
	static __always_inline void fill_path_##SIZE(struct record_##SIZE *r, struct scratch *x, u32 start)                      \
	{                                                                                                                        \
		struct fill f = { .x = x, .data = (void *)r };                                                     \
                                                                                                                                 \
		x->pos = start;                                                                                                  \
		x->cut = 0;                                                                                                      \
		if (x->n == 0 && x->mnt) {                                                                                       \
			r->data[start & (STRINGS_MAX - 1)] = '/';                                                                \
			x->pos++;                                                                                                \
		}                                                                                                                \
		bpf_loop(x->n < COMPONENTS_MAX ? x->n : COMPONENTS_MAX, fill_component_##SIZE, &f, 0);                           \
		if (x->cut || x->n > COMPONENTS_MAX)                                                                              \
			r->e.flags |= EVENT_FLAG_CUT;                                                                            \
		r->e.path_len = x->pos - start;                                                                                   \
	}

FILL_PATH(512)
FILL_PATH(4096)

#define SUBMIT(SIZE)                                                                                                             \
	static __noinline int fill_##SIZE(struct record_##SIZE *r, struct scratch *x)                                            \
	{                                                                                                                        \
		if (!r || !x)                                                                                                    \
			return 0;                                                                                                \
		r->e.scope = 0;                                                                                                  \
		fill_task(&r->e, x);                                                                                             \
		fill_path_##SIZE(r, x, fill_subjects(&r->e, r->data) & (STRINGS_MAX - 1));                                       \
		return 0;                                                                                                        \
	}                                                                                                                        \
	__noinline int submit_##SIZE(struct scratch *x)                                                                          \
	{                                                                                                                        \
		struct record_##SIZE *r;                                                                                         \
                                                                                                                                 \
		if (!x)                                                                                                          \
			return 0;                                                                                                \
		if (x->outcome == OUTCOME_OBSERVED)                                                                              \
			r = bpf_ringbuf_reserve(&logs, sizeof(*r), 0);                                                           \
		else                                                                                                             \
			r = bpf_ringbuf_reserve(&alerts, sizeof(*r), 0);                                                         \
		if (!r) {                                                                                                        \
			count(x->outcome == OUTCOME_OBSERVED ? COUNTER_LOGS_LOST : COUNTER_ALERTS_LOST);                         \
			return 0;                                                                                                \
		}                                                                                                                \
		fill_##SIZE(r, x);                                                                                               \
		bpf_ringbuf_submit(r, 0);                                                                                        \
		count(x->outcome == OUTCOME_OBSERVED ? COUNTER_LOGS : COUNTER_ALERTS);                                           \
		return 0;                                                                                                        \
	}

SUBMIT(512)
SUBMIT(4096)

static __always_inline void report(struct scratch *x)
{
	if (x->bytes <= 512)
		submit_512(x);
	else
		submit_4096(x);
}

#endif
