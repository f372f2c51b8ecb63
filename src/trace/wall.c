// SPDX-License-Identifier: BSD-2-Clause
#include "trace/wall.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_S 1000000000ull
/* The kernel slews a clock by at most 500 ppm, and by as much again for adjtime(3). */
#define SLEW_DIVISOR 1000

void wall_done(struct wall *w)
{
	free(w->at);
	*w = (struct wall){};
}

int wall_add(struct wall *w, u64 mono_ns, u64 wall_ns)
{
	u32 cap = w->cap ? 2 * w->cap : 64;
	struct wall_point *at;

	if (w->nr == w->cap) {
		at = reallocarray(w->at, cap, sizeof(*at));
		if (!at)
			return -ENOMEM;
		w->at = at;
		w->cap = cap;
	}
	w->at[w->nr++] = (struct wall_point){ mono_ns, wall_ns };
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct wall_point *x = a, *y = b;

	return x->mono_ns < y->mono_ns ? -1 : x->mono_ns > y->mono_ns;
}

int wall_read(struct wall *w, struct trace *t, struct diag *d)
{
	static const char *const names[] = { "ts", "wall_ns", NULL };
	const struct sn_event *ev = schema_event(SN_SLOT_clock);
	_cleanup_(trace_cursor_freep) struct trace_cursor *c = NULL;
	const struct column *ts, *wall;
	const struct batch *b;
	int r;

	r = trace_cursor_open(t, ev, names, 0, UINT64_MAX, &c, d);
	while (r >= 0 && (r = trace_cursor_next(c, &b, d)) > 0) {
		ts = &b->columns[schema_column(ev, "ts")];
		wall = &b->columns[schema_column(ev, "wall_ns")];
		for (u32 row = 0; r > 0 && row < b->nr; row++)
			if (!column_is_null(ts, row) && !column_is_null(wall, row) &&
			    wall_add(w, column_num(ts, row), column_num(wall, row)) < 0)
				r = diag_errno(d, -ENOMEM, "cannot read the clock");
	}
	if (r >= 0 && w->nr)
		qsort(w->at, w->nr, sizeof(*w->at), compare);
	return r;
}

/* The last point at or before the instant, or the first of all. */
static u32 find(struct wall *w, u64 mono_ns)
{
	u32 from = 0, to = w->nr, middle;

	if (w->at[w->last].mono_ns <= mono_ns &&
	    (w->last + 1 == w->nr || w->at[w->last + 1].mono_ns > mono_ns))
		return w->last;
	while (to - from > 1) {
		middle = from + (to - from) / 2;
		if (w->at[middle].mono_ns <= mono_ns)
			from = middle;
		else
			to = middle;
	}
	w->last = from;
	return from;
}

u64 wall_at(struct wall *w, u64 mono_ns)
{
	u32 i = find(w, mono_ns);
	const struct wall_point *p = &w->at[i], *next = p + 1;
	u64 since_ns = mono_ns - p->mono_ns, span_ns;
	s64 change;

	if (i + 1 == w->nr || mono_ns < p->mono_ns)
		return p->wall_ns + since_ns;
	span_ns = next->mono_ns - p->mono_ns;
	change = (s64)(next->wall_ns - p->wall_ns - span_ns);
	if ((u64)(change < 0 ? -(u64)change : (u64)change) > span_ns / SLEW_DIVISOR)
		return p->wall_ns + since_ns;
	return p->wall_ns + since_ns + (u64)(s64)((__int128)change * since_ns / span_ns);
}

void wall_print(struct wall *w, u64 mono_ns, char ret[WALL_LEN])
{
	u64 ns = wall_at(w, mono_ns), rest = ns % NS_PER_S;
	time_t second = (time_t)(ns / NS_PER_S);
	struct tm tm;

	/* Rows of one second follow each other. */
	if (!w->text[0] || w->second != ns / NS_PER_S) {
		(void)gmtime_r(&second, &tm);
		(void)strftime(w->text, sizeof(w->text), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
		w->second = ns / NS_PER_S;
	}
	memcpy(ret, w->text, WALL_LEN);
	for (u32 i = WALL_LEN - 2; rest; rest /= 10)
		ret[i--] = (char)('0' + rest % 10);
}
