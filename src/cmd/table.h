/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text for people: numbers with three significant digits, names that cannot
 * harm a terminal, tables that fit its width. For sinks see src/sink.
 */
#ifndef SONDE_CMD_TABLE_H
#define SONDE_CMD_TABLE_H

#include "base/buf.h"

/* "873ns", "12.3us", "4.51s", "12m03s" */
void show_dur(struct buf *b, u64 ns);
/* "512", "4K", "37.2M": multiples of 1024 bytes */
void show_size(struct buf *b, u64 bytes);
/* "1,204"; "123M" from a hundred million on */
void show_count(struct buf *b, u64 nr);
/* All digits, by threes: "12,345,678" */
void show_exact(struct buf *b, u64 nr);
/* "12%"; "<1%" and ">99%" where rounding would say none or all; "" of nothing */
void show_share(struct buf *b, u64 part, u64 whole);
/*
 * Text from a trace: control characters, bytes that are no UTF-8, characters that
 * reorder others, and a blank at the end, which nobody would see, are written as \xNN,
 * so that a name is one line and only a name.
 */
void show_text(struct buf *b, const char *p, size_t len);
/* The same in at most width columns; "..." for what is left out, in the middle or at the end. */
void show_short(struct buf *b, const char *p, size_t len, u32 width, bool cut_end);

/* Text from a trace for a format that has to be UTF-8: what is none becomes U+FFFD. */
void show_utf8(struct buf *b, const char *p, size_t len);

/* Columns that a text made by show_text() takes on a terminal. */
u32 text_width(const char *p, size_t len);

struct table_col {
	const char *title;
	const char *group; /* title over this and its neighbours of the same group; NULL: none */
	bool left;
	bool always; /* shown even if all its cells are empty */
	u8 drop; /* left out first, the highest first, where the last column has no room; 0: never */
	bool cut_end; /* of the last column: what is too long is cut at its end, not in the middle */
};

/* Cells are added row by row, left to right. A cell of a zero is "-" and counts as empty. */
struct table {
	const struct table_col *cols;
	u32 nr_cols;
	struct buf text;
	u32 *ends;
	u32 nr, cap;
};

void table_init(struct table *t, const struct table_col *cols, u32 nr_cols);
void table_done(struct table *t);
/* Cells */
void table_put(struct table *t, const char *fmt, ...) _printf_(2, 3);
void table_dur(struct table *t, u64 ns);
void table_size(struct table *t, u64 bytes);
void table_count(struct table *t, u64 nr);
void table_share(struct table *t, u64 part, u64 whole);
/* Ends a cell that the caller has appended to t->text. */
void table_end_cell(struct table *t);

/*
 * Appends title line(s) and rows. The last column is cut to keep every line
 * within width columns (0: no limit); columns without any content are left out.
 */
void table_print(const struct table *t, struct buf *out, u32 indent, u32 width);

#endif
