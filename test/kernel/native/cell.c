// SPDX-License-Identifier: Apache-2.0
/*
 * cell ROOT CGROUP -- PROGRAM [ARG...]: what a runtime does, in a millisecond: joins the cgroup, takes a mount name space
 * of its own, makes ROOT its root by pivot_root, and executes PROGRAM there. Exit code 126 with a line on stderr where
 * one step failed, e.g. `cell: exec: EACCES`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "cell: %s: %s\n", what, strerrorname_np(errno));
	exit(126);
}

int main(int argc, char **argv)
{
	char path[4096];
	int fd;

	if (argc < 5 || strcmp(argv[3], "--")) {
		fprintf(stderr, "usage: cell ROOT CGROUP -- PROGRAM [ARG...]\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/cgroup.procs", argv[2]);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd >= 0 && write(fd, "0", 1) == 1, "cgroup");
	must(!unshare(CLONE_NEWNS), "unshare");
	must(!mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	must(!mount(argv[1], argv[1], NULL, MS_BIND | MS_REC, NULL), "bind");
	must(!chdir(argv[1]), "chdir");
	must(!syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(!umount2(".", MNT_DETACH), "umount");
	must(!chdir("/"), "chdir");
	execve(argv[4], argv + 4, environ);
	must(0, "exec");
}
