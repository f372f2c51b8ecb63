/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of files in the page cache: how many of each file came, were written to, and left, and
 * why. Fed with batches of pagecache_add, pagecache_dirty and pagecache_remove.
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
	u64 added[SN_NR_ADDITIONS], dirtied;
	u64 removed[SN_NR_REMOVALS];
};

struct pages {
	struct texts *texts;
	struct page_use *files;
	u32 nr, cap;
	struct pairmap by_inode;
	struct text_column path, dev, addition, removal;
};

void pages_init(struct pages *p, struct texts *t);
void pages_done(struct pages *p);

extern const char *const pages_columns[], *const pages_additions[SN_NR_ADDITIONS],
						  *const pages_removals[SN_NR_REMOVALS];
/* 0 or -ENOMEM. */
int pages_batch(struct pages *p, const struct batch *b);

/* For whatever reason. */
u64 pages_added(const struct page_use *f);
/* All that happened to a file's pages. */
u64 pages_sum(const struct page_use *f);

#endif
