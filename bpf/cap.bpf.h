/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Capabilities, as the task itself uses them.
 *
 * Hooks:  lsm/capable, and lsm/uring_override_creds, which would let a task check with other credentials.
 * Fails:  closed. A check that the kernel marks "no audit" is denied without an alert. The kernel's own checks with other
 *         credentials (overlayfs copies up with the mounter's) pass.
 */
/*
 * Whether the task asks for itself. A worker of io_uring works with the credentials that the request was made with, which
 * may be another copy of the same ones; those of the kernel's own checks have another user or other capabilities.
 */
static __always_inline int is_own(struct task_struct *task, const struct cred *cred)
{
	const struct cred *own = task->real_cred;
	u64 mine = 0, theirs = 0;

	if (cred == own)
		return 1;
	if (!(task->flags & PF_IO_WORKER) || cred->uid.val != own->uid.val)
		return 0;
	bpf_probe_read_kernel(&mine, 8, &own->cap_effective);
	bpf_probe_read_kernel(&theirs, 8, &cred->cap_effective);
	return mine == theirs;
}

SEC("lsm/capable")
int BPF_PROG(ka_capable, const struct cred *cred, struct user_namespace *ns, int cap, u32 opts,
	     int ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task *x;

	if (ret || !is_own(task, cred))
		return ret;
	x = begin(WANTS_IMAGE(IMAGE_FLAG_CAP));
	if (!x)
		return 0;
	x->family = FAMILY_CAPABILITIES;
	x->hook = HOOK_CAPABLE;
	x->other = 1;
	x->capability = cap;
	x->access = 1;
	x->silent = (opts & CAP_OPT_NOAUDIT) != 0;
	return conclude(x, BY_CLASS(x->word, judge_cap, x)) ? -EPERM : 0;
}

SEC("lsm/uring_override_creds")
int BPF_PROG(ka_uring_override_creds, const struct cred *cred, int ret)
{
	u64 word;

	if (ret)
		return ret;
	return wanting(WANTS_IMAGE(IMAGE_FLAG_CAP), &word) ? -EPERM : 0;
}
