/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Rows of finished operations. Sizes, flags and vectors are read here, at the end,
 * when the kernel has touched the user's memory and it is present.
 */
#ifndef SONDE_VFS_ROWS_BPF_H
#define SONDE_VFS_ROWS_BPF_H

#include "compat.bpf.h"
#include "file.bpf.h"

#define AT_FDCWD (-100)
#define MAX_VECTORS 1024   /* UIO_MAXIOV */
#define VECTORS_AT_ONCE 15 /* all ones */
#define O_CREAT 0100
#define RWF_APPEND 0x10
#define RWF_NOAPPEND 0x20
#define O_TMPFILE_BIT 020000000

static __noinline long add_vectors(u32 unused, void *ctx)
{
	struct user_iovec iov[VECTORS_AT_ONCE] = {};
	struct sn_task *st = *(struct sn_task **)ctx;
	s64 n = (s64)st->nr_vectors - VECTORS_AT_ONCE;

	/* The smaller of both, without a branch: two ways a round are too many for the verifier of 5.10. */
	barrier_var(n);
	n = ((n & n >> 63) + VECTORS_AT_ONCE) & VECTORS_AT_ONCE;
	if (!n || bpf_probe_read_user(iov, (u32)n * sizeof(iov[0]), (void *)st->vectors))
		return 1;
	for (u32 k = 0; k < VECTORS_AT_ONCE; k++)
		st->sum += iov[k].len;
	st->vectors += sizeof(iov);
	st->nr_vectors -= (u64)n;
	return 0;
}

/* Bytes of a user's vectors into st->sum; false if they cannot be read. */
static __noinline int sum_vectors(struct sn_task *st, u64 vec, u64 nr)
{
	if (!st || nr > MAX_VECTORS)
		return 0;
	st->vectors = vec;
	st->nr_vectors = nr;
	st->sum = 0;
	sn_repeat(MAX_VECTORS / VECTORS_AT_ONCE + 1, add_vectors, &st);
	return st->nr_vectors == 0;
}

#define CALL(name) (1u << SN_CALL_##name)
#define VECTORED \
	(CALL(readv) | CALL(preadv) | CALL(preadv2) | CALL(writev) | CALL(pwritev) | CALL(pwritev2))
#define POSITIONED                                                                       \
	(CALL(pread64) | CALL(preadv) | CALL(preadv2) | CALL(pwrite64) | CALL(pwritev) | \
	 CALL(pwritev2))
#define WITH_RWF (CALL(preadv2) | CALL(pwritev2))
_Static_assert(SN_CALL_pwritev2 < 32, "a set of reads and writes is a bit per call in a u32");

static __always_inline bool is_one_of(u32 call, u32 set)
{
	return set >> (call & 31) & 1;
}

/*
 * Does a write go to the end of the file, wherever the call says? If it does, it began
 * where the file ended at entry, unless others made it grow as well.
 */
static __always_inline bool appends(const struct sn_task *st, u32 call, u32 rwf)
{
	if (call < SN_CALL_write || !st->has_file || (st->mode & S_IFMT) != S_IFREG)
		return false;
	return rwf & RWF_APPEND || (st->file_flags & O_APPEND && !(rwf & RWF_NOAPPEND));
}

static __always_inline bool find_end(const struct sn_task *st, s64 ret, s64 *ret_offset)
{
	struct inode *inode = sn_cast(struct inode, st->inode);

	*ret_offset = st->size;
	return st->file_flags & O_APPEND && ret >= 0 && sn_read(inode, i_size) == st->size + ret;
}

/*
 * Where a read or write began. The file's own position is right unless another
 * thread moved it between entry and exit; then it is not known.
 */
static __always_inline bool find_offset(const struct sn_task *st, struct pt_regs *regs, u32 call,
					u32 rwf, s64 ret, s64 *ret_offset)
{
	struct file *file = sn_cast(struct file, st->file);
	s64 done = ret > 0 ? ret : 0;

	if (appends(st, call, rwf))
		return find_end(st, ret, ret_offset);
	if (is_one_of(call, POSITIONED)) {
		*ret_offset = (s64)sn_syscall_arg(regs, 3);
		if (*ret_offset != -1 || !is_one_of(call, WITH_RWF))
			return true;
	}
	if (!st->has_file || ((st->mode & S_IFMT) != S_IFREG && (st->mode & S_IFMT) != S_IFBLK))
		return false;
	*ret_offset = st->pos;
	return sn_read(file, f_pos) == st->pos + done;
}

/* What an event says of its file is known or unknown together. */
#define FILE_BITS(ev)                                                       \
	(SN_VALID_BIT(struct ev, ino) | SN_VALID_BIT(struct ev, dev) |      \
	 SN_VALID_BIT(struct ev, gen) | SN_VALID_BIT(struct ev, fs_magic) | \
	 SN_VALID_BIT(struct ev, file_type))

/* Fills them, and nothing else of the row. */
#define FILL_FILE(e, ev, st)                             \
	do {                                             \
		(e)->ino = (st)->ino;                    \
		(e)->dev = (st)->dev;                    \
		(e)->gen = (st)->gen;                    \
		(e)->fs_magic = (st)->fs_magic;          \
		(e)->file_type = (st)->mode & S_IFMT;    \
		if ((st)->has_file)                      \
			(e)->hdr.valid |= FILE_BITS(ev); \
	} while (0)

/* What a read or write asked for; valid is of the row's columns. */
struct rw_asked {
	u64 bytes;
	s64 offset;
	s32 fd;
	u32 rwf, valid;
};

static __always_inline void asked_by_call(struct sn_task *st, struct pt_regs *regs, u32 call,
					  s64 ret, struct rw_asked *a)
{
	bool bytes_known = true;

	a->bytes = sn_syscall_arg(regs, 2);
	if (is_one_of(call, VECTORED)) {
		bytes_known = sum_vectors(st, sn_syscall_arg(regs, 1), a->bytes);
		a->bytes = st->sum;
	}
	a->fd = (s32)sn_syscall_arg(regs, 0);
	a->valid = SN_VALID_BIT(struct sn_vfs_read, fd);
	if (bytes_known)
		a->valid |= SN_VALID_BIT(struct sn_vfs_read, requested_bytes);
	a->rwf = 0;
	if (is_one_of(call, WITH_RWF)) {
		a->rwf = (u32)sn_syscall_arg(regs, 5);
		a->valid |= SN_VALID_BIT(struct sn_vfs_read, rwf);
	}
	a->offset = 0;
	if (find_offset(st, regs, call, a->rwf, ret, &a->offset))
		a->valid |= SN_VALID_BIT(struct sn_vfs_read, offset);
}

/* What kernel_begins() noted. Where an appending write goes is known to nobody before. */
static __always_inline void asked_by_kernel(struct sn_task *st, u32 slot, struct rw_asked *a)
{
	a->bytes = st->sum;
	a->fd = 0;
	a->rwf = 0;
	a->offset = st->pos;
	a->valid = SN_VALID_BIT(struct sn_vfs_read, requested_bytes);
	if (slot == SN_SLOT_vfs_read || !(st->file_flags & O_APPEND))
		a->valid |= SN_VALID_BIT(struct sn_vfs_read, offset);
}

/*
 * The emit functions: regs is NULL for what a thread of the kernel asked for, alone
 * see sn_add(). They return what became of the row.
 */

/* Rows of reads and of writes have the same members; the structs are equal. */
static __always_inline int emit_rw(struct sn_percpu *cpu, struct sn_task *st, u32 slot,
				   struct pt_regs *regs, u32 call, s64 ret, u64 now, bool alone)
{
	u64 done = ret > 0 ? ret : 0;
	struct rw_asked asked;
	struct sn_vfs_read *e;

	if (done < sn_cfg.min_bytes || done > sn_cfg.max_bytes)
		return SN_OUT_filtered;
	if (sn_sampled_out(cpu, slot))
		return SN_OUT_sampled;
	if (regs)
		asked_by_call(st, regs, call, ret, &asked);
	else
		asked_by_kernel(st, slot, &asked);
	e = sn_reserve(cpu, slot, sizeof(*e));
	if (!e)
		return SN_OUT_lost_ring;

	sn_header(&e->hdr, slot == SN_SLOT_vfs_read ? SN_EV_vfs_read : SN_EV_vfs_write, now, st);
	e->dur_ns = now - st->start_ns;
	e->requested_bytes = asked.bytes;
	e->ret = ret;
	e->fd = asked.fd;
	e->offset = asked.offset;
	e->rwf = asked.rwf;
	e->file_flags = st->file_flags;
	if (st->has_file)
		asked.valid |= SN_VALID_BIT(struct sn_vfs_read, file_flags);
	e->hdr.valid = asked.valid;
	FILL_FILE(e, sn_vfs_read, st);
	e->call = (u16)call;
	e->origin = regs ? SN_ORIGIN_user : SN_ORIGIN_kernel;
	e->unlinked = st->has_file & st->unlinked;
	e->pad0 = 0;
	sn_submit(e);
	sn_emitted_as(cpu, slot, alone);
	return SN_OUT_emitted;
}

static __always_inline int emit_close(struct sn_percpu *cpu, struct sn_task *st,
				      struct pt_regs *regs, s64 ret, u64 now, bool alone)
{
	struct sn_vfs_close *e;

	if (sn_sampled_out(cpu, SN_SLOT_vfs_close))
		return SN_OUT_sampled;
	e = sn_reserve(cpu, SN_SLOT_vfs_close, sizeof(*e));
	if (!e)
		return SN_OUT_lost_ring;
	sn_header(&e->hdr, SN_EV_vfs_close, now, st);
	e->dur_ns = now - st->start_ns;
	e->ret = ret;
	e->fd = (s32)sn_syscall_arg(regs, 0);
	FILL_FILE(e, sn_vfs_close, st);
	e->unlinked = st->has_file & st->unlinked;
	e->pad0 = 0;
	e->pad1 = 0;
	sn_submit(e);
	sn_emitted_as(cpu, SN_SLOT_vfs_close, alone);
	return SN_OUT_emitted;
}

static __always_inline int emit_fsync(struct sn_percpu *cpu, struct sn_task *st,
				      struct pt_regs *regs, u32 call, s64 ret, u64 now, bool alone)
{
	struct sn_vfs_fsync *e;

	if (sn_sampled_out(cpu, SN_SLOT_vfs_fsync))
		return SN_OUT_sampled;
	e = sn_reserve(cpu, SN_SLOT_vfs_fsync, sizeof(*e));
	if (!e)
		return SN_OUT_lost_ring;
	sn_header(&e->hdr, SN_EV_vfs_fsync, now, st);
	e->dur_ns = now - st->start_ns;
	e->ret = ret;
	e->offset = 0;
	e->length = 0;
	e->sync_flags = 0;
	e->fd = 0;
	if (regs && call != SN_CALL_sync)
		sn_set(e, fd, (s32)sn_syscall_arg(regs, 0));
	if (regs && call == SN_CALL_sync_file_range) {
		sn_set(e, offset, (s64)sn_syscall_arg(regs, 1));
		sn_set(e, length, (s64)sn_syscall_arg(regs, 2));
		sn_set(e, sync_flags, (u32)sn_syscall_arg(regs, 3));
	}
	FILL_FILE(e, sn_vfs_fsync, st);
	e->call = (u16)call;
	e->origin = regs ? SN_ORIGIN_user : SN_ORIGIN_kernel;
	e->unlinked = st->has_file & st->unlinked;
	e->pad0 = 0;
	e->pad1 = 0;
	sn_submit(e);
	sn_emitted_as(cpu, SN_SLOT_vfs_fsync, alone);
	return SN_OUT_emitted;
}

/* What an open asked for, from its arguments. */
struct open_args {
	u64 name; /* user pointer; 0 for a file handle */
	s32 dirfd;
	u32 flags, mode;
};

static __always_inline void read_open_args(struct pt_regs *regs, u32 call, struct open_args *a)
{
	struct user_open_how how = {};

	a->dirfd = AT_FDCWD;
	a->mode = 0;
	switch (call) {
	case SN_CALL_open:
		a->name = sn_syscall_arg(regs, 0);
		a->flags = (u32)sn_syscall_arg(regs, 1);
		a->mode = (u32)sn_syscall_arg(regs, 2);
		break;
	case SN_CALL_creat:
		a->name = sn_syscall_arg(regs, 0);
		a->flags = O_CREAT | 01 /* O_WRONLY */ | 01000 /* O_TRUNC */;
		a->mode = (u32)sn_syscall_arg(regs, 1);
		break;
	case SN_CALL_openat:
		a->dirfd = (s32)sn_syscall_arg(regs, 0);
		a->name = sn_syscall_arg(regs, 1);
		a->flags = (u32)sn_syscall_arg(regs, 2);
		a->mode = (u32)sn_syscall_arg(regs, 3);
		break;
	case SN_CALL_openat2:
		a->dirfd = (s32)sn_syscall_arg(regs, 0);
		a->name = sn_syscall_arg(regs, 1);
		bpf_probe_read_user(&how, sizeof(how), (void *)sn_syscall_arg(regs, 2));
		a->flags = (u32)how.flags;
		a->mode = (u32)how.mode;
		break;
	default: /* open_by_handle_at */
		a->name = 0;
		a->flags = (u32)sn_syscall_arg(regs, 2);
		break;
	}
	if (!(a->flags & (O_CREAT | O_TMPFILE_BIT)))
		a->mode = 0;
	a->mode &= 07777;
}

static __always_inline void fill_open(struct sn_vfs_open *e, struct sn_task *st,
				      const struct open_args *a, u32 call, s64 ret, u64 now)
{
	sn_header(&e->hdr, SN_EV_vfs_open, now, st);
	e->dur_ns = now - st->start_ns;
	e->ret = ret;
	e->flags = a->flags;
	e->mode = a->mode;
	e->call = (u16)call;
	e->origin = SN_ORIGIN_user;
	e->name.off = 0;
	e->name.len = 0;
	e->pad0 = 0;
	e->pad1 = 0;
	FILL_FILE(e, sn_vfs_open, st);
	e->dir_ino = 0;
	e->dir_dev = 0;
	e->dir_gen = 0;
}

/* Where a failed open looked. */
enum looked {
	LOOKED_SOMEWHERE,
	LOOKED_IN_DIR, /* which is known */
	LOOKED_IN_PSEUDO,
};

/*
 * Does a name begin with "/proc/" or "/sys/"? What else an absolute name leads to is not
 * known. begin: its first six bytes.
 */
static __always_inline bool is_pseudo_name(u64 begin)
{
	return (begin == 0x2f636f72702full) | ((begin & 0xffffffffffull) == 0x2f7379732full);
}

/*
 * The directory that a failed open's relative name began at, into st->dir_*; its
 * name is told.
 */
static __always_inline enum looked note_dir(struct sn_task *st, const struct open_args *a, u64 now)
{
	struct task_struct *task = sn_current();
	struct dentry *dentry;
	struct super_block *sb;
	struct vfsmount *mnt;
	struct inode *inode;
	struct file *file;
	u64 key, begin = 0;

	if (!a->name || bpf_probe_read_user_str(&begin, 7, (void *)a->name) < 2)
		return LOOKED_SOMEWHERE;
	if ((begin & 0xff) == '/')
		return !sn_cfg.pseudo_fs && is_pseudo_name(begin) ? LOOKED_IN_PSEUDO
								  : LOOKED_SOMEWHERE;
	if (a->dirfd == AT_FDCWD) {
		struct fs_struct *fs = sn_cast(struct fs_struct, sn_read(task, fs));

		dentry = sn_read(fs, pwd.dentry);
		mnt = sn_read(fs, pwd.mnt);
	} else {
		file = file_of_fd(task, a->dirfd, NULL);
		if (!file)
			return LOOKED_SOMEWHERE;
		dentry = sn_read(file, f_path.dentry);
		mnt = sn_read(file, f_path.mnt);
	}
	inode = sn_read(sn_cast(struct dentry, dentry), d_inode);
	inode = sn_cast(struct inode, inode);
	sb = sn_cast(struct super_block, sn_read(inode, i_sb));
	if (file_refused(S_IFDIR, sn_read(sb, s_magic)))
		return LOOKED_IN_PSEUDO;
	st->dir_ino = sn_read(inode, i_ino);
	st->dir_gen = sn_read(inode, i_generation);
	st->dir_dev = sn_read(sb, s_dev);
	key = sn_name_key(st->dir_ino, st->dir_dev, st->dir_gen);
	if (!sn_name_is_new(st, key, dentry))
		return LOOKED_IN_DIR;
	st->walk.ts = now;
	if (!tell_name(st, dentry, mnt, key, true))
		st->named[key >> 62] = 0;
	return LOOKED_IN_DIR;
}

/* A failed open, with the name behind it. 0: the name did not fit into the room. */
#define EMIT_FAILED_OPEN(room)                                                                  \
	do {                                                                                    \
		struct sn_vfs_open *e = sn_reserve(cpu, SN_SLOT_vfs_open, sizeof(*e) + (room)); \
		long len;                                                                       \
                                                                                                \
		if (!e)                                                                         \
			return SN_OUT_lost_ring;                                                \
		fill_open(e, st, a, call, ret, now);                                            \
		len = a->name ? bpf_probe_read_user_str(e + 1, room, (void *)a->name) : 0;      \
		if (len == (room) && (room) < 4096) {                                           \
			bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);                               \
			break;                                                                  \
		}                                                                               \
		if (len > 1) {                                                                  \
			e->name.off = sizeof(*e);                                               \
			e->name.len = (u16)(len - 1);                                           \
		}                                                                               \
		if (in_dir) {                                                                   \
			sn_set(e, dir_ino, st->dir_ino);                                        \
			sn_set(e, dir_dev, st->dir_dev);                                        \
			sn_set(e, dir_gen, st->dir_gen);                                        \
		}                                                                               \
		sn_submit(e);                                                                   \
		sn_emitted(cpu, SN_SLOT_vfs_open);                                              \
		return SN_OUT_emitted;                                                          \
	} while (0)

static __noinline int emit_failed_open(struct sn_task *st, struct open_args *a, u32 call, s64 ret,
				       u64 now)
{
	struct sn_percpu *cpu = sn_this_cpu();
	enum looked looked;
	bool in_dir;

	if (!cpu || !st || !a)
		return SN_OUT_lost_map;
	looked = note_dir(st, a, now);
	if (looked == LOOKED_IN_PSEUDO)
		return SN_OUT_filtered;
	if (sn_sampled_out(cpu, SN_SLOT_vfs_open))
		return SN_OUT_sampled;
	in_dir = looked == LOOKED_IN_DIR;
	EMIT_FAILED_OPEN(256);
	EMIT_FAILED_OPEN(4096);
	return SN_OUT_lost_ring;
}

static __always_inline int emit_open(struct sn_percpu *cpu, struct sn_task *st,
				     struct pt_regs *regs, u32 call, s64 ret, u64 now, bool alone)
{
	struct sn_vfs_open *e;
	struct open_args a;
	struct file *file;

	if (ret >= 0) {
		file = file_of_fd(sn_current(), (s32)ret, NULL);
		if (file && !note_file(st, file, now))
			return SN_OUT_filtered;
	} else if (sn_cfg.nr_fs_devs) {
		return SN_OUT_filtered; /* whatever it would have been on */
	}
	if (ret >= 0 && sn_sampled_out(cpu, SN_SLOT_vfs_open))
		return SN_OUT_sampled;
	read_open_args(regs, call, &a);
	if (ret < 0)
		return emit_failed_open(st, &a, call, ret, now);
	e = sn_reserve(cpu, SN_SLOT_vfs_open, sizeof(*e));
	if (!e)
		return SN_OUT_lost_ring;
	fill_open(e, st, &a, call, ret, now);
	sn_submit(e);
	sn_emitted_as(cpu, SN_SLOT_vfs_open, alone);
	return SN_OUT_emitted;
}

#endif
