// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/text.h"

#include <errno.h>

u32 text_id(struct texts *t, const char *p, size_t len)
{
	int i = strings_add(&t->pool, p, len);

	if (i >= 0)
		return (u32)i;
	t->failed = true;
	return TEXT_NONE;
}

u32 text_id_str(struct texts *t, const char *s)
{
	return text_id(t, s, strlen(s));
}

bool text_is(const struct texts *t, u32 id, const char *s)
{
	size_t len;
	const char *p = text_get(t, id, &len);

	return id != TEXT_NONE && len == strlen(s) && !memcmp(p, s, len);
}

u32 text_find(const struct texts *t, u32 id, const char *const words[], u32 nr)
{
	u32 i = 0;

	while (i < nr && !text_is(t, id, words[i]))
		i++;
	return i;
}

void text_column_done(struct text_column *tc)
{
	free(tc->ids);
	*tc = (struct text_column){};
}

int text_column_begin(struct text_column *tc, struct texts *t, const struct batch *b,
		      const char *name)
{
	int at = schema_column(b->ev, name);
	const char *p;
	size_t len;
	u32 *ids;

	tc->texts = t;
	tc->c = at < 0 ? NULL : &b->columns[at];
	tc->last_id = TEXT_NONE;
	if (!tc->c)
		return 0;
	tc->kind = b->ev->columns[at].kind;
	if (tc->c->rep != SN_STRING)
		return 0;
	if (tc->c->dict.nr > tc->cap) {
		ids = realloc(tc->ids, tc->c->dict.nr * sizeof(*ids));
		if (!ids)
			return -ENOMEM;
		tc->ids = ids;
		tc->cap = tc->c->dict.nr;
	}
	for (u32 i = 0; i < tc->c->dict.nr; i++) {
		p = strings_get(&tc->c->dict, i, &len);
		tc->ids[i] = text_id(t, p, len);
	}
	return t->failed ? -ENOMEM : 0;
}

u32 text_column_print(struct text_column *tc, u32 row)
{
	_cleanup_(buf_done) struct buf b = {};
	u64 v = column_num(tc->c, row);

	if (tc->last_id != TEXT_NONE && v == tc->last)
		return tc->last_id;
	if (sn_kinds[tc->kind].print)
		sn_kinds[tc->kind].print(&b, v);
	else
		buf_put_u64(&b, v);
	tc->last = v;
	tc->last_id = text_id(tc->texts, b.len ? b.data : "", b.len);
	return tc->last_id;
}
