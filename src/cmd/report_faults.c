// SPDX-License-Identifier: BSD-2-Clause
/* Page faults in mappings of files. */
#include "cmd/report.h"

u64 report_faults_value(const void *ctx, u32 i)
{
	const struct report *r = ctx;

	return r->s->faults.files[i].dur.sum;
}

static void put_use(struct table *t, const struct fault_use *u)
{
	table_count(t, u->dur.nr);
	table_count(t, u->by_severity[SN_SEVERITY_major]);
	table_count(t, u->by_severity[SN_SEVERITY_failed]);
	for (u32 access = 0; access < SN_NR_ACCESSES; access++)
		table_count(t, u->by_access[access]);
	table_dur(t, u->dur.sum);
	table_dur(t, u->major_ns);
	table_dur(t, hist_percentile(&u->dur, 50));
	table_dur(t, u->dur.max);
}

void report_faults(struct report *r)
{
	static const struct table_col cols[] = {
		{ "all", .group = "faults", .always = true },
		{ "major", .group = "faults", .always = true },
		{ "failed", .group = "faults" },
		{ "read", .group = "touched for", .drop = 1 },
		{ "write", .group = "touched for", .drop = 1 },
		{ "exec", .group = "touched for", .drop = 1 },
		{ "all", .group = "time", .always = true },
		{ "major", .group = "time" },
		{ "median", .drop = 2 },
		{ "max", .always = true },
		{ "path", .left = true },
	};
	const struct faults *f = &r->s->faults;
	_cleanup_(table_done) struct table t = {};
	_cleanup_(freep) u32 *order = NULL;
	u32 nr = 0, nr_all = 0;

	if (report_rank(f->nr, report_faults_value, r, r->top, &order, &nr, &nr_all) < 0)
		r->out.failed = true;
	if (!nr)
		return;
	table_init(&t, cols, ARRAY_SIZE(cols));
	for (u32 i = 0; i < nr; i++) {
		const struct fault_use *u = &f->files[order[i]];

		put_use(&t, u);
		report_put_file(r, &t, u->path, u->ino, u->dev);
	}
	put_use(&t, &f->all);
	table_put(&t, "all");
	report_title_of(r, "Page faults in mapped files", "time", nr, nr_all);
	table_print(&t, &r->out, 2, r->width);
}
