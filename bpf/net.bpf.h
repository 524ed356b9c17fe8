/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Sockets: at creation, and again where an address or a role is known.
 *
 * Hooks:  socket_create, socket_post_create, socket_connect, socket_sendmsg (with an address), socket_bind,
 *         socket_listen, socket_accept, inet_conn_request. The kernel's own sockets are not judged.
 * Fails:  closed, as lib/check.h says. Without memory for who listens, listen() and accept() fail (EAGAIN,
 *         COUNTER_SCOPE_FAILED); a request that cannot be judged is refused (COUNTER_REQUEST_FAILED).
 */

/* What was told when a socket was made (as task.net_told): later hooks of the same socket do not repeat it. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} sockets SEC(".maps");

/*
 * Who listens, by TCP socket: of every scoped task that does, as rules on peers may come later. A multipath socket (MPTCP, SMC)
 * has one of the kernel's own below it, of which its maker is kept.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct listener);
} listeners SEC(".maps");

/*
 * Working memory of a request: the current task's is not ours, it may be in the middle of a check. Requests come with
 * softirqs off, so a CPU has one at a time; where they can be preempted (PREEMPT_RT without a lock for softirqs, since 6.18)
 * a second one is refused.
 */
struct request {
	u32 busy;
	u32 pad;
	struct task x;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct request);
} requests SEC(".maps");

/* The protocol that rules speak of: MPTCP and SMC are tcp, UDP-Lite is udp, 0 is the type's own. */
static __always_inline u32 rule_protocol(u32 domain, u32 type, u32 protocol)
{
	if (protocol == IPPROTO_MPTCP || (protocol == IPPROTO_SMC && type == SOCK_STREAM))
		return IPPROTO_TCP;
	if (protocol == IPPROTO_UDPLITE)
		return IPPROTO_UDP;
	if (protocol || (domain != AF_INET && domain != AF_INET6))
		return protocol;
	return type == SOCK_STREAM ? IPPROTO_TCP : type == SOCK_DGRAM ? IPPROTO_UDP : 0;
}

static __always_inline void set_socket(struct task *x, u32 domain, u32 type, u32 protocol)
{
	x->other = 1;
	x->sock_domain = domain;
	x->sock_type = type;
	x->sock_protocol = protocol || (domain != AF_INET && domain != AF_INET6)
				   ? protocol
				   : rule_protocol(domain, type, 0);
	x->rule_protocol = rule_protocol(domain, type, protocol);
	if (domain == AF_SMC) {
		x->sock_domain = protocol ? AF_INET6 : AF_INET;
		x->rule_protocol = IPPROTO_TCP;
	}
}

/* Makes the socket's address what rules compare. An IPv4 address in an IPv6 socket is IPv4. */
static __always_inline void set_peer(struct task *x, u32 family)
{
	x->addr_family = family;
	__builtin_memcpy(x->peer, x->sock_addr, 16);
	if (family == AF_INET6 && !x->peer[0] && !x->peer[1] &&
	    x->peer[2] == __builtin_bswap32(0xffff)) {
		x->addr_family = AF_INET;
		x->peer[0] = x->peer[3];
		x->peer[1] = x->peer[2] = x->peer[3] = 0;
	}
}

/*
 * Reads an address that the kernel has copied; 0 where it names no peer. Without a family it disconnects in connect();
 * elsewhere UDP, raw sockets and bind take it for one of the socket's own.
 */
static __always_inline int set_address(struct task *x, void *address, int length)
{
	u16 family = 0, port = 0;

	if (!address || length < 2)
		return 0;
	bpf_probe_read_kernel(&family, 2, address);
	if (family == AF_UNSPEC && x->hook == HOOK_SOCKET_CONNECT)
		return 0;
	family = family == AF_UNSPEC ? x->sock_domain : family;
	if (family == AF_INET && length >= 8) {
		bpf_probe_read_kernel(&port, 2, address + 2);
		bpf_probe_read_kernel(x->sock_addr, 4, address + 4);
	} else if (family == AF_INET6 && length >= 24) {
		bpf_probe_read_kernel(&port, 2, address + 2);
		bpf_probe_read_kernel(x->sock_addr, 16, address + 8);
	}
	set_peer(x, family);
	x->sock_port = __builtin_bswap16(port);
	return 1;
}

static __always_inline int conclude_socket(struct task *x)
{
	x->family = FAMILY_NETWORK;
	x->access = 1;
	return conclude(x, BY_CLASS(x->word, judge_net, x));
}

/*
 * Keeps who listens on a TCP socket, for the requests to come; the first who does is the one that acts. Not 0: refused.
 */
static __always_inline int know_listener(struct socket *sock, struct task *x)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sock *sk = sock->sk;
	struct listener *l;

	if (!sk || sock->type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	l = bpf_sk_storage_get(&listeners, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!l) {
		count(COUNTER_SCOPE_FAILED);
		return -EAGAIN;
	}
	if (__sync_val_compare_and_swap(&l->state, LISTENER_NEW, LISTENER_WRITTEN))
		return 0;
	l->classed = x->classed;
	l->subject_class = x->subject_class;
	l->task_flags = x->task_flags;
	l->program = (u64)BPF_CORE_READ(task, mm, exe_file, f_inode);
	fill_task(&l->head);
	fill_subjects(&l->head, l->strings, x);
	__sync_lock_test_and_set(&l->state, LISTENER_KNOWN);
	return 0;
}

SEC("lsm/socket_create")
int BPF_PROG(ka_socket_create, int family, int type, int protocol, int kern, int ret)
{
	struct task *x;
	int result;

	if (ret || kern)
		return ret;
	x = begin(WANTS_IMAGE(IMAGE_FLAG_NET));
	if (!x)
		return 0;
	set_socket(x, family, type, protocol);
	x->hook = HOOK_SOCKET_CREATE;
	x->net_op = NET_OP_CREATE;
	x->told = 0;
	result = conclude_socket(x);
	x->net_told = x->told ? SCOPE_IMAGE(x->word) : 0;
	if (x->told && x->rule == EVENT_NO_RULE)
		x->net_told |= NET_TOLD_POSTURE;
	return result;
}

SEC("lsm/socket_post_create")
int BPF_PROG(ka_socket_post_create, struct socket *sock, int family, int type, int protocol,
	     int kern, int ret)
{
	struct sock *sk = sock->sk;
	struct task *x;
	u64 *told;
	u64 word;

	if (ret || !sk)
		return ret;
	if (kern) {
		/* what peers will ask where the task's own socket is a multipath one: nothing leads from there to here later */
		x = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);
		return x ? know_listener(sock, x) : 0;
	}
	x = wanting(WANTS_IMAGE(IMAGE_FLAG_NET), &word);
	if (!x || (u32)x->net_told != SCOPE_IMAGE(word))
		return 0;
	/* without memory it may be told twice */
	told = bpf_sk_storage_get(&sockets, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (told)
		*told = x->net_told;
	return 0;
}

/* What the later hooks have in common. */
static __always_inline struct task *begin_socket(struct socket *sock, u32 hook, u32 op, u32 wanted)
{
	struct sock *sk = sock->sk;
	struct task *x;
	u64 *told;

	x = begin(wanted);
	if (!x || !sk)
		return 0;
	set_socket(x, sk->__sk_common.skc_family, sock->type, sk->sk_protocol);
	told = bpf_sk_storage_get(&sockets, sk, 0, 0);
	x->net_seen = told && (u32)*told == SCOPE_IMAGE(x->word) ? *told : 0;
	x->hook = hook;
	x->net_op = op;
	return x;
}

/*
 * What a local role asks for. A peer is seen where TCP asks the listening socket itself; of any other that rules call tcp
 * (SMC, raw) it never is, and the strictest that it might be counts now.
 */
static __always_inline u32 local_role(struct task *x)
{
	u32 tcp = x->sock_type == SOCK_STREAM &&
		  (x->sock_protocol == IPPROTO_TCP || x->sock_protocol == IPPROTO_MPTCP);

	return tcp ? NET_OP_INGRESS : NET_OP_INGRESS | NET_OP_REQUEST;
}

SEC("lsm/socket_connect")
int BPF_PROG(ka_socket_connect, struct socket *sock, struct sockaddr *address, int length, int ret)
{
	struct task *x;
	int result = 0;

	if (ret)
		return ret;
	x = begin_socket(sock, HOOK_SOCKET_CONNECT, NET_OP_EGRESS,
			 WANTS_IMAGE(IMAGE_FLAG_NET) | SCOPE_MODE_SEE_NETWORK);
	if (!x || !set_address(x, address, length))
		return 0;
	if (SCOPE_FLAGS(x->word) & IMAGE_FLAG_NET)
		result = conclude_socket(x);
	if (!result)
		observe(x, SCOPE_MODE_SEE_NETWORK);
	return result;
}

SEC("lsm/socket_sendmsg")
int BPF_PROG(ka_socket_sendmsg, struct socket *sock, struct msghdr *msg, int size, int ret)
{
	struct task *x;

	if (ret || !msg->msg_name)
		return ret;
	x = begin_socket(sock, HOOK_SOCKET_SENDMSG, NET_OP_EGRESS, WANTS_IMAGE(IMAGE_FLAG_NET));
	if (!x || !set_address(x, msg->msg_name, msg->msg_namelen))
		return 0;
	return conclude_socket(x);
}

SEC("lsm/socket_bind")
int BPF_PROG(ka_socket_bind, struct socket *sock, struct sockaddr *address, int length, int ret)
{
	struct task *x;

	if (ret)
		return ret;
	x = begin_socket(sock, HOOK_SOCKET_BIND, NET_OP_INGRESS, WANTS_IMAGE(IMAGE_FLAG_NET));
	if (!x)
		return 0;
	set_address(x, address, length);
	x->net_op = local_role(x);
	return conclude_socket(x);
}

/* Listening and accepting have a local port and no peer yet. */
static __always_inline int check_local(struct socket *sock, u32 hook)
{
	struct task *x;
	int result;

	x = begin_socket(sock, hook, NET_OP_INGRESS, WANTS_IMAGE(IMAGE_FLAG_NET));
	if (!x)
		return 0;
	x->net_op = local_role(x);
	x->sock_port = BPF_CORE_READ(sock, sk, __sk_common.skc_num);
	if (x->sock_domain == AF_INET)
		BPF_CORE_READ_INTO(&x->sock_addr[0], sock, sk, __sk_common.skc_rcv_saddr);
	else if (x->sock_domain == AF_INET6)
		BPF_CORE_READ_INTO((struct in6_addr *)x->sock_addr, sock, sk,
				   __sk_common.skc_v6_rcv_saddr);
	result = conclude_socket(x);
	/* one that listened before we knew the task */
	if (!result && hook == HOOK_SOCKET_ACCEPT && SCOPE_FLAGS(x->word) & IMAGE_FLAG_PEER)
		result = know_listener(sock, x);
	return result;
}

SEC("lsm/socket_listen")
int BPF_PROG(ka_socket_listen, struct socket *sock, int backlog, int ret)
{
	struct task *x;
	int result;

	if (ret)
		return ret;
	x = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);
	if (!x)
		return 0;
	result = check_local(sock, HOOK_SOCKET_LISTEN);
	return result ? result : know_listener(sock, x);
}

SEC("lsm/socket_accept")
int BPF_PROG(ka_socket_accept, struct socket *sock, struct socket *new_sock, int ret)
{
	return ret ? ret : check_local(sock, HOOK_SOCKET_ACCEPT);
}

/* Makes the listener the one that acts in `x`. */
static __always_inline void act_as(struct task *x, struct listener *l)
{
	x->listener = (u64)l;
	x->classed = l->classed;
	x->scope = l->head.scope;
	x->subject_class = l->subject_class;
	x->task_flags = l->task_flags;
	x->subject_len = l->head.subject_len & (SUBJECT_MAX - 1);
	bpf_probe_read_kernel(x->subject, x->subject_len & (SUBJECT_MAX - 1), l->strings);
}

/* The peer and the port that it asks for; the kernel has both by now. DCCP, which has not, has no listeners here. */
static __always_inline void set_request(struct task *x, struct request_sock *req)
{
	u32 family = req->__req_common.skc_family;

	if (family == AF_INET6)
		BPF_CORE_READ_INTO((struct in6_addr *)x->sock_addr, req, __req_common.skc_v6_daddr);
	else
		x->sock_addr[0] = req->__req_common.skc_daddr;
	set_peer(x, family);
	x->sock_port = req->__req_common.skc_num;
}

/*
 * A peer asks for a connection: with its first packet, and again with its answer to a SYN cookie. Refused is not answered:
 * the kernel drops the packet. Told as an accept of the listener, with the peer's address and the port that it asked for.
 */
SEC("lsm/inet_conn_request")
int BPF_PROG(ka_inet_conn_request, const struct sock *sk, struct sk_buff *skb,
	     struct request_sock *req, int ret)
{
	struct listener *l;
	struct request *r;
	u32 zero = 0;
	int result;
	u64 word;

	if (ret)
		return ret;
	l = bpf_sk_storage_get(&listeners, (void *)sk, 0, 0);
	if (!l)
		return 0;
	if (l->state != LISTENER_KNOWN) {
		count(COUNTER_REQUEST_FAILED);
		return -EACCES;
	}
	word = scope_word(l->head.scope);
	if (!(SCOPE_FLAGS(word) & IMAGE_FLAG_PEER))
		return 0;
	r = bpf_map_lookup_elem(&requests, &zero);
	if (!r || __sync_val_compare_and_swap(&r->busy, 0, 1)) {
		count(COUNTER_REQUEST_FAILED);
		return -EACCES;
	}
	act_as(&r->x, l);
	prepare(&r->x, word);
	set_socket(&r->x, sk->__sk_common.skc_family, SOCK_STREAM, IPPROTO_TCP);
	set_request(&r->x, req);
	r->x.hook = HOOK_SOCKET_ACCEPT;
	r->x.net_op = NET_OP_REQUEST;
	result = conclude_socket(&r->x);
	__sync_lock_test_and_set(&r->busy, 0);
	return result;
}
