/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Included by match.h once a size class, with CLASS (a suffix) and WORDS (a power of two): no guard. */
#define FN(name) CAT(name, CLASS)

struct FN(image) {
	u32 w[WORDS];
};

/* Declared by sizes only: on 6.1 an inner map made without BTF does not fit a template with BTF types. */
struct FN(inner) {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, WORDS * 4);
} FN(empty) SEC(".maps");

/* Images of this size class by slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SCOPES_MAX);
	__type(key, u32);
	__array(values, struct FN(inner));
} FN(images) SEC(".maps");

static __always_inline const u32 *FN(image_of)(u64 word)
{
	u32 slot = SCOPE_SLOT(word), z = 0;
	void *inner = bpf_map_lookup_elem(&FN(images), &slot);

	return inner ? bpf_map_lookup_elem(inner, &z) : 0;
}

/* A word of the image. The barrier keeps the index in one register, else 6.1 loses its bound. */
static __always_inline u32 FN(at)(const u32 *w, u64 i)
{
	asm volatile("" : "+r"(i));
	return w[i & (WORDS - 1)];
}

/* One transition. */
static __always_inline u32 FN(step)(const u32 *w, u32 s, u8 byte)
{
	u32 cls = ((const u8 *)w)[IMAGE_CLASSES_BYTE + byte], cell = FN(at)(w, (u64)s + cls);

	if ((cell & 0xff) != cls)
		cell = FN(at)(w, s);
	return cell >> 8;
}

/* Runs over up to CHUNK bytes of `name`. Not 0: the automaton is left. */
static __always_inline long FN(run_chunk)(const u32 *w, struct task *x, u32 k)
{
	const char *bytes = x->name + ((k * CHUNK) & (sizeof(x->name) - CHUNK));
	u32 left = x->len - k * CHUNK, s = x->s, j;

	for (j = 0; j < CHUNK; j++) {
		if (j >= left || !s)
			break;
		s = FN(step)(w, s, bytes[j]);
	}
	x->s = s;
	return s == 0;
}

static long FN(next_chunk)(u32 k, struct run *c)
{
	return FN(run_chunk)(c->w, c->x, k);
}

/* A name of one chunk, without a loop over chunks. */
__noinline int FN(run_short_name)(struct FN(image) * image, struct task *x)
{
	if (image && x)
		FN(run_chunk)(image->w, x, 0);
	return 0;
}

/* Runs over the x->len bytes of `name`. A function, so that each function has one kind of loop, which is then inlined. */
__noinline int FN(run_name)(struct FN(image) * image, struct task *x)
{
	struct run c = { .x = x };

	if (!image || !x)
		return 0;
	c.w = image->w;
	bpf_loop((x->len + CHUNK - 1) / CHUNK, FN(next_chunk), &c, 0);
	return 0;
}

static long FN(feed)(u32 k, struct run *c)
{
	struct task *x = c->x;

	if (read_name(x, x->comp[(x->n - 1 - k) & (COMPONENTS_MAX - 1)])) {
		x->flags |= EVENT_FLAG_UNKNOWN;
		return 1;
	}
	if (k || !x->bare)
		x->s = FN(step)(c->w, x->s, '/');
	if (x->len <= CHUNK)
		FN(run_short_name)((void *)c->w, x);
	else
		FN(run_name)((void *)c->w, x);
	return x->s == 0;
}

/* Whether the task is of an entry's subject. */
static __always_inline int FN(in_column)(const u32 *w, struct task *x, u32 column, u32 verdict)
{
	u32 row = w[HEAD_AT(matrix)] + x->subject_class * w[HEAD_AT(matrix_words)];

	if (!column)
		return 1;
	if (verdict == VERDICT_ALLOW && x->task_flags & TASK_FOREIGN)
		return 0;
	return FN(at)(w, row + (column >> 5)) >> (column & 31) & 1;
}

static long FN(try_entry)(u32 k, struct run *c)
{
	struct task *x = c->x;
	u32 at = x->at, what = FN(at)(c->w, at + 3), cond = (what >> 8) & 0xff,
	    applet = FN(at)(c->w, at + 4);

	x->at = at + ENTRY;
	if (!(what & x->search) ||
	    (cond && cond != (x->owner ? CONDITION_OWNER : CONDITION_NOT_OWNER)))
		return 0;
	if (x->block_only && what >> 16 == VERDICT_ALLOW)
		return 0;
	if (applet && applet != x->applet &&
	    (x->applet != APPLET_UNKNOWN || what >> 16 == VERDICT_ALLOW))
		return 0;
	if (!FN(in_column)(c->w, x, FN(at)(c->w, at + 2), what >> 16))
		return 0;
	x->found = at;
	return 1;
}

/* Searches a list for one kind of access and adds what it finds to hit[which]. */
__noinline int FN(search)(struct FN(image) * image, struct task *x, u32 list, u32 access, u32 which)
{
	struct run c = { .x = x };
	struct hit *hit;
	u32 verdicts, audits, rank, verdict;

	if (!x || !image)
		return 0;
	c.w = image->w;
	hit = &x->hit[which & 1];
	verdicts = FN(at)(c.w, list);
	audits = FN(at)(c.w, list + 1);
	x->search = access;
	x->at = list + 2;
	x->found = 0;
	bpf_loop(verdicts < ENTRIES_MAX ? verdicts : ENTRIES_MAX, FN(try_entry), &c, 0);
	if (x->found) {
		x->any_hit = 1;
		rank = FN(at)(c.w, x->found);
		verdict = FN(at)(c.w, x->found + 3) >> 16;
		if (!hit->verdict || rank < hit->rank ||
		    (rank == hit->rank && verdict == VERDICT_BLOCK)) {
			hit->rank = rank;
			hit->verdict = verdict;
			hit->rule = FN(at)(c.w, x->found + 1);
		}
	}
	if (!audits)
		return 0;
	x->at = list + 2 + verdicts * ENTRY;
	x->found = 0;
	bpf_loop(audits < ENTRIES_MAX ? audits : ENTRIES_MAX, FN(try_entry), &c, 0);
	if (x->found && (!hit->audit || FN(at)(c.w, x->found) < hit->audit_rank)) {
		x->any_hit = 1;
		hit->audit = 1;
		hit->audit_rank = FN(at)(c.w, x->found);
		hit->audit_rule = FN(at)(c.w, x->found + 1);
	}
	return 0;
}

/*
 * Runs the k-th automaton over the components (or the flat name): the record in x->record, 0 for none. Gives MORE where
 * another automaton follows, -1 without an image.
 */
__noinline int FN(run)(struct FN(image) * image, struct task *x, u32 k)
{
	struct run c = { .x = x };
	u32 cell, want;

	if (!x || !image)
		return -1;
	c.w = image->w;
	k &= 3;
	x->record = 0;
	x->s = FN(at)(c.w, HEAD_AT(starts) + k);
	if (x->flat)
		FN(run_name)(image, x);
	else if (!x->n)
		x->s = x->s ? FN(step)(c.w, x->s, '/') : 0;
	else if (x->s)
		bpf_loop(x->n < COMPONENTS_MAX ? x->n : COMPONENTS_MAX, FN(feed), &c, 0);
	if (x->flags & EVENT_FLAG_UNKNOWN) {
		/* an Allow that an earlier automaton found under a name that is unreadable now does not count */
		x->hit[0].verdict = x->hit[1].verdict = 0;
		x->record = c.w[HEAD_AT(unknown)];
		return 0;
	}
	want = !x->flat && x->n > COMPONENTS_MAX ? CLASS_REACH : CLASS_ACCEPT;
	cell = x->s ? FN(at)(c.w, x->s + want) : 0;
	if ((cell & 0xff) == want)
		x->record = cell >> 8;
	return k < 3 && !x->flat && FN(at)(c.w, HEAD_AT(starts) + k + 1) ? MORE : 0;
}

/* Runs the image of x->word; adds to hit[]; gives the posture of the family, -1 without an image. */
__noinline int FN(judge)(struct task *x)
{
	const u32 *w;
	u32 k, list, first, rest;
	int more;

	if (!x)
		return -1;
	x->record_class = CLASS_UNKNOWN;
	w = FN(image_of)(x->word);
	if (!w)
		return -1;
	x->record_class = CLASS_NOBODY;
	first = x->access & -x->access;
	rest = x->access & ~first;
	for (k = 0; k < 4; k++) {
		more = FN(run)((void *)w, x, k);
		if (x->record) {
			if (!k || x->flags & EVENT_FLAG_UNKNOWN)
				x->record_class = FN(at)(w, x->record);
			list = FN(at)(w, x->record + (x->family == FAMILY_PROCESS ? 1 : 2));
			if (list && first)
				FN(search)((void *)w, x, list, first, 0);
			if (list && rest)
				FN(search)((void *)w, x, list, rest, 1);
		}
		if (more != MORE)
			break;
	}
	return FN(at)(w, HEAD_AT(posture) + (x->family & 3));
}

/* The class of the runtime before the first exec. */
static __always_inline u32 FN(runtime_class)(u64 word)
{
	const u32 *w = FN(image_of)(word);

	return w ? w[HEAD_AT(runtime_class)] : CLASS_UNKNOWN;
}

static __always_inline int FN(address_matches)(const u32 *w, struct task *x, u32 at, u32 what)
{
	u32 ports = FN(at)(w, at + 5), family = FN(at)(w, at + 6), port = x->sock_port;
	u32 bits = what >> 24;

	if (ports && (port < (ports & 0xffff) || port > ports >> 16))
		return 0;
	if (!family)
		return 1;
	/* No peer yet: an Allow leaves the decision to the request; where none will be seen, all others take any peer for theirs */
	if (x->net_op & NET_OP_INGRESS)
		return (((what >> 16) & 0xff) == VERDICT_ALLOW) == !(x->net_op & NET_OP_REQUEST);
	if (family != x->addr_family)
		return 0;
	for (int i = 0; i < 4; i++)
		if (!same_prefix(x->peer[i], FN(at)(w, at + 7 + i), (s32)bits - 32 * i))
			return 0;
	return 1;
}

static long FN(try_net)(u32 k, struct run *c)
{
	struct task *x = c->x;
	u32 at = x->at, what = FN(at)(c->w, at + 3), op = x->net_op;

	x->at = at + NET_ENTRY;
	if (!(what & op & 0xff) || !kind_matches(x, (what >> 8) & 0xff, FN(at)(c->w, at + 4)))
		return 0;
	if (op != NET_OP_CREATE && !FN(address_matches)(c->w, x, at, what))
		return 0;
	if (!FN(in_column)(c->w, x, FN(at)(c->w, at + 2), (what >> 16) & 0xff))
		return 0;
	x->found = at;
	return 1;
}

/* Searches the network list; fills hit[0], gives the posture, -1 without an image. */
__noinline int FN(judge_net)(struct task *x)
{
	struct run c = { .x = x };
	u32 list, verdicts, audits;

	if (!x)
		return -1;
	c.w = FN(image_of)(x->word);
	if (!c.w)
		return -1;
	list = c.w[HEAD_AT(net)];
	verdicts = FN(at)(c.w, list);
	audits = FN(at)(c.w, list + 1);
	x->at = list + 2;
	x->found = 0;
	bpf_loop(!list ? 0 : verdicts < ENTRIES_MAX ? verdicts : ENTRIES_MAX, FN(try_net), &c, 0);
	if (x->found) {
		x->hit[0].verdict = (FN(at)(c.w, x->found + 3) >> 16) & 0xff;
		x->hit[0].rule = FN(at)(c.w, x->found + 1);
	}
	x->at = list + 2 + verdicts * NET_ENTRY;
	x->found = 0;
	bpf_loop(!list ? 0 : audits < ENTRIES_MAX ? audits : ENTRIES_MAX, FN(try_net), &c, 0);
	if (x->found) {
		x->hit[0].audit = 1;
		x->hit[0].audit_rule = FN(at)(c.w, x->found + 1);
		/* what it says was said when the socket was made, and no less specific rule speaks in its place */
		x->mute =
			x->net_seen && FN(at)(c.w, x->found + 3) & NET_OP_CREATE ? MUTE_AUDITS : 0;
	}
	return FN(at)(c.w, HEAD_AT(posture) + FAMILY_NETWORK);
}

/* Searches the list of a capability; as judge_net. */
__noinline int FN(judge_cap)(struct task *x)
{
	const u32 *w;
	u32 list;

	if (!x)
		return -1;
	w = FN(image_of)(x->word);
	if (!w)
		return -1;
	list = w[HEAD_AT(caps)];
	if (list)
		list = FN(at)(w, list + (x->capability & 63));
	if (list)
		FN(search)((void *)w, x, list, 1, 0);
	return FN(at)(w, HEAD_AT(posture) + FAMILY_CAPABILITIES);
}

#undef FN
#undef CLASS
#undef WORDS
