// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Block requests, keyed by their pointer. Who submitted a request is known only
 * when its bio is queued; the request itself is seen first when it is inserted
 * or issued, often in another context. So the submitter is kept by bio until
 * then, and moves to the request with rq->bio.
 *
 * Requests are used again and again: their entries stay in the table and are
 * overwritten in place. What the kernel gave up, with its disk or its scheduler, nobody
 * tells: from half a table on entries go when their requests end.
 */
#include "compat.bpf.h"
#include "inode.bpf.h"

#include "block.h"

#define PAGE_MAPPING_FLAGS 3UL
#define MAX_BIOS (SN_LOOPS ? 4096 : 64) /* that are looked at of a request */

const volatile struct block_cfg block_cfg SEC(".rodata.block_cfg") = {};

/* Who submitted a bio, and for which file. */
struct submitter {
	u64 ts;
	u64 op;
	u64 cgroup;
	u64 ino;
	u64 sector, bytes; /* of the bio; both are used up when it ends */
	u32 pid, tid;
	u32 file_dev, gen;
	u32 cpu;
	u16 has_file;
	u8 is_held;  /* by a limit, until a worker submits it */
	u8 asks_fua; /* to be on the medium when it ends */
};

enum request_state {
	RQ_FREE,
	RQ_QUEUED,
	RQ_ISSUED,
};

struct request_entry {
	struct submitter by;
	u64 id;
	u64 sector, bytes;
	u64 done;     /* bytes that earlier issues completed */
	u64 start_ns; /* inserted, or issued if it never was */
	u64 issue_ns; /* last issue */
	u32 flags, dev;
	u64 nr_fronts; /* block_nr_fronts when its bios were last taken out of their table */
	u32 requeues, parts;
	u8 state; /* enum request_state */
	u8 inserted;
	u8 op;
	u8 unused;
	s32 error; /* of a part */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SN_TABLE_ENTRIES);
	__type(key, u64);
	__type(value, struct submitter);
} block_bios SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SN_TABLE_ENTRIES);
	__type(key, u64);
	__type(value, struct request_entry);
} block_requests SEC(".maps");

u64 block_nr_requests; /* that are in it */
u64 block_nr_fronts;   /* bios that joined the front of a request */

/* The last thread that asked a disk for a flush: the flush request has no bio to tell it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct submitter);
} block_flushers SEC(".maps");

static __always_inline u32 disk_dev(struct gendisk *disk)
{
	return (u32)BPF_CORE_READ(disk, major) << 20 | (u32)BPF_CORE_READ(disk, first_minor);
}

static __always_inline bool dev_refused(u32 dev, u64 sector)
{
	if (sector < sn_cfg.first_sector || sector > sn_cfg.last_sector)
		return true;
	if (!sn_cfg.nr_devs)
		return false;
	for (u32 i = 0; i < SN_MAX_DEVS && i < sn_cfg.nr_devs; i++)
		if (sn_cfg.devs[i].dev == dev && sector >= sn_cfg.devs[i].first_sector &&
		    sector <= sn_cfg.devs[i].last_sector)
			return false;
	return true;
}

/* The file whose pages a bio carries; direct I/O carries the user's, so there the operation says it. */
static __always_inline void find_file(struct submitter *by, struct bio *bio, struct sn_task *st)
{
	struct address_space *mapping;
	struct inode *host;
	struct page *page;

	if (st->state == SN_OP_STORED && st->has_file && st->file_flags & SN_O_DIRECT) {
		by->ino = st->ino;
		by->file_dev = st->dev;
		by->gen = st->gen;
		by->has_file = (st->mode & S_IFMT) != S_IFBLK;
		return;
	}
	page = BPF_CORE_READ(bio, bi_io_vec, bv_page);
	if (!page || !BPF_CORE_READ(bio, bi_iter.bi_size))
		return;
	mapping = BPF_CORE_READ(sn_page_head(page), mapping);
	if (!mapping || (unsigned long)mapping & PAGE_MAPPING_FLAGS)
		return;
	host = BPF_CORE_READ(mapping, host);
	if (!host || (BPF_CORE_READ(host, i_mode) & S_IFMT) == S_IFBLK ||
	    is_memory_fs(BPF_CORE_READ(host, i_sb, s_magic)))
		return;
	by->ino = BPF_CORE_READ(host, i_ino);
	by->file_dev = BPF_CORE_READ(host, i_sb, s_dev);
	by->gen = BPF_CORE_READ(host, i_generation);
	by->has_file = 1;
}

/* A bio is under way no more, or is from now on a part of its request. */
static __always_inline void drop_bio(u64 key)
{
	if (!bpf_map_delete_elem(&block_bios, &key))
		sn_in_flight(SN_SLOT_block_io, -1);
}

/* Where a bio comes by, in this order; not each of them everywhere. */
enum bio_stage {
	BIO_HELD, /* by a limit, perhaps */
	BIO_QUEUED,
	BIO_HAS_REQUEST,
};

/* Was it counted as lost at a stage before? A bio may stand where a lost one stood. */
static __always_inline bool was_lost(struct sn_task *st, u64 key, enum bio_stage stage)
{
	if (stage == BIO_HELD || st->lost_bio != key || (stage == BIO_QUEUED && !st->lost_held))
		return false;
	st->lost_held = 0;
	if (stage == BIO_HAS_REQUEST)
		st->lost_bio = 0;
	return true;
}

/* Notes who submits this bio, or that it was lost. Runs in the submitting thread. */
static __always_inline int note_bio(enum sn_prog prog, struct bio *bio, enum bio_stage stage)
{
	struct submitter by = {};
	u64 key = (u64)bio, pid_tgid;
	enum sn_outcome why;
	struct sn_task *st;
	u32 dev, opf, asks_flush;

	/* Another bio stood at this address, and no program saw its end. */
	if (bpf_map_lookup_elem(&block_bios, &key))
		drop_bio(key);
	opf = BPF_CORE_READ(bio, bi_opf);
	asks_flush = opf & block_cfg.preflush;
	st = sn_wanted(sn_current(), &why);
	if (!st && !asks_flush)
		return sn_count_unwanted(prog, why, SN_SLOT_block_io);
	dev = disk_dev(sn_bio_disk(bio));
	if (!st) { /* the next flush is not that of who asked before */
		bpf_map_delete_elem(&block_flushers, &dev);
		return sn_count_unwanted(prog, why, SN_SLOT_block_io);
	}
	if (sn_cfg.nr_devs && dev_refused(dev, BPF_CORE_READ(bio, bi_iter.bi_sector)))
		return sn_count(prog, SN_OUT_filtered);
	if (was_lost(st, key, stage))
		return sn_count(prog, SN_OUT_ignored);
	pid_tgid = bpf_get_current_pid_tgid();
	by.ts = bpf_ktime_get_ns();
	by.op = sn_op_under_way(st);
	by.cgroup = st->cgroup;
	by.pid = pid_tgid >> 32;
	by.tid = (u32)pid_tgid;
	by.cpu = bpf_get_smp_processor_id();
	by.is_held = stage == BIO_HELD;
	by.asks_fua = !!(opf & block_cfg.fua);
	by.sector = BPF_CORE_READ(bio, bi_iter.bi_sector);
	by.bytes = BPF_CORE_READ(bio, bi_iter.bi_size);
	find_file(&by, bio, st);
	if (asks_flush)
		bpf_map_update_elem(&block_flushers, &dev, &by, BPF_ANY);
	if (bpf_map_update_elem(&block_bios, &key, &by, BPF_ANY)) {
		st->lost_bio = key;
		st->lost_held = stage == BIO_HELD;
		return sn_count_no_room(prog, SN_SLOT_block_io);
	}
	sn_in_flight(SN_SLOT_block_io, 1);
	return sn_count(prog, SN_OUT_stored);
}

/*
 * Where a cgroup has a limit (io.max) the submitter runs here for the last time: what is
 * over the limit is queued later, by a worker.
 */
static __always_inline int note_held(enum sn_prog prog, struct bio *bio)
{
	/* 5.10 comes by again when the worker submits it. */
	if (BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), flags) & PF_KTHREAD)
		return sn_count(prog, SN_OUT_ignored);
	return note_bio(prog, bio, BIO_HELD);
}

SEC("?fentry/__blk_throtl_bio")
int BPF_PROG(block_held, struct bio *bio)
{
	return note_held(SN_P_block_held, bio);
}

SEC("?fentry/blk_throtl_bio")
int BPF_PROG(block_held_old, struct bio *bio)
{
	return note_held(SN_P_block_held_old, bio);
}

SEC("?kprobe/__blk_throtl_bio")
int BPF_KPROBE(block_held_k, struct bio *bio)
{
	return note_held(SN_P_block_held_k, bio);
}

static __always_inline int note_queued(enum sn_prog prog, struct bio *bio)
{
	u64 key = (u64)bio;
	struct submitter *by = bpf_map_lookup_elem(&block_bios, &key);

	if (!by || !by->is_held)
		return note_bio(prog, bio, BIO_QUEUED);
	by->is_held = 0;
	return sn_count(prog, SN_OUT_stored);
}

SEC("?tp_btf/block_bio_queue")
int BPF_PROG(block_queue, struct bio *bio)
{
	return note_queued(SN_P_block_queue, bio);
}

SEC("?tp_btf/block_bio_queue")
int BPF_PROG(block_queue_q, struct request_queue *q, struct bio *bio)
{
	return note_queued(SN_P_block_queue_q, bio);
}

/* A bio gets its request: a clone that a split made is seen here for the first time. */
static __always_inline int note_getrq(enum sn_prog prog, struct bio *bio)
{
	u64 key = (u64)bio;

	if (!bio || bpf_map_lookup_elem(&block_bios, &key))
		return sn_count(prog, SN_OUT_ignored);
	return note_bio(prog, bio, BIO_HAS_REQUEST);
}

SEC("?tp_btf/block_getrq")
int BPF_PROG(block_getrq, struct bio *bio)
{
	return note_getrq(SN_P_block_getrq, bio);
}

SEC("?tp_btf/block_getrq")
int BPF_PROG(block_getrq_q, struct request_queue *q, struct bio *bio, int rw)
{
	return note_getrq(SN_P_block_getrq_q, bio);
}

/* A bio joins the end of a request: the request's own submitter stays. */
static __always_inline int forget_bio(enum sn_prog prog, struct bio *bio)
{
	drop_bio((u64)bio);
	return sn_count(prog, SN_OUT_aggregated);
}

SEC("?tp_btf/block_bio_backmerge")
int BPF_PROG(block_backmerge, struct bio *bio)
{
	return forget_bio(SN_P_block_backmerge, bio);
}

SEC("?tp_btf/block_bio_backmerge")
int BPF_PROG(block_backmerge_q, struct request_queue *q, struct request *rq, struct bio *bio)
{
	return forget_bio(SN_P_block_backmerge_q, bio);
}

/*
 * A bio joins the front of a request, which the kernel does not name. If that took its
 * submitter already, the bio leaves the table when the request is issued.
 */
static __always_inline int note_front(enum sn_prog prog)
{
	__sync_fetch_and_add(&block_nr_fronts, 1);
	return sn_count(prog, SN_OUT_aggregated);
}

SEC("?tp_btf/block_bio_frontmerge")
int BPF_PROG(block_frontmerge, struct bio *bio)
{
	return note_front(SN_P_block_frontmerge);
}

SEC("?tp_btf/block_bio_frontmerge")
int BPF_PROG(block_frontmerge_q, struct request_queue *q, struct request *rq, struct bio *bio)
{
	return note_front(SN_P_block_frontmerge_q);
}

static __noinline long drop_next(u32 unused, void *ctx)
{
	u64 *next = ctx, key = *next;

	if (!key)
		return 1;
	*next = (u64)BPF_CORE_READ((struct bio *)key, bi_next);
	drop_bio(key);
	return 0;
}

/* Bios that joined a request since its submitter was taken. */
static __noinline int drop_bios(struct request *rq)
{
	u64 next = (u64)BPF_CORE_READ(rq, bio);

	sn_repeat(MAX_BIOS, drop_next, &next);
	return 0;
}

/* A request's bios, looked at one after the other. */
struct bios {
	u64 next;
	u32 is_known, is_discard;
	struct submitter by;
};

/*
 * Bios merged in front stand before the one that began the request, whose submitter is
 * wanted; of those merged at the end only a discard's are still in the table: no
 * tracepoint told of that merge.
 */
static __noinline long take_bio(u32 unused, void *ctx)
{
	struct bios *bios = ctx;
	struct submitter *by;
	u64 key = bios->next;

	if (!key)
		return 1;
	bios->next = (u64)BPF_CORE_READ((struct bio *)key, bi_next);
	by = bpf_map_lookup_elem(&block_bios, &key);
	if (!by)
		return 0;
	if (!bios->is_known || !bios->is_discard)
		bios->by = *by;
	bios->is_known = 1;
	drop_bio(key);
	return 0;
}

/* The submitter of a request by its bios, which leave the table; false if none is known. */
static __always_inline bool take_submitter(struct request *rq, u32 op, u32 dev,
					   struct submitter *ret)
{
	struct bios bios = { .next = (u64)BPF_CORE_READ(rq, bio) };
	struct submitter *by;

	if (!bios.next && op == block_cfg.op_flush) {
		by = bpf_map_lookup_elem(&block_flushers, &dev);
		if (by)
			*ret = *by;
		return by;
	}
	bios.is_discard = op < 64 && block_cfg.op_of[op] == SN_BLK_OP_discard;
	sn_repeat(MAX_BIOS, take_bio, &bios);
	*ret = bios.by;
	return bios.is_known;
}

/*
 * A disk without fua is flushed when such a write ends: that flush, too, is of who wrote, or
 * of nobody who is wanted (by NULL). The kernel took the flag off the request, not the bio.
 */
static __always_inline void note_flush_after(struct request *rq, u32 flags, u32 dev,
					     const struct submitter *by)
{
	struct bio *bio;

	if (flags & block_cfg.fua || block_cfg.op_of[flags & 63] != SN_BLK_OP_write)
		return;
	if (by) {
		if (by->asks_fua)
			bpf_map_update_elem(&block_flushers, &dev, by, BPF_ANY);
		return;
	}
	bio = BPF_CORE_READ(rq, bio);
	if (bio && BPF_CORE_READ(bio, bi_opf) & block_cfg.fua)
		bpf_map_delete_elem(&block_flushers, &dev);
}

/* The request is not under way any more. */
static __always_inline void set_free(struct request_entry *e)
{
	e->state = RQ_FREE;
	sn_in_flight(SN_SLOT_block_io, -1);
}

/* And nobody will look at the entry again. */
static __always_inline void end_request(struct request_entry *e, u64 key)
{
	e->id = 0;
	set_free(e);
	if (block_nr_requests > block_cfg.max_kept && !bpf_map_delete_elem(&block_requests, &key))
		__sync_fetch_and_add(&block_nr_requests, -1);
}

/* The request's entry, made if the request is new; NULL with *ret_why if it is not wanted. */
static __always_inline struct request_entry *entry_of(struct request *rq, enum sn_outcome *ret_why)
{
	u64 key = (u64)rq;
	struct request_entry *e = bpf_map_lookup_elem(&block_requests, &key), fresh = {};
	u32 flags = BPF_CORE_READ(rq, cmd_flags), op = flags & 0xff;
	u32 dev;

	if (e && e->state == RQ_QUEUED)
		return e;
	/*
	 * Issued and neither completed nor given back: its completion never came to us. There
	 * are kernels (a provider's 6.18) that run no tracing program while a process of
	 * theirs is on the cpu, and none in the interrupts on top of it; that counts as no miss.
	 */
	if (e && e->state == RQ_ISSUED) {
		sn_lose(SN_SLOT_block_io, SN_CAUSE_missed);
		set_free(e);
	}
	dev = disk_dev(sn_request_disk(rq));
	if (!take_submitter(rq, op, dev, &fresh.by)) {
		note_flush_after(rq, flags, dev, NULL);
		*ret_why = sn_cfg.filters || sn_cfg.nr_devs ? SN_OUT_filtered : SN_OUT_unmatched;
		return NULL;
	}
	note_flush_after(rq, flags, dev, &fresh.by);
	fresh.sector = BPF_CORE_READ(rq, __sector);
	fresh.dev = dev;
	fresh.op = op < 64 ? block_cfg.op_of[op] : 0;
	if (e) {
		*e = fresh;
		return e;
	}
	*ret_why = SN_OUT_lost_map;
	if (bpf_map_update_elem(&block_requests, &key, &fresh, BPF_ANY)) {
		sn_lose(SN_SLOT_block_io, SN_CAUSE_map);
		return NULL;
	}
	__sync_fetch_and_add(&block_nr_requests, 1);
	return bpf_map_lookup_elem(&block_requests, &key);
}

/* From here on the request is under way. */
static __always_inline void begin(struct request_entry *e, u64 now)
{
	e->start_ns = now;
	e->nr_fronts = block_nr_fronts;
	sn_in_flight(SN_SLOT_block_io, 1);
}

static __always_inline int insert(enum sn_prog prog, struct request *rq)
{
	enum sn_outcome why = SN_OUT_lost_map;
	struct request_entry *e = entry_of(rq, &why);

	if (!e)
		return sn_count(prog, why);
	if (e->state == RQ_FREE)
		begin(e, bpf_ktime_get_ns());
	e->inserted = 1;
	e->state = RQ_QUEUED;
	return sn_count(prog, SN_OUT_stored);
}

SEC("?tp_btf/block_rq_insert")
int BPF_PROG(block_insert, struct request *rq)
{
	return insert(SN_P_block_insert, rq);
}

SEC("?tp_btf/block_rq_insert")
int BPF_PROG(block_insert_q, struct request_queue *q, struct request *rq)
{
	return insert(SN_P_block_insert_q, rq);
}

/* The device has it now, as it is. */
static __always_inline void set_issued(struct request_entry *e, struct request *rq, u64 now)
{
	if (!e->id) /* rises with time, and no two requests of a cpu have one instant */
		e->id = now << 8 | (bpf_get_smp_processor_id() & 255);
	e->issue_ns = now;
	if (!e->done) /* else what is left of it is issued again */
		e->sector = BPF_CORE_READ(rq, __sector);
	e->bytes = e->done + BPF_CORE_READ(rq, __data_len);
	e->flags = BPF_CORE_READ(rq, cmd_flags);
	e->state = RQ_ISSUED;
}

static __always_inline int issue(enum sn_prog prog, struct request *rq)
{
	enum sn_outcome why = SN_OUT_lost_map;
	struct request_entry *e = entry_of(rq, &why);
	u64 now = bpf_ktime_get_ns();

	if (!e)
		return sn_count(prog, why);
	if (e->state == RQ_FREE)
		begin(e, now);
	if (e->nr_fronts != block_nr_fronts)
		drop_bios(rq);
	set_issued(e, rq, now);
	return sn_count(prog, SN_OUT_stored);
}

SEC("?tp_btf/block_rq_issue")
int BPF_PROG(block_issue, struct request *rq)
{
	return issue(SN_P_block_issue, rq);
}

SEC("?tp_btf/block_rq_issue")
int BPF_PROG(block_issue_q, struct request_queue *q, struct request *rq)
{
	return issue(SN_P_block_issue_q, rq);
}

static __always_inline int requeue(enum sn_prog prog, struct request *rq)
{
	u64 key = (u64)rq;
	struct request_entry *e = bpf_map_lookup_elem(&block_requests, &key);

	if (!e || e->state == RQ_FREE)
		return sn_count(prog, SN_OUT_unmatched);
	e->requeues++;
	e->state = RQ_QUEUED;
	return sn_count(prog, SN_OUT_stored);
}

SEC("?tp_btf/block_rq_requeue")
int BPF_PROG(block_requeue, struct request *rq)
{
	return requeue(SN_P_block_requeue, rq);
}

SEC("?tp_btf/block_rq_requeue")
int BPF_PROG(block_requeue_q, struct request_queue *q, struct request *rq)
{
	return requeue(SN_P_block_requeue_q, rq);
}

/* A request goes up into the one before it, and will not complete by itself. */
static __always_inline int merge(enum sn_prog prog, struct request *rq)
{
	u64 key = (u64)rq;
	struct request_entry *e = bpf_map_lookup_elem(&block_requests, &key);
	struct submitter unwanted;

	if (e && e->state != RQ_FREE)
		end_request(e, key);
	else
		(void)take_submitter(rq, 0xff, 0, &unwanted);
	return sn_count(prog, SN_OUT_aggregated);
}

SEC("?tp_btf/block_rq_merge")
int BPF_PROG(block_merge, struct request *rq)
{
	return merge(SN_P_block_merge, rq);
}

SEC("?tp_btf/block_rq_merge")
int BPF_PROG(block_merge_q, struct request_queue *q, struct request *rq)
{
	return merge(SN_P_block_merge_q, rq);
}

static __always_inline u32 flags_of(u32 cmd_flags)
{
	u32 flags = 0;

	for (u32 bit = 8; bit < 32; bit++)
		if (cmd_flags >> bit & 1 && block_cfg.flag_of[bit])
			flags |= 1u << ((block_cfg.flag_of[bit] - 1) & 31);
	return flags;
}

/* The filters that a finished row has to pass. */
static __always_inline bool row_refused(u32 op, u64 bytes, u64 dur_ns, int error, u32 dev,
					u64 sector)
{
	return !(sn_cfg.blk_ops >> op & 1) || dur_ns < sn_cfg.min_latency_ns ||
	       (sn_cfg.errors_only && !error) || bytes < sn_cfg.min_bytes ||
	       bytes > sn_cfg.max_bytes || dev_refused(dev, sector);
}

/* What a row says of who asked. */
static __always_inline void fill_submitter(struct sn_block_io *row, const struct submitter *by,
					   u64 now)
{
	row->hdr.ts = now;
	row->hdr.op = by->op;
	row->hdr.cgroup = by->cgroup;
	row->hdr.pid = by->pid;
	row->hdr.tid = by->tid;
	row->hdr.id = SN_EV_block_io;
	row->hdr.cpu = (u16)bpf_get_smp_processor_id();
	row->hdr.valid = 0;
	row->submit_cpu = by->cpu;
	row->ino = by->ino;
	row->file_dev = by->file_dev;
	row->gen = by->gen;
	if (by->has_file)
		row->hdr.valid |= SN_VALID_BIT(struct sn_block_io, ino) |
				  SN_VALID_BIT(struct sn_block_io, file_dev) |
				  SN_VALID_BIT(struct sn_block_io, gen);
}

static __always_inline int emit_request(struct request_entry *e, int error, u64 now)
{
	struct sn_percpu *cpu = sn_this_cpu();
	struct sn_block_io *row;

	if (!cpu)
		return SN_OUT_lost_map;
	if (row_refused(e->op, e->bytes, now - e->start_ns, error, e->dev, e->sector))
		return SN_OUT_filtered;
	if (sn_sampled_out(cpu, SN_SLOT_block_io))
		return SN_OUT_sampled;
	row = sn_reserve(cpu, SN_SLOT_block_io, sizeof(*row));
	if (!row)
		return SN_OUT_lost_ring;
	fill_submitter(row, &e->by, now);
	row->rq = e->id;
	row->sector = 0;
	if (e->op != SN_BLK_OP_flush)
		sn_set(row, sector, e->sector);
	row->bytes = e->bytes;
	row->dur_ns = now - e->start_ns;
	row->queue_ns = 0;
	row->device_ns = 0;
	if (e->issue_ns && (e->inserted || e->requeues))
		sn_set(row, queue_ns, e->issue_ns - e->start_ns);
	if (e->issue_ns)
		sn_set(row, device_ns, now - e->issue_ns);
	row->dev = e->dev;
	row->blk_op = e->op;
	row->blk_flags = flags_of(e->flags);
	row->blk_kind = SN_BLK_rq;
	row->error = error;
	row->requeues = e->requeues;
	row->parts = e->parts;
	sn_submit(row);
	sn_emitted(cpu, SN_SLOT_block_io);
	return SN_OUT_emitted;
}

/*
 * It failed on its way to the device, or the kernel left out the program that was to see it
 * there: nothing is known of it but who asked, and when.
 */
static __noinline int emit_unissued(struct request *rq, const struct submitter *by, int error,
				    u64 now)
{
	struct request_entry e = {};
	u32 op;

	if (!rq || !by)
		return SN_OUT_ignored;
	e.by = *by;
	set_issued(&e, rq, now);
	e.issue_ns = 0;
	e.start_ns = by->ts;
	e.dev = disk_dev(sn_request_disk(rq));
	op = e.flags & 0xff;
	e.op = op < 64 ? block_cfg.op_of[op & 63] : 0;
	e.parts = 1;
	return emit_request(&e, error, now);
}

/* Runs in the completing context, often an interrupt: current is not the submitter. */
SEC("?tp_btf/block_rq_complete")
int BPF_PROG(block_complete, struct request *rq, int status, unsigned int nr_bytes)
{
	u64 key = (u64)rq;
	struct request_entry *e = bpf_map_lookup_elem(&block_requests, &key);
	u64 now = bpf_ktime_get_ns();
	struct submitter by = {};
	int error, outcome;

	error = block_cfg.status_is_errno ? status : sn_errno_of_status((u8)status);
	if (e && e->state == RQ_QUEUED) {
		/* It failed before it was issued, or no program saw that: when is not known. */
		set_issued(e, rq, now);
		e->issue_ns = 0;
	}
	if (!e || e->state != RQ_ISSUED) {
		/*
		 * It was not seen to be issued; without data it is an empty flush, carried out by
		 * the flush request, without a submitter the second end of a flushed write.
		 */
		if (take_submitter(rq, 0xff, 0, &by) || e)
			return sn_count(SN_P_block_complete,
					by.ts && (error || nr_bytes)
						? emit_unissued(rq, &by, error, now)
						: SN_OUT_ignored);
		return sn_count(SN_P_block_complete, sn_cfg.filters || sn_cfg.nr_devs
							     ? SN_OUT_filtered
							     : SN_OUT_unmatched);
	}
	e->parts++;
	if (nr_bytes < BPF_CORE_READ(rq, __data_len)) {
		e->done += nr_bytes;
		e->error = e->error ?: error;
		return sn_count(SN_P_block_complete,
				SN_OUT_aggregated); /* a part: the row comes last */
	}
	outcome = emit_request(e, error ?: e->error, now);
	end_request(e, key);
	return sn_count(SN_P_block_complete, outcome);
}

/* A bio that never became a request ends: its device works on bios. */
SEC("?tp_btf/block_bio_complete")
int BPF_PROG(block_bio_done, struct request_queue *q, struct bio *bio)
{
	u64 key = (u64)bio, now = bpf_ktime_get_ns(), bytes, sector;
	struct submitter *by = bpf_map_lookup_elem(&block_bios, &key), copy;
	struct sn_percpu *cpu = sn_this_cpu();
	u32 opf = BPF_CORE_READ(bio, bi_opf), op;
	struct sn_block_io *row;
	int error;
	u32 dev;

	if (!by || !cpu)
		return sn_count(SN_P_block_bio_done,
				SN_OUT_ignored); /* the end of a request's bio */
	copy = *by;
	drop_bio(key);
	op = (opf & 0xff) < 64 ? block_cfg.op_of[opf & 0x3f] : 0;
	error = sn_errno_of_status(BPF_CORE_READ(bio, bi_status));
	dev = disk_dev(sn_bio_disk(bio));
	bytes = copy.bytes;
	sector = copy.sector;
	if (row_refused(op, bytes, now - copy.ts, error, dev, sector))
		return sn_count(SN_P_block_bio_done, SN_OUT_filtered);
	if (sn_sampled_out(cpu, SN_SLOT_block_io))
		return sn_count(SN_P_block_bio_done, SN_OUT_sampled);
	row = sn_reserve(cpu, SN_SLOT_block_io, sizeof(*row));
	if (!row)
		return sn_count(SN_P_block_bio_done, SN_OUT_lost_ring);
	fill_submitter(row, &copy, now);
	row->rq = copy.ts << 8 | (copy.cpu & 255);
	sn_set(row, sector, sector);
	row->bytes = bytes;
	row->dur_ns = now - copy.ts;
	row->queue_ns = 0;
	row->device_ns = 0;
	row->dev = dev;
	row->blk_op = op;
	row->blk_flags = flags_of(opf);
	row->blk_kind = SN_BLK_bio;
	row->error = error;
	row->requeues = 0;
	row->parts = 1;
	sn_submit(row);
	sn_emitted(cpu, SN_SLOT_block_io);
	return sn_count(SN_P_block_bio_done, SN_OUT_emitted);
}
