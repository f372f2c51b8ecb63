// SPDX-License-Identifier: BSD-2-Clause
/* Files: where the time went, which files, what was slow, what failed. */
#include "cmd/report.h"

static void put_time(struct report *r, struct table *t, const char *name, const struct op_time *op,
		     u64 all_ns)
{
	table_put(t, "%s", name);
	table_count(t, op->all.nr);
	table_dur(t, op->all.time_ns);
	table_share(t, op->all.time_ns, all_ns);
	table_dur(t, op->all.nr ? op->all.time_ns / op->all.nr : 0);
	table_dur(t, hist_percentile(&op->lat, 50));
	table_dur(t, hist_percentile(&op->lat, 99));
	table_dur(t, op->lat.max);
	table_count(t, op->on_disk.nr);
	table_dur(t, op->on_disk.time_ns);
	table_dur(t, op->waited_ns);
}

static void add_time(struct op_time *sum, const struct op_time *op)
{
	sum->all.nr += op->all.nr;
	sum->all.time_ns += op->all.time_ns;
	sum->on_disk.nr += op->on_disk.nr;
	sum->on_disk.time_ns += op->on_disk.time_ns;
	sum->waited_ns += op->waited_ns;
	hist_merge(&sum->lat, &op->lat);
}

/* How much of the time had a disk under it, in a sentence. */
static void say_disk_share(struct report *r, const struct op_time *all)
{
	_cleanup_(buf_done) struct buf disk = {}, rest = {};
	u64 rest_ns = all->all.time_ns - MIN(all->waited_ns, all->all.time_ns);

	if (!report_has(r, SN_SLOT_block_io)) {
		report_say(r, "Without block requests, how much of this waited for disks is "
			      "not known.");
		return;
	}
	if (!all->on_disk.nr) {
		report_say(r,
			   "No operation had a disk request under it: all was done in memory, or "
			   "later by the kernel's own threads.");
		return;
	}
	show_dur(&disk, all->waited_ns);
	buf_puts(&disk, " (");
	show_share(&disk, all->waited_ns, all->all.time_ns);
	buf_puts(&disk, ")");
	buf_putc(&disk, '\0');
	show_dur(&rest, rest_ns);
	buf_puts(&rest, " (");
	show_share(&rest, rest_ns, all->all.time_ns);
	buf_puts(&rest, ")");
	buf_putc(&rest, '\0');
	report_say(r,
		   "For %s of this time a disk request of the operation was under way; for %s none "
		   "was: page cache, file system, locks, a limit on the cgroup, waiting for a CPU.",
		   disk.data, rest.data);
}

/* What is kept apart from the table, in a sentence. */
static void say_apart(struct report *r, const struct op_time *apart, const char *what)
{
	_cleanup_(buf_done) struct buf b = {};
	struct op_time all = {};

	for (u32 i = 0; i < NR_FILE_OPS; i++) {
		all.all.nr += apart[i].all.nr;
		all.all.time_ns += apart[i].all.time_ns;
	}
	if (!all.all.nr)
		return;
	show_dur(&b, all.all.time_ns);
	buf_puts(&b, " in ");
	show_exact(&b, all.all.nr);
	buf_putc(&b, '\0');
	report_say(r, "Not in this table: %s %s", b.data, what);
}

/* A share of pages that were read, of which that is known. */
static void put_hit(struct buf *b, const struct pages_read *p)
{
	if (p->missed && !p->hit)
		buf_puts(b, "0%");
	else
		show_share(b, p->hit, p->hit + p->missed);
}

/* How many of the pages that were read were in memory, in a sentence. */
static void say_hits(struct report *r, const struct pages_read *p, u64 nr_reads)
{
	_cleanup_(buf_done) struct buf b = {};

	if (!(p->hit + p->missed))
		return;
	put_hit(&b, p);
	buf_puts(&b, " of the ");
	show_exact(&b, p->hit + p->missed);
	buf_puts(&b, " pages of ");
	show_exact(&b, p->nr);
	buf_puts(&b, " reads");
	if (p->nr < nr_reads) {
		buf_puts(&b, "; of the other ");
		show_exact(&b, nr_reads - p->nr);
		buf_puts(&b, " that is not known");
	}
	buf_putc(&b, '\0');
	report_say(r, "The page cache had %s.", b.data);
}

void report_times(struct report *r)
{
	static const struct table_col cols[] = {
		{ "", .left = true, .always = true },
		{ "ops" },
		{ "time" },
		{ "share", .drop = 1 },
		{ "avg", .group = "took", .drop = 2 },
		{ "p50", .group = "took" },
		{ "p99", .group = "took" },
		{ "max", .group = "took" },
		{ "ops", .group = "with disk requests" },
		{ "time", .group = "with disk requests" },
		{ "waited", .group = "with disk requests" },
	};
	const struct fileops *f = &r->s->fileops;
	_cleanup_(table_done) struct table t = {};
	struct op_time all = {};

	table_init(&t, cols, ARRAY_SIZE(cols));
	for (u32 i = 0; i < NR_FILE_OPS; i++)
		add_time(&all, &f->times[i]);
	for (u32 i = 0; i < NR_FILE_OPS; i++)
		if (f->times[i].all.nr)
			put_time(r, &t, file_op_name(i), &f->times[i], all.all.time_ns);
	put_time(r, &t, "all", &all, all.all.time_ns);
	if (all.all.nr) {
		report_title(r, "Where the time of file operations went");
		table_print(&t, &r->out, 2, r->width);
		say_disk_share(r, &all);
		say_hits(r, &f->pages, f->times[FILE_READ].all.nr + f->requests[FILE_READ].all.nr);
	}
	say_apart(r, f->pipes,
		  "operations on pipes, sockets and character devices, which wait for others.");
	say_apart(r, f->requests,
		  "requests of io_uring and AIO, which are under way together while their threads "
		  "go on.");
	hist_done(&all.lat);
}

static u64 file_value(const struct report *r, const struct file_use *f)
{
	struct tally all = tally_sum(f->ops, NR_FILE_OPS);

	switch (r->by) {
	case REPORT_BY_BYTES:
		return f->bytes_read + f->bytes_written ? f->bytes_read + f->bytes_written + 1 : 1;
	case REPORT_BY_OPS:
		return all.nr;
	default:
		return all.time_ns + 1;
	}
}

u64 report_file_value(const void *ctx, u32 i)
{
	const struct report *r = ctx;
	const struct file_use *f = &r->s->fileops.files[i];

	return f->is_pipe ? 0 : file_value(r, f);
}

static u64 value_of_pipe(const void *ctx, u32 i)
{
	const struct report *r = ctx;
	const struct file_use *f = &r->s->fileops.files[i];

	return f->is_pipe ? file_value(r, f) : 0;
}

/* What is to be known of a name that is not exact: a letter beside it, and what it means. */
static const struct {
	char mark;
	const char *known, *meaning;
} marks[] = {
	{ 's', "snapshot", "name as it was when the recording began" },
	{ 'u', "unlinked", "the file had no name any more, this was its last" },
	{ 'j', "joined", "name put together from a directory's and the caller's" },
	{ 't', "truncated", "the front of the path is missing" },
};

static u32 marks_of(const struct report *r, const struct file_use *f)
{
	const struct fileops *ops = &r->s->fileops;
	const char *p;
	size_t len;
	u32 set = 0;

	for (u32 i = 0; i < ops->nr_known; i++) {
		if (!(f->known & 1u << i))
			continue;
		p = text_get(&r->s->texts, ops->known[i], &len);
		for (u32 m = 0; m < ARRAY_SIZE(marks); m++)
			if (memmem(p, len, marks[m].known, strlen(marks[m].known)))
				set |= 1u << m;
	}
	return set;
}

static void put_marks(struct buf *b, u32 set)
{
	for (u32 m = 0; m < ARRAY_SIZE(marks); m++)
		if (set & 1u << m)
			buf_putc(b, marks[m].mark);
}

static void say_marks(struct report *r, u32 set)
{
	for (u32 m = 0; m < ARRAY_SIZE(marks); m++)
		if (set & 1u << m)
			report_say(r, "%c: %s", marks[m].mark, marks[m].meaning);
}

void report_put_pages(struct table *t, const struct pages_read *p)
{
	if (p->hit + p->missed)
		put_hit(&t->text, p);
	else
		buf_putc(&t->text, '-');
	table_end_cell(t);
	table_count(t, p->missed);
}

static void put_file(struct report *r, struct table *t, u32 i)
{
	const struct file_use *f = &r->s->fileops.files[i];
	struct tally all = tally_sum(f->ops, NR_FILE_OPS);
	_cleanup_(buf_done) struct buf b = {};

	table_dur(t, all.time_ns);
	table_dur(t, all.nr ? all.time_ns / all.nr : 0);
	table_dur(t, hist_percentile(&f->lat, 99));
	table_count(t, f->ops[FILE_READ].nr);
	table_count(t, f->ops[FILE_WRITE].nr);
	table_count(t, f->ops[FILE_OPEN].nr);
	table_count(t, f->ops[FILE_SYNC].nr);
	table_count(t, f->ops[FILE_COPY].nr);
	table_size(t, f->bytes_read);
	table_size(t, f->bytes_written);
	report_put_pages(t, &f->pages);
	table_put(t, "%s", report_text(r, &b, f->fs));
	put_marks(&t->text, marks_of(r, f));
	table_end_cell(t);
	report_file(r, &t->text, i);
	table_end_cell(t);
}

static void table_of_files(struct report *r, const char *what, u64 (*value)(const void *ctx, u32 i),
			   u32 top)
{
	static const struct table_col cols[] = {
		{ "time", .group = "time" },
		{ "avg", .group = "time", .drop = 1 },
		{ "p99", .group = "time" },
		{ "reads", .group = "operations" },
		{ "writes", .group = "operations" },
		{ "opens", .group = "operations", .drop = 2 },
		{ "syncs", .group = "operations" },
		{ "copies", .group = "operations" },
		{ "read", .group = "bytes" },
		{ "written", .group = "bytes" },
		{ "hit", .group = "pages read", .drop = 2 },
		{ "missed", .group = "pages read", .drop = 2 },
		{ "fs", .left = true, .drop = 3 },
		{ "name", .left = true },
		{ "path", .left = true },
	};
	_cleanup_(freep) u32 *order = NULL;
	_cleanup_(table_done) struct table t = {};
	u32 nr = 0, all = 0, set = 0;

	table_init(&t, cols, ARRAY_SIZE(cols));
	if (report_rank(r->s->fileops.nr_files, value, r, top, &order, &nr, &all) < 0)
		r->out.failed = true;
	for (u32 i = 0; i < nr; i++) {
		put_file(r, &t, order[i]);
		set |= marks_of(r, &r->s->fileops.files[order[i]]);
	}
	if (!nr)
		return;
	report_title_of(r, what, report_by_name(r), nr, all);
	table_print(&t, &r->out, 2, r->width);
	say_marks(r, set);
}

void report_files(struct report *r)
{
	table_of_files(r, "Files", report_file_value, r->top);
	table_of_files(r, "Pipes, sockets and character devices", value_of_pipe,
		       r->top < 5 ? r->top : 5);
}

/* The requests of an operation: how many, how large, where, and for how long. */
static void put_requests(struct report *r, struct buf *b, const struct op_io *io)
{
	_cleanup_(buf_done) struct buf scratch = {};

	show_count(b, io->nr);
	buf_printf(b, " request%s", plural(io->nr));
	if (io->bytes) {
		buf_puts(b, " of ");
		show_size(b, io->bytes);
	}
	buf_printf(b, " on disk %s%s for ", report_disk(r, &scratch, r->s->disks.at[io->disk].name),
		   io->many_disks ? " and others" : "");
	show_dur(b, io->waited_ns);
	if (io->queue_ns || io->device_ns) {
		buf_puts(b, io->nr > 1 ? " (added up:" : " (");
		if (io->queue_ns) {
			buf_puts(b, io->nr > 1 ? " queue " : "queue ");
			show_dur(b, io->queue_ns);
			buf_puts(b, io->device_ns ? "," : "");
		}
		if (io->device_ns) {
			buf_puts(b, io->queue_ns || io->nr > 1 ? " device " : "device ");
			show_dur(b, io->device_ns);
		}
		buf_putc(b, ')');
	}
}

static void put_op_faults(struct buf *b, const struct op_faults *f)
{
	show_count(b, f->nr);
	buf_printf(b, " page fault%s", plural(f->nr));
	if (f->nr_major) {
		buf_puts(b, " (");
		show_count(b, f->nr_major);
		buf_puts(b, " major)");
	}
	buf_puts(b, " for ");
	show_dur(b, f->ns);
}

/* What an operation caused: pages that were brought into memory, page faults, requests of disks. */
static void put_chain(struct report *r, const struct slow_op *o)
{
	_cleanup_(buf_done) struct buf b = {};
	struct op_faults faults;
	struct op_io io;
	bool has_requests =
		disks_of_op(&r->s->disks, o->op, o->ts - MIN(o->dur_ns, o->ts), o->ts, &io);
	bool has_faults = faults_of_op(&r->s->faults, o->op, &faults);
	const char *comma = "";

	if (!has_requests && !has_faults && !o->pages.missed)
		return;
	buf_printf(&b, "`- op %llu: ", (unsigned long long)o->op);
	if (o->pages.missed) {
		show_count(&b, o->pages.missed);
		buf_puts(&b, " of ");
		show_count(&b, o->pages.hit + o->pages.missed);
		buf_puts(&b, " pages missed");
		comma = ", ";
	}
	if (has_faults) {
		buf_puts(&b, comma);
		put_op_faults(&b, &faults);
		comma = ", ";
	}
	if (has_requests) {
		buf_puts(&b, comma);
		put_requests(r, &b, &io);
	}
	buf_putc(&b, '\0');
	if (b.failed)
		r->out.failed = true;
	else
		report_say_at(r, 6, 9, "%s", b.data);
}

static void put_slow(struct report *r, struct table *t, const struct slow_op *o)
{
	_cleanup_(buf_done) struct buf b = {};

	report_when(r, &t->text, o->ts - MIN(o->dur_ns, o->ts));
	table_end_cell(t);
	table_dur(t, o->dur_ns);
	table_put(t, "%u", o->pid);
	table_put(t, "%s", report_text(r, &b, o->comm));
	table_put(t, "%s",
		  o->call == TEXT_NONE ? file_op_name(o->kind) : report_text(r, &b, o->call));
	if (o->error != TEXT_NONE)
		table_put(t, "%s", report_text(r, &b, o->error));
	else if (o->has_bytes)
		table_size(t, o->bytes);
	else
		table_put(t, "-");
	if (o->name != TEXT_NONE)
		buf_puts(&t->text, report_text(r, &b, o->name));
	else
		report_file(r, &t->text, o->file);
	table_end_cell(t);
}

/* Prints the table with the requests of each operation under its line. */
void report_slow(struct report *r)
{
	static const struct table_col cols[] = {
		{ "at" },
		{ "took" },
		{ "pid" },
		{ "thread", .left = true },
		{ "call", .left = true },
		{ "result", .drop = 1 },
		{ "path", .left = true },
	};
	const struct fileops *f = &r->s->fileops;
	_cleanup_(table_done) struct table t = {};
	_cleanup_(buf_done) struct buf lines = {};
	const char *p, *end;

	if (!f->nr_slow)
		return;
	table_init(&t, cols, ARRAY_SIZE(cols));
	for (u32 i = 0; i < f->nr_slow; i++)
		put_slow(r, &t, &f->slow[i]);
	table_print(&t, &lines, 2, r->width);
	if (lines.failed) {
		r->out.failed = true;
		return;
	}
	report_title(r, "Slowest operations on files");
	p = lines.data;
	for (s64 i = -1; i < (s64)f->nr_slow; i++) {
		end = memchr(p, '\n', lines.len - (size_t)(p - lines.data));
		if (!end)
			break;
		buf_put(&r->out, p, (size_t)(end + 1 - p));
		p = end + 1;
		if (i >= 0)
			put_chain(r, &f->slow[i]);
	}
}

static u64 open_value(const void *ctx, u32 i)
{
	return ((const struct failures *)ctx)->at[i].nr;
}

static void failed_opens(struct report *r)
{
	static const struct table_col cols[] = {
		{ "times" },
		{ "time" },
		{ "error", .left = true },
		{ "path", .left = true },
	};
	const struct failures *fs = &r->s->fileops.failed_opens;
	_cleanup_(freep) u32 *order = NULL;
	_cleanup_(table_done) struct table t = {};
	_cleanup_(buf_done) struct buf b = {};
	u32 nr = 0, all = 0;

	table_init(&t, cols, ARRAY_SIZE(cols));
	if (report_rank(fs->nr, open_value, fs, r->top, &order, &nr, &all) < 0)
		r->out.failed = true;
	for (u32 i = 0; i < nr; i++) {
		const struct failure *f = &fs->at[order[i]];

		table_count(&t, f->nr);
		table_dur(&t, f->time_ns);
		table_put(&t, "%s", report_text(r, &b, f->error));
		if (f->what == TEXT_NONE)
			buf_puts(&t.text, "(name could not be read)");
		else
			buf_puts(&t.text, report_text(r, &b, f->what));
		table_end_cell(&t);
	}
	if (!nr)
		return;
	if (all > nr)
		report_title(r, "Failed opens: %u of %u paths", nr, all);
	else
		report_title(r, "Failed opens");
	table_print(&t, &r->out, 2, r->width);
	report_say(r,
		   "Names are as the callers gave them: symbolic links and changed roots are not "
		   "resolved.");
}

void report_failures(struct report *r)
{
	static const struct table_col cols[] = {
		{ "times" },
		{ "time" },
		{ "call", .left = true },
		{ "error", .left = true },
	};
	const struct failures *fs = &r->s->fileops.by_call;
	_cleanup_(freep) u32 *order = NULL;
	_cleanup_(table_done) struct table t = {};
	_cleanup_(buf_done) struct buf b = {};
	u32 nr = 0, all = 0;

	failed_opens(r);
	table_init(&t, cols, ARRAY_SIZE(cols));
	if (report_rank(fs->nr, open_value, fs, r->top, &order, &nr, &all) < 0)
		r->out.failed = true;
	for (u32 i = 0; i < nr; i++) {
		const struct failure *f = &fs->at[order[i]];

		table_count(&t, f->nr);
		table_dur(&t, f->time_ns);
		table_put(&t, "%s", report_text(r, &b, f->what));
		table_put(&t, "%s", report_text(r, &b, f->error));
	}
	if (!nr)
		return;
	report_title(r, "Errors by call");
	table_print(&t, &r->out, 2, r->width);
}
