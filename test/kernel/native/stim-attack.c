// SPDX-License-Identifier: Apache-2.0
/* Operations of somebody who would end or change what restricts him: bpf(2), signals, other tasks' memory and descriptors. */
#include "stim.h"
#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <linux/bpf.h>

#ifdef __aarch64__
#define ELF_MACHINE EM_AARCH64
#else
#define ELF_MACHINE EM_X86_64
#endif

static long bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* bpf-ids map|prog|link: takes a descriptor of each that the kernel has, by its id; ends with the first that is refused */
static long do_bpf_ids(char **w)
{
	int map = !strcmp(w[0], "map"), prog = !strcmp(w[0], "prog");
	int next = map ? BPF_MAP_GET_NEXT_ID : prog ? BPF_PROG_GET_NEXT_ID : BPF_LINK_GET_NEXT_ID;
	int get = map ? BPF_MAP_GET_FD_BY_ID : prog ? BPF_PROG_GET_FD_BY_ID : BPF_LINK_GET_FD_BY_ID;
	union bpf_attr attr = { 0 };
	unsigned int id = 0;
	long fd;

	for (;;) {
		memset(&attr, 0, sizeof(attr));
		attr.start_id = id;
		if (bpf(next, &attr))
			return errno == ENOENT ? 0 : -1;
		id = attr.next_id;
		memset(&attr, 0, sizeof(attr));
		attr.map_id = id;
		fd = bpf(get, &attr);
		if (fd < 0 && errno != ENOENT)
			return -1;
		close(fd);
	}
}

/* bpf-map S: makes a map of its own, and takes a descriptor of it by its id */
static long do_bpf_map(char **w)
{
	struct bpf_map_info info = { 0 };
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1
	};
	long fd = bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (unsigned long)&info;
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr))
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.map_id = info.id;
	return slot_put(w[0], bpf(BPF_MAP_GET_FD_BY_ID, &attr));
}

/* bpf-get S PATH: what is pinned there */
static long do_bpf_get(char **w)
{
	union bpf_attr attr = { .pathname = (unsigned long)w[1] };

	return slot_put(w[0], bpf(BPF_OBJ_GET, &attr));
}

/* bpf-detach S, bpf-replace S: the link in slot S */
static long do_bpf_detach(char **w)
{
	union bpf_attr attr = { .link_detach.link_fd = slot_get(w[0]) };

	return bpf(BPF_LINK_DETACH, &attr);
}

static long do_bpf_replace(char **w)
{
	union bpf_attr attr = { .link_update.link_fd = slot_get(w[0]),
				.link_update.new_prog_fd = 0 };

	return bpf(BPF_LINK_UPDATE, &attr);
}

/* kill PID SIGNAL */
static long do_kill(char **w)
{
	return kill(number(w[0]), number(w[1]));
}

/* ptrace PID: seizes it and lets it go */
static long do_ptrace(char **w)
{
	pid_t pid = number(w[0]);

	if (ptrace(PTRACE_SEIZE, pid, 0, 0))
		return -1;
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	waitpid(pid, NULL, __WALL);
	return ptrace(PTRACE_DETACH, pid, 0, 0);
}

/* vmread PID: a byte of its memory at an address that nobody has; EFAULT where that is all that is wrong */
static long do_vmread(char **w)
{
	char byte;
	struct iovec to = { &byte, 1 }, from = { (void *)8, 1 };

	return process_vm_readv(number(w[0]), &to, 1, &from, 1, 0);
}

/* steal S PID FD: a descriptor of another process */
static long do_steal(char **w)
{
	int pid = syscall(SYS_pidfd_open, number(w[1]), 0);

	return pid < 0 ? -1 : slot_put(w[0], syscall(SYS_pidfd_getfd, pid, number(w[2]), 0));
}

/* child: one that waits for its end; the following operations know it as %c */
static long do_child(char **w)
{
	int end[2];
	char byte;

	(void)w;
	if (pipe(end))
		return -1;
	child_pid = fork();
	if (child_pid)
		return child_pid < 0 ? -1 : close(end[0]);
	close(end[1]);
	_exit(read(end[0], &byte, 1) == 0 ? 0 : 3);
}

/* elf PATH INTERPRETER: a program that asks the kernel to run INTERPRETER for it */
static long do_elf(char **w)
{
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr part[2];
		char interpreter[256];
	} file = {
		.head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			  .e_type = ET_EXEC,
			  .e_machine = ELF_MACHINE,
			  .e_version = EV_CURRENT,
			  .e_entry = 0x400000,
			  .e_phoff = sizeof(Elf64_Ehdr),
			  .e_ehsize = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 2 },
	};
	int fd = open(w[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	if (fd < 0)
		return -1;
	file.part[0] = (Elf64_Phdr){ .p_type = PT_INTERP,
				     .p_offset = offsetof(typeof(file), interpreter),
				     .p_filesz = strlen(w[1]) + 1 };
	file.part[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
				     .p_flags = PF_R | PF_X,
				     .p_vaddr = 0x400000,
				     .p_filesz = sizeof(file),
				     .p_memsz = sizeof(file),
				     .p_align = 0x1000 };
	strncpy(file.interpreter, w[1], sizeof(file.interpreter) - 1);
	if (write(fd, &file, sizeof(file)) != sizeof(file))
		return -1;
	return close(fd);
}

#define HAMMERS 4
#define BLOWS 200

/* hammer FORBIDDEN ALLOWED: some children on one CPU, each with children of its own, open both again and again. EIO where one answer is wrong */
static long do_hammer(char **w)
{
	cpu_set_t one;
	int status, wrong = 0;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	for (int i = 0; i < HAMMERS; i++) {
		if (fork())
			continue;
		for (int k = 0; k < BLOWS; k++) {
			pid_t child = k % 20 ? 0 : fork(); /* now and then a child strikes */
			int bad = open(w[0], O_RDONLY | O_CLOEXEC), errno_bad = errno;
			int good = open(w[1], O_RDONLY | O_CLOEXEC);

			if (bad >= 0 || errno_bad != EACCES || good < 0)
				_exit(1);
			close(good);
			if (k % 20 == 0 && !child)
				_exit(0);
			if (child && (waitpid(child, &status, 0) < 0 || status))
				_exit(1);
		}
		_exit(0);
	}
	while (wait(&status) > 0)
		wrong |= status;
	return wrong ? fail(EIO) : 0;
}

const struct op attack_ops[] = {
	{ "elf", do_elf },
	{ "hammer", do_hammer },
	{ "bpf-ids", do_bpf_ids },
	{ "bpf-map", do_bpf_map },
	{ "bpf-get", do_bpf_get },
	{ "bpf-detach", do_bpf_detach },
	{ "bpf-replace", do_bpf_replace },
	{ "kill", do_kill },
	{ "ptrace", do_ptrace },
	{ "vmread", do_vmread },
	{ "steal", do_steal },
	{ "child", do_child },
	{ NULL, NULL },
};
