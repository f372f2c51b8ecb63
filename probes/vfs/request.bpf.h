/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Operations that go on when the call that asked for them has returned: requests of
 * io_uring and of AIO. One is noted when the kernel takes it, and is a row when it ends, which
 * may be in any thread or interrupt: the row is of the thread that asked.
 */
#ifndef SONDE_VFS_REQUEST_BPF_H
#define SONDE_VFS_REQUEST_BPF_H

#include "rows.bpf.h"

#include "vfs.h"

/* What tells a request from all others that are under way. */
struct vfs_request_key {
	u64 where; /* the kernel's or the user's address of it */
	u64 of;    /* what that address is of, where it is not enough */
};

#define NO_SLOT 255

struct vfs_request {
	u64 start_ns, op, cgroup, pid_tgid; /* of who asked */
	u64 data;                           /* what the user knows it by */
	u64 memory;                         /* where the kernel has it */
	u64 file, ino;
	u64 bytes;  /* asked for, or the length of a range */
	s64 offset; /* as it was asked for */
	u32 dev, gen, file_flags, fs_magic;
	u32 flags; /* of the request: rwf, sync_flags */
	u32 valid; /* of the row's columns */
	s32 fd;
	u32 nr;     /* under way by this key */
	u32 ending; /* its row is being made */
	u16 mode, call;
	u8 slot; /* NO_SLOT: no row is wanted of it */
	u8 has_file, unlinked;
	u8 refused;   /* by io_uring: the kernel notes no file in it */
	u8 is_shared; /* nr was more than one: whose an end is, is not known */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct vfs_request_key);
	__type(value, struct vfs_request);
} vfs_requests SEC(".maps");

static __always_inline bool request_wanted(u32 call)
{
	return sn_event_wanted(vfs_slot_of_request(call)) && sn_has_call(&sn_cfg.calls, call);
}

static __always_inline void add_request_bytes(struct sn_task *st, struct sn_asked *a, bool vectors)
{
	if (vfs_slot_of_request(a->call) == SN_SLOT_vfs_fsync)
		return;
	if (!vectors || sum_vectors(st, a->memory, a->bytes))
		a->valid |= SN_VALID_BIT(struct sn_vfs_read, requested_bytes);
	if (vectors)
		a->bytes = st->sum;
}

/* What note_file() found. */
static __always_inline void keep_file(struct vfs_request *r, const struct sn_task *st)
{
	r->file = st->file;
	r->ino = st->ino;
	r->dev = st->dev;
	r->gen = st->gen;
	r->fs_magic = st->fs_magic;
	r->file_flags = st->file_flags;
	r->mode = st->mode;
	r->unlinked = st->unlinked;
	r->has_file = 1;
}

/* One that is under way by this key, or NULL. */
static __always_inline struct vfs_request *request_of(const struct vfs_request_key *key)
{
	struct vfs_request *r = bpf_map_lookup_elem(&vfs_requests, key);

	return r && r->nr ? r : NULL;
}

/* In an interrupt the kernel may refuse to delete: then it stays, and is none. */
static __always_inline void forget_request(const struct vfs_request_key *key, struct vfs_request *r)
{
	if (r->slot != NO_SLOT && !r->is_shared)
		sn_in_flight(r->slot, -1);
	r->nr = 0;
	bpf_map_delete_elem(&vfs_requests, key);
}

/* One whose end was not told, or not to whom it belongs. */
static __always_inline void lose_request(const struct vfs_request_key *key, struct vfs_request *r)
{
	if (r->slot != NO_SLOT && !r->is_shared)
		sn_lose(r->slot, SN_CAUSE_missed);
	forget_request(key, r);
}

/* A request of the current thread. */
static __always_inline void fill_request(struct vfs_request *r, const struct sn_asked *a,
					 const struct sn_task *st)
{
	struct sn_percpu *cpu = sn_this_cpu();

	r->start_ns = bpf_ktime_get_ns();
	r->op = cpu ? sn_new_op(cpu, r->start_ns, false) : 0;
	r->cgroup = st->cgroup;
	r->pid_tgid = bpf_get_current_pid_tgid();
	r->nr = 1;
	r->slot = vfs_slot_of_request(a->call);
	r->call = a->call;
	r->bytes = a->bytes;
	r->offset = a->offset;
	r->flags = a->flags;
	r->fd = a->fd;
	r->refused = a->refused != 0;
	r->memory = a->request;
	r->data = a->data;
	r->valid = a->valid;
	if (r->slot != SN_SLOT_vfs_fsync) {
		r->valid |= SN_VALID_BIT(struct sn_vfs_read, offset);
		if (a->has_fd)
			r->valid |= SN_VALID_BIT(struct sn_vfs_read, fd);
		return;
	}
	if (a->has_fd)
		r->valid |= SN_VALID_BIT(struct sn_vfs_fsync, fd);
	if (a->call == SN_CALL_io_uring_sync_file_range)
		r->valid |= SN_VALID_BIT(struct sn_vfs_fsync, offset) |
			    SN_VALID_BIT(struct sn_vfs_fsync, length) |
			    SN_VALID_BIT(struct sn_vfs_fsync, sync_flags);
}

_Static_assert(sizeof(struct vfs_request) <= sizeof(sn_zeros), "a new request is made of zeros");

/*
 * A new request, empty; NULL: there is no room. None is under way by its key, and nobody looks
 * for it before it can end.
 */
static __always_inline struct vfs_request *new_request(const struct vfs_request_key *key, u32 slot)
{
	struct vfs_request *r = NULL;

	if (!bpf_map_update_elem(&vfs_requests, key, (void *)sn_zeros, BPF_ANY))
		r = bpf_map_lookup_elem(&vfs_requests, key);
	if (slot == NO_SLOT)
		return r;
	if (r)
		sn_in_flight(slot, 1);
	else
		sn_lose(slot, SN_CAUSE_map);
	return r;
}

/* Notes a request of the current thread, on the file that note_file() found, if any. */
static __always_inline int note_request(const struct vfs_request_key *key, const struct sn_asked *a,
					const struct sn_task *st, bool has_file)
{
	struct vfs_request *r = new_request(key, vfs_slot_of_request(a->call));

	if (!r)
		return SN_OUT_lost_map;
	fill_request(r, a, st);
	if (has_file)
		keep_file(r, st);
	return SN_OUT_stored;
}

/* Who asked is not who is running. */
static __always_inline void request_header(struct sn_hdr *hdr, u16 id, u64 now,
					   const struct vfs_request *r)
{
	sn_header(hdr, id, now, NULL);
	hdr->op = r->op;
	hdr->cgroup = r->cgroup;
	hdr->pid = r->pid_tgid >> 32;
	hdr->tid = (u32)r->pid_tgid;
	hdr->valid = r->valid;
}

SN_ONCE int emit_request_rw(struct vfs_request *r, s64 ret, u64 now)
{
	struct sn_percpu *cpu = sn_this_cpu();
	u64 done = ret > 0 ? ret : 0;
	struct sn_vfs_read *e;
	u32 slot;

	if (!cpu || !r || done < sn_cfg.min_bytes || done > sn_cfg.max_bytes)
		return SN_OUT_filtered;
	slot = r->slot == SN_SLOT_vfs_read ? SN_SLOT_vfs_read : SN_SLOT_vfs_write;
	if (sn_sampled_out(cpu, slot))
		return SN_OUT_sampled;
	e = sn_reserve(cpu, slot, sizeof(*e));
	if (!e)
		return SN_OUT_lost_ring;
	request_header(&e->hdr, slot == SN_SLOT_vfs_read ? SN_EV_vfs_read : SN_EV_vfs_write, now,
		       r);
	e->dur_ns = now - r->start_ns;
	e->requested_bytes = r->bytes;
	e->ret = ret;
	e->fd = r->fd;
	e->offset = r->offset;
	e->rwf = r->flags;
	e->hit_pages = 0;
	e->miss_pages = 0;
	e->file_flags = r->file_flags;
	if (r->has_file)
		e->hdr.valid |= SN_VALID_BIT(struct sn_vfs_read, file_flags);
	if (r->has_file && !has_position(r->mode)) /* of no known file what was asked for stands */
		e->hdr.valid &= ~SN_VALID_BIT(struct sn_vfs_read, offset);
	FILL_FILE(e, sn_vfs_read, r);
	e->call = r->call;
	e->origin = SN_ORIGIN_user;
	e->unlinked = r->has_file & r->unlinked;
	e->pad0 = 0;
	sn_submit(e);
	sn_emitted(cpu, slot);
	return SN_OUT_emitted;
}

SN_ONCE int emit_request_fsync(struct vfs_request *r, s64 ret, u64 now)
{
	struct sn_percpu *cpu = sn_this_cpu();
	struct sn_vfs_fsync *e;

	if (!cpu || !r)
		return SN_OUT_filtered;
	if (sn_sampled_out(cpu, SN_SLOT_vfs_fsync))
		return SN_OUT_sampled;
	e = sn_reserve(cpu, SN_SLOT_vfs_fsync, sizeof(*e));
	if (!e)
		return SN_OUT_lost_ring;
	request_header(&e->hdr, SN_EV_vfs_fsync, now, r);
	e->dur_ns = now - r->start_ns;
	e->ret = ret;
	e->fd = r->fd;
	e->offset = r->offset;
	e->length = r->bytes;
	e->sync_flags = r->flags;
	FILL_FILE(e, sn_vfs_fsync, r);
	e->call = r->call;
	e->origin = SN_ORIGIN_user;
	e->unlinked = r->has_file & r->unlinked;
	e->pad0 = 0;
	e->pad1 = 0;
	sn_submit(e);
	sn_emitted(cpu, SN_SLOT_vfs_fsync);
	return SN_OUT_emitted;
}

/* Makes the row of a request that has ended. What becomes of the run. */
static __always_inline int emit_request(struct vfs_request *r, s64 ret, u64 now)
{
	if (end_refused(now - r->start_ns, ret) || (sn_cfg.nr_fs_devs && !r->has_file))
		return SN_OUT_filtered;
	return sn_outcome(r->slot == SN_SLOT_vfs_fsync ? emit_request_fsync(r, ret, now)
						       : emit_request_rw(r, ret, now));
}

/*
 * Where a read or write began that took the file's position, or its end, from where the
 * kernel's position of the request is now that it has ended.
 */
static __always_inline void find_request_offset(struct vfs_request *r, s64 position, s64 ret)
{
	r->valid &= ~SN_VALID_BIT(struct sn_vfs_read, offset);
	if (ret < 0 || !r->has_file)
		return;
	r->offset = position - ret;
	r->valid |= SN_VALID_BIT(struct sn_vfs_read, offset);
}

static __always_inline bool request_appends(const struct vfs_request *r)
{
	return r->slot == SN_SLOT_vfs_write && r->has_file &&
	       appends(r->mode, r->file_flags, r->flags);
}

#endif
