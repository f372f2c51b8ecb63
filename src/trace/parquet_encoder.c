// SPDX-License-Identifier: BSD-2-Clause
#include "trace/parquet_encoder.h"

#include <errno.h>
#include <zstd.h>

#include "trace/encode.h"
#include "trace/text.h"
#include "trace/thrift.h"

/* Groups for which a column stays at what it fell back to. */
#define PAUSE 15
/* In groups smaller than this trying again costs next to nothing. */
#define MIN_PAUSE_ROWS 8192u
/* Below this many bytes compressing costs more than it saves. */
#define MIN_COMPRESS 96u

struct parquet_encoder {
	ZSTD_CCtx *zstd;
	struct parquet_crc crc;
	struct encode_dict dict;
	struct strings texts; /* printed values of a dictionary */
	struct buf text;
	u32 *text_of; /* dictionary entry to its text */
	u32 cap_text_of;
	u64 *numbers_room;
	u32 *index;
	u32 cap;                    /* of both, in rows */
	struct buf dict_page, page; /* as they are before compression */
	struct buf packed;
	/* Of the column at hand: */
	const u64 *numbers; /* its values, dense; of a constant column, the first alone */
	u32 nr_values;      /* that are not null */
	u32 nr_dict;        /* entries of dict_page; 0 is none */
};

struct parquet_encoder *parquet_encoder_new(int zstd_level)
{
	struct parquet_encoder *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->zstd = ZSTD_createCCtx();
	if (!e->zstd ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_compressionLevel, zstd_level))) {
		parquet_encoder_free(e);
		return NULL;
	}
	parquet_crc_init(&e->crc);
	return e;
}

void parquet_encoder_free(struct parquet_encoder *e)
{
	if (!e)
		return;
	(void)ZSTD_freeCCtx(e->zstd);
	encode_dict_done(&e->dict);
	strings_done(&e->texts);
	buf_done(&e->text);
	free(e->text_of);
	free(e->numbers_room);
	free(e->index);
	buf_done(&e->dict_page);
	buf_done(&e->page);
	buf_done(&e->packed);
	free(e);
}

static int make_room(struct parquet_encoder *e, u32 nr_rows)
{
	if (nr_rows <= e->cap)
		return 0;
	free(e->numbers_room);
	free(e->index);
	e->numbers_room = malloc(nr_rows * sizeof(*e->numbers_room));
	e->index = malloc(nr_rows * sizeof(*e->index));
	e->cap = e->numbers_room && e->index ? nr_rows : 0;
	return e->cap ? 0 : -ENOMEM;
}

/* Values to numbers of 64 bits, leaving out those that are null. Returns how many there are. */
#define WIDEN(type)                                              \
	do {                                                     \
		const type *from = c->data;                      \
		if (!valid)                                      \
			for (u32 i = 0; i < n; i++)              \
				to[i] = (u64)(s64)from[i];       \
		else                                             \
			for (u32 i = 0; i < n; nr += valid[i++]) \
				to[nr] = (u64)(s64)from[i];      \
	} while (0)

static u32 widen(const struct column *c, const u8 *valid, u32 n, u64 *to)
{
	bool is_signed = c->rep == SN_SIGNED;
	u32 nr = 0;

	switch (c->width) {
	case 1:
		if (is_signed)
			WIDEN(s8);
		else
			WIDEN(u8);
		break;
	case 2:
		if (is_signed)
			WIDEN(s16);
		else
			WIDEN(u16);
		break;
	case 4:
		if (is_signed)
			WIDEN(s32);
		else
			WIDEN(u32);
		break;
	default:
		WIDEN(u64);
	}
	return valid ? nr : n;
}

static bool all_equal(const void *p, u32 n, u32 width)
{
	return !memcmp(p, (const u8 *)p + width, (size_t)(n - 1) * width);
}

static void set_range(struct encoder_chunk *chunk, bool is_signed, const u64 *v, u32 n)
{
	/* Flipping the top bit makes the order of signed numbers that of unsigned ones. */
	u64 flip = is_signed ? 1ull << 63 : 0;
	u64 min = v[0] ^ flip, max = min;

	for (u32 i = 1; i < n; i++) {
		u64 one = v[i] ^ flip;

		min = MIN(min, one);
		max = MAX(max, one);
	}
	chunk->min = min ^ flip;
	chunk->max = max ^ flip;
	chunk->has_range = true;
}

static void put_string(struct buf *b, const char *s, size_t len)
{
	size_t from = b->len;
	u32 n = (u32)len;

	buf_put(b, &n, sizeof(n));
	if (text_is_storable(s, len)) {
		buf_put(b, s, len);
		return;
	}
	text_store(b, s, len);
	if (b->failed)
		return;
	n = (u32)(b->len - from - sizeof(n));
	memcpy(b->data + from, &n, sizeof(n));
}

static void put_indices(struct parquet_encoder *e, const u32 *index, struct encoder_chunk *chunk)
{
	unsigned int width = encode_width(e->nr_dict);

	/* Whole bytes: more of them before compression, and clearly fewer after. */
	if (width > 2 && width <= 16)
		width = width <= 8 ? 8 : 16;
	chunk->encoding = PARQUET_RLE_DICTIONARY;
	buf_putc(&e->page, (char)width);
	encode_indices(&e->page, index, e->nr_values, width);
}

/* Prints each distinct number once; numbers that read the same become one text. */
static int print_dict(struct parquet_encoder *e, enum sn_kind kind)
{
	u32 *text_of, nr;
	int i;

	if (e->dict.nr > e->cap_text_of) {
		text_of = realloc(e->text_of, e->dict.cap * sizeof(*text_of));
		if (!text_of)
			return -ENOMEM;
		e->text_of = text_of;
		e->cap_text_of = e->dict.cap;
	}
	strings_clear(&e->texts);
	for (u32 k = 0; k < e->dict.nr; k++) {
		e->text.len = 0;
		(void)buf_room(&e->text, 1);
		sn_kinds[kind].print(&e->text, e->dict.values[k]);
		if (e->text.failed) {
			buf_done(&e->text);
			return -ENOMEM;
		}
		nr = e->texts.nr;
		i = strings_add(&e->texts, e->text.data, e->text.len);
		if (i < 0)
			return i;
		if (e->texts.nr > nr)
			put_string(&e->dict_page, e->text.data, e->text.len);
		e->text_of[k] = (u32)i;
	}
	return 0;
}

/* A column of numbers that is written as text: every value through the dictionary. */
static int put_texts(struct parquet_encoder *e, const struct encoder_column *column, bool constant,
		     struct encoder_chunk *chunk)
{
	u32 n = constant ? 1 : e->nr_values;
	int r;

	r = encode_dict_build(&e->dict, e->numbers, n, UINT32_MAX, e->index, NULL);
	if (r > 0)
		r = print_dict(e, column->desc->kind);
	if (r < 0)
		return r;
	e->nr_dict = e->texts.nr;
	if (constant)
		memset(e->index, 0, e->nr_values * sizeof(*e->index));
	else if (e->texts.nr < e->dict.nr)
		for (u32 i = 0; i < n; i++)
			e->index[i] = e->text_of[e->index[i]];
	put_indices(e, e->index, chunk);
	return 0;
}

static int put_numbers(struct parquet_encoder *e, struct encoder_column *column, bool constant,
		       struct encoder_chunk *chunk)
{
	unsigned int width = column->type.type == PARQUET_INT64 ? 8 : 4;
	u32 n = e->nr_values, used = 0;
	int r = 0;

	if (constant) {
		r = encode_dict_build(&e->dict, e->numbers, 1, 1, e->index, NULL);
		memset(e->index, 0, n * sizeof(*e->index));
	} else if (column->skip_dict) {
		column->skip_dict--;
	} else if (column->desc->kind != SN_K_time) {
		r = encode_dict_build(&e->dict, e->numbers, n, MAX(n / 4, 16u), e->index, &used);
		if (!r && used > n / 2 && n >= MIN_PAUSE_ROWS)
			column->skip_dict = PAUSE;
	}
	if (r < 0)
		return r;
	if (r) {
		e->nr_dict = e->dict.nr;
		encode_plain(&e->dict_page, e->dict.values, e->dict.nr, width);
		set_range(chunk, column->type.is_signed, e->dict.values, e->dict.nr);
		put_indices(e, e->index, chunk);
		return 0;
	}
	set_range(chunk, column->type.is_signed, e->numbers, n);
	chunk->encoding = PARQUET_DELTA;
	encode_delta(&e->page, e->numbers, n, width);
	return 0;
}

/* Columns of numbers: those of them that are not null, dense and wide, then by type. */
static int put_number_column(struct parquet_encoder *e, struct encoder_column *column,
			     const struct column *c, const u8 *valid, u32 nr_rows,
			     struct encoder_chunk *chunk)
{
	bool constant = false;

	e->numbers = e->numbers_room;
	if (!valid && all_equal(c->data, nr_rows, c->width)) {
		(void)widen(c, NULL, 1, e->numbers_room);
		constant = true;
	} else if (!valid && c->width == sizeof(u64)) {
		e->numbers = c->data;
	} else {
		(void)widen(c, valid, nr_rows, e->numbers_room);
		constant = all_equal(e->numbers, e->nr_values, sizeof(*e->numbers));
	}
	switch (column->type.type) {
	case PARQUET_BOOLEAN:
		chunk->encoding = PARQUET_PLAIN;
		if (constant)
			encode_bool_run(&e->page, e->numbers[0], e->nr_values);
		else
			encode_bools(&e->page, e->numbers, e->nr_values);
		return 0;
	case PARQUET_BYTE_ARRAY:
		return put_texts(e, column, constant, chunk);
	default:
		return put_numbers(e, column, constant, chunk);
	}
}

/* Is it shorter to write each value where it stands? */
static bool plain_is_shorter(const struct strings *dict, const u32 *index, u32 n)
{
	size_t with_dict, plain = 0, len;

	if (dict->nr < n / 2)
		return false;
	with_dict = dict->bytes.len + 4 * (size_t)dict->nr + (size_t)n * encode_width(dict->nr) / 8;
	for (u32 i = 0; i < n && plain <= with_dict; i++) {
		(void)strings_get(dict, index[i], &len);
		plain += 4 + len;
	}
	return plain <= with_dict;
}

static void put_string_column(struct parquet_encoder *e, const struct column *c, const u8 *valid,
			      u32 nr_rows, struct encoder_chunk *chunk)
{
	const u32 *index = c->data;
	const char *s;
	size_t len;
	u32 nr = 0;

	if (valid) {
		for (u32 i = 0; i < nr_rows; nr += valid[i++])
			e->index[nr] = index[i];
		index = e->index;
	}
	if (plain_is_shorter(&c->dict, index, e->nr_values)) {
		chunk->encoding = PARQUET_PLAIN;
		for (u32 i = 0; i < e->nr_values; i++) {
			s = strings_get(&c->dict, index[i], &len);
			put_string(&e->page, s, len);
		}
		return;
	}
	e->nr_dict = c->dict.nr;
	for (u32 i = 0; i < c->dict.nr; i++) {
		s = strings_get(&c->dict, i, &len);
		put_string(&e->dict_page, s, len);
	}
	put_indices(e, index, chunk);
}

static u32 count_valid(const u8 *valid, u32 n)
{
	u32 nr = 0;

	if (!memchr(valid, 0, n))
		return n;
	if (!memchr(valid, 1, n))
		return 0;
	for (u32 i = 0; i < n; i++)
		nr += valid[i];
	return nr;
}

/* Appends a page: its header, then the bytes as they are stored. Returns the header's length. */
static size_t put_page(struct parquet_encoder *e, bool is_dict, u32 nr, u8 encoding, size_t raw,
		       const char *stored, size_t nr_stored, struct buf *out)
{
	struct thrift_writer w = { .b = out };
	size_t from = out->len;

	enum { DATA_DEFINITION_LEVELS = 3, DATA_REPETITION_LEVELS = 4 };

	thrift_int(&w, PARQUET_PAGE_TYPE, THRIFT_I32,
		   is_dict ? PARQUET_DICTIONARY_PAGE : PARQUET_DATA_PAGE);
	thrift_int(&w, PARQUET_PAGE_RAW, THRIFT_I32, (s64)raw);
	thrift_int(&w, PARQUET_PAGE_STORED, THRIFT_I32, (s64)nr_stored);
	thrift_int(&w, PARQUET_PAGE_CRC, THRIFT_I32, (s32)parquet_crc(&e->crc, stored, nr_stored));
	thrift_struct(&w, is_dict ? PARQUET_PAGE_DICT : PARQUET_PAGE_DATA);
	thrift_int(&w, PARQUET_PAGE_NR, THRIFT_I32, nr);
	thrift_int(&w, PARQUET_PAGE_ENCODING, THRIFT_I32, encoding);
	if (!is_dict) {
		thrift_int(&w, DATA_DEFINITION_LEVELS, THRIFT_I32, PARQUET_RLE);
		thrift_int(&w, DATA_REPETITION_LEVELS, THRIFT_I32, PARQUET_RLE);
	}
	thrift_end(&w);
	buf_putc(out, THRIFT_STOP);
	from = out->len - from;
	buf_put(out, stored, nr_stored);
	return from;
}

/* Compresses from to where packed ends. -ENOMEM. */
static int compress(struct parquet_encoder *e, const struct buf *from, size_t *ret_size)
{
	size_t bound = ZSTD_compressBound(from->len), size;
	char *to = buf_room(&e->packed, bound);

	if (!to) {
		buf_done(&e->packed);
		return -ENOMEM;
	}
	size = ZSTD_compress2(e->zstd, to, bound, from->data, from->len);
	if (ZSTD_isError(size))
		return -ENOMEM; /* the only way it can fail with room for everything */
	e->packed.len += size;
	*ret_size = size;
	return 0;
}

/* Both pages, compressed if that is worth it. */
static int put_pages(struct parquet_encoder *e, struct encoder_column *column, u32 nr_rows,
		     struct buf *out, struct encoder_chunk *chunk)
{
	size_t raw = e->dict_page.len + e->page.len, from = out->len, header;
	const char *dict = e->dict_page.data, *page = e->page.data;
	size_t dict_size = e->dict_page.len, page_size = e->page.len;
	int r;

	chunk->codec = PARQUET_UNCOMPRESSED;
	if (raw >= MIN_COMPRESS && column->skip_zstd) {
		column->skip_zstd--;
	} else if (raw >= MIN_COMPRESS) {
		e->packed.len = 0;
		dict_size = 0;
		r = e->nr_dict ? compress(e, &e->dict_page, &dict_size) : 0;
		if (r == 0)
			r = compress(e, &e->page, &page_size);
		if (r < 0)
			return r;
		if (e->packed.len < raw - raw / 8) {
			chunk->codec = PARQUET_ZSTD;
			dict = e->packed.data;
			page = e->packed.data + dict_size;
		} else {
			column->skip_zstd = nr_rows >= MIN_PAUSE_ROWS ? PAUSE : 0;
			dict_size = e->dict_page.len;
			page_size = e->page.len;
		}
	}
	if (e->nr_dict) {
		header = put_page(e, true, e->nr_dict, PARQUET_PLAIN, e->dict_page.len, dict,
				  dict_size, out);
		chunk->dict_stored = (u32)(out->len - from);
		raw += header;
	}
	raw += put_page(e, false, nr_rows, chunk->encoding, e->page.len, page, page_size, out);
	chunk->raw = (u32)raw;
	chunk->stored = (u32)(out->len - from);
	return 0;
}

int parquet_encoder_column(struct parquet_encoder *e, struct encoder_column *column,
			   const struct column *values, u32 nr_rows, struct buf *out,
			   struct encoder_chunk *chunk)
{
	const u8 *valid = values->valid;
	int r;

	r = make_room(e, nr_rows);
	if (r < 0)
		return r;
	e->dict_page.len = 0;
	e->page.len = 0;
	e->nr_dict = 0;
	e->nr_values = valid ? count_valid(valid, nr_rows) : nr_rows;
	*chunk = (struct encoder_chunk){ .at = chunk->at,
					 .nr_nulls = nr_rows - e->nr_values,
					 .encoding = PARQUET_PLAIN };
	if (column->desc->nullable) {
		if (e->nr_values && chunk->nr_nulls)
			encode_levels(&e->page, valid, nr_rows);
		else
			encode_level_run(&e->page, e->nr_values > 0, nr_rows);
	}
	if (!chunk->nr_nulls)
		valid = NULL;
	if (!e->nr_values)
		r = 0;
	else if (values->rep == SN_STRING)
		put_string_column(e, values, valid, nr_rows, chunk);
	else
		r = put_number_column(e, column, values, valid, nr_rows, chunk);
	if (r < 0)
		return r;
	if (e->page.failed || e->dict_page.failed) {
		buf_done(&e->page);
		buf_done(&e->dict_page);
		return -ENOMEM;
	}
	return put_pages(e, column, nr_rows, out, chunk);
}
