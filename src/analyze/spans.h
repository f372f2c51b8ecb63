/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time that intervals cover together, however they overlap. Made for
 * intervals that come nearly in order of their ends, as requests complete.
 */
#ifndef SONDE_ANALYZE_SPANS_H
#define SONDE_ANALYZE_SPANS_H

#include "base/macro.h"

struct span {
	u64 from, to;
};

struct spans {
	struct span *at; /* disjoint, in order of time */
	u32 nr, cap;
	bool failed;
};

void spans_done(struct spans *s);
void spans_add(struct spans *s, u64 from, u64 to);
/* What is covered inside [from, to). */
u64 spans_total(const struct spans *s, u64 from, u64 to);

static inline void spans_clear(struct spans *s)
{
	s->nr = 0;
}

#endif
