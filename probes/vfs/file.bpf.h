/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* An operation's file: found, asked whether rows are wanted for it, named. */
#ifndef SONDE_VFS_FILE_BPF_H
#define SONDE_VFS_FILE_BPF_H

#include "sonde.bpf.h"

#define S_IFMT 0170000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFBLK 0060000
#define O_APPEND 02000

/* File systems that hold no data. */
static __always_inline bool is_pseudo_fs(u64 magic)
{
	switch (magic) {
	case 0x9fa0:     /* proc */
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
		return true;
	default:
		return false;
	}
}

/* Is the operation's file one that a row is wanted for? */
static __always_inline bool file_refused(u16 mode, u32 magic)
{
	u16 type = mode & S_IFMT;

	if (sn_cfg.pseudo_fs)
		return false;
	if (type != S_IFREG && type != S_IFDIR && type != S_IFBLK)
		return true;
	return is_pseudo_fs(magic);
}

/* The open file of a descriptor of a thread, or NULL; and whether others have the same descriptors. */
static __always_inline struct file *file_of_fd(struct task_struct *task, s32 fd, u32 *ret_shared)
{
	struct files_struct *files = sn_read(task, files);
	struct fdtable *fdt = sn_read(sn_cast(struct files_struct, files), fdt);
	struct list_head *entry;
	struct file *file;

	if (ret_shared)
		*ret_shared = sn_read(sn_cast(struct files_struct, files), count.counter) > 1;
	fdt = sn_cast(struct fdtable, fdt);
	if (!files || (u32)fd >= sn_read(fdt, max_fds))
		return NULL;
	/* An array of pointers, read as a struct that begins with one: casts know structs only. */
	entry = sn_cast(struct list_head, sn_read(fdt, fd) + (u32)fd);
	file = (void *)sn_read(entry, next);
	return file ? sn_cast(struct file, file) : NULL;
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

/*
 * Global: it is verified once, and not for each way that leads to it. Pointers are no
 * numbers to it before they have been in a map.
 */
__noinline int vfs_tell_name(u64 dentry, u64 mnt, u64 key, u32 is_dir)
{
	struct sn_task *st = sn_task_of(sn_current());

	if (!st)
		return 0;
	return sn_tell_name(&st->walk, (void *)dentry, (void *)mnt, key, is_dir & 1);
}

static __always_inline int tell_name(struct sn_task *st, const void *dentry, const void *mnt,
				     u64 key, bool is_dir)
{
	struct sn_walk *w = &st->walk;

	w->dentry = (u64)dentry;
	w->mnt = (u64)mnt;
	return vfs_tell_name(*(volatile u64 *)&w->dentry, *(volatile u64 *)&w->mnt, key, is_dir);
}

/* Tells the name of an open file that the thread has not met by it lately. False: there was no room. */
static __always_inline bool tell_name_of(struct sn_task *st, struct file *file, u64 key, u16 mode,
					 u64 ts)
{
	struct dentry *dentry = sn_read(file, f_path.dentry);

	if (!sn_name_is_new(st, key, dentry))
		return true;
	st->walk.ts = ts;
	if (tell_name(st, dentry, sn_read(file, f_path.mnt), key, (mode & S_IFMT) == S_IFDIR))
		return true;
	st->named[key >> 62] = 0;
	return false;
}

/*
 * What an inode is, once it is another than last time: its kind, whether rows are
 * wanted for it, its name. False: they are not.
 */
static __noinline int meet_inode(struct sn_task *st, struct file *file, struct inode *inode,
				 struct super_block *sb, u64 now)
{
	u64 key;

	if (!st)
		return 0;
	st->mode = sn_read(inode, i_mode);
	st->fs_magic = (u32)sn_read(sb, s_magic);
	st->refused =
		file_refused(st->mode, st->fs_magic) || device_refused(st->dev, st->mode, inode);
	if (st->refused || is_pseudo_fs(st->fs_magic))
		return !st->refused;
	key = sn_name_key(st->ino, st->dev, st->gen);
	if (!tell_name_of(st, file, key, st->mode, now ?: bpf_ktime_get_ns()))
		st->met_epoch = ~0ull; /* the next operation on it tries again */
	return 1;
}

/*
 * Notes the file in the thread's state. False: a row is not wanted for it. What
 * follows from the inode is kept from the last operation while it is the same one:
 * same place in memory, name, number, generation and device. now is that of a row that is
 * finished already, else 0.
 */
static __always_inline bool note_file(struct sn_task *st, struct file *file, u64 now)
{
	struct inode *inode = sn_cast(struct inode, sn_read(file, f_inode));
	struct super_block *sb = sn_cast(struct super_block, sn_read(inode, i_sb));
	u64 ino = sn_read(inode, i_ino), dentry = (u64)sn_read(file, f_path.dentry);
	u32 gen = sn_read(inode, i_generation), dev = sn_read(sb, s_dev);

	st->file = (u64)file;
	st->file_flags = sn_read(file, f_flags);
	st->pos = sn_read(file, f_pos);
	if (st->file_flags & O_APPEND)
		st->size = sn_read(inode, i_size);
	st->unlinked = sn_read(inode, i_nlink) == 0;
	st->has_file = 1;
	if (st->inode == (u64)inode && st->dentry == dentry && st->ino == ino && st->gen == gen &&
	    st->dev == dev && st->met_epoch == sn_name_epoch)
		return !st->refused;
	st->inode = (u64)inode;
	st->dentry = dentry;
	st->ino = ino;
	st->gen = gen;
	st->dev = dev;
	st->met_epoch = sn_name_epoch;
	return meet_inode(st, file, inode, sb, now);
}

#endif
