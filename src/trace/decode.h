/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parquet's encodings, reading. Every length, width, run and index is checked:
 * -EBADMSG for bytes that do not make sense. Outputs are filled only as far as
 * they were allocated, whatever the bytes say.
 */
#ifndef SONDE_TRACE_DECODE_H
#define SONDE_TRACE_DECODE_H

#include "base/types.h"

/* Bytes behind an input's end that may be read (not used): the caller allocates them. */
enum { DECODE_PADDING = 16 };

/* Advances from *p, not beyond end. */
struct decode_input {
	const u8 *p, *end;
};

/* n indices of the hybrid of this width, 0 .. 32, each below limit. */
int decode_indices(struct decode_input *in, u32 *v, u32 n, unsigned int width, u32 limit);

/*
 * Definition levels with their length in front: valid gets a 0 or 1 for each of
 * n rows, ret_nr the number of ones.
 */
int decode_levels(struct decode_input *in, u8 *valid, u32 n, u32 *ret_nr);

/* DELTA_BINARY_PACKED, exactly n values. */
int decode_delta(struct decode_input *in, u64 *v, u32 n);

/* PLAIN booleans. */
int decode_bools(struct decode_input *in, u64 *v, u32 n);

#endif
