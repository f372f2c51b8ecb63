/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Calls about names: unlink, mkdir, mknod, symlink, rename, link and their like. A row has
 * the names as the caller gave them. Where they lead is seen at the functions in
 * which the kernel asks security modules, with what it found, whether it may go on; elsewhere
 * only where a relative name begins is known.
 */
#ifndef SONDE_VFS_ENTRY_BPF_H
#define SONDE_VFS_ENTRY_BPF_H

#include "compat.bpf.h"
#include "file.bpf.h"

#include "vfs.h"

#define PATH_MAX 4096

#define ENTRY_EVENTS                                                                          \
	(1ull << SN_SLOT_vfs_unlink | 1ull << SN_SLOT_vfs_mkdir | 1ull << SN_SLOT_vfs_mknod | \
	 1ull << SN_SLOT_vfs_symlink | 1ull << SN_SLOT_vfs_rename | 1ull << SN_SLOT_vfs_link)

/* Which argument of a call is what. */
enum {
	ARG_CWD = 6,  /* none: AT_FDCWD */
	ARG_NONE = 7, /* none: 0 */
};

/* Of a call, in this order. */
enum {
	HOW_DIRFD,
	HOW_NAME,
	HOW_TO_DIRFD,
	HOW_TO_NAME,
	HOW_WHAT, /* flags, or the mode */
	HOW_MORE, /* the device of mknod, the target of symlink */
};

#define SN_CALL_FIRST_ENTRY SN_CALL_unlink
#define SN_CALL_LAST_ENTRY SN_CALL_linkat

/* clang-format off */
#define ONE(call, dirfd, name, what, more) \
	[SN_CALL_##call - SN_CALL_FIRST_ENTRY] = { dirfd, name, ARG_CWD, ARG_NONE, what, more }
#define TWO(call, dirfd, name, to_dirfd, to_name, what) \
	[SN_CALL_##call - SN_CALL_FIRST_ENTRY] = { dirfd, name, to_dirfd, to_name, what, ARG_NONE }
const volatile u8 vfs_entry_calls[32][8] SEC(".rodata.vfs_entry_calls") = {
	ONE(unlink,    ARG_CWD, 0, ARG_NONE, ARG_NONE),
	ONE(unlinkat,  0,       1, 2,        ARG_NONE),
	ONE(rmdir,     ARG_CWD, 0, ARG_NONE, ARG_NONE),
	ONE(mkdir,     ARG_CWD, 0, 1,        ARG_NONE),
	ONE(mkdirat,   0,       1, 2,        ARG_NONE),
	ONE(mknod,     ARG_CWD, 0, 1,        2),
	ONE(mknodat,   0,       1, 2,        3),
	ONE(symlink,   ARG_CWD, 1, ARG_NONE, 0),
	ONE(symlinkat, 1,       2, ARG_NONE, 0),
	TWO(rename,    ARG_CWD, 0, ARG_CWD, 1, ARG_NONE),
	TWO(renameat,  0,       1, 2,       3, ARG_NONE),
	TWO(renameat2, 0,       1, 2,       3, 4),
	TWO(link,      ARG_CWD, 0, ARG_CWD, 1, ARG_NONE),
	TWO(linkat,    0,       1, 2,       3, 4),
};
/* clang-format on */
_Static_assert(SN_CALL_LAST_ENTRY - SN_CALL_FIRST_ENTRY < 32, "each call has a row");

static __always_inline bool is_entry_call(u32 call)
{
	return call >= SN_CALL_FIRST_ENTRY && call <= SN_CALL_LAST_ENTRY;
}

static __always_inline u64 argument(const struct sn_task *st, const volatile u8 *how, u32 which)
{
	return st->args[how[which] & 7];
}

static __always_inline void keep_args(struct sn_task *st, struct pt_regs *regs)
{
	for (int i = 0; i < ARG_CWD; i++)
		st->args[i] = sn_syscall_arg(regs, i);
	st->args[ARG_CWD] = (u64)AT_FDCWD;
	st->args[ARG_NONE] = 0;
}

static __always_inline void note_base(struct sn_task *st, struct sn_entry *at, u64 dirfd, u64 name,
				      bool renames)
{
	struct vfsmount *mnt = NULL;
	struct dentry *base;
	char first = 0;

	at->base = 0;
	at->in_dir = at->has_ino = 0;
	if (!bpf_probe_read_user(&first, 1, (void *)name) && first == '/')
		return;
	base = base_of((s32)dirfd, &mnt);
	at->base = (u64)base;
	if (base && renames)
		note_dir_itself(st, at, base, mnt, bpf_ktime_get_ns());
}

/*
 * When such a call begins: where its relative names begin, as another thread may change that. A
 * rename may itself change what these directories are called: so that is told now.
 */
__noinline int vfs_note_bases(sn_given given, u32 call)
{
	const volatile u8 *how = vfs_entry_calls[(call - SN_CALL_FIRST_ENTRY) & 31];
	bool renames = call >= SN_CALL_rename && call <= SN_CALL_renameat2;
	struct sn_task *st = sn_take(given);

	if (!st)
		return 0;
	note_base(st, &st->entry, argument(st, how, HOW_DIRFD), argument(st, how, HOW_NAME),
		  renames);
	if (call >= SN_CALL_rename)
		note_base(st, &st->to_entry, argument(st, how, HOW_TO_DIRFD),
			  argument(st, how, HOW_TO_NAME), renames);
	return 0;
}

static __always_inline void entry_begins(struct sn_task *st, struct pt_regs *regs, u32 call)
{
	keep_args(st, regs);
	vfs_note_bases(sn_give(st), call);
}

/* ---- what the kernel found ---- */

static __always_inline void note_inode(struct sn_entry *at, struct inode *arg)
{
	struct inode *inode = sn_cast(struct inode, arg);
	struct super_block *sb = sn_cast(struct super_block, sn_read(inode, i_sb));

	at->ino = sn_read(inode, i_ino);
	at->gen = sn_read(inode, i_generation);
	at->dev = sn_read(sb, s_dev);
	at->fs_magic = (u32)sn_read(sb, s_magic);
	at->mode = sn_read(inode, i_mode);
	at->has_ino = 1;
}

static __always_inline u64 hash_len_of(struct dentry *dentry)
{
	return sn_read(dentry, d_name.hash) | (u64)sn_read(dentry, d_name.len) << 32;
}

/* The entry, which may be of nothing, and the directory that it stands in. */
static __always_inline void note_entry(struct sn_task *st, struct sn_entry *at, struct dentry *dir,
				       struct vfsmount *mnt, struct dentry *arg)
{
	struct dentry *dentry = sn_cast(struct dentry, arg);
	struct inode *inode = sn_read(dentry, d_inode);

	at->dir = (u64)dir;
	at->dentry = (u64)dentry;
	at->hash_len = hash_len_of(dentry);
	at->in_dir = 1;
	at->has_dir = note_dir_itself(st, at, dir, mnt, bpf_ktime_get_ns());
	at->has_ino = 0; /* the kernel may have tried before */
	if (inode)
		note_inode(at, inode);
}

/* What had no inode has one now, if the entry is still the same. */
static __always_inline void note_made(struct sn_entry *at)
{
	struct dentry *dentry = sn_cast(struct dentry, at->dentry);
	struct inode *inode = sn_read(dentry, d_inode);

	if (inode && (u64)sn_read(dentry, d_parent) == at->dir &&
	    at->hash_len == hash_len_of(dentry))
		note_inode(at, inode);
}

/* The thread, if it is in such a call whose row is wanted. */
static __always_inline struct sn_task *in_entry_call(enum sn_outcome *ret_why)
{
	struct sn_task *st = sn_this_task();

	*ret_why = SN_OUT_filtered;
	if (!st || st->state == SN_OP_FILTERED)
		return NULL;
	*ret_why = SN_OUT_ignored; /* an open, or what the kernel does for itself */
	return st->state == SN_OP_STORED && st->slot >= SN_SLOT_vfs_unlink &&
			       st->slot <= SN_SLOT_vfs_link
		       ? st
		       : NULL;
}

static __always_inline int entry_is_found(enum sn_prog prog, struct path *dir,
					  struct dentry *dentry)
{
	enum sn_outcome why;
	struct sn_task *st = in_entry_call(&why);

	if (!st)
		return sn_count(prog, why);
	note_entry(st, &st->entry, BPF_CORE_READ(dir, dentry), BPF_CORE_READ(dir, mnt), dentry);
	return sn_count(prog, SN_OUT_aggregated);
}

/* Both are on one mount. */
static __always_inline int rename_is_found(enum sn_prog prog, struct path *dir,
					   struct dentry *dentry, struct path *to_dir,
					   struct dentry *to_dentry)
{
	struct vfsmount *mnt = BPF_CORE_READ(dir, mnt);
	enum sn_outcome why;
	struct sn_task *st = in_entry_call(&why);

	if (!st)
		return sn_count(prog, why);
	note_entry(st, &st->entry, BPF_CORE_READ(dir, dentry), mnt, dentry);
	note_entry(st, &st->to_entry, BPF_CORE_READ(to_dir, dentry), mnt, to_dentry);
	return sn_count(prog, SN_OUT_aggregated);
}

/* The file's old name need not be what the caller's ends with: a link may have been followed. */
static __always_inline int link_is_found(enum sn_prog prog, struct dentry *dentry,
					 struct path *to_dir, struct dentry *to_dentry)
{
	enum sn_outcome why;
	struct sn_task *st = in_entry_call(&why);

	if (!st)
		return sn_count(prog, why);
	note_inode(&st->entry, BPF_CORE_READ(dentry, d_inode));
	note_entry(st, &st->to_entry, BPF_CORE_READ(to_dir, dentry), BPF_CORE_READ(to_dir, mnt),
		   to_dentry);
	return sn_count(prog, SN_OUT_aggregated);
}

#define ENTRY_HOOK(name, func)                                                  \
	SEC("?fentry/" #func)                                                   \
	int BPF_PROG(vfs_##name, struct path *dir, struct dentry *dentry)       \
	{                                                                       \
		return entry_is_found(SN_P_vfs_##name, dir, dentry);            \
	}                                                                       \
	SEC("?kprobe/" #func)                                                   \
	int BPF_KPROBE(vfs_##name##_k, struct path *dir, struct dentry *dentry) \
	{                                                                       \
		return entry_is_found(SN_P_vfs_##name##_k, dir, dentry);        \
	}
ENTRY_HOOK(unlink_at, security_path_unlink)
ENTRY_HOOK(rmdir_at, security_path_rmdir)
ENTRY_HOOK(mkdir_at, security_path_mkdir)
ENTRY_HOOK(mknod_at, security_path_mknod)
ENTRY_HOOK(symlink_at, security_path_symlink)

#define RENAME_ARGS \
	struct path *dir, struct dentry *dentry, struct path *to_dir, struct dentry *to_dentry

SEC("?fentry/security_path_rename")
int BPF_PROG(vfs_rename_at, RENAME_ARGS)
{
	return rename_is_found(SN_P_vfs_rename_at, dir, dentry, to_dir, to_dentry);
}

SEC("?kprobe/security_path_rename")
int BPF_KPROBE(vfs_rename_at_k, RENAME_ARGS)
{
	return rename_is_found(SN_P_vfs_rename_at_k, dir, dentry, to_dir, to_dentry);
}

#define LINK_ARGS struct dentry *dentry, struct path *to_dir, struct dentry *to_dentry

SEC("?fentry/security_path_link")
int BPF_PROG(vfs_link_at, LINK_ARGS)
{
	return link_is_found(SN_P_vfs_link_at, dentry, to_dir, to_dentry);
}

SEC("?kprobe/security_path_link")
int BPF_KPROBE(vfs_link_at_k, LINK_ARGS)
{
	return link_is_found(SN_P_vfs_link_at_k, dentry, to_dir, to_dentry);
}

/* ---- rows ---- */

/* Rows of one name have the same members: what is in at_flags and pad1 is called otherwise in others. */
#define SAME_PLACE(a, member, b, other)                                                \
	_Static_assert(__builtin_offsetof(struct sn_vfs_##a, member) ==                \
				       __builtin_offsetof(struct sn_vfs_##b, other) && \
			       sizeof(struct sn_vfs_##a) == sizeof(struct sn_vfs_##b), \
		       "rows of " #a " and " #b " are filled by one function")
SAME_PLACE(unlink, at_flags, mkdir, mode);
SAME_PLACE(unlink, name, mkdir, name);
SAME_PLACE(unlink, at_flags, mknod, mode);
SAME_PLACE(unlink, pad1, mknod, rdev);
SAME_PLACE(unlink, at_flags, symlink, pad1);
SAME_PLACE(unlink, pad1, symlink, target);
SAME_PLACE(unlink, in_dir, symlink, in_dir);
SAME_PLACE(rename, rename_flags, link, at_flags);
SAME_PLACE(rename, to_in_dir, link, to_in_dir);
SAME_PLACE(rename, to_ino, link, pad2);
SAME_PLACE(rename, to_gen, link, pad3);
SAME_PLACE(rename, to_name, link, to_name);

/* The user's text, off bytes behind the record's begin. False: it did not fit into the room. */
static __always_inline bool put_text(void *rec, struct sn_str *s, u32 off, u64 text, u32 room)
{
	long len = text ? bpf_probe_read_user_str(rec + off, room, (void *)text) : 0;

	s->off = s->len = 0;
	if (len == room && room < PATH_MAX)
		return false;
	if (len > 1) {
		s->off = (u16)off;
		s->len = (u16)(len - 1);
	}
	return true;
}

#define DIR_BITS(ev, to)                                                               \
	(SN_VALID_BIT(struct ev, to##dir_ino) | SN_VALID_BIT(struct ev, to##dir_dev) | \
	 SN_VALID_BIT(struct ev, to##dir_gen))

/* Fills what rows of one name and of two have alike. */
#define FILL_ENTRY(e, ev, st, now, nr, result)              \
	do {                                                \
		sn_header(&(e)->hdr, 0, now, st);           \
		(e)->dur_ns = now - (st)->start_ns;         \
		(e)->ret = result;                          \
		(e)->ino = (st)->entry.ino;                 \
		(e)->dev = (st)->entry.dev;                 \
		(e)->gen = (st)->entry.gen;                 \
		(e)->fs_magic = (st)->entry.fs_magic;       \
		(e)->file_type = (st)->entry.mode & S_IFMT; \
		if ((st)->entry.has_ino)                    \
			(e)->hdr.valid |= FILE_BITS(ev);    \
		(e)->dir_ino = (st)->entry.dir_ino;         \
		(e)->dir_dev = (st)->entry.dir_dev;         \
		(e)->dir_gen = (st)->entry.dir_gen;         \
		if ((st)->entry.has_dir)                    \
			(e)->hdr.valid |= DIR_BITS(ev, );   \
		(e)->in_dir = (st)->entry.in_dir;           \
		(e)->call = (u16)(nr);                      \
		(e)->origin = SN_ORIGIN_user;               \
		(e)->pad0 = 0;                              \
	} while (0)

#define NO_ROOM (-1)

/* What is made is known from what was asked for. dev: as users have device numbers. */
static __always_inline void fill_mknod(struct sn_vfs_mknod *e, u32 mode, u32 dev)
{
	u16 type = (u16)(mode & S_IFMT) ?: S_IFREG;

	sn_set(e, file_type, type);
	e->rdev = (dev >> 8 & 0xfff) << 20 | (dev & 0xff) | (dev >> 12 & 0xfff00);
	if (type == S_IFBLK || type == S_IFCHR)
		e->hdr.valid |= SN_VALID_BIT(struct sn_vfs_mknod, rdev);
}

/* Hands a row over whose names fitted into its room; else it is to be made again. */
static __always_inline int end_row(struct sn_percpu *cpu, u32 slot, void *rec, bool fits)
{
	if (!fits) {
		bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
		return NO_ROOM;
	}
	sn_submit(rec);
	sn_emitted(cpu, slot);
	return SN_OUT_emitted;
}

static __always_inline int emit_one(struct sn_percpu *cpu, struct sn_task *st,
				    const volatile u8 *how, u32 call, s64 ret, u64 now, u32 room,
				    u32 more_room)
{
	u32 slot = vfs_slot_of(call), what = (u32)argument(st, how, HOW_WHAT);
	struct sn_vfs_unlink *e = sn_reserve(cpu, slot, sizeof(*e) + room + more_room);
	struct sn_vfs_symlink *link = (void *)e;
	bool fits;

	if (!e)
		return SN_OUT_lost_ring;
	FILL_ENTRY(e, sn_vfs_unlink, st, now, call, ret);
	e->hdr.id = (u16)sn_event_id(slot);
	e->at_flags = slot == SN_SLOT_vfs_unlink ? what : what & 07777;
	e->pad1 = 0;
	if (slot == SN_SLOT_vfs_mknod)
		fill_mknod((void *)e, what, (u32)argument(st, how, HOW_MORE));
	fits = put_text(e, &e->name, sizeof(*e), argument(st, how, HOW_NAME), room);
	if (more_room)
		fits &= put_text(e, &link->target, sizeof(*e) + room, argument(st, how, HOW_MORE),
				 more_room);
	return end_row(cpu, slot, e, fits);
}

static __always_inline int emit_two(struct sn_percpu *cpu, struct sn_task *st,
				    const volatile u8 *how, u32 call, s64 ret, u64 now, u32 room)
{
	u32 slot = vfs_slot_of(call);
	struct sn_vfs_rename *e = sn_reserve(cpu, slot, sizeof(*e) + 2 * room);
	bool fits;

	if (!e)
		return SN_OUT_lost_ring;
	FILL_ENTRY(e, sn_vfs_rename, st, now, call, ret);
	e->hdr.id = (u16)sn_event_id(slot);
	e->rename_flags = (u32)argument(st, how, HOW_WHAT);
	e->pad1 = 0;
	e->to_ino = e->to_gen = 0;
	if (st->to_entry.has_ino && slot == SN_SLOT_vfs_rename) {
		e->to_ino = st->to_entry.ino;
		e->to_gen = st->to_entry.gen;
		e->hdr.valid |= SN_VALID_BIT(struct sn_vfs_rename, to_ino) |
				SN_VALID_BIT(struct sn_vfs_rename, to_gen);
	}
	e->to_dir_ino = st->to_entry.dir_ino;
	e->to_dir_dev = st->to_entry.dir_dev;
	e->to_dir_gen = st->to_entry.dir_gen;
	if (st->to_entry.has_dir)
		e->hdr.valid |= DIR_BITS(sn_vfs_rename, to_);
	e->to_in_dir = st->to_entry.in_dir;
	fits = put_text(e, &e->name, sizeof(*e), argument(st, how, HOW_NAME), room);
	fits &= put_text(e, &e->to_name, sizeof(*e) + room, argument(st, how, HOW_TO_NAME), room);
	return end_row(cpu, slot, e, fits);
}

/* Where a name begins, as it was given. False: below a pseudo file system. */
static __always_inline bool find_begin(struct sn_task *st, struct sn_entry *at, u64 name, u64 dirfd,
				       s64 ret, u64 now)
{
	enum looked looked = note_dir(st, at, name, (s32)dirfd, at->base, !ret, now);

	at->has_dir = looked == LOOKED_IN_DIR;
	return looked != LOOKED_IN_PSEUDO;
}

/* Where one name leads, as far as it is known. False: a row is not wanted for it. */
static __always_inline bool find_dir(struct sn_task *st, struct sn_entry *at, u64 name, u64 dirfd,
				     s64 ret, u64 now)
{
	if (at->in_dir)
		return at->has_dir && !device_refused(at->dir_dev, S_IFDIR, NULL);
	return find_begin(st, at, name, dirfd, ret, now) && !sn_cfg.nr_fs_devs;
}

/* Is a row wanted for where the names lead? For that of a link its new one decides. */
__noinline int vfs_meet_entries(sn_given given, u32 call, s64 ret, u64 now)
{
	const volatile u8 *how = vfs_entry_calls[(call - SN_CALL_FIRST_ENTRY) & 31];
	struct sn_task *st = sn_take(given);
	u64 name, dirfd;

	if (!st)
		return 0;
	name = argument(st, how, HOW_NAME);
	dirfd = argument(st, how, HOW_DIRFD);
	if (call >= SN_CALL_link)
		find_begin(st, &st->entry, name, dirfd, ret, now);
	else if (!find_dir(st, &st->entry, name, dirfd, ret, now))
		return 0;
	if (call >= SN_CALL_rename)
		return find_dir(st, &st->to_entry, argument(st, how, HOW_TO_NAME),
				argument(st, how, HOW_TO_DIRFD), ret, now);
	if (!ret && st->entry.in_dir && !st->entry.has_ino)
		note_made(&st->entry);
	return 1;
}

__noinline int vfs_make_entry_row(sn_given given, u32 call, s64 ret, u64 now)
{
	const volatile u8 *how = vfs_entry_calls[(call - SN_CALL_FIRST_ENTRY) & 31];
	struct sn_task *st = sn_take(given);
	struct sn_percpu *cpu = sn_this_cpu();
	int r;

	if (!cpu || !st)
		return SN_OUT_lost_map;
	if (call >= SN_CALL_rename) {
		r = emit_two(cpu, st, how, call, ret, now, 256);
		return r != NO_ROOM ? r : emit_two(cpu, st, how, call, ret, now, PATH_MAX);
	}
	if (call >= SN_CALL_symlink) {
		r = emit_one(cpu, st, how, call, ret, now, 256, 256);
		return r != NO_ROOM ? r
				    : emit_one(cpu, st, how, call, ret, now, PATH_MAX, PATH_MAX);
	}
	r = emit_one(cpu, st, how, call, ret, now, 256, 0);
	return r != NO_ROOM ? r : emit_one(cpu, st, how, call, ret, now, PATH_MAX, 0);
}

static __always_inline int emit_entry(struct sn_percpu *cpu, struct sn_task *st, u32 call, s64 ret,
				      u64 now)
{
	if (!vfs_meet_entries(sn_give(st), call, ret, now))
		return SN_OUT_filtered;
	if (sn_sampled_out(cpu, vfs_slot_of(call)))
		return SN_OUT_sampled;
	return sn_outcome(vfs_make_entry_row(sn_give(st), call, ret, now));
}

#endif
