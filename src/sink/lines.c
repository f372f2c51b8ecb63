// SPDX-License-Identifier: BSD-2-Clause
#include "sink/lines.h"

#include <errno.h>

#include "base/io.h"
#include "trace/wall.h"

/* Output is handed to the system in pieces of about this size: they stay in the cpu's cache. */
#define FLUSH_BYTES (256u << 10)
/* Texts are copied in whole steps of this; everything copied from or to has as much to spare. */
#define STEP 32u
/* Texts of numbers that were printed as text before: errno, flags, devices. A power of two. */
#define NR_MEMO 64u
#define MAX_MEMO_BYTES (256u << 10)
/* Digits of a u64, sign, and what stands behind. */
#define MAX_DIGITS 24u

enum cell_type {
	CELL_NULL,    /* the event lacks the column, or all is null */
	CELL_NUMBER,  /* digits */
	CELL_PRINTED, /* a number whose kind is written as text */
	CELL_TABLE,   /* an index; every text of the dictionary was written beforehand */
	CELL_STRING,  /* an index; too few rows to write the whole dictionary for */
	CELL_WALL,    /* the wall clock of an instant */
};

/* A finished value, with all that stands before and behind it. */
struct text {
	u32 off, len;
	bool bad;
};

struct memo {
	u64 value;
	struct text text;
	bool used;
};

struct cell {
	u8 type; /* enum cell_type, of the batch at hand */
	u8 kind;
	int column; /* of the event, -1 if it lacks it; of the wall clock, ts */
	bool is_wall;
	const struct column *from;
	struct buf before;  /* STEP bytes to spare */
	struct buf null;    /* the whole value */
	struct buf bytes;   /* of texts */
	struct text *texts; /* of the dictionary */
	u32 cap_texts;
	struct memo *memo;
	bool bytes_are_memo;
};

/*
 * Rows that follow each other have most values in common. So only values that
 * changed are written; what lies between them is copied from the row before.
 */
struct cells {
	u32 nr;
	struct buf begin;
	size_t before; /* where the row before lies in the output */
	u32 *at;       /* where the values lie in it, and its end */
	u64 bad;       /* bit per value whose text was refused */
	struct cell cell[];
};

/* Rows whose changes are looked up together, column by column. */
#define BLOCK 256u
/* The last bit of a set of values stands for all that have no bit of their own. */
#define LAST_BIT 63u

static void cells_free(struct cells *cs)
{
	for (u32 i = 0; cs && i < cs->nr; i++) {
		buf_done(&cs->cell[i].before);
		buf_done(&cs->cell[i].null);
		buf_done(&cs->cell[i].bytes);
		free(cs->cell[i].texts);
		free(cs->cell[i].memo);
	}
	if (cs) {
		buf_done(&cs->begin);
		free(cs->at);
	}
	free(cs);
}
DEFINE_FREEP(struct cells, cells_free)

static bool has_all_columns(const struct lines *l, const struct sn_event *ev)
{
	return !l->columns || l->sink.whole >> ev->slot & 1;
}

u32 lines_nr_columns(const struct lines *l, const struct sn_event *ev)
{
	if (!has_all_columns(l, ev))
		return l->nr_columns;
	return (u32)ev->nr_columns + (l->sink.wall != NULL);
}

const char *lines_column(const struct lines *l, const struct sn_event *ev, u32 i)
{
	if (!has_all_columns(l, ev))
		return l->columns[i];
	if (i && l->sink.wall)
		return i == 1 ? SINK_WALL : ev->columns[i - 1].name;
	return ev->columns[i].name;
}

static void put_after(const struct lines *l, struct buf *b)
{
	if (l->style->after)
		buf_putc(b, l->style->after);
}

static int prepare_cell(struct lines *l, const struct sn_event *ev, struct cell *c, u32 i)
{
	c->is_wall = l->sink.wall && !strcmp(lines_column(l, ev, i), SINK_WALL);
	c->column = schema_column(ev, c->is_wall ? "ts" : lines_column(l, ev, i));
	if (c->column >= 0)
		c->kind = c->is_wall ? SN_K_str : ev->columns[c->column].kind;
	l->style->before(l, ev, i, &c->before);
	buf_put(&c->null, c->before.data, c->before.len);
	buf_puts(&c->null, l->style->null);
	put_after(l, &c->null);
	if (!buf_room(&c->before, STEP) || !buf_room(&c->null, STEP))
		return -ENOMEM;
	return 0;
}

static int prepare(struct lines *l, const struct sn_event *ev)
{
	u32 nr = lines_nr_columns(l, ev);
	_cleanup_(cells_freep) struct cells *cs = calloc(1, sizeof(*cs) + nr * sizeof(cs->cell[0]));
	int r;

	if (!cs)
		return -ENOMEM;
	cs->nr = nr;
	cs->at = calloc(nr + 1, sizeof(*cs->at));
	if (!cs->at)
		return -ENOMEM;
	l->style->begin(l, ev, &cs->begin);
	if (!buf_room(&cs->begin, STEP))
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++) {
		r = prepare_cell(l, ev, &cs->cell[i], i);
		if (r < 0)
			return r;
	}
	l->cells[ev->slot] = TAKE_PTR(cs);
	return 0;
}

/* Writes a text value behind what is in the cell's bytes. */
static struct text put_text(const struct lines *l, struct cell *c, const char *p, size_t len)
{
	struct text t = { .off = (u32)c->bytes.len };

	buf_put(&c->bytes, c->before.data, c->before.len);
	t.bad = !l->style->put_text(&c->bytes, c->kind, p, len);
	put_after(l, &c->bytes);
	t.len = (u32)c->bytes.len - t.off;
	return t;
}

static int write_dictionary(const struct lines *l, struct cell *c)
{
	const struct strings *dict = &c->from->dict;
	struct text *texts;
	const char *p;
	size_t len;

	if (dict->nr > c->cap_texts) {
		texts = reallocarray(c->texts, dict->nr, sizeof(*texts));
		if (!texts)
			return -ENOMEM;
		c->texts = texts;
		c->cap_texts = dict->nr;
	}
	c->bytes.len = 0;
	for (u32 i = 0; i < dict->nr; i++) {
		p = strings_get(dict, i, &len);
		c->texts[i] = put_text(l, c, p, len);
		if (c->bytes.len > UINT32_MAX / 2)
			return -ENOMEM;
	}
	return buf_room(&c->bytes, STEP) ? 0 : -ENOMEM;
}

static int aim_memo(struct cell *c)
{
	if (!c->memo)
		c->memo = malloc(NR_MEMO * sizeof(*c->memo));
	if (!c->memo)
		return -ENOMEM;
	if (!c->bytes_are_memo) {
		memset(c->memo, 0, NR_MEMO * sizeof(*c->memo));
		c->bytes.len = 0;
	}
	c->bytes_are_memo = true;
	return 0;
}

/* Points the cell at the batch's column. */
static int aim(const struct lines *l, struct cell *c, const struct batch *b, u32 nr_rows)
{
	c->type = CELL_NULL;
	if (c->column < 0)
		return 0;
	c->from = &b->columns[c->column];
	if (c->is_wall) {
		c->type = l->sink.wall->nr ? CELL_WALL : CELL_NULL;
		return 0;
	}
	if (c->from->rep == SN_STRING)
		c->bytes_are_memo = false;
	if (c->from->rep == SN_STRING && nr_rows < c->from->dict.nr) {
		c->type = CELL_STRING;
	} else if (c->from->rep == SN_STRING) {
		c->type = CELL_TABLE;
		return write_dictionary(l, c);
	} else if (kind_is_text(c->kind)) {
		c->type = CELL_PRINTED;
		return aim_memo(c);
	} else {
		c->type = CELL_NUMBER;
	}
	return 0;
}

/* Copies in whole steps; the caller moves on by the text's own length. */
static inline void copy(char *to, const char *from, size_t len)
{
	size_t i = 0;

	/* What is copied too much may overlap, the text itself does not. */
	do {
		memmove(to + i, from + i, STEP);
		i += STEP;
	} while (i < len);
}

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
			    "25262728293031323334353637383940414243444546474849"
			    "50515253545556575859606162636465666768697071727374"
			    "75767778798081828384858687888990919293949596979899";

static inline char *put_four(char *to, u32 v)
{
	memcpy(to, pairs + 2 * (v / 100), 2);
	memcpy(to + 2, pairs + 2 * (v % 100), 2);
	return to + 4;
}

static inline char *put_eight(char *to, u32 v)
{
	return put_four(put_four(to, v / 10000), v % 10000);
}

/* Below 10,000, without leading zeros. */
static inline char *put_short(char *to, u32 v)
{
	if (v >= 1000)
		return put_four(to, v);
	if (v >= 100) {
		*to++ = (char)('0' + v / 100);
		v %= 100;
	} else if (v < 10) {
		*to++ = (char)('0' + v);
		return to;
	}
	memcpy(to, pairs + 2 * v, 2);
	return to + 2;
}

static inline char *put_medium(char *to, u32 v)
{
	if (v < 10000)
		return put_short(to, v);
	return put_four(put_short(to, v / 10000), v % 10000);
}

static char *put_u64(char *to, u64 v)
{
	if (v < 100000000)
		return put_medium(to, (u32)v);
	if (v < 10000000000000000)
		return put_eight(put_medium(to, (u32)(v / 100000000)), (u32)(v % 100000000));
	to = put_short(to, (u32)(v / 10000000000000000));
	v %= 10000000000000000;
	return put_eight(put_eight(to, (u32)(v / 100000000)), (u32)(v % 100000000));
}

/* The text of a number that is written as text; made at its first sight. */
static const struct text *printed(const struct lines *l, struct cell *c, u64 v)
{
	_cleanup_(buf_done) struct buf b = {};
	struct memo *m = &c->memo[(v * 0x9e3779b97f4a7c15ull) >> 58];

	_Static_assert(NR_MEMO == 1u << (64 - 58), "the hash's bits");
	if (m->used && m->value == v)
		return &m->text;
	if (c->bytes.len > MAX_MEMO_BYTES) {
		c->bytes.len = 0;
		memset(c->memo, 0, NR_MEMO * sizeof(*c->memo));
	}
	sn_kinds[c->kind].print(&b, v);
	*m = (struct memo){ .value = v, .used = !b.failed, .text = put_text(l, c, b.data, b.len) };
	(void)buf_room(&c->bytes, STEP);
	return &m->text;
}

/* Apart, for what it costs is nothing to those who do not ask for it. */
static __attribute__((noinline)) struct text put_wall(const struct lines *l, struct cell *c, u64 ts)
{
	char instant[WALL_LEN];
	struct text t;

	wall_print(l->sink.wall, ts, instant);
	c->bytes.len = 0;
	t = put_text(l, c, instant, sizeof(instant));
	(void)buf_room(&c->bytes, STEP);
	return t;
}

static inline void put_finished(struct buf *out, const char *from, size_t len)
{
	char *to = buf_room(out, len + 2 * STEP);

	if (!to)
		return;
	copy(to, from, len);
	out->len += len;
}

static inline void put_number(const struct lines *l, const struct cell *c, u64 v, struct buf *out)
{
	char *to = buf_room(out, c->before.len + MAX_DIGITS + STEP);

	if (!to)
		return;
	copy(to, c->before.data, c->before.len);
	to += c->before.len;
	if (c->from->rep == SN_SIGNED && (s64)v < 0) {
		*to++ = '-';
		v = -v;
	}
	to = put_u64(to, v);
	if (l->style->after)
		*to++ = l->style->after;
	out->len = (size_t)(to - out->data);
}

/* One value. False if its text was refused. */
static bool put_cell(const struct lines *l, struct cell *c, u32 row, struct buf *out)
{
	const struct text *t;
	struct text once;
	const char *p;
	size_t len;

	if (c->type == CELL_NULL || column_is_null(c->from, row)) {
		put_finished(out, c->null.data, c->null.len);
		return true;
	}
	switch ((enum cell_type)c->type) {
	case CELL_NUMBER:
		put_number(l, c, column_num(c->from, row), out);
		return true;
	case CELL_TABLE:
		t = &c->texts[((const u32 *)c->from->data)[row]];
		break;
	case CELL_WALL:
		once = put_wall(l, c, column_num(c->from, row));
		t = &once;
		break;
	case CELL_PRINTED:
		t = printed(l, c, column_num(c->from, row));
		break;
	default:
		p = strings_get(&c->from->dict, ((const u32 *)c->from->data)[row], &len);
		c->bytes.len = 0;
		once = put_text(l, c, p, len);
		(void)buf_room(&c->bytes, STEP);
		t = &once;
	}
	if (c->bytes.failed)
		out->failed = true;
	else
		put_finished(out, c->bytes.data + t->off, t->len);
	return !t->bad;
}

/* Are the nr values from this one on equal to the ones before them? */
static bool is_constant(const void *data, size_t width, u32 from, u32 nr)
{
	const char *p = (const char *)data + from * width;

	return !memcmp(p, p - width, nr * width);
}

/* Sets bit in changed[i] if row from+i differs from the row before it. */
static void find_changes(const struct column *c, u32 from, u32 nr, u64 bit, u64 *changed)
{
#define COMPARE(type)                                                     \
	do {                                                              \
		const type *now = (const type *)c->data + from;           \
		for (u32 i = 0; i < nr; i++)                              \
			changed[i] |= now[i] != *(now + i - 1) ? bit : 0; \
	} while (0)

	if (c->valid && !is_constant(c->valid, 1, from, nr))
		for (u32 i = 0; i < nr; i++)
			changed[i] |= c->valid[from + i] != c->valid[from + i - 1] ? bit : 0;
	if (is_constant(c->data, c->width, from, nr))
		return;
	if (c->width == 1)
		COMPARE(u8);
	else if (c->width == 2)
		COMPARE(u16);
	else if (c->width == 4)
		COMPARE(u32);
	else
		COMPARE(u64);
#undef COMPARE
}

/* Copies the values [i, to) from the row before. */
static inline void copy_values(struct cells *cs, u32 i, u32 to, size_t start, struct buf *out)
{
	u32 from = i ? cs->at[i] : 0, len = cs->at[to] - from;
	u32 shift = (u32)(out->len - start) - from;

	/* Before the copy, which may move the output elsewhere. */
	if (!len || !buf_room(out, len + 2 * STEP))
		return;
	put_finished(out, out->data + cs->before + from, len);
	for (; i < to; i++)
		cs->at[i] += shift;
}

static void end_row(struct lines *l, struct cells *cs, size_t start)
{
	const struct lines_style *style = l->style;

	cs->at[cs->nr] = (u32)(l->out.len - start);
	cs->before = start;
	if (style->after && cs->nr)
		l->out.len--;
	buf_puts(&l->out, cs->bad && style->end_bad ? style->end_bad : style->end);
}

/* A row with the values that are in the set; the others are as in the row before. */
static void put_row(struct lines *l, struct cells *cs, u32 row, u64 changed)
{
	struct buf *out = &l->out;
	size_t start = out->len;
	u32 done = 0, i, end;
	bool bad;

	while (changed) {
		i = (u32)__builtin_ctzll(changed);
		changed &= changed - 1;
		end = i < LAST_BIT ? i + 1 : cs->nr;
		copy_values(cs, done, i, start, out);
		for (bad = false; i < end; i++) {
			cs->at[i] = (u32)(out->len - start);
			bad |= !put_cell(l, &cs->cell[i], row, out);
		}
		done = end;
		i = MIN(end - 1, LAST_BIT);
		cs->bad = (cs->bad & ~(1ull << i)) | (u64)bad << i;
	}
	copy_values(cs, done, cs->nr, start, out);
	end_row(l, cs, start);
}

/* A row that owes nothing to the one before. */
static void put_whole_row(struct lines *l, struct cells *cs, u32 row)
{
	size_t start = l->out.len;

	put_finished(&l->out, cs->begin.data, cs->begin.len);
	cs->bad = 0;
	for (u32 i = 0; i < cs->nr; i++) {
		cs->at[i] = (u32)(l->out.len - start);
		if (!put_cell(l, &cs->cell[i], row, &l->out))
			cs->bad |= 1ull << MIN(i, LAST_BIT);
	}
	end_row(l, cs, start);
}

static int write_out(struct lines *l, struct diag *d)
{
	int r;

	if (l->out.failed)
		return -ENOMEM;
	r = io_write_all(l->fd, l->out.data, l->out.len);
	/* What could not be written is not tried again: the row it cuts would be torn. */
	l->out.len = 0;
	return r < 0 ? diag_errno(d, r, "cannot write the rows") : 0;
}

static int put_block(struct lines *l, struct cells *cs, u32 from, u32 nr, struct diag *d)
{
	u64 changed[BLOCK];
	bool is_first = true;
	int r;

	memset(changed, 0, nr * sizeof(*changed));
	for (u32 i = 0; i < cs->nr; i++)
		if (cs->cell[i].type != CELL_NULL)
			find_changes(cs->cell[i].from, from + 1, nr - 1, 1ull << MIN(i, LAST_BIT),
				     changed + 1);
	for (u32 i = 0; i < nr; i++) {
		if (is_first)
			put_whole_row(l, cs, from + i);
		else
			put_row(l, cs, from + i, changed[i]);
		is_first = l->out.len >= FLUSH_BYTES;
		r = is_first ? write_out(l, d) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int lines_rows(struct sink *s, const struct batch *b, u32 from, u32 to, struct diag *d)
{
	struct lines *l = (struct lines *)s;
	const struct sn_event *ev = b->ev;
	struct cells *cs;
	int r;

	if (!l->cells[ev->slot]) {
		r = prepare(l, ev);
		if (r < 0)
			return r;
	}
	cs = l->cells[ev->slot];
	for (u32 i = 0; i < cs->nr; i++) {
		r = aim(l, &cs->cell[i], b, to - from);
		if (r < 0)
			return r;
	}
	if (l->last != ev && l->style->header)
		l->style->header(l, ev);
	l->last = ev;
	for (u32 nr; from < to; from += nr) {
		nr = MIN(to - from, BLOCK);
		r = put_block(l, cs, from, nr, d);
		if (r < 0)
			return r;
	}
	return l->out.failed ? -ENOMEM : 0;
}

int lines_flush(struct sink *s, struct diag *d)
{
	return write_out((struct lines *)s, d);
}

int lines_close(struct sink *s, struct diag *d)
{
	struct lines *l = (struct lines *)s;
	int r;

	if (!l)
		return 0;
	r = write_out(l, d);
	for (u32 i = 0; i < SN_NR_EVENTS; i++)
		cells_free(l->cells[i]);
	for (u32 i = 0; i < l->nr_columns; i++)
		free(l->columns[i]);
	free(l->columns);
	buf_done(&l->out);
	free(l);
	return r;
}

int lines_open(int fd, const char *const *columns, bool with_event, const struct lines_style *style,
	       const struct sink_ops *ops, struct sink **ret)
{
	struct lines *l = calloc(1, sizeof(*l));
	u32 nr = 0;

	if (!l)
		return -ENOMEM;
	l->sink.ops = ops;
	l->style = style;
	l->fd = fd;
	l->with_event = with_event;
	while (columns && columns[nr])
		nr++;
	l->columns = columns ? calloc(nr + 1, sizeof(*l->columns)) : NULL;
	if (columns && !l->columns)
		goto fail;
	for (; l->nr_columns < nr; l->nr_columns++) {
		l->columns[l->nr_columns] = strdup(columns[l->nr_columns]);
		if (!l->columns[l->nr_columns])
			goto fail;
	}
	*ret = &l->sink;
	return 0;
fail:
	(void)lines_close(&l->sink, NULL);
	return -ENOMEM;
}
