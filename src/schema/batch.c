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
	/* So that strings_get() never returns NULL, not of the empty string either. */
	if (!buf_room(&s->bytes, 1))
		return -ENOMEM;
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

/* How a column's values are put; a fixed number of steps for each, without looking at its type. */
enum put_how {
	PUT_GENERIC,
	PUT_1, /* the field as it is, by its width */
	PUT_2,
	PUT_4,
	PUT_8,
	PUT_OPT_1, /* the same of an optional field */
	PUT_OPT_2,
	PUT_OPT_4,
	PUT_OPT_8,
	PUT_STRING, /* a derived string */
};

static enum put_how put_how(const struct sn_column *c)
{
	enum put_how how = c->width == 8 ? PUT_8 : c->width == 4 ? PUT_4 : (enum put_how)c->width;

	if (c->source == SN_FROM_DERIVED && c->rep == SN_STRING)
		return PUT_STRING;
	if ((c->source != SN_FROM_HDR && c->source != SN_FROM_FIELD) || c->width != c->field_width)
		return PUT_GENERIC;
	if (!c->nullable)
		return how;
	return c->valid_bit ? how + (PUT_OPT_1 - PUT_1) : PUT_GENERIC;
}

/* Derived strings put lately, to find their indices without hashing; they may be freed since. */
enum { NR_RECENT = 32 };
struct column_name {
	const struct istr *name;
	u32 serial;
	u32 index;
};

static struct column_name *recent(const struct column *c, const struct istr *name)
{
	return &c->recent[hash_u64((uintptr_t)name >> 4) % NR_RECENT];
}

/* The place of the next array of n bytes in a batch's memory, of which *size are in use. */
static size_t place(size_t *size, size_t n, u32 *nr_arrays)
{
	size_t at = ALIGN_UP(*size, 64u);

	/*
	 * A row touches every array. Where large ones began at the same place of their
	 * pages they would drive each other out of the first-level cache.
	 */
	if (n >= 4096)
		at = ALIGN_UP(at, 4096u) + *nr_arrays * 5 % 64 * 64;
	++*nr_arrays;
	*size = at + n;
	return at;
}

/* Points the columns at their places in memory (NULL: only adds up) and returns its size. */
static size_t lay_out(const struct sn_event *ev, struct column *columns, u8 *memory, u32 cap)
{
	size_t size = 0, at;
	u32 nr_arrays = 0;

	for (u32 i = 0; i < ev->nr_columns; i++) {
		at = place(&size, (size_t)cap * ev->columns[i].width, &nr_arrays);
		if (memory)
			columns[i].data = memory + at;
		if (!ev->columns[i].nullable)
			continue;
		at = place(&size, cap, &nr_arrays);
		if (memory)
			columns[i].valid = memory + at;
	}
	return size;
}

struct batch *batch_new(const struct sn_event *ev, u32 cap)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->ev = ev;
	b->cap = cap;
	b->columns = calloc(ev->nr_columns, sizeof(*b->columns));
	b->memory = calloc(1, lay_out(ev, NULL, NULL, cap));
	if (!b->columns || !b->memory)
		goto fail;
	(void)lay_out(ev, b->columns, b->memory, cap);
	for (u32 i = 0; i < ev->nr_columns; i++) {
		struct column *c = &b->columns[i];

		c->rep = ev->columns[i].rep;
		c->width = ev->columns[i].width;
		c->how = put_how(&ev->columns[i]);
		if (c->how != PUT_STRING)
			continue;
		c->recent = calloc(NR_RECENT, sizeof(*c->recent));
		if (!c->recent)
			goto fail;
	}
	return b;
fail:
	batch_free(b);
	return NULL;
}

int batch_grow(struct batch *b, u32 cap)
{
	u32 nr_columns = b->ev->nr_columns;
	_cleanup_(freep) struct column *old = NULL;
	u8 *memory;

	if (cap <= b->cap)
		return 0;
	old = malloc(nr_columns * sizeof(*old));
	memory = calloc(1, lay_out(b->ev, NULL, NULL, cap));
	if (!old || !memory) {
		free(memory);
		return -ENOMEM;
	}
	memcpy(old, b->columns, nr_columns * sizeof(*old));
	(void)lay_out(b->ev, b->columns, memory, cap);
	for (u32 i = 0; i < nr_columns; i++) {
		memcpy(b->columns[i].data, old[i].data, (size_t)b->nr * old[i].width);
		if (old[i].valid)
			memcpy(b->columns[i].valid, old[i].valid, b->nr);
	}
	free(b->memory);
	b->memory = memory;
	b->cap = cap;
	return 0;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	for (u32 i = 0; b->columns && i < b->ev->nr_columns; i++) {
		strings_done(&b->columns[i].dict);
		free(b->columns[i].recent);
	}
	free(b->columns);
	free(b->memory);
	free(b);
}

void batch_clear(struct batch *b)
{
	b->nr = 0;
	for (u32 i = 0; i < b->ev->nr_columns; i++) {
		struct column *c = &b->columns[i];

		if (c->recent)
			memset(c->recent, 0, NR_RECENT * sizeof(*c->recent));
		if (c->rep == SN_STRING)
			strings_clear(&c->dict);
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

/* A derived string that is not among the recent ones. */
static int put_new_string(struct column *c, u32 row, const struct istr *s, struct column_name *at)
{
	int i = strings_add(&c->dict, s->s, s->len);

	if (i < 0)
		return i;
	*at = (struct column_name){ s, s->serial, (u32)i };
	((u32 *)c->data)[row] = (u32)i;
	return 0;
}

static int put_string(struct column *c, u32 row, const struct istr *s)
{
	struct column_name *at;

	c->valid[row] = s != NULL;
	if (!s)
		return 0;
	at = recent(c, s);
	if (at->name != s || at->serial != s->serial)
		return put_new_string(c, row, s, at);
	((u32 *)c->data)[row] = at->index;
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

static int put_generic(struct column *c, const struct sn_column *desc, u32 row, const u8 *rec,
		       size_t size, const struct sn_names *names)
{
	const struct sn_hdr *hdr = (const struct sn_hdr *)rec;
	struct sn_str at;
	u64 v;

	switch (desc->source) {
	case SN_FROM_TEXT:
		memcpy(&at, rec + desc->off, sizeof(at));
		return put_text(c, row, &at, rec, size);
	case SN_FROM_DERIVED:
		c->valid[row] = names && (names->num_valid & 1u << desc->derived);
		store(c, row, names ? names->num[desc->derived] : 0);
		return 0;
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

/* Copies a field as wide as the column. */
#define COPY(type) memcpy((type *)c->data + row, rec + desc->off, sizeof(type))
#define COPY_OPT(type)                                               \
	do {                                                         \
		COPY(type);                                          \
		c->valid[row] = (hdr->valid & desc->valid_bit) != 0; \
	} while (0)

int batch_append(struct batch *b, const void *record, size_t size, const struct sn_names *names)
{
	const struct sn_column *desc = b->ev->columns, *end = desc + b->ev->nr_columns;
	const struct sn_hdr *hdr = record;
	struct column *c = b->columns;
	const u8 *rec = record;
	u32 row = b->nr;
	int r = 0;

	if (b->nr == b->cap)
		return -ENOSPC;
	if (size < b->ev->size)
		return -EINVAL;
	for (; desc < end && r == 0; desc++, c++) {
		switch ((enum put_how)c->how) {
		case PUT_1:
			COPY(u8);
			break;
		case PUT_2:
			COPY(u16);
			break;
		case PUT_4:
			COPY(u32);
			break;
		case PUT_8:
			COPY(u64);
			break;
		case PUT_OPT_1:
			COPY_OPT(u8);
			break;
		case PUT_OPT_2:
			COPY_OPT(u16);
			break;
		case PUT_OPT_4:
			COPY_OPT(u32);
			break;
		case PUT_OPT_8:
			COPY_OPT(u64);
			break;
		case PUT_STRING:
			r = put_string(c, row, names ? names->str[desc->derived] : NULL);
			break;
		case PUT_GENERIC:
			r = put_generic(c, desc, row, rec, size, names);
			break;
		}
	}
	if (r < 0)
		return r;
	b->nr++;
	return 0;
}
