// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* One object of all programs: they share the maps. */
#include "lib/kernel.h"

char LICENSE[] SEC("license") = "GPL";

/* Inode number of the host's mount name space: a task in it is not inside a container yet. */
const volatile __u32 host_mnt_ns = 0;

#include "lib/check.h"
#include "self.bpf.h"
#include "self-tasks.bpf.h"
#include "exec.bpf.h"
#include "lifecycle.bpf.h"
#include "file.bpf.h"
#include "mount.bpf.h"
#include "self-places.bpf.h"
#include "net.bpf.h"
#include "cap.bpf.h"
