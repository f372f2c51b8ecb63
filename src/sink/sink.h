/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What takes rows: a file format, a terminal, a database. One file an output;
 * each walks the schema's tables and never has a function per event.
 */
#ifndef SONDE_SINK_SINK_H
#define SONDE_SINK_SINK_H

#include "base/diag.h"
#include "schema/batch.h"

struct wall;

struct sink {
	const struct sink_ops *ops;
	/*
	 * Set before the first row, there is a column SINK_WALL: the wall clock of ts, as text. Among
	 * chosen columns it stands where its name does, else behind ts.
	 */
	struct wall *wall;
	u64 whole; /* events, a bit a slot, that are written with all columns, whichever are wanted */
};

#define SINK_WALL "wall"

struct sink_ops {
	/* Writes rows [from, to) of a batch. 0 or negative errno; -EPIPE: nobody reads any more. */
	int (*rows)(struct sink *s, const struct batch *b, u32 from, u32 to, struct diag *d);
	/* Hands everything to the system. */
	int (*flush)(struct sink *s, struct diag *d);
	/* Ends the output and frees the sink; takes NULL. */
	int (*close)(struct sink *s, struct diag *d);
};

#endif
