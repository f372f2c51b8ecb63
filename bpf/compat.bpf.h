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

/* The same of registers that are noted as a number. */
static __always_inline u64 sn_noted_arg(u64 noted, int i)
{
	struct pt_regs *regs = (struct pt_regs *)noted;

	switch (i) {
	case 0:
		return BPF_CORE_READ(regs, di);
	case 1:
		return BPF_CORE_READ(regs, si);
	case 2:
		return BPF_CORE_READ(regs, dx);
	case 3:
		return BPF_CORE_READ(regs, r10);
	case 4:
		return BPF_CORE_READ(regs, r8);
	default:
		return BPF_CORE_READ(regs, r9);
	}
}

/* An address of user space as the kernel takes it. */
static __always_inline u64 sn_untagged(u64 addr)
{
	return addr;
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

/* The same of registers that are noted as a number. */
static __always_inline u64 sn_noted_arg(u64 noted, int i)
{
	struct pt_regs *regs = (struct pt_regs *)noted;
	u64 arg = 0;

	if (i == 0)
		return BPF_CORE_READ(regs, orig_x0);
	bpf_probe_read_kernel(&arg, sizeof(arg), &regs->regs[i]);
	return arg;
}

static __always_inline u64 sn_kprobe_frame(struct pt_regs *regs)
{
	return regs->sp;
}

static __always_inline u64 sn_kretprobe_frame(struct pt_regs *regs)
{
	return regs->sp;
}

/* The uppermost byte may be a tag. */
static __always_inline u64 sn_untagged(u64 addr)
{
	return (u64)((s64)(addr << 8) >> 8);
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

/* The mappings of a process are a tree of these: before 524e00b36e8c ("mm: remove rb tree."), 6.1. */
struct rb_node___maps {
	struct rb_node___maps *rb_left, *rb_right;
} __attribute__((preserve_access_index));
struct mm_struct___maps {
	struct {
		struct rb_node___maps *rb_node;
	} mm_rb;
	struct {
		struct {
			s64 counter;
		} count;
	} mmap_lock;
} __attribute__((preserve_access_index));
struct vm_area_struct___maps {
	struct rb_node___maps vm_rb;
	struct vm_area_struct___maps *vm_next;
} __attribute__((preserve_access_index));

/*
 * What the user gave a request of io_uring to know it by.
 * cef216fc32d7 ("io_uring: explicitly keep a CQE in io_kiocb"), 5.19.
 */
struct io_kiocb___user_data {
	u64 user_data;
} __attribute__((preserve_access_index));

static __always_inline u64 sn_uring_user_data(struct io_kiocb *req)
{
	struct io_kiocb___user_data *old = (void *)req;

	if (bpf_core_field_exists(old->user_data))
		return BPF_CORE_READ(old, user_data);
	return BPF_CORE_READ(req, cqe.user_data);
}

/*
 * Is it a ring of a 32-bit program, whose vectors have half the size? From 7.0 on a bit
 * of a set says so.
 */
struct io_ring_ctx___flags {
	unsigned int int_flags;
} __attribute__((preserve_access_index));

#define IO_RING_F_COMPAT (1 << 11)

static __always_inline bool sn_uring_is_32bit(struct io_ring_ctx *ring)
{
	struct io_ring_ctx___flags *newer = (void *)ring;

	if (bpf_core_field_exists(ring->compat))
		return BPF_CORE_READ_BITFIELD_PROBED(ring, compat);
	if (bpf_core_field_exists(newer->int_flags))
		return BPF_CORE_READ(newer, int_flags) & IO_RING_F_COMPAT;
	return false;
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

/*
 * A folio, as tracepoints hand it over: until 5.17 a page. Where reads are typed there are folios;
 * before, a folio's first page has all that is read of it.
 */
#if SN_TYPED_READS
/* Until 6.15. */
struct folio___folio_nr_pages {
	unsigned int _folio_nr_pages;
} __attribute__((preserve_access_index));

/* Since 6.18. */
struct folio___memdesc {
	struct {
		unsigned long f;
	} flags;
} __attribute__((preserve_access_index));

#define sn_folio_mapping(folio) (sn_cast(struct folio, folio)->mapping)
#define sn_folio_index(folio) (sn_cast(struct folio, folio)->index)

static __always_inline u32 sn_folio_pages(const void *at)
{
	struct folio *folio = sn_cast(struct folio, at);
	struct folio___memdesc *newer = (void *)folio;
	u64 flags;

	if (bpf_core_field_exists(newer->flags.f))
		flags = newer->flags.f;
	else
		flags = folio->flags;
	if (!(flags >> bpf_core_enum_value(enum pageflags, PG_head) & 1))
		return 1;
	if (bpf_core_field_exists(folio->_nr_pages))
		return folio->_nr_pages;
	return ((struct folio___folio_nr_pages *)folio)->_folio_nr_pages;
}
#else
#define sn_folio_mapping(folio) BPF_CORE_READ((struct page *)(folio), mapping)
#define sn_folio_index(folio) BPF_CORE_READ((struct page *)(folio), index)

/* The second page of those that are one folio has their number. */
static __always_inline u32 sn_folio_pages(const void *at)
{
	u64 flags = 0;

	bpf_probe_read_kernel(&flags, sizeof(flags), at);
	if (!(flags >> bpf_core_enum_value(enum pageflags, PG_head) & 1))
		return 1;
	return BPF_CORE_READ((struct page *)(at + bpf_core_type_size(struct page)), compound_nr);
}
#endif

/* What a folio is of, as a number: that of memory of no file has one of SN_NO_MAPPING set. 0: nothing. */
#define SN_NO_MAPPING 3

static __always_inline u64 sn_folio_owner(const void *folio)
{
	u64 owner = 0;

#if SN_TYPED_READS
	bpf_probe_read_kernel(&owner, sizeof(owner),
			      folio + bpf_core_field_offset(struct folio, mapping));
#else
	owner = (u64)sn_folio_mapping(folio);
#endif
	return owner;
}

/* One of an inode's names, by its place among them, which was in a union with a name until 7.0. */
struct dentry___d_alias {
	struct hlist_node d_alias;
} __attribute__((preserve_access_index));

static __always_inline struct dentry *sn_dentry_of(struct hlist_node *alias)
{
	struct dentry___d_alias *newer = NULL;

	if (bpf_core_field_exists(newer->d_alias))
		return (void *)alias - bpf_core_field_offset(newer->d_alias);
	return (void *)alias - bpf_core_field_offset(struct dentry, d_u.d_alias);
}

/*
 * A mount of a whole file system that is part of a tree of mounts, or NULL. Of many the first
 * eight are looked at: the oldest, or, since 6.18, when they were a list_head no more, the newest.
 */
struct super_block___mount {
	struct mount *s_mounts;
} __attribute__((preserve_access_index));
struct mount___for_sb {
	struct mount *mnt_next_for_sb;
} __attribute__((preserve_access_index));

#define SN_MOUNTS 8

static __always_inline struct mount *sn_whole_mount_of(struct super_block *sb)
{
	struct mount *any = NULL, *mnt;
	bool is_list = bpf_core_field_exists(any->mnt_instance);
	struct list_head *at = NULL, *end = NULL;
	struct dentry *root = sn_read(sb, s_root);
	u64 tree;

	if (is_list) {
		end = (void *)sb + bpf_core_field_offset(sb->s_mounts);
		at = sn_read(sb, s_mounts.next);
		mnt = (void *)at - bpf_core_field_offset(any->mnt_instance);
	} else {
		mnt = sn_read((struct super_block___mount *)sb, s_mounts);
	}
	for (int i = 0; i < SN_MOUNTS && mnt && (!is_list || at != end); i++) {
		mnt = sn_cast(struct mount, mnt);
		tree = (u64)sn_read(mnt, mnt_ns);
		/* An error stands for a mount of the kernel's own. */
		if (sn_read(mnt, mnt.mnt_root) == root && tree && tree < (u64)-4095)
			return mnt;
		if (is_list) {
			at = sn_read(mnt, mnt_instance.next);
			mnt = (void *)at - bpf_core_field_offset(any->mnt_instance);
		} else {
			mnt = sn_read((struct mount___for_sb *)mnt, mnt_next_for_sb);
		}
	}
	return NULL;
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
