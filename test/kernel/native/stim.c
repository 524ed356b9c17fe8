// SPDX-License-Identifier: Apache-2.0
/*
 * stim OPERATION...: performs each operation (one argument, its words parted by spaces) and prints `OK` or the name of its
 * error on a line of its own. `stim 'chdir /etc' 'open r shadow'`. Some operations go on elsewhere: after `fork`, `daemon`,
 * `thread` and `exec` the rest is done by the child, the daemon, the thread, the program (a stim under another name).
 * In a word %p stands for the pid of the process that performs the operation, %P for its parent's, %c for a child's.
 */
#include "stim.h"

#define SLOTS 128

static int slots[SLOTS];
static int failed; /* the operation before */
char **rest;
int child_pid;

int slot_get(const char *name)
{
	return slots[name[0] & (SLOTS - 1)] - 1;
}

long slot_put(const char *name, int fd)
{
	if (fd >= 0)
		slots[name[0] & (SLOTS - 1)] = fd + 1;
	return fd;
}

static void say(long result)
{
	const char *word = result < 0 ? strerrorname_np(errno) : "OK";
	char line[64];
	int n = snprintf(line, sizeof(line), "%s\n", word ? word : "?");

	failed = result < 0;
	if (write(1, line, n) != n)
		_exit(3);
}

/* else-end: ends where the operation before failed, as a program gives up that cannot open its file */
static long do_else_end(char **w)
{
	(void)w;
	if (failed)
		_exit(0);
	return 0;
}

static const struct op control_ops[] = { { "else-end", do_else_end }, { NULL, NULL } };

static const struct op *find(const char *name)
{
	const struct op *tables[] = { file_ops,  mount_ops,  task_ops,     socket_ops,
				      uring_ops, attack_ops, pressure_ops, control_ops };

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (const struct op *op = tables[i]; op->name; op++)
			if (!strcmp(op->name, name))
				return op;
	fprintf(stderr, "stim: no operation `%s`\n", name);
	exit(2);
}

static char *with_pids(char *word)
{
	char *mark = strstr(word, "%p"), *out;

	if (!mark)
		mark = strstr(word, "%P");
	if (!mark)
		mark = strstr(word, "%c");
	if (!mark || asprintf(&out, "%.*s%d%s", (int)(mark - word), word,
			      mark[1] == 'p'   ? getpid()
			      : mark[1] == 'P' ? getppid()
					       : child_pid,
			      mark + 2) < 0)
		return word;
	return out;
}

void run_rest(void)
{
	char *words[WORDS_MAX + 1];
	const struct op *op;
	char *copy, *save;

	while (*rest) {
		copy = strdup(*rest++);
		for (int i = 0; i <= WORDS_MAX; i++)
			words[i] = "";
		save = NULL;
		for (int i = 0; i < WORDS_MAX; i++) {
			char *word = strtok_r(i ? NULL : copy, " ", &save);

			if (!word)
				break;
			words[i] = with_pids(word);
		}
		op = find(words[0]);
		say(op->run(words + 1));
		free(copy);
	}
}

int main(int argc, char **argv)
{
	rest = argv + 1;
	if (argc > 1 && !strcmp(argv[1], "took-over")) { /* the exec that brought us here worked */
		rest++;
		say(0);
	} else if (argc > 1 && argv[1][0] == '/') {
		return 0; /* as the interpreter of a script */
	}
	run_rest();
	return 0;
}
