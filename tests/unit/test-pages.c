// SPDX-License-Identifier: BSD-2-Clause
/* Sums of pages, by file. */
#include <fcntl.h>

#include "test.h"

#include "analyze/pages.h"

static struct texts texts;
static struct intern pool;
static struct batch *batch;

static void stop(struct pages *p)
{
	pages_done(p);
	texts_done(&texts);
	texts = (struct texts){};
	intern_done(&pool);
	batch_free(batch);
	batch = NULL;
}

/* A batch that has the record as its only row. */
static const struct batch *one(const void *rec, size_t size, const char *path)
{
	struct sn_names names = {};

	batch_free(batch);
	batch = batch_new(schema_by_id(((const struct sn_hdr *)rec)->id), 1);
	check(batch);
	if (path)
		names.str[SN_D_path] = intern(&pool, path, strlen(path));
	check_eq(batch_append(batch, rec, size, &names), 0);
	return batch;
}

static void pages_row(struct pages *p, u16 id, u64 ino, u32 gen, u32 pages, u8 why,
		      const char *path)
{
	/* Rows of all three are alike. */
	struct sn_pagecache_remove e = { .hdr = { .id = id, .ts = 1, .pid = 10 },
					 .ino = ino,
					 .gen = gen,
					 .dev = 8u << 20,
					 .pages = pages,
					 .removal = why };

	check_eq(pages_batch(p, one(&e, sizeof(e), path)), 0);
}

TEST(pages_of_a_file)
{
	struct pages p;

	pages_init(&p, &texts, 4096);
	pages_row(&p, SN_EV_pagecache_add, 7, 1, 16, 0, NULL);
	pages_row(&p, SN_EV_pagecache_add, 7, 1, 4, SN_ADDITION_ahead, "/a");
	pages_row(&p, SN_EV_pagecache_dirty, 7, 1, 2, 0, "/a");
	pages_row(&p, SN_EV_pagecache_remove, 7, 1, 3, SN_REMOVAL_reclaimed, NULL);
	pages_row(&p, SN_EV_pagecache_remove, 7, 1, 1, SN_REMOVAL_truncated, "/a");
	pages_row(&p, SN_EV_pagecache_remove, 7, 1, 1, SN_REMOVAL_truncated, "/a");
	/* Its number was used again. */
	pages_row(&p, SN_EV_pagecache_add, 7, 2, 1, 0, "/b");
	check_eq(p.nr, 2);
	check_eq(p.files[0].added[SN_ADDITION_unknown], 16);
	check_eq(p.files[0].added[SN_ADDITION_ahead], 4);
	check_eq(p.files[0].added[SN_ADDITION_missed], 0);
	check_eq(p.files[0].dirtied, 2);
	check_eq(p.files[0].removed[SN_REMOVAL_reclaimed], 3);
	check_eq(p.files[0].removed[SN_REMOVAL_truncated], 2);
	check_eq(p.files[0].removed[SN_REMOVAL_unlinked], 0);
	check_eq(pages_sum(&p.files[0]), 27);
	check(text_is(&texts, p.files[0].path, "/a"));
	check_eq(p.files[1].added[SN_ADDITION_unknown], 1);
	check(text_is(&texts, p.files[1].path, "/b"));
	stop(&p);
}

#define READ_PAGES 1000u

/* What a read of these bytes asks for, page by page. */
static void read_row(struct pages *p, u8 *asked, u64 offset, u64 bytes)
{
	struct sn_vfs_read e = { .hdr = { .id = SN_EV_vfs_read, .ts = 2 }, .ret = (s64)bytes };

	sn_set(&e, ino, 7);
	sn_set(&e, gen, 1);
	sn_set(&e, dev, 8u << 20);
	sn_set(&e, offset, (s64)offset);
	check_eq(pages_asked_batch(p, one(&e, sizeof(e), "/a")), 0);
	for (u64 at = offset; at < offset + bytes; at++)
		asked[at / 4096] = 1;
}

/* Against a byte for each page of what was read ahead and of what was asked for. */
TEST(pages_that_were_read_ahead_for_nothing)
{
	struct sn_pagecache_add e = { .hdr = { .id = SN_EV_pagecache_add, .ts = 1, .pid = 10 },
				      .ino = 7,
				      .gen = 1,
				      .dev = 8u << 20,
				      .addition = SN_ADDITION_ahead };
	u8 ahead[READ_PAGES] = {}, asked[READ_PAGES] = {};
	u64 seed = 5, unread, want = 0;
	struct pages p;

	pages_init(&p, &texts, 4096);
	for (u32 i = 0; i < 40; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		e.pages = 1 + (u32)(seed >> 33) % 100;
		e.index = (seed >> 40) % (READ_PAGES - e.pages);
		check_eq(pages_batch(&p, one(&e, sizeof(e), "/a")), 0);
		memset(ahead + e.index, 1, e.pages);
	}
	for (u32 i = 0; i < 40; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		read_row(&p, asked, (seed >> 33) % (900 * 4096), 1 + (seed >> 20) % 50000);
	}
	for (u32 i = 0; i < READ_PAGES; i++)
		want += ahead[i] && !asked[i];
	check(want > 10);
	check(pages_unread(&p, &p.files[0], &unread));
	check_eq(unread, want);
	stop(&p);
}

static void ahead_row(struct pages *p, u64 ino, u64 index, u32 pages)
{
	struct sn_pagecache_add e = { .hdr = { .id = SN_EV_pagecache_add, .ts = 1 },
				      .ino = ino,
				      .index = index,
				      .pages = pages,
				      .addition = SN_ADDITION_ahead };

	check_eq(pages_batch(p, one(&e, sizeof(e), NULL)), 0);
}

static u64 unread_of(const struct pages *p, u32 file)
{
	u64 nr;

	return pages_unread(p, &p->files[file], &nr) ? nr : UINT64_MAX;
}

TEST(what_asks_for_pages)
{
	struct sn_vfs_read direct = { .hdr = { .id = SN_EV_vfs_read, .ts = 2 }, .ret = 40960 };
	struct sn_vfs_copy copy = { .hdr = { .id = SN_EV_vfs_copy, .ts = 2 }, .ret = 8192 };
	struct sn_vfs_mmap map = { .hdr = { .id = SN_EV_vfs_mmap, .ts = 2 } };
	struct pages p;

	pages_init(&p, &texts, 4096);
	ahead_row(&p, 7, 0, 10);
	ahead_row(&p, 8, 0, 10);
	sn_set(&direct, ino, 7);
	sn_set(&direct, dev, 0);
	sn_set(&direct, gen, 0);
	sn_set(&direct, offset, 0);
	sn_set(&direct, file_flags, O_DIRECT);
	check_eq(pages_asked_batch(&p, one(&direct, sizeof(direct), NULL)), 0);
	check_eq(unread_of(&p, 0), 10);
	sn_set(&copy, ino, 7);
	sn_set(&copy, dev, 0);
	sn_set(&copy, gen, 0);
	sn_set(&copy, offset, 4096);
	check_eq(pages_asked_batch(&p, one(&copy, sizeof(copy), NULL)), 0);
	check_eq(unread_of(&p, 0), 8);
	check_eq(unread_of(&p, 1), 10);
	sn_set(&map, ino, 8);
	sn_set(&map, dev, 0);
	sn_set(&map, gen, 0);
	check_eq(pages_asked_batch(&p, one(&map, sizeof(map), NULL)), 0);
	check_eq(unread_of(&p, 0), 8);
	check_eq(unread_of(&p, 1), UINT64_MAX);
	stop(&p);
}

/* What no kernel writes neither ends the memory nor never ends. */
TEST(pages_that_cannot_be)
{
	struct sn_vfs_read read = { .hdr = { .id = SN_EV_vfs_read, .ts = 2 }, .ret = INT64_MAX };
	struct pages p;

	pages_init(&p, &texts, 4096);
	ahead_row(&p, 7, 0, 10);
	sn_set(&read, ino, 7);
	sn_set(&read, dev, 0);
	sn_set(&read, gen, 0);
	sn_set(&read, offset, 1);
	check_eq(pages_asked_batch(&p, one(&read, sizeof(read), NULL)), 0);
	sn_set(&read, offset, INT64_MAX);
	check_eq(pages_asked_batch(&p, one(&read, sizeof(read), NULL)), 0);
	sn_set(&read, offset, -1);
	check_eq(pages_asked_batch(&p, one(&read, sizeof(read), NULL)), 0);
	check_eq(unread_of(&p, 0), 10);
	ahead_row(&p, 7, UINT64_MAX - 99, 99);
	ahead_row(&p, 7, 1, UINT32_MAX);
	check_eq(p.nr_words, 1);
	check_eq(unread_of(&p, 0), UINT64_MAX);
	stop(&p);
}

TESTS(pages_of_a_file, pages_that_were_read_ahead_for_nothing, what_asks_for_pages,
      pages_that_cannot_be)
