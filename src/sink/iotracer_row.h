/* SPDX-License-Identifier: BSD-2-Clause */
/* A row on its way into one of IO Tracer's files. Private to src/sink. */
#ifndef SONDE_SINK_IOTRACER_ROW_H
#define SONDE_SINK_IOTRACER_ROW_H

#include <time.h>

#include "sink/iotracer.h"

/* clang-format off */
enum iotracer_key {
#define SN_IOT_KEY(name) KEY_##name,
#include "sink/iotracer.def"
	NR_KEYS
};

enum iotracer_op {
#define SN_IOT_OP(name, layouts) OP_##name,
#include "sink/iotracer.def"
	NR_OPERATIONS
};
/* clang-format on */

struct iotracer {
	struct sink sink;
	struct iotracer_file file;
	struct packed *packed;
	struct buf out;
	u64 rows;
	u64 left_out[NR_OPERATIONS];
	struct iotracer_left_out told[NR_OPERATIONS + 1];
	bool is_met[SN_NR_EVENTS];
	s16 column[SN_NR_EVENTS][NR_KEYS]; /* -1: the event has none */
	/* Of the row that is being written: */
	const struct batch *batch;
	u32 row;
	enum iotracer_op op;
	const char *cache_event;
	u64 cache_index, cache_pages;
	u64 earlier_ns; /* that the line's instant is before the row's */
	time_t second;  /* of text */
	char text[24];
};

/* The number of the row; false if it is not known. */
bool iotracer_num(const struct iotracer *t, enum iotracer_key k, u64 *ret);
/* Its text, "" if it is not known. */
const char *iotracer_text(const struct iotracer *t, enum iotracer_key k, size_t *ret_len);
bool iotracer_is(const struct iotracer *t, enum iotracer_key k, const char *word);

/* RENAME, LINK and SYMLINK have two names. */
bool iotracer_is_dual(const struct iotracer *t);

/* What writes the values of columns. */
#define SN_IOT_COLUMN(id, put, name, type, unit, doc) void iotracer_put_##put(struct iotracer *t);
#include "sink/iotracer.def"

#endif
