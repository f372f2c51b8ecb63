// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/disks.h"

#include <ctype.h>
#include <errno.h>

const char *const disks_columns[] = {
	"ts",
	"op",
	"pid",
	"rq",
	"sector",
	"bytes",
	"dur_ns",
	"queue_ns",
	"device_ns",
	"dev",
	"blk_op",
	"blk_flags",
	"blk_kind",
	"error",
	"requeues",
	"parts",
	/* and who asked: procs_see_batch() */
	"tid",
	"comm",
	"cmdline",
	NULL,
};

void disks_init(struct disks *d, struct texts *t, u64 from_ns, u64 to_ns)
{
	*d = (struct disks){
		.texts = t, .from_ns = from_ns, .to_ns = to_ns, .flags_id = TEXT_NONE
	};
}

void disks_done(struct disks *d)
{
	for (u32 i = 0; i < d->nr; i++) {
		for (u32 j = 0; j < d->at[i].nr_ops; j++)
			hist_done(&d->at[i].ops[j].total);
		hist_done(&d->at[i].queue);
		hist_done(&d->at[i].device);
		hist_done(&d->at[i].total);
		spans_done(&d->at[i].busy);
	}
	free(d->at);
	free(d->requests);
	free(d->filter);
	pairmap_done(&d->by_name);
	pairmap_done(&d->by_op);
	spans_done(&d->scratch);
	text_column_done(&d->dev);
	text_column_done(&d->blk_op);
	text_column_done(&d->flags);
	text_column_done(&d->kind);
	*d = (struct disks){};
}

static struct disk *disk_of(struct disks *d, u32 name, u32 kind)
{
	struct disk *at;

	if (d->nr >= DISKS_MAX && pairmap_get(&d->by_name, name, kind) == PAIRMAP_NONE)
		return NULL;
	at = pairmap_item(&d->by_name, name, kind, &d->at, sizeof(*at), &d->nr, &d->cap);
	if (at) {
		at->name = name;
		at->kind = kind;
	}
	return at;
}

static bool moves_data(const struct disks *d, u32 name)
{
	return text_is(d->texts, name, "read") || text_is(d->texts, name, "write") ||
	       text_is(d->texts, name, "zone_append");
}

static u32 op_of(const struct disks *d, struct disk *disk, u32 name)
{
	u32 i = 0;

	while (i < disk->nr_ops && disk->ops[i].name != name)
		i++;
	if (i < disk->nr_ops)
		return i;
	if (disk->nr_ops == DISK_OPS) {
		disk->ops[DISK_OPS - 1].name = TEXT_NONE;
		return DISK_OPS - 1;
	}
	disk->ops[disk->nr_ops].name = name;
	disk->ops[disk->nr_ops].moves_data = moves_data(d, name);
	return disk->nr_ops++;
}

/* Is word among the words of a text like "sync|meta"? */
static bool has_word(const char *p, size_t len, const char *word)
{
	size_t n;

	for (const char *end = p + len; p < end; p += n + 1) {
		n = 0;
		while (p + n < end && (isalnum((unsigned char)p[n]) || p[n] == '_'))
			n++;
		if (n == strlen(word) && !memcmp(p, word, n))
			return true;
	}
	return false;
}

static void read_flags(struct disks *d, u32 row)
{
	u32 id = text_column_get(&d->flags, row);
	const char *p;
	size_t len;

	if (id == d->flags_id && id != TEXT_NONE)
		return;
	p = text_get(d->texts, id, &len);
	d->flags_id = id;
	d->is_sync = has_word(p, len, "sync");
	d->is_fua = has_word(p, len, "fua");
	d->is_preflush = has_word(p, len, "preflush");
}

/* The columns of a batch, found once. */
struct columns {
	const struct column *ts, *op, *pid, *rq, *sector, *bytes, *dur, *queue, *device;
	const struct column *error, *requeues, *parts;
};

static u32 log2_us(u64 ns)
{
	return MIN(63u - (u32)__builtin_clzll(ns / 1000 | 1), DISK_LOG2S - 1u);
}

static void sum(struct disks *d, struct disk *disk, struct disk_op *op, const struct columns *c,
		u32 row, const struct request *rq)
{
	bool failed = column_or_0(c->error, row) != 0;
	u64 requeues = column_or_0(c->requeues, row);

	op->nr++;
	op->bytes += rq->bytes;
	op->nr_sync += d->is_sync;
	op->nr_fua += d->is_fua;
	op->nr_errors += failed;
	hist_record(&op->total, rq->end_ns - rq->start_ns);

	disk->nr++;
	disk->bytes += rq->moves_data ? rq->bytes : 0;
	disk->nr_errors += failed;
	disk->nr_requeues += requeues;
	disk->nr_requeued += requeues > 0;
	disk->nr_split += column_or_0(c->parts, row) > 1;
	disk->nr_preflush += d->is_preflush;
	hist_record(&disk->total, rq->end_ns - rq->start_ns);
	disk->by_log2[log2_us(rq->end_ns - rq->start_ns)]++;
	if (column_is_known(c->queue, row))
		hist_record(&disk->queue, rq->queue_ns);
	if (column_is_known(c->device, row))
		hist_record(&disk->device, rq->device_ns);
	spans_add(&disk->busy, rq->start_ns, rq->end_ns);
}

static int keep(struct disks *d, const struct request *rq)
{
	u32 cap = d->cap_requests ? d->cap_requests * 2 : 1024;
	struct request *requests;

	if (d->nr_requests == REQUESTS_MAX) {
		d->nr_beyond++;
		return 0;
	}
	if (d->nr_requests == d->cap_requests) {
		requests = reallocarray(d->requests, cap, sizeof(*requests));
		if (!requests)
			return -ENOMEM;
		d->requests = requests;
		d->cap_requests = cap;
	}
	d->requests[d->nr_requests++] = *rq;
	return 0;
}

static int take_row(struct disks *d, const struct columns *c, u32 row)
{
	u32 kind = text_column_get(&d->kind, row);
	struct disk *disk = disk_of(d, text_column_get(&d->dev, row), kind);
	struct request rq = { .next = PAIRMAP_NONE };
	u64 dur_ns = column_or_0(c->dur, row);

	if (!disk)
		return -ENOMEM;
	read_flags(d, row);
	rq.end_ns = column_or_0(c->ts, row);
	rq.start_ns = rq.end_ns - MIN(dur_ns, rq.end_ns);
	rq.op = column_or_0(c->op, row);
	rq.rq = column_or_0(c->rq, row);
	rq.sector = column_or_0(c->sector, row);
	rq.bytes = column_or_0(c->bytes, row);
	rq.queue_ns = column_or_0(c->queue, row);
	rq.device_ns = column_or_0(c->device, row);
	rq.proc_pid = (u32)column_or_0(c->pid, row);
	rq.disk = (u32)(disk - d->at);
	rq.disk_op = (u8)op_of(d, disk, text_column_get(&d->blk_op, row));
	rq.moves_data = disk->ops[rq.disk_op].moves_data;
	rq.is_bio = text_is(d->texts, kind, "bio");
	if (rq.end_ns >= d->from_ns && rq.end_ns <= d->to_ns)
		sum(d, disk, &disk->ops[rq.disk_op], c, row, &rq);
	return keep(d, &rq);
}

int disks_batch(struct disks *d, const struct batch *b)
{
	struct columns c = {
		.ts = batch_column(b, "ts"),
		.op = batch_column(b, "op"),
		.pid = batch_column(b, "pid"),
		.rq = batch_column(b, "rq"),
		.sector = batch_column(b, "sector"),
		.bytes = batch_column(b, "bytes"),
		.dur = batch_column(b, "dur_ns"),
		.queue = batch_column(b, "queue_ns"),
		.device = batch_column(b, "device_ns"),
		.error = batch_column(b, "error"),
		.requeues = batch_column(b, "requeues"),
		.parts = batch_column(b, "parts"),
	};
	int r;

	if (b->ev->id != SN_EV_block_io)
		return 0;
	r = text_column_begin(&d->dev, d->texts, b, "dev");
	if (r == 0)
		r = text_column_begin(&d->blk_op, d->texts, b, "blk_op");
	if (r == 0)
		r = text_column_begin(&d->flags, d->texts, b, "blk_flags");
	if (r == 0)
		r = text_column_begin(&d->kind, d->texts, b, "blk_kind");
	for (u32 row = 0; r == 0 && row < b->nr; row++)
		r = take_row(d, &c, row);
	return r;
}

static int compare_issue(const void *a, const void *b)
{
	const struct request *x = a, *y = b;

	if (x->disk != y->disk)
		return x->disk < y->disk ? -1 : 1;
	return x->rq < y->rq ? -1 : x->rq > y->rq;
}

static int compare_completion(const void *a, const void *b)
{
	const struct request *x = a, *y = b;

	return x->end_ns < y->end_ns ? -1 : x->end_ns > y->end_ns;
}

/* Sequential: begins where the request issued before it, in the same direction, ended. */
static void count_sequential(struct disks *d)
{
	u64 ends[DISK_OPS] = {};
	u32 disk = UINT32_MAX;

	qsort(d->requests, d->nr_requests, sizeof(*d->requests), compare_issue);
	for (u32 i = 0; i < d->nr_requests; i++) {
		const struct request *rq = &d->requests[i];

		if (rq->disk != disk)
			memset(ends, 0xff, sizeof(ends));
		disk = rq->disk;
		if (!rq->bytes)
			continue;
		if (rq->end_ns >= d->from_ns && rq->end_ns <= d->to_ns)
			d->at[disk].ops[rq->disk_op].nr_seq += ends[rq->disk_op] == rq->sector;
		ends[rq->disk_op] = rq->sector + rq->bytes / 512;
	}
}

/*
 * A bio of a stacked device (dm, md) and the requests it became below would count
 * the same bytes twice: where an operation has both, the bios are left out.
 */
static void choose_counted(struct disks *d)
{
	bool has_rq;

	for (u32 i = 0; i < d->nr_requests; i++)
		d->requests[i].is_counted = true;
	for (u32 e = 0; e < d->by_op.size; e++) {
		if (d->by_op.table[e].value == PAIRMAP_NONE)
			continue;
		has_rq = false;
		for (u32 i = d->by_op.table[e].value; i != PAIRMAP_NONE; i = d->requests[i].next)
			has_rq |= !d->requests[i].is_bio;
		for (u32 i = d->by_op.table[e].value; i != PAIRMAP_NONE; i = d->requests[i].next)
			d->requests[i].is_counted = !has_rq || !d->requests[i].is_bio;
	}
}

/* 16 bits an operation: one in 16 of those without requests is looked up in vain. */
static int build_filter(struct disks *d)
{
	u64 bit;

	d->filter_bits = 10;
	while (1ull << d->filter_bits < 16ull * d->by_op.nr)
		d->filter_bits++;
	d->filter = calloc(1ull << (d->filter_bits - 6), sizeof(*d->filter));
	if (!d->filter)
		return -ENOMEM;
	for (u32 i = 0; i < d->nr_requests; i++) {
		if (!d->requests[i].op)
			continue;
		bit = hash_u64(d->requests[i].op) >> (64 - d->filter_bits);
		d->filter[bit / 64] |= 1ull << bit % 64;
	}
	return 0;
}

int disks_build(struct disks *d)
{
	u32 *first;

	if (!d->nr_requests)
		return 0;
	count_sequential(d);
	qsort(d->requests, d->nr_requests, sizeof(*d->requests), compare_completion);
	for (u32 i = d->nr_requests; i-- > 0;) {
		if (!d->requests[i].op)
			continue;
		first = pairmap_put(&d->by_op, d->requests[i].op, 0);
		if (!first)
			return -ENOMEM;
		d->requests[i].next = *first;
		*first = i;
	}
	choose_counted(d);
	return build_filter(d);
}

bool disks_of_op(struct disks *d, u64 op, u64 from_ns, u64 to_ns, struct op_io *ret)
{
	u32 i = disks_may_have(d, op) ? pairmap_get(&d->by_op, op, 0) : PAIRMAP_NONE;
	const struct request *rq;
	u32 disk = UINT32_MAX;

	if (i == PAIRMAP_NONE)
		return false;
	*ret = (struct op_io){};
	spans_clear(&d->scratch);
	for (; i != PAIRMAP_NONE; i = rq->next) {
		rq = &d->requests[i];
		spans_add(&d->scratch, rq->start_ns, rq->end_ns);
		if (!rq->is_counted)
			continue;
		if (disk == UINT32_MAX)
			ret->disk = disk = rq->disk;
		ret->many_disks |= rq->disk != disk;
		ret->nr++;
		ret->bytes += rq->moves_data ? rq->bytes : 0;
		ret->device_ns += rq->device_ns;
		ret->queue_ns += rq->queue_ns;
	}
	ret->waited_ns = spans_total(&d->scratch, from_ns, to_ns);
	return true;
}
