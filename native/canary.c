/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary CGROUP MOUNTPOINT: a container of one moment. Joins the cgroup, takes name spaces of its own, makes a tmpfs its root with
 * what the plan names, and tries the accesses of the plan there, each as the program that the plan says. docs/adr/0027-proof.md.
 *
 * The plan comes on standard input, a line each, with % and two digits for what is no plain character of a path:
 *
 *   D|F|P PATH   a folder, a file, a program (this one);  f|p PATH: the same, owned by another user
 *   S PATH       what follows is done by this program;  R: by the runtime, before a first program
 *   r|w ID PATH               opens it for reading, for writing
 *   x ID NAME PATH            executes it under this name
 *   s ID DOMAIN TYPE PROTOCOL makes a socket;  c|b ... PORT ADDRESS: and connects or binds it
 *   k ID CAPABILITY           makes the kernel ask for it
 *
 * Answers `ID ERRNO` for each access and `S ERRNO` for a program that was not executed. Exit code 2 with a line on standard error
 * where it cannot do this at all: `canary: mount: EPERM`.
 *
 * Nothing in the plan can lead out of the tmpfs: paths have no `..`, and there are no links. It ends after CANARY_SECONDS, and
 * with whoever started it.
 */
#define _GNU_SOURCE
#include "canary.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAN_MAX (4 << 20)
#define LINE_MAX_BYTES (1 << 15)
/* Outside every path of a plan: removed before anything is tried. */
#define OWN_COPY ".canary"

static void must(int ok, const char *what)
{
	if (ok)
		return;
	dprintf(STDERR_FILENO, "canary: %s: %s\n", what, strerrorname_np(errno));
	exit(2);
}

void limit_life(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(CANARY_SECONDS);
}

static char *read_all(int fd)
{
	char *text = malloc(PLAN_MAX + 1);
	size_t length = 0;
	ssize_t more;

	must(text != NULL, "memory");
	while ((more = read(fd, text + length, PLAN_MAX - length)) > 0)
		length += (size_t)more;
	errno = E2BIG;
	must(more == 0 && length < PLAN_MAX, "plan");
	text[length] = 0;
	return text;
}

/* An agent in a container may be in a cgroup name space from which the scratch cgroup cannot be joined. */
static void join(const char *cgroup)
{
	int procs = open(cgroup, O_DIRECTORY | O_PATH | O_CLOEXEC), fd;

	must(procs >= 0, "cgroup");
	fd = open("/proc/1/ns/cgroup", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		setns(fd, CLONE_NEWCGROUP);
	fd = openat(procs, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	must(fd >= 0 && write(fd, "0", 1) == 1, "cgroup");
}

static void new_root(const char *mountpoint)
{
	must(!unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS), "unshare");
	must(!mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	must(!mount("canary", mountpoint, "tmpfs", MS_NOSUID | MS_NODEV, "size=64m,mode=755"),
	     "mount");
	must(!chdir(mountpoint), "chdir");
}

static void enter_root(void)
{
	must(!syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(!umount2(".", MNT_DETACH), "umount");
	must(!chdir("/"), "chdir");
}

static void copy_self(int self, const char *path, uid_t owner)
{
	int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0777);
	off_t at = 0;

	must(to >= 0, "program");
	while (sendfile(to, self, &at, 1 << 20) > 0)
		;
	must(at > 0 && !fchown(to, owner, owner), "program");
	close(to);
}

/* Absolute, and without a component that leads back. */
static int is_plain(const char *path)
{
	size_t length = strlen(path);

	return path[0] == '/' && !strstr(path, "/../") &&
	       (length < 3 || strcmp(path + length - 3, "/.."));
}

/* `D PATH` and the like, below the new root that is the current directory. */
static void make_node(char kind, char *escaped, int self)
{
	char *path = escaped;
	uid_t owner = kind == 'f' || kind == 'p' ? OTHER_USER : 0;
	int fd;

	errno = EINVAL;
	must(unescape(path) && is_plain(path), "path");
	path = path[1] ? path + 1 : ".";
	if (kind == 'D') {
		must(!mkdir(path, 0777) || errno == EEXIST, "folder");
	} else if (kind == 'P') {
		must(!link(OWN_COPY, path), "link");
	} else if (kind == 'p') {
		copy_self(self, path, owner);
	} else {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0777);
		must(fd >= 0 && !fchown(fd, owner, owner), "file");
		close(fd);
	}
}

/* Builds the root; gives the rest of the plan. */
static char *build(char *plan)
{
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *line;

	must(self >= 0, "program");
	copy_self(self, OWN_COPY, 0);
	while (*plan && strchr("DFfPp", *plan)) {
		line = strsep(&plan, "\n");
		errno = EINVAL;
		must(plan && line[0] && line[1] == ' ', "plan");
		make_node(line[0], line + 2, self);
	}
	close(self);
	must(!unlink(OWN_COPY), "unlink");
	return plan;
}

/* The canary becomes a program, which reads what it is to do from `deeds`. */
static void become(char *path, int deeds)
{
	char *argv[] = { CANARY_NAME, NULL }, *envp[] = { CANARY_ROLE "=act", NULL };

	limit_life();
	dup2(deeds, STDIN_FILENO);
	if (unescape(path))
		execve(path, argv, envp);
	dprintf(STDOUT_FILENO, "S %d\n", errno);
	_exit(1);
}

static void write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t done = write(fd, text, length);

		if (done <= 0)
			return; /* it ended; what it did not answer says so */
		text += done;
		length -= (size_t)done;
	}
}

/* Starts a program and hands it the deeds up to `end`. */
static void act_as(char *path, const char *deeds, size_t length)
{
	int ends[2];
	pid_t child;

	must(!pipe2(ends, O_CLOEXEC), "pipe");
	child = fork();
	must(child >= 0, "fork");
	if (!child)
		become(path, ends[0]);
	close(ends[0]);
	write_all(ends[1], deeds, length);
	close(ends[1]);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static void perform(char *plan)
{
	while (plan && *plan) {
		char *head = strsep(&plan, "\n"), *deeds = plan, *end = plan;

		while (end && *end && !strchr("SR", *end)) {
			end = strchr(end, '\n');
			end = end ? end + 1 : NULL;
		}
		if (!deeds || !end)
			return;
		plan = end;
		if (head[0] == 'S' && head[1] == ' ')
			act_as(head + 2, deeds, (size_t)(end - deeds));
		while (head[0] == 'R' && deeds < end)
			do_deed(strsep(&deeds, "\n"));
	}
}

static int act(void)
{
	static char line[LINE_MAX_BYTES];
	FILE *deeds = fdopen(STDIN_FILENO, "r");

	while (deeds && fgets(line, sizeof(line), deeds)) {
		line[strcspn(line, "\n")] = 0;
		do_deed(line);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *role = getenv(CANARY_ROLE);
	char *plan;

	if (role && !strcmp(role, "pass"))
		return 0;
	limit_life();
	if (role && !strcmp(role, "act"))
		return act();
	if (argc != 3) {
		dprintf(STDERR_FILENO, "usage: canary CGROUP MOUNTPOINT\n");
		return 1;
	}
	umask(0);
	signal(SIGPIPE, SIG_IGN);
	setsid();
	must(!close_range(3, ~0U, 0), "close_range");
	plan = read_all(STDIN_FILENO);
	join(argv[1]);
	new_root(argv[2]);
	plan = build(plan);
	enter_root();
	perform(plan);
	return 0;
}
