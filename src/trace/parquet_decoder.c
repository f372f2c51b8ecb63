// SPDX-License-Identifier: BSD-2-Clause
#include "trace/parquet_decoder.h"

#include <errno.h>
#include <zstd.h>

#include "trace/decode.h"
#include "trace/text.h"
#include "trace/thrift.h"

struct bytes {
	u8 *p;
	size_t cap;
};

struct parquet_decoder {
	ZSTD_DCtx *zstd;
	struct parquet_crc crc;
	struct bytes chunk, page;
	u64 *dict; /* of a column of numbers */
	u32 nr_dict, cap_dict;
	struct buf text;     /* one string, as it was before it was stored */
	struct buf prefixed; /* one as it is stored, which the next may begin like */
	u64 *numbers;
	u32 *index;
	u32 cap; /* of both, in rows */
};

struct page {
	s64 type, raw, stored, nr, encoding;
	u32 crc;
	bool has_crc, is_dict, is_data;
};

/* What is being read, and how far it is. */
struct cursor {
	const struct parquet_field *field;
	const struct sn_column *desc;
	struct column *c;
	u8 *valid; /* of this page's first row */
	u32 row, nr_rows;
	u32 nr_nulls;
	bool has_dict, has_plain, is_text, converts;
};

struct parquet_decoder *parquet_decoder_new(void)
{
	struct parquet_decoder *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->zstd = ZSTD_createDCtx();
	if (!d->zstd) {
		free(d);
		return NULL;
	}
	parquet_crc_init(&d->crc);
	return d;
}

void parquet_decoder_free(struct parquet_decoder *d)
{
	if (!d)
		return;
	(void)ZSTD_freeDCtx(d->zstd);
	free(d->chunk.p);
	free(d->page.p);
	free(d->dict);
	buf_done(&d->text);
	buf_done(&d->prefixed);
	free(d->numbers);
	free(d->index);
	free(d);
}

/* Room for n bytes and the padding that decoding needs behind them. */
static u8 *bytes_room(struct bytes *b, size_t n)
{
	u8 *p;

	if (n + DECODE_PADDING > b->cap) {
		p = malloc(n + DECODE_PADDING);
		if (!p)
			return NULL;
		free(b->p);
		b->p = p;
		b->cap = n + DECODE_PADDING;
	}
	memset(b->p + n, 0, DECODE_PADDING);
	return b->p;
}

static int make_room(struct parquet_decoder *d, u32 nr_rows)
{
	if (nr_rows < d->cap)
		return 0;
	free(d->numbers);
	free(d->index);
	/* One more than rows: what stands behind the last value that is not null. */
	d->numbers = calloc(nr_rows + 1, sizeof(*d->numbers));
	d->index = calloc(nr_rows + 1, sizeof(*d->index));
	d->cap = d->numbers && d->index ? nr_rows + 1 : 0;
	return d->cap ? 0 : -ENOMEM;
}

bool parquet_decoder_takes(const struct parquet_field *field, const struct sn_column *desc)
{
	bool is_text = parquet_column(desc).type == PARQUET_BYTE_ARRAY;

	switch (field->type.type) {
	case PARQUET_BYTE_ARRAY:
		return is_text;
	case PARQUET_BOOLEAN:
	case PARQUET_INT32:
	case PARQUET_INT64:
		return !is_text;
	default:
		return false;
	}
}

static void parse_page_part(struct thrift_reader *r, struct page *page)
{
	int id = 0;
	u8 t;

	while (thrift_next(r, &id, &t)) {
		if (id == PARQUET_PAGE_NR)
			page->nr = thrift_get_int(r, t);
		else if (id == PARQUET_PAGE_ENCODING)
			page->encoding = thrift_get_int(r, t);
		else
			thrift_skip(r, t);
	}
}

static int parse_page(struct thrift_reader *r, struct page *page)
{
	int id = 0;
	u8 t;

	*page = (struct page){ -1, -1, -1, -1, -1 };
	while (thrift_next(r, &id, &t)) {
		switch (id) {
		case PARQUET_PAGE_TYPE:
			page->type = thrift_get_int(r, t);
			break;
		case PARQUET_PAGE_RAW:
			page->raw = thrift_get_int(r, t);
			break;
		case PARQUET_PAGE_STORED:
			page->stored = thrift_get_int(r, t);
			break;
		case PARQUET_PAGE_CRC:
			page->crc = (u32)thrift_get_int(r, t);
			page->has_crc = true;
			break;
		case PARQUET_PAGE_DATA:
		case PARQUET_PAGE_DICT:
			if (t != THRIFT_STRUCT || page->is_data || page->is_dict)
				return -EBADMSG;
			page->is_data = id == PARQUET_PAGE_DATA;
			page->is_dict = !page->is_data;
			parse_page_part(r, page);
			break;
		default:
			thrift_skip(r, t);
		}
	}
	if (r->failed || page->raw < 0 || page->raw > PARQUET_MAX_PAGE || page->stored < 0 ||
	    page->stored > r->end - r->p)
		return -EBADMSG;
	if (page->type != (page->is_dict ? PARQUET_DICTIONARY_PAGE : PARQUET_DATA_PAGE) ||
	    (!page->is_data && !page->is_dict))
		return -EOPNOTSUPP;
	if (page->nr < 0 || page->nr > PARQUET_MAX_GROUP_ROWS || page->encoding < 0)
		return -EBADMSG;
	return 0;
}

static bool crc_is_right(const struct parquet_decoder *d, const struct page *page, const u8 *p)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	return true; /* or the fuzzer would never get past it */
#else
	return !page->has_crc || parquet_crc(&d->crc, p, (size_t)page->stored) == page->crc;
#endif
}

/* The page's bytes as they were before compression. */
static int unpack_page(struct parquet_decoder *d, const struct page *page, u8 codec, const u8 *p,
		       struct decode_input *ret)
{
	size_t size;
	u8 *to;

	if (!crc_is_right(d, page, p))
		return -EBADMSG;
	switch (codec) {
	case PARQUET_UNCOMPRESSED:
		if (page->raw != page->stored)
			return -EBADMSG;
		*ret = (struct decode_input){ p, p + page->raw };
		return 0;
	case PARQUET_ZSTD:
		to = bytes_room(&d->page, (size_t)page->raw);
		if (!to)
			return -ENOMEM;
		size = ZSTD_decompressDCtx(d->zstd, to, (size_t)page->raw, p, (size_t)page->stored);
		if (ZSTD_isError(size) || size != (size_t)page->raw)
			return -EBADMSG;
		*ret = (struct decode_input){ to, to + page->raw };
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* A PLAIN string at in->p. */
static int get_string(struct decode_input *in, const char **ret_s, u32 *ret_len)
{
	u32 len;

	if ((size_t)(in->end - in->p) < sizeof(len))
		return -EBADMSG;
	memcpy(&len, in->p, sizeof(len));
	in->p += sizeof(len);
	if (len > (size_t)(in->end - in->p))
		return -EBADMSG;
	*ret_s = (const char *)in->p;
	*ret_len = len;
	in->p += len;
	return 0;
}

/* The strings of a dictionary page become those of the column as they are. */
static int take_text_dict(struct strings *s, struct decode_input *in, u32 nr)
{
	const char *text;
	u32 len, *ends;
	int r;

	if ((u64)nr * sizeof(len) > (u64)(in->end - in->p))
		return -EBADMSG;
	/* No table: nobody adds to these. */
	free(s->table);
	s->table = NULL;
	s->table_size = 0;
	if (nr > s->cap) {
		ends = realloc(s->ends, nr * sizeof(*ends));
		if (!ends)
			return -ENOMEM;
		s->ends = ends;
		s->cap = nr;
	}
	if (!buf_room(&s->bytes, (size_t)(in->end - in->p) + 1))
		return -ENOMEM;
	for (; s->nr < nr; s->nr++) {
		r = get_string(in, &text, &len);
		if (r < 0)
			return r;
		text_load(&s->bytes, text, len);
		s->ends[s->nr] = (u32)s->bytes.len;
	}
	return 0;
}

/* Numbers as they lie in a PLAIN page, to 64 bits. */
static int get_plain(const struct parquet_field *field, struct decode_input *in, u64 *v, u32 n)
{
	u32 width = field->type.type == PARQUET_INT64 ? 8 : 4, one;

	if (field->type.type == PARQUET_BOOLEAN)
		return decode_bools(in, v, n);
	if ((u64)n * width > (u64)(in->end - in->p))
		return -EBADMSG;
	if (width == 8) {
		memcpy(v, in->p, (size_t)n * 8);
	} else {
		for (u32 i = 0; i < n; i++) {
			memcpy(&one, in->p + 4 * (size_t)i, sizeof(one));
			v[i] = field->type.is_signed ? (u64)(s64)(s32)one : one;
		}
	}
	in->p += (size_t)n * width;
	return 0;
}

static int take_dict(struct parquet_decoder *d, struct cursor *at, struct decode_input *in,
		     const struct page *page)
{
	u32 nr = (u32)page->nr;
	u64 *dict;

	if (at->has_dict || at->has_plain || at->row || at->field->type.type == PARQUET_BOOLEAN)
		return -EBADMSG;
	if (page->encoding != PARQUET_PLAIN && page->encoding != PARQUET_PLAIN_DICTIONARY)
		return -EOPNOTSUPP;
	at->has_dict = true;
	d->nr_dict = nr;
	if (at->is_text)
		return take_text_dict(&at->c->dict, in, nr);
	if (nr > d->cap_dict) {
		dict = malloc(nr * sizeof(*dict));
		if (!dict)
			return -ENOMEM;
		free(d->dict);
		d->dict = dict;
		d->cap_dict = nr;
	}
	return get_plain(at->field, in, d->dict, nr);
}

/* Indices into the dictionary, n of them. */
static int get_indices(struct parquet_decoder *d, const struct cursor *at, struct decode_input *in,
		       u32 *index, u32 n)
{
	unsigned int width;

	if (!at->has_dict || in->p == in->end)
		return -EBADMSG;
	width = *in->p++;
	return decode_indices(in, index, n, width, d->nr_dict);
}

/* Strings that stand in a data page: the first page of a column empties what was there. */
static int begin_strings(struct cursor *at)
{
	/* The strings of a dictionary page have no table to find equal ones by. */
	if (at->has_dict)
		return -EOPNOTSUPP;
	if (!at->has_plain)
		strings_clear(&at->c->dict);
	at->has_plain = true;
	return 0;
}

/* The index of a string of a data page. */
static int add_string(struct parquet_decoder *d, struct cursor *at, const char *text, size_t len)
{
	if (text_is_escaped(text, len)) {
		d->text.len = 0;
		text_load(&d->text, text, len);
		text = d->text.data;
		len = d->text.len;
	}
	if (d->text.failed)
		return -ENOMEM;
	/* As for a page: few bytes can tell of many. */
	if (at->c->dict.bytes.len + len > PARQUET_MAX_PAGE)
		return -EBADMSG;
	return strings_add(&at->c->dict, text, len);
}

static int get_plain_strings(struct parquet_decoder *d, struct cursor *at, struct decode_input *in,
			     u32 *index, u32 n)
{
	const char *text;
	u32 len;
	int r;

	r = begin_strings(at);
	for (u32 i = 0; i < n && r >= 0; i++) {
		r = get_string(in, &text, &len);
		if (r == 0)
			r = add_string(d, at, text, len);
		index[i] = (u32)r;
	}
	return MIN(r, 0);
}

/* The string that begins as the one before and goes on with what stands at in->p, to d->text. */
static int get_prefixed(struct parquet_decoder *d, struct decode_input *in, u32 prefix, u64 suffix)
{
	if (prefix > d->prefixed.len || suffix > (u64)(in->end - in->p))
		return -EBADMSG;
	d->prefixed.len = prefix;
	buf_put(&d->prefixed, in->p, suffix);
	in->p += suffix;
	return d->prefixed.failed ? -ENOMEM : 0;
}

/* Strings that are told by what they have in common with the one before. */
static int get_prefixed_strings(struct parquet_decoder *d, struct cursor *at,
				struct decode_input *in, u32 *index, u32 n)
{
	int r;

	r = begin_strings(at);
	if (r == 0)
		r = decode_delta(in, d->numbers, n);
	if (r < 0)
		return r;
	/* Until its string is known, a row's index is the length of its prefix. */
	for (u32 i = 0; i < n; i++)
		index[i] = (u32)MIN(d->numbers[i], UINT32_MAX);
	r = decode_delta(in, d->numbers, n);
	d->prefixed.len = 0;
	(void)buf_room(&d->prefixed, 1); /* the first may be empty */
	for (u32 i = 0; i < n && r >= 0; i++) {
		if (i && index[i] == d->prefixed.len && !d->numbers[i]) {
			index[i] = index[i - 1];
			continue;
		}
		r = get_prefixed(d, in, index[i], d->numbers[i]);
		if (r == 0)
			r = add_string(d, at, d->prefixed.data, d->prefixed.len);
		index[i] = (u32)r;
	}
	return MIN(r, 0);
}

/* from[pick(i)] to rows, where nulls leave a gap. */
#define SPREAD(type, pick)                                                 \
	do {                                                               \
		type *to = (type *)c->data + at->row;                      \
		if (!nulls)                                                \
			for (u32 i = 0; i < n; i++)                        \
				to[i] = (type)(pick(i));                   \
		else                                                       \
			for (u32 i = 0, k = 0; i < n; k += at->valid[i++]) \
				to[i] = (type)(pick(k));                   \
	} while (0)

#define SPREAD_BY_WIDTH(pick)              \
	do {                               \
		switch (c->width) {        \
		case 1:                    \
			SPREAD(u8, pick);  \
			break;             \
		case 2:                    \
			SPREAD(u16, pick); \
			break;             \
		case 4:                    \
			SPREAD(u32, pick); \
			break;             \
		default:                   \
			SPREAD(u64, pick); \
		}                          \
	} while (0)

/* Rows of the page get the numbers, or the indices, in d. */
static void spread_numbers(const struct parquet_decoder *d, const struct cursor *at, u32 n,
			   bool nulls)
{
	const u64 *numbers = d->numbers;
	struct column *c = at->c;

#define PICK(i) numbers[i]
	SPREAD_BY_WIDTH(PICK);
#undef PICK
}

static void spread_by_dict(const struct parquet_decoder *d, const struct cursor *at, u32 n,
			   bool nulls)
{
	const u64 *dict = d->dict;
	const u32 *index = d->index;
	struct column *c = at->c;

#define PICK(i) dict[index[i]]
	SPREAD_BY_WIDTH(PICK);
#undef PICK
}

static void spread_indices(const struct parquet_decoder *d, const struct cursor *at, u32 n)
{
	const u32 *index = d->index;
	struct column *c = at->c;
	bool nulls = true;

#define PICK(i) index[i]
	SPREAD(u32, PICK);
#undef PICK
}

static void fill_with(const struct cursor *at, u64 v, u32 n)
{
	struct column *c = at->c;
	bool nulls = false;

#define PICK(i) v
	SPREAD_BY_WIDTH(PICK);
#undef PICK
}

/* Does the column have this value, as the file's type understands it? */
static bool fits(const struct cursor *at, u64 v)
{
	unsigned int bits = at->c->width * 8;
	bool is_negative = at->field->type.is_signed && (s64)v < 0;

	if (at->c->rep == SN_SIGNED && is_negative)
		return bits == 64 || (s64)v >= -(1ll << (bits - 1));
	if (is_negative)
		return false;
	bits -= at->c->rep == SN_SIGNED;
	return bits == 64 || v >> bits == 0;
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

/* Values of another type than the column's: those it does not have become null. */
static void convert(const struct parquet_decoder *d, struct cursor *at, u32 n, bool by_dict)
{
	enum parquet_type type = at->field->type.type;
	u64 v;

	for (u32 i = 0, k = 0; i < n; i++) {
		if (!at->valid[i])
			continue;
		v = by_dict ? d->dict[d->index[k]] : d->numbers[k];
		k++;
		/* In 32 bits deltas wrap at 32 bits. */
		if (type == PARQUET_INT32)
			v = at->field->type.is_signed ? (u64)(s64)(s32)(u32)v : (u32)v;
		at->valid[i] = fits(at, v);
		at->nr_nulls += !at->valid[i];
		store(at->c, at->row + i, v);
	}
}

static int take_text_page(struct parquet_decoder *d, struct cursor *at, struct decode_input *in,
			  const struct page *page, u32 n, u32 nr_values)
{
	/* Without nulls, indices are what the column holds. */
	u32 *index = n == nr_values ? (u32 *)at->c->data + at->row : d->index;
	int r;

	if (page->encoding == PARQUET_PLAIN)
		r = get_plain_strings(d, at, in, index, nr_values);
	else if (page->encoding == PARQUET_DELTA_STRINGS)
		r = get_prefixed_strings(d, at, in, index, nr_values);
	else if (page->encoding == PARQUET_RLE_DICTIONARY ||
		 page->encoding == PARQUET_PLAIN_DICTIONARY)
		r = get_indices(d, at, in, index, nr_values);
	else
		r = -EOPNOTSUPP;
	if (r == 0 && index == d->index) {
		index[nr_values] = 0;
		spread_indices(d, at, n);
	}
	return r;
}

static int take_number_page(struct parquet_decoder *d, struct cursor *at, struct decode_input *in,
			    const struct page *page, u32 n, u32 nr_values)
{
	bool by_dict = false, nulls = n != nr_values;
	int r;

	switch (page->encoding) {
	case PARQUET_PLAIN:
		r = get_plain(at->field, in, d->numbers, nr_values);
		break;
	case PARQUET_DELTA:
		r = at->field->type.type == PARQUET_BOOLEAN
			    ? -EBADMSG
			    : decode_delta(in, d->numbers, nr_values);
		break;
	case PARQUET_RLE_DICTIONARY:
	case PARQUET_PLAIN_DICTIONARY:
		r = get_indices(d, at, in, d->index, nr_values);
		by_dict = true;
		break;
	default:
		r = -EOPNOTSUPP;
	}
	if (r < 0)
		return r;
	d->numbers[nr_values] = 0;
	d->index[nr_values] = 0;
	if (at->converts) {
		convert(d, at, n, by_dict);
	} else if (by_dict && d->nr_dict == 1 && !nulls) {
		fill_with(at, d->dict[0], n);
	} else if (by_dict && nr_values) {
		spread_by_dict(d, at, n, nulls);
	} else {
		spread_numbers(d, at, n, nulls);
	}
	return 0;
}

static int take_data(struct parquet_decoder *d, struct cursor *at, struct decode_input *in,
		     const struct page *page)
{
	u32 n = (u32)page->nr, nr_values = n;
	int r;

	if (n > at->nr_rows - at->row)
		return -EBADMSG;
	if (at->field->optional) {
		r = decode_levels(in, at->valid, n, &nr_values);
		if (r < 0)
			return r;
	} else {
		memset(at->valid, 1, n);
	}
	at->nr_nulls += n - nr_values;
	r = at->is_text ? take_text_page(d, at, in, page, n, nr_values)
			: take_number_page(d, at, in, page, n, nr_values);
	if (r < 0)
		return r;
	at->row += n;
	at->valid += n;
	return 0;
}

static bool types_differ(const struct parquet_field *field, const struct sn_column *desc)
{
	struct parquet_column want = parquet_column(desc);

	if (want.type == PARQUET_BYTE_ARRAY || want.type != field->type.type)
		return want.type != field->type.type;
	if (want.logical != PARQUET_LOGICAL_INTEGER)
		return false;
	return want.bits != field->type.bits || want.is_signed != field->type.is_signed;
}

int parquet_decoder_column(struct parquet_decoder *d, const struct parquet_file *f, u32 group,
			   u32 field, const struct sn_column *desc, struct column *c, u8 *valid)
{
	const struct parquet_chunk *chunk = &f->groups[group].chunks[field];
	struct cursor at = { .field = &f->fields[field], .desc = desc, .c = c, .valid = valid };
	struct decode_input in;
	struct thrift_reader reader;
	struct page page;
	u8 *bytes = bytes_room(&d->chunk, chunk->stored);
	int r;

	at.nr_rows = f->groups[group].nr_rows;
	at.is_text = at.field->type.type == PARQUET_BYTE_ARRAY;
	at.converts = types_differ(at.field, desc);
	c->dict.nr = 0;
	c->dict.bytes.len = 0;
	if (!bytes || make_room(d, at.nr_rows) < 0)
		return -ENOMEM;
	r = parquet_file_read(f, bytes, chunk->stored, chunk->at);
	if (r < 0)
		return r;
	for (reader = (struct thrift_reader){ bytes, bytes + chunk->stored };
	     at.row < at.nr_rows;) {
		r = parse_page(&reader, &page);
		if (r == 0)
			r = unpack_page(d, &page, chunk->codec, reader.p, &in);
		if (r == 0)
			r = page.is_dict ? take_dict(d, &at, &in, &page)
					 : take_data(d, &at, &in, &page);
		if (r < 0)
			return r;
		reader.p += page.stored;
	}
	c->valid = at.nr_nulls ? valid : NULL;
	return 0;
}
