// SPDX-License-Identifier: BSD-2-Clause
#include "sink/csv.h"

#include "sink/lines.h"

void csv_put_text(struct buf *b, const char *p, size_t len)
{
	bool plain = len > 0;
	char *to;

	for (size_t i = 0; i < len && plain; i++)
		plain = p[i] != ',' && p[i] != '"' && p[i] != '\n' && p[i] != '\r';
	if (plain) {
		buf_put(b, p, len);
		return;
	}
	to = buf_room(b, 2 * len + 2);
	if (!to)
		return;
	*to++ = '"';
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '"')
			*to++ = '"';
		*to++ = p[i];
	}
	*to++ = '"';
	b->len = (size_t)(to - b->data);
}

static bool put_text(struct buf *b, enum sn_kind kind, const char *p, size_t len)
{
	(void)kind;
	csv_put_text(b, p, len);
	return true;
}

static void put_header(struct lines *l, const struct sn_event *ev)
{
	if (l->last)
		buf_putc(&l->out, '\n');
	if (l->with_event)
		buf_puts(&l->out, "event,");
	for (u32 i = 0; i < lines_nr_columns(l, ev); i++) {
		const char *name = lines_column(l, ev, i);

		if (i)
			buf_putc(&l->out, ',');
		csv_put_text(&l->out, name, strlen(name));
	}
	buf_putc(&l->out, '\n');
}

static void put_event(struct lines *l, const struct sn_event *ev, struct buf *b)
{
	if (!l->with_event)
		return;
	buf_puts(b, ev->name);
	buf_putc(b, ',');
}

static void put_no_key(struct lines *l, const struct sn_event *ev, u32 i, struct buf *b)
{
	(void)l;
	(void)ev;
	(void)i;
	(void)b;
}

static const struct lines_style style = {
	.null = "",
	.end = "\n",
	.after = ',',
	.header = put_header,
	.begin = put_event,
	.before = put_no_key,
	.put_text = put_text,
};

static const struct sink_ops ops = {
	.rows = lines_rows,
	.flush = lines_flush,
	.close = lines_close,
};

int csv_open(int fd, const char *const *columns, bool with_event, struct sink **ret, struct diag *d)
{
	(void)d;
	return lines_open(fd, columns, with_event, &style, &ops, ret);
}
