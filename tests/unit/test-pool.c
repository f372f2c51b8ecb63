// SPDX-License-Identifier: BSD-2-Clause
/* What is kept where rows come faster than they can be written. */
#include <time.h>

#include "trace-help.h"

/* A writer that is behind, however slow sanitizers make who gives it rows: groups are small. */
static const struct trace_writer_opts slow_opts = {
	.max_batch_bytes = 1 << 20,
	.zstd_level = 19,
	.flush_ns = 1,
	.rows_per_group = 64,
};

/* Of what happens to processes nothing is, while other rows fill the memory. */
TEST(what_happens_to_processes_is_kept_in_a_flood)
{
	enum { NR = 40000 };
	const struct sn_event *flood = schema_by_name("vfs_read", 8),
			      *seldom = schema_by_name("proc_exit", 9);
	struct trace_writer_counts flood_counts, seldom_counts;
	struct sample often, now_and_then;
	const char *dir = fresh_path();
	struct trace_writer *w;
	struct diag d = {};

	check_eq(trace_writer_open(dir, &slow_opts, &w, &d), 0);
	random_sample(&often, flood, 1);
	random_sample(&now_and_then, seldom, 1);
	for (u64 ts = 1; ts <= NR; ts++) {
		((struct sn_hdr *)often.rec)->ts = ts;
		check_eq(put_sample(w, &often), 0);
		if (ts % 50 == 0)
			check_eq(put_sample(w, &now_and_then), 0);
		if (ts == NR / 2 || ts == NR / 2 + 1) /* they go on in another batch */
			trace_writer_tick(w, ts);
	}
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_counts(w, flood, &flood_counts);
	trace_writer_counts(w, seldom, &seldom_counts);
	trace_writer_free(w);
	printf("# of %u %" PRIu64 " lost\n", NR, flood_counts.lost);
	check(flood_counts.lost > 0);
	check_eq(seldom_counts.written, NR / 50);
	remove_all(dir);
}

/* Who waits while the writer is behind loses nothing, however slow it is. */
TEST(nothing_is_lost_by_who_waits)
{
	enum { NR = 20000 };
	const struct sn_event *ev = schema_by_name("vfs_read", 8);
	struct trace_writer_counts counts;
	const char *dir = fresh_path();
	struct trace_writer *w;
	struct sample sample;
	struct diag d = {};
	u64 nr_waits = 0;

	check_eq(trace_writer_open(dir, &slow_opts, &w, &d), 0);
	random_sample(&sample, ev, 1);
	for (u64 ts = 1; ts <= NR; ts++) {
		for (; trace_writer_is_crowded(w); nr_waits++)
			(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		((struct sn_hdr *)sample.rec)->ts = ts;
		check_eq(put_sample(w, &sample), 0);
	}
	check_eq(trace_writer_finish(w, &d), 0);
	trace_writer_counts(w, ev, &counts);
	trace_writer_free(w);
	printf("# waited %" PRIu64 " times\n", nr_waits);
	check(nr_waits > 0);
	check_eq(counts.lost, 0);
	check_eq(counts.written, NR);
	remove_all(dir);
}

TESTS(what_happens_to_processes_is_kept_in_a_flood, nothing_is_lost_by_who_waits)
