/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Programs: which may be executed, and who the task is afterwards.
 *
 * Hooks:  lsm/bprm_check_security (once for a script and again for its interpreter), lsm/bprm_committed_creds.
 * Fails:  closed. Without memory for the scope the exec fails (EAGAIN, COUNTER_SCOPE_FAILED); an unreadable path gets the
 *         strictest entry (COUNTER_UNKNOWN).
 */

/* Binds the current task to its cgroup's scope, if it has left the runtime's mount name space. */
static __noinline int bind_task(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mnt_namespace *ns;
	struct task_scope *t;
	int scope;

	if (bpf_task_storage_get(&tasks, task, 0, 0))
		return 0;
	scope = bound_scope();
	if (scope < 0)
		return 0;
	ns = BPF_CORE_READ(task, nsproxy, mnt_ns);
	if (BPF_CORE_READ(ns, ns.inum) == host_mnt_ns)
		return 0;
	t = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t) {
		count(COUNTER_SCOPE_FAILED);
		return -EAGAIN;
	}
	t->scope = scope;
	t->root = (u64)BPF_CORE_READ(ns, root);
	t->ns_seq = BPF_CORE_READ(ns, seq);
	t->root_fs = (u64)BPF_CORE_READ(task, fs, root.mnt);
	t->root_sb = (u64)BPF_CORE_READ(task, fs, root.mnt, mnt_sb);
	t->flags = TASK_RUNTIME;
	t->subject_len = 0;
	t->word = scope_word(scope);
	t->subject_class =
		SCOPE_IMAGE(t->word) ? BY_CLASS(t->word, runtime_class, t->word) : CLASS_NOBODY;
	return 0;
}

static __always_inline u32 owns(struct inode *inode)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return inode && BPF_CORE_READ(inode, i_uid.val) == BPF_CORE_READ(task, cred, fsuid.val);
}

SEC("lsm/bprm_check_security")
int BPF_PROG(ka_bprm_check, struct linux_binprm *bprm, int ret)
{
	struct scratch *x;
	int result;

	if (ret)
		return ret;
	result = bind_task();
	if (result)
		return result;
	x = begin(WANTS_IMAGE(IMAGE_FLAG_EXEC), &result);
	if (!x)
		return result;
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
	return check_object(x);
}

struct keep {
	struct scratch *x;
	struct task_scope *t;
};

static long keep_component(u32 i, struct keep *k)
{
	struct component *p = &k->x->comp[(k->x->n - 1 - i) & (COMPONENTS_MAX - 1)];
	u32 len = p->len & 255, pos = k->x->pos;

	if (pos + len + 1 >= SUBJECT_MAX) {
		k->t->flags |= TASK_SUBJECT_LONG;
		return 1;
	}
	if (i || !k->x->bare)
		k->t->subject[pos++ & (SUBJECT_MAX - 1)] = '/';
	bpf_probe_read_kernel(&k->t->subject[pos & (SUBJECT_MAX - 1)], len, (void *)p->name);
	k->x->pos = pos + len;
	return 0;
}

/* Keeps the new program's path as the subject; the beginning of it where it is too long. */
__noinline int keep_subject(struct scratch *x, struct task_scope *t)
{
	struct keep k = { .x = x, .t = t };

	if (!x || !t)
		return 0;
	x->pos = 0;
	t->flags = 0;
	t->word = x->word;
	t->subject_class = x->flags & EVENT_FLAG_UNKNOWN ? CLASS_UNKNOWN : x->record_class;
	bpf_loop(x->n < COMPONENTS_MAX ? x->n : COMPONENTS_MAX, keep_component, &k, 0);
	t->subject_len = x->pos & (SUBJECT_MAX - 1);
	return 0;
}

SEC("lsm/bprm_committed_creds")
int BPF_PROG(ka_bprm_committed, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_scope *t = bpf_task_storage_get(&tasks, task, 0, 0);
	struct scratch *x;

	if (!t)
		return 0;
	/* also without rules: those that come later must know the program */
	x = bpf_task_storage_get(&scratches, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!x) {
		count(COUNTER_SCRATCH_FAILED);
		t->flags = TASK_SUBJECT_LONG;
		t->subject_class = CLASS_UNKNOWN;
		return 0;
	}
	reset(x, t, scope_word(t->scope));
	x->mnt = (u64)bprm->file->f_path.mnt;
	x->dentry = (u64)bprm->file->f_path.dentry;
	x->access = 0;
	x->family = FAMILY_PROCESS;
	x->hook = HOOK_SECURITY_BPRM_CHECK;
	x->mm = (u64)task->mm; /* the new one by now */
	x->argv = bprm->p;
	x->argc = bprm->argc;
	walk_shown(x);
	if (SCOPE_IMAGE(x->word))
		BY_CLASS(x->word, judge, x);
	observe(x, SCOPE_MODE_SEE_PROCESS);
	keep_subject(x, t);
	return 0;
}
