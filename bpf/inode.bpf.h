/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What an inode is, and whether rows are wanted for it. */
#ifndef SONDE_INODE_BPF_H
#define SONDE_INODE_BPF_H

#include "sonde.bpf.h"

#define S_IFMT 0170000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFBLK 0060000
#define S_IFLNK 0120000
#define S_IFCHR 0020000
#define PROC_MAGIC 0x9fa0
#define TMPFS_MAGIC 0x01021994
#define HUGETLBFS_MAGIC 0x958458f6

/* File systems that hold no data. */
static __always_inline bool is_pseudo_fs(u64 magic)
{
	switch (magic) {
	case PROC_MAGIC:
	case 0x62656572: /* sysfs */
	case 0x64626720: /* debugfs */
	case 0x74726163: /* tracefs */
	case 0x63677270: /* cgroup2 */
	case 0x27e0eb:   /* cgroup */
	case 0x1cd1:     /* devpts */
	case 0x534f434b: /* sockfs */
	case 0x50495045: /* pipefs */
	case 0x9041934:  /* anonymous inodes */
	case 0xcafe4a11: /* bpf */
	case 0x73636673: /* securityfs */
	case 0xf97cff8c: /* selinuxfs */
	case 0x62656570: /* configfs */
	case 0x19800202: /* mqueue */
	case 0x6e736673: /* namespaces */
	case 0xa10a10a1: /* rings of AIO */
	case 0x444d4142: /* dma-buf */
	case 0x5345434d: /* memfd_secret */
		return true;
	default:
		return false;
	}
}

/* Memory that looks like a file's, and what processes share; no disk is behind it. */
static __always_inline bool is_memory_fs(u64 magic)
{
	return magic == TMPFS_MAGIC || magic == HUGETLBFS_MAGIC;
}

/* Is the operation's file one that a row is wanted for? */
static __always_inline bool file_refused(u16 mode, u32 magic)
{
	u16 type = mode & S_IFMT;

	if (sn_cfg.pseudo_fs)
		return false;
	if (type != S_IFREG && type != S_IFDIR && type != S_IFBLK && type != S_IFLNK)
		return true;
	return is_pseudo_fs(magic);
}

/* Is it on a device, or a device itself, that --device left out? dev: of its file system. */
static __always_inline bool device_refused(u32 dev, u16 mode, struct inode *inode)
{
	if (!sn_cfg.nr_fs_devs)
		return false;
	if ((mode & S_IFMT) == S_IFBLK)
		dev = BPF_CORE_READ(inode, i_rdev);
	for (u32 i = 0; i < SN_MAX_FS_DEVS && i < sn_cfg.nr_fs_devs; i++)
		if (sn_cfg.fs_devs[i] == dev)
			return false;
	return true;
}

/* Tells a name that sn_name_is_new() said is new. False: there was no room. */
static __always_inline bool tell_new_name(struct sn_task *st, struct vfsmount *mnt, u64 key,
					  bool is_dir, u64 ts)
{
	st->walk.start_mnt = (u64)mnt;
	st->walk.ts = ts;
	if (sn_tell_name(sn_give(st), key, is_dir))
		return true;
	st->named[key >> 62] = 0;
	return false;
}

#endif
