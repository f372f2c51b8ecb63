// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/pages.h"

#include <errno.h>
#include <stdlib.h>

/*
 * What no kernel writes is no page: a file has less than 2^63 bytes, a read less than 2 GiB, and a
 * row of a page is one of a folio, which a huge page is the largest of. Of 2^28 different pages
 * that were read ahead, a TiB, it is known which were asked for.
 */
#define MOST_INDEX (1ull << 52)
#define MOST_ASKED (1u << 20)
#define MOST_AHEAD (1u << 13)
#define MOST_WORDS (1u << 22)

const char *const pages_columns[] = { "ino",  "gen",      "dev",     "index", "pages",
				      "path", "addition", "removal", NULL };
const char *const pages_asked_columns[] = {
	"ino", "gen", "dev", "offset", "bytes", "direct", NULL
};

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

void pages_init(struct pages *p, struct texts *t, u64 page_size)
{
	*p = (struct pages){ .texts = t, .page_size = page_size };
}

void pages_done(struct pages *p)
{
	free(p->files);
	free(p->words);
	pairmap_done(&p->by_inode);
	pairmap_done(&p->by_place);
	text_column_done(&p->path);
	text_column_done(&p->dev);
	text_column_done(&p->addition);
	text_column_done(&p->removal);
	*p = (struct pages){};
}

/* A number that was used again, of another generation, is another file. */
static struct page_use *file_of(struct pages *p, u64 ino, u32 gen, u32 dev)
{
	u32 nr = p->nr;
	struct page_use *f = pairmap_item(&p->by_inode, ino, (u64)gen << 32 | dev, &p->files,
					  sizeof(*f), &p->nr, &p->cap);

	if (f && p->nr > nr)
		*f = (struct page_use){ .path = TEXT_NONE, .dev = dev, .ino = ino };
	return f;
}

/* Which of these words it is; 0, which is unknown: none. */
static u32 word_of(const struct pages *p, u32 text, const char *const words[], u32 nr)
{
	u32 i = text_find(p->texts, text, words, nr);

	return i < nr ? i : 0;
}

/* The sum that a row of this batch belongs to. */
static u64 *sum_of(struct pages *p, struct page_use *f, const struct batch *b, u32 row)
{
	if (b->ev->id == SN_EV_pagecache_dirty)
		return &f->dirtied;
	if (b->ev->id == SN_EV_pagecache_writeback)
		return &f->written_back;
	if (b->ev->id == SN_EV_pagecache_add)
		return &f->added[word_of(p, text_column_get(&p->addition, row), pages_additions,
					 SN_NR_ADDITIONS)];
	return &f->removed[word_of(p, text_column_get(&p->removal, row), pages_removals,
				   SN_NR_REMOVALS)];
}

/* The pages around this one, of the file of this number. NULL when memory is short. */
static struct page_word *make_word(struct pages *p, u32 file, u64 page)
{
	return pairmap_item(&p->by_place, file, page / 64, &p->words, sizeof(*p->words),
			    &p->nr_words, &p->cap_words);
}

/* Of the 64 pages around page, which is not behind to, those from it on and before to. */
static u64 bits_of(u64 page, u64 to)
{
	u64 end = MIN(to - (page & ~63ull), 64);

	return (end == 64 ? ~0ull : (1ull << end) - 1) & ~0ull << page % 64;
}

/* These pages were read ahead. */
static int note_ahead(struct pages *p, struct page_use *f, u64 from, u64 nr)
{
	u64 to = from + nr;
	struct page_word *w;

	if (from > MOST_INDEX || nr > MOST_AHEAD || p->nr_words >= MOST_WORDS) {
		p->has_more = true;
		return 0;
	}
	for (u64 page = from; page < to; page = (page | 63) + 1) {
		w = make_word(p, (u32)(f - p->files), page);
		if (!w)
			return -ENOMEM;
		f->nr_ahead += (u64)__builtin_popcountll(bits_of(page, to) & ~w->ahead);
		w->ahead |= bits_of(page, to);
	}
	return 0;
}

/* A read asked for these pages. */
static void note_asked(struct pages *p, struct page_use *f, u64 from, u64 nr)
{
	u64 to = from + nr, bits;
	u32 at;

	if (from > MOST_INDEX || nr > MOST_ASKED)
		return;
	for (u64 page = from; page < to; page = (page | 63) + 1) {
		at = pairmap_get(&p->by_place, (u32)(f - p->files), page / 64);
		if (at == PAIRMAP_NONE)
			continue;
		bits = bits_of(page, to) & p->words[at].ahead & ~p->words[at].asked_for;
		f->nr_asked_for += (u64)__builtin_popcountll(bits);
		p->words[at].asked_for |= bits;
	}
}

int pages_asked_batch(struct pages *p, const struct batch *b)
{
	const struct column *ino = batch_column(b, "ino"), *gen = batch_column(b, "gen"),
			    *offset = batch_column(b, "offset"), *bytes = batch_column(b, "bytes"),
			    *direct = batch_column(b, "direct");
	int r = text_column_begin(&p->dev, p->texts, b, "dev");

	for (u32 row = 0; r == 0 && row < b->nr; row++) {
		u32 dev = text_column_get(&p->dev, row), at;
		u64 from = column_or_0(offset, row), nr = column_or_0(bytes, row);

		at = pairmap_get(&p->by_inode, column_or_0(ino, row),
				 column_or_0(gen, row) << 32 | dev);
		if (at == PAIRMAP_NONE || column_or_0(direct, row))
			continue;
		if (b->ev->id == SN_EV_vfs_mmap)
			p->files[at].is_mapped = true;
		else if (nr && column_is_known(offset, row) && from + nr > from)
			note_asked(p, &p->files[at], from / p->page_size,
				   (from + nr - 1) / p->page_size - from / p->page_size + 1);
	}
	return p->texts->failed ? -ENOMEM : r;
}

int pages_batch(struct pages *p, const struct batch *b)
{
	const struct column *ino = batch_column(b, "ino"), *gen = batch_column(b, "gen"),
			    *pages = batch_column(b, "pages"), *index = batch_column(b, "index");
	int r = text_column_begin(&p->path, p->texts, b, "path");

	r = r ?: text_column_begin(&p->dev, p->texts, b, "dev");
	r = r ?: text_column_begin(&p->addition, p->texts, b, "addition");
	r = r ?: text_column_begin(&p->removal, p->texts, b, "removal");
	for (u32 row = 0; r == 0 && row < b->nr; row++) {
		u32 path = text_column_get(&p->path, row), dev = text_column_get(&p->dev, row);
		u64 nr = column_or_0(pages, row), *sum;
		struct page_use *f;

		f = file_of(p, column_or_0(ino, row), (u32)column_or_0(gen, row), dev);
		if (!f || p->texts->failed)
			return -ENOMEM;
		if (path != TEXT_NONE)
			f->path = path;
		sum = sum_of(p, f, b, row);
		*sum += nr;
		if (sum == &f->added[SN_ADDITION_ahead])
			r = note_ahead(p, f, column_or_0(index, row), nr);
	}
	return r;
}

bool pages_unread(const struct pages *p, const struct page_use *f, u64 *ret)
{
	*ret = f->nr_ahead - f->nr_asked_for;
	return !f->is_mapped && !p->has_more;
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
	u64 sum = pages_added(f) + f->dirtied + f->written_back;

	for (u32 i = 0; i < SN_NR_REMOVALS; i++)
		sum += f->removed[i];
	return sum;
}
