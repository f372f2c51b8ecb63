// SPDX-License-Identifier: BSD-2-Clause
/* Processes: what each did to files and disks, and how they descend from one another. */
#include <errno.h>

#include "cmd/report.h"

/* clang-format off */
#define USE_COLUMNS                                    \
	{ "all",     .group = "time in" },             \
	{ "read",    .group = "time in" },             \
	{ "write",   .group = "time in" },             \
	{ "sync",    .group = "time in" },             \
	{ "copy",    .group = "time in" },             \
	{ "name",    .group = "time in" },             \
	{ "attr/map", .group = "time in" },             \
	{ "open/close", .group = "time in", .drop = 2 }, \
	{ "pipes",   .group = "time in" },             \
	{ "requests", .group = "time in" },            \
	{ "read",    .group = "bytes" },               \
	{ "written", .group = "bytes" },               \
	{ "disk",    .group = "bytes" },               \
	{ "hit",     .group = "pages read", .drop = 2 }, \
	{ "missed",  .group = "pages read", .drop = 2 }
/* clang-format on */

static void add_use(struct proc_use *sum, const struct proc_use *u)
{
	for (u32 i = 0; i < NR_FILE_OPS; i++) {
		sum->ops[i].nr += u->ops[i].nr;
		sum->ops[i].time_ns += u->ops[i].time_ns;
	}
	sum->pipes.nr += u->pipes.nr;
	sum->pipes.time_ns += u->pipes.time_ns;
	sum->requests.nr += u->requests.nr;
	sum->requests.time_ns += u->requests.time_ns;
	sum->nr_failed += u->nr_failed;
	sum->bytes_read += u->bytes_read;
	sum->bytes_written += u->bytes_written;
	pages_read_add(&sum->pages, &u->pages);
	sum->disk_bytes += u->disk_bytes;
}

/* Operations of all kinds. */
static u64 nr_of(const struct proc_use *u)
{
	return tally_sum(u->ops, NR_FILE_OPS).nr + u->pipes.nr + u->requests.nr;
}

/* A rank among equals, behind all who have something of what is asked for. */
#define HAS_NONE (1ull << 47)
#define HAS_SOME (2 * HAS_NONE)

/* Who has nothing of what is asked for comes after who has, but comes; the most bytes first. */
static u64 value_of(const struct report *r, const struct proc_use *u)
{
	struct tally all = tally_sum(u->ops, NR_FILE_OPS);
	u64 nr = nr_of(u), rest = nr + u->disk_bytes;

	switch (r->by) {
	case REPORT_BY_BYTES:
		nr = u->bytes_read + u->bytes_written + u->disk_bytes;
		break;
	case REPORT_BY_OPS:
		break;
	default:
		nr = all.time_ns + u->requests.time_ns;
	}
	if (nr)
		return HAS_SOME + nr;
	return rest ? HAS_NONE + MIN(rest, HAS_NONE - 1) : 0;
}

/* The process that was started, if there is a tree below it; PROC_NONE if not. */
static u32 root_of_tree(const struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	u32 root;

	if (!m->has_target || !m->target_pid.known ||
	    pairmap_get(&r->s->procs.by_pid, m->target_pid.n, 0) == PAIRMAP_NONE)
		return PROC_NONE;
	/* The pid may have been another process's before. */
	root = procs_find(&r->s->procs, (u32)m->target_pid.n, UINT64_MAX);
	return r->s->procs.at[root].first_child == PROC_NONE ? PROC_NONE : root;
}

static bool is_inside(const struct report *r, u64 ts)
{
	return ts && ts >= MAX(r->s->start_ns, r->s->from_ns) && ts <= r->s->to_ns;
}

/* Was the process seen to begin or to end, by rows that were asked for? */
static bool is_seen(const struct report *r, const struct proc *p)
{
	return (report_has(r, SN_SLOT_proc_exit) && is_inside(r, p->exit_ns)) ||
	       (report_has(r, SN_SLOT_proc_fork) && is_inside(r, p->start_ns));
}

u64 report_proc_value(const void *ctx, u32 i)
{
	const struct report *r = ctx;
	u64 value = value_of(r, fileops_of_proc(&r->s->fileops, i));

	/* What did nothing with files is in the tree, if there is one. */
	if (value || !is_seen(r, &r->s->procs.at[i]) ||
	    (!r->has_no_tree && root_of_tree(r) != PROC_NONE))
		return value;
	return MIN(r->s->procs.at[i].lived_ns + 1, HAS_NONE - 1);
}

static void put_use(struct table *t, const struct proc_use *u)
{
	struct tally all = tally_sum(u->ops, NR_FILE_OPS);

	table_dur(t, all.time_ns);
	table_dur(t, u->ops[FILE_READ].time_ns);
	table_dur(t, u->ops[FILE_WRITE].time_ns);
	table_dur(t, u->ops[FILE_SYNC].time_ns);
	table_dur(t, u->ops[FILE_COPY].time_ns);
	table_dur(t, u->ops[FILE_NAME].time_ns);
	table_dur(t,
		  u->ops[FILE_ATTR].time_ns + u->ops[FILE_LIST].time_ns + u->ops[FILE_MAP].time_ns);
	table_dur(t, u->ops[FILE_OPEN].time_ns + u->ops[FILE_CLOSE].time_ns);
	table_dur(t, u->pipes.time_ns);
	table_dur(t, u->requests.time_ns);
	table_size(t, u->bytes_read);
	table_size(t, u->bytes_written);
	table_size(t, u->disk_bytes);
	report_put_pages(t, &u->pages);
}

static void put_end(struct report *r, struct buf *b, const struct proc *p)
{
	_cleanup_(buf_done) struct buf scratch = {};

	if (p->signal != TEXT_NONE)
		buf_puts(b, report_text(r, &scratch, p->signal));
	else if (p->has_code)
		buf_printf(b, "%u", p->code);
	else
		buf_putc(b, '?');
}

static int table_of_procs(struct report *r, u32 *ret_all)
{
	static const struct table_col cols[] = {
		{ "pid", .always = true },
		{ "ops", .drop = 1 },
		USE_COLUMNS,
		{ "lived", .drop = 3 },
		{ "exit" },
		{ "process", .left = true, .cut_end = true },
	};
	_cleanup_(freep) u32 *order = NULL;
	_cleanup_(table_done) struct table t = {};
	bool ends;
	u32 nr;

	table_init(&t, cols, ARRAY_SIZE(cols));
	if (report_rank(r->s->procs.nr, report_proc_value, r, r->top, &order, &nr, ret_all) < 0)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++) {
		const struct proc *p = &r->s->procs.at[order[i]];
		const struct proc_use *u = fileops_of_proc(&r->s->fileops, order[i]);

		table_put(&t, "%u", p->pid);
		table_count(&t, nr_of(u));
		put_use(&t, u);
		/* With a tree, that says it. */
		ends = p->exit_ns && root_of_tree(r) == PROC_NONE;
		table_dur(&t, ends ? p->lived_ns : 0);
		if (ends)
			put_end(r, &t.text, p);
		table_end_cell(&t);
		report_proc(r, &t.text, p);
		table_end_cell(&t);
	}
	if (!nr)
		return 0;
	report_title_of(r, "Processes", report_by_name(r), nr, *ret_all);
	table_print(&t, &r->out, 2, r->width);
	return 0;
}

/* Sums of all processes with one name. */
struct program {
	u32 comm;
	u32 nr, nr_failed, nr_killed;
	struct proc_use use;
};

struct programs {
	const struct report *r;
	struct program *at;
	u32 nr;
};

static int sum_programs(struct programs *ps)
{
	_cleanup_(pairmap_done) struct pairmap map = {};
	const struct procs *procs = &ps->r->s->procs;
	u32 *place;

	ps->at = calloc(procs->nr + 1, sizeof(*ps->at));
	if (!ps->at)
		return -ENOMEM;
	for (u32 i = 0; i < procs->nr; i++) {
		if (!report_proc_value(ps->r, i))
			continue;
		place = pairmap_put(&map, procs->at[i].comm, 0);
		if (!place)
			return -ENOMEM;
		if (*place == PAIRMAP_NONE) {
			*place = ps->nr;
			ps->at[ps->nr++].comm = procs->at[i].comm;
		}
		ps->at[*place].nr++;
		ps->at[*place].nr_failed += procs->at[i].exit_ns && procs->at[i].code;
		ps->at[*place].nr_killed += procs->at[i].signal != TEXT_NONE;
		add_use(&ps->at[*place].use, fileops_of_proc(&ps->r->s->fileops, i));
	}
	return 0;
}

static u64 program_value(const void *ctx, u32 i)
{
	const struct programs *ps = ctx;

	u64 value = value_of(ps->r, &ps->at[i].use);

	return value ? value : ps->at[i].nr;
}

/* With many short processes, what each did tells little; what all of one name did, more. */
static void table_of_programs(struct report *r, u32 nr_procs)
{
	static const struct table_col cols[] = {
		{ "procs" },
		{ "ops", .drop = 1 },
		USE_COLUMNS,
		{ "failed", .drop = 3 },
		{ "killed", .drop = 3 },
		{ "program", .left = true },
	};
	_cleanup_(freep) u32 *order = NULL;
	_cleanup_(table_done) struct table t = {};
	struct programs ps = { .r = r };
	_cleanup_(buf_done) struct buf b = {};
	u32 nr = 0, all = 0;

	table_init(&t, cols, ARRAY_SIZE(cols));
	if (sum_programs(&ps) < 0 ||
	    report_rank(ps.nr, program_value, &ps, r->top, &order, &nr, &all) < 0)
		r->out.failed = true;
	for (u32 i = 0; i < nr; i++) {
		const struct program *p = &ps.at[order[i]];

		table_count(&t, p->nr);
		table_count(&t, nr_of(&p->use));
		put_use(&t, &p->use);
		table_count(&t, p->nr_failed);
		table_count(&t, p->nr_killed);
		table_put(&t, "%s", p->comm == TEXT_NONE ? "?" : report_text(r, &b, p->comm));
	}
	free(ps.at);
	if (all >= nr_procs || !nr)
		return;
	report_title_of(r, "Programs, all processes of a name together,", report_by_name(r), nr,
			all);
	table_print(&t, &r->out, 2, r->width);
}

void report_procs(struct report *r)
{
	const struct fileops *f = &r->s->fileops;
	u32 all = 0;
	u64 pipes = 0, requests = 0;

	if (table_of_procs(r, &all) < 0)
		r->out.failed = true;
	if (all > r->top)
		table_of_programs(r, all);
	for (u32 i = 0; i < NR_FILE_OPS; i++) {
		pipes += f->pipes[i].all.nr;
		requests += f->requests[i].all.nr;
	}
	if (all && pipes)
		report_say(
			r,
			"pipes: and sockets and character devices, also where a file is copied from or to "
			"them; counted in ops and, of the file, in bytes, but in no other column.");
	if (all && requests)
		report_say(r,
			   "requests: of io_uring and AIO, from first to last, however many were "
			   "under way; their bytes are read and written, too.");
}

/* The tree below one process. Siblings that look alike and have no children share a line. */
struct tree {
	struct report *r;
	u32 lines, max_lines;
	u64 left_out;
};

static bool look_alike(const struct proc *a, const struct proc *b)
{
	return a->first_child == PROC_NONE && b->first_child == PROC_NONE && a->comm == b->comm &&
	       a->signal == b->signal && a->code == b->code && a->has_code == b->has_code &&
	       !a->exit_ns == !b->exit_ns;
}

static void put_line(struct tree *t, const struct buf *prefix, const char *branch, u32 i, u32 alike)
{
	const struct proc *p = &t->r->s->procs.at[i];
	struct buf *out = &t->r->out;
	_cleanup_(buf_done) struct buf name = {}, tail = {}, scratch = {};
	u32 used;

	if (alike > 1) {
		buf_puts(&name, report_text(t->r, &scratch, p->comm));
		buf_printf(&tail, "  (%u processes)", alike);
	} else {
		report_proc(t->r, &name, p);
		buf_printf(&tail, "  (%u)", p->pid);
	}
	if (!p->exit_ns) {
		buf_puts(&tail, report_sees_ends(t->r) ? " still running" : "");
	} else {
		if (p->signal != TEXT_NONE)
			buf_printf(&tail, " killed by %s", report_text(t->r, &scratch, p->signal));
		else if (p->has_code)
			buf_printf(&tail, " exit %u", p->code);
		if (alike == 1 && p->start_ns && p->start_ns >= t->r->s->start_ns) {
			buf_puts(&tail, " after ");
			show_dur(&tail, p->exit_ns - MIN(p->start_ns, p->exit_ns));
		}
	}
	buf_puts(out, "  ");
	buf_put(out, prefix->data ? prefix->data : "", prefix->len);
	buf_puts(out, branch);
	used = 2 + text_width(prefix->data ? prefix->data : "", prefix->len) + (u32)strlen(branch) +
	       (u32)tail.len;
	show_short(out, name.data ? name.data : "", name.len,
		   t->r->width ? MAX(t->r->width - MIN(t->r->width, used), 16u) : 0, true);
	buf_put(out, tail.data ? tail.data : "", tail.len);
	buf_putc(out, '\n');
	t->lines++;
}

static u32 count_below(const struct procs *procs, u32 i)
{
	u32 nr = 0, at = procs->at[i].first_child;

	/* Walks the whole subtree without a stack: parents are known. */
	while (at != PROC_NONE && at != i) {
		nr++;
		if (procs->at[at].first_child != PROC_NONE) {
			at = procs->at[at].first_child;
			continue;
		}
		while (at != i && procs->at[at].next_sibling == PROC_NONE)
			at = procs->at[at].parent;
		if (at != i)
			at = procs->at[at].next_sibling;
	}
	return nr;
}

static void put_children(struct tree *t, struct buf *prefix, u32 parent, u32 depth)
{
	const struct procs *procs = &t->r->s->procs;
	u32 next, alike;
	size_t len = prefix->len;

	for (u32 i = procs->at[parent].first_child; i != PROC_NONE; i = next) {
		alike = 1;
		next = procs->at[i].next_sibling;
		while (next != PROC_NONE && look_alike(&procs->at[i], &procs->at[next])) {
			alike++;
			next = procs->at[next].next_sibling;
		}
		if (t->lines >= t->max_lines || depth > 16) {
			t->left_out += alike + count_below(procs, i);
			continue;
		}
		put_line(t, prefix, next == PROC_NONE ? "`- " : "|- ", i, alike);
		buf_puts(prefix, next == PROC_NONE ? "   " : "|  ");
		put_children(t, prefix, i, depth + 1);
		prefix->len = len;
	}
}

void report_tree(struct report *r)
{
	_cleanup_(buf_done) struct buf prefix = {};
	struct tree t = { .r = r, .max_lines = 2 * r->top };
	u32 root = root_of_tree(r);

	if (root == PROC_NONE)
		return;
	report_title(r, "Process tree");
	put_line(&t, &prefix, "", root, 1);
	put_children(&t, &prefix, root, 0);
	if (t.left_out)
		report_say(r, "... and %llu more", (unsigned long long)t.left_out);
	r->out.failed |= prefix.failed;
}
