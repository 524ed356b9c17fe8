/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Runs an image: path through the automaton, then the entries of the accepting state in their order. The same walk in
 * TypeScript is src/policy/evaluate.ts; the two are compared access by access in the guest.
 */
#ifndef KA_MATCH_H
#define KA_MATCH_H

#include "scope.h"

#define ENTRIES_MAX 65536
#define CHUNK 16
#define ENTRY (sizeof(struct entry) / 4)

struct run {
	struct scratch *x;
	const u32 *w;
	u32 s;
	u32 at; /* entry under examination */
	u32 access;
	u32 hit;
	u32 bad;
	u32 len;
};

/* Inner arrays are declared by sizes only: on 6.1 a map made without BTF does not fit a template with BTF types. */
#define IMAGES(CLASS)                                                                                                            \
	struct image_##CLASS {                                                                                                   \
		u32 w[IMAGE_WORDS_##CLASS];                                                                                      \
	};                                                                                                                       \
	struct inner_##CLASS {                                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                                \
		__uint(max_entries, 1);                                                                                          \
		__uint(key_size, 4);                                                                                             \
		__uint(value_size, IMAGE_WORDS_##CLASS * 4);                                                                     \
	} empty_##CLASS SEC(".maps");                                                                                            \
	struct {                                                                                                                 \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                                                        \
		__uint(max_entries, SCOPES_MAX);                                                                                 \
		__type(key, u32);                                                                                                \
		__array(values, struct inner_##CLASS);                                                                           \
	} images_##CLASS SEC(".maps");

/* One transition; `b` is a byte. The barrier keeps the index in one register, else 6.1 loses its bound. */
#define STEP(CLASS, w, s, b)                                                                                                     \
	({                                                                                                                       \
		u32 cls_ = ((const u8 *)(w))[IMAGE_CLASSES_BYTE + (u8)(b)];                                                      \
		u64 ix_ = (u64)(s) + cls_;                                                                                       \
		u32 cell_;                                                                                                       \
		asm volatile("" : "+r"(ix_));                                                                                    \
		cell_ = (w)[ix_ & (IMAGE_WORDS_##CLASS - 1)];                                                                    \
		if ((cell_ & 0xff) != cls_) {                                                                                    \
			ix_ = (s);                                                                                               \
			asm volatile("" : "+r"(ix_));                                                                            \
			cell_ = (w)[ix_ & (IMAGE_WORDS_##CLASS - 1)];                                                            \
		}                                                                                                                \
		cell_ >> 8;                                                                                                      \
	})

#define WORD(CLASS, w, i)                                                                                                        \
	({                                                                                                                       \
		u64 ix_ = (i);                                                                                                   \
		asm volatile("" : "+r"(ix_));                                                                                    \
		(w)[ix_ & (IMAGE_WORDS_##CLASS - 1)];                                                                            \
	})

#define HEAD(CLASS, w, field) ((w)[__builtin_offsetof(struct image_head, field) / 4])

#define MATCHER(CLASS)                                                                                                           \
	IMAGES(CLASS)                                                                                                            \
	/* CHUNK bytes of `name`: a loop of the verifier costs a second a program under emulation, one of bpf_loop nothing. */	\
	static long run_chunk_##CLASS(u32 k, struct run *c)									\
	{															\
		const char *bytes = c->x->name + ((k * CHUNK) & (sizeof(c->x->name) - CHUNK));					\
		u32 left = c->len - k * CHUNK, s = c->s, j;									\
																\
		for (j = 0; j < CHUNK; j++) {											\
			if (j >= left || !s)											\
				break;												\
			s = STEP(CLASS, c->w, s, bytes[j]);									\
		}														\
		c->s = s;													\
		return s == 0;													\
	}															\
	static __always_inline void run_name_##CLASS(struct run *c, u32 len)							\
	{															\
		c->len = len;													\
		bpf_loop((len + CHUNK - 1) / CHUNK, run_chunk_##CLASS, c, 0);							\
	}															\
	static long feed_##CLASS(u32 k, struct run *c)                                                                           \
	{                                                                                                                        \
		struct scratch *x = c->x;                                                                                        \
		struct component *p = &x->comp[(x->n - 1 - k) & (COMPONENTS_MAX - 1)];                                           \
		u32 len = p->len & 255;                                                                                          \
                                                                                                                                 \
		if (bpf_probe_read_kernel(x->name, len, (void *)p->name)) {                                                      \
			c->bad = 1;                                                                                              \
			return 1;                                                                                                \
		}                                                                                                                \
		if (k || !x->bare)                                                                                               \
			c->s = STEP(CLASS, c->w, c->s, '/');                                                                     \
		run_name_##CLASS(c, len);                                                              \
		return c->s == 0;                                                                                                \
	}                                                                                                                        \
	static long try_entry_##CLASS(u32 k, struct run *c)                                                                      \
	{                                                                                                                        \
		u32 what = WORD(CLASS, c->w, c->at + 3), subject = WORD(CLASS, c->w, c->at + 2);                                 \
		u32 at = c->at, cond = (what >> 8) & 0xff, applet = WORD(CLASS, c->w, c->at + 4);                                                                       \
                                                                                                                                 \
		c->at = at + ENTRY;                                                                                                 \
		if (!(what & c->access))                                                                                         \
			return 0;                                                                                                \
		if (cond && cond != (c->x->owner ? CONDITION_OWNER : CONDITION_NOT_OWNER))                                                 \
			return 0;                                                                                                \
		if (c->x->block_only && (what >> 16) == VERDICT_ALLOW)                                                           \
			return 0;                                                                                                \
		if (applet && applet != c->x->applet)                                                                            \
			return 0;                                                                                                \
		if (subject) {                                                                                                   \
			u32 row = HEAD(CLASS, c->w, matrix) + c->x->subject_class * HEAD(CLASS, c->w, matrix_words);             \
			if (!(WORD(CLASS, c->w, row + (subject >> 5)) >> (subject & 31) & 1))                                    \
				return 0;                                                                                        \
		}                                                                                                                \
		c->hit = at;                                                                                                     \
		return 1;                                                                                                        \
	}                                                                                                                        \
	static __noinline int search_##CLASS(struct run *c, u32 list, struct hit *hit)                                           \
	{                                                                                                                        \
		u32 verdicts = WORD(CLASS, c->w, list), audits = WORD(CLASS, c->w, list + 1);                                    \
                                                                                                                                 \
		c->at = list + 2;                                                                                                \
		c->hit = 0;                                                                                                      \
		bpf_loop(verdicts < ENTRIES_MAX ? verdicts : ENTRIES_MAX, try_entry_##CLASS, c, 0);                              \
		if (c->hit) {                                                                                                    \
			u32 rank = WORD(CLASS, c->w, c->hit), verdict = WORD(CLASS, c->w, c->hit + 3) >> 16;                     \
			if (!hit->verdict || rank < hit->rank || (rank == hit->rank && verdict == VERDICT_BLOCK)) {              \
				hit->rank = rank;                                                                                \
				hit->verdict = verdict;                                                                          \
				hit->rule = WORD(CLASS, c->w, c->hit + 1);                                                       \
			}                                                                                                        \
		}                                                                                                                \
		c->at = list + 2 + verdicts * ENTRY;                                                                             \
		c->hit = 0;                                                                                                      \
		bpf_loop(audits < ENTRIES_MAX ? audits : ENTRIES_MAX, try_entry_##CLASS, c, 0);                                  \
		if (c->hit && (!hit->audit || WORD(CLASS, c->w, c->hit) < hit->audit_rank)) {                                    \
			hit->audit = 1;                                                                                          \
			hit->audit_rank = WORD(CLASS, c->w, c->hit);                                                             \
			hit->audit_rule = WORD(CLASS, c->w, c->hit + 1);                                                         \
		}                                                                                                                \
		return 0;                                                                                                        \
	}                                                                                                                        \
	/* Runs the image of `word` over the components (or flat name); adds to hit[]; gives the posture of the family. */       \
	__noinline int judge_##CLASS(struct scratch *x)                                                                          \
	{                                                                                                                        \
		u32 slot, z = 0, cell, record, list;                                                                             \
		struct run c = {};                                                                                               \
		void *inner;                                                                                                     \
                                                                                                                                 \
		if (!x)                                                                                                          \
			return -1;                                                                                               \
		slot = SCOPE_SLOT(x->word);                                                                                      \
		inner = bpf_map_lookup_elem(&images_##CLASS, &slot);                                                             \
		if (!inner)                                                                                                      \
			return -1;                                                                                               \
		c.w = bpf_map_lookup_elem(inner, &z);                                                                            \
		if (!c.w)                                                                                                        \
			return -1;                                                                                               \
		c.x = x;                                                                                                         \
		c.s = HEAD(CLASS, c.w, start);                                                                                   \
		x->record_class = CLASS_NOBODY;                                                                                  \
		if (x->flat)                                                                                                     \
			run_name_##CLASS(&c, x->n & 255);                                                        \
		else if (!x->n)                                                                                                  \
			c.s = STEP(CLASS, c.w, c.s, '/');                                                                        \
		else                                                                                                             \
			bpf_loop(x->n < COMPONENTS_MAX ? x->n : COMPONENTS_MAX, feed_##CLASS, &c, 0);                            \
		if (c.bad || x->flags & EVENT_FLAG_UNKNOWN) {                                                                    \
			x->flags |= EVENT_FLAG_UNKNOWN;                                                                          \
			record = HEAD(CLASS, c.w, unknown);                                                                      \
		} else {                                                                                                         \
			u32 want = !x->flat && x->n > COMPONENTS_MAX ? CLASS_REACH : CLASS_ACCEPT;                               \
			cell = c.s ? WORD(CLASS, c.w, c.s + want) : 0;                                                           \
			record = (cell & 0xff) == want ? cell >> 8 : 0;                                                          \
		}                                                                                                                \
		if (record) {                                                                                                    \
			x->record_class = WORD(CLASS, c.w, record);                                                              \
			list = WORD(CLASS, c.w, record + (x->family == FAMILY_PROCESS ? 1 : 2));                                 \
			if (list) {                                                                                              \
				u32 first = x->access & -x->access;                                                              \
				c.access = first;                                                                                \
				search_##CLASS(&c, list, &x->hit[0]);                                                            \
				c.access = x->access & ~first;                                                                   \
				if (c.access)                                                                                    \
					search_##CLASS(&c, list, &x->hit[1]);                                                    \
			}                                                                                                        \
		}                                                                                                                \
		return WORD(CLASS, c.w, __builtin_offsetof(struct image_head, posture) / 4 + (x->family & 3));                   \
	}                                                                                                                        \
	/* The class of the runtime before the first exec. */                                                                   \
	static __always_inline u32 runtime_class_##CLASS(u32 slot)                                                               \
	{                                                                                                                        \
		u32 z = 0, *w;                                                                                                   \
		void *inner = bpf_map_lookup_elem(&images_##CLASS, &slot);                                                       \
                                                                                                                                 \
		if (!inner)                                                                                                      \
			return CLASS_UNKNOWN;                                                                                    \
		w = bpf_map_lookup_elem(inner, &z);                                                                              \
		return w ? HEAD(CLASS, w, runtime_class) : CLASS_UNKNOWN;                                                        \
	}

MATCHER(0)
MATCHER(1)
MATCHER(2)

static __always_inline int judge(struct scratch *x)
{
	switch (SCOPE_CLASS(x->word)) {
	case 0:
		return judge_0(x);
	case 1:
		return judge_1(x);
	default:
		return judge_2(x);
	}
}

static __always_inline u32 runtime_class(u64 word)
{
	switch (SCOPE_CLASS(word)) {
	case 0:
		return runtime_class_0(SCOPE_SLOT(word));
	case 1:
		return runtime_class_1(SCOPE_SLOT(word));
	default:
		return runtime_class_2(SCOPE_SLOT(word));
	}
}

#endif
