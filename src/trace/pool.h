/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The batches of a trace that is being written, of all events: with one bound on
 * the memory of those that are filled, wait, are written or lie ready; events of
 * priority may go a quarter beyond it. One thread takes and grows them, another
 * may give them back.
 */
#ifndef SONDE_TRACE_POOL_H
#define SONDE_TRACE_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "schema/batch.h"

/* Rows that an event's first batch has room for; it doubles as rows come. */
#define POOL_FIRST_ROWS 256u

struct pool {
	u32 max_rows; /* of a batch */
	u64 max_bytes;
	_Atomic u64 bytes, spare_bytes; /* of all batches, and of those that lie ready */
	pthread_mutex_t lock;
	struct pool_event {
		bool has_priority;
		u32 row_bytes;  /* that a row takes, but for its strings */
		u32 next_rows;  /* that the next new batch has room for */
		_Atomic u32 nr; /* batches in all */
		/* Under the lock: */
		struct batch *spares;
		u32 nr_spares, min_spares; /* the fewest since the last sweep */
	} events[SN_NR_EVENTS];
};

void pool_init(struct pool *p, u64 max_bytes, u32 max_rows);
/* Frees the spare ones; those that were taken must have been given back. */
void pool_done(struct pool *p);

/* An empty batch, or NULL: there is no memory for one now. An event that has none gets one. */
struct batch *pool_take(struct pool *p, const struct sn_event *ev);
/* Room for twice as many rows; false if that is too many, or too much memory. */
bool pool_grow(struct pool *p, struct batch *b);
/* Counts what its strings take by now, and returns it. */
size_t pool_count_strings(struct pool *p, struct batch *b);
/* No more rows will be put: counts its strings, and learns how large the next one should be. */
void pool_close(struct pool *p, struct batch *b);
/* Gives it back, with whatever is in it; one that was nearly empty is not kept. NULL is allowed. */
void pool_give(struct pool *p, struct batch *b);

/* Is little memory left, beside what lies ready? */
bool pool_is_crowded(const struct pool *p);
/* Frees as many spare ones as were not needed since the last call. */
void pool_sweep(struct pool *p);

#endif
