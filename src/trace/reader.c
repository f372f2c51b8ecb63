// SPDX-License-Identifier: BSD-2-Clause
#include "trace/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "trace/marks.h"
#include "trace/names.h"
#include "trace/parquet_decoder.h"
#include "trace/parquet_file.h"

#define MAX_MANIFEST (64u << 20)

/* The files of one event, in order. */
struct parts {
	u32 nr, cap;
	u32 *numbers;
	u64 nr_rows;
	bool exists; /* has a folder */
};

struct trace {
	char *dir;
	int fd;
	char *manifest;
	unsigned int nr_damaged;
	struct parts parts[SN_NR_EVENTS];
};

static int add_part(struct parts *p, u32 number)
{
	u32 cap = p->cap ? p->cap * 2 : 16;
	u32 *numbers;

	if (p->nr == p->cap) {
		numbers = realloc(p->numbers, cap * sizeof(*numbers));
		if (!numbers)
			return -ENOMEM;
		p->numbers = numbers;
		p->cap = cap;
	}
	p->numbers[p->nr++] = number;
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return (x > y) - (x < y);
}

/* Which parts there are of an event; none if it has no folder. */
static int list_parts(struct trace *t, const struct sn_event *ev, struct diag *d)
{
	struct parts *p = &t->parts[ev->slot];
	const struct dirent *e;
	u32 number;
	DIR *dir;
	int r = 0, fd;

	fd = openat(t->fd, ev->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = diag_errno(d, -errno, "cannot read %s/%s", t->dir, ev->name);
		closep(&fd);
		return r;
	}
	p->exists = true;
	while (r == 0 && (e = readdir(dir)))
		if (names_parse_part(e->d_name, &number))
			r = add_part(p, number);
	(void)closedir(dir);
	if (p->nr)
		qsort(p->numbers, p->nr, sizeof(*p->numbers), compare_numbers);
	return r;
}

/* 0 with *ret NULL: nothing in the part is complete. */
static int open_part(const struct trace *t, const struct sn_event *ev, u32 i,
		     struct parquet_file **ret, struct diag *d)
{
	char name[NAMES_MAX + 64];
	struct diag said = {};
	int r;

	(void)snprintf(name, sizeof(name), "%s/" NAMES_PART, ev->name,
		       t->parts[ev->slot].numbers[i]);
	r = parquet_file_open(t->fd, name, ret, &said);
	if (r == -EBADMSG) {
		*ret = NULL;
		return 0;
	}
	return r < 0 ? diag_err(d, r, "%s: %s", t->dir, said.text) : 0;
}

/* Counts rows and damage; parts without a row are forgotten. */
static int look_at_parts(struct trace *t, const struct sn_event *ev, struct diag *d)
{
	struct parts *p = &t->parts[ev->slot];
	u32 nr = 0;
	int r;

	for (u32 i = 0; i < p->nr; i++) {
		_cleanup_(parquet_file_freep) struct parquet_file *f = NULL;

		r = open_part(t, ev, i, &f, d);
		if (r < 0)
			return r;
		t->nr_damaged += !f || f->is_damaged;
		p->nr_rows += f ? f->nr_rows : 0;
		if (f && f->nr_rows)
			p->numbers[nr++] = p->numbers[i];
	}
	p->nr = nr;
	return 0;
}

/* *ret stays "" if there is no manifest. */
static int read_manifest(struct trace *t, bool *ret_exists, struct diag *d)
{
	_cleanup_(closep) int fd = openat(t->fd, NAMES_MANIFEST, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t size;
	ssize_t r;

	*ret_exists = false;
	t->manifest = calloc(1, 1);
	if (!t->manifest)
		return -ENOMEM;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return diag_errno(d, -errno, "cannot read %s/%s", t->dir, NAMES_MANIFEST);
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_MANIFEST)
		return diag_err(d, -EINVAL, "%s is no sonde trace: its %s is none", t->dir,
				NAMES_MANIFEST);
	size = (size_t)st.st_size;
	free(t->manifest);
	t->manifest = calloc(1, size + 1);
	if (!t->manifest)
		return -ENOMEM;
	for (size_t n = 0; n < size; n += (size_t)r) {
		r = pread(fd, t->manifest + n, size - n, (off_t)n);
		if (r < 0)
			return diag_errno(d, -errno, "cannot read %s/%s", t->dir, NAMES_MANIFEST);
		if (!r)
			break;
	}
	*ret_exists = true;
	return 0;
}

static int read_dir(struct trace *t, struct diag *d)
{
	bool has_manifest, has_events = false;
	struct diag marks = {};
	int r, r_marks = 0;

	r = read_manifest(t, &has_manifest, d);
	if (r < 0)
		return r;
	if (has_manifest)
		r_marks = marks_check(t->dir, t->manifest, &marks);
	if (r_marks < 0 && r_marks != -EBADMSG)
		return diag_err(d, r_marks, "%s", marks.text);
	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		r = list_parts(t, schema_event(i), d);
		if (r < 0)
			return r;
		has_events |= t->parts[i].nr > 0;
	}
	/* A damaged manifest costs what it says, not the rows. */
	if (r_marks < 0 && !has_events)
		return diag_err(d, -EINVAL, "%s", marks.text);
	if (!has_manifest && !has_events)
		return diag_err(d, -EINVAL,
				"%s is no sonde trace: it has no %s and no folder of an event",
				t->dir, NAMES_MANIFEST);
	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		r = look_at_parts(t, schema_event(i), d);
		if (r < 0)
			return r;
	}
	return 0;
}

int trace_open(const char *dir, struct trace **ret, struct diag *d)
{
	_cleanup_(trace_freep) struct trace *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->dir = strdup(dir);
	t->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!t->dir)
		return -ENOMEM;
	if (t->fd < 0 && errno == ENOTDIR)
		return diag_err(d, -EINVAL, "%s is no sonde trace: it is no directory", dir);
	if (t->fd < 0)
		return diag_errno(d, -errno, "cannot open %s", dir);
	r = read_dir(t, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	for (u32 i = 0; i < SN_NR_EVENTS; i++)
		free(t->parts[i].numbers);
	free(t->manifest);
	closep(&t->fd);
	free(t->dir);
	free(t);
}

const char *trace_manifest(const struct trace *t)
{
	return t->manifest;
}

s64 trace_rows(struct trace *t, const struct sn_event *ev, struct diag *d)
{
	return (s64)t->parts[ev->slot].nr_rows;
}

unsigned int trace_damaged_parts(const struct trace *t)
{
	return t->nr_damaged;
}

struct cursor_column {
	bool is_wanted;
	int field; /* in the file at hand, or -1 */
	void *data;
	u8 *valid;
};

struct trace_cursor {
	const struct trace *t;
	const struct sn_event *ev;
	u64 from_ns, to_ns;
	struct parquet_decoder *decoder;
	u32 part, group;           /* to be read next */
	struct parquet_file *file; /* of the part, or NULL */
	struct batch batch;
	struct cursor_column *columns;
	void *zeros; /* data and validity of all columns that are null throughout */
};

static int set_wanted(struct trace_cursor *c, const char *const *names, struct diag *d)
{
	int i;

	for (u32 k = 0; k < c->ev->nr_columns; k++)
		c->columns[k].is_wanted = !names;
	for (; names && *names; names++) {
		i = schema_column(c->ev, *names);
		if (i < 0)
			return diag_err(d, -EINVAL, "%s has no column %s", c->ev->name, *names);
		c->columns[i].is_wanted = true;
	}
	return 0;
}

int trace_cursor_open(struct trace *t, const struct sn_event *ev, const char *const *columns,
		      u64 from_ns, u64 to_ns, struct trace_cursor **ret, struct diag *d)
{
	_cleanup_(trace_cursor_freep) struct trace_cursor *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->t = t;
	c->ev = ev;
	c->from_ns = from_ns;
	c->to_ns = to_ns;
	c->decoder = parquet_decoder_new();
	c->columns = calloc(ev->nr_columns, sizeof(*c->columns));
	c->batch.ev = ev;
	c->batch.columns = calloc(ev->nr_columns, sizeof(*c->batch.columns));
	if (!c->decoder || !c->columns || !c->batch.columns)
		return -ENOMEM;
	for (u32 i = 0; i < ev->nr_columns; i++) {
		bool is_text = parquet_column(&ev->columns[i]).type == PARQUET_BYTE_ARRAY;

		c->batch.columns[i].rep = is_text ? SN_STRING : ev->columns[i].rep;
		c->batch.columns[i].width = is_text ? 4 : ev->columns[i].width;
	}
	r = set_wanted(c, columns, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

void trace_cursor_free(struct trace_cursor *c)
{
	if (!c)
		return;
	for (u32 i = 0; c->columns && i < c->ev->nr_columns; i++) {
		free(c->columns[i].data);
		free(c->columns[i].valid);
	}
	for (u32 i = 0; c->batch.columns && i < c->ev->nr_columns; i++)
		strings_done(&c->batch.columns[i].dict);
	parquet_decoder_free(c->decoder);
	parquet_file_free(c->file);
	free(c->columns);
	free(c->batch.columns);
	free(c->zeros);
	free(c);
}

/* Opens the next part. 1, 0 if there is none, or negative errno. */
static int next_part(struct trace_cursor *c, struct diag *d)
{
	int r;

	parquet_file_free(c->file);
	c->file = NULL;
	c->group = 0;
	if (c->part == c->t->parts[c->ev->slot].nr)
		return 0;
	r = open_part(c->t, c->ev, c->part++, &c->file, d);
	if (r < 0)
		return r;
	for (u32 i = 0; c->file && i < c->ev->nr_columns; i++) {
		struct cursor_column *col = &c->columns[i];

		col->field = parquet_file_field(c->file, c->ev->columns[i].name);
		if (col->field >= 0 &&
		    !parquet_decoder_takes(&c->file->fields[col->field], &c->ev->columns[i]))
			col->field = -1;
	}
	return 1;
}

/* Does the group's range of times say that no row of it is wanted? */
static bool is_outside(const struct trace_cursor *c, const struct parquet_group *g)
{
	const struct parquet_chunk *ts;

	if (c->columns[0].field < 0)
		return false;
	ts = &g->chunks[c->columns[0].field];
	return ts->has_range && (ts->max < c->from_ns || ts->min > c->to_ns);
}

static int grow(struct trace_cursor *c, u32 cap)
{
	if (cap <= c->batch.cap)
		return 0;
	c->batch.cap = 0;
	free(c->zeros);
	c->zeros = calloc(cap, sizeof(u64));
	if (!c->zeros)
		return -ENOMEM;
	for (u32 i = 0; i < c->ev->nr_columns; i++) {
		struct cursor_column *col = &c->columns[i];

		free(col->data);
		free(col->valid);
		col->data = NULL;
		col->valid = NULL;
		if (!col->is_wanted)
			continue;
		col->data = calloc(cap, c->batch.columns[i].width);
		col->valid = calloc(cap, 1);
		if (!col->data || !col->valid)
			return -ENOMEM;
	}
	c->batch.cap = cap;
	return 0;
}

static int read_column(struct trace_cursor *c, u32 i, struct diag *d)
{
	const struct cursor_column *col = &c->columns[i];
	struct column *to = &c->batch.columns[i];
	int r;

	if (!col->is_wanted || col->field < 0) {
		to->data = c->zeros;
		to->valid = c->zeros;
		to->dict.nr = 0;
		return 0;
	}
	to->data = col->data;
	r = parquet_decoder_column(c->decoder, c->file, c->group, (u32)col->field,
				   &c->ev->columns[i], to, col->valid);
	if (r == 0 || r == -ENOMEM)
		return r;
	return diag_err(
		d, r, "%s/%s/" NAMES_PART ": column %s of row group %u %s", c->t->dir, c->ev->name,
		c->t->parts[c->ev->slot].numbers[c->part - 1], c->ev->columns[i].name, c->group,
		r == -EOPNOTSUPP ? "is encoded in a way that sonde does not read" : "is damaged");
}

int trace_cursor_next(struct trace_cursor *c, const struct batch **ret, struct diag *d)
{
	int r;

	while (!c->file || c->group == c->file->nr_groups || !c->file->groups[c->group].nr_rows ||
	       is_outside(c, &c->file->groups[c->group])) {
		if (c->file && c->group < c->file->nr_groups) {
			c->group++;
			continue;
		}
		r = next_part(c, d);
		if (r <= 0)
			return r;
	}
	c->batch.nr = c->file->groups[c->group].nr_rows;
	r = grow(c, c->batch.nr);
	for (u32 i = 0; r == 0 && i < c->ev->nr_columns; i++)
		r = read_column(c, i, d);
	c->group++; /* past a damaged one, too: what follows may be whole */
	if (r < 0)
		return r;
	*ret = &c->batch;
	return 1;
}
