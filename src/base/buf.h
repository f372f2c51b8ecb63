/* SPDX-License-Identifier: BSD-2-Clause */
/* A growing byte buffer. Out of memory is remembered in .failed and asked once, at the end. */
#ifndef SONDE_BASE_BUF_H
#define SONDE_BASE_BUF_H

#include <string.h>

#include "base/macro.h"

struct buf {
	char *data;
	size_t len, cap;
	bool failed;
};

static inline void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){};
}

/* Makes room for n more bytes and returns where they go, or NULL and .failed. */
char *buf_grow(struct buf *b, size_t n);

static inline char *buf_room(struct buf *b, size_t n)
{
	return n <= b->cap - b->len ? b->data + b->len : buf_grow(b, n);
}

static inline void buf_put(struct buf *b, const void *p, size_t n)
{
	char *to = buf_room(b, n);

	if (to) {
		memcpy(to, p, n);
		b->len += n;
	}
}

static inline void buf_putc(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

static inline void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
void buf_put_u64(struct buf *b, u64 v);

#endif
