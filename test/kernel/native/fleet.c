// SPDX-License-Identifier: Apache-2.0
/*
 * fleet ROOT CGROUPS PARALLEL: starts containers by the thousand, as a runtime does and without one. Each line of stdin is `ID PROGRAM
 * [ARG...]`: it makes the cgroup CGROUPS/ID, and a process in it takes a mount name space of its own, makes ROOT its root by pivot_root
 * and executes PROGRAM there. At its end the cgroup goes and `ID CODE` is written: the program's exit code, 100 where its exec was
 * refused (EACCES), 101 where something else failed, 128 + a signal. At most PARALLEL run at once. Ends with stdin and the last one.
 *
 * Called `entry`, it is such a program: `entry FORBIDDEN ALLOWED [SECONDS]` opens both files. Its code has bit 0 set where the forbidden
 * one opened and bit 1 where the allowed one did not. Then it tries both again in a child. Called anything else with `only` at the
 * beginning of its name it exits with 42.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNNING_MAX 64
#define WORDS_MAX 8
#define LINE_MAX_BYTES 512

struct one {
	pid_t pid;
	char id[128];
};

static struct one running[RUNNING_MAX];
static int running_count;
static const char *root, *cgroups;

static int tried(char **argv)
{
	int forbidden = open(argv[1], O_RDONLY), allowed = open(argv[2], O_RDONLY);
	int code = (forbidden >= 0 ? 1 : 0) | (allowed < 0 ? 2 : 0);

	close(forbidden);
	close(allowed);
	return code;
}

static int entry(int argc, char **argv)
{
	int code = tried(argv), status;
	pid_t child = fork();

	if (!child)
		_exit(tried(argv));
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return 4;
	if (argc > 3)
		sleep(atoi(argv[3]));
	return code | (WIFEXITED(status) ? WEXITSTATUS(status) : 8);
}

static void become(const char *cgroup, char **program)
{
	char path[4200];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1 || unshare(CLONE_NEWNS) ||
	    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(root, root, NULL, MS_BIND | MS_REC, NULL) || chdir(root) ||
	    syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
		_exit(101);
	close(0);
	execve(program[0], program, environ);
	_exit(errno == EACCES ? 100 : 101);
}

static void begin(char *line)
{
	char *words[WORDS_MAX + 1] = { 0 }, *rest = line, cgroup[4096];
	sigset_t none;
	int n = 0;

	while (n < WORDS_MAX && (words[n] = strtok_r(rest, " ", &rest)))
		n++;
	if (n < 2)
		exit(2);
	snprintf(cgroup, sizeof(cgroup), "%s/%s", cgroups, words[0]);
	if (mkdir(cgroup, 0755) && errno != EEXIST) {
		perror(cgroup);
		exit(1);
	}
	struct one *one = &running[running_count++];
	snprintf(one->id, sizeof(one->id), "%s", words[0]);
	one->pid = fork();
	if (one->pid)
		return;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	become(cgroup, words + 1);
}

static void end(pid_t pid, int status)
{
	char cgroup[4096];

	for (int i = 0; i < running_count; i++) {
		if (running[i].pid != pid)
			continue;
		snprintf(cgroup, sizeof(cgroup), "%s/%s", cgroups, running[i].id);
		for (int tries = 0; rmdir(cgroup) && errno == EBUSY && tries < 500; tries++)
			usleep(1000);
		printf("%s %d\n", running[i].id,
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
		fflush(stdout);
		running[i] = running[--running_count];
		return;
	}
}

/* One line without its end; 0 at the end of stdin. Byte by byte: lines are short, and what poll sees must not sit in a buffer. */
static int read_line(char *line)
{
	int n = 0;

	while (n < LINE_MAX_BYTES - 1 && read(0, line + n, 1) == 1)
		if (line[n++] == '\n') {
			line[n - 1] = 0;
			return 1;
		}
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	struct signalfd_siginfo info;
	char line[LINE_MAX_BYTES];
	sigset_t children;
	int parallel, ended = 0, status, signals;
	pid_t pid;

	name = name ? name + 1 : argv[0];
	if (!strncmp(name, "only", 4))
		return 42;
	if (!strcmp(name, "entry"))
		return entry(argc, argv);
	if (argc != 4 || (parallel = atoi(argv[3])) < 1 || parallel > RUNNING_MAX) {
		fprintf(stderr, "usage: fleet ROOT CGROUPS PARALLEL\n");
		return 2;
	}
	root = argv[1];
	cgroups = argv[2];
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	while (!ended || running_count) {
		struct pollfd waits[2] = {
			{ .fd = signals, .events = POLLIN },
			{ .fd = ended || running_count == parallel ? -1 : 0, .events = POLLIN },
		};

		poll(waits, 2, -1);
		while (read(signals, &info, sizeof(info)) > 0)
			;
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			end(pid, status);
		if (waits[1].revents) {
			if (read_line(line))
				begin(line);
			else
				ended = 1;
		}
	}
	return 0;
}
