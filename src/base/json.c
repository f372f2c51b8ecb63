// SPDX-License-Identifier: BSD-2-Clause
#include "base/json.h"

/* Bytes of the UTF-8 character at p, 0 if there is none. RFC 3629: no surrogates, no long forms. */
static size_t utf8_len(const u8 *p, size_t len)
{
	u8 low = 0x80, high = 0xbf; /* of the second byte */
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n > len)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	if (p[0] == 0xed)
		high = 0x9f;
	if (p[0] == 0xf0)
		low = 0x90;
	if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static void put_escape(struct buf *b, u8 c)
{
	static const char names[32] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
	};

	if (c >= 32)
		buf_printf(b, "\\%c", c);
	else if (names[c])
		buf_printf(b, "\\%c", names[c]);
	else
		buf_printf(b, "\\u%04x", c);
}

bool json_put_string(struct buf *b, const char *p, size_t len)
{
	const u8 *s = (const u8 *)p;
	bool is_utf8 = true;
	size_t n;

	buf_putc(b, '"');
	for (; len; s += n, len -= n) {
		n = utf8_len(s, len);
		if (!n) {
			buf_puts(b, "\xef\xbf\xbd");
			is_utf8 = false;
			n = 1;
		} else if (s[0] < 32 || s[0] == '"' || s[0] == '\\') {
			put_escape(b, s[0]);
		} else {
			buf_put(b, s, n);
		}
	}
	buf_putc(b, '"');
	return is_utf8;
}
