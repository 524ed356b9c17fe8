// SPDX-License-Identifier: Apache-2.0
/*
 * ops OPERATION ROUNDS COUNT [ARG...]: performs an operation COUNT times in each of ROUNDS rounds and prints one line a
 * round: nanoseconds of CLOCK_MONOTONIC per operation, with two decimals. What fails is timed all the same; the number of
 * failures of all rounds is on the last line, behind `failed`.
 *
 *   open PATH           open for reading and close
 *   each DIR            the same, of DIR/0, DIR/1, … : no file twice, over all rounds
 *   make DIR            makes those files
 *   rename FROM TO      there and back again: two renames count as two
 *   until PATH          waits until PATH is refused; its line is the time, in nanoseconds of CLOCK_MONOTONIC
 *   write PATH          4 KiB at offset 0
 *   fork                fork, the child exits, wait
 *   exec PROGRAM        PROGRAM executes itself COUNT times (it must be an `ops` too)
 *   spawn PROGRAM       vfork, PROGRAM (`ops exit`) runs and exits, wait
 *   socket              TCP over loopback: socket, connect, accept, close both
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long failed;
static int listener = -1;
static struct sockaddr_in address;
static long next_file;
static int file = -1;

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void check(int ok)
{
	failed += !ok;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void do_open(char **arg)
{
	int fd = open(arg[0], O_RDONLY);

	check(fd >= 0 && !close(fd));
}

static void do_make(char **arg)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%ld", arg[0], next_file++);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	check(fd >= 0 && !close(fd));
}

static void do_each(char **arg)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%ld", arg[0], next_file++);
	fd = open(path, O_RDONLY);
	check(fd >= 0 && !close(fd));
}

static void do_until(char **arg)
{
	int fd;

	while ((fd = open(arg[0], O_RDONLY)) >= 0)
		close(fd);
	check(errno == EACCES);
	printf("%ld\n", now());
	fflush(stdout);
}

static void do_rename(char **arg)
{
	static int turn;

	check(!(turn ? rename(arg[1], arg[0]) : rename(arg[0], arg[1])));
	turn = !turn;
}

static void do_write(char **arg)
{
	static char block[4096];

	if (file < 0)
		file = open(arg[0], O_WRONLY);
	check(pwrite(file, block, sizeof(block), 0) == sizeof(block));
}

static void do_fork(char **arg)
{
	pid_t child = fork();
	int status = 1;

	(void)arg;
	if (!child)
		_exit(0);
	check(child > 0 && waitpid(child, &status, 0) == child && !status);
}

static void do_spawn(char **arg)
{
	char *argv[] = { arg[0], "exit", NULL };
	pid_t child = vfork();
	int status = 1;

	if (!child) {
		execv(arg[0], argv);
		_exit(1);
	}
	check(child > 0 && waitpid(child, &status, 0) == child && !status);
}

static void do_socket(char **arg)
{
	socklen_t length = sizeof(address);
	int from, to;

	(void)arg;
	if (listener < 0) {
		address.sin_family = AF_INET;
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		listener = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 8) ||
		    getsockname(listener, (void *)&address, &length))
			die("listen");
	}
	from = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(from, (void *)&address, sizeof(address))) {
		failed++;
		close(from);
		return;
	}
	to = accept(listener, NULL, NULL);
	check(to >= 0);
	/* the end that accepted resets, so that no port waits: thousands of connections would run out of them */
	setsockopt(to, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	close(to);
	close(from);
}

/* One round of `exec`: this process becomes PROGRAM again and again; the last one prints. `ops step LEFT COUNT START`. */
static void step(char **argv)
{
	char left[32];
	long n = atol(argv[2]);

	if (!n) {
		printf("%.2f\n", (double)(now() - atol(argv[4])) / atol(argv[3]));
		exit(0);
	}
	snprintf(left, sizeof(left), "%ld", n - 1);
	argv[2] = left;
	execv(argv[0], argv);
	die("exec");
}

static void exec_round(const char *program, char *count)
{
	char *argv[] = { (char *)program, "step", count, count, NULL, NULL }, start[32];
	pid_t child = fork();
	int status = 1;

	if (!child) {
		snprintf(start, sizeof(start), "%ld", now());
		argv[4] = start;
		execv(program, argv);
		die("exec");
	}
	check(child > 0 && waitpid(child, &status, 0) == child && !status);
}

static const struct {
	const char *name;
	void (*run)(char **arg);
	int args;
} operations[] = {
	{ "open", do_open, 1 },   { "each", do_each, 1 },   { "rename", do_rename, 2 },
	{ "write", do_write, 1 }, { "make", do_make, 1 },   { "until", do_until, 1 },
	{ "fork", do_fork, 0 },   { "spawn", do_spawn, 1 }, { "socket", do_socket, 0 },
	{ "exec", NULL, 1 },
};

int main(int argc, char **argv)
{
	long rounds, count, start;

	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 0;
	if (argc > 4 && !strcmp(argv[1], "step"))
		step(argv);
	for (size_t i = 0; argc > 3 && i < sizeof(operations) / sizeof(*operations); i++) {
		if (strcmp(argv[1], operations[i].name) || argc - 4 != operations[i].args)
			continue;
		rounds = atol(argv[2]);
		count = atol(argv[3]);
		for (long r = 0; r < rounds; r++) {
			if (!operations[i].run) {
				fflush(stdout);
				exec_round(argv[4], argv[3]);
				continue;
			}
			start = now();
			for (long n = 0; n < count; n++)
				operations[i].run(argv + 4);
			printf("%.2f\n", (double)(now() - start) / count);
		}
		printf("failed %ld\n", failed);
		return 0;
	}
	fprintf(stderr, "usage: ops OPERATION ROUNDS COUNT [ARG...]\n");
	return 2;
}
