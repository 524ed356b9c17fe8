/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Sockets: at creation, and again where an address or a role is known.
 *
 * Hooks:  socket_create, socket_post_create, socket_connect, socket_sendmsg (with an address), socket_bind,
 *         socket_listen, socket_accept. The kernel's own sockets are not judged.
 * Fails:  closed, as lib/check.h says.
 */

/* Which image judged a socket's creation: its Audit rules have spoken, later hooks of the same socket do not repeat them. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u32);
} sockets SEC(".maps");

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

/* Reads an address that the kernel has copied; 0 where it names no peer. An IPv4 address in an IPv6 socket is IPv4. */
static __always_inline int set_address(struct task *x, void *address, int length)
{
	u16 family = 0, port = 0;

	if (!address || length < 2)
		return 0;
	bpf_probe_read_kernel(&family, 2, address);
	if (family == AF_UNSPEC)
		return 0;
	x->addr_family = family;
	if (family == AF_INET && length >= 8) {
		bpf_probe_read_kernel(&port, 2, address + 2);
		bpf_probe_read_kernel(x->sock_addr, 4, address + 4);
		x->peer[0] = x->sock_addr[0];
	} else if (family == AF_INET6 && length >= 24) {
		bpf_probe_read_kernel(&port, 2, address + 2);
		bpf_probe_read_kernel(x->sock_addr, 16, address + 8);
		__builtin_memcpy(x->peer, x->sock_addr, 16);
		if (!x->peer[0] && !x->peer[1] && x->peer[2] == __builtin_bswap32(0xffff)) {
			x->addr_family = AF_INET;
			x->peer[0] = x->peer[3];
			x->peer[1] = x->peer[2] = x->peer[3] = 0;
		}
	}
	x->sock_port = __builtin_bswap16(port);
	return 1;
}

static __always_inline int conclude_socket(struct task *x)
{
	x->family = FAMILY_NETWORK;
	x->access = 1;
	return conclude(x, BY_CLASS(x->word, judge_net, x));
}

SEC("lsm/socket_create")
int BPF_PROG(ka_socket_create, int family, int type, int protocol, int kern, int ret)
{
	struct task *x;

	if (ret || kern)
		return ret;
	x = begin(WANTS_IMAGE(IMAGE_FLAG_NET));
	if (!x)
		return 0;
	set_socket(x, family, type, protocol);
	x->hook = HOOK_SOCKET_CREATE;
	x->net_op = NET_OP_CREATE;
	return conclude_socket(x);
}

SEC("lsm/socket_post_create")
int BPF_PROG(ka_socket_post_create, struct socket *sock, int family, int type, int protocol,
	     int kern, int ret)
{
	struct sock *sk = sock->sk;
	struct task *x;
	u32 *image;
	u64 word;

	if (ret || kern || !sk)
		return ret;
	x = wanting(WANTS_IMAGE(IMAGE_FLAG_NET), &word);
	if (!x)
		return 0;
	/* without memory an Audit rule may speak twice */
	image = bpf_sk_storage_get(&sockets, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (image)
		*image = SCOPE_IMAGE(word);
	return 0;
}

/* What the later hooks have in common. */
static __always_inline struct task *begin_socket(struct socket *sock, u32 hook, u32 op, u32 wanted)
{
	struct sock *sk = sock->sk;
	struct task *x;
	u32 *image;

	x = begin(wanted);
	if (!x || !sk)
		return 0;
	set_socket(x, sk->__sk_common.skc_family, sock->type, sk->sk_protocol);
	image = bpf_sk_storage_get(&sockets, sk, 0, 0);
	x->net_seen = image && *image == SCOPE_IMAGE(x->word);
	x->hook = hook;
	x->net_op = op;
	return x;
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
	return conclude_socket(x);
}

/* Listening and accepting have a local port and no peer yet. */
static __always_inline int check_local(struct socket *sock, u32 hook)
{
	struct task *x;

	x = begin_socket(sock, hook, NET_OP_INGRESS, WANTS_IMAGE(IMAGE_FLAG_NET));
	if (!x)
		return 0;
	x->sock_port = BPF_CORE_READ(sock, sk, __sk_common.skc_num);
	if (x->sock_domain == AF_INET)
		BPF_CORE_READ_INTO(&x->sock_addr[0], sock, sk, __sk_common.skc_rcv_saddr);
	else if (x->sock_domain == AF_INET6)
		BPF_CORE_READ_INTO((struct in6_addr *)x->sock_addr, sock, sk,
				   __sk_common.skc_v6_rcv_saddr);
	return conclude_socket(x);
}

SEC("lsm/socket_listen")
int BPF_PROG(ka_socket_listen, struct socket *sock, int backlog, int ret)
{
	return ret ? ret : check_local(sock, HOOK_SOCKET_LISTEN);
}

SEC("lsm/socket_accept")
int BPF_PROG(ka_socket_accept, struct socket *sock, struct socket *new_sock, int ret)
{
	return ret ? ret : check_local(sock, HOOK_SOCKET_ACCEPT);
}
