/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Requests of io_uring, at its own tracepoints, in the forms that kernels have of them. A
 * request is known by where the kernel has it; before 5.18 the tracepoint of its end does not
 * say that: there it is known by its ring and user_data, of whatever kind it is, and of those
 * that have the same at one time the rows are lost.
 */
#ifndef SONDE_VFS_URING_BPF_H
#define SONDE_VFS_URING_BPF_H

#include "request.bpf.h"

/* IORING_OP_* */
enum {
	URING_READV = 1,
	URING_WRITEV = 2,
	URING_FSYNC = 3,
	URING_READ_FIXED = 4,
	URING_WRITE_FIXED = 5,
	URING_SYNC_FILE_RANGE = 8,
	URING_READ = 22,
	URING_WRITE = 23,
	URING_READV_FIXED = 60,
	URING_WRITEV_FIXED = 61,
};
#define URING_FIXED_FILE (1 << 0)    /* IOSQE_FIXED_FILE: of the ring's own table */
#define URING_BUFFER_SELECT (1 << 5) /* IOSQE_BUFFER_SELECT */
#define URING_SKIP (1 << 6)          /* IOSQE_CQE_SKIP_SUCCESS: its end is told only if it fails */
#define URING_FAILED (1 << 8)        /* REQ_F_FAIL */
#define URING_DATASYNC 1             /* IORING_FSYNC_DATASYNC */
#define URING_MORE (1 << 1)          /* IORING_CQE_F_MORE: not the last end of the request */

/* Ends do not say where the kernel has the request. */
const volatile u32 vfs_uring_by_data SEC(".rodata.vfs_uring") = 0;

/* A table and no switch: one way for all to the verifier, not one for each. */
const volatile u8 vfs_uring_calls[64] SEC(".rodata.vfs_uring_calls") = {
	[URING_READ] = SN_CALL_io_uring_read,
	[URING_READV] = SN_CALL_io_uring_readv,
	[URING_READ_FIXED] = SN_CALL_io_uring_read_fixed,
	[URING_READV_FIXED] = SN_CALL_io_uring_readv_fixed,
	[URING_WRITE] = SN_CALL_io_uring_write,
	[URING_WRITEV] = SN_CALL_io_uring_writev,
	[URING_WRITE_FIXED] = SN_CALL_io_uring_write_fixed,
	[URING_WRITEV_FIXED] = SN_CALL_io_uring_writev_fixed,
	[URING_FSYNC] = SN_CALL_io_uring_fsync,
	[URING_SYNC_FILE_RANGE] = SN_CALL_io_uring_sync_file_range,
};

static __always_inline u32 uring_call(u8 opcode)
{
	return opcode < sizeof(vfs_uring_calls) ? vfs_uring_calls[opcode] : 0;
}

/* Of a request that the kernel has taken. */
static __always_inline void asked_by_req(u32 slot, struct sn_asked *a)
{
	struct io_sync *sync = sn_cast(struct io_sync, a->request);
	struct io_rw *rw = sn_cast(struct io_rw, a->request);

	if (slot == SN_SLOT_vfs_fsync) {
		a->offset = sn_read(sync, off);
		a->bytes = sn_read(sync, len);
		a->flags = sn_read(sync, flags);
		return;
	}
	a->offset = sn_read(rw, kiocb.ki_pos);
	a->memory = sn_read(rw, addr);
	a->bytes = sn_read(rw, len);
	if (bpf_core_field_exists(rw->flags)) {
		a->flags = sn_read(rw, flags);
		a->valid = SN_VALID_BIT(struct sn_vfs_read, rwf);
	}
}

/* Of one that it refused: as the user wrote it. */
static __always_inline void asked_by_sqe(u32 slot, struct sn_asked *a)
{
	struct io_uring_sqe *sqe = sn_cast(struct io_uring_sqe, a->refused);

	a->offset = sn_read(sqe, off);
	a->memory = sn_read(sqe, addr);
	a->bytes = sn_read(sqe, len);
	a->flags = sn_read(sqe, rw_flags);
	if (slot != SN_SLOT_vfs_fsync)
		a->valid = SN_VALID_BIT(struct sn_vfs_read, rwf);
}

/* All that a request of ours asks for, but the bytes of its vectors. */
SN_ONCE int asked_by_uring(struct sn_asked *a)
{
	struct io_uring_sqe *sqe;
	struct io_kiocb *req;
	u32 slot;

	if (!a)
		return 0;
	slot = vfs_slot_of_request(a->call);
	req = sn_cast(struct io_kiocb, a->request);
	sqe = sn_cast(struct io_uring_sqe, a->refused);
	a->has_fd = bpf_core_field_exists(req->cqe) && !(sn_read(req, flags) & URING_FIXED_FILE);
	if (a->has_fd)
		a->fd = a->refused ? sn_read(sqe, fd) : sn_read(req, cqe.fd);
	if (a->refused)
		asked_by_sqe(slot, a);
	else
		asked_by_req(slot, a);
	if (a->call == SN_CALL_io_uring_fsync && a->flags & URING_DATASYNC)
		a->call = SN_CALL_io_uring_fdatasync;
	return 0;
}

static __always_inline bool uring_has_vectors(u32 call)
{
	return call == SN_CALL_io_uring_readv || call == SN_CALL_io_uring_writev ||
	       call == SN_CALL_io_uring_readv_fixed || call == SN_CALL_io_uring_writev_fixed;
}

/* The bytes, unless vectors cannot be read as ours are, or are of a buffer that the ring will choose. */
static __always_inline void add_uring_bytes(struct sn_task *st, struct io_kiocb *req,
					    struct sn_asked *a)
{
	bool vectors = uring_has_vectors(a->call);

	if (vectors && sn_read(req, flags) & URING_BUFFER_SELECT) {
		if (vfs_uring_by_data || a->refused)
			return;
		vectors = false; /* the kernel has put the bytes there already */
	}
	if (!vectors || !sn_uring_is_32bit(sn_read(req, ctx)))
		add_request_bytes(st, a, vectors);
}

/*
 * The file of its descriptor as it is now; when it is carried out, it may be another. NULL: not
 * known yet.
 */
static __always_inline struct file *uring_file(struct io_kiocb *req, struct sn_asked *a)
{
	if (!bpf_core_field_exists(req->cqe))
		return sn_read(req, file);
	return a->has_fd ? file_of_fd(sn_current(), a->fd, NULL) : NULL;
}

static __always_inline struct vfs_request_key uring_key(const void *ring, u64 req, u64 user_data)
{
	struct vfs_request_key key = { req };

	if (vfs_uring_by_data) {
		key.where = user_data;
		key.of = (u64)ring;
	}
	return key;
}

/* Notes what st->asked holds, if a row is wanted of it. What becomes of the run. */
__noinline int vfs_note_uring(void)
{
	struct sn_task *st = sn_this_task();
	struct vfs_request_key key;
	struct io_kiocb *req;
	struct sn_asked *a;
	struct file *file;

	if (!st)
		return SN_OUT_ignored;
	a = &st->asked;
	if (!request_wanted(a->call))
		return SN_OUT_filtered;
	req = sn_cast(struct io_kiocb, a->request);
	add_uring_bytes(st, req, a);
	file = uring_file(req, a);
	if (file && !note_file(st, sn_cast(struct file, file), 0))
		return SN_OUT_filtered;
	if (a->shares || sn_read(req, flags) & URING_SKIP) {
		sn_lose(vfs_slot_of_request(a->call), SN_CAUSE_missed);
		return SN_OUT_ignored;
	}
	key = uring_key(sn_read(req, ctx), a->request, a->data);
	return note_request(&key, a, st, file);
}

/* The state of who asks, st->asked filled, if a row may be wanted; or NULL, and what becomes of the run. */
static __always_inline struct sn_task *meet_uring(struct io_kiocb *req, u64 sqe, u64 data,
						  enum sn_outcome *ret_why)
{
	u32 call = uring_call(sn_read(req, opcode));
	struct sn_task *st;

	*ret_why = SN_OUT_ignored;
	/* What those forms of the tracepoint show of one that was refused is another's. */
	if (!call || (vfs_uring_by_data && sn_read(req, flags) & URING_FAILED))
		return NULL;
	*ret_why = SN_OUT_filtered;
	if (!sn_event_wanted(vfs_slot_of_request(call)))
		return NULL;
	st = sn_wanted(sn_current(), ret_why);
	if (st) {
		st->asked = (struct sn_asked){
			.call = call, .request = (u64)req, .refused = sqe, .data = data
		};
		asked_by_uring(&st->asked);
	} else if (*ret_why == SN_OUT_lost_map) {
		sn_lose(vfs_slot_of_request(call), SN_CAUSE_map);
	}
	return st;
}

/*
 * One more by the same user_data: from now on nobody knows which of them ends, unless one is
 * just about to: another cpu makes its row. That and begin_end() first say what they do and then
 * look at what the other does, a few instructions apart.
 */
static __always_inline void share_request(struct vfs_request *r)
{
	bool was_alone = !r->is_shared && !r->ending;

	if (was_alone)
		r->is_shared = 1;
	__sync_fetch_and_add(&r->nr, 1);
	if (was_alone && r->slot != NO_SLOT) {
		sn_lose(r->slot, SN_CAUSE_missed);
		sn_in_flight(r->slot, -1);
	}
}

/* Says that it ends. False: it is too late, it is one of several. */
static __always_inline bool begin_end(struct vfs_request *r)
{
	if (vfs_uring_by_data)
		__sync_fetch_and_add(&r->ending, 1);
	return !r->is_shared;
}

/* Its row was made; others by its key, which came meanwhile, are left. */
static __always_inline void end_request(const struct vfs_request_key *key, struct vfs_request *r)
{
	if (!vfs_uring_by_data || r->nr <= 1) {
		forget_request(key, r);
		return;
	}
	sn_in_flight(r->slot, -1);
	r->is_shared = 1;
	r->ending = 0;
	__sync_fetch_and_add(&r->nr, -1);
}

/* 6.0 to 6.2 can refuse what they have taken. */
static __always_inline bool is_same_request(const struct vfs_request *r, const struct sn_asked *a)
{
	return r->data == a->data && r->call == a->call && r->fd == a->fd && r->offset == a->offset;
}

/* The kernel takes a request, of whatever kind, or (sqe) does not. */
static __always_inline int uring_begins(enum sn_prog prog, struct io_kiocb *arg, u64 sqe)
{
	struct io_kiocb *req = sn_cast(struct io_kiocb, arg);
	u64 data = sn_uring_user_data(req);
	struct vfs_request_key key = uring_key(sn_read(req, ctx), (u64)req, data);
	struct vfs_request *old = request_of(&key);
	enum sn_outcome outcome;
	struct sn_task *st = meet_uring(req, sqe, data, &outcome);

	if (old && vfs_uring_by_data) {
		share_request(old);
		if (st)
			st->asked.shares = 1;
	} else if (old && sqe && st && is_same_request(old, &st->asked)) {
		return sn_count(prog, SN_OUT_stored);
	} else if (old) {
		lose_request(&key, old); /* its end was not told */
	}
	if (st)
		outcome = sn_outcome(vfs_note_uring());
	/* Its end will be told like those of the others. */
	if (vfs_uring_by_data && !old && outcome != SN_OUT_stored) {
		old = new_request(&key, NO_SLOT);
		if (old) {
			old->slot = NO_SLOT;
			old->nr = 1;
		}
	}
	return sn_count(prog, outcome);
}

/*
 * The file that it was carried out on may be another than the descriptor's at first. False: a
 * row is not wanted for it.
 */
SN_ONCE int find_file_again(struct vfs_request *r, u64 now)
{
	struct task_struct *task = sn_current();
	struct io_kiocb *req;
	struct file *file;
	struct sn_task *st;

	if (!r)
		return false;
	req = sn_cast(struct io_kiocb, r->memory);
	file = sn_read(req, file);
	if (r->refused || !file || (u64)file == r->file)
		return true;
	r->has_file = 0;
	st = sn_task_of(task);
	if (!st) /* a worker of the ring */
		st = sn_task_new(task);
	if (!st || st->state == SN_OP_STORED)
		return true;
	if (!note_file(st, sn_cast(struct file, file), now))
		return false;
	keep_file(r, st);
	return true;
}

/* One that was to begin where the file stood, or ended: did the kernel keep where it was? */
static __always_inline void find_uring_offset(struct vfs_request *r, s64 ret)
{
	struct io_rw *rw = sn_cast(struct io_rw, r->memory);

	if (r->slot == SN_SLOT_vfs_fsync || (r->offset != -1 && !request_appends(r)))
		return;
	if (vfs_uring_by_data) /* other things of the request lie there at its end */
		r->valid &= ~SN_VALID_BIT(struct sn_vfs_read, offset);
	else
		find_request_offset(r, sn_read(rw, kiocb.ki_pos), ret);
}

static __always_inline int uring_ends(enum sn_prog prog, const struct vfs_request_key *key,
				      u64 user_data, s64 ret)
{
	struct vfs_request *r = request_of(key);
	u64 now = bpf_ktime_get_ns();
	int outcome = SN_OUT_filtered;

	if (!r) /* of another kind, or it began before the recording */
		return sn_count(prog, SN_OUT_ignored);
	if (r->slot == NO_SLOT || !begin_end(r)) {
		if (r->nr > 1)
			__sync_fetch_and_add(&r->nr, -1);
		else
			forget_request(key, r);
		return sn_count(prog, SN_OUT_ignored);
	}
	if (r->data != user_data) { /* of what uses its memory now */
		lose_request(key, r);
		return sn_count(prog, SN_OUT_ignored);
	}
	if (find_file_again(r, now)) {
		find_uring_offset(r, ret);
		outcome = emit_request(r, ret, now);
	}
	end_request(key, r);
	return sn_count(prog, outcome);
}

SEC("?tp_btf/io_uring_submit_req")
int BPF_PROG(vfs_uring_req, struct io_kiocb *req)
{
	return uring_begins(SN_P_vfs_uring_req, req, 0);
}

/* 6.0 */
SEC("?tp_btf/io_uring_submit_sqe")
int BPF_PROG(vfs_uring_sqe, struct io_kiocb *req)
{
	return uring_begins(SN_P_vfs_uring_sqe, req, 0);
}

/* 5.14 */
SEC("?tp_btf/io_uring_submit_sqe")
int BPF_PROG(vfs_uring_sqe_7, void *ring, struct io_kiocb *req)
{
	return uring_begins(SN_P_vfs_uring_sqe_7, req, 0);
}

SEC("?tp_btf/io_uring_req_failed")
int BPF_PROG(vfs_uring_failed, const struct io_uring_sqe *sqe, struct io_kiocb *req)
{
	return uring_begins(SN_P_vfs_uring_failed, req, (u64)sqe);
}

SEC("?tp_btf/io_uring_complete")
int BPF_PROG(vfs_uring_done, void *ring, void *req, struct io_uring_cqe *arg)
{
	struct io_uring_cqe *cqe = sn_cast(struct io_uring_cqe, arg);
	u64 user_data = sn_read(cqe, user_data);
	struct vfs_request_key key = uring_key(ring, (u64)req, user_data);

	return uring_ends(SN_P_vfs_uring_done, &key, user_data, sn_read(cqe, res));
}

/* 5.19 */
SEC("?tp_btf/io_uring_complete")
int BPF_PROG(vfs_uring_done_7, void *ring, void *req, u64 user_data, int res)
{
	struct vfs_request_key key = uring_key(ring, (u64)req, user_data);

	return uring_ends(SN_P_vfs_uring_done_7, &key, user_data, res);
}

/* 5.18 */
SEC("?tp_btf/io_uring_complete")
int BPF_PROG(vfs_uring_done_5, void *ring, void *req, u64 user_data, int res)
{
	struct vfs_request_key key = uring_key(ring, (u64)req, user_data);

	return uring_ends(SN_P_vfs_uring_done_5, &key, user_data, res);
}

/* 5.13 */
SEC("?tp_btf/io_uring_complete")
int BPF_PROG(vfs_uring_done_4, void *ring, u64 user_data, int res, unsigned int flags)
{
	struct vfs_request_key key = uring_key(ring, 0, user_data);

	if (flags & URING_MORE)
		return sn_count(SN_P_vfs_uring_done_4, SN_OUT_ignored);
	return uring_ends(SN_P_vfs_uring_done_4, &key, user_data, res);
}

#endif
