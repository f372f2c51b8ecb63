// SPDX-License-Identifier: BSD-2-Clause
/* Warnings, and the head of the report: what was recorded, where, when. */
#include <stdio.h>
#include <time.h>

#include "cmd/report.h"

u64 report_nr_lost(const struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	u64 nr = 0;

	for (u32 i = 0; i < m->nr_events; i++)
		if (report_wants(r, m->events[i].name))
			nr += manifest_event_lost(&m->events[i]);
	return nr;
}

static void warn_losses(struct report *r)
{
	static const struct table_col cols[] = {
		{ "event", .left = true },
		{ "records" },
		{ "because", .left = true },
		{ "holes", .drop = 2 },
		{ "time in holes", .drop = 3 },
		{ "first at", .drop = 1 },
		{ "last until" },
	};
	_cleanup_(table_done) struct table t = {};
	const struct summary *s = r->s;
	u64 nr = 0;

	for (u32 i = 0; i < s->nr_losses; i++)
		nr += s->losses[i].nr;
	if (!s->nr_losses)
		return;
	_cleanup_(buf_done) struct buf b = {};
	show_exact(&b, nr);
	buf_putc(&b, '\0');
	report_warn(
		r,
		"LOST: %s record%s. What fell into these holes is missing from every number below.",
		b.data, plural(nr));

	table_init(&t, cols, ARRAY_SIZE(cols));
	for (u32 i = 0; i < s->nr_losses; i++) {
		const struct loss *l = &s->losses[i];

		table_put(&t, "%s", report_text(r, &b, l->of));
		table_count(&t, l->nr);
		if (text_is(&s->texts, l->cause, "ring"))
			table_put(&t, "the ring was full");
		else if (text_is(&s->texts, l->cause, "map"))
			table_put(&t, "a kernel table was full");
		else if (text_is(&s->texts, l->cause, "writer"))
			table_put(&t, "the disk was too slow");
		else if (text_is(&s->texts, l->cause, "missed"))
			table_put(&t, "the kernel did not tell the end");
		else if (text_is(&s->texts, l->cause, "disk_full"))
			table_put(&t, "the disk was full");
		else if (text_is(&s->texts, l->cause, "read_only"))
			table_put(&t, "the disk could only be read");
		else if (text_is(&s->texts, l->cause, "write_error"))
			table_put(&t, "they could not be written");
		else
			table_put(&t, "%s", report_text(r, &b, l->cause));
		table_count(&t, l->nr_holes);
		table_dur(&t, l->length_ns);
		report_when(r, &t.text, l->first_ns);
		table_end_cell(&t);
		report_when(r, &t.text, l->last_ns);
		table_end_cell(&t);
	}
	table_print(&t, &r->out, 4, r->width);
	buf_putc(&r->out, '\n');
}

static void warn_damages(struct report *r)
{
	const struct summary *s = r->s;
	_cleanup_(buf_done) struct buf b = {};

	if (s->nr_damaged)
		report_warn(
			r,
			"DAMAGED: %u file%s cut off in a flush; read up to the last whole group "
			"of rows.",
			s->nr_damaged, s->nr_damaged == 1 ? " was" : "s were");
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		if (!s->damages[slot].text[0])
			continue;
		b.len = 0;
		show_text(&b, s->damages[slot].text, strlen(s->damages[slot].text));
		buf_putc(&b, '\0');
		report_warn(r, "DAMAGED: some rows of %s are missing: %s", schema_event(slot)->name,
			    b.data);
	}
}

static void warn_streams(struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	_cleanup_(buf_done) struct buf b = {};

	for (u32 i = 0; i < m->nr_streams; i++) {
		if (m->streams[i].attached || !report_wants(r, m->streams[i].name))
			continue;
		b.len = 0;
		show_text(&b, m->streams[i].name, strlen(m->streams[i].name));
		buf_puts(&b, m->streams[i].reason ? ": " : "");
		if (m->streams[i].reason)
			show_text(&b, m->streams[i].reason, strlen(m->streams[i].reason));
		buf_putc(&b, '\0');
		report_warn(r, "NOT OBSERVED: %s", b.data);
	}
}

void report_warnings(struct report *r)
{
	const struct summary *s = r->s;
	size_t start = r->out.len;

	if (!s->manifest.is_there)
		report_warn(
			r,
			"NO MANIFEST: %s. Who recorded this, when, and what was lost is not known.",
			s->manifest_error.text[0] ? s->manifest_error.text
						  : "manifest.json is missing or empty");
	else if (!s->manifest.complete)
		report_warn(r, "NOT COMPLETE: the recording is still running or was cut off; what "
			       "came after its last flush is missing.");
	if (s->from_ns > s->end_ns)
		report_warn(r, "NOTHING IN THE WINDOW: the recording ended before it begins.");
	warn_damages(r);
	warn_streams(r);
	warn_losses(r);
	if (r->out.len > start && r->out.data[r->out.len - 2] != '\n')
		buf_putc(&r->out, '\n');
}

/* A line of the head; what is too long for one line goes on below itself. */
static void line(struct report *r, const char *name, const struct buf *text)
{
	u32 width = r->width ? r->width : 100, at = 10, n;
	const char *p = text->data, *end = p + text->len, *word;
	size_t start = r->out.len;

	if (!text->len)
		return;
	buf_printf(&r->out, "%s%-10s%s", r->color ? "\033[1m" : "", name,
		   r->color ? "\033[0m" : "");
	for (; p < end; p = word + 1) {
		word = memchr(p, ' ', (size_t)(end - p));
		word = word ? word : end;
		n = text_width(p, (size_t)(word - p));
		if (at > 10 && at + 1 + n > width) {
			buf_printf(&r->out, "\n%10s", "");
			at = 10;
		} else if (at > 10) {
			buf_putc(&r->out, ' ');
			at++;
		}
		buf_put(&r->out, p, (size_t)(word - p));
		at += n;
	}
	buf_putc(&r->out, '\n');
	for (size_t i = start; i < r->out.len; i++)
		if (r->out.data[i] == '\t')
			r->out.data[i] = ' ';
}

static void put_words(struct buf *b, const char *s)
{
	show_text(b, s, strlen(s));
}

static void line_host(struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	_cleanup_(buf_done) struct buf b = {};

	put_words(&b, m->host ? m->host : "");
	if (m->machine) {
		buf_puts(&b, b.len ? ", " : "");
		put_words(&b, m->machine);
	}
	if (m->cpus.known)
		buf_printf(&b, "%s%llu CPU%s", b.len ? ", " : "", (unsigned long long)m->cpus.n,
			   plural(m->cpus.n));
	if (m->kernel) {
		buf_puts(&b, b.len ? ", Linux " : "Linux ");
		put_words(&b, m->kernel);
	}
	line(r, "host", &b);
}

static void line_when(struct report *r)
{
	const struct summary *s = r->s;
	_cleanup_(buf_done) struct buf b = {};
	u64 wall = s->manifest.started_wall.n, length = s->end_ns - s->start_ns;
	time_t at = (time_t)(wall / 1000000000);
	char text[64];
	struct tm tm;

	if (s->manifest.started_wall.known && gmtime_r(&at, &tm) &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
		buf_printf(&b, "%s, ", text);
	if (s->end_is_known || length) {
		buf_puts(&b, s->end_is_known ? "" : "at least ");
		show_dur(&b, length);
	} else {
		buf_puts(&b, "no row yet");
	}
	if (s->manifest.is_there)
		buf_puts(&b, s->manifest.complete ? ", complete" : ", not complete");
	line(r, "recorded", &b);
}

/* Below what is told of the whole trace. */
static void line_window(struct report *r)
{
	const struct summary *s = r->s;
	_cleanup_(buf_done) struct buf b = {};

	if (s->from_ns == 0 && s->to_ns == UINT64_MAX)
		return;
	report_when(r, &b, MIN(MAX(s->from_ns, s->start_ns), s->end_ns));
	buf_puts(&b, " to ");
	report_when(r, &b, MIN(s->to_ns, s->end_ns));
	buf_puts(&b, "; below is what completed then, with the time \"at\" which it began");
	line(r, "window", &b);
}

static void line_target(struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	_cleanup_(buf_done) struct buf b = {};

	if (!m->has_target)
		return;
	show_text(&b, m->target.data ? m->target.data : "", m->target.len);
	if (m->target_pid.known)
		buf_printf(&b, " (pid %llu)", (unsigned long long)m->target_pid.n);
	if (m->target_signalled) {
		buf_puts(&b, ", killed by signal ");
		put_words(&b, m->target_signal);
	} else if (m->target_status.known) {
		buf_printf(&b, ", exit status %llu", (unsigned long long)m->target_status.n);
	}
	line(r, "target", &b);
}

static void line_rows(struct report *r)
{
	_cleanup_(buf_done) struct buf b = {};
	const struct sn_event *ev;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		if (schema_is_core(ev) || !r->s->want[slot] || !r->s->rows[slot])
			continue;
		buf_puts(&b, b.len ? ", " : "");
		buf_puts(&b, ev->name);
		buf_putc(&b, '\t'); /* a blank at which line() does not break */
		show_exact(&b, r->s->rows[slot]);
	}
	if (!b.len)
		buf_puts(&b, "none");
	line(r, "rows", &b);
}

static void line_sampling(struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	_cleanup_(buf_done) struct buf b = {};

	for (u32 i = 0; i < m->nr_sampling; i++) {
		buf_puts(&b, i ? ", " : "");
		buf_printf(&b, "1 in %llu of ", (unsigned long long)m->sampling[i].n);
		put_words(&b, m->sampling[i].stream);
	}
	if (b.len)
		buf_puts(&b, "; numbers below are of the rows that were kept, not scaled up");
	line(r, "sampling", &b);
}

/* The length of the target's own words at the end of the command: they have their own line. */
static size_t target_at_end(const struct manifest *m)
{
	size_t len = m->target.len;

	if (!len || m->command.len <= len ||
	    memcmp(m->command.data + m->command.len - len, m->target.data, len))
		return 0;
	return len + (m->command.data[m->command.len - len - 1] == ' ');
}

void report_head(struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	_cleanup_(buf_done) struct buf b = {};

	put_words(&b, r->dir);
	line(r, "trace", &b);
	b.len = 0;
	if (m->command.len)
		show_text(&b, m->command.data, m->command.len - target_at_end(m));
	line(r, "command", &b);
	line_target(r);
	line_host(r);
	line_when(r);
	b.len = 0;
	if (m->filters.len)
		show_text(&b, m->filters.data, m->filters.len);
	line(r, "filters", &b);
	line_sampling(r);
	line_rows(r);
	if (!r->s->nr_losses && !report_nr_lost(r) && m->nr_events) {
		b.len = 0;
		buf_puts(&b, m->complete ? "nothing" : "nothing up to here");
		line(r, "lost", &b);
	}
	line_window(r);
}
