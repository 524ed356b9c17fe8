// SPDX-License-Identifier: Apache-2.0
/* Operations through io_uring: one ring a process, one request at a time. */
#include "stim.h"
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

static struct {
	int fd;
	struct io_uring_sqe *sqes;
	char *rings; /* both: IORING_FEAT_SINGLE_MMAP */
	struct io_sqring_offsets sq;
	struct io_cqring_offsets cq;
	int personality;
	int gate[2]; /* a pipe: holds back what is to be done later */
} ring = { .fd = -1 };

static unsigned *at(unsigned offset)
{
	return (unsigned *)(ring.rings + offset);
}

/* uring */
static long do_uring(char **w)
{
	struct io_uring_params p = { 0 };
	size_t bytes;

	(void)w;
	ring.fd = syscall(SYS_io_uring_setup, 4, &p);
	if (ring.fd < 0)
		return -1;
	ring.sq = p.sq_off;
	ring.cq = p.cq_off;
	bytes = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	if (bytes < p.sq_off.array + p.sq_entries * sizeof(unsigned))
		bytes = p.sq_off.array + p.sq_entries * sizeof(unsigned);
	ring.rings = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd,
			  IORING_OFF_SQ_RING);
	ring.sqes = mmap(NULL, p.sq_entries * sizeof(*ring.sqes), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQES);
	return ring.rings == MAP_FAILED || ring.sqes == MAP_FAILED ? -1 : 0;
}

/* uring-lend: registers the credentials of now */
static long do_uring_lend(char **w)
{
	(void)w;
	ring.personality =
		syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_PERSONALITY, NULL, 0);
	return ring.personality;
}

static void queue(const struct io_uring_sqe *request)
{
	unsigned tail = *at(ring.sq.tail), index = tail & *at(ring.sq.ring_mask);

	ring.sqes[index] = *request;
	at(ring.sq.array)[index] = index;
	__atomic_store_n(at(ring.sq.tail), tail + 1, __ATOMIC_RELEASE);
}

/* Submits what is queued, and gives the result of the last of `wanted` requests that are done. */
static long finish(unsigned queued, unsigned wanted)
{
	struct io_uring_cqe *done = NULL;
	unsigned head;

	if (syscall(SYS_io_uring_enter, ring.fd, queued, wanted, IORING_ENTER_GETEVENTS, NULL, 0) <
	    0)
		return -1;
	for (; wanted; wanted--) {
		head = *at(ring.cq.head);
		if (head == __atomic_load_n(at(ring.cq.tail), __ATOMIC_ACQUIRE))
			return fail(ENODATA);
		done = (struct io_uring_cqe *)(ring.rings + ring.cq.cqes) +
		       (head & *at(ring.cq.ring_mask));
		__atomic_store_n(at(ring.cq.head), head + 1, __ATOMIC_RELEASE);
	}
	return !done ? 0 : done->res < 0 ? fail(-done->res) : done->res;
}

/*
 * Performs one request. HOW, joined by +: `async`, by a worker; `lent`, with the registered credentials; `later`, not before
 * uring-wait, and by the task itself.
 */
static long perform(struct io_uring_sqe *request, const char *how)
{
	struct io_uring_sqe first = { .opcode = IORING_OP_POLL_ADD, .poll_events = POLLIN };

	if (ring.fd < 0)
		return fail(EBADF);
	if (strstr(how, "async"))
		request->flags |= IOSQE_ASYNC;
	if (strstr(how, "lent"))
		request->personality = ring.personality;
	if (!strstr(how, "later")) {
		queue(request);
		return finish(1, 1);
	}
	if (pipe2(ring.gate, O_CLOEXEC))
		return -1;
	first.fd = ring.gate[0];
	queue(&first);
	request->flags |= IOSQE_IO_DRAIN;
	queue(request);
	return finish(2, 0);
}

/* uring-wait: performs what was put off, and gives its result */
static long do_uring_wait(char **w)
{
	(void)w;
	return write(ring.gate[1], "x", 1) != 1 ? -1 : finish(0, 2);
}

/* uring-nop HOW */
static long do_uring_nop(char **w)
{
	struct io_uring_sqe request = { .opcode = IORING_OP_NOP };

	return perform(&request, w[0]);
}

/* uring-open FLAGS PATH [HOW] */
static long do_uring_open(char **w)
{
	struct io_uring_sqe request = { .opcode = IORING_OP_OPENAT,
					.fd = AT_FDCWD,
					.addr = (unsigned long)w[1],
					.len = 0644,
					.open_flags = open_flags_of(w[0]) | O_CLOEXEC };
	long fd = perform(&request, w[2]);

	return fd <= 0 ? fd : close(fd);
}

/* uring-unlink PATH [HOW] */
static long do_uring_unlink(char **w)
{
	struct io_uring_sqe request = { .opcode = IORING_OP_UNLINKAT,
					.fd = AT_FDCWD,
					.addr = (unsigned long)w[0] };

	return perform(&request, w[1]);
}

/* uring-tcp [HOW]: an IPv4 socket */
static long do_uring_tcp(char **w)
{
	struct io_uring_sqe request = { .opcode = IORING_OP_SOCKET,
					.fd = AF_INET,
					.off = SOCK_STREAM | SOCK_CLOEXEC };
	long fd = perform(&request, w[0]);

	return fd <= 0 ? fd : close(fd);
}

const struct op uring_ops[] = {
	{ "uring", do_uring },           { "uring-lend", do_uring_lend },
	{ "uring-wait", do_uring_wait }, { "uring-nop", do_uring_nop },
	{ "uring-open", do_uring_open }, { "uring-unlink", do_uring_unlink },
	{ "uring-tcp", do_uring_tcp },   { NULL, NULL },
};
