/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A histogram of 64-bit values with a bounded relative error: 32 buckets an
 * octave, so a percentile, told as the middle of its bucket, is off by at most
 * 1/64 (1.57 %). Values below 64, the smallest and the largest are exact, and so
 * is everything while there are no more than HIST_FEW values: a table of a
 * million files, most of them touched a few times, needs no buckets for them.
 */
#ifndef SONDE_ANALYZE_HIST_H
#define SONDE_ANALYZE_HIST_H

#include "base/macro.h"

#define HIST_SUB_BITS 5
#define HIST_SUB (1u << HIST_SUB_BITS)
#define HIST_FEW 6

struct hist {
	u64 nr, sum, min, max; /* sum wraps after 584 years of nanoseconds */
	u32 *counts;           /* buckets first .. first + nr_counts - 1 */
	u16 first, nr_counts;
	bool failed;       /* memory was short: counts are incomplete */
	u64 few[HIST_FEW]; /* the values, while there are no buckets */
};

void hist_done(struct hist *h);
void hist_merge(struct hist *h, const struct hist *other);
/* The value that p percent of all values do not exceed; 0 if there are none. */
u64 hist_percentile(const struct hist *h, double p);

/* Behind hist_record(): a value that has no bucket yet. */
void hist_place(struct hist *h, u64 v);

static inline u32 hist_bucket(u64 v)
{
	u32 log2 = 63 - (u32)__builtin_clzll(v | 1);
	u32 shift = log2 > HIST_SUB_BITS ? log2 - HIST_SUB_BITS : 0;

	return (shift << HIST_SUB_BITS) + (u32)(v >> shift);
}

static inline void hist_record(struct hist *h, u64 v)
{
	u32 at = hist_bucket(v) - h->first;

	if (!h->nr || v < h->min)
		h->min = v;
	if (v > h->max)
		h->max = v;
	h->sum += v;
	if (at < h->nr_counts)
		h->counts[at] += h->counts[at] != UINT32_MAX;
	else
		hist_place(h, v);
	h->nr++;
}

#endif
