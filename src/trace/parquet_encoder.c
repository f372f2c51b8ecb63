// SPDX-License-Identifier: BSD-2-Clause
#include "trace/parquet_encoder.h"

#include <errno.h>
#include <zstd.h>

#include "trace/encode.h"
#include "trace/text.h"
#include "trace/thrift.h"

/* Below this many bytes compressing costs more than it saves. */
#define MIN_COMPRESS 96u
/*
 * Once all ways were tried the best is believed for so long for each value that they were
 * tried on, up to eight times as long if it was found again and again. Trying takes about
 * 0.5 us a value and column, so that it is done for every group that time flushed, and
 * takes little of the time where they are full.
 */
#define BELIEVED_NS 50000ull
#define MAX_BELIEVED_NS (8 * BELIEVED_NS)
/* A dictionary that is surely best: its indices take a byte each, and it is used often. */
#define MAX_SMALL_DICT 256u
#define MIN_USES 16u

/* The forms of a column, in the order in which they are tried. */
enum form {
	FORM_DICT,
	FORM_DELTA,
	FORM_WHOLE_DELTA, /* in whole bytes, for the compressor */
	FORM_PLAIN,       /* from here on, see PRESS_HARD */
	FORM_PREFIX,      /* strings: what is new since the one before */
};

/* HARD finds short matches; where the form does not hide them it may be worth its time. */
enum press {
	PRESS_NONE,
	PRESS_FAST,
	PRESS_HARD, /* of FORM_PLAIN and FORM_PREFIX */
};
#define HARD_LEVEL 3
#define HARD_MIN_MATCH 4

struct parquet_encoder {
	ZSTD_CCtx *zstd;
	int level;
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
	const struct column *values;
	const u8 *valid; /* NULL: none is null */
	u32 nr_rows;
	u32 nr_values;      /* that are not null: */
	const u64 *numbers; /* dense; of a constant column, the first alone; of strings, NULL */
	const u32 *places;  /* of each in the dictionary, that of strings or dict; NULL: too many */
	bool is_constant;
	u32 nr_dict; /* entries of the dictionary page; 0 is none */
};

struct parquet_encoder *parquet_encoder_new(int zstd_level)
{
	struct parquet_encoder *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->level = zstd_level;
	e->zstd = ZSTD_createCCtx();
	if (!e->zstd) {
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

/* Says in the footer what the numbers range over. */
static void set_range(const struct parquet_encoder *e, const struct encoder_column *column,
		      struct encoder_chunk *chunk)
{
	const u64 *v = e->nr_dict ? e->dict.values : e->numbers;
	u32 n = e->nr_dict ? e->dict.nr : e->nr_values;
	/* Flipping the top bit makes the order of signed numbers that of unsigned ones. */
	u64 flip = column->type.is_signed ? 1ull << 63 : 0;
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

static void put_indices(struct parquet_encoder *e)
{
	unsigned int width = encode_width(e->nr_dict);

	/* Whole bytes: more of them before compression, and clearly fewer after. */
	if (width > 2 && width <= 16)
		width = width <= 8 ? 8 : 16;
	buf_putc(&e->page, (char)width);
	if (e->nr_dict == 1)
		encode_index_run(&e->page, 0, e->nr_values, width);
	else
		encode_indices(&e->page, e->places, e->nr_values, width);
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

/*
 * The distinct numbers and each one's place among them (of one, nobody asks for its places).
 * 1, 0 if there are too many, -ENOMEM.
 */
static int build_dict(struct parquet_encoder *e, u32 limit)
{
	u32 n = e->is_constant ? 1 : e->nr_values;
	int r;

	r = encode_dict_build(&e->dict, e->numbers, n, limit, e->index);
	e->places = r > 0 ? e->index : NULL;
	return r;
}

/* Numbers that are written as text: those that read the same share an entry. */
static int put_text_dict(struct parquet_encoder *e, const struct encoder_column *column)
{
	int r;

	r = print_dict(e, column->desc->kind);
	if (r < 0)
		return r;
	e->nr_dict = e->texts.nr;
	if (e->texts.nr < e->dict.nr)
		for (u32 i = 0; i < e->nr_values; i++)
			e->index[i] = e->text_of[e->index[i]];
	put_indices(e);
	return 0;
}

static int put_dict(struct parquet_encoder *e, const struct encoder_column *column,
		    unsigned int width)
{
	const struct strings *texts = &e->values->dict;
	const char *s;
	size_t len;

	if (e->numbers && column->type.type == PARQUET_BYTE_ARRAY)
		return put_text_dict(e, column);
	if (e->numbers) {
		e->nr_dict = e->dict.nr;
		encode_plain(&e->dict_page, e->dict.values, e->nr_dict, width);
	} else {
		e->nr_dict = texts->nr;
		for (u32 i = 0; i < e->nr_dict; i++) {
			s = strings_get(texts, i, &len);
			put_string(&e->dict_page, s, len);
		}
	}
	put_indices(e);
	return 0;
}

static void put_plain(struct parquet_encoder *e, const struct encoder_column *column,
		      unsigned int width)
{
	if (column->type.type != PARQUET_BOOLEAN)
		encode_plain(&e->page, e->numbers, e->nr_values, width);
	else if (e->is_constant)
		encode_bool_run(&e->page, e->numbers[0], e->nr_values);
	else
		encode_bools(&e->page, e->numbers, e->nr_values);
}

static size_t same_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t n = MIN(a_len, b_len), i = 0;

	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/* Of each string how much it has in common with the one before, how much follows, and that. */
static void put_prefixes(struct parquet_encoder *e)
{
	const struct strings *texts = &e->values->dict;
	u64 *lengths = e->numbers_room;
	const char *s, *prev = NULL;
	size_t len, prev_len = 0;
	u32 n = e->nr_values;

	for (u32 i = 0; i < n; i++) {
		s = strings_get(texts, e->places[i], &len);
		lengths[i] = i && e->places[i] == e->places[i - 1]
				     ? len
				     : same_bytes(prev, prev_len, s, len);
		prev = s;
		prev_len = len;
	}
	encode_delta(&e->page, lengths, n, sizeof(u32), true);
	for (u32 i = 0; i < n; i++) {
		(void)strings_get(texts, e->places[i], &len);
		lengths[i] = len - lengths[i];
	}
	encode_delta(&e->page, lengths, n, sizeof(u32), true);
	for (u32 i = 0; i < n; i++) {
		s = strings_get(texts, e->places[i], &len);
		buf_put(&e->page, s + len - lengths[i], lengths[i]);
	}
}

static void put_levels(struct parquet_encoder *e)
{
	if (e->valid && e->nr_values)
		encode_levels(&e->page, e->valid, e->nr_rows);
	else
		encode_level_run(&e->page, e->nr_values > 0, e->nr_rows);
}

/* The column's pages in this form, before compression. */
static int encode(struct parquet_encoder *e, const struct encoder_column *column, enum form form)
{
	unsigned int width = column->type.type == PARQUET_INT64 ? 8 : 4;
	int r = 0;

	e->dict_page.len = 0;
	e->page.len = 0;
	e->nr_dict = 0;
	if (column->desc->nullable)
		put_levels(e);
	switch (form) {
	case FORM_DICT:
		r = put_dict(e, column, width);
		break;
	case FORM_DELTA:
	case FORM_WHOLE_DELTA:
		encode_delta(&e->page, e->numbers, e->nr_values, width, form == FORM_WHOLE_DELTA);
		break;
	case FORM_PLAIN:
		if (e->nr_values)
			put_plain(e, column, width);
		break;
	case FORM_PREFIX:
		put_prefixes(e);
		break;
	}
	if (r == 0 && (e->page.failed || e->dict_page.failed)) {
		buf_done(&e->page);
		buf_done(&e->dict_page);
		r = -ENOMEM;
	}
	return r;
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

/*
 * Compresses the pages, one behind the other. *ret_dict is the first one's size.
 * Nothing is in packed where that is not worth it.
 */
static int press_pages(struct parquet_encoder *e, enum press press, size_t *ret_dict)
{
	bool is_hard = press == PRESS_HARD;
	size_t size, raw = e->dict_page.len + e->page.len;
	int r = 0;

	e->packed.len = 0;
	*ret_dict = 0;
	if (press == PRESS_NONE || raw < MIN_COMPRESS)
		return 0;
	(void)ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_compressionLevel,
				     is_hard ? MAX(e->level, HARD_LEVEL) : e->level);
	(void)ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_minMatch, is_hard ? HARD_MIN_MATCH : 0);
	if (e->nr_dict)
		r = compress(e, &e->dict_page, ret_dict);
	if (r == 0)
		r = compress(e, &e->page, &size);
	if (r == 0 && e->packed.len >= raw)
		e->packed.len = 0;
	return r;
}

/* Both pages, compressed if that makes them smaller. */
static int put_pages(struct parquet_encoder *e, enum press press, struct buf *out,
		     struct encoder_chunk *chunk)
{
	size_t raw = e->dict_page.len + e->page.len, from = out->len, header;
	const char *dict = e->dict_page.data, *page = e->page.data;
	size_t dict_size = e->dict_page.len, page_size = e->page.len, size;
	int r;

	r = press_pages(e, press, &size);
	if (r < 0)
		return r;
	chunk->codec = e->packed.len ? PARQUET_ZSTD : PARQUET_UNCOMPRESSED;
	if (e->packed.len) {
		dict = e->packed.data;
		dict_size = size;
		page = e->packed.data + size;
		page_size = e->packed.len - size;
	}
	if (e->nr_dict) {
		header = put_page(e, true, e->nr_dict, PARQUET_PLAIN, e->dict_page.len, dict,
				  dict_size, out);
		chunk->dict_stored = (u32)(out->len - from);
		raw += header;
	}
	raw += put_page(e, false, e->nr_rows, chunk->encoding, e->page.len, page, page_size, out);
	chunk->raw = (u32)raw;
	chunk->stored = (u32)(out->len - from);
	return 0;
}

/* Tries these forms, and to compress each: what takes more time has to save something. */
static int choose(struct parquet_encoder *e, struct encoder_column *column, const enum form *forms,
		  u32 nr_forms, u64 ts)
{
	struct encoder_way way = {};
	size_t best = SIZE_MAX, size, dict_size;
	enum press hardest;
	u64 believed;
	bool is_same;
	int r = 0;

	for (u32 i = 0; i < nr_forms && r == 0; i++) {
		if (forms[i] == FORM_DICT && !e->places)
			continue;
		hardest = forms[i] >= FORM_PLAIN ? PRESS_HARD : PRESS_FAST;
		r = encode(e, column, forms[i]);
		for (enum press press = PRESS_NONE; press <= hardest && r == 0; press++) {
			r = press_pages(e, press, &dict_size);
			size = e->packed.len ?: e->dict_page.len + e->page.len;
			if (r == 0 && size < best - best / 32) {
				best = size;
				way = (struct encoder_way){ forms[i], press };
			}
		}
	}
	if (r < 0)
		return r;
	is_same = way.form == column->way.form && way.press == column->way.press;
	believed = is_same ? 2 * column->believed_ns : 0;
	believed = MIN(believed, e->nr_values * MAX_BELIEVED_NS);
	column->believed_ns = MAX(believed, e->nr_values * BELIEVED_NS);
	column->tried_ns = ts;
	column->way = way;
	return 0;
}

/* Strings that a file holds otherwise than memory go through the dictionary, once each. */
static bool all_storable(const struct strings *texts)
{
	const char *s;
	size_t len;

	for (u32 i = 0; i < texts->nr; i++) {
		s = strings_get(texts, i, &len);
		if (!text_is_storable(s, len))
			return false;
	}
	return true;
}

/* The values that are not null: numbers dense and wide, strings by their places. */
static void take_values(struct parquet_encoder *e, const struct column *c)
{
	const u32 *index = c->data;
	u32 nr = 0;

	e->numbers = NULL;
	e->places = NULL;
	e->is_constant = false;
	if (!e->nr_values)
		return;
	if (c->rep == SN_STRING) {
		e->places = index;
		if (!e->valid)
			return;
		for (u32 i = 0; i < e->nr_rows; nr += e->valid[i++])
			e->index[nr] = index[i];
		e->places = e->index;
		return;
	}
	e->numbers = e->numbers_room;
	if (!e->valid && all_equal(c->data, e->nr_rows, c->width)) {
		(void)widen(c, NULL, 1, e->numbers_room);
		e->is_constant = true;
	} else if (!e->valid && c->width == sizeof(u64)) {
		e->numbers = c->data;
	} else {
		(void)widen(c, e->valid, e->nr_rows, e->numbers_room);
		e->is_constant = all_equal(e->numbers, e->nr_values, sizeof(*e->numbers));
	}
}

static bool dict_is_small(u32 nr, u32 nr_values)
{
	return nr <= MAX_SMALL_DICT && nr <= nr_values / MIN_USES;
}

/*
 * The way to write the values: tried out, unless it was lately. A dictionary without a
 * trial where that is surely best, and for texts that a file holds otherwise than memory.
 */
static int find_way(struct parquet_encoder *e, struct encoder_column *column, u64 ts,
		    struct encoder_way *ret)
{
	static const enum form of_strings[] = { FORM_DICT, FORM_PREFIX };
	/* The last only of 4 bytes: of 8, most of the time would be spent on zeros. */
	static const enum form of_numbers[] = { FORM_DICT, FORM_DELTA, FORM_WHOLE_DELTA,
						FORM_PLAIN };
	static const enum form of_times[] = { FORM_DELTA };
	const struct strings *texts = &e->values->dict;
	const enum form *forms = of_numbers;
	u32 nr_forms = ARRAY_SIZE(of_numbers) - (column->type.type == PARQUET_INT64);
	u32 n = e->nr_values;
	bool is_known = column->tried_ns && ts - column->tried_ns < column->believed_ns;
	int r = 0;

	*ret = (struct encoder_way){ FORM_DICT, PRESS_FAST };
	if (!n || column->type.type == PARQUET_BOOLEAN) {
		ret->form = FORM_PLAIN;
		return 0;
	}
	if (!e->numbers) {
		if (dict_is_small(texts->nr, n) || !all_storable(texts))
			return 0;
		forms = of_strings;
		nr_forms = ARRAY_SIZE(of_strings);
	} else if (e->is_constant || column->type.type == PARQUET_BYTE_ARRAY) {
		r = build_dict(e, UINT32_MAX);
		return MIN(r, 0);
	} else if (column->desc->kind == SN_K_time) {
		forms = of_times;
		nr_forms = ARRAY_SIZE(of_times);
	} else if (!is_known || column->way.form == FORM_DICT) {
		r = build_dict(e, MAX(n / 2, 16u));
		if (r < 0 || (r > 0 && dict_is_small(e->dict.nr, n)))
			return MIN(r, 0);
		is_known &= r > 0;
		if (r > 0)
			r = encode_dict_sort(&e->dict, e->index, n);
	}
	if (r == 0 && !is_known)
		r = choose(e, column, forms, nr_forms, ts);
	*ret = column->way;
	return MIN(r, 0);
}

int parquet_encoder_column(struct parquet_encoder *e, struct encoder_column *column,
			   const struct column *values, u32 nr_rows, u64 ts, struct buf *out,
			   struct encoder_chunk *chunk)
{
	static const u8 encodings[] = {
		[FORM_DICT] = PARQUET_RLE_DICTIONARY,  [FORM_DELTA] = PARQUET_DELTA,
		[FORM_WHOLE_DELTA] = PARQUET_DELTA,    [FORM_PLAIN] = PARQUET_PLAIN,
		[FORM_PREFIX] = PARQUET_DELTA_STRINGS,
	};
	struct encoder_way way;
	int r;

	r = make_room(e, nr_rows);
	if (r < 0)
		return r;
	e->values = values;
	e->nr_rows = nr_rows;
	e->nr_values = values->valid ? count_valid(values->valid, nr_rows) : nr_rows;
	e->valid = e->nr_values < nr_rows ? values->valid : NULL;
	take_values(e, values);
	r = find_way(e, column, ts, &way);
	if (r == 0)
		r = encode(e, column, way.form);
	if (r < 0)
		return r;
	*chunk = (struct encoder_chunk){ .at = chunk->at,
					 .nr_nulls = nr_rows - e->nr_values,
					 .encoding = encodings[way.form] };
	if (e->numbers &&
	    (column->type.type == PARQUET_INT32 || column->type.type == PARQUET_INT64))
		set_range(e, column, chunk);
	return put_pages(e, way.press, out, chunk);
}
