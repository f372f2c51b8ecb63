// SPDX-License-Identifier: BSD-2-Clause
/* Disks: what was asked of each device, how long it took, and where. */
#include <string.h>

#include "cmd/report.h"

#define BAR_MAX 60 /* columns; longer bars tell no more */

static void put_latency(struct table *t, const struct hist *h)
{
	table_dur(t, h->nr ? h->sum / h->nr : 0);
	table_dur(t, hist_percentile(h, 50));
	table_dur(t, hist_percentile(h, 90));
	table_dur(t, hist_percentile(h, 99));
	table_dur(t, h->max);
}

static void skip_cells(struct table *t, u32 nr)
{
	while (nr--)
		table_put(t, "%s", "");
}

static u64 per_second(u64 nr, u64 ns)
{
	return ns ? (u64)((unsigned __int128)nr * 1000000000 / ns) : 0;
}

/* Few requests in a long time are not none. */
static void put_iops(struct table *t, u64 nr, u64 length_ns)
{
	u64 tenths = per_second(10 * nr, length_ns);

	if (tenths >= 100 || !nr || !length_ns)
		table_count(t, tenths / 10);
	else if (tenths)
		table_put(t, "%llu.%llu", (unsigned long long)tenths / 10,
			  (unsigned long long)tenths % 10);
	else
		table_put(t, "<0.1");
}

static void put_rate(struct table *t, u64 bytes, u64 length_ns)
{
	u64 rate = per_second(bytes, length_ns);

	if (rate) {
		show_size(&t->text, rate);
		buf_puts(&t->text, "/s");
	}
	table_end_cell(t);
}

/* The time that was looked at: rates are over that. */
static u64 length_of(const struct report *r)
{
	u64 from_ns = MAX(r->s->start_ns, r->s->from_ns), to_ns = MIN(r->s->end_ns, r->s->to_ns);

	return to_ns > from_ns ? to_ns - from_ns : 0;
}

static void put_op(struct report *r, struct table *t, const struct disk_op *op)
{
	_cleanup_(buf_done) struct buf b = {};

	table_put(t, "%s", op->name == TEXT_NONE ? "other" : report_text(r, &b, op->name));
	table_count(t, op->nr);
	table_size(t, op->bytes);
	table_size(t, op->nr ? op->bytes / op->nr : 0);
	put_iops(t, op->nr, length_of(r));
	put_rate(t, op->bytes, length_of(r));
	table_share(t, op->nr_seq, op->nr);
	table_share(t, op->nr_sync, op->nr);
	put_latency(t, &op->total);
}

/* A line of words about the disk as a whole. */
static void say_disk(struct report *r, const struct disk *d, u64 busy_ns)
{
	_cleanup_(buf_done) struct buf b = {};
	u64 length = length_of(r), nr_fua = 0;

	for (u32 i = 0; i < d->nr_ops; i++)
		nr_fua += d->ops[i].nr_fua;
	buf_puts(&b, "Busy for ");
	show_dur(&b, busy_ns);
	if (busy_ns <= length) {
		buf_puts(&b, ", ");
		show_share(&b, busy_ns, length);
		buf_puts(&b, " of the time");
	}
	if (busy_ns) {
		buf_puts(&b, "; while busy ");
		show_count(&b, per_second(d->nr, busy_ns));
		buf_puts(&b, " requests/s");
	}
	if (busy_ns && d->bytes) {
		buf_puts(&b, " and ");
		show_size(&b, per_second(d->bytes, busy_ns));
		buf_puts(&b, "/s");
	}
	if (d->nr_errors) {
		buf_puts(&b, "; ");
		show_exact(&b, d->nr_errors);
		buf_puts(&b, " FAILED");
	}
	if (d->nr_requeues) {
		buf_puts(&b, "; ");
		show_exact(&b, d->nr_requeues);
		buf_printf(&b, " requeue%s of ", plural(d->nr_requeues));
		show_exact(&b, d->nr_requeued);
		buf_printf(&b, " request%s", plural(d->nr_requeued));
	}
	if (nr_fua) {
		buf_puts(&b, "; ");
		show_exact(&b, nr_fua);
		buf_puts(&b, " with FUA");
	}
	if (d->nr_preflush) {
		buf_puts(&b, "; ");
		show_exact(&b, d->nr_preflush);
		buf_puts(&b, " with a flush before");
	}
	if (d->nr_split) {
		buf_puts(&b, "; ");
		show_exact(&b, d->nr_split);
		buf_puts(&b, " completed in parts");
	}
	buf_puts(&b, ".");
	buf_putc(&b, '\0');
	report_say(r, "%s", b.data);
}

static void put_bar(struct report *r, struct buf *out, u64 nr, u64 most, u32 used)
{
	u32 room = r->width ? r->width - MIN(r->width, used) : BAR_MAX;
	u64 len = (u64)((unsigned __int128)nr * MIN(room, BAR_MAX) / most);

	/* What is there is seen, be it ever so little. */
	for (len = MAX(len, 1u); len && room; len--, room--)
		buf_putc(out, '#');
}

static void put_right(struct buf *out, const struct buf *text, u32 width)
{
	buf_printf(out, "%*s%.*s", (int)(width - MIN((u32)text->len, width)), "", (int)text->len,
		   text->data);
}

/* Latency by powers of two, in bars no wider than the page. */
static void histogram(struct report *r, const struct disk *d)
{
	_cleanup_(buf_done) struct buf b = {};
	u32 first = 0, last = DISK_LOG2S - 1;
	u64 most = 0;

	while (first < last && !d->by_log2[first])
		first++;
	while (last > first && !d->by_log2[last])
		last--;
	for (u32 i = first; i <= last; i++)
		most = MAX(most, d->by_log2[i]);
	if (!most || first == last)
		return;
	buf_puts(&r->out, "\n  latency, at least    requests\n");
	for (u32 i = first; i <= last; i++) {
		b.len = 0;
		if (i)
			show_dur(&b, 1000ull << i);
		else
			buf_putc(&b, '0');
		put_right(&r->out, &b, 19);
		b.len = 0;
		if (d->by_log2[i])
			show_count(&b, d->by_log2[i]);
		else
			buf_putc(&b, '-');
		put_right(&r->out, &b, 12);
		if (d->by_log2[i]) {
			buf_puts(&r->out, "  ");
			put_bar(r, &r->out, d->by_log2[i], most, 33);
		}
		buf_putc(&r->out, '\n');
	}
	r->out.failed |= b.failed;
}

static void one_disk(struct report *r, const struct disk *d)
{
	static const struct table_col cols[] = {
		{ "", .left = true, .always = true },
		{ "requests" },
		{ "bytes" },
		{ "each", .drop = 6 },
		{ "IOPS", .drop = 2 },
		{ "rate", .drop = 1 },
		{ "seq", .drop = 3 },
		{ "sync", .drop = 4 },
		{ "avg", .group = "latency", .drop = 7 },
		{ "p50", .group = "latency" },
		{ "p90", .group = "latency", .drop = 5 },
		{ "p99", .group = "latency" },
		{ "max", .group = "latency" },
	};
	_cleanup_(buf_done) struct buf b = {}, number = {};
	_cleanup_(table_done) struct table t = {};
	const char *name = report_disk(r, &b, d->name), *dev = report_text(r, &number, d->name);
	u64 busy_ns = spans_total(&d->busy, 0, UINT64_MAX);

	table_init(&t, cols, ARRAY_SIZE(cols));
	for (u32 i = 0; i < d->nr_ops; i++)
		if (d->ops[i].nr)
			put_op(r, &t, &d->ops[i]);
	/* The parts of the latency, of all operations together. */
	table_put(&t, "all");
	table_count(&t, d->nr);
	table_size(&t, d->bytes);
	table_size(&t, d->bytes / d->nr);
	put_iops(&t, d->nr, length_of(r));
	put_rate(&t, d->bytes, length_of(r));
	skip_cells(&t, 2);
	put_latency(&t, &d->total);
	if (d->queue.nr) {
		table_put(&t, " in the queue");
		table_count(&t, d->queue.nr);
		skip_cells(&t, 6);
		put_latency(&t, &d->queue);
	}
	if (d->device.nr) {
		table_put(&t, " on the device");
		table_count(&t, d->device.nr);
		skip_cells(&t, 6);
		put_latency(&t, &d->device);
	}
	report_title(r, "Disk %s%s%s%s%s", name, strcmp(name, dev) ? " (" : "",
		     strcmp(name, dev) ? dev : "", strcmp(name, dev) ? ")" : "",
		     text_is(&r->s->texts, d->kind, "bio") ? " (bio-based: no requests of its own)"
							   : "");
	table_print(&t, &r->out, 2, r->width);
	say_disk(r, d, busy_ns);
	histogram(r, d);
}

static u64 disk_value(const void *ctx, u32 i)
{
	const struct report *r = ctx;
	const struct disk *d = &r->s->disks.at[i];

	if (!d->nr)
		return 0;
	switch (r->by) {
	case REPORT_BY_BYTES:
		return d->bytes + 1;
	case REPORT_BY_OPS:
		return d->nr;
	default:
		return spans_total(&d->busy, 0, UINT64_MAX) + 1;
	}
}

void report_disks(struct report *r)
{
	_cleanup_(freep) u32 *order = NULL;
	u32 nr = 0, all = 0;

	if (report_rank(r->s->disks.nr, disk_value, r, r->top, &order, &nr, &all) < 0)
		r->out.failed = true;
	for (u32 i = 0; i < nr; i++)
		one_disk(r, &r->s->disks.at[order[i]]);
	if (all > nr)
		report_say(r, "... and %u more disk%s", all - nr, plural(all - nr));
	if (!all && report_has(r, SN_SLOT_block_io))
		report_title(r, "Disks: no block requests");
}
