// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * File operations, from the entry and exit of system calls. The file is found
 * through the thread's descriptor table at entry, where it is certainly the one
 * the call will use; sizes, flags and vectors are read at exit, when the kernel
 * has touched the user's memory and it is present.
 */
#include "compat.bpf.h"
#include "sonde.bpf.h"

/* System call number -> enum sn_call; 0 for those that no row is wanted of. */
const volatile u8 sn_calls_of[SN_MAX_SYSCALLS] SEC(".rodata.sn_calls") = {};

/* The same numbers for calls that change names. */
const volatile u16 sn_rename_nrs[4] SEC(".rodata.sn_renames") = {};

#define S_IFMT 0170000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFBLK 0060000
#define S_IFCHR 0020000
#define AT_FDCWD (-100)
#define MAX_VECTORS 1024 /* UIO_MAXIOV */
#define O_APPEND 02000
#define O_CREAT 0100
#define O_TMPFILE_BIT 020000000

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

/* The open file of a descriptor of a thread, or NULL. */
static __always_inline struct file *file_of_fd(struct task_struct *task, s32 fd)
{
	struct files_struct *files = sn_read(task, files);
	struct fdtable *fdt = sn_read(sn_cast(struct files_struct, files), fdt);
	struct list_head *entry;
	struct file *file;

	fdt = sn_cast(struct fdtable, fdt);
	if (!files || (u32)fd >= sn_read(fdt, max_fds))
		return NULL;
	/* An array of pointers, read as a struct that begins with one: casts know structs only. */
	entry = sn_cast(struct list_head, sn_read(fdt, fd) + (u32)fd);
	file = (void *)sn_read(entry, next);
	return file ? sn_cast(struct file, file) : NULL;
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
	st->refused = file_refused(st->mode, st->fs_magic);
	if (st->refused || is_pseudo_fs(st->fs_magic))
		return !st->refused;
	key = sn_name_key(st->ino, st->dev, st->gen);
	if (!sn_name_is_new(st, key, (void *)st->dentry))
		return 1;
	st->walk.ts = now ?: bpf_ktime_get_ns();
	if (!sn_tell_name(&st->walk, (void *)st->dentry, sn_read(file, f_path.mnt), key,
			  (st->mode & S_IFMT) == S_IFDIR)) {
		/* the next operation on it tries again */
		st->met_epoch = ~0ull;
		st->named[key >> 62] = 0;
	}
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

static __always_inline bool takes_fd(u32 call)
{
	return !(call >= SN_CALL_open && call <= SN_CALL_open_by_handle_at) && call != SN_CALL_sync;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(vfs_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *task = sn_current();
	struct sn_percpu *cpu = sn_this_cpu();
	enum sn_outcome why;
	struct sn_task *st;
	struct file *file;
	u32 call;

	if (!cpu)
		return 0;
	if ((unsigned long)nr >= SN_MAX_SYSCALLS)
		return sn_count_here(cpu, SN_P_vfs_enter, SN_OUT_ignored);
	call = sn_calls_of[nr];
	if (!call)
		return sn_count_here(cpu, SN_P_vfs_enter, SN_OUT_ignored);
	st = sn_wanted(task, &why);
	if (!st)
		return sn_count_here(cpu, SN_P_vfs_enter, why);
	if (sn_is_compat(task))
		return sn_count_here(cpu, SN_P_vfs_enter, SN_OUT_ignored);

	st->has_file = 0;
	st->state = SN_OP_FILTERED;
	if (takes_fd(call)) {
		file = file_of_fd(task, (s32)sn_syscall_arg(regs, 0));
		if (file && !note_file(st, file, 0))
			return sn_count_here(cpu, SN_P_vfs_enter, SN_OUT_filtered);
	}
	st->state = SN_OP_STORED;
	st->op = sn_new_op(cpu);
	st->start_ns = bpf_ktime_get_ns();
	return sn_count_here(cpu, SN_P_vfs_enter, SN_OUT_stored);
}

/* Bytes of a user's vectors into st->sum; false if they cannot be read. */
static __noinline int sum_vectors(struct sn_task *st, u64 vec, u64 nr)
{
	struct user_iovec iov;

	if (!st || nr > MAX_VECTORS)
		return 0;
	st->sum = 0;
	for (u32 i = 0; i < MAX_VECTORS && i < nr; i++) {
		if (bpf_probe_read_user(&iov, sizeof(iov), (void *)(vec + i * sizeof(iov))))
			return 0;
		st->sum += iov.len;
	}
	return 1;
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
 * Where a read or write began. The file's own position is right unless another
 * thread moved it between entry and exit; then it is not known.
 */
static __always_inline bool find_offset(const struct sn_task *st, struct pt_regs *regs, u32 call,
					s64 ret, s64 *ret_offset)
{
	struct file *file = sn_cast(struct file, st->file);
	s64 done = ret > 0 ? ret : 0, now;

	if (is_one_of(call, POSITIONED)) {
		*ret_offset = (s64)sn_syscall_arg(regs, 3);
		if (*ret_offset != -1 || !is_one_of(call, WITH_RWF))
			return true;
	}
	if (!st->has_file || ((st->mode & S_IFMT) != S_IFREG && (st->mode & S_IFMT) != S_IFBLK))
		return false;
	now = sn_read(file, f_pos);
	if (st->file_flags & O_APPEND && call >= SN_CALL_write) {
		*ret_offset = now - done;
		return ret >= 0 && now >= done;
	}
	*ret_offset = st->pos;
	return now == st->pos + done;
}

/* What an event says of its file is known or unknown together. */
#define FILE_BITS(ev)                                                       \
	(SN_VALID_BIT(struct ev, ino) | SN_VALID_BIT(struct ev, dev) |      \
	 SN_VALID_BIT(struct ev, gen) | SN_VALID_BIT(struct ev, fs_magic) | \
	 SN_VALID_BIT(struct ev, file_type))

/* Members that rows of reads and writes have alike; the structs are equal. */
static __always_inline int emit_rw(struct sn_percpu *cpu, struct sn_task *st, struct pt_regs *regs,
				   u32 call, s64 ret, u64 now)
{
	u32 slot = call <= SN_CALL_preadv2 ? SN_SLOT_vfs_read : SN_SLOT_vfs_write;
	u64 requested = sn_syscall_arg(regs, 2);
	bool requested_known = true;
	struct sn_vfs_read *e;
	s64 offset;
	u32 valid;
	u64 done;

	if (is_one_of(call, VECTORED)) {
		requested_known = sum_vectors(st, sn_syscall_arg(regs, 1), requested);
		requested = st->sum;
	}
	done = ret > 0 ? ret : 0;
	if (done < sn_cfg.min_bytes || done > sn_cfg.max_bytes)
		return SN_OUT_filtered;
	if (sn_sampled_out(cpu, slot))
		return SN_OUT_sampled;
	e = sn_reserve(cpu, slot, sizeof(*e));
	if (!e)
		return SN_OUT_lost_ring;

	sn_header(&e->hdr, slot == SN_SLOT_vfs_read ? SN_EV_vfs_read : SN_EV_vfs_write, now, st);
	valid = SN_VALID_BIT(struct sn_vfs_read, fd);
	e->dur_ns = now - st->start_ns;
	e->requested_bytes = requested;
	if (requested_known)
		valid |= SN_VALID_BIT(struct sn_vfs_read, requested_bytes);
	e->ret = ret;
	e->fd = (s32)sn_syscall_arg(regs, 0);
	offset = 0;
	if (find_offset(st, regs, call, ret, &offset))
		valid |= SN_VALID_BIT(struct sn_vfs_read, offset);
	e->offset = offset;
	e->ino = st->ino;
	e->dev = st->dev;
	e->gen = st->gen;
	e->file_flags = st->file_flags;
	e->fs_magic = st->fs_magic;
	e->file_type = st->mode & S_IFMT;
	if (st->has_file)
		valid |= FILE_BITS(sn_vfs_read) | SN_VALID_BIT(struct sn_vfs_read, file_flags);
	e->rwf = 0;
	if (is_one_of(call, WITH_RWF)) {
		e->rwf = (u32)sn_syscall_arg(regs, 5);
		valid |= SN_VALID_BIT(struct sn_vfs_read, rwf);
	}
	e->call = (u16)call;
	e->origin = SN_ORIGIN_user;
	e->unlinked = st->has_file & st->unlinked;
	e->pad0 = 0;
	e->hdr.valid = valid;
	sn_submit(e);
	sn_emitted_here(cpu, slot);
	return SN_OUT_emitted;
}

static __always_inline int emit_close(struct sn_percpu *cpu, struct sn_task *st,
				      struct pt_regs *regs, s64 ret, u64 now)
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
	e->ino = st->ino;
	e->dev = st->dev;
	e->gen = st->gen;
	e->fd = (s32)sn_syscall_arg(regs, 0);
	e->fs_magic = st->fs_magic;
	e->file_type = st->mode & S_IFMT;
	if (st->has_file)
		e->hdr.valid |= FILE_BITS(sn_vfs_close);
	e->unlinked = st->has_file & st->unlinked;
	e->pad0 = 0;
	e->pad1 = 0;
	sn_submit(e);
	sn_emitted_here(cpu, SN_SLOT_vfs_close);
	return SN_OUT_emitted;
}

static __always_inline int emit_fsync(struct sn_percpu *cpu, struct sn_task *st,
				      struct pt_regs *regs, u32 call, s64 ret, u64 now)
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
	if (call != SN_CALL_sync)
		sn_set(e, fd, (s32)sn_syscall_arg(regs, 0));
	if (call == SN_CALL_sync_file_range) {
		sn_set(e, offset, (s64)sn_syscall_arg(regs, 1));
		sn_set(e, length, (s64)sn_syscall_arg(regs, 2));
		sn_set(e, sync_flags, (u32)sn_syscall_arg(regs, 3));
	}
	e->ino = st->ino;
	e->dev = st->dev;
	e->gen = st->gen;
	e->fs_magic = st->fs_magic;
	e->file_type = st->mode & S_IFMT;
	if (st->has_file)
		e->hdr.valid |= FILE_BITS(sn_vfs_fsync);
	e->call = (u16)call;
	e->origin = SN_ORIGIN_user;
	e->unlinked = st->has_file & st->unlinked;
	e->pad0 = 0;
	e->pad1 = 0;
	sn_submit(e);
	sn_emitted_here(cpu, SN_SLOT_vfs_fsync);
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
	e->ino = st->ino;
	e->dev = st->dev;
	e->gen = st->gen;
	e->fs_magic = st->fs_magic;
	e->file_type = st->mode & S_IFMT;
	if (st->has_file)
		e->hdr.valid |= FILE_BITS(sn_vfs_open);
	e->dir_ino = 0;
	e->dir_dev = 0;
	e->dir_gen = 0;
}

/*
 * The directory that a failed open's relative name began at, into st->dir_*; its
 * name is told.
 */
static __always_inline bool note_dir(struct sn_task *st, const struct open_args *a, u64 now)
{
	struct task_struct *task = sn_current();
	struct dentry *dentry;
	struct super_block *sb;
	struct vfsmount *mnt;
	struct inode *inode;
	struct file *file;
	char first = 0;
	u64 key;

	if (!a->name || bpf_probe_read_user(&first, 1, (void *)a->name) || !first || first == '/')
		return false;
	if (a->dirfd == AT_FDCWD) {
		struct fs_struct *fs = sn_cast(struct fs_struct, sn_read(task, fs));

		dentry = sn_read(fs, pwd.dentry);
		mnt = sn_read(fs, pwd.mnt);
	} else {
		file = file_of_fd(task, a->dirfd);
		if (!file)
			return false;
		dentry = sn_read(file, f_path.dentry);
		mnt = sn_read(file, f_path.mnt);
	}
	inode = sn_read(sn_cast(struct dentry, dentry), d_inode);
	inode = sn_cast(struct inode, inode);
	sb = sn_cast(struct super_block, sn_read(inode, i_sb));
	st->dir_ino = sn_read(inode, i_ino);
	st->dir_gen = sn_read(inode, i_generation);
	st->dir_dev = sn_read(sb, s_dev);
	key = sn_name_key(st->dir_ino, st->dir_dev, st->dir_gen);
	if (!sn_name_is_new(st, key, dentry))
		return true;
	st->walk.ts = now;
	if (!sn_tell_name(&st->walk, dentry, mnt, key, true))
		st->named[key >> 62] = 0;
	return true;
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
		sn_emitted_here(cpu, SN_SLOT_vfs_open);                                         \
		return SN_OUT_emitted;                                                          \
	} while (0)

static __noinline int emit_failed_open(struct sn_task *st, struct open_args *a, u32 call, s64 ret,
				       u64 now)
{
	struct sn_percpu *cpu = sn_this_cpu();

	bool in_dir;

	if (!cpu || !st || !a)
		return SN_OUT_lost_map;
	in_dir = note_dir(st, a, now);
	EMIT_FAILED_OPEN(256);
	EMIT_FAILED_OPEN(4096);
	return SN_OUT_lost_ring;
}

static __always_inline int emit_open(struct sn_percpu *cpu, struct sn_task *st,
				     struct pt_regs *regs, u32 call, s64 ret, u64 now)
{
	struct sn_vfs_open *e;
	struct open_args a;
	struct file *file;

	if (ret >= 0) {
		file = file_of_fd(sn_current(), (s32)ret);
		if (file && !note_file(st, file, now))
			return SN_OUT_filtered;
	}
	if (sn_sampled_out(cpu, SN_SLOT_vfs_open))
		return SN_OUT_sampled;
	read_open_args(regs, call, &a);
	if (ret < 0)
		return emit_failed_open(st, &a, call, ret, now);
	e = sn_reserve(cpu, SN_SLOT_vfs_open, sizeof(*e));
	if (!e)
		return SN_OUT_lost_ring;
	fill_open(e, st, &a, call, ret, now);
	sn_submit(e);
	sn_emitted_here(cpu, SN_SLOT_vfs_open);
	return SN_OUT_emitted;
}

static __always_inline void watch_renames(long nr, s64 ret)
{
	for (int i = 0; i < 4; i++)
		if (nr == sn_rename_nrs[i] && ret == 0)
			__sync_fetch_and_add(&sn_name_epoch, 1);
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(vfs_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = sn_current();
	struct sn_percpu *cpu = sn_this_cpu();
	long nr = sn_syscall_nr(regs);
	struct sn_task *st;
	u32 call, state;
	int outcome;
	u64 now;

	if (!cpu)
		return 0;
	if ((unsigned long)nr >= SN_MAX_SYSCALLS)
		return sn_count_here(cpu, SN_P_vfs_exit, SN_OUT_ignored);
	call = sn_calls_of[nr];
	if (!call) {
		watch_renames(nr, ret);
		return sn_count_here(cpu, SN_P_vfs_exit, SN_OUT_ignored);
	}
	st = sn_task_of(task);
	if (!st) /* had it been wanted at entry, it would have state */
		return sn_count_here(cpu, SN_P_vfs_exit, SN_OUT_filtered);
	state = st->state;
	st->state = SN_OP_NONE;
	if (state != SN_OP_STORED)
		return sn_count_here(cpu, SN_P_vfs_exit,
				     state == SN_OP_FILTERED ? SN_OUT_filtered
				     : sn_is_compat(task)    ? SN_OUT_ignored
							     : SN_OUT_unmatched);

	now = bpf_ktime_get_ns();
	if (now - st->start_ns < sn_cfg.min_latency_ns || (sn_cfg.errors_only && ret >= 0))
		outcome = SN_OUT_filtered;
	else if (call <= SN_CALL_pwritev2)
		outcome = emit_rw(cpu, st, regs, call, ret, now);
	else if (call <= SN_CALL_open_by_handle_at)
		outcome = emit_open(cpu, st, regs, call, ret, now);
	else if (call == SN_CALL_close)
		outcome = emit_close(cpu, st, regs, ret, now);
	else
		outcome = emit_fsync(cpu, st, regs, call, ret, now);
	st->op = 0;
	return sn_count_here(cpu, SN_P_vfs_exit, outcome);
}

/* The last reference to an open file goes: in the thread that had it, or in a worker. */
SEC("?fentry/__fput")
int BPF_PROG(vfs_release, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct sn_percpu *cpu = sn_this_cpu();
	struct sn_vfs_release *e;
	enum sn_outcome why;
	struct sn_task *st;
	u32 magic;
	u16 mode;

	if (!cpu)
		return 0;
	if (!sn_event_wanted(SN_SLOT_vfs_release))
		return sn_count(SN_P_vfs_release, SN_OUT_filtered);
	st = sn_wanted(sn_current(), &why);
	if (!st)
		return sn_count(SN_P_vfs_release, why);
	mode = BPF_CORE_READ(inode, i_mode);
	magic = (u32)BPF_CORE_READ(inode, i_sb, s_magic);
	if (file_refused(mode, magic) || sn_cfg.min_latency_ns || sn_cfg.errors_only)
		return sn_count(SN_P_vfs_release, SN_OUT_filtered);
	if (sn_sampled_out(cpu, SN_SLOT_vfs_release))
		return sn_count(SN_P_vfs_release, SN_OUT_sampled);
	e = sn_reserve(cpu, SN_SLOT_vfs_release, sizeof(*e));
	if (!e)
		return sn_count(SN_P_vfs_release, SN_OUT_lost_ring);
	sn_header(&e->hdr, SN_EV_vfs_release, bpf_ktime_get_ns(), st);
	sn_set(e, ino, BPF_CORE_READ(inode, i_ino));
	sn_set(e, dev, BPF_CORE_READ(inode, i_sb, s_dev));
	sn_set(e, gen, BPF_CORE_READ(inode, i_generation));
	sn_set(e, fs_magic, magic);
	sn_set(e, file_type, mode & S_IFMT);
	e->file_flags = BPF_CORE_READ(file, f_flags);
	e->unlinked = BPF_CORE_READ(inode, i_nlink) == 0;
	e->pad0 = 0;
	e->pad1 = 0;
	sn_submit(e);
	sn_emitted(cpu, SN_SLOT_vfs_release);
	return sn_count(SN_P_vfs_release, SN_OUT_emitted);
}
