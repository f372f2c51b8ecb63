/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the old footers out of parts that are complete: copies the row groups to
 * a new file, which then takes the part's name. On a thread of its own, because it
 * waits for the disk; whatever goes wrong, the part stays as it was.
 */
#ifndef SONDE_TRACE_TIDY_H
#define SONDE_TRACE_TIDY_H

#include "trace/parquet_writer.h"

struct tidy;

/* dirfd stays the caller's. NULL when memory is short. */
struct tidy *tidy_new(int dirfd);
/* Waits until everything is done. Takes NULL. */
void tidy_free(struct tidy *t);

/*
 * name: of the part, relative to dirfd; new_name: of the file made beside it. Not
 * worth it where the old footers are few, or memory is short; then nothing happens.
 */
void tidy_part(struct tidy *t, const char *name, const char *new_name,
	       const struct parquet_writer *pq);

/* Waits until everything is done. */
void tidy_wait(struct tidy *t);
/* Bytes that have gone away so far. */
u64 tidy_saved_bytes(const struct tidy *t);

#endif
