// SPDX-License-Identifier: Apache-2.0
/*
 * close-fd PID FD: closes a descriptor of another process, as root can with a debugger. The process must wait in a system call
 * now and then. Prints what close(2) gave. x86-64 only: exit code 3 elsewhere.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIES 200

#ifdef __x86_64__
static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

/* The process has stopped. Not 0: it was in a system call, and `result` is what close(2) gave. */
static int inject_close(pid_t pid, int fd, long *result)
{
	struct user_regs_struct saved, regs;
	long word;

	must(!ptrace(PTRACE_GETREGS, pid, 0, &saved), "getregs");
	word = ptrace(PTRACE_PEEKTEXT, pid, saved.rip - 2, 0);
	if ((word & 0xffff) != 0x050f) /* syscall */
		return 0;
	regs = saved;
	regs.rip -= 2;
	regs.orig_rax = -1UL;
	regs.rax = SYS_close;
	regs.rdi = fd;
	must(!ptrace(PTRACE_SETREGS, pid, 0, &regs), "setregs");
	must(!ptrace(PTRACE_SINGLESTEP, pid, 0, 0), "step");
	must(waitpid(pid, NULL, __WALL) == pid, "wait");
	must(!ptrace(PTRACE_GETREGS, pid, 0, &regs), "getregs");
	*result = (long)regs.rax;
	must(!ptrace(PTRACE_SETREGS, pid, 0, &saved), "setregs");
	return 1;
}

int main(int argc, char **argv)
{
	pid_t pid = argc == 3 ? atoi(argv[1]) : 0;
	long result = 0;
	int done = 0;

	must(pid > 0, "usage: close-fd PID FD");
	for (int i = 0; i < TRIES && !done; i++) {
		must(!ptrace(PTRACE_SEIZE, pid, 0, 0), "seize");
		must(!ptrace(PTRACE_INTERRUPT, pid, 0, 0), "interrupt");
		must(waitpid(pid, NULL, __WALL) == pid, "wait");
		done = inject_close(pid, atoi(argv[2]), &result);
		must(!ptrace(PTRACE_DETACH, pid, 0, 0), "detach");
		usleep(done ? 0 : 10000);
	}
	printf("%ld\n", result);
	return done ? 0 : 2;
}
#else
int main(void)
{
	return 3;
}
#endif
