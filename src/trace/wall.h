/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wall clock of an instant. Rows carry CLOCK_MONOTONIC; the table clock says now
 * and then what the wall clock was. Between two such rows the difference is
 * interpolated, for clocks are slewed; where it changes by more than a clock is ever
 * slewed, the clock was set, nobody knows when: there the earlier row counts.
 */
#ifndef SONDE_TRACE_WALL_H
#define SONDE_TRACE_WALL_H

#include "trace/reader.h"

struct wall_point {
	u64 mono_ns, wall_ns;
};

struct wall {
	struct wall_point *at; /* in order of mono_ns, once wall_read() is done */
	u32 nr, cap;
	u32 last; /* the point found last */
	u64 second;
	char text[32]; /* of that second */
};

#define WALL_LEN 30 /* "2026-11-20T14:02:11.000000000Z" */

/* Begins with a point that is known otherwise, for a trace without the table. 0 or -ENOMEM. */
int wall_add(struct wall *w, u64 mono_ns, u64 wall_ns);
/* Takes the points of the trace's table. 0 or negative errno with a sentence. */
int wall_read(struct wall *w, struct trace *t, struct diag *d);
void wall_done(struct wall *w);

/* The instant in nanoseconds since 1970; there must be a point. */
u64 wall_at(struct wall *w, u64 mono_ns);
/* The instant as text of ISO 8601, WALL_LEN characters, in UTC; there must be a point. */
void wall_print(struct wall *w, u64 mono_ns, char ret[WALL_LEN]);

#endif
