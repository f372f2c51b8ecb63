// SPDX-License-Identifier: BSD-2-Clause
/*
 * The other side of read.mjs: makes a trace of random rows of every event, and
 * tells what sonde's own reader finds in a trace, as JSON.
 *
 *	external-trace write DIR
 *	external-trace tell DIR
 */
#include "../unit/trace-help.h"

#include "trace/parquet.h"
#include "trace/text.h"

/* Instants that every reader can tell: none beyond 62 bits. */
static void tame_times(struct sample *s)
{
	for (u32 i = 0; i < s->ev->nr_columns; i++) {
		const struct sn_column *c = &s->ev->columns[i];

		if (parquet_column(c).logical == PARQUET_LOGICAL_TIMESTAMP)
			s->rec[c->off + 7] &= 0x3f;
	}
}

static int write_trace(const char *dir)
{
	struct trace_writer_opts opts = { .rows_per_group = 300, .groups_per_part = 4 };
	_cleanup_(trace_writer_freep) struct trace_writer *w = NULL;
	struct diag d = {};
	int r;

	r = trace_writer_open(dir, &opts, &w, &d);
	for (u32 slot = 0; r == 0 && slot < SN_NR_EVENTS; slot++) {
		for (u32 i = 0; r == 0 && i < 100 + slot * 400; i++) {
			struct sample s;

			random_sample(&s, schema_event(slot), 1000000 + i);
			tame_times(&s);
			r = put_sample(w, &s);
		}
	}
	if (r == 0)
		r = trace_writer_finish(w, &d);
	if (r < 0)
		fprintf(stderr, "external-trace: %s\n", d.text);
	return r < 0;
}

/* What SQL calls the column's type. */
static const char *sql_type(const struct sn_column *c)
{
	static const char *const integers[2][9] = {
		{ [1] = "UTINYINT", [2] = "USMALLINT", [4] = "UINTEGER", [8] = "UBIGINT" },
		{ [1] = "TINYINT", [2] = "SMALLINT", [4] = "INTEGER", [8] = "BIGINT" },
	};
	struct parquet_column type = parquet_column(c);

	if (type.type == PARQUET_BOOLEAN)
		return "BOOLEAN";
	if (type.type == PARQUET_BYTE_ARRAY)
		return "VARCHAR";
	if (type.logical == PARQUET_LOGICAL_TIMESTAMP)
		return "TIMESTAMP_NS";
	return integers[type.is_signed][c->width];
}

static void print_decimal(__int128 v)
{
	unsigned __int128 rest = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
	char text[48];
	int i = sizeof(text);

	text[--i] = '\0';
	do
		text[--i] = (char)('0' + (int)(rest % 10));
	while (rest /= 10);
	printf("%s%s", v < 0 ? "-" : "", text + i);
}

struct told {
	u64 nr_nulls;
	__int128 sum;
	struct strings texts; /* as files hold them */
	u64 *counts;          /* of each text */
};

static void tell_text(struct told *t, const struct column *c, u32 row)
{
	static struct buf stored;
	const char *s;
	size_t len;
	int i;

	s = strings_get(&c->dict, (u32)column_num(c, row), &len);
	stored.len = 0;
	(void)buf_room(&stored, 1);
	text_store(&stored, s, len);
	i = strings_add(&t->texts, stored.data, stored.len);
	check(i >= 0 && i < 100000);
	t->counts[i]++;
}

static void add_column(struct told *t, const struct column *c, u32 nr)
{
	for (u32 row = 0; row < nr; row++) {
		if (column_is_null(c, row))
			t->nr_nulls++;
		else if (c->rep == SN_STRING)
			tell_text(t, c, row);
		else if (c->rep == SN_SIGNED)
			t->sum += (s64)column_num(c, row);
		else
			t->sum += column_num(c, row);
	}
}

static void print_column(const struct sn_column *desc, const struct column *c, struct told *t)
{
	size_t len;

	printf("   {\"name\": \"%s\", \"type\": \"%s\", \"nulls\": %" PRIu64 ", ", desc->name,
	       sql_type(desc), t->nr_nulls);
	if (c->rep != SN_STRING) {
		printf("\"sum\": \"");
		print_decimal(t->sum);
		printf("\"}");
		return;
	}
	printf("\"texts\": {");
	for (u32 i = 0; i < t->texts.nr; i++) {
		const u8 *s = (const u8 *)strings_get(&t->texts, i, &len);

		printf("%s\"", i ? ", " : "");
		for (size_t k = 0; k < len; k++)
			printf("%02x", s[k]);
		printf("\": %" PRIu64, t->counts[i]);
	}
	printf("}}");
}

/* The middle third of an event's time, and how many rows are in it. */
static void print_third(struct trace *trace, const struct sn_event *ev)
{
	static const char *const ts[] = { "ts", NULL };
	u64 min = UINT64_MAX, max = 0, from = 0, to = 0, nr = 0, at;
	struct trace_cursor *c;
	const struct batch *b;

	for (int round = 0; round < 2; round++) {
		check(trace_cursor_open(trace, ev, ts, 0, UINT64_MAX, &c, NULL) == 0);
		while (trace_cursor_next(c, &b, NULL) > 0) {
			for (u32 row = 0; row < b->nr; row++) {
				at = column_num(&b->columns[0], row);
				min = MIN(min, at);
				max = MAX(max, at);
				nr += at >= from && at < to;
			}
		}
		trace_cursor_free(c);
		from = min + (max - min) / 3;
		to = min + (max - min) / 3 * 2;
	}
	printf("\"from\": \"%" PRIu64 "\", \"to\": \"%" PRIu64 "\", \"between\": %" PRIu64 ", ",
	       from, to, nr);
}

static int tell_event(struct trace *trace, const struct sn_event *ev, bool is_first)
{
	struct told *told = calloc(ev->nr_columns, sizeof(*told));
	const struct batch *b = NULL, *last = NULL;
	struct trace_cursor *c;
	struct diag d = {};
	u64 nr = 0;
	int r;

	for (u32 i = 0; i < ev->nr_columns; i++)
		told[i].counts = calloc(100000, sizeof(u64));
	r = trace_cursor_open(trace, ev, NULL, 0, UINT64_MAX, &c, &d);
	while (r >= 0 && (r = trace_cursor_next(c, &b, &d)) > 0) {
		for (u32 i = 0; i < ev->nr_columns; i++)
			add_column(&told[i], &b->columns[i], b->nr);
		nr += b->nr;
		last = b;
	}
	if (r < 0 || !last) {
		fprintf(stderr, "external-trace: %s: %s\n", ev->name, r < 0 ? d.text : "no rows");
		return 1;
	}
	printf("%s {\"event\": \"%s\", \"rows\": %" PRIu64 ", ", is_first ? "" : ",\n", ev->name,
	       nr);
	print_third(trace, ev);
	printf("\"columns\": [\n");
	for (u32 i = 0; i < ev->nr_columns; i++) {
		printf("%s", i ? ",\n" : "");
		print_column(&ev->columns[i], &last->columns[i], &told[i]);
		strings_done(&told[i].texts);
		free(told[i].counts);
	}
	printf("]}");
	free(told);
	trace_cursor_free(c);
	return 0;
}

static int tell_trace(const char *dir)
{
	struct diag d = {};
	bool is_first = true;
	struct trace *t;

	if (trace_open(dir, &t, &d) < 0) {
		fprintf(stderr, "external-trace: %s\n", d.text);
		return 1;
	}
	printf("[");
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		if (!trace_rows(t, schema_event(slot), &d))
			continue;
		if (tell_event(t, schema_event(slot), is_first))
			return 1;
		is_first = false;
	}
	printf("]\n");
	trace_free(t);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "write"))
		return write_trace(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "tell"))
		return tell_trace(argv[2]);
	fprintf(stderr, "usage: external-trace write|tell DIR\n");
	return 2;
}
