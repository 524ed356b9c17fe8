// SPDX-License-Identifier: Apache-2.0
/*
 * cell [OPTION...] ROOT CGROUP -- PROGRAM [ARG...]: what a runtime does, in a millisecond: joins the cgroup, takes a mount
 * name space of its own, makes ROOT its root by pivot_root, and executes PROGRAM there. /proc and /dev/pts are mounted where
 * ROOT has these directories. Exit code 126 with a line on stderr where one step failed, e.g. `cell: exec: EACCES`.
 *
 *   --bind SOURCE:PATH   a volume;  --ro-bind: read-only
 *   --memfd              executes itself from unnamed memory inside the cgroup first, as a runtime that guards its binary does
 *   --setup              reads, writes and opens a raw socket inside the new root before it executes PROGRAM, as a runtime does
 *   --pidns              a pid name space too
 *   --uid UID            executes PROGRAM as this user, without capabilities
 *   --service            only a mount name space of its own, with its volumes: as a service manager does
 *   --caps MASK          the capabilities, in hexadecimal, that PROGRAM and what it executes may have, as a runtime drops them
 *   --enter PID          the mount name space of PID instead of a new one: exec into a container
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BINDS_MAX 8

struct options {
	const char *bind[BINDS_MAX];
	int read_only[BINDS_MAX];
	int binds, memfd, setup, pid_ns, service;
	const char *uid, *enter, *caps;
	const char *root, *cgroup;
	char **program;
};

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "cell: %s: %s\n", what, strerrorname_np(errno));
	exit(126);
}

static struct options read_options(char **argv)
{
	struct options o = { 0 };
	char **a = argv + 1;

	for (; *a && !strncmp(*a, "--", 2); a++) {
		if (!strcmp(*a, "--bind") || !strcmp(*a, "--ro-bind")) {
			o.read_only[o.binds] = a[0][2] == 'r';
			o.bind[o.binds++ % BINDS_MAX] = *++a;
		} else if (!strcmp(*a, "--memfd")) {
			o.memfd = 1;
		} else if (!strcmp(*a, "--setup")) {
			o.setup = 1;
		} else if (!strcmp(*a, "--service")) {
			o.service = 1;
		} else if (!strcmp(*a, "--pidns")) {
			o.pid_ns = 1;
		} else if (!strcmp(*a, "--uid")) {
			o.uid = *++a;
		} else if (!strcmp(*a, "--caps")) {
			o.caps = *++a;
		} else if (!strcmp(*a, "--enter")) {
			o.enter = *++a;
		} else {
			break;
		}
	}
	if (!a[0] || !a[1] || !a[2] || strcmp(a[2], "--") || !a[3]) {
		fprintf(stderr, "usage: cell [OPTION...] ROOT CGROUP -- PROGRAM [ARG...]\n");
		exit(2);
	}
	o.root = a[0];
	o.cgroup = a[1];
	o.program = a + 3;
	return o;
}

static void join(const char *cgroup)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd >= 0 && write(fd, "0", 1) == 1, "cgroup");
	close(fd);
}

static void exec_from_memory(char **argv)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
	    to = memfd_create("cell", MFD_CLOEXEC);

	must(from >= 0 && to >= 0, "memfd");
	while (sendfile(to, from, NULL, 1 << 20) > 0)
		;
	setenv("CELL_FROM_MEMORY", "1", 1);
	fexecve(to, argv, environ);
	must(0, "memfd exec");
}

static void mount_volumes(const struct options *o)
{
	char path[4096], *to;

	for (int i = 0; i < o->binds; i++) {
		char *source = strdup(o->bind[i]);

		to = strchr(source, ':');
		must(to != NULL, "bind");
		*to++ = 0;
		snprintf(path, sizeof(path), "%s%s", o->root, to);
		must(!mount(source, path, NULL, MS_BIND, NULL), "bind");
		if (o->read_only[i])
			must(!mount("", path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL),
			     "ro-bind");
		free(source);
	}
	if (o->service)
		return;
	snprintf(path, sizeof(path), "%s/proc", o->root);
	if (!access(path, F_OK))
		must(!mount("proc", path, "proc", 0, NULL), "proc");
	snprintf(path, sizeof(path), "%s/dev/pts", o->root);
	if (!access(path, F_OK))
		must(!mount("devpts", path, "devpts", 0, "ptmxmode=666,newinstance"), "devpts");
}

static void change_root(const char *root)
{
	must(!chdir(root), "chdir");
	must(!syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(!umount2(".", MNT_DETACH), "umount");
	must(!chdir("/"), "chdir");
}

static void enter(const char *pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0 && !setns(fd, CLONE_NEWNS), "setns");
	close(fd);
}

static void keep_caps(const char *mask)
{
	unsigned long keep = strtoul(mask, NULL, 16);

	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(keep >> cap & 1))
			must(!prctl(PR_CAPBSET_DROP, cap), "caps");
}

static void set_up(void)
{
	int fd = open("/etc/passwd", O_RDONLY);

	must(fd >= 0, "setup read");
	close(fd);
	must(!mkdir("/dev/shm", 0755) || errno == EEXIST, "setup mkdir");
	must(!mknod("/dev/null", S_IFCHR | 0666, 0x103) || errno == EEXIST, "setup mknod");
	fd = open("/etc/hostname", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	must(fd >= 0, "setup write");
	close(fd);
	must(!mount("shm", "/dev/shm", "tmpfs", 0, NULL), "setup mount");
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	must(fd >= 0, "setup socket");
	close(fd);
}

int main(int argc, char **argv)
{
	struct options o = read_options(argv);
	pid_t child;
	int status;

	(void)argc;
	if (!getenv("CELL_FROM_MEMORY")) {
		join(o.cgroup);
		if (o.memfd)
			exec_from_memory(argv);
	}
	unsetenv("CELL_FROM_MEMORY");
	if (o.pid_ns) {
		must(!unshare(CLONE_NEWPID), "pidns");
		child = fork();
		must(child >= 0, "fork");
		if (child) {
			waitpid(child, &status, 0);
			exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
		}
	}
	if (o.enter) {
		enter(o.enter);
	} else {
		must(!unshare(CLONE_NEWNS), "unshare");
		must(!mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
		if (!o.service)
			must(!mount(o.root, o.root, NULL, MS_BIND | MS_REC, NULL), "bind");
		mount_volumes(&o);
		if (!o.service)
			change_root(o.root);
	}
	if (o.setup)
		set_up();
	if (o.caps)
		keep_caps(o.caps); /* the exec of PROGRAM gives root what is left */
	if (o.uid)
		must(!setresgid(atoi(o.uid), atoi(o.uid), atoi(o.uid)) &&
			     !setresuid(atoi(o.uid), atoi(o.uid), atoi(o.uid)),
		     "uid");
	execve(o.program[0], o.program, environ);
	must(0, "exec");
}
