/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Runs an image: the path through its automata, then the entries of the accepting states in their order. The same walk
 * in TypeScript is src/policy/evaluate.ts; the two are compared access by access in the guest.
 *
 * Functions here are global (not static) and keep what changes in a loop in the scratch memory: the verifier then proves
 * each of them once a program instead of once a path through the program, and its loops converge (since 6.7).
 */
#ifndef KA_MATCH_H
#define KA_MATCH_H

#include "scope.h"

#define ENTRIES_MAX 65536
#define CHUNK 16
#define ENTRY (sizeof(struct entry) / 4)
#define NET_ENTRY (sizeof(struct net_entry) / 4)
#define MORE 0x100 /* another automaton of the image follows */
#define HEAD_AT(field) (__builtin_offsetof(struct image_head, field) / 4)

struct run {
	struct task *x;
	const u32 *w;
};

/* Sixteen bytes by loads: any kernel type whose first two fields are 64 bits wide will do. */
static __always_inline void load_pair(u64 *to, u64 at)
{
	struct qstr *q = bpf_rdonly_cast((void *)at, bpf_core_type_id_kernel(struct qstr));

	to[0] = q->hash_len;
	to[1] = (u64)q->name;
}

/*
 * Reads a component into `name` and its length into `len`; not 0 where it cannot be read. Short names by loads, which take
 * up to 15 bytes behind the name with them, too: words at multiples of 8, so that none of them is half readable; what is
 * not readable is 0, which no name contains.
 */
static __always_inline int read_name(struct task *x, u64 dentry)
{
	u64 *to = (u64 *)x->name, at;
	u32 len = name_of(dentry, &at);

	x->len = len;
	if (!bpf_rdonly_cast || !len || len > 32 || at & 7)
		return bpf_probe_read_kernel(x->name, len, (void *)at);
	load_pair(to, at);
	if (len > 16)
		load_pair(to + 2, at + 16);
	return !x->name[0] || !x->name[(len - 1) & 31];
}

/* Whether the first `bits` bits of two addresses are the same. */
static __always_inline int same_prefix(u32 have, u32 want, s32 bits)
{
	u32 mask = bits >= 32 ? ~0U : bits <= 0 ? 0 : __builtin_bswap32(~0U << (32 - bits));

	return (have & mask) == (want & mask);
}

static __always_inline int kind_matches(struct task *x, u32 kind, u32 value)
{
	u32 domain = x->sock_domain, inet = domain == AF_INET || domain == AF_INET6;

	if (kind == NET_KIND_ALL)
		return 1;
	if (kind == NET_KIND_TYPE)
		return x->sock_type == value;
	if (kind == NET_KIND_PROTOCOL)
		return inet && x->rule_protocol == value;
	return (inet && x->sock_type == SOCK_RAW) || domain == AF_PACKET || domain == AF_XDP;
}

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)

#define CLASS _0
#define WORDS IMAGE_WORDS_0
#include "match_class.h"
#define CLASS _1
#define WORDS IMAGE_WORDS_1
#include "match_class.h"
#define CLASS _2
#define WORDS IMAGE_WORDS_2
#include "match_class.h"

/* Calls a function of the image's size class. */
#define BY_CLASS(word, name, ...)                         \
	(SCOPE_CLASS(word) == 0   ? name##_0(__VA_ARGS__) \
	 : SCOPE_CLASS(word) == 1 ? name##_1(__VA_ARGS__) \
				  : name##_2(__VA_ARGS__))

#endif
