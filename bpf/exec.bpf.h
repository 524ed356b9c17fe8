/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Programs: which may be executed, and who the task is afterwards.
 *
 * Hooks:  lsm/bprm_check_security (once for a script and again for its interpreter), lsm/bprm_committed_creds.
 * Fails:  closed. Without memory for the scope the exec fails (EAGAIN, COUNTER_SCOPE_FAILED); an unreadable path gets the
 *         strictest entry (COUNTER_UNKNOWN). What may be a container's first program waits for the agent (lib/gate.h).
 */

/* Where the names of files begin for a task: at the root of this mount name space. */
static __always_inline void root_at(struct task *x, struct task_struct *task,
				    struct mnt_namespace *ns)
{
	x->root = (u64)BPF_CORE_READ(ns, root);
	x->ns_seq = seq_of(ns);
	x->root_fs = (u64)BPF_CORE_READ(task, fs, root.mnt);
	x->root_sb = (u64)BPF_CORE_READ(task, fs, root.mnt, mnt_sb);
}

/* Who a task is from its first exec on: where its root is, and that the runtime runs still. */
static __always_inline void identify(struct task *x, struct task_struct *task,
				     struct mnt_namespace *ns, u32 scope)
{
	x->scope = scope;
	root_at(x, task, ns);
	x->caps = 0;
	bpf_probe_read_kernel(&x->caps, 8, &BPF_CORE_READ(task, real_cred)->cap_bset);
	x->depth = BPF_CORE_READ(task, real_cred, user_ns, level);
	x->task_flags = TASK_RUNTIME;
	x->subject_len = 0;
}

/* The scope that an exec outside bound cgroups leads to; -1: the task stays what it is. */
static __always_inline int scope_outside(struct task *x, struct task_struct *task,
					 struct mnt_namespace *ns, int in_host_ns)
{
	/* a helper that the kernel starts: its parent is a kernel thread */
	if (!x)
		return in_host_ns && is_host_bound() ? HOST_SCOPE : -1;
	if (!is_host(x) || !sets_up(x))
		return -1;
	if (x->task_flags & TASK_LAUNCHES_CONTAINER)
		return OUTSIDE_SCOPE;
	/* what the service manager starts knows files by the names that it was given */
	root_at(x, task, ns);
	return -1;
}

/*
 * Binds the current task to its cgroup's scope, if it has left the runtime's mount name space. A container's scope is for life;
 * the host's is given up for it. Where no cgroup of it is bound, the exec may have to wait. Not 0: no exec now.
 */
static __noinline int bind_task(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task *x = bpf_task_storage_get(&tasks, task, 0, 0);
	struct mnt_namespace *ns;
	int scope = -1, in_host_ns, result;

	if (x && is_container(x))
		return 0;
	ns = BPF_CORE_READ(task, nsproxy, mnt_ns);
	in_host_ns = BPF_CORE_READ(ns, ns.inum) == host_mnt_ns;
	if (!in_host_ns) {
		scope = bound_scope();
		result = scope < 0 ? hold() : 0;
		if (result)
			return result;
	}
	if (scope < 0)
		scope = scope_outside(x, task, ns, in_host_ns);
	if (scope < 0)
		return 0;
	if (!x) {
		x = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (!x) {
			count(COUNTER_SCOPE_FAILED);
			return -EAGAIN;
		}
		/* adopted meanwhile, or hidden before 6.2 while this CPU's storage is locked */
		if (x->ns_seq && is_container(x))
			return 0;
	}
	identify(x, task, ns, scope);
	x->classed = scope_word(scope);
	x->subject_class = SCOPE_IMAGE(x->classed) ? BY_CLASS(x->classed, runtime_class, x->classed)
						   : CLASS_NOBODY;
	return 0;
}

static __always_inline u32 owns(struct inode *inode)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return inode && FIELD(inode, inode, i_uid.val) == task->cred->fsuid.val;
}

static long spell_component(u32 i, struct task **c)
{
	struct task *x = *c;
	u32 pos = x->pos, len;
	u64 name;

	len = name_of(x->comp[(x->n - 1 - i) & (COMPONENTS_MAX - 1)], &name);
	if (pos + len + 1 >= SUBJECT_MAX) {
		x->cut = 1;
		return 1;
	}
	if (i || !x->bare)
		x->name[pos++ & (SUBJECT_MAX - 1)] = '/';
	bpf_probe_read_kernel(&x->name[pos & (SUBJECT_MAX - 1)], len, (void *)name);
	x->pos = pos + len;
	return 0;
}

/* Writes the path of the program that was just judged into `name`, its length into `pos`; sets `cut` where it is too long. */
__noinline int spell_program(struct task *x)
{
	struct task *c = x;

	if (!x)
		return 0;
	x->pos = x->cut = 0;
	bpf_loop(x->n < COMPONENTS_MAX ? x->n : COMPONENTS_MAX, spell_component, &c, 0);
	return 0;
}

/* Makes what spell_program() wrote the subject; the beginning of it where it is too long. */
static __always_inline void become_program(struct task *x, struct task_struct *task)
{
	u32 launches = launcher_flags(x, task, x->task_flags);

	x->task_flags = launches | (x->flags & EVENT_FLAG_FOREIGN ? TASK_FOREIGN : 0);
	if (x->cut || x->n > COMPONENTS_MAX || x->flags & EVENT_FLAG_UNKNOWN)
		x->task_flags |= TASK_SUBJECT_LONG;
	x->classed = x->word;
	x->subject_class = x->flags & EVENT_FLAG_UNKNOWN ? CLASS_UNKNOWN : x->record_class;
	x->subject_len = x->pos & (SUBJECT_MAX - 1);
	bpf_probe_read_kernel(x->subject, x->subject_len & (SUBJECT_MAX - 1), x->name);
}

/* A runtime that executes a sealed copy of itself, which is nowhere in the host's name space: its way into a container. */
static __always_inline int runs_itself(struct task *x)
{
	if (!is_host(x) || !(x->task_flags & TASK_LAUNCHES_CONTAINER))
		return 0;
	walk_shown(x);
	x->walked = 1;
	return x->flags & EVENT_FLAG_FOREIGN;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(ka_bprm_check, struct linux_binprm *bprm, int ret)
{
	struct task *x;
	int result;

	if (ret)
		return ret;
	result = bind_task();
	if (result)
		return result;
	x = begin(WANTS_IMAGE(IMAGE_FLAG_EXEC));
	if (!x)
		return 0;
	x->mnt = (u64)bprm->file->f_path.mnt;
	x->dentry = (u64)bprm->file->f_path.dentry;
	x->access = ACCESS_EXEC;
	x->family = FAMILY_PROCESS;
	x->hook = HOOK_SECURITY_BPRM_CHECK;
	x->owner = owns(bprm->file->f_inode);
	x->mm = (u64)bprm->mm;
	x->argv = bprm->p;
	x->argc = bprm->argc;
	if (SCOPE_FLAGS(x->word) & IMAGE_FLAG_APPLET)
		find_applet(x, bprm);
	if (runs_itself(x))
		return 0;
	result = check_object(x);
	if (result || x->partial || x->block_only)
		return result;
	/* now, as names may be gone when the exec completes */
	spell_program(x);
	x->judged_exec = (u64)bprm->file;
	return 0;
}

SEC("lsm/bprm_committed_creds")
int BPF_PROG(ka_bprm_committed, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task *x = bpf_task_storage_get(&tasks, task, 0, 0);
	u64 word;

	if (!x)
		return 0;
	/* also without rules: those that come later must know the program */
	word = scope_word(x->scope);
	if (x->judged_exec == (u64)bprm->file && x->word == word &&
	    !(SCOPE_WANTS(word) & SCOPE_MODE_SEE_PROCESS)) {
		x->judged_exec = 0;
		become_program(x, task);
		return 0;
	}
	reset(x, word);
	x->mnt = (u64)bprm->file->f_path.mnt;
	x->dentry = (u64)bprm->file->f_path.dentry;
	x->access = 0;
	x->family = FAMILY_PROCESS;
	x->hook = HOOK_SECURITY_BPRM_CHECK;
	x->mm = (u64)task->mm; /* the new one by now */
	x->argv = bprm->p;
	x->argc = bprm->argc;
	walk_shown(x);
	x->walked = 1;
	if (SCOPE_IMAGE(x->word))
		BY_CLASS(x->word, judge, x);
	observe(x, SCOPE_MODE_SEE_PROCESS);
	spell_program(x);
	become_program(x, task);
	return 0;
}
