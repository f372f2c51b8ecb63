// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * File operations. Those of user threads are seen where their system call begins
 * and ends: at the functions that carry it out, where functions can be hooked, so
 * that no other call pays for it; else at the entry and exit of every call. The file
 * is found through the thread's descriptor table at entry; if another thread has put
 * one in its place by the exit, it is not known which the call used. Operations of the kernel's own threads are seen at the
 * functions that they call. Requests, which
 * outlast their calls, are in files of their own.
 */
#include "aio.bpf.h"
#include "cache.bpf.h"
#include "copy.bpf.h"
#include "map.bpf.h"
#include "uring.bpf.h"

#include "vfs.h"

/* System call number -> enum sn_call, or VFS_OTHERS...; 0 for those that no row is wanted of. */
const volatile u8 sn_calls_of[SN_MAX_SYSCALLS] SEC(".rodata.sn_calls") = {};

/* Is it about one file, whose descriptor is the first argument? The last calls have ways of their own. */
static __always_inline bool takes_fd(u32 call)
{
	return !(call >= SN_CALL_open && call <= SN_CALL_open_by_handle_at) && call < SN_CALL_sync;
}

/* ---- operations of user threads ---- */

/* Where a program stands that sees system calls. */
enum call_hook {
	AT_TRACEPOINT, /* of all system calls, those of 32-bit programs too */
	AT_FUNCTION,   /* that carries one out */
	AT_KPROBE,     /* the same; preemption is off */
};

/* Nothing that counts what this program counts runs before it ends: see sn_add(). */
static __always_inline bool is_alone(enum call_hook at)
{
	return at == AT_KPROBE || (at == AT_FUNCTION && !sn_cfg.preempts_functions) ||
	       (at == AT_TRACEPOINT && !sn_cfg.preempts_tracepoints);
}

/* ctx: of a tracepoint. */
static __always_inline int call_begins(enum sn_prog prog, void *ctx, struct pt_regs *regs,
				       enum call_hook at)
{
	bool alone = is_alone(at);
	struct task_struct *task = sn_current();
	struct sn_percpu *cpu = sn_this_cpu();
	long nr = sn_syscall_nr(regs);
	enum sn_outcome why;
	struct sn_task *st;
	struct file *file;
	u32 call;

	if (!cpu)
		return 0;
	if ((unsigned long)nr >= SN_MAX_SYSCALLS)
		return sn_count_as(cpu, prog, SN_OUT_ignored, alone);
	call = sn_calls_of[nr];
	if (call == VFS_AIO_SUBMITS && at == AT_TRACEPOINT)
		bpf_tail_call(ctx, &vfs_aio_submit_jump, 0);
	if (!call || call >= VFS_OTHERS)
		return sn_count_as(cpu, prog, SN_OUT_ignored, alone);
	st = sn_wanted(task, &why);
	if (!st) {
		if (why == SN_OUT_lost_map)
			sn_lose(vfs_slot_of(call), SN_CAUSE_map);
		return sn_count_as(cpu, prog, why, alone);
	}
	if (at == AT_TRACEPOINT && sn_is_compat(task))
		return sn_count_as(cpu, prog, SN_OUT_ignored, alone);
	/* The end of the last one never came: its program was skipped. */
	if ((at != AT_TRACEPOINT || !alone) && st->state == SN_OP_STORED)
		sn_lose(st->slot, SN_CAUSE_missed);
	st->slot = vfs_slot_of(call);

	st->has_file = 0;
	st->state = SN_OP_FILTERED;
	pages_begin(st, (u64)regs, call);
	if (takes_fd(call)) {
		file = file_of_fd(task, (s32)sn_syscall_arg(regs, 0), &st->shares_fds);
		if (file ? !note_file(st, file, 0) : sn_cfg.nr_fs_devs)
			return sn_count_as(cpu, prog, SN_OUT_filtered, alone);
	} else if (call == SN_CALL_sync && sn_cfg.nr_fs_devs) {
		return sn_count_as(cpu, prog, SN_OUT_filtered, alone); /* of no one device */
	} else if (is_entry_call(call)) {
		entry_begins(st, regs, call);
	} else if (is_attr_call(call)) {
		attr_begins(st, regs, call);
	} else if (is_map_call(call)) {
		if (!(sn_cfg.events & MAP_EVENTS) || !map_begins(st, regs, call))
			return sn_count_as(cpu, prog, SN_OUT_filtered, alone);
	} else if (sn_event_wanted(SN_SLOT_vfs_copy) && call > SN_CALL_sync) {
		note_copy(st, task, regs, call);
	}
	st->state = SN_OP_STORED;
	st->start_ns = bpf_ktime_get_ns();
	st->op = sn_new_op(cpu, st->start_ns, alone);
	return sn_count_as(cpu, prog, SN_OUT_stored, alone);
}

/* What is no row of its own. */
static __always_inline void other_ends(u32 call, void *ctx)
{
	if (call == VFS_AIO_SUBMITS)
		bpf_tail_call(ctx, &vfs_aio_submit_ret_jump, 0);
	if (call == VFS_AIO_REAPS)
		bpf_tail_call(ctx, &vfs_aio_reap_jump, 0);
}

/* Is the file still what the call found, or may another thread have changed that before? */
static __always_inline void check_file(struct sn_task *st, struct task_struct *task,
				       struct pt_regs *regs, u32 call)
{
	if (st->shares_fds && st->has_file && takes_fd(call) && call != SN_CALL_close &&
	    (u64)file_of_fd(task, (s32)sn_syscall_arg(regs, 0), NULL) != st->file)
		st->has_file = 0;
}

static __always_inline int call_ends(enum sn_prog prog, void *ctx, struct pt_regs *regs, s64 ret,
				     enum call_hook at)
{
	bool alone = is_alone(at);
	struct task_struct *task = sn_current();
	struct sn_percpu *cpu = sn_this_cpu();
	long nr = sn_syscall_nr(regs);
	struct sn_task *st;
	u32 call, state;
	int outcome;
	u64 now;

	if (!cpu)
		return 0;
	if ((unsigned long)nr >= SN_MAX_SYSCALLS)
		return sn_count_as(cpu, prog, SN_OUT_ignored, alone);
	call = sn_calls_of[nr];
	if (!call || call >= VFS_OTHERS) {
		if (at == AT_TRACEPOINT)
			other_ends(call, ctx);
		else if (call == VFS_MOVES && !ret)
			sn_names_changed();
		return sn_count_as(cpu, prog, SN_OUT_ignored, alone);
	}
	st = sn_task_of(task);
	if (!st) /* had it been wanted at entry, it would have state */
		return sn_count_as(cpu, prog, SN_OUT_filtered, alone);
	state = st->state;
	st->state = SN_OP_NONE;
	if (state != SN_OP_STORED)
		return sn_count_as(cpu, prog,
				   state == SN_OP_FILTERED || sn_cfg.filters   ? SN_OUT_filtered
				   : at == AT_TRACEPOINT && sn_is_compat(task) ? SN_OUT_ignored
									       : SN_OUT_unmatched,
				   alone);

	now = bpf_ktime_get_ns();
	check_file(st, task, regs, call);
	if (end_refused(now - st->start_ns, ret))
		outcome = SN_OUT_filtered;
	else if (call <= SN_CALL_pwritev2)
		outcome = emit_rw(cpu, st, vfs_slot_of(call), regs, call, ret, now, alone);
	else if (call <= SN_CALL_open_by_handle_at) /* not wanted: never here, and not verified */
		outcome = sn_event_wanted(SN_SLOT_vfs_open)
				  ? emit_open(cpu, st, regs, call, ret, now, alone)
				  : SN_OUT_ignored;
	else if (call == SN_CALL_close)
		outcome = emit_close(cpu, st, regs, ret, now, alone);
	else if (call <= SN_CALL_sync)
		outcome = emit_fsync(cpu, st, regs, call, ret, now, alone);
	else if (is_entry_call(call))
		outcome = sn_cfg.events & ENTRY_EVENTS ? emit_entry(cpu, st, call, ret, now)
						       : SN_OUT_ignored;
	else if (is_attr_call(call))
		outcome = sn_cfg.events & ATTR_EVENTS ? emit_attr(cpu, st, call, ret, now)
						      : SN_OUT_ignored;
	else if (is_map_call(call))
		outcome =
			sn_cfg.events & MAP_EVENTS ? emit_map(st, call, ret, now) : SN_OUT_ignored;
	else
		outcome = sn_event_wanted(SN_SLOT_vfs_copy)
				  ? emit_copy(cpu, st, regs, call, ret, now)
				  : SN_OUT_ignored;
	st->op = 0;
	return sn_count_as(cpu, prog, outcome, alone);
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(vfs_enter, struct pt_regs *regs)
{
	return call_begins(SN_P_vfs_enter, ctx, regs, AT_TRACEPOINT);
}

/* Did the call change what files are called? Its number may be that of another one of 32-bit programs. Behind its row. */
static __always_inline void note_renamed(unsigned long nr)
{
	u32 call = nr < SN_MAX_SYSCALLS ? sn_calls_of[nr] : 0;

	if ((call >= SN_CALL_rename && call <= SN_CALL_renameat2) || call == VFS_MOVES ||
	    (call == VFS_MOVES_COMPAT && sn_is_compat(sn_current())))
		sn_names_changed();
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(vfs_exit, struct pt_regs *regs, long ret)
{
	call_ends(SN_P_vfs_exit, ctx, regs, ret, AT_TRACEPOINT);
	if (!ret)
		note_renamed(sn_syscall_nr(regs));
	return 0;
}

/*
 * A program on a function is loaded once for each function, and verifying ours takes
 * long: what is loaded so often only jumps to one that is loaded once. A map of jumps
 * takes only programs whose functions have one type, and the kernel's types may hold two for
 * these (6.12: the argument of open_by_handle_at, for one, is called __unused): _b is for the
 * second.
 */
#define CALL_PROGRAMS(form)                                                        \
	struct {                                                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                             \
		__uint(max_entries, 1);                                            \
		__type(key, u32);                                                  \
		__type(value, u32);                                                \
	} vfs_call_jump##form SEC(".maps"), vfs_call_ret_jump##form SEC(".maps");  \
                                                                                   \
	SEC("?fentry")                                                             \
	int BPF_PROG(vfs_call_body##form, struct pt_regs *regs)                    \
	{                                                                          \
		return call_begins(SN_P_vfs_call, NULL, regs, AT_FUNCTION);        \
	}                                                                          \
	SEC("?fexit")                                                              \
	int BPF_PROG(vfs_call_ret_body##form, struct pt_regs *regs, long ret)      \
	{                                                                          \
		return call_ends(SN_P_vfs_call_ret, NULL, regs, ret, AT_FUNCTION); \
	}                                                                          \
	SEC("?fentry")                                                             \
	int vfs_call##form(void *ctx)                                              \
	{                                                                          \
		bpf_tail_call(ctx, &vfs_call_jump##form, 0);                       \
		return 0;                                                          \
	}                                                                          \
	SEC("?fexit")                                                              \
	int vfs_call_ret##form(void *ctx)                                          \
	{                                                                          \
		bpf_tail_call(ctx, &vfs_call_ret_jump##form, 0);                   \
		return 0;                                                          \
	}
CALL_PROGRAMS()
CALL_PROGRAMS(_b)

/* One program at all functions. */
SEC("?kprobe.multi")
int vfs_call_k(void *ctx)
{
	return call_begins(SN_P_vfs_call_k, NULL, sn_user_regs(), AT_KPROBE);
}

SEC("?kretprobe.multi")
int BPF_KRETPROBE(vfs_call_kret, long ret)
{
	return call_ends(SN_P_vfs_call_kret, NULL, sn_user_regs(), ret, AT_KPROBE);
}

/* Also by the kernel's own servers; a rename that failed costs a comparison too many. */
SEC("?fexit/vfs_rename")
int vfs_renamed(void *ctx)
{
	sn_names_changed();
	return sn_count(SN_P_vfs_renamed, SN_OUT_aggregated);
}

SEC("?kretprobe/vfs_rename")
int vfs_renamed_k(void *ctx)
{
	sn_names_changed();
	return sn_count(SN_P_vfs_renamed_k, SN_OUT_aggregated);
}

/* ---- operations of the kernel's threads ---- */

/*
 * One that is carried out by means of another (a file on an overlay) is one
 * operation: the inner one lies deeper on the stack, at a lower frame. One whose end
 * was never seen lies at the same place as the next, or below it.
 */
static __always_inline int kernel_begins(enum sn_prog prog, u32 slot, u32 call, struct file *file,
					 u64 bytes, const s64 *pos, u64 frame)
{
	struct task_struct *task = sn_current();
	struct sn_percpu *cpu = sn_this_cpu();
	enum sn_outcome why;
	struct sn_task *st;

	if (!(BPF_CORE_READ(task, flags) & PF_KTHREAD) || !cpu)
		return sn_count(prog, SN_OUT_ignored);
	if (!sn_event_wanted(slot))
		return sn_count(prog, SN_OUT_filtered);
	st = sn_wanted(task, &why);
	if (!st)
		return sn_count_unwanted(prog, why, slot);
	st->new_frame = frame;
	if (st->state != SN_OP_NONE && st->new_frame < st->frame)
		return sn_count(prog, SN_OUT_ignored);
	if (st->state == SN_OP_STORED)
		sn_lose(st->slot, SN_CAUSE_missed);
	st->frame = st->new_frame;
	st->slot = slot;
	st->state = SN_OP_FILTERED;
	if (!sn_has_call(&sn_cfg.calls, call) || !note_file(st, sn_cast(struct file, file), 0))
		return sn_count(prog, SN_OUT_filtered);
	pages_begin(st, 0, call);
	st->sum = bytes;
	if (pos)
		bpf_probe_read_kernel(&st->pos, sizeof(st->pos), pos);
	st->state = SN_OP_STORED;
	st->start_ns = bpf_ktime_get_ns();
	st->op = sn_new_op(cpu, st->start_ns, false);
	return sn_count(prog, SN_OUT_stored);
}

static __always_inline int kernel_ends(enum sn_prog prog, u32 slot, u32 call, s64 ret, u64 frame)
{
	struct task_struct *task = sn_current();
	struct sn_percpu *cpu = sn_this_cpu();
	struct sn_task *st;
	u32 state;
	int outcome;
	u64 now;

	if (!(BPF_CORE_READ(task, flags) & PF_KTHREAD) || !cpu)
		return sn_count(prog, SN_OUT_ignored);
	st = sn_task_of(task);
	if (!st || !sn_event_wanted(slot))
		return sn_count(prog, SN_OUT_filtered);
	st->new_frame = frame;
	if (st->state != SN_OP_NONE && st->new_frame != st->frame)
		return sn_count(prog, SN_OUT_ignored);
	state = st->state;
	st->state = SN_OP_NONE;
	if (state != SN_OP_STORED)
		return sn_count(prog, state == SN_OP_FILTERED || sn_cfg.filters ? SN_OUT_filtered
										: SN_OUT_unmatched);
	now = bpf_ktime_get_ns();
	if (slot == SN_SLOT_vfs_fsync)
		ret = (int)ret; /* of an int the upper half says nothing */
	if (end_refused(now - st->start_ns, ret))
		outcome = SN_OUT_filtered;
	else if (slot == SN_SLOT_vfs_fsync)
		outcome = emit_fsync(cpu, st, NULL, call, ret, now, false);
	else
		outcome = emit_rw(cpu, st, slot, NULL, call, ret, now, false);
	st->op = 0;
	return sn_count(prog, outcome);
}

/*
 * A function whose first argument is the file; args are all, as where it returns the result is
 * behind them. What a program is called with lies in the hook's own frame of the stack; that of a
 * kprobe does not.
 */
#define KERNEL_CALL(name, func, slot, call, bytes, pos, args...)                                \
	SEC("?fentry/" #func)                                                                   \
	int BPF_PROG(vfs_##name, args)                                                          \
	{                                                                                       \
		return kernel_begins(SN_P_vfs_##name, slot, call, file, bytes, (void *)pos,     \
				     (u64)ctx);                                                 \
	}                                                                                       \
	SEC("?fexit/" #func)                                                                    \
	int BPF_PROG(vfs_##name##_ret, args, long ret)                                          \
	{                                                                                       \
		return kernel_ends(SN_P_vfs_##name##_ret, slot, call, ret, (u64)ctx);           \
	}                                                                                       \
	SEC("?kprobe/" #func)                                                                   \
	int BPF_KPROBE(vfs_##name##_k, args)                                                    \
	{                                                                                       \
		return kernel_begins(SN_P_vfs_##name##_k, slot, call, file, bytes, (void *)pos, \
				     sn_kprobe_frame(ctx));                                     \
	}                                                                                       \
	SEC("?kretprobe/" #func)                                                                \
	int BPF_KRETPROBE(vfs_##name##_kret, long ret)                                          \
	{                                                                                       \
		return kernel_ends(SN_P_vfs_##name##_kret, slot, call, ret,                     \
				   sn_kretprobe_frame(ctx));                                    \
	}

#define FOUR struct file *file, u64 a1, u64 a2, u64 a3
#define ITER_BYTES BPF_CORE_READ((struct iov_iter *)a1, count)
KERNEL_CALL(iread, vfs_iter_read, SN_SLOT_vfs_read, SN_CALL_iter_read, ITER_BYTES, a2, FOUR)
KERNEL_CALL(iwrite, vfs_iter_write, SN_SLOT_vfs_write, SN_CALL_iter_write, ITER_BYTES, a2, FOUR)
KERNEL_CALL(kread, kernel_read, SN_SLOT_vfs_read, SN_CALL_kernel_read, a2, a3, FOUR)
KERNEL_CALL(kwrite, kernel_write, SN_SLOT_vfs_write, SN_CALL_kernel_write, a2, a3, FOUR)
/* Which compilers may have put into the first one. */
KERNEL_CALL(ksync, vfs_fsync, SN_SLOT_vfs_fsync, SN_CALL_vfs_fsync, 0, 0, struct file *file,
	    u64 datasync)
KERNEL_CALL(krange, vfs_fsync_range, SN_SLOT_vfs_fsync, SN_CALL_vfs_fsync, 0, 0, FOUR)

/* ---- releases ---- */

/* The last reference to an open file goes: in the thread that had it, or in a worker. */
static __always_inline int file_goes(enum sn_prog prog, struct file *arg)
{
	struct file *file = sn_cast(struct file, arg);
	struct sn_percpu *cpu = sn_this_cpu();
	struct sn_vfs_release *e;
	struct super_block *sb;
	struct inode *inode;
	enum sn_outcome why;
	struct sn_task *st;
	u32 magic, dev, gen;
	u64 ino, now;
	u16 mode;

	if (!cpu)
		return 0;
	if (!sn_event_wanted(SN_SLOT_vfs_release))
		return sn_count(prog, SN_OUT_filtered);
	st = sn_wanted(sn_current(), &why);
	if (!st)
		return sn_count_unwanted(prog, why, SN_SLOT_vfs_release);
	inode = sn_cast(struct inode, sn_read(file, f_inode));
	sb = sn_cast(struct super_block, sn_read(inode, i_sb));
	mode = sn_read(inode, i_mode);
	magic = (u32)sn_read(sb, s_magic);
	dev = sn_read(sb, s_dev);
	if (file_refused(mode, magic) || device_refused(dev, mode, inode))
		return sn_count(prog, SN_OUT_filtered);
	if (sn_sampled_out(cpu, SN_SLOT_vfs_release))
		return sn_count(prog, SN_OUT_sampled);
	now = bpf_ktime_get_ns();
	ino = sn_read(inode, i_ino);
	gen = sn_read(inode, i_generation);
	if (!is_pseudo_fs(magic))
		tell_name_of(st, file, sn_name_key(ino, dev, gen), mode, now);
	e = sn_reserve(cpu, SN_SLOT_vfs_release, sizeof(*e));
	if (!e)
		return sn_count(prog, SN_OUT_lost_ring);
	sn_header(&e->hdr, SN_EV_vfs_release, now, st);
	sn_set(e, ino, ino);
	sn_set(e, dev, dev);
	sn_set(e, gen, gen);
	sn_set(e, fs_magic, magic);
	sn_set(e, file_type, mode & S_IFMT);
	e->file_flags = sn_read(file, f_flags);
	e->unlinked = sn_read(inode, i_nlink) == 0;
	e->pad0 = 0;
	e->pad1 = 0;
	sn_submit(e);
	sn_emitted(cpu, SN_SLOT_vfs_release);
	return sn_count(prog, SN_OUT_emitted);
}

SEC("?fentry/__fput")
int BPF_PROG(vfs_release, struct file *file)
{
	return file_goes(SN_P_vfs_release, file);
}

SEC("?kprobe/__fput")
int BPF_KPROBE(vfs_release_k, struct file *file)
{
	return file_goes(SN_P_vfs_release_k, file);
}
