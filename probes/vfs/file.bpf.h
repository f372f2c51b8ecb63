/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* An operation's file: found, asked whether rows are wanted for it, named. */
#ifndef SONDE_VFS_FILE_BPF_H
#define SONDE_VFS_FILE_BPF_H

#include "inode.bpf.h"

#define O_APPEND 02000
#define AT_FDCWD (-100)
#define EFAULT 14
#define ANY_BASE (~0ull)

/* What an event says of its file is known or unknown together. */
#define FILE_BITS(ev)                                                       \
	(SN_VALID_BIT(struct ev, ino) | SN_VALID_BIT(struct ev, dev) |      \
	 SN_VALID_BIT(struct ev, gen) | SN_VALID_BIT(struct ev, fs_magic) | \
	 SN_VALID_BIT(struct ev, file_type))

/* Does a file of this mode have a position that reads and writes begin at? */
static __always_inline bool has_position(u16 mode)
{
	return (mode & S_IFMT) == S_IFREG || (mode & S_IFMT) == S_IFBLK;
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

/* Tells the name of an open file that the thread has not met by it lately. False: there was no room. */
static __always_inline bool tell_name_of(struct sn_task *st, struct file *file, u64 key, u16 mode,
					 u64 ts)
{
	return !sn_name_is_new(st, key, sn_read(file, f_path.dentry)) ||
	       tell_new_name(st, sn_read(file, f_path.mnt), key, (mode & S_IFMT) == S_IFDIR, ts);
}

/*
 * What an inode is, once it is another than last time: its kind, whether rows are
 * wanted for it, its name. False: they are not.
 */
SN_ONCE int meet_inode(struct sn_task *st, u64 now)
{
	struct super_block *sb;
	struct inode *inode;
	u64 key;

	if (!st)
		return 0;
	inode = sn_cast(struct inode, st->inode);
	sb = sn_cast(struct super_block, sn_read(inode, i_sb));
	st->mode = sn_read(inode, i_mode);
	st->fs_magic = (u32)sn_read(sb, s_magic);
	st->cache_use = SN_CACHE_UNASKED;
	st->refused =
		file_refused(st->mode, st->fs_magic) || device_refused(st->dev, st->mode, inode);
	if (st->refused || is_pseudo_fs(st->fs_magic))
		return !st->refused;
	key = sn_name_key(st->ino, st->dev, st->gen);
	if (sn_name_is_new(st, key, (struct dentry *)st->dentry) &&
	    !tell_new_name(st, (struct vfsmount *)st->mnt, key, (st->mode & S_IFMT) == S_IFDIR,
			   now ?: bpf_ktime_get_ns()))
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
	st->mnt = (u64)sn_read(file, f_path.mnt);
	st->met_epoch = sn_name_epoch;
	return meet_inode(st, now);
}

/* The same of what a name was found to lead to, which is not open. */
static __always_inline bool note_found(struct sn_task *st, struct dentry *arg, struct vfsmount *mnt,
				       u64 now)
{
	struct dentry *dentry = sn_cast(struct dentry, arg);
	struct inode *inode = sn_read(dentry, d_inode);
	struct super_block *sb;

	inode = sn_cast(struct inode, inode);
	sb = sn_cast(struct super_block, sn_read(inode, i_sb));
	st->file = 0;
	st->inode = (u64)inode;
	st->dentry = (u64)dentry;
	st->mnt = (u64)mnt;
	st->ino = sn_read(inode, i_ino);
	st->gen = sn_read(inode, i_generation);
	st->dev = sn_read(sb, s_dev);
	st->unlinked = sn_read(inode, i_nlink) == 0;
	st->has_file = 1;
	st->met_epoch = sn_name_epoch;
	return meet_inode(st, now);
}

/* Notes a directory and tells its name. False: what stands in it is not wanted. */
static __always_inline bool note_dir_itself(struct sn_task *st, struct sn_entry *at,
					    struct dentry *dentry, struct vfsmount *mnt, u64 now)
{
	struct inode *inode = sn_read(sn_cast(struct dentry, dentry), d_inode);
	struct super_block *sb;
	u64 key;

	inode = sn_cast(struct inode, inode);
	sb = sn_cast(struct super_block, sn_read(inode, i_sb));
	if (file_refused(S_IFDIR, sn_read(sb, s_magic)))
		return false;
	at->dir_ino = sn_read(inode, i_ino);
	at->dir_gen = sn_read(inode, i_generation);
	at->dir_dev = sn_read(sb, s_dev);
	key = sn_name_key(at->dir_ino, at->dir_dev, at->dir_gen);
	if (sn_name_is_new(st, key, dentry))
		tell_new_name(st, mnt, key, true, now);
	return true;
}

/* Where a name is looked for. */
enum looked {
	LOOKED_SOMEWHERE,
	LOOKED_IN_DIR, /* which is known */
	LOOKED_IN_PSEUDO,
};

/*
 * Does a name begin with "/proc/" or "/sys/"? What else an absolute name leads to is not
 * known. begin: its first six bytes.
 */
static __always_inline bool is_pseudo_name(u64 begin, bool changed)
{
	return (!changed & (begin == 0x2f636f72702full)) |
	       ((begin & 0xffffffffffull) == 0x2f7379732full);
}

/* Where a relative name begins; NULL: dirfd is no open file. */
static __always_inline struct dentry *base_of(s32 dirfd, struct vfsmount **ret_mnt)
{
	struct task_struct *task = sn_current();
	struct dentry *dentry;
	struct file *file;

	if (dirfd == AT_FDCWD) {
		struct fs_struct *fs = sn_cast(struct fs_struct, sn_read(sn_any_task(task), fs));

		*ret_mnt = sn_read(fs, pwd.mnt);
		dentry = sn_read(fs, pwd.dentry);
	} else {
		file = file_of_fd(task, dirfd, NULL);
		if (!file)
			return NULL;
		*ret_mnt = sn_read(file, f_path.mnt);
		dentry = sn_read(file, f_path.dentry);
	}
	return dentry;
}

/*
 * The directory at which a name begins that the user has at name, if that is relative. base: what it
 * was when the call began, 0 for nothing, or ANY_BASE. changed: a name was made or removed there; not in
 * /proc, then, where there is none to make: a link led on (/proc/self/cwd).
 */
static __always_inline enum looked note_dir(struct sn_task *st, struct sn_entry *at, u64 name,
					    s32 dirfd, u64 base, bool changed, u64 now)
{
	struct super_block *sb;
	struct dentry *dentry;
	struct vfsmount *mnt;
	u64 begin = 0;

	if (!name || bpf_probe_read_user_str(&begin, 7, (void *)name) < 2)
		return LOOKED_SOMEWHERE;
	if ((begin & 0xff) == '/')
		return !sn_cfg.pseudo_fs && is_pseudo_name(begin, changed) ? LOOKED_IN_PSEUDO
									   : LOOKED_SOMEWHERE;
	dentry = base_of(dirfd, &mnt);
	if (!dentry || (base != ANY_BASE && base != (u64)dentry))
		return LOOKED_SOMEWHERE;
	dentry = sn_cast(struct dentry, dentry);
	sb = sn_read(dentry, d_sb);
	sb = sn_cast(struct super_block, sb);
	if (changed && sn_read(sb, s_magic) == PROC_MAGIC)
		return LOOKED_SOMEWHERE;
	return note_dir_itself(st, at, dentry, mnt, now) ? LOOKED_IN_DIR : LOOKED_IN_PSEUDO;
}

#endif
