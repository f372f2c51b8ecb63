/* SPDX-License-Identifier: BSD-2-Clause */
/* All that a report says about a trace, computed in one pass over it. Prints nothing. */
#ifndef SONDE_ANALYZE_SUMMARY_H
#define SONDE_ANALYZE_SUMMARY_H

#include "analyze/faults.h"
#include "analyze/fileops.h"
#include "analyze/manifest.h"
#include "analyze/pages.h"
#include "trace/reader.h"

struct summary_opts {
	bool want[SN_NR_EVENTS]; /* by slot; bookkeeping and who was who are always read */
	u64 since_ns, until_ns;  /* offsets from the start; 0 and UINT64_MAX are all */
	u32 max_slow;
};

/* Records lost of one event for one cause. */
struct loss {
	u32 of, cause; /* texts */
	u64 nr, nr_holes;
	u64 first_ns, last_ns;
	u64 length_ns; /* of all holes together */
};

struct summary {
	struct manifest manifest;
	struct diag manifest_error; /* why it could not be read */
	struct texts texts;
	struct procs procs;
	struct disks disks;
	struct fileops fileops;
	struct pages pages;
	struct faults faults;
	bool want[SN_NR_EVENTS]; /* as it was asked for; what core events there are, is wanted */
	u64 rows[SN_NR_EVENTS];  /* in the trace */
	bool rows_are_counted[SN_NR_EVENTS];
	struct loss *losses;
	u32 nr_losses;
	unsigned int nr_damaged;           /* parts whose end was cut off */
	struct diag damages[SN_NR_EVENTS]; /* why rows of an event could not be read, or "" */
	u64 start_ns,
		end_ns; /* CLOCK_MONOTONIC; of the recording, or of the rows if it does not say */
	bool start_is_known, end_is_known;
	u64 from_ns, to_ns; /* the window that was asked for, inside these */
};

/*
 * Reads the trace. 0, or negative errno with a sentence; ret is then untouched.
 * Damage in an event's files costs the row groups that it is in, see damages.
 */
int summary_read(struct trace *t, const struct summary_opts *opts, struct summary **ret,
		 struct diag *d);
void summary_free(struct summary *s);
DEFINE_FREEP(struct summary, summary_free)

#endif
