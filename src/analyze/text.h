/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers for texts. An analysis has one pool of distinct texts; a column's own
 * numbers, which mean something in their batch only, are translated to the
 * pool's once per distinct text of a batch, not once per row.
 */
#ifndef SONDE_ANALYZE_TEXT_H
#define SONDE_ANALYZE_TEXT_H

#include "schema/batch.h"

#define TEXT_NONE UINT32_MAX

struct texts {
	struct strings pool;
	bool failed; /* memory was short */
};

static inline void texts_done(struct texts *t)
{
	strings_done(&t->pool);
}

/* The text's number; TEXT_NONE when memory is short, and .failed. */
u32 text_id(struct texts *t, const char *p, size_t len);
u32 text_id_str(struct texts *t, const char *s);

/* Borrowed until the next text is added. "" for TEXT_NONE. */
static inline const char *text_get(const struct texts *t, u32 id, size_t *ret_len)
{
	if (id == TEXT_NONE) {
		*ret_len = 0;
		return "";
	}
	return strings_get(&t->pool, id, ret_len);
}

bool text_is(const struct texts *t, u32 id, const char *s);
/* Which of these words it is; nr: none of them. */
u32 text_find(const struct texts *t, u32 id, const char *const words[], u32 nr);

/* One column of one batch, its values as texts. */
struct text_column {
	const struct column *c; /* NULL: the event has no such column, all is null */
	struct texts *texts;
	enum sn_kind kind;
	u32 *ids; /* of the column's own texts; allocated, kept from batch to batch */
	u32 cap;
	u64 last; /* of a column of numbers: the last one asked for */
	u32 last_id;
};

void text_column_done(struct text_column *tc);
/* Turns to the batch's column of this name. 0 or -ENOMEM. */
int text_column_begin(struct text_column *tc, struct texts *t, const struct batch *b,
		      const char *name);
/* Behind text_column_get(): a column of numbers that are written as text. */
u32 text_column_print(struct text_column *tc, u32 row);

/* The text's number, TEXT_NONE for null. */
static inline u32 text_column_get(struct text_column *tc, u32 row)
{
	if (!tc->c || column_is_null(tc->c, row))
		return TEXT_NONE;
	if (tc->c->rep == SN_STRING)
		return tc->ids[((const u32 *)tc->c->data)[row]];
	return text_column_print(tc, row);
}

#endif
