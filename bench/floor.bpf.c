// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The least that a tracer of whole syscalls can do, and the empty programs
 * below it. Kept apart from bpf/: what sonde is measured against must not
 * change when sonde does, so the few types it needs are its own.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef short __s16;
typedef s32 __s32;
typedef s64 __s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u32 __wsum;

/* clang-format off */
enum bpf_map_type { BPF_MAP_TYPE_RINGBUF = 27, BPF_MAP_TYPE_TASK_STORAGE = 29 };
enum { BPF_F_NO_PREALLOC = 1 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };
enum { BPF_RB_NO_WAKEUP = 1 };
/* clang-format on */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs {
#if defined(__TARGET_ARCH_x86)
	unsigned long di, si, dx, orig_ax;
#elif defined(__TARGET_ARCH_arm64)
	u64 regs[31];
	u64 orig_x0;
	s32 syscallno;
#endif
};
#pragma clang attribute pop

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_NR(regs) ((regs)->orig_ax)
#define SYSCALL_ARG0(regs) ((regs)->di)
#define SYSCALL_ARG1(regs) ((regs)->si)
#define SYSCALL_ARG2(regs) ((regs)->dx)
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_NR(regs) ((regs)->syscallno)
#define SYSCALL_ARG0(regs) ((regs)->orig_x0)
#define SYSCALL_ARG1(regs) ((regs)->regs[1])
#define SYSCALL_ARG2(regs) ((regs)->regs[2])
#endif

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "floor.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile u32 wanted_tgid;

u64 nr_lost;

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} records SEC(".maps");

SEC("?tp_btf/sys_enter")
int empty_enter(void *ctx)
{
	return 0;
}

SEC("?tp_btf/sys_exit")
int empty_exit(void *ctx)
{
	return 0;
}

SEC("?tp_btf/mm_filemap_add_to_page_cache")
int empty_page_added(void *ctx)
{
	return 0;
}

SEC("?tp_btf/mm_filemap_delete_from_page_cache")
int empty_page_removed(void *ctx)
{
	return 0;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(floor_enter, struct pt_regs *regs, long nr)
{
	u64 *start;

	if (bpf_get_current_pid_tgid() >> 32 != wanted_tgid)
		return 0;
	start = bpf_task_storage_get(&starts, bpf_get_current_task_btf(), NULL,
				     BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (start)
		*start = bpf_ktime_get_ns();
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(floor_exit, struct pt_regs *regs, long ret)
{
	u64 pid_tgid = bpf_get_current_pid_tgid();
	struct floor_record *r;
	u64 now, *start;

	if (pid_tgid >> 32 != wanted_tgid)
		return 0;
	start = bpf_task_storage_get(&starts, bpf_get_current_task_btf(), NULL, 0);
	if (!start || !*start)
		return 0;
	now = bpf_ktime_get_ns();

	r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
	if (!r) {
		__sync_fetch_and_add(&nr_lost, 1);
		goto done;
	}
	r->start_ns = *start;
	r->dur_ns = now - *start;
	r->tgid = pid_tgid >> 32;
	r->tid = pid_tgid;
	r->nr = SYSCALL_NR(regs);
	r->cpu = bpf_get_smp_processor_id();
	r->ret = ret;
	r->args[0] = SYSCALL_ARG0(regs);
	r->args[1] = SYSCALL_ARG1(regs);
	r->args[2] = SYSCALL_ARG2(regs);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
done:
	*start = 0;
	return 0;
}
