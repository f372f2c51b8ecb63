// SPDX-License-Identifier: BSD-2-Clause
#include "trace/text.h"

/* U+10FF00 .. U+10FFFF in UTF-8: f4 8f bc 80 .. f4 8f bf bf. */
enum { ESCAPE_SIZE = 4, ESCAPE_0 = 0xf4, ESCAPE_1 = 0x8f, ESCAPE_2 = 0xbc, TRAIL = 0x80 };

static bool is_escape(const u8 *p, size_t len)
{
	return len >= ESCAPE_SIZE && p[0] == ESCAPE_0 && p[1] == ESCAPE_1 && p[2] >= ESCAPE_2 &&
	       p[2] < 0xc0 && (p[3] & 0xc0) == TRAIL;
}

/* The length of the character at p, or 0 if there is none. */
static size_t char_len(const u8 *p, size_t len)
{
	/* The second byte's limits rule out detours, surrogates and what is beyond U+10FFFF. */
	u8 low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	u8 high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n > len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != TRAIL)
			return 0;
	return n;
}

/* Bytes from p on that can be stored as they are. */
static size_t storable(const u8 *p, size_t len)
{
	size_t at = 0, n;
	u64 eight;

	while (at < len) {
		for (; len - at >= sizeof(eight); at += sizeof(eight)) {
			memcpy(&eight, p + at, sizeof(eight));
			if (eight & 0x8080808080808080ull)
				break;
		}
		if (at == len)
			break;
		n = char_len(p + at, len - at);
		if (!n || is_escape(p + at, len - at))
			break;
		at += n;
	}
	return at;
}

bool text_is_storable(const char *s, size_t len)
{
	return storable((const u8 *)s, len) == len;
}

static void put_escape(struct buf *to, u8 byte)
{
	u8 bytes[ESCAPE_SIZE] = { ESCAPE_0, ESCAPE_1, (u8)(ESCAPE_2 | byte >> 6),
				  (u8)(TRAIL | (byte & 0x3f)) };

	buf_put(to, bytes, sizeof(bytes));
}

void text_store(struct buf *to, const char *s, size_t len)
{
	const u8 *p = (const u8 *)s;
	size_t n;

	while (len) {
		n = storable(p, len);
		buf_put(to, p, n);
		p += n;
		len -= n;
		for (n = is_escape(p, len) ? ESCAPE_SIZE : MIN(len, (size_t)1); n; n--, len--)
			put_escape(to, *p++);
	}
}

bool text_is_escaped(const char *s, size_t len)
{
	const u8 *p = (const u8 *)s, *end = p + len;

	while (p < end && (p = memchr(p, ESCAPE_0, (size_t)(end - p)))) {
		if (is_escape(p, (size_t)(end - p)))
			return true;
		p++;
	}
	return false;
}

void text_load(struct buf *to, const char *s, size_t len)
{
	const u8 *p = (const u8 *)s, *end = p + len, *next;

	while (p < end) {
		if (is_escape(p, (size_t)(end - p))) {
			buf_putc(to, (char)((p[2] & 3) << 6 | (p[3] & 0x3f)));
			p += ESCAPE_SIZE;
			continue;
		}
		next = memchr(p + 1, ESCAPE_0, (size_t)(end - p - 1));
		next = next ?: end;
		buf_put(to, p, (size_t)(next - p));
		p = next;
	}
}
