// SPDX-License-Identifier: Apache-2.0
/* Operations of somebody who would end, starve or lock out another process without sending it a signal or opening its files. */
#include "stim.h"
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <linux/fs.h>

/* sigio PID SIGNAL: the kernel sends it when a pipe can be read, which it then can */
static long do_sigio(char **w)
{
	int ends[2];

	if (pipe(ends) || fcntl(ends[0], F_SETOWN, number(w[0])) ||
	    fcntl(ends[0], F_SETSIG, number(w[1])) || fcntl(ends[0], F_SETFL, O_ASYNC))
		return -1;
	return write(ends[1], "x", 1) == 1 ? 0 : -1;
}

/* reap: waits until the last child is ended by a signal; EIO where it ends otherwise */
static long do_reap(char **w)
{
	int status;

	(void)w;
	if (waitpid(child_pid, &status, 0) != child_pid)
		return -1;
	return WIFSIGNALED(status) ? 0 : fail(EIO);
}

/* limit PID: processor time without end, as it is */
static long do_limit(char **w)
{
	struct rlimit endless = { RLIM_INFINITY, RLIM_INFINITY };

	return prlimit(number(w[0]), RLIMIT_CPU, &endless, NULL);
}

/* schedule PID, affine PID, renice PID, ionice PID: each as it is */
static long do_schedule(char **w)
{
	struct sched_param none = { 0 };

	return sched_setscheduler(number(w[0]), SCHED_OTHER, &none);
}

static long do_affine(char **w)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	return sched_setaffinity(number(w[0]), sizeof(all), &all);
}

static long do_renice(char **w)
{
	return setpriority(PRIO_PROCESS, number(w[0]), 0);
}

#define IOPRIO_WHO_PROCESS_ 1
#define BEST_EFFORT (2 << 13 | 4)

static long do_ionice(char **w)
{
	return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS_, number(w[0]), BEST_EFFORT);
}

/* migrate PID: its memory from the first node to the first node */
static long do_migrate(char **w)
{
	unsigned long node = 1;

	return syscall(SYS_migrate_pages, number(w[0]), 64, &node, &node);
}

static union {
	struct file_handle head;
	char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
} handle;

/* handle PATH: notes what names the file for good */
static long do_handle(char **w)
{
	int mount;

	handle.head.handle_bytes = MAX_HANDLE_SZ;
	return name_to_handle_at(AT_FDCWD, w[0], &handle.head, &mount, 0);
}

/* open-handle FLAGS PATH: what was noted, in PATH's file system */
static long do_open_handle(char **w)
{
	int at = open(w[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, error;

	if (at < 0)
		return -1;
	fd = open_by_handle_at(at, &handle.head, open_flags_of(w[0]) | O_CLOEXEC);
	error = errno;
	close(at);
	errno = error;
	return fd < 0 ? -1 : close(fd);
}

/* setflags PATH: not to be dumped, which harms nobody */
static long do_setflags(char **w)
{
	int fd = open(w[0], O_RDONLY | O_CLOEXEC), flags = FS_NODUMP_FL, error;
	long result;

	if (fd < 0)
		return -1;
	result = ioctl(fd, FS_IOC_SETFLAGS, &flags);
	error = errno;
	close(fd);
	errno = error;
	return result;
}

const struct op pressure_ops[] = {
	{ "sigio", do_sigio },       { "reap", do_reap },
	{ "limit", do_limit },       { "schedule", do_schedule },
	{ "affine", do_affine },     { "renice", do_renice },
	{ "ionice", do_ionice },     { "migrate", do_migrate },
	{ "handle", do_handle },     { "open-handle", do_open_handle },
	{ "setflags", do_setflags }, { NULL, NULL },
};
