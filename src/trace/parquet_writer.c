// SPDX-License-Identifier: BSD-2-Clause
#include "trace/parquet_writer.h"

#include <errno.h>

#include "trace/parquet_encoder.h"
#include "trace/thrift.h"

struct group {
	u64 at;
	u64 raw, stored;
	u32 rows;
};

struct parquet_writer {
	const struct sn_event *ev;
	struct encoder_column *columns;
	/* The footer is these four, one behind the other; groups grows with every group. */
	struct buf head, groups, tail;
	struct group *group;
	struct encoder_chunk *chunks; /* of all groups, nr_columns each */
	u32 nr_groups, cap_groups;
	u64 nr_rows, size, dead;
	/* What a group that is not committed yet will make of these. */
	size_t old_groups_len;
	u64 next_size, next_dead;
};

static void put_json_string(struct buf *b, const char *s)
{
	buf_putc(b, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_putc(b, '\\');
		if ((u8)*s >= ' ')
			buf_putc(b, *s);
	}
	buf_putc(b, '"');
}

static void put_schema_json(struct buf *b, const struct sn_event *ev)
{
	buf_puts(b, "{\"event\":");
	put_json_string(b, ev->name);
	buf_puts(b, ",\"doc\":");
	put_json_string(b, ev->doc);
	buf_puts(b, ",\"columns\":[");
	for (u32 i = 0; i < ev->nr_columns; i++) {
		const struct sn_column *c = &ev->columns[i];

		buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
		put_json_string(b, c->name);
		buf_puts(b, ",\"kind\":");
		put_json_string(b, sn_kinds[c->kind].name);
		buf_puts(b, ",\"unit\":");
		put_json_string(b, sn_kinds[c->kind].unit);
		buf_puts(b, ",\"doc\":");
		put_json_string(b, c->doc);
		buf_putc(b, '}');
	}
	buf_puts(b, "]}");
}

/* The numbers of the types that older readers know. */
static int converted_type(struct parquet_column type)
{
	enum { UTF8 = 0, UINT_8 = 11, INT_8 = 15 };

	switch (type.logical) {
	case PARQUET_LOGICAL_STRING:
		return UTF8;
	case PARQUET_LOGICAL_INTEGER:
		return (type.is_signed ? INT_8 : UINT_8) + __builtin_ctz(type.bits / 8u);
	default:
		return -1;
	}
}

static void put_logical_type(struct thrift_writer *w, struct parquet_column type)
{
	enum { INTEGER_BITS = 1, INTEGER_SIGNED = 2 };
	enum { TIMESTAMP_UTC = 1, TIMESTAMP_UNIT = 2, UNIT_NANOS = 3 };

	thrift_struct(w, PARQUET_ELEMENT_LOGICAL);
	thrift_struct(w, type.logical);
	if (type.logical == PARQUET_LOGICAL_INTEGER) {
		thrift_int(w, INTEGER_BITS, THRIFT_I8, type.bits);
		thrift_bool(w, INTEGER_SIGNED, type.is_signed);
	} else if (type.logical == PARQUET_LOGICAL_TIMESTAMP) {
		thrift_bool(w, TIMESTAMP_UTC, false);
		thrift_struct(w, TIMESTAMP_UNIT);
		thrift_empty(w, UNIT_NANOS);
		thrift_end(w);
	}
	thrift_end(w);
	thrift_end(w);
}

static void put_element(struct thrift_writer *w, const struct sn_column *c)
{
	struct parquet_column type = parquet_column(c);
	int converted = converted_type(type);

	thrift_item(w);
	thrift_int(w, PARQUET_ELEMENT_TYPE, THRIFT_I32, type.type);
	thrift_int(w, PARQUET_ELEMENT_REPETITION, THRIFT_I32,
		   c->nullable ? PARQUET_OPTIONAL : PARQUET_REQUIRED);
	thrift_string(w, PARQUET_ELEMENT_NAME, c->name);
	if (converted >= 0)
		thrift_int(w, PARQUET_ELEMENT_CONVERTED, THRIFT_I32, converted);
	if (type.logical)
		put_logical_type(w, type);
	thrift_end(w);
}

static void make_head(struct parquet_writer *pw)
{
	const struct sn_event *ev = pw->ev;
	struct thrift_writer w = { .b = &pw->head };

	thrift_int(&w, PARQUET_FILE_VERSION, THRIFT_I32, 2);
	thrift_list(&w, PARQUET_FILE_SCHEMA, THRIFT_STRUCT, ev->nr_columns + 1u);
	thrift_item(&w);
	thrift_string(&w, PARQUET_ELEMENT_NAME, "schema");
	thrift_int(&w, PARQUET_ELEMENT_CHILDREN, THRIFT_I32, ev->nr_columns);
	thrift_end(&w);
	for (u32 i = 0; i < ev->nr_columns; i++)
		put_element(&w, &ev->columns[i]);
}

static void put_key_value(struct thrift_writer *w, const char *key, const void *value, size_t len)
{
	thrift_item(w);
	thrift_string(w, 1, key);
	thrift_binary(w, 2, value, len);
	thrift_end(w);
}

static void make_tail(struct parquet_writer *pw)
{
	struct thrift_writer w = { .b = &pw->tail, .last = { PARQUET_FILE_GROUPS } };
	struct buf json = {};

	put_schema_json(&json, pw->ev);
	thrift_list(&w, PARQUET_FILE_KEY_VALUES, THRIFT_STRUCT, 3);
	put_key_value(&w, "sonde.version", SONDE_VERSION, strlen(SONDE_VERSION));
	put_key_value(&w, "sonde.event", pw->ev->name, strlen(pw->ev->name));
	put_key_value(&w, "sonde.schema", json.data, json.len);
	thrift_string(&w, PARQUET_FILE_CREATED_BY, "sonde version " SONDE_VERSION);
	/* All statistics are in the order that the column's type defines. */
	thrift_list(&w, PARQUET_FILE_ORDERS, THRIFT_STRUCT, pw->ev->nr_columns);
	for (u32 i = 0; i < pw->ev->nr_columns; i++) {
		thrift_item(&w);
		thrift_empty(&w, 1);
		thrift_end(&w);
	}
	buf_putc(&pw->tail, THRIFT_STOP);
	pw->tail.failed |= json.failed;
	buf_done(&json);
}

struct parquet_writer *parquet_writer_new(const struct sn_event *ev)
{
	struct parquet_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->ev = ev;
	w->columns = calloc(ev->nr_columns, sizeof(*w->columns));
	make_head(w);
	make_tail(w);
	if (!w->columns || w->head.failed || w->tail.failed) {
		parquet_writer_free(w);
		return NULL;
	}
	for (u32 i = 0; i < ev->nr_columns; i++) {
		w->columns[i].desc = &ev->columns[i];
		w->columns[i].type = parquet_column(&ev->columns[i]);
	}
	return w;
}

void parquet_writer_free(struct parquet_writer *w)
{
	if (!w)
		return;
	buf_done(&w->head);
	buf_done(&w->groups);
	buf_done(&w->tail);
	free(w->columns);
	free(w->group);
	free(w->chunks);
	free(w);
}

void parquet_writer_reset(struct parquet_writer *w)
{
	w->nr_groups = 0;
	w->nr_rows = 0;
	w->size = 0;
	w->dead = 0;
	w->groups.len = 0;
	if (w->groups.failed)
		buf_done(&w->groups);
}

static void put_statistics(struct thrift_writer *w, const struct encoder_column *column,
			   const struct encoder_chunk *chunk)
{
	size_t width = column->type.type == PARQUET_INT64 ? 8 : 4;

	thrift_struct(w, PARQUET_META_STATISTICS);
	thrift_int(w, PARQUET_STAT_NULLS, THRIFT_I64, chunk->nr_nulls);
	if (chunk->has_range) {
		thrift_binary(w, PARQUET_STAT_MAX, &chunk->max, width);
		thrift_binary(w, PARQUET_STAT_MIN, &chunk->min, width);
	}
	thrift_end(w);
}

static void put_chunk(struct thrift_writer *w, const struct encoder_column *column,
		      const struct encoder_chunk *chunk, u64 group_at, u32 rows)
{
	u64 at = group_at + chunk->at;

	thrift_item(w);
	thrift_int(w, PARQUET_CHUNK_OFFSET, THRIFT_I64, 0);
	thrift_struct(w, PARQUET_CHUNK_META);
	thrift_int(w, PARQUET_META_TYPE, THRIFT_I32, column->type.type);
	thrift_list(w, PARQUET_META_ENCODINGS, THRIFT_I32, chunk->dict_stored ? 3 : 2);
	thrift_put_zigzag(w->b, PARQUET_RLE); /* of the levels */
	thrift_put_zigzag(w->b, chunk->encoding);
	if (chunk->dict_stored)
		thrift_put_zigzag(w->b, PARQUET_PLAIN); /* of the dictionary */
	thrift_list(w, PARQUET_META_PATH, THRIFT_BINARY, 1);
	thrift_put_varint(w->b, strlen(column->desc->name));
	buf_puts(w->b, column->desc->name);
	thrift_int(w, PARQUET_META_CODEC, THRIFT_I32, chunk->codec);
	thrift_int(w, PARQUET_META_VALUES, THRIFT_I64, rows);
	thrift_int(w, PARQUET_META_RAW, THRIFT_I64, chunk->raw);
	thrift_int(w, PARQUET_META_STORED, THRIFT_I64, chunk->stored);
	thrift_int(w, PARQUET_META_DATA_AT, THRIFT_I64, (s64)(at + chunk->dict_stored));
	if (chunk->dict_stored)
		thrift_int(w, PARQUET_META_DICT_AT, THRIFT_I64, (s64)at);
	put_statistics(w, column, chunk);
	thrift_end(w);
	thrift_end(w);
}

/* Appends the footer's account of group g, which is, or will be, at this place. */
static void put_group(const struct parquet_writer *pw, u32 g, u64 at, struct buf *b)
{
	const struct encoder_chunk *chunks = pw->chunks + (size_t)g * pw->ev->nr_columns;
	/* As an item of the list of groups, at a depth of its own. */
	struct thrift_writer w = { .b = b };

	thrift_item(&w);
	thrift_list(&w, PARQUET_GROUP_COLUMNS, THRIFT_STRUCT, pw->ev->nr_columns);
	for (u32 i = 0; i < pw->ev->nr_columns; i++)
		put_chunk(&w, &pw->columns[i], &chunks[i], at, pw->group[g].rows);
	thrift_int(&w, PARQUET_GROUP_BYTES, THRIFT_I64, (s64)pw->group[g].raw);
	thrift_int(&w, PARQUET_GROUP_ROWS, THRIFT_I64, pw->group[g].rows);
	thrift_int(&w, PARQUET_GROUP_OFFSET, THRIFT_I64, (s64)at);
	thrift_int(&w, PARQUET_GROUP_STORED, THRIFT_I64, (s64)pw->group[g].stored);
	thrift_end(&w);
}

static void put_footer(const struct parquet_writer *pw, const struct buf *groups, struct buf *out)
{
	struct thrift_writer w = { .b = out, .last = { PARQUET_FILE_SCHEMA } };
	size_t from = out->len;
	u32 len;

	buf_put(out, pw->head.data, pw->head.len);
	thrift_int(&w, PARQUET_FILE_ROWS, THRIFT_I64, (s64)pw->nr_rows);
	thrift_list(&w, PARQUET_FILE_GROUPS, THRIFT_STRUCT, pw->nr_groups);
	buf_put(out, groups->data, groups->len);
	buf_put(out, pw->tail.data, pw->tail.len);
	len = (u32)(out->len - from);
	buf_put(out, &len, sizeof(len));
	buf_put(out, PARQUET_MAGIC, PARQUET_MAGIC_SIZE);
}

static int grow(struct parquet_writer *w)
{
	u32 cap = w->cap_groups ? w->cap_groups * 2 : 4;
	struct encoder_chunk *chunks;
	struct group *group;

	if (w->nr_groups < w->cap_groups)
		return 0;
	group = realloc(w->group, cap * sizeof(*group));
	if (!group)
		return -ENOMEM;
	w->group = group;
	chunks = realloc(w->chunks, (size_t)cap * w->ev->nr_columns * sizeof(*chunks));
	if (!chunks)
		return -ENOMEM;
	w->chunks = chunks;
	w->cap_groups = cap;
	return 0;
}

int parquet_writer_add(struct parquet_writer *w, struct parquet_encoder *e, const struct batch *b,
		       struct buf *out)
{
	struct encoder_chunk *chunks;
	struct group *group;
	size_t from = out->len, group_from;
	u64 ts = column_num(&b->columns[0], b->nr - 1);
	int r;

	r = grow(w);
	if (r < 0)
		return r;
	group = &w->group[w->nr_groups];
	chunks = w->chunks + (size_t)w->nr_groups * w->ev->nr_columns;
	if (!w->size)
		buf_put(out, PARQUET_MAGIC, PARQUET_MAGIC_SIZE);
	group_from = out->len;
	*group = (struct group){ .at = w->size + (group_from - from), .rows = b->nr };
	for (u32 i = 0; i < w->ev->nr_columns; i++) {
		chunks[i].at = (u32)(out->len - group_from);
		r = parquet_encoder_column(e, &w->columns[i], &b->columns[i], b->nr, ts, out,
					   &chunks[i]);
		if (r < 0)
			return r;
		group->raw += chunks[i].raw;
	}
	group->stored = out->len - group_from;

	w->old_groups_len = w->groups.len;
	w->nr_groups++;
	w->nr_rows += b->nr;
	put_group(w, w->nr_groups - 1, group->at, &w->groups);
	put_footer(w, &w->groups, out);
	/* All between the groups is old footers. */
	w->next_dead = group->at - PARQUET_MAGIC_SIZE;
	for (u32 g = 0; g + 1 < w->nr_groups; g++)
		w->next_dead -= w->group[g].stored;
	w->next_size = w->size + (out->len - from);
	if (out->failed || w->groups.failed) {
		parquet_writer_cancel(w);
		return -ENOMEM;
	}
	return 0;
}

void parquet_writer_commit(struct parquet_writer *w)
{
	w->size = w->next_size;
	w->dead = w->next_dead;
}

void parquet_writer_cancel(struct parquet_writer *w)
{
	w->nr_groups--;
	w->nr_rows -= w->group[w->nr_groups].rows;
	w->groups.len = w->old_groups_len;
}

u64 parquet_writer_size(const struct parquet_writer *w)
{
	return w->size;
}

u64 parquet_writer_dead_bytes(const struct parquet_writer *w)
{
	return w->dead;
}

u32 parquet_writer_nr_groups(const struct parquet_writer *w)
{
	return w->nr_groups;
}

void parquet_writer_group(const struct parquet_writer *w, u32 group, u64 *ret_at, u64 *ret_size)
{
	*ret_at = w->group[group].at;
	*ret_size = w->group[group].stored;
}

int parquet_writer_compact_footer(const struct parquet_writer *w, struct buf *out)
{
	u64 at = PARQUET_MAGIC_SIZE;
	struct buf groups = {};
	bool failed;

	for (u32 g = 0; g < w->nr_groups; g++) {
		put_group(w, g, at, &groups);
		at += w->group[g].stored;
	}
	if (!groups.failed)
		put_footer(w, &groups, out);
	failed = groups.failed || out->failed;
	buf_done(&groups);
	return failed ? -ENOMEM : 0;
}
