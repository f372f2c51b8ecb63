// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/spans.h"

#include <string.h>

void spans_done(struct spans *s)
{
	free(s->at);
	*s = (struct spans){};
}

static bool make_room(struct spans *s)
{
	u32 cap = s->cap ? s->cap * 2 : 16;
	struct span *at;

	if (s->nr < s->cap)
		return true;
	at = realloc(s->at, cap * sizeof(*at));
	if (!at) {
		s->failed = true;
		return false;
	}
	s->at = at;
	s->cap = cap;
	return true;
}

void spans_add(struct spans *s, u64 from, u64 to)
{
	u32 first, end = s->nr; /* the spans [first, end) touch the new one */

	if (from >= to)
		return;
	while (end && s->at[end - 1].from > to)
		end--;
	for (first = end; first && s->at[first - 1].to >= from; first--) {
		from = MIN(from, s->at[first - 1].from);
		to = MAX(to, s->at[first - 1].to);
	}
	if (first == end) {
		if (!make_room(s))
			return;
		memmove(s->at + first + 1, s->at + first, (s->nr - first) * sizeof(*s->at));
		s->nr++;
	} else {
		memmove(s->at + first + 1, s->at + end, (s->nr - end) * sizeof(*s->at));
		s->nr -= end - first - 1;
	}
	s->at[first] = (struct span){ from, to };
}

u64 spans_total(const struct spans *s, u64 from, u64 to)
{
	u64 total = 0, low, high;

	for (u32 i = 0; i < s->nr; i++) {
		low = MAX(s->at[i].from, from);
		high = MIN(s->at[i].to, to);
		total += high > low ? high - low : 0;
	}
	return total;
}
