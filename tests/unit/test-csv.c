// SPDX-License-Identifier: BSD-2-Clause
#include "sink/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "rows.h"

/* RFC 4180, character by character. */
static void put_quoted(struct buf *to, const struct buf *text)
{
	bool quote = !text->len;

	for (size_t i = 0; i < text->len; i++)
		quote |= text->data[i] == ',' || text->data[i] == '"' || text->data[i] == '\n' ||
			 text->data[i] == '\r';
	if (quote)
		buf_putc(to, '"');
	for (size_t i = 0; i < text->len; i++) {
		if (text->data[i] == '"')
			buf_putc(to, '"');
		buf_putc(to, text->data[i]);
	}
	if (quote)
		buf_putc(to, '"');
}

static void expect_header(struct buf *want, const struct sn_event *ev)
{
	for (u32 i = 0; i < ev->nr_columns; i++)
		buf_printf(want, "%s%s", i ? "," : "", ev->columns[i].name);
	buf_putc(want, '\n');
}

static void expect_rows(struct buf *want, const struct batch *b)
{
	struct buf text = {};

	for (u32 row = 0; row < b->nr; row++) {
		for (u32 i = 0; i < b->ev->nr_columns; i++) {
			if (i)
				buf_putc(want, ',');
			if (rows_value(b, i, row, &text))
				put_quoted(want, &text);
		}
		buf_putc(want, '\n');
	}
	buf_done(&text);
}

/* Every event, live and from a file, in pieces of any size, through one sink each. */
TEST(random_rows_of_every_event)
{
	struct batch *live, *read;
	struct buf want = {};
	struct sink *s;
	size_t len;
	char *got;
	int fd;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		fd = memfd_create("csv", MFD_CLOEXEC);
		check(fd >= 0);
		check_eq(csv_open(fd, NULL, false, &s, NULL), 0);
		want.len = 0;
		expect_header(&want, schema_event(slot));
		for (u32 i = 0; i < 3; i++) {
			live = rows_make(schema_event(slot), 3000);
			read = rows_as_read(live);
			rows_write(s, live);
			expect_rows(&want, live);
			rows_write(s, read);
			expect_rows(&want, live);
			rows_free_read(read);
			batch_free(live);
		}
		check_eq(s->ops->close(s, NULL), 0);
		got = rows_slurp(fd, &len);
		rows_check_same(got, len, &want);
		free(got);
		close(fd);
	}
	buf_done(&want);
}

static const char *write_renames(const char *const *columns, bool with_event)
{
	static char *got;
	u8 rec[256] = {};
	struct sn_proc_rename *e = (struct sn_proc_rename *)rec;
	struct batch *b = batch_new(schema_by_id(SN_EV_proc_rename), 4);
	int fd = memfd_create("csv", MFD_CLOEXEC);
	struct sink *s;
	size_t len;

	e->hdr = (struct sn_hdr){ .id = SN_EV_proc_rename, .ts = 7, .pid = 1, .tid = 2 };
	memcpy(rec + sizeof(*e), "a,\"b\"\nc", 7);
	e->new_comm = (struct sn_str){ sizeof(*e), 7 };
	check_eq(batch_append(b, rec, sizeof(*e) + 7, NULL), 0);
	e->hdr.ts = UINT64_MAX;
	e->new_comm = (struct sn_str){ sizeof(*e), 1 };
	e->old_comm = (struct sn_str){ sizeof(*e), 7 };
	check_eq(batch_append(b, rec, sizeof(*e) + 7, NULL), 0);
	check_eq(csv_open(fd, columns, with_event, &s, NULL), 0);
	check_eq(s->ops->rows(s, b, 0, 2, NULL), 0);
	check_eq(s->ops->close(s, NULL), 0);
	free(got);
	got = rows_slurp(fd, &len);
	batch_free(b);
	close(fd);
	return got;
}

TEST(columns_in_the_order_asked_for)
{
	const char *const columns[] = { "new_comm", "ts", "no_such", "old_comm", "ts", NULL };
	const char *const one[] = { "old_comm", NULL };

	check_str(write_renames(columns, false), "new_comm,ts,no_such,old_comm,ts\n"
						 "\"a,\"\"b\"\"\nc\",7,,,7\n"
						 "a,18446744073709551615,,\"a,\"\"b\"\"\nc\","
						 "18446744073709551615\n");
	/* A row of one null is an empty line: there is nothing else it could be. */
	check_str(write_renames(one, false), "old_comm\n\n\"a,\"\"b\"\"\nc\"\n");
	check_str(write_renames(one, true),
		  "event,old_comm\nproc_rename,\nproc_rename,\"a,\"\"b\"\"\nc\"\n");
}

TEST(null_is_not_the_empty_text)
{
	struct batch *live = rows_make(schema_by_id(SN_EV_vfs_fsync), 2);
	int column = schema_column(live->ev, "sync_flags");
	const char *const columns[] = { "sync_flags", NULL };
	int fd = memfd_create("csv", MFD_CLOEXEC);
	struct sink *s;
	size_t len;
	char *got;

	((u32 *)live->columns[column].data)[0] = 0;
	live->columns[column].valid[0] = 1;
	live->columns[column].valid[1] = 0;
	check_eq(csv_open(fd, columns, false, &s, NULL), 0);
	check_eq(s->ops->rows(s, live, 0, 2, NULL), 0);
	check_eq(s->ops->close(s, NULL), 0);
	got = rows_slurp(fd, &len);
	check_str(got, "sync_flags\n\"\"\n\n");
	free(got);
	batch_free(live);
	close(fd);
}

TEST(more_columns_than_a_set_has_bits)
{
	const struct sn_event *ev = schema_by_id(SN_EV_vfs_read);
	const char *columns[200];
	struct batch *b = rows_make(ev, 2000);
	struct buf want = {}, text = {};
	int fd = memfd_create("csv", MFD_CLOEXEC);
	struct sink *s;
	size_t len;
	char *got;

	for (u32 i = 0; i < 199; i++) {
		columns[i] = ev->columns[i % ev->nr_columns].name;
		buf_printf(&want, "%s%s", i ? "," : "", columns[i]);
	}
	columns[199] = NULL;
	for (u32 row = 0; row < b->nr; row++)
		for (u32 i = 0; i < 199; i++) {
			buf_putc(&want, i ? ',' : '\n');
			if (rows_value(b, i % ev->nr_columns, row, &text))
				put_quoted(&want, &text);
		}
	buf_putc(&want, '\n');
	check_eq(csv_open(fd, columns, false, &s, NULL), 0);
	rows_write(s, b);
	check_eq(s->ops->close(s, NULL), 0);
	got = rows_slurp(fd, &len);
	rows_check_same(got, len, &want);
	free(got);
	buf_done(&want);
	buf_done(&text);
	batch_free(b);
	close(fd);
}

TEST(another_event_has_its_own_header)
{
	struct batch *a = rows_make(schema_by_id(SN_EV_clock), 10);
	struct batch *b = rows_make(schema_by_id(SN_EV_lost), 10);
	int fd = memfd_create("csv", MFD_CLOEXEC);
	struct buf want = {};
	struct sink *s;
	size_t len;
	char *got;

	check_eq(csv_open(fd, NULL, false, &s, NULL), 0);
	for (u32 i = 0; i < 3; i++) {
		if (i)
			buf_putc(&want, '\n');
		rows_write(s, i % 2 ? b : a);
		expect_header(&want, i % 2 ? b->ev : a->ev);
		expect_rows(&want, i % 2 ? b : a);
	}
	check_eq(s->ops->close(s, NULL), 0);
	got = rows_slurp(fd, &len);
	rows_check_same(got, len, &want);
	free(got);
	buf_done(&want);
	batch_free(a);
	batch_free(b);
	close(fd);
}

/* The status of writing to fd, and the sentence. */
static int write_to(int fd, struct diag *d)
{
	struct batch *b = rows_make(schema_by_id(SN_EV_clock), 10);
	struct sink *s;
	int r;

	check_eq(csv_open(fd, NULL, false, &s, d), 0);
	rows_write(s, b);
	r = s->ops->flush(s, d);
	check_eq(s->ops->close(s, NULL), 0);
	batch_free(b);
	return r;
}

TEST(what_cannot_be_written)
{
	struct diag d = {}, full = {};
	int pipes[2], fd;

	signal(SIGPIPE, SIG_IGN);
	check_eq(pipe2(pipes, O_CLOEXEC), 0);
	close(pipes[0]);
	check_eq(write_to(pipes[1], &d), -EPIPE);
	check_str(d.text, "cannot write the rows: Broken pipe");
	close(pipes[1]);
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	check_eq(write_to(fd, &full), -ENOSPC);
	check_str(full.text, "cannot write the rows: No space left on device");
	close(fd);
}

/* Rows of two columns, and between them a hole with all of its own. */
TEST(an_event_that_is_whole_has_all_its_columns)
{
	static const char *const columns[] = { "nr", "pid", NULL };
	const struct sn_event *ev = schema_by_id(SN_EV_proc_exit), *lost = schema_by_id(SN_EV_lost);
	struct batch *rows = rows_make(ev, 1), *hole = rows_make(lost, 1);
	int fd = memfd_create("csv", MFD_CLOEXEC);
	struct buf want = {}, text = {};
	struct sink *s;
	size_t len;
	char *got;

	check_eq(csv_open(fd, columns, false, &s, NULL), 0);
	s->whole = 1ull << SN_SLOT_lost;
	for (u32 i = 0; i < 2; i++) {
		check_eq(s->ops->rows(s, rows, 0, 1, NULL), 0);
		buf_puts(&want, i ? "\nnr,pid\n," : "nr,pid\n,");
		if (rows_value(rows, (u32)schema_column(ev, "pid"), 0, &text))
			put_quoted(&want, &text);
		buf_putc(&want, '\n');
		if (i)
			break;
		check_eq(s->ops->rows(s, hole, 0, 1, NULL), 0);
		buf_putc(&want, '\n');
		expect_header(&want, lost);
		expect_rows(&want, hole);
	}
	check_eq(s->ops->close(s, NULL), 0);
	got = rows_slurp(fd, &len);
	rows_check_same(got, len, &want);
	free(got);
	close(fd);
	batch_free(rows);
	batch_free(hole);
	buf_done(&want);
	buf_done(&text);
}

TEST(nothing_to_close)
{
	struct sink *s;

	check_eq(csv_open(STDOUT_FILENO, NULL, false, &s, NULL), 0);
	check_eq(s->ops->close(NULL, NULL), 0);
	check_eq(s->ops->close(s, NULL), 0);
}

TESTS(random_rows_of_every_event, columns_in_the_order_asked_for, null_is_not_the_empty_text,
      more_columns_than_a_set_has_bits, another_event_has_its_own_header, what_cannot_be_written,
      an_event_that_is_whole_has_all_its_columns, nothing_to_close)
