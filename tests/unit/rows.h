/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows to try sinks with: random ones, live and as a file's reader hands them
 * out, and the plainest way to write a value. For tests of sinks only.
 */
#ifndef SONDE_TESTS_UNIT_ROWS_H
#define SONDE_TESTS_UNIT_ROWS_H

#include <sys/mman.h>

#include "schema/batch.h"
#include "sink/sink.h"
#include "test.h"

static u64 rows_seed = 88172645463325252ull;

/* Below n. */
static inline u64 rows_random(u64 n)
{
	rows_seed ^= rows_seed << 13;
	rows_seed ^= rows_seed >> 7;
	rows_seed ^= rows_seed << 17;
	return rows_seed % n;
}

/* Mostly small, sometimes of all sizes. */
static inline u64 rows_number(void)
{
	switch (rows_random(4)) {
	case 0:
		return rows_random(3);
	case 1:
		return rows_random(100000);
	case 2:
		return -rows_random(600);
	default:
		return rows_random(UINT64_MAX) >> rows_random(64);
	}
}

static const char *const rows_texts[] = {
	"a",
	"/usr/lib/libc.so.6",
	"with,comma",
	"with \"quotes\"",
	"new\nline",
	"carriage\rback",
	"tab\tand\x01",
	" blank ",
	"back\\slash",
	"\xc3\xa4\xf0\x9f\x90\x98",
	"bad \xff utf-8",
	"cut \xc3",
	"true",
	"-1",
};

/* Gives about half of the record's members new values. */
static inline void rows_change(const struct sn_event *ev, u8 *rec)
{
	struct sn_hdr *hdr = (struct sn_hdr *)rec;

	for (u32 i = 0; i < ev->nr_columns; i++) {
		const struct sn_column *c = &ev->columns[i];
		u64 v = rows_number();

		if (rows_random(2) || (c->source != SN_FROM_HDR && c->source != SN_FROM_FIELD))
			continue;
		if (c->kind == SN_K_bool)
			v &= 1;
		memcpy(rec + c->off, &v, c->field_width);
		if (rows_random(3))
			hdr->valid |= c->valid_bit;
		else
			hdr->valid &= ~c->valid_bit;
	}
	hdr->id = ev->id;
}

/* A batch of random rows; every other row repeats most of the one before. */
static inline struct batch *rows_make(const struct sn_event *ev, u32 nr)
{
	static struct intern pool;
	u8 rec[4096] = {};
	struct batch *b = batch_new(ev, nr);
	struct sn_names names = {};
	struct sn_str at;
	const char *text;
	size_t size;

	check(b && ev->size < 2048);
	for (u32 row = 0; row < nr; row++) {
		if (rows_random(2))
			rows_change(ev, rec);
		size = ev->size;
		for (u32 i = 0; i < ev->nr_columns; i++) {
			if (ev->columns[i].source != SN_FROM_TEXT)
				continue;
			text = rows_texts[rows_random(ARRAY_SIZE(rows_texts))];
			at = (struct sn_str){ (u16)size, (u16)strlen(text) };
			memcpy(rec + ev->columns[i].off, &at, sizeof(at));
			memcpy(rec + at.off, text, at.len);
			size += at.len;
		}
		for (u32 i = 0; i < SN_NR_DERIVED && rows_random(3); i++) {
			text = rows_texts[rows_random(ARRAY_SIZE(rows_texts))];
			names.str[i] = rows_random(4) ? intern(&pool, text, strlen(text)) : NULL;
			names.num[i] = (u32)rows_number();
			names.num_valid = (u32)rows_random(1u << SN_NR_DERIVED);
		}
		check_eq(batch_append(b, rec, size, &names), 0);
	}
	return b;
}

/* Text of the value, as its kind says; false if it is null. */
static inline bool rows_value(const struct batch *b, u32 column, u32 row, struct buf *ret)
{
	const struct column *c = &b->columns[column];
	enum sn_kind kind = b->ev->columns[column].kind;
	const char *p;
	size_t len;

	ret->len = 0;
	if (column_is_null(c, row))
		return false;
	if (c->rep == SN_STRING) {
		p = strings_get(&c->dict, (u32)column_num(c, row), &len);
		buf_put(ret, p, len);
	} else if (kind_is_text(kind)) {
		sn_kinds[kind].print(ret, column_num(c, row));
	} else if (c->rep == SN_SIGNED) {
		buf_printf(ret, "%lld", (long long)column_num(c, row));
	} else {
		buf_printf(ret, "%llu", (unsigned long long)column_num(c, row));
	}
	check(!ret->failed);
	return true;
}

/* The same rows as a reader of files hands them out: what is written as text is text. */
static inline struct batch *rows_as_read(const struct batch *from)
{
	struct batch *b = batch_new(from->ev, from->nr);
	struct buf text = {};
	int at;

	check(b);
	for (u32 i = 0; i < from->ev->nr_columns; i++) {
		struct column *to = &b->columns[i];
		const struct column *c = &from->columns[i];

		if (to->rep == SN_STRING || !kind_is_text(from->ev->columns[i].kind)) {
			memcpy(to->data, c->data, (size_t)from->nr * c->width);
			for (u32 k = 0; k < c->dict.nr; k++) {
				size_t len;
				const char *p = strings_get(&c->dict, k, &len);

				check(strings_add(&to->dict, p, len) == (int)k);
			}
		} else {
			/* The batch's own memory is too narrow for indices. */
			to->data = calloc(from->nr, sizeof(u32));
			to->rep = SN_STRING;
			to->width = sizeof(u32);
			check(to->data);
		}
		for (u32 row = 0; row < from->nr; row++) {
			if (to->valid)
				to->valid[row] = !column_is_null(c, row);
			if (to->rep != SN_STRING || c->rep == SN_STRING ||
			    !rows_value(from, i, row, &text))
				continue;
			/* The empty text must have an index too: an empty set of flags. */
			buf_putc(&text, 0);
			at = strings_add(&to->dict, text.data, text.len - 1);
			check(at >= 0);
			((u32 *)to->data)[row] = (u32)at;
		}
	}
	b->nr = from->nr;
	buf_done(&text);
	return b;
}

static inline void rows_free_read(struct batch *b)
{
	for (u32 i = 0; i < b->ev->nr_columns; i++)
		if (b->columns[i].rep == SN_STRING && b->ev->columns[i].rep != SN_STRING)
			free(b->columns[i].data);
	batch_free(b);
}

/* What was written to the file, from its start; NUL behind it. */
static inline char *rows_slurp(int fd, size_t *ret_len)
{
	off_t len = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, (size_t)len + 1);

	check(len >= 0 && text && pread(fd, text, (size_t)len, 0) == len);
	*ret_len = (size_t)len;
	return text;
}

/* Hands the rows to the sink in pieces of random size. */
static inline void rows_write(struct sink *s, const struct batch *b)
{
	u32 to;

	for (u32 from = 0; from < b->nr; from = to) {
		to = from + (u32)rows_random(rows_random(2) ? 5 : 2000) + 1;
		to = MIN(to, b->nr);
		check_eq(s->ops->rows(s, b, from, to, NULL), 0);
	}
}

static inline void rows_check_same(const char *got, size_t got_len, const struct buf *want)
{
	size_t at = 0;

	while (at < got_len && at < want->len && got[at] == want->data[at])
		at++;
	if (at == got_len && at == want->len)
		return;
	printf("# differs at byte %zu of %zu (%zu wanted): \"%.*s\", not \"%.*s\"\n", at, got_len,
	       want->len, (int)MIN(got_len - at, (size_t)60), got + at,
	       (int)MIN(want->len - at, (size_t)60), want->data + at);
	check(!"same");
}

#endif
