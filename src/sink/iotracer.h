/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows as IO Tracer writes them, so that what was written for it runs unchanged: CSV of
 * one of three layouts, see docs/IOTRACER.md. A file holds one stream, which is
 * made of the rows of several events.
 */
#ifndef SONDE_SINK_IOTRACER_H
#define SONDE_SINK_IOTRACER_H

#include "sink/packed.h"
#include "sink/sink.h"

enum iotracer_layout {
	IOTRACER_DOC,  /* as its documentation says */
	IOTRACER_SEED, /* as its first version writes */
	IOTRACER_HEAD, /* as its last version that is known writes */
	IOTRACER_NR_LAYOUTS
};

enum iotracer_stream {
	IOTRACER_FS,
	IOTRACER_BLOCK,
	IOTRACER_CACHE,
	IOTRACER_FAULT, /* which the last version has not */
	IOTRACER_NR_STREAMS
};

/* The words for them, NULL behind the last. */
extern const char *const iotracer_layouts[];

/* Operations that a layout may not know, by their names. */
struct iotracer_left_out {
	const char *name;
	u64 nr;
};

/* What one file is to be. */
struct iotracer_file {
	enum iotracer_layout layout;
	enum iotracer_stream stream;
	u64 page_size;    /* of the machine that recorded */
	bool knows_pages; /* the trace has rows of pages: what was missed is told by these */
};

/* The events that a stream is made of, a bit per slot; 0: the layout does not have it. */
u64 iotracer_events(enum iotracer_layout layout, enum iotracer_stream stream);
/* How its directory or file is called: "fs", "ds"; and how the layout compresses. */
const char *iotracer_name(enum iotracer_layout layout, enum iotracer_stream stream);
enum packing iotracer_packing(enum iotracer_layout layout);

/* A column as the manifest of the last version tells it. */
struct iotracer_column {
	const char *name, *type, *unit, *doc;
};

/* The i-th column of a stream; false behind the last. */
bool iotracer_column(enum iotracer_layout layout, enum iotracer_stream stream, u32 i,
		     struct iotracer_column *ret);

/* Takes rows from traces, in order of time. fd stays the caller's; sink.wall must be set. */
int iotracer_open(int fd, const struct iotracer_file *file, struct sink **ret);
/* Rows that were written so far. */
u64 iotracer_rows(const struct sink *s);
/* What was left out; behind the last one a name of NULL. Valid until it is closed. */
const struct iotracer_left_out *iotracer_left_out(struct sink *s);

#endif
