// SPDX-License-Identifier: BSD-2-Clause
/* Which form a column's values are given, and that each reads back. */
#include "trace-help.h"

#include "trace/parquet_encoder.h"

enum { NR_ROWS = 4000 };

/* The columns of the rows here, by their places in the batch. */
enum { TS, INO, GEN, FD, DUR, PATH, NR_COLUMNS };

static struct sn_column columns[NR_COLUMNS];
static struct sn_event ev;

static struct batch *make_batch(u32 nr)
{
	struct batch *b;

	columns[TS] = other_column("ts", 8, SN_UNSIGNED, SN_K_time);
	columns[INO] = other_column("ino", 8, SN_UNSIGNED, SN_K_id);
	columns[GEN] = other_column("gen", 4, SN_UNSIGNED, SN_K_id);
	columns[FD] = other_column("fd", 4, SN_SIGNED, SN_K_fd);
	columns[DUR] = other_column("dur_ns", 8, SN_UNSIGNED, SN_K_duration);
	columns[PATH] = other_column("path", 4, SN_STRING, SN_K_str);
	ev = other_event(columns, NR_COLUMNS);
	b = batch_new(&ev, nr);
	check(b);
	b->nr = nr;
	return b;
}

static void put(struct batch *b, u32 column, u32 row, u64 v)
{
	memcpy((u8 *)b->columns[column].data + (size_t)row * columns[column].width, &v,
	       columns[column].width);
}

static void put_text(struct batch *b, u32 row, const char *text, size_t len)
{
	int i = strings_add(&b->columns[PATH].dict, text, len);

	check(i >= 0);
	put(b, PATH, row, (u64)i);
}

/* Rows as they come: some of a file, then of the next. gen is random, and seen again somewhere. */
static void fill(struct batch *b, u32 rows_a_file, const char *dir)
{
	char path[64];

	for (u32 i = 0; i < b->nr; i++) {
		u32 file = i / rows_a_file;
		u64 gen = next_random() % (b->nr * 3 / rows_a_file / 4 + 1) * 2654435761u;

		put(b, TS, i, 1000000000ull + i * 700ull + next_random() % 256);
		put(b, INO, i, 5000000 + file * 3);
		put(b, GEN, i, gen);
		put(b, FD, i, 3 + file % 4);
		put(b, DUR, i, next_random() % 1000000);
		put_text(b, i, path,
			 (size_t)snprintf(path, sizeof(path), "%s/file-%u.h", dir, file));
	}
}

static u8 encoding(struct parquet_encoder *e, struct encoder_column *column, const struct batch *b,
		   u32 i, u64 ts)
{
	struct encoder_chunk chunk = {};
	struct buf out = {};

	column->desc = &columns[i];
	column->type = parquet_column(&columns[i]);
	check_eq(parquet_encoder_column(e, column, &b->columns[i], b->nr, ts, &out, &chunk), 0);
	check_eq(chunk.stored, out.len);
	buf_done(&out);
	return chunk.encoding;
}

static u8 first_encoding(struct parquet_encoder *e, const struct batch *b, u32 i)
{
	struct encoder_column column = {};

	return encoding(e, &column, b, i, 1);
}

TEST(values_get_the_form_that_suits_them)
{
	struct parquet_encoder *e = parquet_encoder_new(1);
	struct batch *b = make_batch(NR_ROWS);

	fill(b, 1, "/usr/include/some/where");
	check_eq(first_encoding(e, b, TS), PARQUET_DELTA);
	check_eq(first_encoding(e, b, INO), PARQUET_DELTA);
	check_eq(first_encoding(e, b, GEN), PARQUET_PLAIN);
	check_eq(first_encoding(e, b, FD), PARQUET_RLE_DICTIONARY);
	check_eq(first_encoding(e, b, DUR), PARQUET_DELTA);
	check_eq(first_encoding(e, b, PATH), PARQUET_DELTA_STRINGS);
	batch_free(b);

	/* Few files: where a dictionary is small nothing else is tried. */
	b = make_batch(NR_ROWS);
	fill(b, 40, "/usr/include/some/where");
	for (u32 i = INO; i < NR_COLUMNS; i++)
		if (i != DUR)
			check_eq(first_encoding(e, b, i), PARQUET_RLE_DICTIONARY);
	batch_free(b);

	/* What is no UTF-8 is written another way than it is held, once. */
	b = make_batch(NR_ROWS);
	fill(b, 3, "/usr/include/some\xff/where");
	check_eq(first_encoding(e, b, PATH), PARQUET_RLE_DICTIONARY);
	batch_free(b);
	parquet_encoder_free(e);
}

TEST(best_form_is_believed_for_a_while)
{
	struct parquet_encoder *e = parquet_encoder_new(1);
	struct batch *b = make_batch(NR_ROWS), *other = make_batch(NR_ROWS);
	struct encoder_column column = {};

	fill(b, 3, "/usr");
	/* Long texts that come again and again in another order: a dictionary's. */
	fill(other, 4, "/a/directory/whose/name/is/long");
	for (u32 i = 0; i < NR_ROWS; i++)
		put(other, PATH, i, next_random() % 1000);
	check_eq(first_encoding(e, other, PATH), PARQUET_RLE_DICTIONARY);
	check_eq(encoding(e, &column, b, PATH, 1000), PARQUET_DELTA_STRINGS);
	check_eq(encoding(e, &column, other, PATH, 100000000), PARQUET_DELTA_STRINGS);
	check_eq(encoding(e, &column, other, PATH, 300000000), PARQUET_RLE_DICTIONARY);
	/* A time before is another time too: rows of dictionaries are not in order. */
	check_eq(encoding(e, &column, b, PATH, 1000), PARQUET_DELTA_STRINGS);
	/* What was found again is believed for longer, but not for ever. */
	for (u64 ms = 1000; ms < 20000; ms += 2000)
		check_eq(encoding(e, &column, b, PATH, ms * 1000000), PARQUET_DELTA_STRINGS);
	check_eq(encoding(e, &column, other, PATH, 20000000000), PARQUET_DELTA_STRINGS);
	check_eq(encoding(e, &column, other, PATH, 21600000000), PARQUET_RLE_DICTIONARY);
	batch_free(b);
	batch_free(other);
	parquet_encoder_free(e);
}

static void check_same(const struct batch *got, const struct batch *want)
{
	const char *a, *b;
	size_t a_len, b_len;

	check_eq(got->nr, want->nr);
	for (u32 i = 0; i < NR_COLUMNS; i++) {
		u32 at = (u32)schema_column(got->ev, columns[i].name);
		const struct column *c = &got->columns[at], *d = &want->columns[i];

		for (u32 row = 0; row < got->nr; row++) {
			check(!column_is_null(c, row));
			if (i != PATH) {
				check(column_num(c, row) == column_num(d, row));
				continue;
			}
			a = strings_get(&c->dict, (u32)column_num(c, row), &a_len);
			b = strings_get(&d->dict, (u32)column_num(d, row), &b_len);
			check(a_len == b_len && !memcmp(a, b, a_len));
		}
	}
}

TEST(every_form_reads_back)
{
	static const u32 rows_a_file[] = { 1, 3, 40, NR_ROWS };
	const struct sn_event *real = schema_event(SN_SLOT_vfs_close);
	struct trace_cursor *c;
	const struct batch *got;
	struct trace *t;

	for (u32 i = 0; i < ARRAY_SIZE(rows_a_file); i++) {
		struct batch *b = make_batch(NR_ROWS);
		const char *dir = fresh_path();

		/* The empty text, which lies where the next one begins. */
		put_text(b, 0, "", 0);
		fill(b, rows_a_file[i], "/usr/include");
		put(b, PATH, 0, 0);
		write_file(dir, b);
		check_eq(trace_open(dir, &t, NULL), 0);
		check_eq(trace_cursor_open(t, real, NULL, 0, UINT64_MAX, &c, NULL), 0);
		check_eq(trace_cursor_next(c, &got, NULL), 1);
		check_same(got, b);
		trace_cursor_free(c);
		trace_free(t);
		batch_free(b);
		remove_all(dir);
	}
}

/* Each a little longer than the one before: few bytes in a file, but more than any page's. */
TEST(texts_that_unfold_beyond_measure_are_refused)
{
	enum { NR = 12000 };
	const struct sn_event *real = schema_event(SN_SLOT_vfs_close);
	static char text[NR];
	struct batch *b = make_batch(NR);
	const char *dir = fresh_path();
	struct trace_cursor *c;
	const struct batch *got;
	struct trace *t;

	memset(text, 'x', sizeof(text));
	for (u32 i = 0; i < NR; i++)
		put_text(b, i, text, i);
	write_file(dir, b);
	check_eq(trace_open(dir, &t, NULL), 0);
	check_eq(trace_cursor_open(t, real, NULL, 0, UINT64_MAX, &c, NULL), 0);
	check_eq(trace_cursor_next(c, &got, NULL), -EBADMSG);
	trace_cursor_free(c);
	trace_free(t);
	batch_free(b);
	remove_all(dir);
}

TESTS(values_get_the_form_that_suits_them, best_form_is_believed_for_a_while, every_form_reads_back,
      texts_that_unfold_beyond_measure_are_refused)
