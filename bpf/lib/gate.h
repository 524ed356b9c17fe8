/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The start gate: what may be the first program of a container is not executed before the agent has bound the container, or has
 * said that it is none. A hook cannot wait, so the exec is refused in a way that the kernel itself repeats when the task goes on
 * (ERESTARTNOINTR), and the task is stopped on its way back to user mode (SIGSTOP reaches pid 1 of a pid name space too). Whoever
 * lets it go on, the exec is judged anew. docs/adr/0020-start-gate.md.
 *
 * Fails: closed while an agent answers: without memory to note the task, the exec fails (EAGAIN, COUNTER_GATE_FAILED). Where the
 *        agent has not been heard of for GATE_PATIENCE_NS: as it asked for beforehand (enum gate_mode).
 */
#ifndef KA_GATE_H
#define KA_GATE_H

#include "scope.h"

#define GATE_PATIENCE_NS 10000000000ULL
#define HELD_MAX 4096
#define SETTLED_MAX 8192
/* include/linux/errno.h: not for user space, the kernel turns it into another attempt */
#define ERESTARTNOINTR 513
/* include/uapi/asm-generic/signal.h */
#define SIGCONT 18
#define SIGSTOP 19

/* What the agent wants; one element. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct gate);
} gate SEC(".maps");

/* Who waits, by process id. The agent removes an entry before it lets the task go on. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HELD_MAX);
	__type(key, u32);
	__type(value, struct held);
} held SEC(".maps");

/* Wakes the agent; what counts is in `held`, so nothing is lost with a record. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} holds SEC(".maps");

/*
 * Cgroups that hold no container of a runtime that the agent follows, by enum settled_kind. One that was forgotten is asked for again.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SETTLED_MAX);
	__type(key, u64);
	__type(value, u32);
} settled SEC(".maps");

/* Address of init_task, whose root directory is the host's. */
u64 init_task_at;

static __always_inline int has_host_root(struct task_struct *task)
{
	struct task_struct *host = (void *)init_task_at;

	return host && BPF_CORE_READ(task, fs, root.dentry) == BPF_CORE_READ(host, fs, root.dentry);
}

static __always_inline int refuse_hold(void)
{
	count(COUNTER_GATE_FAILED);
	return -EAGAIN;
}

/* Notes the current task as waiting, since when it waits first. */
static __always_inline int note_held(struct task_struct *task, u64 cgroup, u64 now)
{
	u32 pid = task->tgid;
	struct held h = {
		.cgroup = cgroup,
		.start_ns = BPF_CORE_READ(task, group_leader, start_boottime),
		.since_ns = now,
	};
	struct held *before = bpf_map_lookup_elem(&held, &pid);

	if (before && before->start_ns == h.start_ns)
		h.since_ns = before->since_ns;
	return bpf_map_update_elem(&held, &pid, &h, 0);
}

/* Whether nobody waits in the current task's cgroup. */
static __always_inline int is_settled(struct task_struct *task, u64 cgroup)
{
	int level = BPF_CORE_READ(task, cgroups, dfl_cgrp, level);
	u64 parent = level > 1 ? bpf_get_current_ancestor_cgroup_id(level - 1) : 0;
	u32 *kind;

	if (bpf_map_lookup_elem(&settled, &cgroup))
		return 1;
	kind = bpf_map_lookup_elem(&settled, &parent);
	return kind && *kind == SETTLED_CHILDREN_TOO;
}

/* An exec outside the runtime's mount name space in no bound cgroup: 0 where it may go on. */
static __noinline int hold(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 cgroup = bpf_get_current_cgroup_id(), now = bpf_ktime_get_ns();
	u32 zero = 0, pid = task->tgid;
	struct gate *g = bpf_map_lookup_elem(&gate, &zero);

	/* no container lives in the root cgroup */
	if (!g || g->mode == GATE_OFF || !bpf_get_current_ancestor_cgroup_id(1))
		return 0;
	if (has_host_root(task) || is_settled(task, cgroup))
		return 0;
	if (g->mode == GATE_OPEN_WITHOUT_AGENT && now > g->beat_ns + GATE_PATIENCE_NS) {
		count(COUNTER_GATE_OPEN);
		return 0;
	}
	if (note_held(task, cgroup, now))
		return refuse_hold();
	if (bpf_send_signal(SIGSTOP)) {
		bpf_map_delete_elem(&held, &pid);
		return refuse_hold();
	}
	/* let go before it was stopped: it would wait without anybody knowing */
	if (!bpf_map_lookup_elem(&held, &pid) && note_held(task, cgroup, now)) {
		bpf_send_signal(SIGCONT);
		return refuse_hold();
	}
	count(COUNTER_HELD);
	bpf_ringbuf_output(&holds, &pid, sizeof(pid), 0);
	return -ERESTARTNOINTR;
}

#endif
