/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Requests of AIO: io_submit(2). Where functions can be hooked, at those that take one and
 * that end it. Else at the calls: one has ended when the user is told so, by io_getevents(2).
 * What a request asks for is read from the user's memory; what is not present there is lost.
 */
#ifndef SONDE_VFS_AIO_BPF_H
#define SONDE_VFS_AIO_BPF_H

#include "request.bpf.h"

/* IOCB_CMD_* */
enum {
	AIO_PREAD = 0,
	AIO_PWRITE = 1,
	AIO_FSYNC = 2,
	AIO_FDSYNC = 3,
	AIO_PREADV = 7,
	AIO_PWRITEV = 8,
};

const volatile u8 vfs_aio_calls[16] SEC(".rodata.vfs_aio_calls") = {
	[AIO_PREAD] = SN_CALL_aio_pread,   [AIO_PREADV] = SN_CALL_aio_preadv,
	[AIO_PWRITE] = SN_CALL_aio_pwrite, [AIO_PWRITEV] = SN_CALL_aio_pwritev,
	[AIO_FSYNC] = SN_CALL_aio_fsync,   [AIO_FDSYNC] = SN_CALL_aio_fdsync,
};

static __always_inline u32 aio_call(u16 opcode)
{
	return opcode < sizeof(vfs_aio_calls) ? vfs_aio_calls[opcode] : 0;
}

/*
 * What the user's struct iocb asks for; a->call is 0 if it is none of ours. Memory that is not
 * present is read by the kernel, but not by us: one is lost then, as a read if nobody knows.
 */
static __noinline int asked_by_iocb(u64 iocb, struct sn_asked *a)
{
	struct user_iocb u = {};

	if (!a)
		return 0;
	if (bpf_probe_read_user(&u, sizeof(u), (void *)iocb)) {
		sn_lose(SN_SLOT_vfs_read, SN_CAUSE_missed);
		return 0;
	}
	a->call = aio_call(u.opcode);
	a->data = u.data;
	a->memory = u.buf;
	a->bytes = u.bytes;
	a->offset = u.offset;
	a->flags = u.rw_flags;
	a->fd = u.fd;
	a->has_fd = 1;
	if (vfs_slot_of_request(a->call) != SN_SLOT_vfs_fsync)
		a->valid = SN_VALID_BIT(struct sn_vfs_read, rwf);
	return 0;
}

/* One of a thread that there is no room for. */
static __always_inline int lose_aio(u64 iocb)
{
	struct sn_asked a = {};

	asked_by_iocb(iocb, &a);
	if (a.call && request_wanted(a.call))
		sn_lose(vfs_slot_of_request(a.call), SN_CAUSE_map);
	return SN_OUT_lost_map;
}

/* One by the same iocb whose end was not told. */
static __always_inline void lose_old(const struct vfs_request_key *key)
{
	struct vfs_request *old = request_of(key);

	if (old)
		lose_request(key, old);
}

/* Notes a request that is taken now, or refused behind us. What becomes of the run. */
static __always_inline int aio_begins(struct sn_task *st, const struct vfs_request_key *key)
{
	struct sn_asked *a = &st->asked;
	struct file *file;

	*a = (struct sn_asked){};
	asked_by_iocb(key->where, a);
	if (!a->call)
		return SN_OUT_ignored;
	if (!request_wanted(a->call))
		return SN_OUT_filtered;
	add_request_bytes(st, a, a->call == SN_CALL_aio_preadv || a->call == SN_CALL_aio_pwritev);
	file = file_of_fd(sn_current(), a->fd, &st->shares_fds);
	if (file && !note_file(st, file, 0))
		return SN_OUT_filtered;
	lose_old(key); /* another thread may have submitted the same one since */
	return note_request(key, a, st, file);
}

/* ---- at functions ---- */

static __always_inline int aio_is_taken(enum sn_prog prog, u64 ring, u64 iocb)
{
	struct task_struct *task = sn_current();
	enum sn_outcome why;
	struct sn_task *st = sn_wanted(task, &why);
	struct vfs_request_key key = { iocb, ring };

	lose_old(&key);
	if (!st)
		return sn_count(prog, why == SN_OUT_lost_map ? lose_aio(iocb) : why);
	st->request = 0;
	if (sn_is_compat(task))
		return sn_count(prog, SN_OUT_ignored);
	st->request = iocb;
	st->request_of = ring;
	return sn_count(prog, aio_begins(st, &key));
}

/* One that is refused never began: io_submit(2) says so. */
static __always_inline int aio_was_taken(enum sn_prog prog, int err)
{
	struct sn_task *st = sn_this_task();
	struct vfs_request_key key;
	struct vfs_request *r;

	if (!st || !st->request)
		return sn_count(prog, SN_OUT_filtered);
	key = (struct vfs_request_key){ st->request, st->request_of };
	st->request = 0;
	r = err ? request_of(&key) : NULL;
	if (r)
		forget_request(&key, r);
	return sn_count(prog, SN_OUT_aggregated);
}

static __always_inline int aio_ends(enum sn_prog prog, struct aio_kiocb *arg)
{
	struct aio_kiocb *iocb = sn_cast(struct aio_kiocb, arg);
	struct vfs_request_key key = { sn_read(iocb, ki_res.obj), (u64)sn_read(iocb, ki_ctx) };
	struct vfs_request *r = request_of(&key);
	s64 ret = sn_read(iocb, ki_res.res);
	int outcome;

	if (!r ||
	    r->data != sn_read(iocb, ki_res.data)) /* or of the same iocb, used again before */
		return sn_count(prog, SN_OUT_ignored);
	if (r->file != (u64)sn_read(iocb, ki_filp)) /* another thread put one in its place */
		r->has_file = 0;
	if (request_appends(r))
		find_request_offset(r, sn_read(iocb, rw.ki_pos), ret);
	outcome = emit_request(r, ret, bpf_ktime_get_ns());
	forget_request(&key, r);
	return sn_count(prog, outcome);
}

SEC("?fentry/io_submit_one")
int BPF_PROG(vfs_aio_one, struct kioctx *ring, void *iocb)
{
	return aio_is_taken(SN_P_vfs_aio_one, (u64)ring, (u64)iocb);
}

SEC("?kprobe/io_submit_one")
int BPF_KPROBE(vfs_aio_one_k, u64 ring, u64 iocb)
{
	return aio_is_taken(SN_P_vfs_aio_one_k, ring, iocb);
}

SEC("?fexit/io_submit_one")
int BPF_PROG(vfs_aio_one_ret, void *ring, void *iocb, bool compat, int err)
{
	return aio_was_taken(SN_P_vfs_aio_one_ret, err);
}

SEC("?kretprobe/io_submit_one")
int BPF_KRETPROBE(vfs_aio_one_kret, int err)
{
	return aio_was_taken(SN_P_vfs_aio_one_kret, err);
}

SEC("?fentry/aio_complete")
int BPF_PROG(vfs_aio_done, struct aio_kiocb *iocb)
{
	return aio_ends(SN_P_vfs_aio_done, iocb);
}

SEC("?kprobe/aio_complete")
int BPF_KPROBE(vfs_aio_done_k, struct aio_kiocb *iocb)
{
	return aio_ends(SN_P_vfs_aio_done_k, iocb);
}

/* ---- at calls ---- */

/* Programs that vfs_enter and vfs_exit jump to, and count as theirs. */
#define AIO_JUMP(name)                                 \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY); \
		__uint(max_entries, 1);                \
		__type(key, u32);                      \
		__type(value, u32);                    \
	} name##_jump SEC(".maps")
AIO_JUMP(vfs_aio_submit);
AIO_JUMP(vfs_aio_submit_ret);
AIO_JUMP(vfs_aio_reap);

#if SN_LOOPS

/* Requests of one call: fs.aio-max-nr of all rings, unless it is set higher. */
#define AIO_MAX 65536

/* A call over many requests. */
struct aio_call {
	u64 of;    /* of the keys */
	u64 array; /* the user's */
	s64 done;  /* how many it took */
};

/* A ring is an address in its process. */
static __always_inline u64 aio_ring(u64 ring)
{
	return bpf_get_current_pid_tgid() >> 32 << 40 | ring >> 12;
}

static __always_inline u32 aio_number(s64 nr)
{
	return nr < 0 ? 0 : nr < AIO_MAX ? nr : AIO_MAX;
}

static long aio_one_begins(u32 i, void *ctx)
{
	struct aio_call *c = ctx;
	struct vfs_request_key key = { .of = c->of };
	struct sn_task *st = sn_this_task();

	if (bpf_probe_read_user(&key.where, sizeof(key.where), (u64 *)c->array + i)) {
		sn_lose(SN_SLOT_vfs_read, SN_CAUSE_missed);
		return 0;
	}
	lose_old(&key);
	if (st)
		aio_begins(st, &key);
	else
		lose_aio(key.where);
	return 0;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(vfs_aio_submit, struct pt_regs *regs)
{
	struct aio_call c = { aio_ring(sn_syscall_arg(regs, 0)), sn_syscall_arg(regs, 2) };
	struct task_struct *task = sn_current();
	enum sn_outcome why;

	if (!sn_wanted(task, &why) && why != SN_OUT_lost_map)
		return sn_count(SN_P_vfs_enter, why);
	if (sn_is_compat(task))
		return sn_count(SN_P_vfs_enter, SN_OUT_ignored);
	bpf_loop(aio_number(sn_syscall_arg(regs, 1)), aio_one_begins, &c, 0);
	return sn_count(SN_P_vfs_enter, SN_OUT_stored);
}

/* One that is refused never began; of one that is taken another thread may have swapped the file. */
static long aio_one_was_taken(u32 i, void *ctx)
{
	struct aio_call *c = ctx;
	struct vfs_request_key key = { .of = c->of };
	struct vfs_request *r;

	if (bpf_probe_read_user(&key.where, sizeof(key.where), (u64 *)c->array + i))
		return 1;
	r = request_of(&key);
	if (r && i >= c->done)
		forget_request(&key, r);
	else if (r && r->file != (u64)file_of_fd(sn_current(), r->fd, NULL))
		r->has_file = 0;
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(vfs_aio_submit_ret, struct pt_regs *regs, long ret)
{
	struct aio_call c = { aio_ring(sn_syscall_arg(regs, 0)), sn_syscall_arg(regs, 2),
			      ret > 0 ? ret : 0 };
	struct sn_task *st = sn_this_task();
	s64 nr = sn_syscall_arg(regs, 1);

	if (!st || sn_is_compat(sn_current()))
		return sn_count(SN_P_vfs_exit, SN_OUT_filtered);
	if (st->shares_fds || c.done < nr)
		bpf_loop(aio_number(nr), aio_one_was_taken, &c, 0);
	return sn_count(SN_P_vfs_exit, SN_OUT_aggregated);
}

static long aio_one_ends(u32 i, void *ctx)
{
	struct user_io_event event;
	struct aio_call *c = ctx;
	struct vfs_request_key key = { .of = c->of };
	struct vfs_request *r;

	if (bpf_probe_read_user(&event, sizeof(event), (struct user_io_event *)c->array + i))
		return 1;
	key.where = event.iocb;
	r = request_of(&key);
	if (!r || r->data != event.data)
		return 0;
	if (request_appends(r)) /* where, is not known */
		r->valid &= ~SN_VALID_BIT(struct sn_vfs_read, offset);
	emit_request(r, event.ret, bpf_ktime_get_ns());
	forget_request(&key, r);
	return 0;
}

/* io_getevents and io_pgetevents have their first four arguments alike. */
SEC("?tp_btf/sys_exit")
int BPF_PROG(vfs_aio_reap, struct pt_regs *regs, long ret)
{
	struct aio_call c = { aio_ring(sn_syscall_arg(regs, 0)), sn_syscall_arg(regs, 3) };

	if (sn_is_compat(sn_current()))
		return sn_count(SN_P_vfs_exit, SN_OUT_ignored);
	bpf_loop(aio_number(ret), aio_one_ends, &c, 0);
	return sn_count(SN_P_vfs_exit, SN_OUT_aggregated);
}

#endif

#endif
