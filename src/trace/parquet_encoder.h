/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One column of a batch to one column chunk of a Parquet file: chooses the
 * encoding, makes the pages, compresses them. Does not know where they go.
 */
#ifndef SONDE_TRACE_PARQUET_ENCODER_H
#define SONDE_TRACE_PARQUET_ENCODER_H

#include "schema/batch.h"
#include "trace/parquet.h"

/* Buffers and compressor; one serves the columns of all events. */
struct parquet_encoder;

/* NULL when memory is short. */
struct parquet_encoder *parquet_encoder_new(int zstd_level);
void parquet_encoder_free(struct parquet_encoder *e);
DEFINE_FREEP(struct parquet_encoder, parquet_encoder_free)

/* A way to write a column's values. */
struct encoder_way {
	u8 form;  /* what they look like before compression */
	u8 press; /* how hard that is compressed */
};

/* A column of a file that is being written, with what earlier groups taught about it. */
struct encoder_column {
	const struct sn_column *desc;
	struct parquet_column type;
	struct encoder_way way; /* the best when all were tried last */
	u64 tried_ns;           /* when that was; 0 is never */
	u64 believed_ns;        /* for how long it is taken for the best */
};

/* What the footer says of a chunk. */
struct encoder_chunk {
	u64 min, max;
	u32 at;          /* from the group's begin */
	u32 dict_stored; /* bytes of the dictionary page in front; 0 is none */
	u32 raw, stored; /* bytes of all pages, headers included, before and after compression */
	u32 nr_nulls;
	u8 encoding; /* of the values; enum parquet_encoding */
	u8 codec;
	bool has_range;
};

/*
 * Appends the pages of a batch's column to out and fills *chunk, but for .at. ts is that
 * of the last row. 0 or -ENOMEM.
 */
int parquet_encoder_column(struct parquet_encoder *e, struct encoder_column *column,
			   const struct column *values, u32 nr_rows, u64 ts, struct buf *out,
			   struct encoder_chunk *chunk);

#endif
