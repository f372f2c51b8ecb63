/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * manifest.json as structs. What is missing is NULL, 0, or false beside has_x:
 * a crash may have come before it was written, and older versions knew less.
 */
#ifndef SONDE_ANALYZE_MANIFEST_H
#define SONDE_ANALYZE_MANIFEST_H

#include "base/buf.h"
#include "base/diag.h"
#include "schema/values.h"

struct json_object;

/* A count that may not be known: null is never 0. */
struct maybe {
	u64 n;
	bool known;
};

struct manifest_stream {
	const char *name, *reason, *weaker;
	bool attached;
};

struct manifest_program {
	const char *domain, *name, *group, *hook, *reason, *weaker;
	bool attached;
	struct maybe runs, missed;
	struct maybe kernel_runs; /* the kernel's own count, of a recording that has ended */
	struct maybe outcomes[SN_NR_OUTCOMES];
};

struct manifest_event {
	const char *name;
	struct maybe emitted, put, written, in_flight;
	struct maybe lost_ring, lost_map, lost_missed, lost_writer;
};

struct manifest_disk {
	const char *dev, *name; /* "259:0", "nvme0n1" */
};

struct manifest_sampling {
	const char *stream;
	u64 n;
};

struct manifest {
	struct json_object *root; /* owns all strings */
	bool is_there, complete;
	const char *version, *host, *machine, *machine_id, *kernel;
	struct maybe cpus, page_size, started_mono, started_wall, stopped_mono;
	struct maybe target_pid, target_status;
	bool has_target, target_signalled;
	const char *target_signal;  /* name or number, as text */
	struct buf command, target; /* argument vectors, joined as a shell would read them */
	struct buf filters;         /* as "key value, key value" */
	bool is_narrowed;           /* by more than streams and processes: any row may be missing */

	struct manifest_stream *streams;
	struct manifest_program *programs;
	struct manifest_event *events;
	struct manifest_sampling *sampling;
	struct manifest_disk *disks;
	const char **problems;
	u32 nr_disks, nr_streams, nr_programs, nr_events, nr_sampling, nr_problems;
};

/* "" is a manifest that is not there. -EINVAL with a sentence for what is no JSON object. */
int manifest_parse(const char *text, struct manifest *ret, struct diag *d);
void manifest_done(struct manifest *m);

/* Of the machine that recorded; 4096 where nobody knows. */
u64 manifest_page_size(const struct manifest *m);

/* What the machine called the disk of this number ("259:0"); "" if nobody knows. */
const char *manifest_disk_name(const struct manifest *m, const char *dev);

extern const char *const manifest_outcomes[SN_NR_OUTCOMES];

/*
 * True unless counters of the event contradict each other: what was put was
 * written or lost, and what the kernel emitted was put. Events that user space
 * makes itself (is_core) are put without being emitted.
 */
bool manifest_event_adds_up(const struct manifest_event *e, bool is_core);

/* Records of the event that were lost, whatever the cause. */
u64 manifest_event_lost(const struct manifest_event *e);

/* What the kernel counted, or else what the programs did. */
const struct maybe *manifest_runs(const struct manifest_program *p);

/*
 * True unless the program's runs are known and are not the sum of its outcomes. As sonde takes
 * that sum for the runs, only those that the kernel counted itself say something.
 */
bool manifest_adds_up(const struct manifest_program *p, u64 *ret_sum);

#endif
