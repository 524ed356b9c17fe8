/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The layout of an image: all rules of a workload as one array of 32-bit words. This header is the only place where it
 * is written; tools/gen-layouts makes src/policy/image-layout.gen.ts of it. src/policy/image.ts writes images,
 * src/policy/evaluate.ts and lib/match.h run them.
 *
 * States, records and lists are named by their word index in the image. An image fills its size class's array, whose
 * length in words is a power of two, so every index is masked and a damaged image cannot reach outside.
 */
#ifndef KA_IMAGE_H
#define KA_IMAGE_H

#define IMAGE_MAGIC 0x4b41494d
#define IMAGE_CLASSES_BYTE 256 /* byte offset of the 256 byte classes */

/* Size classes, in words: 64 KiB, 1 MiB, 4 MiB. */
#define IMAGE_WORDS_0 (1U << 14)
#define IMAGE_WORDS_1 (1U << 18)
#define IMAGE_WORDS_2 (1U << 20)

struct image_head {
	unsigned int magic;
	unsigned int words; /* used */
	unsigned int starts
		[4]; /* state before the first byte, by automaton; 0 ends the list. Only the first has subjects */
	unsigned int
		unknown; /* record of a path that cannot be known at all, over all automata; 0: none */
	unsigned int matrix;        /* bit matrix [class][subject] */
	unsigned int matrix_words;  /* per class */
	unsigned int runtime_class; /* class of the runtime before the first exec */
	unsigned int flags;         /* enum image_flag */
	unsigned int posture[4];    /* enum posture, by enum family */
	unsigned int caps; /* table of 64 lists by capability number; 0: no capability rules */
	unsigned int net;  /* struct list of net entries; 0: none */
	unsigned int id;   /* unique, never reused while the agent's state lives */
};

enum image_flag {
	IMAGE_FLAG_EXEC = 1,        /* process rules */
	IMAGE_FLAG_FILE = 2,        /* file rules */
	IMAGE_FLAG_NET = 4,         /* network rules */
	IMAGE_FLAG_CAP = 8,         /* capability rules */
	IMAGE_FLAG_BLOCK_PATH = 16, /* Block rules by path: forged names must not help */
	IMAGE_FLAG_SUBJECT = 32,    /* rules with a subject */
	IMAGE_FLAG_MAPX = 64,       /* mapping executable is restricted */
	IMAGE_FLAG_APPLET = 128,    /* rules for applets of multi-call binaries */
	IMAGE_FLAG_PEER = 256,      /* network rules on who may connect to a listening socket */
};

/* How a workload is governed, in its scope's word. */
enum scope_mode {
	SCOPE_MODE_AUDITED = 1,     /* nothing is denied; what would have been is reported */
	SCOPE_MODE_SEE_PROCESS = 2, /* programs that run are logged */
	SCOPE_MODE_SEE_FILE = 4,    /* files that are opened */
	SCOPE_MODE_SEE_NETWORK = 8, /* connections */
};

enum family {
	FAMILY_PROCESS = 0,
	FAMILY_FILE = 1,
	FAMILY_NETWORK = 2,
	FAMILY_CAPABILITIES = 3,
};

enum posture {
	POSTURE_NONE = 0, /* no Allow rule in this family */
	POSTURE_AUDIT = 1,
	POSTURE_BLOCK = 2,
};

/* Pseudo-classes of a state's row: cell 0 is the default, 1 accepts, 2 names what is still reachable. */
enum pseudo_class {
	CLASS_DEFAULT = 0,
	CLASS_ACCEPT = 1,
	CLASS_REACH = 2,
};

/* What a state that accepts (or a reach set) stands for. */
struct record {
	unsigned int subject_class; /* class of a task that was exec'd from this path */
	unsigned int process;       /* struct list of entries, 0: none */
	unsigned int file;
};

/* A list: `verdicts` entries by precedence, then `audits` entries by precedence. */
struct list {
	unsigned int verdicts;
	unsigned int audits;
};

struct entry {
	unsigned int rank;    /* precedence, lower first */
	unsigned int rule;    /* index of the rule */
	unsigned int subject; /* 0: anybody; else a column of the matrix */
	unsigned int what;    /* access bits | condition << 8 | verdict << 16 */
	unsigned int
		applet; /* 0, or the FNV-1a hash of the applet's name that a multi-call binary must be called by */
};

/* An entry of the network list: entry, then what it matches. */
struct net_entry {
	unsigned int rank;
	unsigned int rule;
	unsigned int subject;
	unsigned int
		what; /* enum net_op bits | enum net_kind << 8 | verdict << 16 | cidr bits << 24 */
	unsigned int value;   /* protocol or socket type by kind */
	unsigned int ports;   /* low 16 bits: first port, high: last; 0: any */
	unsigned int family;  /* AF_INET, AF_INET6 where cidr is given, else 0 */
	unsigned int addr[4]; /* network byte order, as words */
};

enum access {
	ACCESS_READ = 1,
	ACCESS_WRITE = 2,
	ACCESS_EXEC = 4,
	ACCESS_MAPX = 8,
	ACCESS_MOVE = 16, /* renaming an ancestor, mounting over it */
};

enum condition {
	CONDITION_OWNER = 1,     /* only for the owner */
	CONDITION_NOT_OWNER = 2, /* only for others */
};

enum verdict {
	VERDICT_NONE = 0,
	VERDICT_ALLOW = 1,
	VERDICT_BLOCK = 2,
	VERDICT_AUDIT = 3,
};

enum net_kind {
	NET_KIND_ALL = 0,
	NET_KIND_PROTOCOL = 1, /* IPPROTO_* on AF_INET and AF_INET6 */
	NET_KIND_TYPE = 2,     /* SOCK_* on any family */
	NET_KIND_RAW = 3,      /* raw IP, AF_PACKET, AF_XDP */
};

enum net_op {
	NET_OP_CREATE = 1,
	NET_OP_EGRESS = 2,
	NET_OP_INGRESS = 4, /* bind, listen, accept: a local port and no peer */
	NET_OP_REQUEST = 8, /* a peer asks a listening socket for a connection */
};

#endif
