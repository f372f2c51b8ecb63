/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Column chunks of a Parquet file to columns of a batch: the counterpart of
 * parquet_encoder. Nothing that a file says is believed before it is checked.
 */
#ifndef SONDE_TRACE_PARQUET_DECODER_H
#define SONDE_TRACE_PARQUET_DECODER_H

#include "schema/batch.h"
#include "trace/parquet_file.h"

/* Buffers and decompressor. */
struct parquet_decoder;

/* NULL when memory is short. */
struct parquet_decoder *parquet_decoder_new(void);
void parquet_decoder_free(struct parquet_decoder *d);
DEFINE_FREEP(struct parquet_decoder, parquet_decoder_free)

/* Can values of this field become values of the column? */
bool parquet_decoder_takes(const struct parquet_field *field, const struct sn_column *desc);

/*
 * Reads one column of one group into c, whose data has room for its rows. valid
 * has, too; c->valid is set to it if there are nulls, else to NULL. -EBADMSG if
 * the bytes make no sense, -EOPNOTSUPP for what the writer never makes, -ENOMEM,
 * and errors of reading. c's values are undefined then.
 */
int parquet_decoder_column(struct parquet_decoder *d, const struct parquet_file *f, u32 group,
			   u32 field, const struct sn_column *desc, struct column *c, u8 *valid);

#endif
