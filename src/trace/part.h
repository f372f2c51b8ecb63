/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file that the rows of one event go to, and its successors: opened for each
 * flush and closed again, so that a recording of many events needs few
 * descriptors. Belongs to the writing thread alone.
 */
#ifndef SONDE_TRACE_PART_H
#define SONDE_TRACE_PART_H

#include "base/diag.h"
#include "trace/parquet_encoder.h"
#include "trace/parquet_writer.h"
#include "trace/tidy.h"

/* When a part ends; 0 is never. */
struct part_limits {
	u32 nr_groups;
	u64 size_bytes;
	u64 age_ns;
};

/* What all parts of a trace share. */
struct part_dir {
	int fd;
	const char *name; /* of the directory, for sentences */
	struct part_limits limits;
	struct parquet_encoder *encoder;
	struct tidy *tidy;
	struct buf out;
	u64 bytes; /* written so far */
};

struct part {
	const struct sn_event *ev;
	struct parquet_writer *pq;
	u32 number;
	u64 begun_ns;
};

/*
 * Appends the batch as a row group. On failure the file is as it was before, and
 * *d says what is wrong; the same batch may be tried again.
 */
int part_write(struct part_dir *dir, struct part *p, const struct batch *b, u64 now_ns,
	       struct diag *d);
/* The next write begins a new part. */
void part_end(struct part_dir *dir, struct part *p);
void part_done(struct part *p);

#endif
