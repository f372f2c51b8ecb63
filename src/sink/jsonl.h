/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON Lines: an object a row. Numbers are JSON numbers without loss (64-bit
 * integers are written in full), null is null, bytes that are no UTF-8 are
 * written as U+FFFD, and the row then has "_invalid_utf8": true.
 */
#ifndef SONDE_SINK_JSONL_H
#define SONDE_SINK_JSONL_H

#include "sink/sink.h"

/* As csv_open(). with_event puts an "event" key first, for outputs that mix events. */
int jsonl_open(int fd, const char *const *columns, bool with_event, struct sink **ret,
	       struct diag *d);

#endif
