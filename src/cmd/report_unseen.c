// SPDX-License-Identifier: BSD-2-Clause
/* What the recording did not see, and whether its counters add up. */
#include <stdio.h>

#include "cmd/report.h"

/* A point of the list, its text shown as it must be. */
static void point(struct report *r, const struct buf *text)
{
	_cleanup_(buf_done) struct buf b = {};

	buf_puts(&b, "- ");
	buf_put(&b, text->data ? text->data : "", text->len);
	buf_putc(&b, '\0');
	if (b.failed || text->failed)
		r->out.failed = true;
	else
		report_say(r, "%s", b.data);
}

static void put_words(struct buf *b, const char *s)
{
	show_text(b, s ? s : "", s ? strlen(s) : 0);
}

/* Stands the reason above all already, as that of a stream? */
static bool is_said(const struct manifest *m, const char *reason)
{
	for (u32 i = 0; reason && i < m->nr_streams; i++) {
		const char *weaker = m->streams[i].weaker, *why = m->streams[i].reason;

		if (m->streams[i].attached ? weaker && strstr(weaker, reason)
					   : why && strstr(reason, why))
			return true;
	}
	return false;
}

static bool lacks_the_same(const struct manifest_stream *a, const struct manifest_stream *b)
{
	return a->weaker && b->weaker && !strcmp(a->weaker, b->weaker);
}

/* Those that lack the same are one point. */
static void weak_streams(struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	_cleanup_(buf_done) struct buf b = {};
	bool said;

	for (u32 i = 0; i < m->nr_streams; i++) {
		said = !m->streams[i].weaker;
		for (u32 k = 0; k < i && !said; k++)
			said = lacks_the_same(&m->streams[k], &m->streams[i]);
		if (said)
			continue;
		b.len = 0;
		put_words(&b, m->streams[i].name);
		for (u32 k = i + 1; k < m->nr_streams; k++) {
			if (!lacks_the_same(&m->streams[i], &m->streams[k]))
				continue;
			buf_puts(&b, ", ");
			put_words(&b, m->streams[k].name);
		}
		buf_puts(&b, ": ");
		put_words(&b, m->streams[i].weaker);
		point(r, &b);
	}
}

/* Does another program see what this one would? */
static bool has_alternative(const struct manifest *m, const struct manifest_program *p)
{
	for (u32 i = 0; p->group && i < m->nr_programs; i++) {
		const struct manifest_program *other = &m->programs[i];

		if (other->attached && other->group && !strcmp(other->group, p->group) &&
		    other->domain && p->domain && !strcmp(other->domain, p->domain))
			return true;
	}
	return false;
}

static void unattached(struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	_cleanup_(buf_done) struct buf b = {};

	for (u32 i = 0; i < m->nr_programs; i++) {
		const struct manifest_program *p = &m->programs[i];

		if (p->attached ? !p->weaker : is_said(m, p->reason) || has_alternative(m, p))
			continue;
		b.len = 0;
		put_words(&b, p->name);
		if (p->hook) {
			buf_puts(&b, " (");
			put_words(&b, p->hook);
			buf_puts(&b, ")");
		}
		buf_puts(&b, p->attached ? ": " : " was not attached: ");
		put_words(&b, p->attached ? p->weaker : p->reason ? p->reason : "no reason given");
		point(r, &b);
	}
}

/* Runs that the kernel left out, and programs of which it does not say. */
static void missed(struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	_cleanup_(buf_done) struct buf b = {}, names = {};
	u32 nr_unknown = 0;

	for (u32 i = 0; i < m->nr_programs; i++) {
		const struct manifest_program *p = &m->programs[i];

		if (!p->attached)
			continue;
		if (!p->missed.known) {
			buf_puts(&names, nr_unknown++ ? ", " : "");
			put_words(&names, p->name);
		} else if (p->missed.n) {
			b.len = 0;
			put_words(&b, p->name);
			buf_puts(&b, ": the kernel skipped ");
			show_exact(&b, p->missed.n);
			buf_printf(&b, " run%s", plural(p->missed.n));
			point(r, &b);
		}
	}
	if (!nr_unknown)
		return;
	b.len = 0;
	buf_puts(&b, "The kernel does not say how many runs it skipped of ");
	if (nr_unknown > 4 && !r->verbose)
		buf_printf(&b, "%u programs (-v names them)", nr_unknown);
	else
		buf_put(&b, names.data, names.len);
	point(r, &b);
	r->out.failed |= names.failed;
}

static void unnamed(struct report *r)
{
	const struct fileops *f = &r->s->fileops;
	_cleanup_(buf_done) struct buf b = {};

	if (f->nr_unnamed) {
		show_exact(&b, f->nr_unnamed);
		buf_puts(&b, " of ");
		show_exact(&b, f->nr_named + f->nr_unnamed);
		buf_puts(&b, " operations on files (");
		show_share(&b, f->nr_unnamed, f->nr_named + f->nr_unnamed);
		buf_puts(&b, ") have no path");
		point(r, &b);
	}
	if (f->nr_restarted) {
		b.len = 0;
		show_exact(&b, f->nr_restarted);
		buf_printf(&b,
			   " interrupted call%s that the kernel made again: left out of all sums",
			   plural(f->nr_restarted));
		point(r, &b);
	}
	if (f->nr_files_beyond) {
		b.len = 0;
		buf_printf(&b, "Files beyond the first %u are one in the tables", FILES_MAX);
		point(r, &b);
	}
	if (r->s->disks.nr_beyond) {
		b.len = 0;
		show_exact(&b, r->s->disks.nr_beyond);
		buf_puts(
			&b,
			" requests are in the sums of their disks but were not tied to operations, "
			"nor looked at for sequence");
		point(r, &b);
	}
}

/* What had begun and did not end is no row. */
static void in_flight(struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	_cleanup_(buf_done) struct buf b = {};

	for (u32 i = 0; m->complete && i < m->nr_events; i++) {
		if (!m->events[i].in_flight.n || !report_wants(r, m->events[i].name))
			continue;
		b.len = 0;
		put_words(&b, m->events[i].name);
		buf_puts(&b, ": ");
		show_exact(&b, m->events[i].in_flight.n);
		buf_puts(&b, " had not ended when the recording did");
		point(r, &b);
	}
}

static void problems(struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	_cleanup_(buf_done) struct buf b = {};

	for (u32 i = 0; i < m->nr_problems; i++) {
		if (is_said(m, m->problems[i]))
			continue;
		b.len = 0;
		put_words(&b, m->problems[i]);
		point(r, &b);
	}
}

/* Records of the event that the holes in the trace stand for. */
static u64 in_holes(const struct report *r, const char *event)
{
	u64 nr = 0;

	for (u32 i = 0; i < r->s->nr_losses; i++)
		if (text_is(&r->s->texts, r->s->losses[i].of, event))
			nr += r->s->losses[i].nr;
	return nr;
}

/* Are the losses that were counted those that were told? Of a window this cannot be said. */
static void check_holes(struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	bool is_whole = m->complete && !r->s->from_ns && r->s->to_ns == UINT64_MAX;
	_cleanup_(buf_done) struct buf b = {};
	u64 lost, told;

	for (u32 i = 0; is_whole && i < m->nr_events; i++) {
		lost = manifest_event_lost(&m->events[i]);
		told = in_holes(r, m->events[i].name);
		if (lost == told || !report_wants(r, m->events[i].name))
			continue;
		b.len = 0;
		put_words(&b, m->events[i].name);
		buf_printf(&b, ": DOES NOT ADD UP: %llu lost, %llu in the holes of the trace",
			   (unsigned long long)lost, (unsigned long long)told);
		point(r, &b);
	}
}

/* Do rows in the trace and counters of the manifest agree? Says so only where they do not. */
static void check_events(struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	_cleanup_(buf_done) struct buf b = {};
	const struct sn_event *ev;

	for (u32 i = 0; i < m->nr_events; i++) {
		const struct manifest_event *e = &m->events[i];

		ev = schema_by_name(e->name, strlen(e->name));
		b.len = 0;
		if (!manifest_event_adds_up(e, ev && schema_is_core(ev))) {
			put_words(&b, e->name);
			buf_printf(&b, ": DOES NOT ADD UP: %llu emitted, %llu written or lost",
				   (unsigned long long)e->emitted.n,
				   (unsigned long long)(e->written.n + e->lost_writer.n));
			point(r, &b);
		} else if (ev && m->complete && e->written.known &&
			   r->s->rows_are_counted[ev->slot] &&
			   e->written.n != r->s->rows[ev->slot]) {
			put_words(&b, e->name);
			buf_printf(&b, ": DOES NOT ADD UP: %llu rows written, %llu in the trace",
				   (unsigned long long)e->written.n,
				   (unsigned long long)r->s->rows[ev->slot]);
			point(r, &b);
		}
	}
	for (u32 i = 0; i < m->nr_programs; i++) {
		u64 sum;

		if (manifest_adds_up(&m->programs[i], &sum))
			continue;
		b.len = 0;
		put_words(&b, m->programs[i].name);
		buf_printf(&b, ": DOES NOT ADD UP: %llu runs%s, %llu outcomes",
			   (unsigned long long)manifest_runs(&m->programs[i])->n,
			   m->programs[i].kernel_runs.known ? " by the kernel's count" : "",
			   (unsigned long long)sum);
		point(r, &b);
	}
}

static void put_maybe(struct table *t, const struct maybe *m)
{
	if (m->known)
		table_count(t, m->n);
	else
		table_put(t, "?");
}

static void conserved_programs(struct report *r)
{
	static const struct table_col cols[] = {
		{ "program", .left = true },
		{ "missed" },
		{ "runs", .always = true },
#define X(name) { #name },
		SN_OUTCOMES(X)
#undef X
			{ "", .left = true },
	};
	const struct manifest *m = &r->s->manifest;
	_cleanup_(table_done) struct table t = {};
	u64 sum;

	table_init(&t, cols, ARRAY_SIZE(cols));
	for (u32 i = 0; i < m->nr_programs; i++) {
		const struct manifest_program *p = &m->programs[i];

		if (!p->attached)
			continue;
		put_words(&t.text, p->name);
		table_end_cell(&t);
		put_maybe(&t, &p->missed);
		put_maybe(&t, manifest_runs(p));
		for (u32 j = 0; j < SN_NR_OUTCOMES; j++)
			put_maybe(&t, &p->outcomes[j]);
		if (!manifest_adds_up(p, &sum))
			table_put(&t, "OFF BY %lld", (long long)(manifest_runs(p)->n - sum));
		else if (p->kernel_runs.known)
			table_put(&t, "adds up to the kernel's count");
		else
			table_put(&t, "%s", p->runs.known ? "adds up" : "");
	}
	if (!t.nr)
		return;
	report_title(r, "Every run of every program, and what became of it");
	table_print(&t, &r->out, 2, 0);
}

static void conserved_events(struct report *r)
{
	static const struct table_col cols[] = {
		{ "event", .left = true },
		{ "lost_ring" },
		{ "lost_map" },
		{ "lost_missed" },
		{ "emitted", .always = true },
		{ "written" },
		{ "lost_writer" },
		{ "in the trace" },
		{ "in flight" },
		{ "", .left = true },
	};
	const struct manifest *m = &r->s->manifest;
	_cleanup_(table_done) struct table t = {};
	const struct sn_event *ev;

	table_init(&t, cols, ARRAY_SIZE(cols));
	for (u32 i = 0; i < m->nr_events; i++) {
		const struct manifest_event *e = &m->events[i];

		ev = schema_by_name(e->name, strlen(e->name));
		put_words(&t.text, e->name);
		table_end_cell(&t);
		put_maybe(&t, &e->lost_ring);
		put_maybe(&t, &e->lost_map);
		put_maybe(&t, &e->lost_missed);
		put_maybe(&t, &e->emitted);
		put_maybe(&t, &e->written);
		put_maybe(&t, &e->lost_writer);
		if (ev && r->s->rows_are_counted[ev->slot])
			table_count(&t, r->s->rows[ev->slot]);
		else
			table_put(&t, "%s", "");
		if (e->in_flight.known)
			table_count(&t, e->in_flight.n);
		else
			table_put(&t, "%s", "");
		if (!manifest_event_adds_up(e, ev && schema_is_core(ev)))
			table_put(&t, "DOES NOT ADD UP");
		else
			table_put(&t, "%s", e->written.known ? "adds up" : "");
	}
	if (!t.nr)
		return;
	report_title(r, "Every record of every event");
	table_print(&t, &r->out, 2, 0);
}

void report_unseen(struct report *r)
{
	size_t start, before = r->out.len;

	report_title(r, "What was not seen");
	start = r->out.len;
	weak_streams(r);
	unattached(r);
	missed(r);
	unnamed(r);
	in_flight(r);
	problems(r);
	check_events(r);
	check_holes(r);
	if (r->out.len == start) {
		r->out.len = before;
		if (r->s->manifest.nr_programs && !report_nr_lost(r) && r->s->manifest.complete)
			report_title(
				r, "Nothing that was asked for went unseen; all counters add up.");
	}
	if (r->verbose) {
		conserved_programs(r);
		conserved_events(r);
	}
}
