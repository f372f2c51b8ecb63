// SPDX-License-Identifier: BSD-2-Clause
#include "sink/jsonl.h"

#include "base/json.h"
#include "sink/lines.h"

static bool put_text(struct buf *b, enum sn_kind kind, const char *p, size_t len)
{
	/* Only these two words: a damaged file may hold any text in the column. */
	if (kind == SN_K_bool &&
	    ((len == 4 && !memcmp(p, "true", 4)) || (len == 5 && !memcmp(p, "false", 5)))) {
		buf_put(b, p, len);
		return true;
	}
	return json_put_string(b, p, len);
}

static void put_begin(struct lines *l, const struct sn_event *ev, struct buf *b)
{
	buf_putc(b, '{');
	if (l->with_event)
		buf_printf(b, "\"event\":\"%s\"", ev->name);
}

static void put_key(struct lines *l, const struct sn_event *ev, u32 i, struct buf *b)
{
	const char *name = lines_column(l, ev, i);

	if (i || l->with_event)
		buf_putc(b, ',');
	(void)json_put_string(b, name, strlen(name));
	buf_putc(b, ':');
}

static const struct lines_style style = {
	.null = "null",
	.end = "}\n",
	.end_bad = ",\"_invalid_utf8\":true}\n",
	.begin = put_begin,
	.before = put_key,
	.put_text = put_text,
};

static const struct sink_ops ops = {
	.rows = lines_rows,
	.flush = lines_flush,
	.close = lines_close,
};

int jsonl_open(int fd, const char *const *columns, bool with_event, struct sink **ret,
	       struct diag *d)
{
	(void)d;
	return lines_open(fd, columns, with_event, &style, &ops, ret);
}
