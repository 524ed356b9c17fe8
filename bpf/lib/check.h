/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * One check of an access to a path: whose task, which path, which rule, report. Fails closed: no image and an unreadable
 * path are denied where a rule or a posture could deny (counters say so).
 */
#ifndef KA_CHECK_H
#define KA_CHECK_H

#include "scope.h"
#include "host.h"
#include "path.h"
#include "match.h"
#include "emit.h"

/* Recomputes the subject's class after the image changed, from the path that the task had at its exec. */
__noinline int reclassify(struct task *x)
{
	if (!x)
		return 0;
	if (!SCOPE_IMAGE(x->word)) {
		x->subject_class = CLASS_NOBODY;
	} else if (x->task_flags & TASK_RUNTIME) {
		x->subject_class = BY_CLASS(x->word, runtime_class, x->word);
	} else if (x->task_flags & TASK_SUBJECT_LONG) {
		x->subject_class = CLASS_UNKNOWN;
	} else {
		u32 len = x->subject_len & (SUBJECT_MAX - 1);

		bpf_probe_read_kernel(x->name, len, x->subject);
		x->len = len;
		x->flat = 1;
		x->flags = 0;
		x->access = 0;
		x->family = FAMILY_PROCESS;
		BY_CLASS(x->word, judge, x);
		x->subject_class = x->record_class;
		x->flat = 0;
	}
	x->classed = x->word;
	return 0;
}

static __always_inline void forget_hits(struct task *x)
{
	x->any_hit = 0;
	x->hit[0].verdict = x->hit[0].audit = x->hit[1].verdict = x->hit[1].audit = 0;
}

static __always_inline void reset_other(struct task *x)
{
	x->other = x->capability = x->net_op = x->net_seen = x->addr_family = 0;
	x->sock_domain = x->sock_type = x->sock_protocol = x->sock_port = 0;
	__builtin_memset(x->sock_addr, 0, sizeof(x->sock_addr));
	__builtin_memset(x->peer, 0, sizeof(x->peer));
}

/* Makes the working memory ready for a check by the rules of `word`. 1: the subject's class is of other rules. */
__noinline int reset(struct task *x, u64 word)
{
	if (!x)
		return 0;
	x->word = word;
	x->flat = x->block_only = x->open_flags = x->applet = x->n = x->flags = x->silent =
		x->alias = x->walked = x->mute = 0;
	x->mnt = x->dentry = x->argv = x->judged_exec = 0;
	forget_hits(x);
	if (x->other)
		reset_other(x);
	return x->classed != word && SCOPE_FLAGS(word) & IMAGE_FLAG_SUBJECT;
}

static __always_inline void prepare(struct task *x, u64 word)
{
	if (reset(x, word))
		reclassify(x);
}

/* The current task with its scope's word, or NULL where it has none. While it sets up what it launches no rules are its own. */
static __always_inline struct task *scoped(u64 *word)
{
	struct task *x = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);

	if (x)
		*word = sets_up(x) ? 0 : scope_word(x->scope);
	return x;
}

/* The same, or NULL where it wants none of `wanted`, bits of SCOPE_WANTS. */
static __always_inline struct task *wanting(u32 wanted, u64 *word)
{
	struct task *x = scoped(word);

	return x && SCOPE_WANTS(*word) & wanted ? x : 0;
}

/* The same, ready for a check. */
static __always_inline struct task *begin(u32 wanted)
{
	struct task *x;
	u64 word;

	x = wanting(wanted, &word);
	if (x)
		prepare(x, word);
	return x;
}

/*
 * Turns hits and posture into outcome and rule, reports, and gives what the hook returns. One access raises one alert:
 * a denial's, else the most specific Audit rule's, else the posture's. Mappings and moves have no posture.
 */
__noinline int conclude_global(struct task *x, int posture)
{
	u32 first, rest;
	struct hit *a, *b;
	int open;

	if (!x)
		return -EACCES;
	first = x->access & -x->access;
	rest = x->access & ~first;
	a = &x->hit[0];
	b = &x->hit[1];
	open = (!a->verdict && !(first & (ACCESS_MAPX | ACCESS_MOVE))) ||
	       (rest && !b->verdict && !(rest & (ACCESS_MAPX | ACCESS_MOVE)));
	if (posture < 0) { /* no image where there should be one */
		count(COUNTER_NO_IMAGE);
		posture = POSTURE_BLOCK;
	}
	x->rule = EVENT_NO_RULE;
	x->outcome = SCOPE_AUDITED(x->word) ? OUTCOME_WOULD_DENY : OUTCOME_DENIED;
	if (a->verdict == VERDICT_BLOCK) {
		x->rule = a->rule;
	} else if (rest && b->verdict == VERDICT_BLOCK) {
		x->rule = b->rule;
	} else if (!open || posture != POSTURE_BLOCK) {
		x->outcome = OUTCOME_AUDITED;
		if (a->audit)
			x->rule = a->audit_rule;
		else if (rest && b->audit)
			x->rule = b->audit_rule;
		else if (!open || posture != POSTURE_AUDIT || x->net_seen & NET_TOLD_POSTURE)
			return 0;
	}
	if (x->outcome == OUTCOME_AUDITED ? x->mute
					  : x->outcome == OUTCOME_WOULD_DENY && x->mute == MUTE_ALL)
		return 0;
	x->told = 1;
	if (!x->silent && admit(x))
		write_record(x);
	return x->outcome == OUTCOME_DENIED ? -EACCES : 0;
}

/* What a global function returns can be anything to the verifier; a hook may return errors and 0 (since 6.11). */
static __always_inline int refuse(int result)
{
	return result ? -EACCES : 0;
}

static __always_inline int conclude(struct task *x, int posture)
{
	return refuse(conclude_global(x, posture));
}

/* A record of what passed, for the telemetry ring. The path is walked only for one that is written. */
static __always_inline void observe(struct task *x, u32 mode)
{
	if (!(SCOPE_WANTS(x->word) & mode))
		return;
	x->rule = EVENT_NO_RULE;
	x->outcome = OUTCOME_OBSERVED;
	if (!admit(x))
		return;
	if (x->dentry && !x->walked)
		walk_shown(x);
	write_record(x);
}

/*
 * Judges the object mnt + dentry in `x` (access, hook, family and owner set). Not 0: refused.
 */
__noinline int check_object_global(struct task *x)
{
	int posture;

	if (!x)
		return -EACCES;
	if (!x->walked)
		walk_shown(x);
	if (x->flags)
		count(x->flags & EVENT_FLAG_UNKNOWN ? COUNTER_UNKNOWN : COUNTER_FOREIGN);
	x->block_only = x->alias || x->flags & EVENT_FLAG_FOREIGN;
	posture = BY_CLASS(x->word, judge, x);
	if ((x->partial || x->block_only) && SCOPE_FLAGS(x->word) & IMAGE_FLAG_BLOCK_PATH) {
		u32 flags = x->flags;

		x->block_only = 1;
		if (walk_superblock(x))
			BY_CLASS(x->word, judge, x);
		if (!x->alias) /* the event shows the first name, but of an alias the one that is protected */
			walk_shown(x);
		x->flags = flags;
	}
	if (x->alias && x->hit[0].verdict != VERDICT_BLOCK && x->hit[1].verdict != VERDICT_BLOCK)
		return 0;
	if (posture == POSTURE_NONE && !x->any_hit) /* as conclude() would find, sooner */
		return 0;
	return conclude_global(x, posture);
}

static __always_inline int check_object(struct task *x)
{
	return refuse(check_object_global(x));
}

#endif
