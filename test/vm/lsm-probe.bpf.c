// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Loads and attaches where a kernel takes LSM programs, and decides nothing. For tools/lsm-probe. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("lsm/file_open")
int probe(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
