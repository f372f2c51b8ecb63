/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the trace directory: random records of any event, what their rows
 * must read as, and directories that go away again. What a row must be is worked
 * out here from the record itself, not by the code under test.
 */
#ifndef SONDE_TESTS_UNIT_TRACE_HELP_H
#define SONDE_TESTS_UNIT_TRACE_HELP_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "test.h"
#include "trace/parquet_encoder.h"
#include "trace/parquet_writer.h"
#include "trace/reader.h"
#include "trace/writer.h"

enum { MAX_RECORD = 2048 };

struct sample {
	const struct sn_event *ev;
	u32 size;
	u8 rec[MAX_RECORD] __attribute__((aligned(8)));
	struct sn_names names;
};

static u64 random_state = 0x2545f4914f6cdd1dull;
static struct intern names_pool;

static inline u64 next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Few values, many, or the extremes: whichever the column was dealt. */
static inline u64 random_number(u32 column)
{
	static const u64 extremes[] = { 0,          1,        UINT64_MAX, (u64)INT64_MIN,
					INT64_MAX,  (u64)-11, (u64)-512,  (u64)-4096,
					0x80000000, 0x7fff,   040000 };

	switch (column % 4) {
	case 0:
		return next_random();
	case 1:
		return next_random() % 5;
	case 2:
		return extremes[next_random() % ARRAY_SIZE(extremes)];
	default:
		return next_random() >> next_random() % 64;
	}
}

/* Bytes of any value, NUL and what is no UTF-8 among them; or few short texts; or paths. */
static inline u32 random_text(char *to, u32 column)
{
	u32 len = (u32)next_random() % 40;

	if (column % 3 == 1) {
		len = (u32)next_random() % 4;
		memset(to, 'a' + (char)(next_random() % 3), len);
		return len;
	}
	if (column % 3 == 2)
		return (u32)sprintf(to, "/srv/%u/data-%u", (u32)next_random() % 7,
				    (u32)next_random() % 5000);
	for (u32 i = 0; i < len; i++)
		to[i] = (char)next_random();
	return len;
}

static inline void random_sample(struct sample *s, const struct sn_event *ev, u64 ts)
{
	struct sn_hdr *hdr = (struct sn_hdr *)s->rec;
	char text[64];

	*s = (struct sample){ .ev = ev, .size = ev->size };
	for (u32 i = 0; i < ev->nr_columns; i++) {
		const struct sn_column *c = &ev->columns[i];
		u64 v = random_number(i);
		u32 len;

		switch (c->source) {
		case SN_FROM_HDR:
		case SN_FROM_FIELD:
			memcpy(s->rec + c->off, &v, c->field_width);
			break;
		case SN_FROM_TEXT:
			len = random_text((char *)s->rec + s->size, i);
			memcpy(s->rec + c->off, &(struct sn_str){ (u16)s->size, (u16)len },
			       sizeof(struct sn_str));
			s->size += len;
			break;
		case SN_FROM_DERIVED:
			len = random_text(text, i);
			if (next_random() % 4 && c->rep == SN_STRING)
				s->names.str[c->derived] = intern(&names_pool, text, len);
			else if (next_random() % 4 && c->rep != SN_STRING)
				s->names.num_valid |= 1u << c->derived;
			s->names.num[c->derived] = (u32)v;
			break;
		default:
			break;
		}
	}
	hdr->ts = ts;
	hdr->id = ev->id;
	hdr->valid = next_random() % 3 ? (u32)next_random() : next_random() % 2 ? 0 : UINT32_MAX;
}

static inline s64 field_value(const struct sample *s, const struct sn_column *c)
{
	bool is_signed = c->field_rep == SN_SIGNED;
	u64 v = 0;

	memcpy(&v, s->rec + c->off, c->field_width);
	if (is_signed && c->field_width < 8 && v >> (c->field_width * 8 - 1))
		v |= UINT64_MAX << c->field_width * 8;
	return (s64)v;
}

/* The number a row must have, where it is one; false if it must be null. */
static inline bool expected_number(const struct sample *s, const struct sn_column *c, s64 *ret)
{
	u32 valid = ((const struct sn_hdr *)s->rec)->valid;
	s64 v;

	if (c->source == SN_FROM_DERIVED) {
		*ret = s->names.num[c->derived];
		return s->names.num_valid >> c->derived & 1;
	}
	v = field_value(s, c);
	if (c->valid_bit && !(valid & c->valid_bit))
		return false;
	if (c->source == SN_FROM_VIEW && c->view == SN_VIEW_error) {
		*ret = -v;
		return v <= -1 && v >= -4095;
	}
	if (c->source == SN_FROM_VIEW && c->view == SN_VIEW_done && v < 0)
		return false;
	if (c->source == SN_FROM_VIEW && c->view == SN_VIEW_restart)
		v = v <= -512 && v >= -516;
	if (c->source == SN_FROM_VIEW && c->view == SN_VIEW_o_direct)
		v = (v & O_DIRECT) != 0;
	*ret = c->kind == SN_K_bool ? v != 0 : v;
	return true;
}

static inline bool expected_text(const struct sample *s, const struct sn_column *c, struct buf *b)
{
	const struct istr *name;
	struct sn_str at;
	s64 v;

	b->len = 0;
	switch (c->source) {
	case SN_FROM_TEXT:
		memcpy(&at, s->rec + c->off, sizeof(at));
		buf_put(b, s->rec + at.off, at.len);
		return at.len > 0;
	case SN_FROM_DERIVED:
		name = s->names.str[c->derived];
		if (name)
			buf_put(b, name->s, name->len);
		return name != NULL;
	default:
		if (!expected_number(s, c, &v))
			return false;
		sn_kinds[c->kind].print(b, (u64)v);
		return true;
	}
}

/* Is the value at row what it must be? Says what is wrong. */
static inline bool value_is_right(const struct sample *s, u32 i, const struct column *got, u32 row)
{
	const struct sn_column *c = &s->ev->columns[i];
	bool is_text = c->rep == SN_STRING || (kind_is_text(c->kind) && c->kind != SN_K_bool);
	static struct buf text;
	bool is_known, is_right;
	const char *p = "";
	size_t len = 0;
	s64 v = 0;

	is_known = is_text ? expected_text(s, c, &text) : expected_number(s, c, &v);
	is_right = is_known == !column_is_null(got, row) && (got->rep == SN_STRING) == is_text;
	if (is_right && is_known && is_text) {
		p = strings_get(&got->dict, (u32)column_num(got, row), &len);
		is_right = len == text.len && (!len || !memcmp(p, text.data, len));
	} else if (is_right && is_known) {
		is_right = (s64)column_num(got, row) == v;
	}
	if (!is_right)
		printf("# %s.%s, row %u: %snull, %" PRId64
		       " or \"%.*s\" instead of %snull, %" PRId64 " or \"%.*s\"\n",
		       s->ev->name, c->name, row, column_is_null(got, row) ? "" : "not ",
		       column_is_null(got, row) ? 0 : (s64)column_num(got, row), (int)len, p,
		       is_known ? "not " : "", v, (int)(is_text ? text.len : 0),
		       text.data ? text.data : "");
	return is_right;
}

/* Compares rows [0, nr) of the batch with samples. */
static inline bool batch_is_right(const struct batch *b, const struct sample *samples)
{
	for (u32 i = 0; i < b->ev->nr_columns; i++)
		for (u32 row = 0; row < b->nr; row++)
			if (!value_is_right(&samples[row], i, &b->columns[i], row))
				return false;
	return true;
}

static inline int put_sample(struct trace_writer *w, const struct sample *s)
{
	return trace_writer_put(w, s->ev, s->rec, s->size, &s->names);
}

/* Reads all rows of the samples' event and compares; how many there are, or a negative errno. */
static inline s64 read_back(const char *dir, const struct sn_event *ev,
			    const struct sample *samples, u32 nr, struct diag *d)
{
	_cleanup_(trace_cursor_freep) struct trace_cursor *c = NULL;
	_cleanup_(trace_freep) struct trace *t = NULL;
	const struct batch *b;
	s64 total = 0;
	int r;

	r = trace_open(dir, &t, d);
	if (r == 0)
		r = trace_cursor_open(t, ev, NULL, 0, UINT64_MAX, &c, d);
	while (r >= 0 && (r = trace_cursor_next(c, &b, d)) > 0) {
		if (total + b->nr > nr || (samples && !batch_is_right(b, samples + total)))
			return -EDOM;
		total += b->nr;
	}
	if (r == 0 && total != trace_rows(t, ev, d))
		return -EDOM;
	return r < 0 ? r : total;
}

static char test_dir[] = "/tmp/sonde-test-XXXXXX";

static inline int remove_one(const char *path, const struct stat *st, int what, struct FTW *ftw)
{
	return remove(path);
}

static inline void remove_all(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void remove_test_dir(void)
{
	remove_all(test_dir);
}

/* A path that does not exist yet; the whole goes away with the test program. */
static inline const char *fresh_path(void)
{
	static char path[64];
	static bool has_dir;
	static int nr;

	if (!has_dir) {
		check(mkdtemp(test_dir));
		(void)atexit(remove_test_dir);
		has_dir = true;
	}
	(void)snprintf(path, sizeof(path), "%s/%d", test_dir, nr++);
	return path;
}

/* The whole file, to be freed. */
static inline u8 *load_file(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	u8 *p;

	check(fd >= 0 && fstat(fd, &st) == 0);
	p = malloc((size_t)st.st_size + 1);
	check(p && read(fd, p, (size_t)st.st_size) == st.st_size);
	check_eq(close(fd), 0);
	*ret_size = (size_t)st.st_size;
	return p;
}

static inline void store_file(const char *path, const void *p, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	check(fd >= 0);
	check_eq(write(fd, p, size), size);
	check_eq(close(fd), 0);
}

/* An event as another sonde may have had it, with these columns, under the name of vfs_close. */
static inline struct sn_event other_event(struct sn_column *columns, u32 nr)
{
	struct sn_event ev = *schema_event(SN_SLOT_vfs_close);

	ev.columns = columns;
	ev.nr_columns = (u16)nr;
	return ev;
}

static inline struct sn_column other_column(const char *name, u8 width, u8 rep, u8 kind)
{
	return (struct sn_column){
		.name = name, .doc = "", .width = width, .rep = rep, .kind = kind
	};
}

/* A trace that has this batch of such an event. */
static inline void write_file(const char *dir, const struct batch *b)
{
	struct parquet_encoder *e = parquet_encoder_new(1);
	struct parquet_writer *w = parquet_writer_new(b->ev);
	struct buf out = {};
	char path[256];

	check_eq(mkdir(dir, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/vfs_close", dir);
	check_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/vfs_close/0000.parquet", dir);
	check_eq(parquet_writer_add(w, e, b, &out), 0);
	store_file(path, out.data, out.len);
	buf_done(&out);
	parquet_writer_free(w);
	parquet_encoder_free(e);
}

#endif
