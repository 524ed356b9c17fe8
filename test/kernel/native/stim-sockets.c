// SPDX-License-Identifier: Apache-2.0
/* Operations on sockets. Addresses: IPv4, IPv6 or, on AF_UNIX, a path (@ first: abstract). */
#include "stim.h"
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sys/un.h>

static const struct {
	const char *word;
	int value;
} families[] = {
	{ "inet", AF_INET },	 { "inet6", AF_INET6 }, { "unix", AF_UNIX }, { "netlink", AF_NETLINK },
	{ "packet", AF_PACKET }, { "vsock", AF_VSOCK }, { "alg", AF_ALG },   { NULL, 0 },
}, types[] = {
	{ "stream", SOCK_STREAM }, { "dgram", SOCK_DGRAM }, { "raw", SOCK_RAW },   { "seqpacket", SOCK_SEQPACKET },
	{ "rdm", SOCK_RDM },	   { "dccp", SOCK_DCCP },   { NULL, 0 },
};

#define VALUE(table, word) value_of(table, word)
static int value_of(const void *table, const char *word)
{
	const struct {
		const char *word;
		int value;
	} *row = table;

	for (; row->word; row++)
		if (!strcmp(row->word, word))
			return row->value;
	fprintf(stderr, "stim: no socket word `%s`\n", word);
	exit(2);
}

static int open_socket(char **w)
{
	return socket(VALUE(families, w[0]), VALUE(types, w[1]) | SOCK_CLOEXEC, number(w[2]));
}

/* socket FAMILY TYPE [PROTOCOL] */
static long do_socket(char **w)
{
	int fd = open_socket(w);

	return fd < 0 ? -1 : close(fd);
}

/* sock S FAMILY TYPE [PROTOCOL]: into slot S */
static long do_sock(char **w)
{
	int fd = open_socket(w + 1), on = 1;

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return slot_put(w[0], fd);
}

static long do_socketpair(char **w)
{
	int pair[2];

	return socketpair(AF_UNIX, VALUE(types, w[0]), 0, pair);
}

static socklen_t address_of(struct sockaddr_storage *to, const char *address, const char *port)
{
	struct sockaddr_in *v4 = (void *)to;
	struct sockaddr_in6 *v6 = (void *)to;
	struct sockaddr_un *un = (void *)to;

	memset(to, 0, sizeof(*to));
	if (!strcmp(address, "unspec")) {
		to->ss_family = AF_UNSPEC;
		return sizeof(*v4);
	}
	if (address[0] == '/' || address[0] == '@') {
		un->sun_family = AF_UNIX;
		strncpy(un->sun_path, address, sizeof(un->sun_path) - 1);
		if (address[0] == '@')
			un->sun_path[0] = 0;
		return offsetof(struct sockaddr_un, sun_path) + strlen(address) +
		       (address[0] == '/');
	}
	if (strchr(address, ':')) {
		v6->sin6_family = AF_INET6;
		inet_pton(AF_INET6, address, &v6->sin6_addr);
		v6->sin6_port = htons(number(port));
		return sizeof(*v6);
	}
	v4->sin_family = strncmp(address, "unspec=", 7) ? AF_INET : AF_UNSPEC;
	inet_pton(AF_INET, address + (v4->sin_family ? 0 : 7), &v4->sin_addr);
	v4->sin_port = htons(number(port));
	return sizeof(*v4);
}

/* connect S ADDRESS [PORT] */
static long do_connect(char **w)
{
	struct sockaddr_storage to;

	return connect(slot_get(w[0]), (void *)&to, address_of(&to, w[1], w[2]));
}

/*
 * dial S FROM TO PORT: connects from an address of ours. ETIMEDOUT where nobody answers: the socket is closed long before
 * it would ask again.
 */
static long do_dial(char **w)
{
	struct sockaddr_storage from, to;
	struct pollfd waiting = { .events = POLLOUT };
	int fd = slot_get(w[0]), error = 0;
	socklen_t size = sizeof(error);

	waiting.fd = fd;
	if (bind(fd, (void *)&from, address_of(&from, w[1], "0")) || fcntl(fd, F_SETFL, O_NONBLOCK))
		return -1;
	if (connect(fd, (void *)&to, address_of(&to, w[2], w[3])) && errno != EINPROGRESS)
		return -1;
	if (poll(&waiting, 1, 300) != 1) {
		close(fd);
		return fail(ETIMEDOUT);
	}
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error ? fail(error) : 0;
}

/* bind S ADDRESS [PORT] */
static long do_bind(char **w)
{
	struct sockaddr_storage to;

	return bind(slot_get(w[0]), (void *)&to, address_of(&to, w[1], w[2]));
}

static long do_listen(char **w)
{
	return listen(slot_get(w[0]), 8);
}

/* accept S INTO */
static long do_accept(char **w)
{
	struct pollfd waiting = { .fd = slot_get(w[0]), .events = POLLIN };

	if (poll(&waiting, 1, 2000) != 1)
		return fail(ETIMEDOUT);
	return slot_put(w[1], accept4(slot_get(w[0]), NULL, NULL, SOCK_CLOEXEC));
}

/* sendto S ADDRESS [PORT] */
static long do_sendto(char **w)
{
	struct sockaddr_storage to;
	socklen_t length = address_of(&to, w[1], w[2]);

	return sendto(slot_get(w[0]), "12345678", 8, MSG_NOSIGNAL, (void *)&to, length);
}

/* ask S NAME ADDRESS PORT: a DNS question for NAME's address, RFC 1035 */
static long do_ask(char **w)
{
	unsigned char message[300] = { 0x12, 0x34, 1, 0, 0, 1 }, *at = message + 12;
	struct sockaddr_storage to;
	socklen_t length = address_of(&to, w[2], w[3]);
	char name[256], *save = NULL;

	snprintf(name, sizeof(name), "%s", w[1]);
	for (char *part = strtok_r(name, ".", &save); part; part = strtok_r(NULL, ".", &save)) {
		size_t n = strlen(part);

		*at++ = n;
		memcpy(at, part, n);
		at += n;
	}
	memcpy(at, "\0\0\1\0\1", 5);
	return sendto(slot_get(w[0]), message, at + 5 - message, MSG_NOSIGNAL, (void *)&to, length);
}

/* send S: on a connected socket */
static long do_send(char **w)
{
	return send(slot_get(w[0]), "12345678", 8, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* sendmsg S ADDRESS [PORT] */
static long do_sendmsg(char **w)
{
	struct sockaddr_storage to;
	struct iovec io = { "12345678", 8 };
	struct msghdr message = { .msg_name = &to, .msg_iov = &io, .msg_iovlen = 1 };

	message.msg_namelen = address_of(&to, w[1], w[2]);
	return sendmsg(slot_get(w[0]), &message, MSG_NOSIGNAL);
}

/* sendmmsg S ADDRESS PORT PORT2: two messages in one call; OK where both went */
static long do_sendmmsg(char **w)
{
	struct sockaddr_storage to[2];
	struct iovec io = { "12345678", 8 };
	struct mmsghdr messages[2] = { 0 };
	int sent;

	for (int i = 0; i < 2; i++) {
		messages[i].msg_hdr.msg_name = &to[i];
		messages[i].msg_hdr.msg_namelen = address_of(&to[i], w[1], w[2 + i]);
		messages[i].msg_hdr.msg_iov = &io;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	sent = sendmmsg(slot_get(w[0]), messages, 2, MSG_NOSIGNAL);
	return sent == 1 ? fail(EPERM) : sent < 0 ? -1 : 0;
}

/* fastopen S ADDRESS PORT: a SYN with data, without connect */
static long do_fastopen(char **w)
{
	struct sockaddr_storage to;
	socklen_t length = address_of(&to, w[1], w[2]);

	return sendto(slot_get(w[0]), "12345678", 8, MSG_FASTOPEN | MSG_NOSIGNAL, (void *)&to,
		      length);
}

/* recv S */
static long do_recv(char **w)
{
	char byte;

	return recv(slot_get(w[0]), &byte, 1, MSG_DONTWAIT);
}

/* big-buffer S: a receive buffer beyond the limit, which takes CAP_NET_ADMIN */
static long do_big_buffer(char **w)
{
	int bytes = 1 << 20;

	return setsockopt(slot_get(w[0]), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
}

static long do_shutdown(char **w)
{
	return shutdown(slot_get(w[0]), SHUT_RDWR);
}

/* give S PROGRAM: sends slot S's descriptor to a child that became PROGRAM; its answer is the result */
static long do_give(char **w)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'x', answer[32] = "";
	struct iovec io = { &byte, 1 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);
	char *argv[] = { w[1], "take", NULL };
	int pair[2], fd = slot_get(w[0]);
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -1;
	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(part), &fd, sizeof(int));
	child = fork();
	if (!child) {
		dup2(pair[1], 0);
		dup2(pair[1], 1);
		execve(argv[0], argv, environ);
		_exit(127);
	}
	close(pair[1]);
	if (sendmsg(pair[0], &message, 0) != 1)
		return -1;
	if (read(pair[0], answer, sizeof(answer) - 1) <= 0)
		strcpy(answer, "?");
	waitpid(child, NULL, 0);
	close(pair[0]);
	return !strncmp(answer, "OK", 2) ? 0 : fail(EACCES);
}

/* take: receives a descriptor on descriptor 0. A refused one is left out by the kernel. */
static long do_take(char **w)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec io = { &byte, 1 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };

	(void)w;
	if (recvmsg(0, &message, 0) != 1)
		return -1;
	return CMSG_FIRSTHDR(&message) ? 0 : fail(EACCES);
}

const struct op socket_ops[] = {
	{ "socket", do_socket },
	{ "sock", do_sock },
	{ "socketpair", do_socketpair },
	{ "connect", do_connect },
	{ "dial", do_dial },
	{ "bind", do_bind },
	{ "listen", do_listen },
	{ "accept", do_accept },
	{ "sendto", do_sendto },
	{ "ask", do_ask },
	{ "send", do_send },
	{ "sendmsg", do_sendmsg },
	{ "sendmmsg", do_sendmmsg },
	{ "fastopen", do_fastopen },
	{ "recv", do_recv },
	{ "shutdown", do_shutdown },
	{ "give", do_give },
	{ "take", do_take },
	{ "big-buffer", do_big_buffer },
	{ NULL, NULL },
};
