/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What differs between kernels and architectures: one accessor a change. */
#ifndef SONDE_COMPAT_BPF_H
#define SONDE_COMPAT_BPF_H

#include "sonde.bpf.h"

/* The registers that the current thread entered the kernel with: since 5.15. */
static __always_inline struct pt_regs *sn_user_regs(void)
{
	return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

#if defined(__TARGET_ARCH_x86)

#define SN_O_DIRECT 040000

static __always_inline long sn_syscall_nr(struct pt_regs *regs)
{
	return (long)regs->orig_ax;
}

/* Arguments stay in pt_regs until the call returns. */
static __always_inline u64 sn_syscall_arg(struct pt_regs *regs, int i)
{
	switch (i) {
	case 0:
		return regs->di;
	case 1:
		return regs->si;
	case 2:
		return regs->dx;
	case 3:
		return regs->r10;
	case 4:
		return regs->r8;
	default:
		return regs->r9;
	}
}

/* The stack pointer at a function's entry: call and return leave an address behind. */
static __always_inline u64 sn_kprobe_frame(struct pt_regs *regs)
{
	return regs->sp;
}

static __always_inline u64 sn_kretprobe_frame(struct pt_regs *regs)
{
	return regs->sp - sizeof(long);
}

#define TS_COMPAT 2 /* in thread_info.status: a 32-bit system call is in progress */

/* True in a system call by the 32-bit table, whose numbers mean other calls. */
static __always_inline bool sn_is_compat(struct task_struct *task)
{
	return sn_read(task, thread_info.status) & TS_COMPAT;
}

#elif defined(__TARGET_ARCH_arm64)

#define SN_O_DIRECT 0200000

static __always_inline long sn_syscall_nr(struct pt_regs *regs)
{
	return regs->syscallno;
}

/* x0 is overwritten by the result; its old value is kept beside. */
static __always_inline u64 sn_syscall_arg(struct pt_regs *regs, int i)
{
	return i == 0 ? regs->orig_x0 : regs->regs[i];
}

static __always_inline u64 sn_kprobe_frame(struct pt_regs *regs)
{
	return regs->sp;
}

static __always_inline u64 sn_kretprobe_frame(struct pt_regs *regs)
{
	return regs->sp;
}

#define TIF_32BIT 22

static __always_inline bool sn_is_compat(struct task_struct *task)
{
	return sn_read(task, thread_info.flags) >> TIF_32BIT & 1;
}

#endif

/*
 * Where a request's disk is.
 * f3fa33acca9f ("block: remove the ->rq_disk field in struct request"), 5.17.
 */
struct request___rq_disk {
	struct gendisk *rq_disk;
} __attribute__((preserve_access_index));

static __always_inline struct gendisk *sn_request_disk(struct request *rq)
{
	struct request___rq_disk *old = (void *)rq;

	if (bpf_core_field_exists(old->rq_disk))
		return BPF_CORE_READ(old, rq_disk);
	return BPF_CORE_READ(rq, q, disk);
}

/* 309dca309fc3 ("block: store a block_device pointer in struct bio"), 5.12. */
struct bio___bi_disk {
	struct gendisk *bi_disk;
} __attribute__((preserve_access_index));

static __always_inline struct gendisk *sn_bio_disk(struct bio *bio)
{
	struct bio___bi_disk *old = (void *)bio;

	if (bpf_core_field_exists(old->bi_disk))
		return BPF_CORE_READ(old, bi_disk);
	return BPF_CORE_READ(bio, bi_bdev, bd_disk);
}

/*
 * The head of a page's folio. Tail pages carry a pointer to it, with bit 0 set, and
 * from 7.1 on, in a member of another name, perhaps a mask for their own address.
 */
struct page___compound_info {
	unsigned long compound_info;
} __attribute__((preserve_access_index));

static __always_inline struct page *sn_page_head(struct page *page)
{
	struct page___compound_info *newer = (void *)page;
	unsigned long info;

	if (bpf_core_field_exists(newer->compound_info))
		info = BPF_CORE_READ(newer, compound_info);
	else
		info = BPF_CORE_READ(page, compound_head);
	if (!(info & 1))
		return page;
	if (info >> 32 == 0xffffffff) /* no page's address: a mask */
		return (void *)((unsigned long)page & info);
	return (void *)(info - 1);
}

/* The errno behind a blk_status_t; the kernel's own table is not exported. */
static __always_inline int sn_errno_of_status(u8 status)
{
	switch (status) {
	case 0:
		return 0;
	case 1: /* NOTSUPP */
		return -95;
	case 2: /* TIMEOUT */
		return -110;
	case 3: /* NOSPC */
		return -28;
	case 4: /* TRANSPORT */
		return -67;
	case 5: /* TARGET */
		return -121;
	case 6: /* RESV_CONFLICT */
		return -52;
	case 7: /* MEDIUM */
		return -61;
	case 8: /* PROTECTION */
		return -84;
	case 9: /* RESOURCE */
		return -12;
	case 12: /* AGAIN */
		return -11;
	case 13: /* DEV_RESOURCE */
		return -16;
	default:
		return -5;
	}
}

#endif
