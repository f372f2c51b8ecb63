/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns the dictionary and lifecycle records that pass by in time order into
 * names for each row: comm, parent, command line, cgroup, container, path.
 *
 * A name is the one valid at the row's time, or null. Nothing here is written to
 * a file and no thread is started. Not thread safe.
 */
#ifndef SONDE_ENRICH_ENRICH_H
#define SONDE_ENRICH_ENRICH_H

#include "schema/batch.h"

struct enrich;

struct enrich_opts {
	/*
	 * The records come from this machine as they happen: what they do not tell is
	 * asked of /proc and the cgroup file system. Else only the records count.
	 */
	bool live;
	u32 max_threads;    /* 0 is 256 Ki */
	u32 max_cgroups;    /* 0 is 16 Ki */
	u64 max_name_bytes; /* strings and the table of files together; 0 is 24 MiB */
	u64 grace_ns;       /* how long a thread is remembered after its end; 0 is 10 s */
};

struct enrich_stats {
	/* What is known now. */
	u64 threads, processes, paths, cgroups, name_bytes;
	/* What was forgotten too early because a limit was reached: rows may lack names. */
	u64 dropped_threads, dropped_paths, dropped_cgroups;
	u64 malformed; /* records that could not be learned from */
	u64 no_memory; /* names that could not be kept, memory being short */
	/* Questions asked of /proc and the cgroup file system, and those that were answered. */
	u64 proc_asked, proc_answered, cgroup_asked, cgroup_answered;
};

/* NULL when memory is short. opts may be NULL: offline, default limits. */
struct enrich *enrich_new(const struct enrich_opts *opts);
void enrich_free(struct enrich *e);
DEFINE_FREEP(struct enrich, enrich_free)

/*
 * Learns from a record; call it for every one, in order of time, before asking
 * for its names. 0, also for an event that teaches nothing; -EINVAL for a record
 * that is not well formed, -ENOMEM: both are counted, and nothing breaks.
 */
int enrich_learn(struct enrich *e, const struct sn_event *ev, const void *rec, size_t size);

/*
 * The names of the record's row. The strings stay valid until the next call of a
 * function of this header: append the row before that.
 *
 * ppid is the process that made this one, also after that one has ended.
 */
void enrich_names(struct enrich *e, const struct sn_event *ev, const void *rec, size_t size,
		  struct sn_names *ret_names);

void enrich_get_stats(const struct enrich *e, struct enrich_stats *ret);

#endif
