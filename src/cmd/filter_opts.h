/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which threads and which rows are wanted: options that record and stream share.
 * Here is what the words are; what they mean on this machine (is there such a
 * device, such a process) is asked by who builds the kernel's filter.
 */
#ifndef SONDE_CMD_FILTER_OPTS_H
#define SONDE_CMD_FILTER_OPTS_H

#include "base/opt.h"
#include "schema/schema.h"

enum children {
	CHILDREN_DEFAULT, /* as the command decides */
	CHILDREN_YES,
	CHILDREN_NO,
};

struct filter_opts {
	struct opt_strings streams; /* see select_streams() */
	struct opt_ids pids, tids;
	struct opt_strings users; /* by name or number */
	const char *comm;         /* glob, or regular expression between slashes; NULL is all */
	struct opt_strings cgroups;
	struct opt_strings devices;
	struct opt_strings ops;     /* see select_ops() */
	struct opt_strings samples; /* see select_samples() */
	u64 cache_sample; /* of each event of the page cache, unless samples say otherwise; 0 is all */
	u64 min_latency_ns;
	u64 min_bytes, max_bytes;
	struct opt_range sectors;
	int children; /* enum children */
	bool errors;
	bool all;
	bool pseudo_fs;
};

/* For the defaults of a command's options. */
#define FILTER_OPTS_DEFAULTS                                      \
	{                                                         \
		.max_bytes = UINT64_MAX, .sectors.to = UINT64_MAX \
	}

/*
 * Leaves of the events, a bit per slot, those whose rows can pass all filters: what has
 * no size is not within a size. -EINVAL with a sentence if none is left.
 */
int filter_check(const struct filter_opts *f, u64 *events, struct diag *d);

/* One in so many rows of each event is kept, 0: all. 0, or -EINVAL with a sentence. */
int filter_samples(const struct filter_opts *f, u32 nr[SN_NR_EVENTS], struct diag *d);

/* Events that --sample means: not those of processes, which names hang on. */
u64 filter_sampled(void);

/* Two groups for a command's list, given where its struct filter_opts lies. */
extern const struct opt filter_thread_rows[];
extern const struct opt filter_row_rows[];

#define FILTER_GROUPS(base)                            \
	{ "What is recorded", filter_row_rows, base }, \
	{                                              \
		"Whose", filter_thread_rows, base      \
	}

#endif
