/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the rings of all cpus as one stream in order of time.
 *
 * Each ring is in order; they are merged by the records' own times. Only what is
 * older than a short window is handed out, so that a record which another cpu is
 * just writing is not overtaken. What comes late all the same is handed out and counted.
 */
#ifndef SONDE_KERNEL_RING_H
#define SONDE_KERNEL_RING_H

#include "base/diag.h"
#include "schema/event.h"

struct rings;

/* A record; valid until the function returns. A negative return ends the drain. */
typedef int (*ring_fn)(void *ctx, const struct sn_hdr *rec, size_t size);
/* Is there no room for many more records now? */
typedef bool (*ring_crowded_fn)(void *ctx);

struct rings_stats {
	u64 records;
	u64 late;           /* older than one handed out before */
	u64 malformed;      /* too short to be a record; never in an intact kernel */
	u64 max_fill_bytes; /* most that any ring held when it was looked at */
};

int rings_new(struct rings **ret);
/* Maps a ring buffer; fd stays the caller's. Of records of one instant those of the ring added first come first. */
int rings_add(struct rings *r, int fd, u32 bytes, struct diag *d);
void rings_free(struct rings *r);
DEFINE_FREEP(struct rings, rings_free)

/*
 * Where records are handed out to. While it is crowded they stay in the rings; if one of these
 * is nearly full they are handed out all the same.
 */
struct ring_sink {
	ring_fn fn;
	ring_crowded_fn is_crowded; /* or NULL: never */
	void *ctx;
};

/*
 * Hands out all records that are older than window_ns; 0 hands out everything there is, of rings
 * that nothing is added to any more: however full they are, they wait. The number of records, or
 * fn's negative return.
 */
s64 rings_drain(struct rings *r, u64 window_ns, const struct ring_sink *to);
/* Did the last drain leave records because of a crowd? */
bool rings_wait(const struct rings *r);

/* The fullest ring at the last drain, in parts of a thousand. */
u32 rings_fill(const struct rings *r);
const struct rings_stats *rings_stats(const struct rings *r);

#endif
