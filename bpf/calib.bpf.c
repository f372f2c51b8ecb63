// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Loaded before everything else, one program at a time: what loads here, this
 * kernel can do.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} calib_tasks SEC(".maps");

/* Without this nothing works. */
SEC("?tp_btf/sys_enter")
int BPF_PROG(calib_tp_btf, struct pt_regs *regs, long nr)
{
	return 0;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(calib_task_storage, struct pt_regs *regs, long nr)
{
	u64 *v = bpf_task_storage_get(&calib_tasks, bpf_get_current_task_btf(), 0,
				      BPF_LOCAL_STORAGE_GET_F_CREATE);

	return v && *v;
}

/* Function hooks: the kernel may have them and still refuse. */
SEC("?fentry/vfs_read")
int BPF_PROG(calib_fentry, struct file *file)
{
	return 0;
}

/* Arguments that point at something else than a struct: not before 5.15. */
SEC("?fentry/vfs_iter_read")
int BPF_PROG(calib_fentry_args, struct file *file, void *iter, u64 pos)
{
	asm volatile("" ::"r"(pos));
	return 0;
}

/* One probe at many functions. */
SEC("?kprobe.multi/vfs_read")
int calib_kprobe_multi(void *ctx)
{
	return 0;
}
