/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a canary tries. Nothing here has an effect outside the canary's own name spaces, whether it is denied or not: files lie
 * in its own tmpfs, sockets in an empty network, and what asks for a capability is asked in a way that changes nothing.
 */
#define _GNU_SOURCE
#include "canary.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 8

int split_words(char *line, char **words, int max)
{
	char *rest = line, *word;
	int count = 0;

	while (count < max && (word = strsep(&rest, " ")))
		if (*word)
			words[count++] = word;
	return count;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int unescape(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++, to++) {
		int high, low;

		*to = *from;
		if (*from != '%')
			continue;
		high = hex_digit(from[1]);
		low = high < 0 ? -1 : hex_digit(from[2]);
		if (low < 0 || (high == 0 && low == 0))
			return 0;
		*to = (char)(high << 4 | low);
		from += 2;
	}
	*to = 0;
	return 1;
}

static int failed(long result)
{
	return result < 0 ? errno : 0;
}

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), error = failed(fd);

	if (fd >= 0)
		close(fd);
	return error;
}

/* The exit code of a child is the errno: what has to be asked only once, or changes the process, is asked there. */
static int in_child(int (*ask)(const void *), const void *what)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return errno;
	if (!child) {
		limit_life();
		_exit(ask(what));
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

struct program {
	const char *path, *name;
};

static int exec_program(const void *what)
{
	const struct program *p = what;
	char *argv[] = { (char *)p->name, NULL }, *envp[] = { CANARY_ROLE "=pass", NULL };

	execve(p->path, argv, envp);
	return errno;
}

int try_exec(const char *path, const char *name)
{
	struct program p = { path, name };

	return in_child(exec_program, &p);
}

static socklen_t read_address(struct sockaddr_storage *to, int domain, const char *text, int port)
{
	struct sockaddr_in *four = (void *)to;
	struct sockaddr_in6 *six = (void *)to;

	memset(to, 0, sizeof(*to));
	to->ss_family = (sa_family_t)domain;
	if (domain == AF_INET) {
		four->sin_port = htons((uint16_t)port);
		return inet_pton(AF_INET, text, &four->sin_addr) == 1 ? sizeof(*four) : 0;
	}
	six->sin6_port = htons((uint16_t)port);
	return domain == AF_INET6 && inet_pton(AF_INET6, text, &six->sin6_addr) == 1 ? sizeof(*six)
										     : 0;
}

/* `s DOMAIN TYPE PROTOCOL`, and of `c` and `b` PORT and ADDRESS. */
static int try_socket(char op, char **words)
{
	int domain = atoi(words[0]), type = atoi(words[1]), fd, error;
	struct sockaddr_storage address;
	socklen_t length = 0;

	if (op != 's') {
		length = read_address(&address, domain, words[4], atoi(words[3]));
		if (!length)
			return EINVAL;
	}
	fd = socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, atoi(words[2]));
	error = failed(fd);
	if (fd < 0)
		return error;
	if (op == 'c')
		error = failed(connect(fd, (struct sockaddr *)&address, length));
	else if (op == 'b')
		error = failed(bind(fd, (struct sockaddr *)&address, length));
	close(fd);
	return error;
}

static int set_limit(int which, rlim_t soft, rlim_t hard)
{
	struct rlimit limit = { soft, hard };

	return setrlimit(which, &limit);
}

static int use_network(int capability)
{
	struct sockaddr_in low = { .sin_family = AF_INET, .sin_port = htons(1) };
	struct ifreq loopback = { .ifr_name = "lo" };
	int fd;

	if (capability == CAP_NET_RAW)
		return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return fd;
	if (capability == CAP_NET_ADMIN)
		return ioctl(fd, SIOCSIFFLAGS, &loopback);
	return bind(fd, (struct sockaddr *)&low, sizeof(low));
}

/* Makes the kernel ask for a capability; what would follow has no effect, or only on this process and its name spaces. */
static long use_capability(int capability)
{
	switch (capability) {
	case CAP_SETGID:
		return setgid(OTHER_USER);
	case CAP_SETUID:
		return setuid(OTHER_USER);
	case CAP_NET_BIND_SERVICE:
	case CAP_NET_ADMIN:
	case CAP_NET_RAW:
		return use_network(capability);
	case CAP_IPC_LOCK:
		set_limit(RLIMIT_MEMLOCK, 0, 0);
		return mlock(&capability, sizeof(capability));
	case CAP_SYS_MODULE: /* one that is not there */
		return syscall(SYS_delete_module, "kubearmor-canary", O_NONBLOCK);
	case CAP_SYS_CHROOT:
		return chroot("/");
	case CAP_SYS_PACCT: /* into a file that is not there */
		return syscall(SYS_acct, "/kubearmor-canary/none/none");
	case CAP_SYS_ADMIN: /* of its own UTS name space */
		return sethostname("canary", 6);
	case CAP_SYS_BOOT: /* without the magic numbers: EINVAL */
		return syscall(SYS_reboot, 0, 0, 0, NULL);
	case CAP_SYS_NICE:
		set_limit(RLIMIT_NICE, 0, 0);
		return setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) - 1);
	case CAP_SYS_RESOURCE:
		set_limit(RLIMIT_CORE, 0, 0);
		return set_limit(RLIMIT_CORE, 0, 1);
	case CAP_SYS_TIME: /* to nothing */
		return syscall(SYS_settimeofday, NULL, NULL);
	case CAP_SYS_TTY_CONFIG: /* it has no terminal */
		return syscall(SYS_vhangup);
	default:
		errno = ENOSYS;
		return -1;
	}
}

static int ask_capability(const void *what)
{
	return failed(use_capability(*(const int *)what));
}

static int try_deed(char op, char **words, int count)
{
	int capability;

	switch (op) {
	case 'r':
	case 'w':
		if (count < 1 || !unescape(words[0]))
			return EINVAL;
		return try_open(words[0], op == 'r' ? O_RDONLY : O_WRONLY);
	case 'x':
		if (count < 2 || !unescape(words[0]) || !unescape(words[1]))
			return EINVAL;
		return try_exec(words[1], words[0]);
	case 's':
		return count < 3 ? EINVAL : try_socket(op, words);
	case 'c':
	case 'b':
		return count < 5 ? EINVAL : try_socket(op, words);
	case 'k':
		capability = count < 1 ? -1 : atoi(words[0]);
		return in_child(ask_capability, &capability);
	default:
		return EINVAL;
	}
}

void do_deed(char *line)
{
	char *words[WORDS_MAX];
	int count = split_words(line, words, WORDS_MAX);

	if (count < 2)
		return;
	dprintf(STDOUT_FILENO, "%d %d\n", atoi(words[1]),
		try_deed(words[0][0], words + 2, count - 2));
}
