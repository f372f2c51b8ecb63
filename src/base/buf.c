// SPDX-License-Identifier: BSD-2-Clause
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

char *buf_grow(struct buf *b, size_t n)
{
	size_t cap = MAX(b->cap * 2, b->len + n);
	char *data;

	if (b->failed)
		return NULL;
	cap = ALIGN_UP(cap, 256);
	data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		b->cap = b->len; /* so that every later put comes here and is refused */
		return NULL;
	}
	b->data = data;
	b->cap = cap;
	return data + b->len;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	char *to;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	to = n < 0 ? NULL : buf_room(b, (size_t)n + 1);
	if (!to)
		return;
	va_start(args, fmt);
	(void)vsnprintf(to, (size_t)n + 1, fmt, args);
	va_end(args);
	b->len += (size_t)n;
}

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
				  "25262728293031323334353637383940414243444546474849"
				  "50515253545556575859606162636465666768697071727374"
				  "75767778798081828384858687888990919293949596979899";

void buf_put_u64(struct buf *b, u64 v)
{
	char text[20];
	int i = sizeof(text);

	while (v >= 100) {
		i -= 2;
		memcpy(text + i, digit_pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10) {
		i -= 2;
		memcpy(text + i, digit_pairs + 2 * v, 2);
	} else {
		text[--i] = (char)('0' + v);
	}
	buf_put(b, text + i, sizeof(text) - (size_t)i);
}
