// SPDX-License-Identifier: BSD-2-Clause
#include "trace/parquet_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "trace/thrift.h"

/* How much is looked at to find a footer in a file whose end is damaged. */
#define MAX_TRIES 100000u
#define MAX_TRIED_BYTES (256ull << 20)

int parquet_file_read(const struct parquet_file *f, void *to, size_t n, u64 at)
{
	ssize_t r;

	for (size_t done = 0; done < n; done += (size_t)r) {
		r = pread(f->fd, (char *)to + done, n - done, (off_t)(at + done));
		if (r < 0 && errno == EINTR)
			r = 0;
		else if (r < 0)
			return -errno;
		else if (!r)
			return -EBADMSG;
	}
	return 0;
}

static void parse_integer_type(struct thrift_reader *r, struct parquet_column *type)
{
	int id = 0;
	u8 t;

	type->logical = PARQUET_LOGICAL_INTEGER;
	while (thrift_next(r, &id, &t)) {
		if (id == 1)
			type->bits = (u8)thrift_get_int(r, t);
		else if (id == 2)
			type->is_signed = t == THRIFT_TRUE;
		else
			thrift_skip(r, t);
	}
}

static void parse_logical_type(struct thrift_reader *r, struct parquet_column *type)
{
	int id = 0;
	u8 t;

	while (thrift_next(r, &id, &t)) {
		if (id == PARQUET_LOGICAL_INTEGER && t == THRIFT_STRUCT)
			parse_integer_type(r, type);
		else
			thrift_skip(r, t);
	}
}

/* An element of the schema; its children's number for the root, which has no type. */
static void parse_element(struct thrift_reader *r, struct parquet_field *field, s64 *ret_children)
{
	s64 type = -1, repetition = PARQUET_REQUIRED;
	const u8 *name = NULL;
	int id = 0;
	u32 len = 0;
	u8 t;

	*field = (struct parquet_field){ .type.is_signed = true };
	*ret_children = 0;
	while (thrift_next(r, &id, &t)) {
		switch (id) {
		case PARQUET_ELEMENT_TYPE:
			type = thrift_get_int(r, t);
			break;
		case PARQUET_ELEMENT_REPETITION:
			repetition = thrift_get_int(r, t);
			break;
		case PARQUET_ELEMENT_NAME:
			name = thrift_get_binary(r, t, &len);
			break;
		case PARQUET_ELEMENT_CHILDREN:
			*ret_children = thrift_get_int(r, t);
			break;
		case PARQUET_ELEMENT_LOGICAL:
			if (t == THRIFT_STRUCT)
				parse_logical_type(r, &field->type);
			else
				thrift_fail(r);
			break;
		default:
			thrift_skip(r, t);
		}
	}
	if (!name || (type < 0 && !*ret_children) || type > UINT8_MAX || repetition < 0 ||
	    repetition > PARQUET_OPTIONAL)
		thrift_fail(r);
	if (r->failed)
		return;
	field->type.type = (u8)type;
	if (field->type.logical != PARQUET_LOGICAL_INTEGER)
		field->type.bits = type == PARQUET_INT64 ? 64 : 32;
	field->optional = repetition == PARQUET_OPTIONAL;
	field->name = strndup((const char *)name, len);
	if (!field->name)
		thrift_fail(r);
}

static void parse_schema(struct thrift_reader *r, u8 type, struct parquet_file *f)
{
	u32 n = thrift_get_list(r, type, THRIFT_STRUCT);
	struct parquet_field root;
	s64 children;

	if (f->fields || !n || n - 1 > PARQUET_MAX_COLUMNS) {
		thrift_fail(r);
		return;
	}
	parse_element(r, &root, &children);
	free(root.name);
	if (children != (s64)n - 1)
		thrift_fail(r);
	f->fields = calloc(n, sizeof(*f->fields));
	if (!f->fields)
		thrift_fail(r);
	for (u32 i = 0; i < n - 1 && !r->failed; i++) {
		parse_element(r, &f->fields[i], &children);
		f->nr_fields++;
		if (children)
			thrift_fail(r);
	}
}

static u64 load_number(const u8 *p, u32 len)
{
	u64 v = 0;

	memcpy(&v, p, MIN(len, 8u));
	return v;
}

static void parse_statistics(struct thrift_reader *r, const struct parquet_field *field,
			     struct parquet_chunk *c)
{
	u32 want = field->type.type == PARQUET_INT64 ? 8 : 4, len, nr = 0;
	const u8 *p;
	int id = 0;
	u8 t;

	while (thrift_next(r, &id, &t)) {
		if (id != PARQUET_STAT_MIN && id != PARQUET_STAT_MAX) {
			thrift_skip(r, t);
			continue;
		}
		p = thrift_get_binary(r, t, &len);
		if (len == want)
			*(id == PARQUET_STAT_MIN ? &c->min : &c->max) = load_number(p, len);
		nr += len == want;
	}
	c->has_range = nr == 2;
}

static void parse_meta(struct thrift_reader *r, const struct parquet_field *field, u64 end,
		       struct parquet_chunk *c, s64 *ret_values)
{
	s64 data_at = 0, dict_at = 0, stored = -1, codec = -1, type = -1;
	int id = 0;
	u8 t;

	while (thrift_next(r, &id, &t)) {
		switch (id) {
		case PARQUET_META_TYPE:
			type = thrift_get_int(r, t);
			break;
		case PARQUET_META_CODEC:
			codec = thrift_get_int(r, t);
			break;
		case PARQUET_META_VALUES:
			*ret_values = thrift_get_int(r, t);
			break;
		case PARQUET_META_STORED:
			stored = thrift_get_int(r, t);
			break;
		case PARQUET_META_DATA_AT:
			data_at = thrift_get_int(r, t);
			break;
		case PARQUET_META_DICT_AT:
			dict_at = thrift_get_int(r, t);
			break;
		case PARQUET_META_STATISTICS:
			if (t == THRIFT_STRUCT)
				parse_statistics(r, field, c);
			else
				thrift_fail(r);
			break;
		default:
			thrift_skip(r, t);
		}
	}
	if (dict_at > 0 && dict_at < data_at)
		data_at = dict_at;
	if (type != field->type.type || codec < 0 || codec > UINT8_MAX ||
	    data_at < PARQUET_MAGIC_SIZE || (u64)data_at > end || stored < 0 ||
	    (u64)stored > end - (u64)data_at || stored > 2 * PARQUET_MAX_PAGE)
		thrift_fail(r);
	c->codec = (u8)codec;
	c->at = (u64)data_at;
	c->stored = (u64)stored;
}

static void parse_chunk(struct thrift_reader *r, const struct parquet_field *field, u64 end,
			struct parquet_chunk *c, s64 *ret_values)
{
	bool has_meta = false;
	int id = 0;
	u8 t;

	while (thrift_next(r, &id, &t)) {
		if (id == PARQUET_CHUNK_META && t == THRIFT_STRUCT && !has_meta) {
			parse_meta(r, field, end, c, ret_values);
			has_meta = true;
		} else {
			thrift_skip(r, t);
		}
	}
	if (!has_meta)
		thrift_fail(r);
}

static void parse_group(struct thrift_reader *r, struct parquet_file *f, u64 end,
			struct parquet_group *g)
{
	s64 values = -1, all_values = -1, rows = -1;
	u32 nr_chunks = 0;
	int id = 0;
	u8 t;

	while (thrift_next(r, &id, &t)) {
		if (id == PARQUET_GROUP_ROWS) {
			rows = thrift_get_int(r, t);
		} else if (id == PARQUET_GROUP_COLUMNS && !nr_chunks) {
			nr_chunks = thrift_get_list(r, t, THRIFT_STRUCT);
			if (nr_chunks != f->nr_fields)
				thrift_fail(r);
			for (u32 i = 0; i < nr_chunks && !r->failed; i++) {
				parse_chunk(r, &f->fields[i], end, &g->chunks[i], &values);
				if (i && values != all_values)
					thrift_fail(r);
				all_values = values;
			}
		} else {
			thrift_skip(r, t);
		}
	}
	if (nr_chunks != f->nr_fields || rows < 0 || rows > PARQUET_MAX_GROUP_ROWS ||
	    (nr_chunks && all_values != rows))
		thrift_fail(r);
	g->nr_rows = (u32)rows;
}

static void parse_groups(struct thrift_reader *r, u8 type, u64 end, struct parquet_file *f)
{
	u32 n = thrift_get_list(r, type, THRIFT_STRUCT);

	/* A chunk takes many bytes: the product is bounded by the footer's length. */
	if (f->groups || !f->fields || n > PARQUET_MAX_GROUPS ||
	    (u64)n * f->nr_fields > (u64)(r->end - r->p)) {
		thrift_fail(r);
		return;
	}
	f->groups = calloc(n + 1, sizeof(*f->groups));
	f->chunks = calloc((size_t)n * f->nr_fields + 1, sizeof(*f->chunks));
	if (!f->groups || !f->chunks) {
		thrift_fail(r);
		return;
	}
	for (u32 i = 0; i < n && !r->failed; i++) {
		f->groups[i].chunks = f->chunks + (size_t)i * f->nr_fields;
		parse_group(r, f, end, &f->groups[i]);
		f->nr_rows += f->groups[i].nr_rows;
		f->nr_groups++;
	}
}

static void forget(struct parquet_file *f)
{
	for (u32 i = 0; i < f->nr_fields; i++)
		free(f->fields[i].name);
	free(f->fields);
	free(f->groups);
	free(f->chunks);
	*f = (struct parquet_file){ .fd = f->fd };
}

/* The footer's bytes; end is where it begins in the file. */
static int parse_footer(struct parquet_file *f, const u8 *p, u32 len, u64 end)
{
	struct thrift_reader r = { p, p + len, false };
	s64 rows = -1;
	int id = 0;
	u8 t;

	while (thrift_next(&r, &id, &t)) {
		if (id == PARQUET_FILE_SCHEMA)
			parse_schema(&r, t, f);
		else if (id == PARQUET_FILE_ROWS)
			rows = thrift_get_int(&r, t);
		else if (id == PARQUET_FILE_GROUPS)
			parse_groups(&r, t, end, f);
		else
			thrift_skip(&r, t);
	}
	if (r.failed || r.p != r.end || !f->groups || rows != (s64)f->nr_rows) {
		forget(f);
		return -EBADMSG;
	}
	return 0;
}

/* Is there a footer that ends here? *budget: bytes that may be looked at. */
static int try_footer(struct parquet_file *f, u64 end, u64 *budget)
{
	_cleanup_(freep) u8 *bytes = NULL;
	u8 tail[PARQUET_TAIL_SIZE];
	u32 len;
	int r;

	if (end < PARQUET_MAGIC_SIZE + PARQUET_TAIL_SIZE)
		return -EBADMSG;
	r = parquet_file_read(f, tail, sizeof(tail), end - sizeof(tail));
	if (r < 0)
		return r;
	memcpy(&len, tail, sizeof(len));
	if (memcmp(tail + sizeof(len), PARQUET_MAGIC, PARQUET_MAGIC_SIZE) || !len ||
	    len > PARQUET_MAX_FOOTER || len > end - PARQUET_MAGIC_SIZE - PARQUET_TAIL_SIZE ||
	    len > *budget)
		return -EBADMSG;
	*budget -= len;
	bytes = malloc(len);
	if (!bytes)
		return -ENOMEM;
	r = parquet_file_read(f, bytes, len, end - sizeof(tail) - len);
	if (r == 0)
		r = parse_footer(f, bytes, len, end - sizeof(tail) - len);
	if (r == 0)
		f->size = end;
	return r;
}

/* Goes back from the end of a damaged file to the last footer that is valid. */
static int find_footer(struct parquet_file *f, u64 size)
{
	enum { WINDOW = 1 << 16, OVERLAP = PARQUET_MAGIC_SIZE - 1 };
	_cleanup_(freep) char *window = malloc(WINDOW + OVERLAP);
	u64 budget = MAX_TRIED_BYTES, from;
	u32 nr_tries = 0;
	size_t n;
	int r;

	if (!window)
		return -ENOMEM;
	for (u64 end = size; end > PARQUET_MAGIC_SIZE; end = from) {
		from = end > WINDOW ? end - WINDOW : 0;
		n = (size_t)MIN(size - from, end - from + OVERLAP);
		r = parquet_file_read(f, window, n, from);
		if (r < 0)
			return r;
		for (size_t i = n - MIN(n, (size_t)OVERLAP); i-- > 0;) {
			if (window[i] != PARQUET_MAGIC[0] ||
			    memcmp(window + i, PARQUET_MAGIC, PARQUET_MAGIC_SIZE))
				continue;
			if (nr_tries++ == MAX_TRIES)
				return -EBADMSG;
			r = try_footer(f, from + i + PARQUET_MAGIC_SIZE, &budget);
			if (r != -EBADMSG)
				return r;
		}
	}
	return -EBADMSG;
}

static int read_footer(struct parquet_file *f, const char *name, struct diag *d)
{
	u64 budget = MAX_TRIED_BYTES, size = 0;
	char magic[PARQUET_MAGIC_SIZE];
	struct stat st;
	int r = -EBADMSG;

	/* A recording may be writing at this moment: look again while the file grows. */
	for (int i = 0; i < 3 && r == -EBADMSG; i++) {
		if (fstat(f->fd, &st) < 0)
			return diag_errno(d, -errno, "cannot read %s", name);
		if (!S_ISREG(st.st_mode))
			return diag_err(d, -EBADMSG, "%s is damaged: it is no file", name);
		if ((u64)st.st_size == size)
			break;
		size = (u64)st.st_size;
		r = try_footer(f, size, &budget);
	}
	if (r == -EBADMSG) {
		r = find_footer(f, size);
		f->is_damaged = true;
	}
	if (r == 0)
		r = parquet_file_read(f, magic, sizeof(magic), 0);
	if (r == 0 && memcmp(magic, PARQUET_MAGIC, sizeof(magic)))
		r = -EBADMSG;
	if (r == -EBADMSG)
		return diag_err(d, r, "%s is damaged: nothing in it is complete", name);
	return r < 0 ? diag_errno(d, r, "cannot read %s", name) : 0;
}

int parquet_file_open(int dirfd, const char *name, struct parquet_file **ret, struct diag *d)
{
	_cleanup_(parquet_file_freep) struct parquet_file *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0)
		return diag_errno(d, -errno, "cannot open %s", name);
	r = read_footer(f, name, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(f);
	return 0;
}

void parquet_file_free(struct parquet_file *f)
{
	if (!f)
		return;
	forget(f);
	closep(&f->fd);
	free(f);
}

int parquet_file_field(const struct parquet_file *f, const char *name)
{
	for (u32 i = 0; i < f->nr_fields; i++)
		if (!strcmp(f->fields[i].name, name))
			return (int)i;
	return -1;
}
