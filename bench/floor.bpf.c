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
enum bpf_map_type { BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_RINGBUF = 27, BPF_MAP_TYPE_TASK_STORAGE = 29 };
enum { BPF_F_NO_PREALLOC = 1 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };
enum { BPF_RB_NO_WAKEUP = 1 };
/* clang-format on */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs {
#if defined(__TARGET_ARCH_x86)
	unsigned long di, si, dx, r10, orig_ax;
#elif defined(__TARGET_ARCH_arm64)
	u64 regs[31];
	u64 orig_x0;
	s32 syscallno;
#endif
};
struct qstr {
	u32 len;
	const unsigned char *name;
};
struct inode {
	unsigned long i_ino;
	u32 i_generation;
};
struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};
struct path {
	struct dentry *dentry;
};
struct file {
	struct path f_path;
	struct inode *f_inode;
};
struct fdtable {
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};
struct task_struct {
	struct files_struct *files;
};
#pragma clang attribute pop

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_NR(regs) ((regs)->orig_ax)
#define SYSCALL_ARG0(regs) ((regs)->di)
#define SYSCALL_ARG1(regs) ((regs)->si)
#define SYSCALL_ARG2(regs) ((regs)->dx)
#define SYSCALL_ARG3(regs) ((regs)->r10)
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_NR(regs) ((regs)->syscallno)
#define SYSCALL_ARG0(regs) ((regs)->orig_x0)
#define SYSCALL_ARG1(regs) ((regs)->regs[1])
#define SYSCALL_ARG2(regs) ((regs)->regs[2])
#define SYSCALL_ARG3(regs) ((regs)->regs[3])
#endif

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "floor.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile u32 wanted_tgid;
const volatile struct floor_names names_of[FLOOR_MAX_SYSCALLS] = {};

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

/* Inodes whose names were told, by their numbers. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << 16);
	__type(key, u32);
	__type(value, u64);
} told SEC(".maps");

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

static __always_inline void fill(struct floor_record *r, u64 start, u64 now, u64 pid_tgid,
				 struct pt_regs *regs, s64 ret)
{
	r->start_ns = start;
	r->dur_ns = now - start;
	r->tgid = pid_tgid >> 32;
	r->tid = pid_tgid;
	r->nr = SYSCALL_NR(regs);
	r->cpu = bpf_get_smp_processor_id();
	r->ret = ret;
	r->args[0] = SYSCALL_ARG0(regs);
	r->args[1] = SYSCALL_ARG1(regs);
	r->args[2] = SYSCALL_ARG2(regs);
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
	if (r) {
		fill(r, *start, now, pid_tgid, regs, ret);
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	} else {
		__sync_fetch_and_add(&nr_lost, 1);
	}
	*start = 0;
	return 0;
}

/* ---- the same with names ---- */

static __always_inline void *argument(struct pt_regs *regs, u8 nr)
{
	switch (nr) {
	case 1:
		return (void *)SYSCALL_ARG0(regs);
	case 2:
		return (void *)SYSCALL_ARG1(regs);
	default:
		return (void *)SYSCALL_ARG3(regs);
	}
}

/* A call's record with as many of the caller's names behind it; the 56 bytes are written last. */
#define RECORD(nr_names, start, now, pid_tgid, regs, ret, first, second)                           \
	do {                                                                                       \
		struct floor_record *r =                                                           \
			bpf_ringbuf_reserve(&records, sizeof(*r) + (nr_names)*FLOOR_NAME_ROOM, 0); \
                                                                                                   \
		if (!r) {                                                                          \
			__sync_fetch_and_add(&nr_lost, 1);                                         \
			break;                                                                     \
		}                                                                                  \
		if (nr_names)                                                                      \
			bpf_probe_read_user_str(r + 1, FLOOR_NAME_ROOM, argument(regs, first));    \
		if ((nr_names) > 1)                                                                \
			bpf_probe_read_user_str((char *)(r + 1) + FLOOR_NAME_ROOM,                 \
						FLOOR_NAME_ROOM, argument(regs, second));          \
		fill(r, start, now, pid_tgid, regs, ret);                                          \
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);                                           \
	} while (0)

/* What an inode is called, in a record of its own, when it is opened first. */
static __always_inline void tell_name(s64 fd, u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct floor_record *r;
	struct dentry *dentry;
	struct inode *inode;
	struct file *file;
	u64 *last, ino;
	u32 place, len;

	if (bpf_probe_read_kernel(&file, sizeof(file), task->files->fdt->fd + fd) || !file)
		return;
	inode = BPF_CORE_READ(file, f_inode);
	ino = BPF_CORE_READ(inode, i_ino);
	place = (u32)ino & 0xffff;
	last = bpf_map_lookup_elem(&told, &place);
	if (!last || *last == ino)
		return;
	*last = ino;
	r = bpf_ringbuf_reserve(&records, sizeof(*r) + FLOOR_NAME_ROOM, 0);
	if (!r) {
		__sync_fetch_and_add(&nr_lost, 1);
		return;
	}
	dentry = BPF_CORE_READ(file, f_path.dentry);
	len = BPF_CORE_READ(dentry, d_name.len) & (FLOOR_NAME_ROOM - 1);
	bpf_probe_read_kernel(r + 1, len, BPF_CORE_READ(dentry, d_name.name));
	r->start_ns = now;
	r->dur_ns = len;
	r->tgid = r->tid = 0;
	r->nr = FLOOR_MAX_SYSCALLS; /* no call's */
	r->cpu = bpf_get_smp_processor_id();
	r->ret = 0;
	r->args[0] = ino;
	r->args[1] = BPF_CORE_READ(inode, i_generation);
	r->args[2] = BPF_CORE_READ(dentry, d_parent, d_inode, i_ino);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(names_exit, struct pt_regs *regs, long ret)
{
	u64 pid_tgid = bpf_get_current_pid_tgid(), now, *start;
	unsigned long nr = SYSCALL_NR(regs);
	u8 first, second;

	if (pid_tgid >> 32 != wanted_tgid || nr >= FLOOR_MAX_SYSCALLS)
		return 0;
	start = bpf_task_storage_get(&starts, bpf_get_current_task_btf(), NULL, 0);
	if (!start || !*start)
		return 0;
	now = bpf_ktime_get_ns();
	first = names_of[nr].first;
	second = names_of[nr].second;
	if (names_of[nr].opens && ret >= 0)
		tell_name(ret, now);
	if (second)
		RECORD(2, *start, now, pid_tgid, regs, ret, first, second);
	else if (first)
		RECORD(1, *start, now, pid_tgid, regs, ret, first, second);
	else
		RECORD(0, *start, now, pid_tgid, regs, ret, first, second);
	*start = 0;
	return 0;
}
