/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Capabilities, as the task itself uses them.
 *
 * Hooks:  lsm/capable, and lsm/uring_override_creds, which would let a task check with other credentials.
 * Fails:  closed. A check that the kernel marks "no audit" is denied without an alert. The kernel's own checks with other
 *         credentials (overlayfs copies up with the mounter's) pass.
 */
SEC("lsm/capable")
int BPF_PROG(ka_capable, const struct cred *cred, struct user_namespace *ns, int cap, u32 opts,
	     int ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task *x;

	if (ret || cred != task->real_cred)
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
