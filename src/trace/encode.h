/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parquet's encodings, writing: values of one column to bytes. Knows nothing of
 * pages, files or events. Numbers come as u64, whatever their column's width.
 */
#ifndef SONDE_TRACE_ENCODE_H
#define SONDE_TRACE_ENCODE_H

#include "base/buf.h"

/* RLE and bit-packing hybrid, without a length: indices below 1 << width, width 1 .. 32. */
void encode_indices(struct buf *b, const u32 *v, u32 n, unsigned int width);

/* The same of n times one index. */
void encode_index_run(struct buf *b, u32 v, u32 n, unsigned int width);

/* Definition levels of a flat column: the length in 4 bytes, then the hybrid of one bit a row. */
void encode_levels(struct buf *b, const u8 *valid, u32 n);
/* The same where all rows are valid, or none. */
void encode_level_run(struct buf *b, bool valid, u32 n);

/*
 * DELTA_BINARY_PACKED, in the arithmetic of width bytes (4 or 8); n may be 0. whole: in
 * whole bytes, from round numbers: longer, but equal differences are equal bytes, which
 * a compressor can find.
 */
void encode_delta(struct buf *b, const u64 *v, u32 n, unsigned int width, bool whole);

/* PLAIN: numbers of width bytes (4 or 8); booleans, a bit each. */
void encode_plain(struct buf *b, const u64 *v, u32 n, unsigned int width);
void encode_bools(struct buf *b, const u64 *v, u32 n);
void encode_bool_run(struct buf *b, bool v, u32 n);

/* Bits that an index below nr needs, 1 at least. */
static inline unsigned int encode_width(u32 nr)
{
	return nr > 2 ? 32 - (unsigned int)__builtin_clz(nr - 1) : 1;
}

/* Distinct numbers in order of first use. The memory serves one column after another. */
struct encode_dict {
	u32 nr;
	u64 *values;
	u32 cap;
	u32 *table; /* open addressing: 1 + index, 0 is free */
	u32 table_size, table_cap;
	u32 *order; /* room for sorting: two arrays of cap_order */
	u64 *sorted;
	u32 cap_order;
};

void encode_dict_done(struct encode_dict *d);

/*
 * Numbers the distinct values of v and writes each value's number to index. 1, or
 * 0 if it is not worth it (more than limit, or most of the first ones differ), or
 * -ENOMEM.
 */
int encode_dict_build(struct encode_dict *d, const u64 *v, u32 n, u32 limit, u32 *index);

/*
 * Puts the values in order and renumbers the n indices: of many values both compress
 * better then. Nothing can be added to the dictionary any more. 0 or -ENOMEM.
 */
int encode_dict_sort(struct encode_dict *d, u32 *index, u32 n);

#endif
