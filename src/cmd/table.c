// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/table.h"

#include <stdarg.h>
#include <stdio.h>

#define LAST_GOOD 20 /* room that the last column should have: others are dropped for it */
#define LAST_MIN 12  /* and that it keeps in however narrow a terminal */

/* v / unit, rounded to three significant digits. */
static void show_three(struct buf *b, u64 v, u64 unit, const char *suffix)
{
	unsigned __int128 wide = v;
	u64 hundredths = (u64)((wide * 100 + unit / 2) / unit);
	u64 tenths = (u64)((wide * 10 + unit / 2) / unit);

	if (hundredths < 1000)
		buf_printf(b, "%llu.%02llu%s", (unsigned long long)hundredths / 100,
			   (unsigned long long)hundredths % 100, suffix);
	else if (tenths < 1000)
		buf_printf(b, "%llu.%llu%s", (unsigned long long)tenths / 10,
			   (unsigned long long)tenths % 10, suffix);
	else
		buf_printf(b, "%llu%s", (unsigned long long)((wide + unit / 2) / unit), suffix);
}

void show_dur(struct buf *b, u64 ns)
{
	u64 s = ns / 1000000000 + (ns % 1000000000 >= 500000000);

	if (ns < 1000)
		buf_printf(b, "%llu%s", (unsigned long long)ns, ns ? "ns" : "");
	else if (ns < 999500)
		show_three(b, ns, 1000, "us");
	else if (ns < 999500000)
		show_three(b, ns, 1000000, "ms");
	else if (s < 600)
		show_three(b, ns, 1000000000, "s");
	else if (s < 36000)
		buf_printf(b, "%llum%02llus", (unsigned long long)s / 60,
			   (unsigned long long)s % 60);
	else
		buf_printf(b, "%lluh%02llum", (unsigned long long)s / 3600,
			   (unsigned long long)s / 60 % 60);
}

void show_size(struct buf *b, u64 bytes)
{
	static const char *const suffixes[] = { "", "K", "M", "G", "T", "P", "E" };
	u32 i = 0;

	while (i + 1 < ARRAY_SIZE(suffixes) && bytes >> 10 * i >= 1000 &&
	       (bytes >> 10 * i >= 1024 || i))
		i++;
	if (bytes & ((1ull << 10 * i) - 1))
		show_three(b, bytes, 1ull << 10 * i, suffixes[i]);
	else
		buf_printf(b, "%llu%s", (unsigned long long)(bytes >> 10 * i), suffixes[i]);
}

void show_exact(struct buf *b, u64 nr)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)nr);

	for (int i = 0; i < n; i++) {
		buf_putc(b, digits[i]);
		if (i + 1 < n && (n - i - 1) % 3 == 0)
			buf_putc(b, ',');
	}
}

void show_count(struct buf *b, u64 nr)
{
	if (nr < 100000000)
		show_exact(b, nr);
	else if (nr < 999500000)
		show_three(b, nr, 1000000, "M");
	else
		show_three(b, nr, 1000000000, "G");
}

void show_share(struct buf *b, u64 part, u64 whole)
{
	u64 percent = whole ? (u64)(((unsigned __int128)part * 100 + whole / 2) / whole) : 0;

	if (!part || !whole)
		return;
	if (!percent)
		buf_puts(b, "<1%");
	else if (percent == 100 && part < whole)
		buf_puts(b, ">99%");
	else
		buf_printf(b, "%llu%%", (unsigned long long)percent);
}

/* Length of the UTF-8 sequence at p, 0 if there is none; the character in *ret. */
static u32 utf8(const u8 *p, size_t len, u32 *ret)
{
	static const u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	u32 n = p[0] < 0x80       ? 1
		: p[0] >> 5 == 6  ? 2
		: p[0] >> 4 == 14 ? 3
		: p[0] >> 3 == 30 ? 4
				  : 0;
	u32 c = n == 1 ? p[0] : n ? p[0] & (0x7f >> n) : 0;

	if (!n || n > len)
		return 0;
	for (u32 i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return n;
}

/* Controls, and characters that are invisible or turn the direction of others. */
static bool is_harmful(u32 c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

void show_text(struct buf *b, const char *p, size_t len)
{
	u32 n, c;

	for (size_t i = 0; i < len; i += n) {
		n = utf8((const u8 *)p + i, len - i, &c);
		if (n && !is_harmful(c) && (c != ' ' || i + 1 < len)) {
			buf_put(b, p + i, n);
			continue;
		}
		n = n ? n : 1;
		for (u32 j = 0; j < n; j++)
			buf_printf(b, "\\x%02x", (u8)p[i + j]);
	}
}

void show_utf8(struct buf *b, const char *p, size_t len)
{
	u32 n, c;

	for (size_t i = 0; i < len; i += n ? n : 1) {
		n = utf8((const u8 *)p + i, len - i, &c);
		if (n)
			buf_put(b, p + i, n);
		else
			buf_puts(b, "\xef\xbf\xbd");
	}
}

u32 text_width(const char *p, size_t len)
{
	u32 width = 0;

	for (size_t i = 0; i < len; i++)
		width += ((u8)p[i] & 0xc0) != 0x80;
	return width;
}

/* Bytes of the first n characters. */
static size_t bytes_of(const char *p, size_t len, u32 n)
{
	size_t i = 0;

	while (i < len && (n || ((u8)p[i] & 0xc0) == 0x80)) {
		n -= ((u8)p[i] & 0xc0) != 0x80;
		i++;
	}
	return i;
}

/* Text that is fit to be shown, in at most width columns. */
static void show_cut(struct buf *b, const char *p, size_t len, u32 width, bool cut_end)
{
	u32 all = text_width(p, len), head, tail;
	size_t from;

	if (all <= width || width < 4) {
		buf_put(b, p, all <= width ? len : bytes_of(p, len, width));
		return;
	}
	/* A path's end tells more than its beginning. */
	head = cut_end ? width - 3 : (width - 3) / 3;
	tail = width - 3 - head;
	from = bytes_of(p, len, all - tail);
	buf_put(b, p, bytes_of(p, len, head));
	buf_puts(b, "...");
	buf_put(b, p + from, len - from);
}

void show_short(struct buf *b, const char *p, size_t len, u32 width, bool cut_end)
{
	_cleanup_(buf_done) struct buf clean = {};

	show_text(&clean, p, len);
	if (clean.len)
		show_cut(b, clean.data, clean.len, width ? width : UINT32_MAX, cut_end);
	b->failed |= clean.failed;
}

void table_init(struct table *t, const struct table_col *cols, u32 nr_cols)
{
	*t = (struct table){ .cols = cols, .nr_cols = nr_cols };
}

void table_done(struct table *t)
{
	buf_done(&t->text);
	free(t->ends);
	*t = (struct table){};
}

void table_end_cell(struct table *t)
{
	u32 cap = t->cap ? t->cap * 2 : 128;
	u32 *ends;

	if (t->nr == t->cap) {
		ends = t->text.failed ? NULL : reallocarray(t->ends, cap, sizeof(*ends));
		if (!ends) {
			t->text.failed = true;
			return;
		}
		t->ends = ends;
		t->cap = cap;
	}
	t->ends[t->nr++] = (u32)t->text.len;
}

void table_put(struct table *t, const char *fmt, ...)
{
	char cell[256];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(cell, sizeof(cell), fmt, args);
	va_end(args);
	buf_puts(&t->text, cell);
	table_end_cell(t);
}

static void end_or_dash(struct table *t, size_t start)
{
	if (t->text.len == start)
		buf_putc(&t->text, '-');
	table_end_cell(t);
}

void table_dur(struct table *t, u64 ns)
{
	size_t start = t->text.len;

	if (ns)
		show_dur(&t->text, ns);
	end_or_dash(t, start);
}

void table_size(struct table *t, u64 bytes)
{
	size_t start = t->text.len;

	if (bytes)
		show_size(&t->text, bytes);
	end_or_dash(t, start);
}

void table_count(struct table *t, u64 nr)
{
	size_t start = t->text.len;

	if (nr)
		show_count(&t->text, nr);
	end_or_dash(t, start);
}

void table_share(struct table *t, u64 part, u64 whole)
{
	size_t start = t->text.len;

	show_share(&t->text, part, whole);
	end_or_dash(t, start);
}

static const char *cell(const struct table *t, u32 i, size_t *ret_len)
{
	u32 from = i ? t->ends[i - 1] : 0;

	*ret_len = t->ends[i] - from;
	return t->text.data + from;
}

static bool is_empty(const char *p, size_t len)
{
	return !len || (len == 1 && *p == '-');
}

static void pad(struct buf *out, u32 n, char c)
{
	while (n--)
		buf_putc(out, c);
}

/* Where columns stand: their widths, 0 for those left out. */
struct layout {
	u32 *widths;
	u32 indent, last; /* the last column shown */
	u32 last_width;   /* what it is cut to */
};

/* Blanks between a column and the next: neighbours of one group stand closer. */
static u32 gap_after(const struct table *t, const struct layout *l, u32 col)
{
	u32 next = col + 1;

	while (next < t->nr_cols && !l->widths[next])
		next++;
	return next < t->nr_cols && t->cols[col].group && t->cols[col].group == t->cols[next].group
		       ? 1
		       : 2;
}

static void put_cell(struct buf *out, const struct table *t, const struct layout *l, u32 col,
		     const char *p, size_t len)
{
	u32 width = l->widths[col], n = text_width(p, len);

	if (!t->cols[col].left)
		pad(out, width - MIN(n, width), ' ');
	if (col == l->last && t->cols[col].left) {
		show_cut(out, p, len, l->last_width, t->cols[col].cut_end);
		return;
	}
	buf_put(out, p, len);
	if (t->cols[col].left)
		pad(out, width - MIN(n, width), ' ');
}

static void trim(struct buf *out)
{
	while (out->len && out->data[out->len - 1] == ' ')
		out->len--;
	buf_putc(out, '\n');
}

static void put_groups(const struct table *t, struct buf *out, const struct layout *l)
{
	bool any = false;
	u32 span, n, end;

	for (u32 i = 0; i < t->nr_cols; i++)
		any |= t->cols[i].group && l->widths[i];
	if (!any)
		return;
	pad(out, l->indent, ' ');
	for (u32 i = 0; i < t->nr_cols; i = end) {
		span = 0;
		for (end = i; end < t->nr_cols && t->cols[end].group == t->cols[i].group; end++)
			span += l->widths[end] ? l->widths[end] + gap_after(t, l, end) : 0;
		if (!span)
			continue;
		span -= 2;
		n = t->cols[i].group ? (u32)strlen(t->cols[i].group) + 2 : 0;
		if (!n || n > span) {
			if (n)
				buf_puts(out, t->cols[i].group);
			pad(out, n ? (n - 2 < span ? span - n + 2 : 0) : span, ' ');
		} else {
			pad(out, (span - n) / 2, '-');
			buf_printf(out, " %s ", t->cols[i].group);
			pad(out, span - n - (span - n) / 2, '-');
		}
		pad(out, 2, ' ');
	}
	trim(out);
}

/* Columns before the last one take this much. */
static u32 width_before_last(const struct table *t, const struct layout *l)
{
	u32 used = l->indent;

	for (u32 col = 0; col < l->last; col++)
		used += l->widths[col] ? l->widths[col] + gap_after(t, l, col) : 0;
	return used;
}

/* Leaves out the column that will be missed least; false if all are needed. */
static bool drop_one(const struct table *t, const struct layout *l)
{
	u32 worst = 0;

	for (u32 col = 1; col < t->nr_cols; col++)
		if (l->widths[col] &&
		    (!l->widths[worst] || t->cols[col].drop > t->cols[worst].drop))
			worst = col;
	if (!t->cols[worst].drop)
		return false;
	l->widths[worst] = 0;
	return true;
}

static void lay_out(const struct table *t, struct layout *l, u32 width)
{
	u32 nr_rows = t->nr / t->nr_cols, used, want;
	const char *p;
	size_t len;
	bool empty;

	for (u32 col = 0; col < t->nr_cols; col++) {
		empty = !t->cols[col].always;
		for (u32 row = 0; row < nr_rows; row++) {
			p = cell(t, row * t->nr_cols + col, &len);
			empty &= is_empty(p, len);
			l->widths[col] = MAX(l->widths[col], text_width(p, len));
		}
		l->widths[col] = MAX(l->widths[col], (u32)strlen(t->cols[col].title));
		if (empty)
			l->widths[col] = 0;
		else
			l->last = col;
	}
	want = MIN(l->widths[l->last], LAST_GOOD);
	do
		used = width_before_last(t, l);
	while (width && used + want > width && drop_one(t, l));
	l->last_width = !width ? UINT32_MAX : MAX(width - MIN(width, used), LAST_MIN);
}

void table_print(const struct table *t, struct buf *out, u32 indent, u32 width)
{
	_cleanup_(freep) void *widths = calloc(t->nr_cols, sizeof(u32));
	struct layout l = { .widths = widths, .indent = indent };
	const char *p;
	size_t len;

	if (!widths || t->text.failed) {
		out->failed = true;
		return;
	}
	lay_out(t, &l, width);
	put_groups(t, out, &l);
	for (u32 i = 0; i < t->nr_cols + t->nr / t->nr_cols * t->nr_cols; i++) {
		u32 col = i % t->nr_cols;

		if (col == 0)
			pad(out, indent, ' ');
		if (l.widths[col]) {
			p = t->cols[col].title;
			len = strlen(p);
			if (i >= t->nr_cols)
				p = cell(t, i - t->nr_cols, &len);
			put_cell(out, t, &l, col, p, len);
			pad(out, gap_after(t, &l, col), ' ');
		}
		if (col == t->nr_cols - 1)
			trim(out);
	}
}
