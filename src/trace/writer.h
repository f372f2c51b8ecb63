/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a trace directory: Parquet files, a folder an event, and manifest.json.
 * See docs/TRACE-FORMAT.md.
 *
 * Rows are put by one thread and encoded, compressed and written by another, so
 * that the putting thread never waits: what does not fit into the memory bound is
 * counted as lost, cause "writer", and stands as a hole in lost/. What cannot be
 * written is counted and told in the same way, and tried again as long as rows come.
 */
#ifndef SONDE_TRACE_WRITER_H
#define SONDE_TRACE_WRITER_H

#include <sys/types.h>

#include "base/diag.h"
#include "schema/batch.h"
#include "schema/values.h"

struct trace_writer;

struct trace_writer_opts {
	u32 rows_per_group;  /* rows in a row group; 0 is 32768 */
	u32 groups_per_part; /* row groups after which a part ends; 0 is 64 */
	u64 rotate_bytes;    /* a part ends when it is this large; 0 is never */
	u64 rotate_ns;       /* a part ends when it is this old; 0 is never */
	u64 flush_ns;        /* rows wait no longer than this for their flush; 0 is 2 s */
	u64 max_batch_bytes; /* memory for rows that are not written yet; 0 is 20 MiB; see pool.h */
	int zstd_level;      /* 0 is 1 */
};

/* What became of the rows of one event. put = written + lost once the writer is closed. */
struct trace_writer_counts {
	u64 put, written, lost;
};

/* Rows of all events that were lost, by cause: an enum sn_cause. */
struct trace_writer_losses {
	u64 by_cause[SN_NR_CAUSES];
};

/*
 * Makes dir (its parent must exist) and starts the writing thread.
 * -EEXIST if dir holds something already, -EROFS, -ENOSPC, -EACCES ... with a sentence.
 */
int trace_writer_open(const char *dir, const struct trace_writer_opts *opts,
		      struct trace_writer **ret, struct diag *d);

/*
 * Copies one record. Never blocks. 0, or -EINVAL for a record that is not well
 * formed. A row for which there is no memory is counted as lost and is no error.
 */
int trace_writer_put(struct trace_writer *w, const struct sn_event *ev, const void *rec,
		     size_t size, const struct sn_names *names);

/* Flushes what has waited longer than flush_ns; call it every now and then with the time. */
void trace_writer_tick(struct trace_writer *w, u64 now_ns);

/* See trace_dir_manifest() and trace_dir_manifest_behind(). */
int trace_writer_manifest(struct trace_writer *w, const char *json, size_t len, struct diag *d);
void trace_writer_manifest_behind(struct trace_writer *w, const char *json, size_t len);

/*
 * The first error of the writing thread (a full disk, a vanished directory), 0 if
 * there is none. After an error rows are counted as lost; what was written stays.
 */
int trace_writer_error(struct trace_writer *w, struct diag *d);

/* Is it behind, so that rows will soon be lost? Not where it fails: they are lost then. Of who puts. */
bool trace_writer_is_crowded(struct trace_writer *w);
/* Does what was tried last fail? Then *d says how, and rows are lost until it can be written. */
bool trace_writer_is_failing(struct trace_writer *w, struct diag *d);

void trace_writer_counts(const struct trace_writer *w, const struct sn_event *ev,
			 struct trace_writer_counts *ret);
void trace_writer_losses(const struct trace_writer *w, struct trace_writer_losses *ret);
u64 trace_writer_bytes(const struct trace_writer *w);

/* Flushes everything, waits for the thread, closes the files. Counts stay readable until free. */
int trace_writer_finish(struct trace_writer *w, struct diag *d);
/* After that, and the last manifest: see trace_dir_give(). */
void trace_writer_give(struct trace_writer *w, uid_t uid, gid_t gid);
/* Instead of it: nothing of the trace is left. */
void trace_writer_discard(struct trace_writer *w);
void trace_writer_free(struct trace_writer *w);
DEFINE_FREEP(struct trace_writer, trace_writer_free)

#endif
