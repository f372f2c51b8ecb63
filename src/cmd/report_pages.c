// SPDX-License-Identifier: BSD-2-Clause
/* Pages of files in the page cache. */
#include "cmd/report.h"

u64 report_pages_value(const void *ctx, u32 i)
{
	const struct report *r = ctx;

	return pages_sum(&r->s->pages.files[i]);
}

/* Is each read in the trace that was made meanwhile? */
static bool has_all_reads(const struct report *r)
{
	const struct manifest *m = &r->s->manifest;

	if (!report_has(r, SN_SLOT_vfs_read) || m->is_narrowed)
		return false;
	for (u32 i = 0; i < m->nr_sampling; i++)
		if (!strcmp(m->sampling[i].stream, "vfs_read"))
			return false;
	for (u32 i = 0; i < r->s->nr_losses; i++)
		if (text_is(&r->s->texts, r->s->losses[i].of, "vfs_read"))
			return false;
	return true;
}

bool report_pages_unread(const struct report *r, const struct page_use *f, u64 *ret)
{
	return pages_unread(&r->s->pages, f, ret) && has_all_reads(r);
}

static void put_unread(const struct report *r, struct table *t, const struct page_use *f)
{
	u64 nr;

	if (report_pages_unread(r, f, &nr) || !nr)
		table_count(t, nr);
	else
		table_put(t, "?");
}

static void put_use(const struct report *r, struct table *t, const struct page_use *f)
{
	table_count(t, pages_added(f));
	for (u32 why = SN_ADDITION_unknown + 1; why < SN_NR_ADDITIONS; why++) {
		table_count(t, f->added[why]);
		if (why == SN_ADDITION_ahead)
			put_unread(r, t, f);
	}
	table_count(t, f->dirtied);
	table_count(t, f->written_back);
	for (u32 why = SN_REMOVAL_unknown + 1; why < SN_NR_REMOVALS; why++)
		table_count(t, f->removed[why]);
}

void report_put_file(const struct report *r, struct table *t, u32 path, u64 ino, u32 dev)
{
	_cleanup_(buf_done) struct buf b = {};

	if (path != TEXT_NONE)
		table_put(t, "%s", report_text(r, &b, path));
	else
		table_put(t, "(inode %llu of %s)", (unsigned long long)ino,
			  report_disk(r, &b, dev));
}

static void add_use(struct page_use *sum, const struct page_use *f)
{
	for (u32 why = 0; why < SN_NR_ADDITIONS; why++)
		sum->added[why] += f->added[why];
	sum->dirtied += f->dirtied;
	sum->written_back += f->written_back;
	sum->nr_ahead += f->is_mapped ? 0 : f->nr_ahead;
	sum->nr_asked_for += f->is_mapped ? 0 : f->nr_asked_for;
	for (u32 why = 0; why < SN_NR_REMOVALS; why++)
		sum->removed[why] += f->removed[why];
}

void report_pages(struct report *r)
{
	static const struct table_col cols[] = {
		{ "all", .group = "added", .always = true },
		{ "missed", .group = "added" },
		{ "ahead", .group = "added" },
		{ "unread", .group = "added", .drop = 1 },
		{ "written", .group = "added" },
		{ "dirtied" },
		{ "back", .group = "written", .drop = 2 },
		{ "reclaimed", .group = "removed" },
		{ "unlinked", .group = "removed" },
		{ "truncated", .group = "removed" },
		{ "invalidated", .group = "removed" },
		{ "path", .left = true },
	};
	const struct pages *p = &r->s->pages;
	_cleanup_(table_done) struct table t = {};
	_cleanup_(freep) u32 *order = NULL;
	struct page_use all = {};
	u32 nr = 0, nr_all = 0;

	if (report_rank(p->nr, report_pages_value, r, r->top, &order, &nr, &nr_all) < 0)
		r->out.failed = true;
	if (!nr)
		return;
	table_init(&t, cols, ARRAY_SIZE(cols));
	for (u32 i = 0; i < nr; i++) {
		const struct page_use *f = &p->files[order[i]];

		put_use(r, &t, f);
		report_put_file(r, &t, f->path, f->ino, f->dev);
	}
	for (u32 i = 0; i < p->nr; i++)
		add_use(&all, &p->files[i]);
	put_use(r, &t, &all);
	table_put(&t, "all");
	report_title_of(r, "Files in the page cache", "pages", nr, nr_all);
	table_print(&t, &r->out, 2, r->width);
}
