/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An open Parquet file and what its last valid footer says. Flat files only, as
 * the writer makes them: columns of numbers, booleans and strings, no nesting.
 * Decoding the columns is parquet_decoder's.
 */
#ifndef SONDE_TRACE_PARQUET_FILE_H
#define SONDE_TRACE_PARQUET_FILE_H

#include "base/diag.h"
#include "trace/parquet.h"

struct parquet_field {
	char *name;
	struct parquet_column type;
	bool optional;
};

struct parquet_chunk {
	u64 at, stored; /* where its pages are */
	u64 min, max;   /* of numbers, if has_range */
	u8 codec;
	bool has_range;
};

struct parquet_group {
	u32 nr_rows;
	struct parquet_chunk *chunks; /* nr_fields of them */
};

struct parquet_file {
	int fd;
	u64 size;        /* to the end of the last valid footer */
	bool is_damaged; /* something else stands behind that */
	u64 nr_rows;
	u32 nr_fields, nr_groups;
	struct parquet_field *fields;
	struct parquet_group *groups;
	struct parquet_chunk *chunks;
};

/* -EBADMSG if there is no valid footer in it; otherwise what open(2) says. */
int parquet_file_open(int dirfd, const char *name, struct parquet_file **ret, struct diag *d);
void parquet_file_free(struct parquet_file *f);
DEFINE_FREEP(struct parquet_file, parquet_file_free)

/* The field's place, or -1. */
int parquet_file_field(const struct parquet_file *f, const char *name);

/* Reads exactly n bytes; -EBADMSG if the file ends before. */
int parquet_file_read(const struct parquet_file *f, void *to, size_t n, u64 at);

#endif
