/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of files in the page cache: how many of each file came, were written to, and left, and
 * why. Fed with batches of the page cache's events; then with those
 * of what asks for pages, which says what was read ahead for nothing.
 */
#ifndef SONDE_ANALYZE_PAGES_H
#define SONDE_ANALYZE_PAGES_H

#include "analyze/pairmap.h"
#include "analyze/text.h"
#include "schema/values.h"

/* In pages. */
struct page_use {
	u32 path; /* text, the last that the file had; TEXT_NONE: never known */
	u32 dev;  /* text */
	u64 ino;
	u64 added[SN_NR_ADDITIONS], dirtied, written_back;
	u64 removed[SN_NR_REMOVALS];
	u64 nr_ahead;     /* different pages that were read ahead, */
	u64 nr_asked_for; /* and of these, those that a read asked for at some time */
	bool is_mapped;   /* or that may have been touched without a read */
};

/* 64 pages of a file, of which some were read ahead; a bit a page. */
struct page_word {
	u64 ahead, asked_for;
};

struct pages {
	struct texts *texts;
	struct page_use *files;
	u32 nr, cap;
	struct pairmap by_inode;
	struct page_word *words;
	u32 nr_words, cap_words;
	struct pairmap by_place; /* of a file's number and the pages' index / 64 */
	u64 page_size;
	bool has_more; /* pages were read ahead that it is not known of whether they were asked for */
	struct text_column path, dev, addition, removal;
};

/* page_size: of the machine that recorded. */
void pages_init(struct pages *p, struct texts *t, u64 page_size);
void pages_done(struct pages *p);

extern const char *const pages_columns[], *const pages_additions[SN_NR_ADDITIONS],
						  *const pages_removals[SN_NR_REMOVALS];
/* 0 or -ENOMEM. */
int pages_batch(struct pages *p, const struct batch *b);

/* Of vfs_read, vfs_copy and vfs_mmap, once all others are there. 0 or -ENOMEM. */
extern const char *const pages_asked_columns[];
int pages_asked_batch(struct pages *p, const struct batch *b);

/*
 * Pages that were read ahead and that no read of the trace asked for. False: that is not known, as
 * the file was mapped, or there are too many.
 */
bool pages_unread(const struct pages *p, const struct page_use *f, u64 *ret);
/* For whatever reason. */
u64 pages_added(const struct page_use *f);
/* All that happened to a file's pages. */
u64 pages_sum(const struct page_use *f);

#endif
