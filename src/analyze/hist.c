// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/hist.h"

#include <string.h>

void hist_done(struct hist *h)
{
	free(h->counts);
	*h = (struct hist){};
}

/* Makes buckets [from, to) exist, whole octaves at a time. */
static bool cover(struct hist *h, u32 from, u32 to)
{
	u32 first = from / HIST_SUB * HIST_SUB, end = ALIGN_UP(to, HIST_SUB);
	u32 *counts;

	if (h->nr_counts) {
		first = MIN(first, h->first);
		end = MAX(end, (u32)h->first + h->nr_counts);
	}
	counts = calloc(end - first, sizeof(*counts));
	if (!counts) {
		h->failed = true;
		return false;
	}
	if (h->nr_counts)
		memcpy(counts + (h->first - first), h->counts, h->nr_counts * sizeof(*counts));
	free(h->counts);
	h->counts = counts;
	h->first = (u16)first;
	h->nr_counts = (u16)(end - first);
	return true;
}

static void add(struct hist *h, u32 bucket, u64 nr)
{
	u32 *count;

	if (bucket - h->first >= h->nr_counts && !cover(h, bucket, bucket + 1))
		return;
	count = &h->counts[bucket - h->first];
	*count = nr < UINT32_MAX - *count ? *count + (u32)nr : UINT32_MAX;
}

static void spill(struct hist *h)
{
	for (u64 i = 0; i < h->nr; i++)
		add(h, hist_bucket(h->few[i]), 1);
}

void hist_place(struct hist *h, u64 v)
{
	if (!h->counts && h->nr < HIST_FEW) {
		h->few[h->nr] = v;
		return;
	}
	if (!h->counts)
		spill(h);
	add(h, hist_bucket(v), 1);
}

void hist_merge(struct hist *h, const struct hist *other)
{
	u64 nr = h->nr, sum = h->sum, min = h->min, max = h->max;

	if (!other->nr)
		return;
	if (!other->counts) {
		for (u64 i = 0; i < other->nr; i++)
			hist_record(h, other->few[i]);
		return;
	}
	if (!h->counts)
		spill(h);
	for (u32 i = 0; i < other->nr_counts; i++)
		if (other->counts[i])
			add(h, other->first + i, other->counts[i]);
	h->nr = nr + other->nr;
	h->sum = sum + other->sum;
	h->min = nr ? MIN(min, other->min) : other->min;
	h->max = MAX(max, other->max);
	h->failed |= other->failed;
}

static u64 middle(u32 bucket)
{
	u32 shift = bucket / HIST_SUB - 1;

	if (bucket < 2 * HIST_SUB)
		return bucket;
	return ((u64)(bucket % HIST_SUB + HIST_SUB) << shift) + (1ull << shift) / 2;
}

static u64 nth_of_few(const struct hist *h, u64 rank)
{
	u64 below, same;

	for (u64 i = 0; i < h->nr; i++) {
		below = same = 0;
		for (u64 j = 0; j < h->nr; j++) {
			below += h->few[j] < h->few[i];
			same += h->few[j] == h->few[i];
		}
		if (below < rank && rank <= below + same)
			return h->few[i];
	}
	return h->max;
}

u64 hist_percentile(const struct hist *h, double p)
{
	u64 rank, seen = 0, v;

	if (!h->nr)
		return 0;
	rank = (u64)(p / 100 * (double)h->nr);
	if ((double)rank < p / 100 * (double)h->nr)
		rank++;
	if (rank <= 1)
		return h->min;
	if (rank >= h->nr)
		return h->max;
	if (!h->counts)
		return nth_of_few(h, rank);
	for (u32 i = 0; i < h->nr_counts; i++) {
		seen += h->counts[i];
		if (seen >= rank) {
			v = middle(h->first + i);
			return v < h->min ? h->min : MIN(v, h->max);
		}
	}
	return h->max;
}
