/* SPDX-License-Identifier: BSD-2-Clause */
/* Comma-separated values, RFC 4180: quoted where needed, LF line ends, null is empty. */
#ifndef SONDE_SINK_CSV_H
#define SONDE_SINK_CSV_H

#include "sink/sink.h"

/*
 * A sink that writes rows of one event at a time to fd, which stays the caller's.
 * A header line comes first, and again, after an empty line, when the event changes.
 * columns: names to write, in this order, NULL-terminated; NULL is all. A name
 * that an event lacks is an empty value. with_event puts a column "event" first, for
 * outputs that mix events.
 */
int csv_open(int fd, const char *const *columns, bool with_event, struct sink **ret,
	     struct diag *d);

/* A value. Quoted if it must be; the empty text always, to differ from null. */
void csv_put_text(struct buf *b, const char *p, size_t len);

#endif
