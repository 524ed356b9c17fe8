/* SPDX-License-Identifier: Apache-2.0 */
/* stim: one operation after the other, each result on a line of its own. See stim.c. */
#ifndef STIM_H
#define STIM_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORDS_MAX 16

/* An operation: 0, a positive number that does not matter, or -1 with errno. `w` are its words after the name, "" where absent. */
struct op {
	const char *name;
	long (*run)(char **w);
};

extern const struct op file_ops[], mount_ops[], task_ops[], socket_ops[], uring_ops[], attack_ops[],
	pressure_ops[];

/* Descriptors that outlive an operation, by a letter. */
int slot_get(const char *name);
long slot_put(const char *name, int fd);

/* Flags of open(2) from words joined by +. */
int open_flags_of(const char *words);

/* The last child of the operation `child`. */
extern int child_pid;

/* What is still to be done: for operations that go on in another task or program. */
extern char **rest;
void run_rest(void);

static inline long fail(int error)
{
	errno = error;
	return -1;
}

/* A number, with 0x and 0 prefixes. */
static inline long number(const char *word)
{
	return strtol(word, NULL, 0);
}

#endif
