/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Calls about one file, by a descriptor or by a name: stat, chmod, truncate, fallocate, getdents,
 * chdir and their like. What a descriptor means is looked up at the end, if it is what it was at the entry;
 * where a name leads is seen where the kernel asks security modules.
 */
#ifndef SONDE_VFS_ATTR_BPF_H
#define SONDE_VFS_ATTR_BPF_H

#include "entry.bpf.h"

#define ATTR_EVENTS                                                     \
	(1ull << SN_SLOT_vfs_getattr | 1ull << SN_SLOT_vfs_setattr |    \
	 1ull << SN_SLOT_vfs_truncate | 1ull << SN_SLOT_vfs_fallocate | \
	 1ull << SN_SLOT_vfs_readdir | 1ull << SN_SLOT_vfs_chdir)

#define SN_CALL_FIRST_ATTR SN_CALL_stat
#define SN_CALL_LAST_ATTR SN_CALL_fchdir
#define AT_EMPTY_PATH 0x1000

/* Of a call, in this order; HOW_DIRFD and HOW_NAME are those of entry.bpf.h. A call without a name is by descriptor. */
enum {
	HOW_FLAGS = HOW_NAME + 1,
	HOW_FIRST, /* mode, owner, length, offset; the mask of statx */
	HOW_SECOND,
};

/* clang-format off */
#define ATTR(call, dirfd, name, flags, first, second) \
	[SN_CALL_##call - SN_CALL_FIRST_ATTR] = { dirfd, name, flags, first, second }
const volatile u8 vfs_attr_calls[32][8] SEC(".rodata.vfs_attr_calls") = {
	ATTR(stat,       ARG_CWD, 0, ARG_NONE, ARG_NONE, ARG_NONE),
	ATTR(lstat,      ARG_CWD, 0, ARG_NONE, ARG_NONE, ARG_NONE),
	ATTR(fstat,      0, ARG_NONE, ARG_NONE, ARG_NONE, ARG_NONE),
	ATTR(newfstatat, 0, 1, 3,        ARG_NONE, ARG_NONE),
	ATTR(statx,      0, 1, 2,        3,        ARG_NONE),
	ATTR(chmod,      ARG_CWD, 0, ARG_NONE, 1, ARG_NONE),
	ATTR(fchmod,     0, ARG_NONE, ARG_NONE, 1, ARG_NONE),
	ATTR(fchmodat,   0, 1, ARG_NONE, 2, ARG_NONE),
	ATTR(chown,      ARG_CWD, 0, ARG_NONE, 1, 2),
	ATTR(lchown,     ARG_CWD, 0, ARG_NONE, 1, 2),
	ATTR(fchown,     0, ARG_NONE, ARG_NONE, 1, 2),
	ATTR(fchownat,   0, 1, 4,        2, 3),
	ATTR(utime,      ARG_CWD, 0, ARG_NONE, ARG_NONE, ARG_NONE),
	ATTR(utimes,     ARG_CWD, 0, ARG_NONE, ARG_NONE, ARG_NONE),
	ATTR(futimesat,  0, 1, ARG_NONE, ARG_NONE, ARG_NONE),
	ATTR(utimensat,  0, 1, 3,        ARG_NONE, ARG_NONE),
	ATTR(truncate,   ARG_CWD, 0, ARG_NONE, 1, ARG_NONE),
	ATTR(ftruncate,  0, ARG_NONE, ARG_NONE, 1, ARG_NONE),
	ATTR(fallocate,  0, ARG_NONE, 1,        2, 3),
	ATTR(getdents,   0, ARG_NONE, ARG_NONE, 2, ARG_NONE),
	ATTR(getdents64, 0, ARG_NONE, ARG_NONE, 2, ARG_NONE),
	ATTR(chdir,      ARG_CWD, 0, ARG_NONE, ARG_NONE, ARG_NONE),
	ATTR(fchdir,     0, ARG_NONE, ARG_NONE, ARG_NONE, ARG_NONE),
};
/* clang-format on */
_Static_assert(SN_CALL_LAST_ATTR - SN_CALL_FIRST_ATTR < 32, "each call has a row");

static __always_inline bool is_attr_call(u32 call)
{
	return call >= SN_CALL_FIRST_ATTR && call <= SN_CALL_LAST_ATTR;
}

/* With a name: is it empty, or none, where the call takes that? ret -EFAULT: it does not take none. */
static __always_inline bool has_no_name(const struct sn_task *st, const volatile u8 *how, u32 call,
					s64 ret)
{
	bool may_be_empty = argument(st, how, HOW_FLAGS) & AT_EMPTY_PATH;
	u64 name = argument(st, how, HOW_NAME);
	u8 first = 1;

	if (!name)
		return ret != -EFAULT &&
		       (may_be_empty || call == SN_CALL_utimensat || call == SN_CALL_futimesat);
	return may_be_empty && !bpf_probe_read_user(&first, 1, (void *)name) && !first;
}

/* When such a call begins: what the descriptor means, and where a relative name begins. */
__noinline int vfs_attr_begins(sn_given given, u32 call)
{
	const volatile u8 *how = vfs_attr_calls[(call - SN_CALL_FIRST_ATTR) & 31];
	struct sn_task *st = sn_take(given);
	struct vfsmount *mnt = NULL;
	struct file *file = NULL;
	s32 fd;

	if (!st)
		return 0;
	fd = (s32)argument(st, how, HOW_DIRFD);
	if (how[HOW_DIRFD] != ARG_CWD && fd != AT_FDCWD)
		file = file_of_fd(sn_current(), fd, NULL);
	st->file = (u64)file;
	st->pos = file ? (s64)sn_read(file, f_pos) : 0;
	st->entry.base = file ? (u64)sn_read(file, f_path.dentry) : (u64)base_of(fd, &mnt);
	st->has_file = 0;
	return 0;
}

static __always_inline void attr_begins(struct sn_task *st, struct pt_regs *regs, u32 call)
{
	keep_args(st, regs);
	vfs_attr_begins(sn_give(st), call);
}

/* ---- what the kernel found ---- */

/* The kernel may try twice (ESTALE); a file below another (of an overlay) is on another file system. */
static __always_inline bool is_again(const struct sn_task *st, struct path *path)
{
	struct dentry *noted = (struct dentry *)st->dentry;

	return BPF_CORE_READ(path, dentry, d_sb) == BPF_CORE_READ(noted, d_sb);
}

static __always_inline int path_is_found(enum sn_prog prog, u32 slot, struct path *path)
{
	struct sn_task *st = sn_this_task();

	if (!st || st->state == SN_OP_FILTERED)
		return sn_count(prog, SN_OUT_filtered);
	if (st->state != SN_OP_STORED || st->slot != slot || (st->has_file && !is_again(st, path)))
		return sn_count(prog, SN_OUT_ignored);
	note_found(st, BPF_CORE_READ(path, dentry), BPF_CORE_READ(path, mnt), 0);
	return sn_count(prog, SN_OUT_aggregated);
}

#define PATH_HOOK(name, func, slot)                                              \
	SEC("?fentry/" #func)                                                    \
	int BPF_PROG(vfs_##name, struct path *path)                              \
	{                                                                        \
		return path_is_found(SN_P_vfs_##name, SN_SLOT_##slot, path);     \
	}                                                                        \
	SEC("?kprobe/" #func)                                                    \
	int BPF_KPROBE(vfs_##name##_k, struct path *path)                        \
	{                                                                        \
		return path_is_found(SN_P_vfs_##name##_k, SN_SLOT_##slot, path); \
	}
PATH_HOOK(getattr_at, security_inode_getattr, vfs_getattr)
PATH_HOOK(truncate_at, security_path_truncate, vfs_truncate)
PATH_HOOK(chmod_at, security_path_chmod, vfs_setattr)

SEC("?kprobe/security_path_chown")
int BPF_KPROBE(vfs_chown_at_k, struct path *path)
{
	return path_is_found(SN_P_vfs_chown_at_k, SN_SLOT_vfs_setattr, path);
}

/* ---- rows ---- */

SAME_PLACE(setattr, name, getattr, name);
SAME_PLACE(setattr, at_flags, getattr, at_flags);
SAME_PLACE(setattr, mode, getattr, statx_mask);
SAME_PLACE(setattr, pad1, truncate, length);
SAME_PLACE(setattr, pad1, fallocate, offset);
SAME_PLACE(setattr, pad2, fallocate, length);
SAME_PLACE(setattr, at_flags, fallocate, falloc_flags);
SAME_PLACE(setattr, pad1, readdir, offset);
SAME_PLACE(setattr, pad2, readdir, requested_bytes);
SAME_PLACE(setattr, name, chdir, name);

#define ATTR_BIT(column) SN_VALID_BIT(struct sn_vfs_setattr, column)

/* What a call asked for. */
static __always_inline void fill_asked(struct sn_vfs_setattr *e, const struct sn_task *st,
				       const volatile u8 *how, u32 call)
{
	u64 first = argument(st, how, HOW_FIRST), second = argument(st, how, HOW_SECOND);
	u32 flags = (u32)argument(st, how, HOW_FLAGS), slot = vfs_slot_of(call);

	e->pad1 = e->pad2 = 0;
	e->at_flags = e->mode = e->to_uid = e->to_gid = 0;
	if (how[HOW_FLAGS] != ARG_NONE) {
		e->at_flags = flags;
		e->hdr.valid |= slot == SN_SLOT_vfs_fallocate ? 0 : ATTR_BIT(at_flags);
	}
	switch (slot) {
	case SN_SLOT_vfs_getattr:
		if (how[HOW_FIRST] != ARG_NONE)
			sn_set(e, mode, (u32)first); /* the mask */
		break;
	case SN_SLOT_vfs_setattr:
		if (how[HOW_SECOND] != ARG_NONE) {
			sn_set(e, to_uid, (u32)first);
			sn_set(e, to_gid, (u32)second);
		} else if (how[HOW_FIRST] != ARG_NONE) {
			sn_set(e, mode, (u32)first & 07777);
		}
		break;
	case SN_SLOT_vfs_readdir:
		e->pad1 = st->pos;
		e->pad2 = (u32)first;
		e->hdr.valid |= SN_VALID_BIT(struct sn_vfs_readdir, requested_bytes);
		if (st->has_file)
			e->hdr.valid |= SN_VALID_BIT(struct sn_vfs_readdir, offset);
		break;
	default: /* truncate, fallocate: and nothing of chdir */
		e->pad1 = first;
		e->pad2 = second;
		break;
	}
}

static __always_inline int emit_attr_row(struct sn_percpu *cpu, struct sn_task *st, u32 call,
					 s64 ret, u64 now, u32 room)
{
	const volatile u8 *how = vfs_attr_calls[(call - SN_CALL_FIRST_ATTR) & 31];
	u32 slot = vfs_slot_of(call);
	struct sn_vfs_setattr *e = sn_reserve(cpu, slot, sizeof(*e) + room);

	if (!e)
		return SN_OUT_lost_ring;
	sn_header(&e->hdr, (u16)sn_event_id(slot), now, st);
	e->dur_ns = now - st->start_ns;
	e->ret = ret;
	FILL_FILE(e, sn_vfs_setattr, st);
	e->unlinked = st->has_file & st->unlinked;
	e->dir_ino = st->entry.dir_ino;
	e->dir_dev = st->entry.dir_dev;
	e->dir_gen = st->entry.dir_gen;
	if (st->entry.has_dir)
		e->hdr.valid |= DIR_BITS(sn_vfs_setattr, );
	e->fd = (s32)argument(st, how, HOW_DIRFD);
	if (st->by_fd)
		e->hdr.valid |= ATTR_BIT(fd);
	e->call = (u16)call;
	e->origin = SN_ORIGIN_user;
	e->pad0 = 0;
	e->pad7 = 0;
	fill_asked(e, st, how, call);
	e->name.off = e->name.len = 0;
	if (room && !put_text(e, &e->name, sizeof(*e), argument(st, how, HOW_NAME), room)) {
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
		return NO_ROOM;
	}
	sn_submit(e);
	sn_emitted(cpu, slot);
	return SN_OUT_emitted;
}

/* By a descriptor. False: a row is not wanted of it. */
static __always_inline bool meet_by_fd(struct sn_task *st, u64 fd, u64 now)
{
	struct file *file = file_of_fd(sn_current(), (s32)fd, NULL);
	s64 pos = st->pos;
	bool wanted;

	if (!file || (u64)file != st->file)
		return !sn_cfg.nr_fs_devs;
	wanted = note_file(st, file, now);
	st->pos = pos;
	return wanted;
}

/* The working directory, unless another thread may have changed it since. False: it is not wanted. */
static __always_inline bool meet_cwd(struct sn_task *st, u64 now)
{
	struct fs_struct *fs = sn_cast(struct fs_struct, sn_read(sn_current(), fs));

	if (sn_read(fs, users) > 1)
		return !sn_cfg.nr_fs_devs;
	return note_found(st, sn_read(fs, pwd.dentry), sn_read(fs, pwd.mnt), now);
}

/* Is a row wanted? Finds the file, if it can be. */
__noinline int vfs_meet_attr(sn_given given, u32 call, s64 ret, u64 now)
{
	const volatile u8 *how = vfs_attr_calls[(call - SN_CALL_FIRST_ATTR) & 31];
	struct sn_task *st = sn_take(given);
	enum looked looked;
	bool no_name;
	s32 fd;

	if (!st)
		return 0;
	fd = (s32)argument(st, how, HOW_DIRFD);
	no_name = how[HOW_NAME] != ARG_NONE && has_no_name(st, how, call, ret);
	st->entry.has_dir = 0;
	st->by_fd = how[HOW_NAME] == ARG_NONE || no_name;
	if (st->has_file) /* the kernel found it */
		return !st->refused;
	if (no_name && fd == AT_FDCWD)
		return meet_cwd(st, now);
	if (st->by_fd)
		return meet_by_fd(st, fd, now);
	if (call == SN_CALL_chdir && !ret && !meet_cwd(st, now))
		return 0;
	if (st->has_file)
		return 1;
	looked = note_dir(st, &st->entry, argument(st, how, HOW_NAME), fd, st->entry.base, false,
			  now);
	st->entry.has_dir = looked == LOOKED_IN_DIR;
	return looked != LOOKED_IN_PSEUDO && !sn_cfg.nr_fs_devs;
}

__noinline int vfs_make_attr_row(sn_given given, u32 call, s64 ret, u64 now)
{
	struct sn_task *st = sn_take(given);
	struct sn_percpu *cpu = sn_this_cpu();
	int r;

	if (!cpu || !st)
		return SN_OUT_lost_map;
	if (st->has_file || st->by_fd)
		return emit_attr_row(cpu, st, call, ret, now, 0);
	r = emit_attr_row(cpu, st, call, ret, now, 256);
	return r != NO_ROOM ? r : emit_attr_row(cpu, st, call, ret, now, PATH_MAX);
}

static __always_inline int emit_attr(struct sn_percpu *cpu, struct sn_task *st, u32 call, s64 ret,
				     u64 now)
{
	u64 done = ret > 0 ? ret : 0;
	u32 slot = vfs_slot_of(call);

	if (slot == SN_SLOT_vfs_readdir && (done < sn_cfg.min_bytes || done > sn_cfg.max_bytes))
		return SN_OUT_filtered;
	if (!vfs_meet_attr(sn_give(st), call, ret, now))
		return SN_OUT_filtered;
	if (sn_sampled_out(cpu, slot))
		return SN_OUT_sampled;
	return sn_outcome(vfs_make_attr_row(sn_give(st), call, ret, now));
}

#endif
