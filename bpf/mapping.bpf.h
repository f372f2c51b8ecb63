/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The file of a range of a process's memory. */
#ifndef SONDE_MAPPING_BPF_H
#define SONDE_MAPPING_BPF_H

#include "inode.bpf.h"

/*
 * A mapped file is a layer's where a file system keeps its files on others. Such a one has the path by which
 * the user knows it at an offset. No type of the kernel's is named here that older ones have not: libbpf would
 * look for it among modules, which ordinary users may not.
 */
static __always_inline struct path *user_path(struct file *file)
{
	if (sn_cfg.backing_offset && sn_read(file, f_mode) & sn_cfg.backing_flag)
		return sn_cast(struct path, (u64)file + sn_cfg.backing_offset);
	return sn_cast(struct path, (u64)file + bpf_core_field_offset(struct file, f_path));
}

struct found_vma {
	u64 start, end, pgoff;
	u64 dentry, mnt, inode; /* of the file; 0: memory of none */
};

#define SB_KERNMOUNT (1 << 22)
#define MEMFD 0x3a64666d656dull /* "memfd:" */

/* Shared memory, and all of huge pages, has a file on a file system of the kernel's own. So has what memfd_create(2) makes. */
static __always_inline bool is_memory(struct dentry *d)
{
	struct super_block *sb = sn_cast(struct super_block, sn_read(d, d_sb));
	u64 magic = sn_read(sb, s_magic), name = 0;

	if (!is_memory_fs(magic) || !(sn_read(sb, s_flags) & SB_KERNMOUNT))
		return false;
	bpf_probe_read_kernel(&name, 6, sn_read(d, d_name.name));
	return name != MEMFD;
}

static __always_inline void take_vma(struct found_vma *v, struct vm_area_struct *arg)
{
	struct vm_area_struct *vma = sn_cast(struct vm_area_struct, arg);
	struct file *file = sn_cast(struct file, sn_read(vma, vm_file));
	struct dentry *dentry;
	struct path *path;

	v->start = sn_read(vma, vm_start);
	v->end = sn_read(vma, vm_end);
	v->pgoff = sn_read(vma, vm_pgoff);
	v->dentry = v->mnt = v->inode = 0;
	if (!sn_read(vma, vm_file))
		return;
	path = user_path(file);
	v->mnt = (u64)sn_read(path, mnt);
	dentry = sn_cast(struct dentry, sn_read(path, dentry));
	if (is_memory(dentry))
		return;
	v->dentry = (u64)dentry;
	v->inode = (u64)sn_read(dentry, d_inode);
}

#if SN_LOOPS

static long on_vma(struct task_struct *task, struct vm_area_struct *vma, void *found)
{
	take_vma(found, vma);
	return 0;
}

/* What of the current process is mapped there. -ENOENT: nothing; -EBUSY: another thread is changing mappings. */
static __always_inline long find_mapping(u64 at, struct found_vma *v)
{
	return bpf_find_vma(bpf_get_current_task_btf(), at, on_vma, v, 0);
}

#endif

#if SN_TYPED_READS

/* A node's address and kind are in one word, as the kernel has them in struct maple_tree. */
#define MAPLE_NODE_MASK 255
#define MAPLE_KIND(entry) ((entry) >> 3 & 15)
#define MAPLE_LEAF_64 1
#define MAPLE_RANGE_64 2
#define MAPLE_ARANGE_64 3
#define MAPLE_DEPTH 12 /* and more: a node of them has ten children */

struct maple_walk {
	u64 at, entry; /* the node's, until it is what is mapped there */
};

/* Where a node goes on: at the first that ends at or behind it; what ends nowhere is the last. */
#define MAPLE_CHOOSE(node, nr)                                                            \
	do {                                                                              \
		_Pragma("unroll") for (int i = 0; i < (nr)-1; i++)                        \
		{                                                                         \
			if (sn_read(node, pivot[i]) >= w->at || !sn_read(node, pivot[i])) \
				return (u64)sn_read(node, slot[i]);                       \
		}                                                                         \
		return (u64)sn_read(node, slot[(nr)-1]);                                  \
	} while (0)

static __always_inline u64 maple_small(const struct maple_walk *w, u64 node)
{
	struct maple_arange_64 *n = sn_cast(struct maple_arange_64, node);

	MAPLE_CHOOSE(n, 10);
}

static __always_inline u64 maple_large(const struct maple_walk *w, u64 node)
{
	struct maple_range_64 *n = sn_cast(struct maple_range_64, node);

	MAPLE_CHOOSE(n, 16);
}

static __noinline long maple_step(u32 unused, void *ctx)
{
	struct maple_walk *w = ctx;
	u64 node = w->entry & ~(u64)MAPLE_NODE_MASK, kind = MAPLE_KIND(w->entry);

	if (kind == MAPLE_ARANGE_64)
		w->entry = maple_small(w, node);
	else if (kind == MAPLE_RANGE_64 || kind == MAPLE_LEAF_64)
		w->entry = maple_large(w, node);
	else
		w->entry = 0;
	return kind == MAPLE_LEAF_64 || !w->entry;
}

/*
 * Is that what this process has mapped there? What was unmapped may become another mapping meanwhile:
 * its begin is set first, and so read last.
 */
static __always_inline bool is_mapping_of(u64 entry, struct mm_struct *mm, u64 at)
{
	struct vm_area_struct *vma = sn_cast(struct vm_area_struct, entry);
	u64 end = sn_read(vma, vm_end);

	barrier();
	return entry && at >= sn_read(vma, vm_start) && at < end &&
	       (u64)sn_read(vma, vm_mm) == (u64)mm;
}

static __always_inline u64 walk_mappings(struct mm_struct *mm, u64 at)
{
	struct maple_walk w = { .at = at, .entry = (u64)sn_read(mm, mm_mt.ma_root) };

	sn_repeat(MAPLE_DEPTH, maple_step, &w);
	return is_mapping_of(w.entry, mm, at) ? w.entry : 0;
}

#define MAPLE_ATTEMPTS 6

static __always_inline struct mm_struct *this_mm(void)
{
	return sn_cast(struct mm_struct, sn_read(sn_any_task(sn_current()), mm));
}

/*
 * What of the current process is mapped there, without the lock of the mappings: nobody can wait for that where interrupts
 * are off, and letting go of it costs microseconds there. Others may be changing the tree around it: what two walks
 * find is there. 0: no two did. ret_file: its file, or 0.
 */
static __always_inline u64 find_vma_twice(u64 at, u64 *ret_file)
{
	struct mm_struct *mm = this_mm();
	u64 found = 0, again = walk_mappings(mm, at);
	struct vm_area_struct *vma;

	for (int i = 1; i < MAPLE_ATTEMPTS && (!again || again != found); i++) {
		found = again;
		again = walk_mappings(mm, at);
	}
	*ret_file = 0;
	if (!again || again != found)
		return 0;
	vma = sn_cast(struct vm_area_struct, again);
	*ret_file = (u64)sn_read(vma, vm_file);
	return again;
}

/* Was all that was read of it meanwhile of what is mapped there? */
static __always_inline bool is_still_mapped(u64 vma, u64 at)
{
	return is_mapping_of(vma, this_mm(), at);
}

#endif

#endif
