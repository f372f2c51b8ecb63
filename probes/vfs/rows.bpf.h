/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Rows of finished operations. Sizes, flags and vectors are read here, at the end,
 * when the kernel has touched the user's memory and it is present.
 */
#ifndef SONDE_VFS_ROWS_BPF_H
#define SONDE_VFS_ROWS_BPF_H

#include "compat.bpf.h"
#include "file.bpf.h"

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
SN_ONCE int sum_vectors(struct sn_task *st, u64 vec, u64 nr)
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

/* Does a write go to the end of the file, wherever it was asked to? */
static __always_inline bool appends(u16 mode, u32 file_flags, u32 rwf)
{
	if ((mode & S_IFMT) != S_IFREG)
		return false;
	return rwf & RWF_APPEND || (file_flags & O_APPEND && !(rwf & RWF_NOAPPEND));
}

/* An argument of the call: of registers, or those that st->regs notes where regs is NULL. */
static __always_inline u64 rw_arg(const struct sn_task *st, struct pt_regs *regs, int i)
{
	return regs ? sn_syscall_arg(regs, i) : sn_noted_arg(st->regs, i);
}

/* Over all vectors; false if they could not be read, and *ret is what could be. */
static __always_inline bool bytes_asked(struct sn_task *st, struct pt_regs *regs, u32 call,
					u64 *ret)
{
	bool known;

	*ret = rw_arg(st, regs, 2);
	if (!is_one_of(call, VECTORED))
		return true;
	known = sum_vectors(st, rw_arg(st, regs, 1), *ret);
	*ret = st->sum;
	return known;
}

static __always_inline u32 rwf_asked(const struct sn_task *st, struct pt_regs *regs, u32 call)
{
	return is_one_of(call, WITH_RWF) ? (u32)rw_arg(st, regs, 5) : 0;
}

/* Does the call say itself where it begins, and not leave that to where the file stands? */
static __always_inline bool offset_asked(const struct sn_task *st, struct pt_regs *regs, u32 call,
					 s64 *ret)
{
	s64 offset;

	if (!is_one_of(call, POSITIONED))
		return false;
	offset = (s64)rw_arg(st, regs, 3);
	if (offset == -1 && is_one_of(call, WITH_RWF))
		return false;
	*ret = offset;
	return true;
}

/* Such a one began where the file ended at entry, unless others made it grow as well. */
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

	if (call >= SN_CALL_write && st->has_file && appends(st->mode, st->file_flags, rwf))
		return find_end(st, ret, ret_offset);
	if (offset_asked(st, regs, call, ret_offset))
		return true;
	if (!st->has_file || !has_position(st->mode))
		return false;
	*ret_offset = st->pos;
	return sn_read(file, f_pos) == st->pos + done;
}

/* Does --min-latency or --errors leave out what took so long and ended so? */
static __always_inline bool end_refused(u64 dur_ns, s64 ret)
{
	return dur_ns < sn_cfg.min_latency_ns || (sn_cfg.errors_only && ret >= 0);
}

/* Fills FILE_BITS, and nothing else of the row. */
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
	bool bytes_known = bytes_asked(st, regs, call, &a->bytes);

	a->fd = (s32)sn_syscall_arg(regs, 0);
	a->valid = SN_VALID_BIT(struct sn_vfs_read, fd);
	if (bytes_known)
		a->valid |= SN_VALID_BIT(struct sn_vfs_read, requested_bytes);
	a->rwf = rwf_asked(st, regs, call);
	if (is_one_of(call, WITH_RWF))
		a->valid |= SN_VALID_BIT(struct sn_vfs_read, rwf);
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

#define FS_REQUIRES_DEV 1
#define S_DAX 0x2000
#define FUSE_MAGIC 0x65735546
#define EROFS_MAGIC 0xe0f5e1e2 /* may read by an inode that files share */

/* Does what is read and written of the operation's file pass the page cache, as that same file's, but for O_DIRECT? */
static __always_inline bool uses_cache(struct sn_task *st)
{
	struct inode *inode = sn_cast(struct inode, st->inode);
	struct file_system_type *type;
	struct super_block *sb;
	bool used;

	if (st->cache_use != SN_CACHE_UNASKED)
		return st->cache_use == SN_CACHE_USED;
	sb = sn_cast(struct super_block, sn_read(inode, i_sb));
	type = sn_cast(struct file_system_type, sn_read(sb, s_type));
	used = (st->mode & S_IFMT) == S_IFBLK ||
	       ((st->mode & S_IFMT) == S_IFREG && sn_read(type, fs_flags) & FS_REQUIRES_DEV &&
		st->fs_magic != FUSE_MAGIC && st->fs_magic != EROFS_MAGIC &&
		!(sn_read(inode, i_flags) & S_DAX));
	st->cache_use = used ? SN_CACHE_USED : SN_CACHE_UNUSED;
	return used;
}

/* Is each page seen that comes into the page cache? User space says so. */
u32 vfs_sees_pages SEC(".data.vfs_pages");

/*
 * How many pages a call read or wrote that did all it was asked for, or read up to the file's end;
 * false: that is not known, or not how many of them the page cache had.
 */
static __always_inline bool count_pages(struct sn_task *st, const struct rw_asked *asked, s64 ret,
					u32 *ret_pages)
{
	const u32 needed = SN_VALID_BIT(struct sn_vfs_read, requested_bytes) |
			   SN_VALID_BIT(struct sn_vfs_read, offset);
	u64 end = (u64)asked->offset + (u64)ret;
	struct file *file = sn_cast(struct file, st->file);
	struct address_space *mapping;
	struct inode *host;
	s64 size;

	if (!vfs_sees_pages || !st->has_file || st->file_flags & SN_O_DIRECT ||
	    (asked->valid & needed) != needed || ret < 0 || !uses_cache(st))
		return false;
	if ((u64)ret != asked->bytes || st->end_page) {
		mapping = sn_cast(struct address_space, sn_read(file, f_mapping));
		host = sn_cast(struct inode, sn_read(mapping, host));
		size = sn_read(host, i_size);
		if ((u64)ret != asked->bytes && (st->slot == SN_SLOT_vfs_write || end < (u64)size))
			return false;
		if (st->slot == SN_SLOT_vfs_read && st->end_page &&
		    size != st->size) /* grown or cut */
			return false;
	}
	*ret_pages = 0;
	if (ret)
		*ret_pages = (u32)((end - 1) >> sn_cfg.page_shift) -
			     (u32)((u64)asked->offset >> sn_cfg.page_shift) + 1;
	return st->missed <= *ret_pages;
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
	bool pages_known;
	u32 pages = 0;

	if (done < sn_cfg.min_bytes || done > sn_cfg.max_bytes)
		return SN_OUT_filtered;
	if (sn_sampled_out(cpu, slot))
		return SN_OUT_sampled;
	if (regs)
		asked_by_call(st, regs, call, ret, &asked);
	else
		asked_by_kernel(st, slot, &asked);
	pages_known = count_pages(st, &asked, ret, &pages);
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
	e->hit_pages = pages_known ? pages - st->missed : 0;
	e->miss_pages = pages_known ? st->missed : 0;
	if (pages_known)
		asked.valid |= SN_VALID_BIT(struct sn_vfs_read, hit_pages) |
			       SN_VALID_BIT(struct sn_vfs_read, miss_pages);
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
	u32 pad;
};

static __always_inline void read_open_args(struct pt_regs *regs, u32 call, struct open_args *a)
{
	struct user_open_how how = {};

	a->dirfd = AT_FDCWD;
	a->mode = 0;
	a->pad = 0;
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
			sn_set(e, dir_ino, st->entry.dir_ino);                                  \
			sn_set(e, dir_dev, st->entry.dir_dev);                                  \
			sn_set(e, dir_gen, st->entry.dir_gen);                                  \
		}                                                                               \
		sn_submit(e);                                                                   \
		sn_emitted(cpu, SN_SLOT_vfs_open);                                              \
		return SN_OUT_emitted;                                                          \
	} while (0)

SN_ONCE int emit_failed_open(struct sn_task *st, struct open_args *a, u32 call, s64 ret, u64 now)
{
	struct sn_percpu *cpu = sn_this_cpu();
	enum looked looked;
	bool in_dir;

	if (!cpu || !st || !a)
		return SN_OUT_lost_map;
	looked = note_dir(st, &st->entry, a->name, a->dirfd, ANY_BASE, false, now);
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
		return sn_outcome(emit_failed_open(st, &a, call, ret, now));
	e = sn_reserve(cpu, SN_SLOT_vfs_open, sizeof(*e));
	if (!e)
		return SN_OUT_lost_ring;
	fill_open(e, st, &a, call, ret, now);
	sn_submit(e);
	sn_emitted_as(cpu, SN_SLOT_vfs_open, alone);
	return SN_OUT_emitted;
}

#endif
