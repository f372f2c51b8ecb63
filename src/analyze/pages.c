// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/pages.h"

#include <errno.h>
#include <stdlib.h>

const char *const pages_columns[] = { "ino",  "gen",      "dev",     "pages",
				      "path", "addition", "removal", NULL };

const char *const pages_additions[SN_NR_ADDITIONS] = {
#define X(name) #name,
	SN_ADDITIONS(X)
#undef X
};

const char *const pages_removals[SN_NR_REMOVALS] = {
#define X(name) #name,
	SN_REMOVALS(X)
#undef X
};

void pages_init(struct pages *p, struct texts *t)
{
	*p = (struct pages){ .texts = t };
}

void pages_done(struct pages *p)
{
	free(p->files);
	pairmap_done(&p->by_inode);
	text_column_done(&p->path);
	text_column_done(&p->dev);
	text_column_done(&p->addition);
	text_column_done(&p->removal);
	*p = (struct pages){};
}

/* A number that was used again, of another generation, is another file. */
static struct page_use *file_of(struct pages *p, u64 ino, u32 gen, u32 dev)
{
	u32 *at = pairmap_put(&p->by_inode, ino, (u64)gen << 32 | dev);
	struct page_use *more;

	if (!at)
		return NULL;
	if (*at != PAIRMAP_NONE)
		return &p->files[*at];
	if (p->nr == p->cap) {
		more = reallocarray(p->files, p->cap ? p->cap * 2 : 64, sizeof(*more));
		if (!more)
			return NULL;
		p->files = more;
		p->cap = p->cap ? p->cap * 2 : 64;
	}
	p->files[p->nr] = (struct page_use){ .path = TEXT_NONE, .dev = dev, .ino = ino };
	*at = p->nr;
	return &p->files[p->nr++];
}

/* Which of these words it is; 0: none. */
static u32 word_of(const struct pages *p, u32 text, const char *const words[], u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		if (text_is(p->texts, text, words[i]))
			return i;
	return 0;
}

/* The sum that a row of this batch belongs to. */
static u64 *sum_of(struct pages *p, struct page_use *f, const struct batch *b, u32 row)
{
	if (b->ev->id == SN_EV_pagecache_dirty)
		return &f->dirtied;
	if (b->ev->id == SN_EV_pagecache_add)
		return &f->added[word_of(p, text_column_get(&p->addition, row), pages_additions,
					 SN_NR_ADDITIONS)];
	return &f->removed[word_of(p, text_column_get(&p->removal, row), pages_removals,
				   SN_NR_REMOVALS)];
}

int pages_batch(struct pages *p, const struct batch *b)
{
	const struct column *ino = batch_column(b, "ino"), *gen = batch_column(b, "gen"),
			    *pages = batch_column(b, "pages");
	int r = text_column_begin(&p->path, p->texts, b, "path");

	r = r ?: text_column_begin(&p->dev, p->texts, b, "dev");
	r = r ?: text_column_begin(&p->addition, p->texts, b, "addition");
	r = r ?: text_column_begin(&p->removal, p->texts, b, "removal");
	for (u32 row = 0; r == 0 && row < b->nr; row++) {
		u32 path = text_column_get(&p->path, row), dev = text_column_get(&p->dev, row);
		u64 nr = column_or_0(pages, row);
		struct page_use *f;

		f = file_of(p, column_or_0(ino, row), (u32)column_or_0(gen, row), dev);
		if (!f || p->texts->failed)
			return -ENOMEM;
		if (path != TEXT_NONE)
			f->path = path;
		*sum_of(p, f, b, row) += nr;
	}
	return r;
}

u64 pages_added(const struct page_use *f)
{
	u64 sum = 0;

	for (u32 i = 0; i < SN_NR_ADDITIONS; i++)
		sum += f->added[i];
	return sum;
}

u64 pages_sum(const struct page_use *f)
{
	u64 sum = pages_added(f) + f->dirtied;

	for (u32 i = 0; i < SN_NR_REMOVALS; i++)
		sum += f->removed[i];
	return sum;
}
