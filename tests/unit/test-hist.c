// SPDX-License-Identifier: BSD-2-Clause
#include "test.h"

#include "analyze/hist.h"
#include "analyze/spans.h"

static u64 random_u64(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* The nearest-rank percentile, from all values. */
static u64 exact(const u64 *sorted, u64 nr, double p)
{
	u64 rank = (u64)(p / 100 * (double)nr);

	rank += (double)rank < p / 100 * (double)nr;
	return sorted[rank ? rank - 1 : 0];
}

static bool is_near(u64 got, u64 want)
{
	u64 off = got > want ? got - want : want - got;

	return (double)off <= 0.016 * (double)want;
}

TEST(empty)
{
	struct hist h = {};

	check_eq(hist_percentile(&h, 50), 0);
	check_eq(h.nr, 0);
	hist_done(&h);
}

TEST(few_are_exact)
{
	static const u64 values[] = { 1000003, 7, 999999937, 7, 123456789 };
	struct hist h = {};

	for (u32 i = 0; i < ARRAY_SIZE(values); i++)
		hist_record(&h, values[i]);
	check(!h.counts);
	check_eq(hist_percentile(&h, 0), 7);
	check_eq(hist_percentile(&h, 40), 7);
	check_eq(hist_percentile(&h, 41), 1000003);
	check_eq(hist_percentile(&h, 60), 1000003);
	check_eq(hist_percentile(&h, 80), 123456789);
	check_eq(hist_percentile(&h, 81), 999999937);
	check_eq(hist_percentile(&h, 100), 999999937);
	check_eq(h.sum, 1000003 + 7 + 999999937 + 7 + 123456789);
	hist_done(&h);
}

TEST(buckets_are_in_order_and_narrow)
{
	u32 last = 0;

	for (u32 shift = 0; shift < 58; shift++)
		for (u64 v = 32; v < 64; v++) {
			u32 bucket = hist_bucket(v << shift);

			check(bucket == last + 1 || (shift == 0 && v == 32));
			check_eq(hist_bucket((v << shift) + (1ull << shift) - 1), bucket);
			last = bucket;
		}
	check_eq(hist_bucket(0), 0);
	check_eq(hist_bucket(UINT64_MAX), 1919);
}

/* Against all values sorted, over twelve orders of magnitude, for every percent and the tail. */
TEST(percentiles_are_within_the_stated_error)
{
	enum { NR = 20000 };
	u64 *values = calloc(NR, sizeof(*values)), state = 88172645463325252ull, got, want;
	struct hist h = {};

	check(values);
	for (u32 i = 0; i < NR; i++) {
		values[i] = random_u64(&state) >> (20 + random_u64(&state) % 40);
		hist_record(&h, values[i]);
	}
	qsort(values, NR, sizeof(*values), compare);
	for (double p = 0; p <= 100; p += p < 99 ? 1 : 0.01) {
		got = hist_percentile(&h, p);
		want = exact(values, NR, p);
		if (!is_near(got, want))
			printf("# p%.2f is %llu, not %llu\n", p, (unsigned long long)got,
			       (unsigned long long)want);
		check(is_near(got, want));
	}
	check_eq(hist_percentile(&h, 100), values[NR - 1]);
	check_eq(hist_percentile(&h, 0), values[0]);
	hist_done(&h);
	free(values);
}

TEST(small_values_are_exact)
{
	struct hist h = {};

	for (u64 v = 0; v < 64; v++)
		for (u64 i = 0; i <= v; i++)
			hist_record(&h, v);
	/* v is recorded v + 1 times: ranks v (v + 1) / 2 + 1 .. (v + 1) (v + 2) / 2 of 2080. */
	for (u64 v = 1; v < 63; v++) {
		check_eq(hist_percentile(&h, 100.0 * (double)(v * (v + 1) / 2 + 1) / 2080 - 1e-9),
			 v);
		check_eq(hist_percentile(&h, 100.0 * (double)((v + 1) * (v + 2) / 2) / 2080 - 1e-9),
			 v);
	}
	hist_done(&h);
}

TEST(extremes)
{
	struct hist h = {};

	for (u32 i = 0; i < 10; i++)
		hist_record(&h, i % 2 ? UINT64_MAX : 0);
	check_eq(hist_percentile(&h, 50), 0);
	check(is_near(hist_percentile(&h, 51), UINT64_MAX));
	check(hist_percentile(&h, 100) == UINT64_MAX);
	check(h.max == UINT64_MAX);
	check_eq(h.min, 0);
	check_eq(h.nr, 10);
	hist_done(&h);
}

/* Merging in any direction is recording everything into one. */
TEST(merge)
{
	static const u32 sizes[] = { 0, 1, 5, 6, 7, 500 };
	u64 state = 12345;

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++)
		for (u32 j = 0; j < ARRAY_SIZE(sizes); j++) {
			struct hist a = {}, b = {}, all = {};

			for (u32 n = 0; n < sizes[i] + sizes[j]; n++) {
				u64 v = random_u64(&state) >> (10 + n % 50);

				hist_record(n < sizes[i] ? &a : &b, v);
				hist_record(&all, v);
			}
			hist_merge(&a, &b);
			check_eq(a.nr, all.nr);
			check(a.sum == all.sum);
			check(a.min == all.min);
			check(a.max == all.max);
			for (double p = 0; p <= 100; p += 5)
				check(hist_percentile(&a, p) == hist_percentile(&all, p));
			hist_done(&a);
			hist_done(&b);
			hist_done(&all);
		}
}

/* Against a bitmap of the covered places. */
TEST(spans_cover_what_was_added)
{
	u64 state = 4242;

	for (u32 round = 0; round < 200; round++) {
		struct spans s = {};
		u8 covered[256] = {};
		u64 want = 0, inside = 0;

		for (u32 i = 0; i < 1 + round % 40; i++) {
			u64 from = random_u64(&state) % 250;
			u64 to = from + random_u64(&state) % (1 + random_u64(&state) % 40);

			to = MIN(to, 256u);
			spans_add(&s, from, to);
			for (u64 at = from; at < to; at++)
				covered[at] = 1;
		}
		for (u32 at = 0; at < 256; at++) {
			want += covered[at];
			inside += at >= 50 && at < 120 && covered[at];
		}
		check_eq(spans_total(&s, 0, UINT64_MAX), want);
		check_eq(spans_total(&s, 50, 120), inside);
		for (u32 i = 1; i < s.nr; i++)
			check(s.at[i - 1].to < s.at[i].from);
		spans_done(&s);
	}
}

TESTS(empty, few_are_exact, buckets_are_in_order_and_narrow,
      percentiles_are_within_the_stated_error, small_values_are_exact, extremes, merge,
      spans_cover_what_was_added)
