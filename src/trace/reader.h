/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a trace directory, complete, running, or cut by a crash. Every byte of a
 * file is checked: a damaged or hostile file gives an error, never a fault.
 */
#ifndef SONDE_TRACE_READER_H
#define SONDE_TRACE_READER_H

#include "base/diag.h"
#include "schema/batch.h"

struct trace;

/* Opens the directory and reads manifest.json. -ENOENT, -EINVAL if it is no trace. */
int trace_open(const char *dir, struct trace **ret, struct diag *d);
void trace_free(struct trace *t);
DEFINE_FREEP(struct trace, trace_free)

/* The text of manifest.json, NUL-terminated, also a damaged one; "" if a crash came before it was written. */
const char *trace_manifest(const struct trace *t);

/* Rows of the event, without reading them; 0 if it has no folder. Negative errno. */
s64 trace_rows(struct trace *t, const struct sn_event *ev, struct diag *d);

/* Parts whose end was cut off, whose rows since their last flush are gone. */
unsigned int trace_damaged_parts(const struct trace *t);

struct trace_cursor;

/*
 * Reads the rows of one event in order of their parts and groups.
 * columns: names wanted, NULL-terminated; NULL is all. Columns not wanted, and
 * such as the file does not have, are left all null (valid all zero).
 * Rows outside from_ns <= ts <= to_ns may be skipped by whole groups; the caller
 * still has to compare.
 */
int trace_cursor_open(struct trace *t, const struct sn_event *ev, const char *const *columns,
		      u64 from_ns, u64 to_ns, struct trace_cursor **ret, struct diag *d);
/* The next batch, which stays the cursor's and lives until the next call. 1, 0 at the end, or negative errno. */
int trace_cursor_next(struct trace_cursor *c, const struct batch **ret, struct diag *d);
void trace_cursor_free(struct trace_cursor *c);
DEFINE_FREEP(struct trace_cursor, trace_cursor_free)

/* Parts that a repair changed. */
struct trace_repaired {
	u32 nr_cut;       /* back to their last valid footer */
	u32 nr_set_aside; /* nothing in them was complete: they have another name now */
};

/* Makes what a crash left readable for every tool. */
int trace_repair(const char *dir, struct trace_repaired *ret, struct diag *d);

#endif
