// SPDX-License-Identifier: Apache-2.0
/* Operations on tasks: programs, children, identities, name spaces, capabilities. */
#include "stim.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <linux/capability.h>

static long do_chdir(char **w)
{
	return chdir(w[0]);
}

static long do_chroot(char **w)
{
	return chroot(w[0]) ? -1 : w[1][0] ? chdir(w[1]) : 0;
}

/* exec PATH: becomes PATH (a stim), which does the rest */
static long do_exec(char **w)
{
	char *argv[256] = { w[0], "took-over" };
	int n = 2;

	for (char **r = rest; *r && n < 255; r++)
		argv[n++] = *r;
	return execve(w[0], argv, environ);
}

/* A child calls `start`; OK where its exec worked, whatever the program does then. */
static long spawn(int (*start)(char **w), char **w)
{
	int error = 0, report[2], in[2], out[2];
	pid_t child;

	if (pipe2(report, O_CLOEXEC) || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return -1;
	child = fork();
	if (child < 0)
		return -1;
	if (!child) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		start(w);
		error = errno;
		_exit(write(report[1], &error, sizeof(error)) > 0 ? 127 : 3);
	}
	close(report[1]);
	close(in[0]);
	close(in[1]); /* the program reads an end of file, and what it writes goes nowhere */
	close(out[1]);
	if (read(report[0], &error, sizeof(error)) < 0)
		error = EIO;
	close(report[0]);
	waitpid(child, NULL, 0);
	close(out[0]);
	return error ? fail(error) : 0;
}

static int start_path(char **w)
{
	signal(SIGPIPE, SIG_DFL);
	return execve(w[0], w, environ);
}

static void end_words(char **w)
{
	for (int i = 0; i < WORDS_MAX; i++)
		if (!w[i][0]) {
			w[i] = NULL;
			return;
		}
}

/* run PATH ARG...: in a child */
static long do_run(char **w)
{
	end_words(w);
	return spawn(start_path, w);
}

static int start_named(char **w)
{
	return execve(w[0], w + 1, environ);
}

/* run-as PATH ARGV0 ARG...: in a child, called by another name */
static long do_run_as(char **w)
{
	end_words(w);
	return spawn(start_named, w);
}

static int start_fd(char **w)
{
	char *argv[] = { w[0], NULL };

	return syscall(SYS_execveat, slot_get(w[0]), w[1], argv, environ, AT_EMPTY_PATH);
}

/* runfd S [NAME]: what slot S holds, or NAME in that directory, in a child */
static long do_runfd(char **w)
{
	return spawn(start_fd, w);
}

/* memfd S PATH NAME: copies PATH into unnamed memory */
static long do_memfd(char **w)
{
	int from = open(w[1], O_RDONLY | O_CLOEXEC), to = memfd_create(w[2], MFD_CLOEXEC);
	char block[65536];
	ssize_t n;

	if (from < 0 || to < 0)
		return -1;
	while ((n = read(from, block, sizeof(block))) > 0)
		if (write(to, block, n) != n)
			return -1;
	close(from);
	return slot_put(w[0], to);
}

/* The child does the rest; this process waits for it and ends. */
static long go_on_in_child(void)
{
	pid_t child = fork();
	int status = 0;

	if (child <= 0)
		return child;
	waitpid(child, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

static long do_fork(char **w)
{
	(void)w;
	return go_on_in_child();
}

/* daemon: the rest is done by an orphan in a session of its own */
static long do_daemon(char **w)
{
	int end[2];
	char byte;
	pid_t child;

	(void)w;
	if (pipe(end))
		return -1;
	child = fork();
	if (child < 0)
		return -1;
	if (child) {
		close(end[1]);
		waitpid(child, NULL, 0);
		_exit(read(end[0], &byte, 1) == 0 ? 0 : 99); /* the daemon ended */
	}
	setsid();
	if (fork())
		_exit(0);
	close(end[0]);
	while (getppid() == child)
		usleep(1000);
	return 0;
}

static void *thread_body(void *unused)
{
	(void)unused;
	if (write(1, "OK\n", 3) == 3)
		run_rest();
	exit(0);
}

/* thread: the rest is done by another thread */
static long do_thread(char **w)
{
	pthread_t thread;

	(void)w;
	errno = pthread_create(&thread, NULL, thread_body, NULL);
	if (errno)
		return -1;
	pthread_join(thread, NULL);
	return -1;
}

static int write_map(const char *path, const char *map)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, map, strlen(map)) < 0)
		return -1;
	return close(fd);
}

/* unshare WHAT: mnt, net, pid (the rest in a child), user (mapped to root), user-unmapped; joined by + */
static long do_unshare(char **w)
{
	char map[64];
	int flags = 0, uid = geteuid(), gid = getegid();

	flags |= strstr(w[0], "mnt") ? CLONE_NEWNS : 0;
	flags |= strstr(w[0], "pid") ? CLONE_NEWPID : 0;
	flags |= strstr(w[0], "user") ? CLONE_NEWUSER : 0;
	flags |= strstr(w[0], "net") ? CLONE_NEWNET : 0;
	if (unshare(flags))
		return -1;
	if (flags & CLONE_NEWUSER && !strstr(w[0], "unmapped")) {
		write_map("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "0 %d 1", gid);
		if (write_map("/proc/self/gid_map", map))
			return -1;
		snprintf(map, sizeof(map), "0 %d 1", uid);
		if (write_map("/proc/self/uid_map", map))
			return -1;
	}
	return flags & CLONE_NEWPID ? go_on_in_child() : 0;
}

static long do_setns(char **w)
{
	return setns(slot_get(w[0]), 0);
}

static long do_setuid(char **w)
{
	return setresuid(number(w[0]), number(w[0]), number(w[0]));
}

static long do_setgid(char **w)
{
	return setresgid(number(w[0]), number(w[0]), number(w[0]));
}

/* setfsuid UID: only for files; keeps the capabilities of before */
static long do_setfsuid(char **w)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	syscall(SYS_capget, &head, data);
	syscall(SYS_setfsuid, number(w[0]));
	return syscall(SYS_capset, &head, data);
}

/* drop NUMBER: a capability, for good */
static long do_drop(char **w)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	syscall(SYS_capget, &head, data);
	data[number(w[0]) / 32].effective &= ~(1U << number(w[0]) % 32);
	data[number(w[0]) / 32].permitted &= ~(1U << number(w[0]) % 32);
	return syscall(SYS_capset, &head, data);
}

static long do_setsid(char **w)
{
	(void)w;
	return setsid();
}

/* tty: a terminal of its own as the controlling one */
static long do_tty(char **w)
{
	int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY), unlocked = 0, n = 0, slave;
	char path[32];

	(void)w;
	setsid();
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) || ioctl(master, TIOCGPTN, &n))
		return -1;
	snprintf(path, sizeof(path), "/dev/pts/%d", n);
	slave = open(path, O_RDWR);
	return slave < 0 ? -1 : ioctl(slave, TIOCSCTTY, 1);
}

/* name COMM: as /proc shows it */
static long do_name(char **w)
{
	return prctl(PR_SET_NAME, w[0]);
}

/* sync: says so and waits for a line on stdin */
static long do_sync(char **w)
{
	char byte;

	(void)w;
	if (write(1, "sync\n", 5) != 5)
		return -1;
	do {
		if (read(0, &byte, 1) != 1)
			_exit(4);
	} while (byte != '\n');
	return 0;
}

static long do_sethostname(char **w)
{
	return sethostname(w[0], strlen(w[0]));
}

static long do_nice(char **w)
{
	return setpriority(PRIO_PROCESS, 0, number(w[0]));
}

/* pause MILLISECONDS */
static long do_pause(char **w)
{
	return usleep(number(w[0]) * 1000);
}

const struct op task_ops[] = {
	{ "chdir", do_chdir },   { "chroot", do_chroot },   { "exec", do_exec },
	{ "run", do_run },       { "run-as", do_run_as },   { "runfd", do_runfd },
	{ "memfd", do_memfd },   { "fork", do_fork },       { "daemon", do_daemon },
	{ "thread", do_thread }, { "unshare", do_unshare }, { "setns", do_setns },
	{ "setuid", do_setuid }, { "setgid", do_setgid },   { "setfsuid", do_setfsuid },
	{ "drop", do_drop },     { "setsid", do_setsid },   { "tty", do_tty },
	{ "name", do_name },     { "sync", do_sync },       { "sethostname", do_sethostname },
	{ "nice", do_nice },     { "pause", do_pause },     { NULL, NULL },
};
