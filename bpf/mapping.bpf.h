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

#endif
