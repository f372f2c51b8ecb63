/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the bytes of a Parquet file of one event: a batch becomes a row group and
 * the footer that makes the file complete again. Knows nothing of files: who
 * writes the bytes says afterwards whether they arrived.
 */
#ifndef SONDE_TRACE_PARQUET_WRITER_H
#define SONDE_TRACE_PARQUET_WRITER_H

#include "schema/batch.h"
#include "trace/parquet.h"

struct parquet_encoder;
struct parquet_writer;

struct parquet_writer *parquet_writer_new(const struct sn_event *ev);
void parquet_writer_free(struct parquet_writer *w);
/* Begins a new file. */
void parquet_writer_reset(struct parquet_writer *w);

/*
 * Appends to out what makes the file hold b's rows too: magic (in an empty file),
 * row group, footer. Then call one of the two below. 0 or -ENOMEM.
 */
int parquet_writer_add(struct parquet_writer *w, struct parquet_encoder *e, const struct batch *b,
		       struct buf *out);
void parquet_writer_commit(struct parquet_writer *w);
void parquet_writer_cancel(struct parquet_writer *w);

/* The file's size with what was committed, and how much of it is old footers. */
u64 parquet_writer_size(const struct parquet_writer *w);
u64 parquet_writer_dead_bytes(const struct parquet_writer *w);
u32 parquet_writer_nr_groups(const struct parquet_writer *w);

/* Where in the file a group's bytes are. */
void parquet_writer_group(const struct parquet_writer *w, u32 group, u64 *ret_at, u64 *ret_size);
/* Appends the footer of a file in which the groups follow the magic without gaps. */
int parquet_writer_compact_footer(const struct parquet_writer *w, struct buf *out);

#endif
