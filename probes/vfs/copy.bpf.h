/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Rows of calls that have two files: copy_file_range, splice, sendfile, tee; vmsplice has one and memory. */
#ifndef SONDE_VFS_COPY_BPF_H
#define SONDE_VFS_COPY_BPF_H

#include "rows.bpf.h"

#define FMODE_WRITE 2

static __always_inline void note_copied(struct sn_copied *c, struct task_struct *task, s32 fd,
					u64 at)
{
	struct file *file = file_of_fd(task, fd, NULL);

	c->file = (u64)file;
	c->pos = file ? (s64)sn_read(file, f_pos) : 0;
	c->fd = fd;
	c->at = at;
	c->has_fd = 1;
}

/* Memory goes into a pipe that is open for writing, and comes out of others. */
static __always_inline void note_vmsplice(struct sn_task *st, struct task_struct *task, s32 fd)
{
	struct file *file = file_of_fd(task, fd, NULL);

	if (!file || sn_read(file, f_mode) & FMODE_WRITE) {
		note_copied(&st->to, task, fd, 0);
		st->from.has_fd = st->from.file = 0;
	} else {
		note_copied(&st->from, task, fd, 0);
		st->to.has_fd = st->to.file = 0;
	}
}

/*
 * Notes at entry which files they are and where these stand. All else is read at the end, if the
 * descriptors mean the same files then: so other calls pay for none of it.
 */
static __always_inline void note_copy(struct sn_task *st, struct task_struct *task,
				      struct pt_regs *regs, u32 call)
{
	u64 from_at = sn_syscall_arg(regs, 1), to_at = sn_syscall_arg(regs, 3);
	s32 from = (s32)sn_syscall_arg(regs, 0), to = (s32)sn_syscall_arg(regs, 2);

	if (call == SN_CALL_vmsplice) {
		note_vmsplice(st, task, from);
		return;
	}
	if (call == SN_CALL_sendfile) {
		to = from;
		from = (s32)from_at;
		from_at = sn_syscall_arg(regs, 2);
		to_at = 0;
	} else if (call == SN_CALL_tee) {
		to = (s32)from_at;
		from_at = to_at = 0;
	}
	note_copied(&st->from, task, from, from_at);
	note_copied(&st->to, task, to, to_at);
}

/*
 * Where reading or writing began. The call moved the user's offset on by what it copied, and if
 * it had to give up doing so, nobody knows what it was.
 */
static __always_inline bool find_copied_offset(struct sn_copied *c, s64 ret)
{
	struct file *file = sn_cast(struct file, c->file);
	s64 done = ret > 0 ? ret : 0;

	if (c->at) {
		if (ret == -EFAULT ||
		    bpf_probe_read_user(&c->offset, sizeof(c->offset), (void *)c->at))
			return false;
		c->offset -= done;
		return true;
	}
	if (!c->has_file || !has_position(c->mode))
		return false;
	c->offset = c->pos;
	return sn_read(file, f_pos) == c->pos + done;
}

/* Fills the rest of c. */
SN_ONCE int find_copied(struct sn_copied *c, s64 ret)
{
	struct super_block *sb;
	struct inode *inode;
	struct file *file;

	if (!c)
		return 0;
	file = c->has_fd ? file_of_fd(sn_current(), c->fd, NULL) : NULL;
	c->has_file = file && (u64)file == c->file;
	c->ino = c->dev = c->gen = c->fs_magic = c->mode = c->unlinked = 0;
	c->offset = 0;
	c->wanted = c->has_fd && !sn_cfg.nr_fs_devs;
	if (c->has_file) {
		inode = sn_cast(struct inode, sn_read(file, f_inode));
		sb = sn_cast(struct super_block, sn_read(inode, i_sb));
		c->ino = sn_read(inode, i_ino);
		c->gen = sn_read(inode, i_generation);
		c->mode = sn_read(inode, i_mode);
		c->unlinked = sn_read(inode, i_nlink) == 0;
		c->dev = sn_read(sb, s_dev);
		c->fs_magic = (u32)sn_read(sb, s_magic);
		c->wanted = !file_refused(c->mode, c->fs_magic) &&
			    !device_refused(c->dev, c->mode, inode);
	}
	c->has_offset = c->has_fd && find_copied_offset(c, ret);
	return 0;
}

static __always_inline void tell_copied(struct sn_task *st, const struct sn_copied *c, u64 now)
{
	struct file *file = sn_cast(struct file, c->file);

	if (c->has_file && !is_pseudo_fs(c->fs_magic))
		tell_name_of(st, file, sn_name_key(c->ino, c->dev, c->gen), c->mode, now);
}

static __always_inline void fill_copied(struct sn_vfs_copy *e, const struct sn_copied *from,
					const struct sn_copied *to)
{
	e->fd = from->fd;
	e->to_fd = to->fd;
	e->offset = from->offset;
	e->to_offset = to->offset;
	e->to_ino = to->ino;
	e->to_dev = to->dev;
	e->to_gen = to->gen;
	e->to_fs_magic = to->fs_magic;
	e->to_file_type = to->mode & S_IFMT;
	e->unlinked = from->unlinked;
	e->to_unlinked = to->unlinked;
	FILL_FILE(e, sn_vfs_copy, from);
	if (to->has_file)
		e->hdr.valid |= SN_VALID_BIT(struct sn_vfs_copy, to_ino) |
				SN_VALID_BIT(struct sn_vfs_copy, to_dev) |
				SN_VALID_BIT(struct sn_vfs_copy, to_gen) |
				SN_VALID_BIT(struct sn_vfs_copy, to_fs_magic) |
				SN_VALID_BIT(struct sn_vfs_copy, to_file_type);
	if (from->has_fd)
		e->hdr.valid |= SN_VALID_BIT(struct sn_vfs_copy, fd);
	if (to->has_fd)
		e->hdr.valid |= SN_VALID_BIT(struct sn_vfs_copy, to_fd);
	if (from->has_offset)
		e->hdr.valid |= SN_VALID_BIT(struct sn_vfs_copy, offset);
	if (to->has_offset)
		e->hdr.valid |= SN_VALID_BIT(struct sn_vfs_copy, to_offset);
}

/*
 * Is a row wanted for either file's sake? Tells the names of both then. Apart from what makes
 * the row: the stacks of functions that call each other must not grow together. Both are
 * global, verified once and not for each way to the end of a call.
 */
__noinline int vfs_meet_copied(sn_given given, s64 ret, u64 now)
{
	struct sn_task *st = sn_take(given);

	if (!st)
		return 0;
	find_copied(&st->from, ret);
	find_copied(&st->to, ret);
	if (!st->from.wanted && !st->to.wanted)
		return 0;
	tell_copied(st, &st->from, now);
	tell_copied(st, &st->to, now);
	return 1;
}

__noinline int vfs_make_copy_row(sn_given given, s64 ret, u64 now)
{
	struct sn_task *st = sn_take(given);
	struct sn_percpu *cpu = sn_this_cpu();
	struct sn_vfs_copy *e;

	if (!cpu || !st)
		return SN_OUT_lost_map;
	e = sn_reserve(cpu, SN_SLOT_vfs_copy, sizeof(*e));
	if (!e)
		return SN_OUT_lost_ring;
	sn_header(&e->hdr, SN_EV_vfs_copy, now, st);
	e->hdr.valid = st->asked.valid;
	e->dur_ns = now - st->start_ns;
	e->requested_bytes = st->asked.bytes;
	e->ret = ret;
	e->splice_flags = st->asked.flags;
	e->call = st->asked.call;
	e->origin = SN_ORIGIN_user;
	e->pad0 = 0;
	e->pad1 = 0;
	fill_copied(e, &st->from, &st->to);
	sn_submit(e);
	sn_emitted(cpu, SN_SLOT_vfs_copy);
	return SN_OUT_emitted;
}

static __always_inline void asked_by_copy(struct sn_task *st, struct pt_regs *regs, u32 call)
{
	struct sn_asked *a = &st->asked;
	u64 third = sn_syscall_arg(regs, 2);

	a->call = (u16)call;
	a->valid = SN_VALID_BIT(struct sn_vfs_copy, requested_bytes) |
		   SN_VALID_BIT(struct sn_vfs_copy, splice_flags);
	a->flags = (u32)sn_syscall_arg(regs, 3);
	switch (call) {
	case SN_CALL_tee:
		a->bytes = third;
		break;
	case SN_CALL_vmsplice:
		if (!sum_vectors(st, sn_syscall_arg(regs, 1), third))
			a->valid &= ~SN_VALID_BIT(struct sn_vfs_copy, requested_bytes);
		a->bytes = st->sum;
		break;
	case SN_CALL_sendfile:
		a->bytes = sn_syscall_arg(regs, 3);
		a->flags = 0;
		a->valid &= ~SN_VALID_BIT(struct sn_vfs_copy, splice_flags);
		break;
	default: /* copy_file_range, splice */
		a->bytes = sn_syscall_arg(regs, 4);
		a->flags = (u32)sn_syscall_arg(regs, 5);
		break;
	}
}

static __always_inline int emit_copy(struct sn_percpu *cpu, struct sn_task *st,
				     struct pt_regs *regs, u32 call, s64 ret, u64 now)
{
	u64 done = ret > 0 ? ret : 0;

	if (done < sn_cfg.min_bytes || done > sn_cfg.max_bytes ||
	    !vfs_meet_copied(sn_give(st), ret, now))
		return SN_OUT_filtered;
	if (sn_sampled_out(cpu, SN_SLOT_vfs_copy))
		return SN_OUT_sampled;
	asked_by_copy(st, regs, call);
	return sn_outcome(vfs_make_copy_row(sn_give(st), ret, now));
}

#endif
