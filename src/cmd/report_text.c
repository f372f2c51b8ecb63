// SPDX-License-Identifier: BSD-2-Clause
/* What all sections of the report are made with. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "cmd/report.h"

void report_title(struct report *r, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_printf(&r->out, "\n%s%s%s\n", r->color ? "\033[1m" : "", text,
		   r->color ? "\033[0m" : "");
}

void report_title_of(struct report *r, const char *what, const char *by, u32 nr, u32 all)
{
	_cleanup_(buf_done) struct buf b = {};

	buf_printf(&b, "%s by %s", what, by);
	if (all > nr) {
		buf_puts(&b, ": ");
		show_exact(&b, nr);
		buf_puts(&b, " of ");
		show_exact(&b, all);
	}
	buf_putc(&b, '\0');
	report_title(r, "%s", b.failed ? what : b.data);
}

const char *report_by_name(const struct report *r)
{
	static const char *const names[] = { "time", "bytes", "operations" };

	return names[r->by];
}

/* Words, broken where a line would be too wide. */
static void wrap(struct report *r, const char *text, u32 indent, u32 hang)
{
	u32 width = r->width ? r->width : 100, at = 0, n;
	const char *word = text, *end;

	for (; *word; word = *end ? end + 1 : end) {
		end = word + strcspn(word, " ");
		n = text_width(word, (size_t)(end - word));
		if (at && at + 1 + n > width) {
			buf_putc(&r->out, '\n');
			at = 0;
		}
		if (!at) {
			at = word == text ? indent : hang;
			buf_printf(&r->out, "%*s", (int)at, "");
		} else {
			buf_putc(&r->out, ' ');
			at++;
		}
		buf_put(&r->out, word, (size_t)(end - word));
		at += n;
	}
	buf_putc(&r->out, '\n');
}

static void say(struct report *r, u32 indent, u32 hang, const char *fmt, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, args) < 0) {
		r->out.failed = true;
		return;
	}
	wrap(r, text, indent, hang);
	free(text);
}

void report_say(struct report *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(r, 2, 2, fmt, args);
	va_end(args);
}

void report_say_at(struct report *r, u32 indent, u32 hang, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(r, indent, hang, fmt, args);
	va_end(args);
}

void report_warn(struct report *r, const char *fmt, ...)
{
	va_list args;

	buf_puts(&r->out, r->color ? "\033[1;31m" : "");
	va_start(args, fmt);
	say(r, 0, 4, fmt, args);
	va_end(args);
	buf_puts(&r->out, r->color ? "\033[0m" : "");
}

const char *report_text(const struct report *r, struct buf *scratch, u32 id)
{
	size_t len;
	const char *p = text_get(&r->s->texts, id, &len);

	scratch->len = 0;
	show_text(scratch, p, len);
	buf_putc(scratch, '\0');
	return scratch->failed ? "" : scratch->data;
}

const char *report_disk(const struct report *r, struct buf *scratch, u32 id)
{
	_cleanup_(buf_done) struct buf dev = {};
	const char *number = report_text(r, &dev, id);
	const char *name = manifest_disk_name(&r->s->manifest, number);

	scratch->len = 0;
	show_text(scratch, *name ? name : number, strlen(*name ? name : number));
	buf_putc(scratch, '\0');
	return scratch->failed ? "" : scratch->data;
}

void report_when(const struct report *r, struct buf *b, u64 ts)
{
	u64 start = r->s->start_ns, ns = ts >= start ? ts - start : start - ts;

	buf_printf(b, "%s%llu.%06llus", ts >= start ? "" : "-", (unsigned long long)ns / 1000000000,
		   (unsigned long long)ns / 1000 % 1000000);
}

void report_file(const struct report *r, struct buf *b, u32 file)
{
	_cleanup_(buf_done) struct buf scratch = {};
	const struct file_use *f;
	size_t len;
	const char *p;

	if (file == PAIRMAP_NONE) {
		buf_putc(b, '-');
		return;
	}
	f = &r->s->fileops.files[file];
	if (f->is_rest) {
		buf_puts(b, "(all other files)");
	} else if (f->path != TEXT_NONE) {
		p = text_get(&r->s->texts, f->path, &len);
		show_text(b, p, len);
	} else if (f->is_pipe) {
		buf_printf(b, "(%s without a name)", report_text(r, &scratch, f->type));
	} else {
		buf_printf(b, "(inode %llu", (unsigned long long)f->ino);
		buf_printf(b, " of %s)", report_text(r, &scratch, f->dev));
	}
}

void report_proc(const struct report *r, struct buf *b, const struct proc *p)
{
	size_t len;
	const char *s = text_get(&r->s->texts, p->cmdline, &len);

	if (len) {
		show_text(b, s, len);
		return;
	}
	s = text_get(&r->s->texts, p->comm, &len);
	if (p->is_kthread)
		buf_putc(b, '[');
	show_text(b, len ? s : "?", len ? len : 1);
	if (p->is_kthread)
		buf_putc(b, ']');
}

struct ranked {
	u64 value;
	u32 i;
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

int report_rank(u32 nr, u64 (*value)(const void *ctx, u32 i), const void *ctx, u32 top, u32 **ret,
		u32 *ret_nr, u32 *ret_all)
{
	_cleanup_(freep) struct ranked *all = calloc(nr + 1, sizeof(*all));
	u32 found = 0, *order;

	if (!all)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++) {
		all[found] = (struct ranked){ value(ctx, i), i };
		found += all[found].value > 0;
	}
	qsort(all, found, sizeof(*all), compare_ranked);
	top = MIN(top, found);
	order = calloc(top + 1, sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (u32 i = 0; i < top; i++)
		order[i] = all[i].i;
	*ret = order;
	*ret_nr = top;
	*ret_all = found;
	return 0;
}

bool report_wants(const struct report *r, const char *event)
{
	const struct sn_event *ev = schema_by_name(event, strlen(event));

	return !ev || r->s->want[ev->slot];
}

bool report_has(const struct report *r, enum sn_event_slot slot)
{
	const struct manifest *m = &r->s->manifest;

	if (!r->s->want[slot])
		return false;
	if (r->s->rows[slot])
		return true;
	for (u32 i = 0; i < m->nr_streams; i++)
		if (!strcmp(m->streams[i].name, schema_event(slot)->name))
			return m->streams[i].attached;
	return false;
}

bool report_sees_ends(const struct report *r)
{
	const struct manifest *m = &r->s->manifest;
	const char *name = schema_event(SN_SLOT_proc_exit)->name;
	bool is_watched = false;

	for (u32 i = 0; i < m->nr_streams; i++)
		is_watched |= m->streams[i].attached && !strcmp(m->streams[i].name, name);
	for (u32 i = 0; i < m->nr_sampling; i++)
		is_watched &= strcmp(m->sampling[i].stream, name) != 0;
	for (u32 i = 0; i < r->s->nr_losses; i++)
		is_watched &= !text_is(&r->s->texts, r->s->losses[i].of, name);
	return is_watched && !m->is_narrowed;
}
