/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of one event, column by column: what sources hand to sinks and
 * analyzers, live and from a file alike.
 *
 * A column of numbers is an array of the column's width. A column of strings is
 * an array of indices into the batch's own list of distinct strings. Columns of
 * a kind that is written as text (errno, flags, dev ...) are numbers when they
 * come live, and strings when they come from a file: look at column.rep.
 */
#ifndef SONDE_SCHEMA_BATCH_H
#define SONDE_SCHEMA_BATCH_H

#include "base/intern.h"
#include "schema/schema.h"

/* Distinct strings, numbered from 0 in order of first use. */
struct strings {
	u32 nr, cap;
	u32 *ends; /* string i is bytes[ends[i-1] .. ends[i]) */
	struct buf bytes;
	u32 *table; /* open addressing: 1 + index, 0 is free */
	u32 table_size;
};

struct column {
	u8 rep;   /* enum sn_rep */
	u8 width; /* 1, 2, 4, 8 */
	u8 how;   /* enum put_how of batch.c */
	void *data;
	u8 *valid;           /* a byte a row, 1 is known; NULL if no value of the column is null */
	struct strings dict; /* of a string column */
	struct column_name *recent; /* of a column of derived strings, while rows are put */
};

struct batch {
	const struct sn_event *ev;
	u32 nr, cap;            /* rows */
	struct column *columns; /* ev->nr_columns of them */
	void *memory;           /* all of data and valid, of batches made here */
	/* Of who keeps it: */
	struct batch *next;
	u64 counted; /* bytes that it is known to take */
};

/* Names joined to one row. A string that is NULL, and num that is not valid, are null. */
struct sn_names {
	const struct istr *str[SN_NR_DERIVED];
	u32 num[SN_NR_DERIVED];
	u32 num_valid; /* bit per enum sn_derived */
};

/* An empty batch with room for cap rows; NULL when memory is short. */
struct batch *batch_new(const struct sn_event *ev, u32 cap);
void batch_free(struct batch *b);
DEFINE_FREEP(struct batch, batch_free)
/* Forgets the rows, keeps the memory. */
void batch_clear(struct batch *b);
/* Makes room for cap rows in all, keeping those that are there. -ENOMEM: nothing has changed. */
int batch_grow(struct batch *b, u32 cap);

/*
 * Appends a record of size bytes, with the names joined to it (NULL: none).
 * The record is checked: -EINVAL if it is shorter than its event or points
 * outside itself. -ENOSPC if the batch is full, -ENOMEM. Nothing is appended then.
 */
int batch_append(struct batch *b, const void *rec, size_t size, const struct sn_names *names);

/* The index of these bytes, added if they are new; negative errno. */
int strings_add(struct strings *s, const char *p, size_t len);
void strings_done(struct strings *s);
void strings_clear(struct strings *s);

static inline const char *strings_get(const struct strings *s, u32 i, size_t *ret_len)
{
	u32 from = i ? s->ends[i - 1] : 0;

	*ret_len = s->ends[i] - from;
	return s->bytes.data + from;
}

static inline bool column_is_null(const struct column *c, u32 row)
{
	return c->valid && !c->valid[row];
}

/* The number at row, sign extended; an index for strings. Undefined if it is null. */
static inline u64 column_num(const struct column *c, u32 row)
{
	bool is_signed = c->rep == SN_SIGNED;

	switch (c->width) {
	case 1:
		return is_signed ? (u64)(s64)((const s8 *)c->data)[row]
				 : ((const u8 *)c->data)[row];
	case 2:
		return is_signed ? (u64)(s64)((const s16 *)c->data)[row]
				 : ((const u16 *)c->data)[row];
	case 4:
		return is_signed ? (u64)(s64)((const s32 *)c->data)[row]
				 : ((const u32 *)c->data)[row];
	default:
		return ((const u64 *)c->data)[row];
	}
}

/* The column of this name; NULL: the event has none, all is null. */
static inline const struct column *batch_column(const struct batch *b, const char *name)
{
	int at = schema_column(b->ev, name);

	return at < 0 ? NULL : &b->columns[at];
}

/* Of a column that may be NULL. */
static inline bool column_is_known(const struct column *c, u32 row)
{
	return c && !column_is_null(c, row);
}

/* The same: the number at row, 0 if it is not known. */
static inline u64 column_or_0(const struct column *c, u32 row)
{
	return column_is_known(c, row) ? column_num(c, row) : 0;
}

/* The same, of the column of this name. */
static inline u64 batch_num(const struct batch *b, const char *name, u32 row)
{
	return column_or_0(batch_column(b, name), row);
}

#endif
