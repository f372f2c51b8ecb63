// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Page faults in mappings of files. Where functions can be hooked they are seen where the
 * kernel serves them, whoever touched the page. One that it gives up to begin anew, as it does
 * where it has to wait, is the same fault. Elsewhere they begin where the processor reports them,
 * and end where the kernel counts them.
 */
#include "compat.bpf.h"
#include "mapping.bpf.h"

/* Of handle_mm_fault(): its flags, and its result. */
#define FAULT_FLAG_WRITE 0x01
#define FAULT_FLAG_TRIED 0x20
#define FAULT_FLAG_USER 0x40
#define FAULT_FLAG_INSTRUCTION 0x100
#define FAULT_FLAG_VMA_LOCK 0x1000 /* since 6.4 */
#define VM_FAULT_MAJOR 0x04
#define VM_FAULT_ERROR 0x873 /* OOM, SIGBUS, HWPOISON, HWPOISON_LARGE, SIGSEGV, FALLBACK */
#define VM_FAULT_RETRY 0x400

static __always_inline enum sn_access access_of(bool write, bool exec)
{
	return write ? SN_ACCESS_write : exec ? SN_ACCESS_exec : SN_ACCESS_read;
}

/* The operation that it is part of, or one of its own, which what it asks of disks has, too. */
static __always_inline void begin_now(struct sn_percpu *cpu, struct sn_task *st, u64 addr,
				      enum sn_access access, bool by_user)
{
	struct sn_fault *f = &st->fault;

	f->addr = addr;
	f->access = access;
	f->by_user = by_user;
	f->start_ns = bpf_ktime_get_ns();
	f->op = st->state == SN_OP_STORED ? st->op : sn_new_op(cpu, f->start_ns, false);
	f->state = SN_FAULT_BEGUN;
}

/* What is mapped there, and its name. False: no file, or none that rows are wanted for. */
static __always_inline bool find_file(struct sn_task *st, const struct found_vma *v, u64 addr,
				      u64 now)
{
	struct inode *inode = sn_cast(struct inode, v->inode);
	struct super_block *sb = sn_cast(struct super_block, sn_read(inode, i_sb));
	struct dentry *dentry = (struct dentry *)v->dentry;
	struct sn_fault *f = &st->fault;
	u64 key;

	f->ino = sn_read(inode, i_ino);
	f->gen = sn_read(inode, i_generation);
	f->dev = sn_read(sb, s_dev);
	f->fs_magic = (u32)sn_read(sb, s_magic);
	f->mode = sn_read(inode, i_mode);
	f->unlinked = sn_read(inode, i_nlink) == 0;
	f->index = v->pgoff + ((addr - v->start) >> sn_cfg.page_shift);
	if (file_refused(f->mode, f->fs_magic) || device_refused(f->dev, f->mode, inode))
		return false;
	key = sn_name_key(f->ino, f->dev, f->gen);
	if (!is_pseudo_fs(f->fs_magic) && sn_name_is_new(st, key, dentry))
		tell_new_name(st, (struct vfsmount *)v->mnt, key, false, now);
	return true;
}

static __always_inline int emit(enum sn_prog prog, struct sn_percpu *cpu, struct sn_task *st,
				enum sn_severity severity, u64 now)
{
	const struct sn_fault *f = &st->fault;
	struct sn_fault_file *e;

	if (now - f->start_ns < sn_cfg.min_latency_ns ||
	    (sn_cfg.errors_only && severity != SN_SEVERITY_failed))
		return sn_count(prog, SN_OUT_filtered);
	if (sn_sampled_out(cpu, SN_SLOT_fault_file))
		return sn_count(prog, SN_OUT_sampled);
	e = sn_reserve(cpu, SN_SLOT_fault_file, sizeof(*e));
	if (!e)
		return sn_count(prog, SN_OUT_lost_ring);
	sn_header(&e->hdr, SN_EV_fault_file, now, st);
	e->hdr.op = f->op;
	e->dur_ns = now - f->start_ns;
	e->addr = f->addr;
	e->ino = f->ino;
	e->index = f->index;
	e->dev = f->dev;
	e->gen = f->gen;
	e->fs_magic = f->fs_magic;
	e->file_type = f->mode & S_IFMT;
	e->access = f->access;
	e->severity = (u8)severity;
	e->origin = f->by_user ? SN_ORIGIN_user : SN_ORIGIN_kernel;
	e->unlinked = f->unlinked;
	e->pad0 = 0;
	e->pad1 = 0;
	sn_submit(e);
	sn_emitted(cpu, SN_SLOT_fault_file);
	return sn_count(prog, SN_OUT_emitted);
}

/* ---- where the kernel serves them ---- */

/*
 * Is it what the kernel gave up before, having waited, or with the lock of one mapping where it takes the lock of
 * all now? What a signal interrupted may begin as another one.
 */
static __always_inline bool is_again(const struct sn_fault *f, u64 addr, u32 flags)
{
	return f->state == SN_FAULT_AGAIN && f->addr == addr &&
	       (flags & FAULT_FLAG_TRIED ||
		(f->flags & FAULT_FLAG_VMA_LOCK && !(flags & FAULT_FLAG_VMA_LOCK)));
}

/*
 * The mapping is looked at here: it may be gone when the function returns, as the kernel lets go of
 * its lock where it has to wait.
 */
static __always_inline int begins(enum sn_prog prog, struct vm_area_struct *arg, u64 addr,
				  u32 flags)
{
	struct vm_area_struct *vma = sn_cast(struct vm_area_struct, arg);
	struct sn_percpu *cpu = sn_this_cpu();
	struct found_vma v;
	enum sn_outcome why;
	struct sn_task *st;
	struct sn_fault *f;
	bool again;

	if (!cpu || !sn_read(vma, vm_file))
		return sn_count(prog, SN_OUT_ignored);
	st = sn_wanted(sn_current(), &why);
	if (!st)
		return sn_count_unwanted(prog, why, SN_SLOT_fault_file);
	f = &st->fault;
	again = is_again(f, addr, flags);
	if (f->state == SN_FAULT_BEGUN) /* its end never came */
		sn_lose(SN_SLOT_fault_file, SN_CAUSE_missed);
	f->state = SN_FAULT_NONE;
	f->flags = flags;
	take_vma(&v, arg);
	if (!v.inode)
		return sn_count(prog, SN_OUT_ignored);
	if (!find_file(st, &v, addr, bpf_ktime_get_ns()))
		return sn_count(prog, SN_OUT_filtered);
	if (again) { /* of what is mapped there now */
		f->state = SN_FAULT_BEGUN;
		return sn_count(prog, SN_OUT_aggregated);
	}
	begin_now(cpu, st, addr,
		  access_of(flags & FAULT_FLAG_WRITE, flags & FAULT_FLAG_INSTRUCTION),
		  flags & FAULT_FLAG_USER);
	return sn_count(prog, SN_OUT_stored);
}

/* As the kernel counts them: major is what waited, or was tried again after it had. */
static __always_inline int ends(enum sn_prog prog, u32 ret)
{
	struct sn_percpu *cpu = sn_this_cpu();
	struct sn_task *st = sn_this_task();
	enum sn_severity severity;

	if (!cpu || !st || st->fault.state != SN_FAULT_BEGUN)
		return sn_count(prog, SN_OUT_ignored);
	if (ret & VM_FAULT_RETRY) {
		st->fault.state = SN_FAULT_AGAIN;
		return sn_count(prog, SN_OUT_aggregated);
	}
	st->fault.state = SN_FAULT_NONE;
	severity = ret & VM_FAULT_ERROR                                         ? SN_SEVERITY_failed
		   : ret & VM_FAULT_MAJOR || st->fault.flags & FAULT_FLAG_TRIED ? SN_SEVERITY_major
										: SN_SEVERITY_minor;
	return emit(prog, cpu, st, severity, bpf_ktime_get_ns());
}

#define FAULT_ARGS struct vm_area_struct *vma, u64 addr, u32 flags

SEC("?fentry/handle_mm_fault")
int BPF_PROG(fault_begin, FAULT_ARGS)
{
	return begins(SN_P_fault_begin, vma, addr, flags);
}

SEC("?fexit/handle_mm_fault")
int BPF_PROG(fault_end, FAULT_ARGS, struct pt_regs *regs, u32 ret)
{
	return ends(SN_P_fault_end, ret);
}

SEC("?kprobe/handle_mm_fault")
int BPF_KPROBE(fault_begin_k, FAULT_ARGS)
{
	return begins(SN_P_fault_begin_k, vma, addr, flags);
}

SEC("?kretprobe/handle_mm_fault")
int BPF_KRETPROBE(fault_end_k, u32 ret)
{
	return ends(SN_P_fault_end_k, ret);
}

#if SN_TYPED_READS

/* ---- where the processor reports them, and the kernel counts them ---- */

/* What the processor says of a fault (x86). */
#define PF_WRITE 0x02
#define PF_USER 0x04
#define PF_INSTR 0x10

/*
 * Will the kernel serve it? Not what programs and others that may not wait read of the user's memory, nor what
 * is the kernel's.
 */
static __always_inline bool is_served(struct task_struct *task, u64 addr)
{
	return (s64)addr >= 0 && sn_read(task, mm) && !sn_read(task, pagefault_disabled);
}

/* Had the thread's last one an end that no program saw? Then the kernel has counted it. */
static __always_inline void note_missed(struct sn_fault *f, struct task_struct *task)
{
	u64 counted = sn_read(task, min_flt) + sn_read(task, maj_flt);

	if (f->state == SN_FAULT_BEGUN && counted != f->counted)
		sn_lose(SN_SLOT_fault_file, SN_CAUSE_missed);
	f->state = SN_FAULT_NONE;
	f->counted = counted;
}

/*
 * What is mapped there is looked up at the end, when the thread holds a lock that keeps it. Not so where it
 * wrote: the kernel may have let go of the lock to wait until less is dirty, and another thread have put
 * something else there. So that is noted here, too.
 */
SEC("?raw_tp")
int fault_taken(struct bpf_raw_tracepoint_args *ctx)
{
	u64 addr = ctx->args[0], error = ctx->args[2];
	struct task_struct *task = sn_any_task(sn_current());
	struct sn_percpu *cpu = sn_this_cpu();
	enum sn_outcome why;
	struct sn_task *st;

	if (!cpu || !is_served(task, addr))
		return sn_count(SN_P_fault_taken, SN_OUT_ignored);
	st = sn_wanted(sn_current(), &why);
	if (!st)
		return sn_count_unwanted(SN_P_fault_taken, why, SN_SLOT_fault_file);
	note_missed(&st->fault, task);
	st->fault.vma = st->fault.file = 0;
	if (error & PF_WRITE)
		st->fault.vma = find_vma_twice(addr, &st->fault.file);
	begin_now(cpu, st, addr, access_of(error & PF_WRITE, error & PF_INSTR), error & PF_USER);
	return sn_count(SN_P_fault_taken, SN_OUT_stored);
}

/* Is what a write found there at its end not what was there when it began? A stack may have grown, which has no file. */
static __always_inline bool is_replaced(const struct sn_fault *f)
{
	return f->access == SN_ACCESS_write && (f->file | f->end_file) &&
	       (f->vma != f->end_vma || f->file != f->end_file);
}

/* The second of the counters is that of major ones. */
SEC("?perf_event")
int fault_counted(struct bpf_perf_event_data *ctx)
{
	struct sn_percpu *cpu = sn_this_cpu();
	struct sn_task *st = sn_this_task();
	struct found_vma v = {};
	struct sn_fault *f;
	u64 now;

	if (!cpu || !st || st->fault.state != SN_FAULT_BEGUN || st->fault.addr != ctx->addr)
		return sn_count(SN_P_fault_counted, SN_OUT_ignored);
	f = &st->fault;
	f->state = SN_FAULT_NONE;
	now = bpf_ktime_get_ns();
	f->end_vma = find_vma_twice(f->addr, &f->end_file);
	if (f->end_vma)
		take_vma(&v, (struct vm_area_struct *)f->end_vma);
	if (!f->end_vma || !is_still_mapped(f->end_vma, f->addr) || is_replaced(f)) {
		/* it may have been a file's */
		sn_lose(SN_SLOT_fault_file, SN_CAUSE_missed);
		return sn_count(SN_P_fault_counted, SN_OUT_unmatched);
	}
	if (!v.inode)
		return sn_count(SN_P_fault_counted, SN_OUT_ignored);
	if (!find_file(st, &v, f->addr, now))
		return sn_count(SN_P_fault_counted, SN_OUT_filtered);
	return emit(SN_P_fault_counted, cpu, st,
		    bpf_get_attach_cookie(ctx) ? SN_SEVERITY_major : SN_SEVERITY_minor, now);
}

#endif
