// SPDX-License-Identifier: BSD-2-Clause
#include "trace/thrift.h"

#include <assert.h>

void thrift_put_varint(struct buf *b, u64 v)
{
	u8 *to = (u8 *)buf_room(b, 10);
	size_t n = 0;

	if (!to)
		return;
	for (; v >= 0x80; v >>= 7)
		to[n++] = (u8)(v | 0x80);
	to[n++] = (u8)v;
	b->len += n;
}

void thrift_put_zigzag(struct buf *b, s64 v)
{
	thrift_put_varint(b, (u64)v << 1 ^ (u64)(v >> 63));
}

static void field(struct thrift_writer *w, int id, enum thrift_type type)
{
	int step = id - w->last[w->depth];

	assert(step > 0 && step < 16);
	buf_putc(w->b, (char)(step << 4 | type));
	w->last[w->depth] = id;
}

void thrift_int(struct thrift_writer *w, int id, enum thrift_type type, s64 v)
{
	field(w, id, type);
	if (type == THRIFT_I8)
		buf_putc(w->b, (char)v);
	else
		thrift_put_zigzag(w->b, v);
}

void thrift_bool(struct thrift_writer *w, int id, bool v)
{
	field(w, id, v ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_binary(struct thrift_writer *w, int id, const void *p, size_t n)
{
	field(w, id, THRIFT_BINARY);
	thrift_put_varint(w->b, n);
	buf_put(w->b, p, n);
}

void thrift_string(struct thrift_writer *w, int id, const char *s)
{
	thrift_binary(w, id, s, strlen(s));
}

void thrift_list(struct thrift_writer *w, int id, enum thrift_type type, u32 n)
{
	field(w, id, THRIFT_LIST);
	buf_putc(w->b, (char)(MIN(n, 15u) << 4 | type));
	if (n >= 15)
		thrift_put_varint(w->b, n);
}

void thrift_item(struct thrift_writer *w)
{
	assert(w->depth + 1 < THRIFT_MAX_DEPTH);
	w->last[++w->depth] = 0;
}

void thrift_struct(struct thrift_writer *w, int id)
{
	field(w, id, THRIFT_STRUCT);
	thrift_item(w);
}

void thrift_end(struct thrift_writer *w)
{
	buf_putc(w->b, THRIFT_STOP);
	w->depth--;
}

void thrift_empty(struct thrift_writer *w, int id)
{
	thrift_struct(w, id);
	thrift_end(w);
}

void thrift_fail(struct thrift_reader *r)
{
	r->failed = true;
	r->p = r->end;
}

static u8 get_byte(struct thrift_reader *r)
{
	if (r->p == r->end) {
		thrift_fail(r);
		return 0;
	}
	return *r->p++;
}

u64 thrift_get_varint(struct thrift_reader *r)
{
	u64 v = 0;
	u8 byte;

	for (int shift = 0; shift < 64; shift += 7) {
		byte = get_byte(r);
		v |= (u64)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
	thrift_fail(r);
	return 0;
}

s64 thrift_get_zigzag(struct thrift_reader *r)
{
	u64 v = thrift_get_varint(r);

	return (s64)(v >> 1 ^ -(v & 1));
}

bool thrift_next(struct thrift_reader *r, int *id, u8 *ret_type)
{
	u8 head = get_byte(r);
	s64 next;

	if (r->failed || head == THRIFT_STOP)
		return false;
	next = head >> 4 ? *id + (head >> 4) : thrift_get_zigzag(r);
	if (r->failed || next < 0 || next > INT16_MAX) {
		thrift_fail(r);
		return false;
	}
	*id = (int)next;
	*ret_type = head & 0x0f;
	return true;
}

s64 thrift_get_int(struct thrift_reader *r, u8 type)
{
	switch (type) {
	case THRIFT_I8:
		return (s8)get_byte(r);
	case THRIFT_I16:
	case THRIFT_I32:
	case THRIFT_I64:
		return thrift_get_zigzag(r);
	default:
		thrift_fail(r);
		return 0;
	}
}

const u8 *thrift_get_binary(struct thrift_reader *r, u8 type, u32 *ret_len)
{
	u64 len = thrift_get_varint(r);
	const u8 *p = r->p;

	if (type != THRIFT_BINARY || len > (u64)(r->end - r->p)) {
		thrift_fail(r);
		*ret_len = 0;
		return r->p;
	}
	r->p += len;
	*ret_len = (u32)len;
	return p;
}

static u32 get_list_head(struct thrift_reader *r, u8 *ret_type)
{
	u8 head = get_byte(r);
	u64 n = head >> 4;

	if (n == 15)
		n = thrift_get_varint(r);
	*ret_type = head & 0x0f;
	/* Every item takes a byte at least: no list is longer than what is left. */
	if (n > (u64)(r->end - r->p)) {
		thrift_fail(r);
		return 0;
	}
	return (u32)n;
}

u32 thrift_get_list(struct thrift_reader *r, u8 type, u8 want)
{
	u8 got;
	u32 n = get_list_head(r, &got);

	if (type != THRIFT_LIST || (n && got != want)) {
		thrift_fail(r);
		return 0;
	}
	return n;
}

static void skip(struct thrift_reader *r, u8 type, int depth);

static void skip_items(struct thrift_reader *r, int depth)
{
	u8 type;
	u32 n = get_list_head(r, &type);

	for (; n && !r->failed; n--) {
		if (type == THRIFT_TRUE || type == THRIFT_FALSE)
			(void)get_byte(r); /* a field's truth is in its head, an item's is a byte */
		else
			skip(r, type, depth);
	}
}

static void skip(struct thrift_reader *r, u8 type, int depth)
{
	int id = 0;
	u32 len;

	if (depth > 2 * THRIFT_MAX_DEPTH) {
		thrift_fail(r);
		return;
	}
	switch (type) {
	case THRIFT_TRUE:
	case THRIFT_FALSE:
		break;
	case THRIFT_I8:
		(void)get_byte(r);
		break;
	case THRIFT_I16:
	case THRIFT_I32:
	case THRIFT_I64:
		(void)thrift_get_varint(r);
		break;
	case THRIFT_DOUBLE:
		if (r->end - r->p < 8)
			thrift_fail(r);
		else
			r->p += 8;
		break;
	case THRIFT_BINARY:
		(void)thrift_get_binary(r, type, &len);
		break;
	case THRIFT_LIST:
	case THRIFT_SET:
		skip_items(r, depth + 1);
		break;
	case THRIFT_STRUCT:
		while (thrift_next(r, &id, &type))
			skip(r, type, depth + 1);
		break;
	default:
		thrift_fail(r); /* maps, too: Parquet has none */
	}
}

void thrift_skip(struct thrift_reader *r, u8 type)
{
	skip(r, type, 0);
}
