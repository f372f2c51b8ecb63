/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows as lines of text: what csv and jsonl share. A style says how a value is
 * written; the loop over rows, the caches that make it fast, and the output are
 * here. Private to src/sink.
 */
#ifndef SONDE_SINK_LINES_H
#define SONDE_SINK_LINES_H

#include "sink/sink.h"

struct lines;

struct lines_style {
	const char *null;    /* a value that is not known */
	const char *end;     /* ends a row */
	const char *end_bad; /* ends a row of which put_text() refused a text; NULL: as end */
	char after;          /* behind each value but the last, or 0 */
	/* Begins the output of an event, which is another than before. */
	void (*header)(struct lines *l, const struct sn_event *ev);
	/* What stands before the first value of a row of the event. */
	void (*begin)(struct lines *l, const struct sn_event *ev, struct buf *b);
	/* What stands before the value of the i-th column, which may be nothing. */
	void (*before)(struct lines *l, const struct sn_event *ev, u32 i, struct buf *b);
	/* A text value. False if it could not be written as it is. */
	bool (*put_text)(struct buf *b, enum sn_kind kind, const char *p, size_t len);
};

struct cells;

/* Embedded in a sink as its first member. */
struct lines {
	struct sink sink;
	const struct lines_style *style;
	int fd;
	bool with_event;
	char **columns; /* own copy of the names wanted; NULL is all */
	u32 nr_columns;
	struct buf out;
	const struct sn_event *last; /* of the row before */
	struct cells *cells[SN_NR_EVENTS];
};

int lines_open(int fd, const char *const *columns, bool with_event, const struct lines_style *style,
	       const struct sink_ops *ops, struct sink **ret);

/* For struct sink_ops. */
int lines_rows(struct sink *s, const struct batch *b, u32 from, u32 to, struct diag *d);
int lines_flush(struct sink *s, struct diag *d);
int lines_close(struct sink *s, struct diag *d);

/* The columns written of this event: how many, and their names. */
u32 lines_nr_columns(const struct lines *l, const struct sn_event *ev);
const char *lines_column(const struct lines *l, const struct sn_event *ev, u32 i);

#endif
