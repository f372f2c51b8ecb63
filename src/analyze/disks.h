/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block requests: per device what was asked and how long it took, and per
 * operation id which requests it caused. Fed with batches of block_io.
 */
#ifndef SONDE_ANALYZE_DISKS_H
#define SONDE_ANALYZE_DISKS_H

#include "analyze/hist.h"
#include "analyze/pairmap.h"
#include "analyze/spans.h"
#include "analyze/text.h"

#define DISK_OPS 8     /* kinds of request told apart on a device; the last one takes the rest */
#define DISK_LOG2S 32  /* latencies by powers of two of a microsecond, up to 36 minutes */
#define DISKS_MAX 4096 /* devices; more are an error in the file */
#define REQUESTS_MAX (4u << 20) /* requests kept one by one; see disks.nr_beyond */

struct disk_op {
	u32 name; /* text; TEXT_NONE: unknown, or the rest */
	u64 nr, bytes, nr_sync, nr_fua, nr_seq, nr_errors;
	bool moves_data;   /* read, write: not discard, which has a size too */
	struct hist total; /* ns */
};

struct disk {
	u32 name; /* text, major:minor */
	u32 kind; /* text: rq or bio */
	u32 nr_ops;
	struct disk_op ops[DISK_OPS];
	u64 nr, bytes;                                     /* bytes: of what moves data */
	u64 nr_errors, nr_requeues, nr_requeued, nr_split; /* nr_split: came in parts */
	u64 nr_preflush;
	struct hist queue, device, total;
	u64 by_log2[DISK_LOG2S]; /* of total: 0 is below 2 us, n is from 2^n us on */
	struct spans busy;       /* when at least one request was under way */
};

/* One request, for what needs them one by one. */
struct request {
	u64 op, rq, start_ns, end_ns;
	u64 sector, bytes;
	u64 queue_ns, device_ns;
	u32 disk, proc_pid;
	u32 next; /* of the same operation, in order of completion */
	u8 disk_op;
	bool is_bio;
	bool moves_data;
	bool is_counted; /* in sums over devices: not a bio above requests of the same operation */
};

/* What one operation asked of disks. */
struct op_io {
	u64 nr, bytes;           /* bytes: of what moves data */
	u64 device_ns, queue_ns; /* sums; may exceed the operation's time when requests overlap */
	u64 waited_ns;           /* of the operation's own time, covered by at least one request */
	u32 disk;                /* of the first request */
	bool many_disks;
};

struct disks {
	struct texts *texts;
	u64 from_ns, to_ns; /* rows that complete outside are linked to operations, not summed */
	struct disk *at;
	u32 nr, cap;
	struct pairmap by_name;
	struct request *requests;
	u32 nr_requests, cap_requests;
	u64 nr_beyond; /* requests over REQUESTS_MAX: in the sums, not linked to operations */
	struct pairmap by_op; /* to the operation's first request */
	u64 *filter;          /* bits by hash of the operation: most caused no request */
	u32 filter_bits;      /* log2 of the number of bits */
	struct spans scratch;
	struct text_column dev, blk_op, flags, kind;
	u32 flags_id; /* text: the flags that the next two were computed from */
	bool is_sync, is_fua, is_preflush;
};

void disks_init(struct disks *d, struct texts *t, u64 from_ns, u64 to_ns);
void disks_done(struct disks *d);

extern const char *const disks_columns[];
int disks_batch(struct disks *d, const struct batch *b);
/* Once all is fed: links, sequential shares. 0 or -ENOMEM. */
int disks_build(struct disks *d);

/* The requests of operation op, which ran over [from_ns, to_ns). False if it caused none. */
bool disks_of_op(struct disks *d, u64 op, u64 from_ns, u64 to_ns, struct op_io *ret);

/* False if the operation surely caused no request: what most rows need to know, in one look. */
static inline bool disks_may_have(const struct disks *d, u64 op)
{
	u64 bit;

	if (!op || !d->filter)
		return false;
	bit = hash_u64(op) >> (64 - d->filter_bits);
	return d->filter[bit / 64] & 1ull << bit % 64;
}

#endif
