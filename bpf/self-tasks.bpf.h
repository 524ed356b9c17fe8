/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What keeps the agent's process, and the tasks of others, out of the hands of containers (self.bpf.h).
 *
 * Hooks:  task_kill, file_send_sigiotask, ptrace_access_check, task_setrlimit, task_setscheduler, task_setnice, task_setioprio.
 * Fails:  as self.bpf.h says.
 */

/* `number` says what was asked for. Not 0: refused, as the agent is who it would be done to. */
static __always_inline int guards_agent(struct task_struct *task, u32 hook, u32 number)
{
	struct task *x;

	if (!is_agent(task))
		return 0;
	x = confined();
	if (!x)
		return 0;
	name_tampering(x, hook, number, task->tgid);
	return refuse_tampering(x);
}

SEC("lsm/task_kill")
int BPF_PROG(ka_task_kill, struct task_struct *task, void *info, int sig, const struct cred *cred,
	     int ret)
{
	return ret || !sig ? ret : guards_agent(task, HOOK_TASK_KILL, sig);
}

/*
 * A signal for a descriptor whose owner was set to be the agent. It is sent by whoever makes the descriptor ready, also in an
 * interrupt: the current task says nothing. The agent asks for no such signals, so nobody may.
 */
SEC("lsm/file_send_sigiotask")
int BPF_PROG(ka_file_send_sigiotask, struct task_struct *task, void *owner, int sig, int ret)
{
	return ret ? ret : is_agent(task) ? -EPERM : 0;
}

/* include/linux/ptrace.h */
#define PTRACE_MODE_ATTACH 2
#define PTRACE_MODE_NOAUDIT 4

/*
 * Changing or reading the memory of another task (ptrace, process_vm_readv, /proc/PID/mem), taking its descriptors. Of the agent: never,
 * and neither what only looks (PTRACE_MODE_READ), as /proc/PID/fd leads to its pipes. Where the kernel asks on its own (NOAUDIT, for
 * /proc/PID/stat) there is no alert: ps works, and sees zeroes for addresses. Of the host and of other containers: not where the
 * task has rules, which it would leave so. Debuggers and profilers of a node run in containers without rules.
 */
SEC("lsm/ptrace_access_check")
int BPF_PROG(ka_ptrace_access_check, struct task_struct *child, u32 mode, int ret)
{
	int agent = is_agent(child);
	struct task *x, *c;

	if (ret || !(agent || mode & PTRACE_MODE_ATTACH))
		return ret;
	x = confined();
	if (!x)
		return 0;
	if (!agent) {
		c = bpf_task_storage_get(&tasks, child, 0, 0);
		if (!SCOPE_IMAGE(scope_word(x->scope)) || (c && c->scope == x->scope))
			return 0;
	}
	if (mode & PTRACE_MODE_NOAUDIT)
		return -EPERM;
	name_tampering(x, HOOK_PTRACE, mode, child->tgid);
	return refuse_tampering(x);
}

/* A limit of processor time ends it, one of descriptors blinds it. */
SEC("lsm/task_setrlimit")
int BPF_PROG(ka_task_setrlimit, struct task_struct *task, u32 resource, void *limit, int ret)
{
	return ret ? ret : guards_agent(task, HOOK_TASK_SETRLIMIT, resource);
}

/* Its policy, its priority, and on which processors it runs. (Where its memory lies is asked of ptrace_access_check first.) */
SEC("lsm/task_setscheduler")
int BPF_PROG(ka_task_setscheduler, struct task_struct *task, int ret)
{
	return ret ? ret : guards_agent(task, HOOK_TASK_SETSCHEDULER, 0);
}

SEC("lsm/task_setnice")
int BPF_PROG(ka_task_setnice, struct task_struct *task, int nice, int ret)
{
	return ret ? ret : guards_agent(task, HOOK_TASK_SETNICE, 0);
}

SEC("lsm/task_setioprio")
int BPF_PROG(ka_task_setioprio, struct task_struct *task, int priority, int ret)
{
	return ret ? ret : guards_agent(task, HOOK_TASK_SETIOPRIO, 0);
}
