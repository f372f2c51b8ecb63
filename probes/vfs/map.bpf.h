/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Calls about mapped files: mmap, munmap, mremap, msync, madvise. mmap has a descriptor; what the others
 * are about is looked up among the process's mappings when they begin, before it is gone. Memory that is no
 * file's is no row.
 */
#ifndef SONDE_VFS_MAP_BPF_H
#define SONDE_VFS_MAP_BPF_H

#include "attr.bpf.h"
#include "mapping.bpf.h"

#define MAP_EVENTS                                                                            \
	(1ull << SN_SLOT_vfs_mmap | 1ull << SN_SLOT_vfs_munmap | 1ull << SN_SLOT_vfs_mremap | \
	 1ull << SN_SLOT_vfs_msync | 1ull << SN_SLOT_vfs_madvise)

#define MAP_ANONYMOUS 0x20
#define MREMAP_NEW_ADDRESS 6 /* MREMAP_FIXED, MREMAP_DONTUNMAP */
#define MAPPINGS_MAX 16      /* that are looked at of one call's range */

static __always_inline bool is_map_call(u32 call)
{
	return call >= SN_CALL_mmap && call <= SN_CALL_madvise;
}

/* ---- what is mapped ---- */

#if SN_LOOPS

/* The mapping at m->at. False: there is none, or another thread is changing them. */
static __always_inline bool find_vma(struct sn_mapped *m, struct found_vma *v)
{
	return !find_mapping(m->at, v);
}

static __always_inline void find_first(struct sn_task *st)
{
}

#else

/* A step to the first mapping that ends behind m->at; without a branch, of which the verifier would go both ways. */
static __noinline long step_down(u32 unused, void *ctx)
{
	struct sn_mapped *m = &(*(struct sn_task **)ctx)->mapped;
	struct rb_node___maps *node = (void *)m->node;
	u64 vma, before;

	if (!node)
		return 1;
	vma = m->node - bpf_core_field_offset(struct vm_area_struct___maps, vm_rb);
	before = -((m->at - BPF_CORE_READ((struct vm_area_struct *)vma, vm_end)) >> 63);
	barrier_var(before);
	m->vma = (vma & before) | (m->vma & ~before);
	m->node = ((u64)BPF_CORE_READ(node, rb_left) & before) |
		  ((u64)BPF_CORE_READ(node, rb_right) & ~before);
	return 0;
}

#define MAPPINGS_DEPTH 36 /* of a tree of 65,536 mappings, and more */

static __always_inline void find_first(struct sn_task *st)
{
	struct mm_struct___maps *mm = (void *)BPF_CORE_READ(sn_current(), mm);

	st->mapped.vma = 0;
	st->mapped.node = (u64)BPF_CORE_READ(mm, mm_rb.rb_node);
	sn_repeat(MAPPINGS_DEPTH, step_down, &st);
}

/* Does a thread hold the lock of the mappings to change them? */
static __always_inline bool are_changing(struct mm_struct *mm)
{
	struct mm_struct___maps *maps = (void *)mm;

	return BPF_CORE_READ(maps, mmap_lock.count.counter) & 1;
}

static __always_inline bool find_vma(struct sn_mapped *m, struct found_vma *v)
{
	struct vm_area_struct___maps *node = (void *)m->vma;
	struct vm_area_struct *vma = (void *)m->vma;
	struct mm_struct *mm = BPF_CORE_READ(sn_current(), mm);

	if (!vma || are_changing(mm))
		return false;
	take_vma(v, vma);
	m->vma = (u64)BPF_CORE_READ(node, vm_next);
	return v->start <= m->at && m->at < v->end && BPF_CORE_READ(vma, vm_mm) == mm &&
	       !are_changing(mm);
}

#endif

static __noinline long add_vma(u32 unused, void *ctx)
{
	struct sn_mapped *m = &(*(struct sn_task **)ctx)->mapped;
	struct found_vma v = {};

	if (m->at >= m->end || !find_vma(m, &v))
		return 1;
	if (v.inode && !m->inode) {
		m->dentry = v.dentry;
		m->mnt = v.mnt;
		m->inode = v.inode;
		m->offset = (s64)((v.pgoff << sn_cfg.page_shift) + (m->at - v.start));
	}
	if (v.inode && v.inode == m->inode)
		m->bytes += (v.end < m->end ? v.end : m->end) - m->at;
	else if (v.inode)
		m->others = 1;
	m->at = v.end;
	return 0;
}

/* Fills st->mapped. */
static __always_inline void look_through(struct sn_task *st, u64 addr, u64 length)
{
	struct sn_mapped *m = &st->mapped;
	u64 page = 1ull << sn_cfg.page_shift;

	m->at = sn_untagged(addr);
	m->end = m->at + ((length + page - 1) & -page);
	if (length && m->end <= m->at) /* too long for any address */
		m->end = ~0ull;
	m->dentry = m->mnt = m->inode = m->bytes = m->others = 0;
	m->offset = 0;
	find_first(st);
	sn_repeat(MAPPINGS_MAX, add_vma, &st);
}

/* When such a call begins. False: a row is not wanted of it. */
__noinline int vfs_map_begins(sn_given given, u32 call)
{
	struct sn_task *st = sn_take(given);
	struct sn_mapped *m;
	struct file *file;
	int wanted;

	if (!st)
		return 0;
	if (call == SN_CALL_mmap) {
		if (st->args[3] & MAP_ANONYMOUS)
			return 0;
		file = file_of_fd(sn_current(), (s32)st->args[4], &st->shares_fds);
		return file ? note_file(st, file, 0) : !sn_cfg.nr_fs_devs;
	}
	m = &st->mapped;
	look_through(st, st->args[0], st->args[1] ?: call == SN_CALL_mremap);
	if (!m->inode)
		return m->at < m->end && !sn_cfg.nr_fs_devs;
	wanted = note_found(st, (void *)m->dentry, (void *)m->mnt, 0);
	if (st->inode != m->inode) /* it is gone meanwhile */
		st->has_file = 0;
	return wanted;
}

static __always_inline bool map_begins(struct sn_task *st, struct pt_regs *regs, u32 call)
{
	keep_args(st, regs);
	return vfs_map_begins(sn_give(st), call);
}

/* ---- rows ---- */

SAME_PLACE(mremap, ret, mmap, ret);
SAME_PLACE(mremap, offset, mmap, offset);
SAME_PLACE(mremap, pad4, mmap, fd);
SAME_PLACE(mremap, mremap_flags, mmap, prot);
SAME_PLACE(mremap, pad6, mmap, map_flags);
SAME_PLACE(mremap, other_files, munmap, other_files);
SAME_PLACE(mremap, mremap_flags, msync, msync_flags);
SAME_PLACE(mremap, mremap_flags, madvise, advice);

/* What is known of all of the range. */
static __always_inline void fill_mapped(struct sn_vfs_mremap *e, const struct sn_mapped *m)
{
	if (!m->inode)
		return;
	sn_set(e, offset, m->offset);
	if (m->at < m->end)
		return;
	sn_set(e, mapped_bytes, m->bytes);
	sn_set(e, other_files, (u8)m->others);
}

static __always_inline void fill_map_asked(struct sn_vfs_mremap *e, const struct sn_task *st,
					   u32 call)
{
	e->pad4 = e->mremap_flags = e->pad6 = 0;
	e->to_length = e->to_addr = 0;
	switch (call) {
	case SN_CALL_mmap:
		sn_set(e, offset, (s64)st->args[5]);
		e->pad4 = (u32)st->args[4];
		e->mremap_flags = (u32)st->args[2];
		e->pad6 = (u32)st->args[3];
		return;
	case SN_CALL_mremap:
		e->to_length = st->args[2];
		e->mremap_flags = (u32)st->args[3];
		if (e->mremap_flags & MREMAP_NEW_ADDRESS)
			sn_set(e, to_addr, st->args[4]);
		break;
	case SN_CALL_munmap:
		break;
	default:
		e->mremap_flags = (u32)st->args[2];
		break;
	}
	fill_mapped(e, &st->mapped);
}

__noinline int vfs_make_map_row(sn_given given, u32 call, s64 ret, u64 now)
{
	struct sn_task *st = sn_take(given);
	struct sn_percpu *cpu = sn_this_cpu();
	u32 slot = vfs_slot_of(call);
	struct sn_vfs_mremap *e;

	if (!cpu || !st)
		return SN_OUT_lost_map;
	/* Another thread may have put something else in the descriptor's place before the kernel looked. */
	if (call == SN_CALL_mmap && st->has_file && st->shares_fds &&
	    (u64)file_of_fd(sn_current(), (s32)st->args[4], NULL) != st->file)
		st->has_file = 0;
	if (sn_sampled_out(cpu, slot))
		return SN_OUT_sampled;
	e = sn_reserve(cpu, slot, sizeof(*e));
	if (!e)
		return SN_OUT_lost_ring;
	sn_header(&e->hdr, (u16)sn_event_id(slot), now, st);
	e->dur_ns = now - st->start_ns;
	e->ret = ret;
	FILL_FILE(e, sn_vfs_mremap, st);
	e->addr = st->args[0];
	e->length = st->args[1];
	e->offset = 0;
	e->mapped_bytes = 0;
	e->call = (u16)call;
	e->other_files = 0;
	e->origin = SN_ORIGIN_user;
	e->unlinked = st->has_file & st->unlinked;
	e->pad0 = 0;
	fill_map_asked(e, st, call);
	sn_submit(e);
	sn_emitted(cpu, slot);
	return SN_OUT_emitted;
}

static __always_inline int emit_map(struct sn_task *st, u32 call, s64 ret, u64 now)
{
	return sn_outcome(vfs_make_map_row(sn_give(st), call, ret, now));
}

#endif
