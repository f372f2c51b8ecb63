// SPDX-License-Identifier: BSD-2-Clause
#include "schema/batch.h"

#include <errno.h>
#include <fcntl.h>

#include "base/hash.h"

/* O_DIRECT differs between architectures; a trace keeps the recording machine's value. */
#ifndef O_DIRECT
#define O_DIRECT __O_DIRECT
#endif

void strings_done(struct strings *s)
{
	free(s->ends);
	free(s->table);
	buf_done(&s->bytes);
	*s = (struct strings){};
}

void strings_clear(struct strings *s)
{
	s->nr = 0;
	s->bytes.len = 0;
	if (s->table)
		memset(s->table, 0, s->table_size * sizeof(*s->table));
}

static u32 *find_place(const struct strings *s, const char *p, size_t len)
{
	u32 mask = s->table_size - 1, at = (u32)hash_bytes(p, len) & mask;
	const char *other;
	size_t other_len;

	for (;; at = (at + 1) & mask) {
		if (!s->table[at])
			return &s->table[at];
		other = strings_get(s, s->table[at] - 1, &other_len);
		if (other_len == len && !memcmp(other, p, len))
			return &s->table[at];
	}
}

static int grow_strings(struct strings *s)
{
	u32 size = s->table_size ? s->table_size * 2 : 64;
	u32 *ends = realloc(s->ends, size / 2 * sizeof(*ends));
	u32 *table;
	const char *p;
	size_t len;

	if (!ends)
		return -ENOMEM;
	s->ends = ends;
	s->cap = size / 2;
	table = calloc(size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	free(s->table);
	s->table = table;
	s->table_size = size;
	for (u32 i = 0; i < s->nr; i++) {
		p = strings_get(s, i, &len);
		*find_place(s, p, len) = i + 1;
	}
	return 0;
}

int strings_add(struct strings *s, const char *p, size_t len)
{
	u32 *place;
	int r;

	if (s->nr == s->cap || !s->table) {
		r = grow_strings(s);
		if (r < 0)
			return r;
	}
	place = find_place(s, p, len);
	if (*place)
		return (int)*place - 1;
	if (s->bytes.len + len > INT32_MAX)
		return -ENOSPC;
	buf_put(&s->bytes, p, len);
	if (s->bytes.failed)
		return -ENOMEM;
	s->ends[s->nr] = (u32)s->bytes.len;
	*place = ++s->nr;
	return (int)s->nr - 1;
}

struct batch *batch_new(const struct sn_event *ev, u32 cap)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->ev = ev;
	b->cap = cap;
	b->columns = calloc(ev->nr_columns, sizeof(*b->columns));
	if (!b->columns)
		goto fail;
	for (u32 i = 0; i < ev->nr_columns; i++) {
		struct column *c = &b->columns[i];

		c->rep = ev->columns[i].rep;
		c->width = ev->columns[i].width;
		c->data = calloc(cap, c->width);
		if (ev->columns[i].nullable)
			c->valid = calloc(cap, 1);
		if (!c->data || (ev->columns[i].nullable && !c->valid))
			goto fail;
	}
	return b;
fail:
	batch_free(b);
	return NULL;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	for (u32 i = 0; b->columns && i < b->ev->nr_columns; i++) {
		free(b->columns[i].data);
		free(b->columns[i].valid);
		strings_done(&b->columns[i].dict);
	}
	free(b->columns);
	free(b);
}

void batch_clear(struct batch *b)
{
	b->nr = 0;
	for (u32 i = 0; i < b->ev->nr_columns; i++) {
		b->columns[i].last = NULL;
		if (b->columns[i].rep == SN_STRING)
			strings_clear(&b->columns[i].dict);
	}
}

static u64 load(const void *p, u32 width, bool is_signed)
{
	u64 v = 0;

	switch (width) {
	case 1:
		return is_signed ? (u64)(s64) * (const s8 *)p : *(const u8 *)p;
	case 2:
		memcpy(&v, p, 2);
		return is_signed ? (u64)(s64)(s16)v : v;
	case 4:
		memcpy(&v, p, 4);
		return is_signed ? (u64)(s64)(s32)v : v;
	default:
		memcpy(&v, p, 8);
		return v;
	}
}

static void store(struct column *c, u32 row, u64 v)
{
	switch (c->width) {
	case 1:
		((u8 *)c->data)[row] = (u8)v;
		break;
	case 2:
		((u16 *)c->data)[row] = (u16)v;
		break;
	case 4:
		((u32 *)c->data)[row] = (u32)v;
		break;
	default:
		((u64 *)c->data)[row] = v;
	}
}

/* The view's value of v in *ret; false if it is null. */
static bool view(enum sn_view how, u64 v, u64 *ret)
{
	s64 s = (s64)v;

	switch (how) {
	case SN_VIEW_done:
		*ret = v;
		return s >= 0;
	case SN_VIEW_error:
		*ret = -v;
		return s < 0 && s >= -4095;
	case SN_VIEW_restart:
		*ret = s <= -512 && s >= -516;
		return true;
	case SN_VIEW_o_direct:
		*ret = !!(v & O_DIRECT);
		return true;
	default:
		return false;
	}
}

static int put_derived(struct column *c, const struct sn_column *desc, u32 row,
		       const struct sn_names *names)
{
	const struct istr *s;
	int i;

	c->valid[row] = 0;
	if (!names)
		return 0;
	if (desc->rep != SN_STRING) {
		c->valid[row] = !!(names->num_valid & 1u << desc->derived);
		store(c, row, names->num[desc->derived]);
		return 0;
	}
	s = names->str[desc->derived];
	if (!s)
		return 0;
	if (s != c->last || s->serial != c->last_serial) {
		i = strings_add(&c->dict, s->s, s->len);
		if (i < 0)
			return i;
		c->last = s;
		c->last_serial = s->serial;
		c->last_index = (u32)i;
	}
	c->valid[row] = 1;
	((u32 *)c->data)[row] = c->last_index;
	return 0;
}

static int put_text(struct column *c, u32 row, const struct sn_str *at, const u8 *rec, size_t size)
{
	int i;

	c->valid[row] = 0;
	if (!at->len)
		return 0;
	if (at->off > size || at->len > size - at->off)
		return -EINVAL;
	i = strings_add(&c->dict, (const char *)rec + at->off, at->len);
	if (i < 0)
		return i;
	c->valid[row] = 1;
	((u32 *)c->data)[row] = (u32)i;
	return 0;
}

static int put(struct column *c, const struct sn_column *desc, u32 row, const u8 *rec, size_t size,
	       const struct sn_names *names)
{
	const struct sn_hdr *hdr = (const struct sn_hdr *)rec;
	struct sn_str at;
	u64 v;

	switch (desc->source) {
	case SN_FROM_TEXT:
		memcpy(&at, rec + desc->off, sizeof(at));
		return put_text(c, row, &at, rec, size);
	case SN_FROM_DERIVED:
		return put_derived(c, desc, row, names);
	default:
		break;
	}
	v = load(rec + desc->off, desc->field_width, desc->field_rep == SN_SIGNED);
	if (desc->nullable)
		c->valid[row] = !desc->valid_bit || (hdr->valid & desc->valid_bit);
	if (desc->source == SN_FROM_VIEW && !view(desc->view, v, &v))
		c->valid[row] = 0;
	store(c, row, v);
	return 0;
}

int batch_append(struct batch *b, const void *rec, size_t size, const struct sn_names *names)
{
	const struct sn_event *ev = b->ev;
	int r;

	if (b->nr == b->cap)
		return -ENOSPC;
	if (size < ev->size)
		return -EINVAL;
	for (u32 i = 0; i < ev->nr_columns; i++) {
		r = put(&b->columns[i], &ev->columns[i], b->nr, rec, size, names);
		if (r < 0)
			return r;
	}
	b->nr++;
	return 0;
}
