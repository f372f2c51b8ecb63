/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Thrift compact protocol, as far as Parquet's headers and footers use it.
 * Writing appends to a buffer. Reading never leaves its bytes: the first thing
 * that does not fit sets .failed, and from there on everything reads as nothing.
 */
#ifndef SONDE_TRACE_THRIFT_H
#define SONDE_TRACE_THRIFT_H

#include "base/buf.h"

enum thrift_type {
	THRIFT_STOP,
	THRIFT_TRUE,
	THRIFT_FALSE,
	THRIFT_I8,
	THRIFT_I16,
	THRIFT_I32,
	THRIFT_I64,
	THRIFT_DOUBLE,
	THRIFT_BINARY,
	THRIFT_LIST,
	THRIFT_SET,
	THRIFT_MAP,
	THRIFT_STRUCT,
};

enum { THRIFT_MAX_DEPTH = 8 };

struct thrift_writer {
	struct buf *b;
	int depth;
	int last[THRIFT_MAX_DEPTH]; /* field id written last, of each open struct */
};

void thrift_put_varint(struct buf *b, u64 v);
void thrift_put_zigzag(struct buf *b, s64 v);

void thrift_int(struct thrift_writer *w, int id, enum thrift_type type, s64 v);
void thrift_bool(struct thrift_writer *w, int id, bool v);
void thrift_binary(struct thrift_writer *w, int id, const void *p, size_t n);
void thrift_string(struct thrift_writer *w, int id, const char *s);
/* Its items follow: structs between thrift_item() and thrift_end(), others bare. */
void thrift_list(struct thrift_writer *w, int id, enum thrift_type type, u32 n);
void thrift_struct(struct thrift_writer *w, int id);
void thrift_item(struct thrift_writer *w);
void thrift_end(struct thrift_writer *w);
/* A struct without members. */
void thrift_empty(struct thrift_writer *w, int id);

struct thrift_reader {
	const u8 *p, *end;
	bool failed;
};

/* The next field of a struct, whose last id was *id (0 at first). False at its end and on failure. */
bool thrift_next(struct thrift_reader *r, int *id, u8 *ret_type);
u64 thrift_get_varint(struct thrift_reader *r);
s64 thrift_get_zigzag(struct thrift_reader *r);
/* The value of a field of this type; fails if the type is no integer. */
s64 thrift_get_int(struct thrift_reader *r, u8 type);
const u8 *thrift_get_binary(struct thrift_reader *r, u8 type, u32 *ret_len);
/* The number of items; fails unless they are of type want. */
u32 thrift_get_list(struct thrift_reader *r, u8 type, u8 want);
void thrift_skip(struct thrift_reader *r, u8 type);
void thrift_fail(struct thrift_reader *r);

#endif
