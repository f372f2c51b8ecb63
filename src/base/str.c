// SPDX-License-Identifier: BSD-2-Clause
#include "base/str.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "base/macro.h"

#define NS_PER_S 1000000000ull

/* The leading digits of s; *ret_used is how many. */
static int leading_u64(const char *s, size_t len, u64 *ret, size_t *ret_used)
{
	bool too_large = false;
	u64 v = 0;
	size_t i;

	for (i = 0; i < len && s[i] >= '0' && s[i] <= '9'; i++)
		too_large |= __builtin_mul_overflow(v, 10, &v) ||
			     __builtin_add_overflow(v, (u64)(s[i] - '0'), &v);
	if (!i)
		return -EINVAL;
	if (too_large)
		return -ERANGE;
	*ret = v;
	*ret_used = i;
	return 0;
}

int str_to_u64(const char *s, size_t len, u64 *ret)
{
	size_t used;
	u64 v;
	int r = leading_u64(s, len, &v, &used);

	if (r < 0)
		return r;
	if (used != len)
		return -EINVAL;
	*ret = v;
	return 0;
}

int str_to_size(const char *s, size_t len, u64 *ret_bytes)
{
	static const char units[] = "KMGTkmgt";
	const char *unit;
	size_t used;
	u64 v;
	int r = leading_u64(s, len, &v, &used);

	if (r < 0)
		return r;
	if (used < len) {
		unit = used + 1 == len ? memchr(units, s[used], strlen(units)) : NULL;
		if (!unit)
			return -EINVAL;
		if (__builtin_mul_overflow(v, 1024ull << 10 * ((unit - units) % 4), &v))
			return -ERANGE;
	}
	*ret_bytes = v;
	return 0;
}

/* The nanoseconds of the unit that is all of s, or 0. */
static u64 unit_ns(const char *s, size_t len, u64 bare_ns)
{
	static const struct {
		const char *name;
		u64 ns;
	} units[] = {
		{ "ns", 1 },
		{ "us", 1000 },
		{ "ms", 1000000 },
		{ "s", NS_PER_S },
		{ "m", 60 * NS_PER_S },
		{ "h", 3600 * NS_PER_S },
		{ "d", 86400 * NS_PER_S },
	};

	if (!len)
		return bare_ns;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].name) == len && !memcmp(units[i].name, s, len))
			return units[i].ns;
	return 0;
}

int str_to_duration(const char *s, size_t len, u64 bare_ns, u64 *ret_ns)
{
	u64 whole = 0, fraction = 0, scale = 1, ns;
	size_t used = 0, digits = 0;
	int r = len && *s == '.' ? 0 : leading_u64(s, len, &whole, &used);

	if (r < 0)
		return r;
	if (used < len && s[used] == '.') {
		for (used++; used < len && s[used] >= '0' && s[used] <= '9'; used++, digits++) {
			if (digits >= 9)
				continue;
			fraction = fraction * 10 + (u64)(s[used] - '0');
			scale *= 10;
		}
		if (!digits)
			return -EINVAL;
	}
	ns = unit_ns(s + used, len - used, bare_ns);
	if (!ns)
		return -EINVAL;
	if (__builtin_mul_overflow(whole, ns, &whole) ||
	    __builtin_add_overflow(whole, (u64)((unsigned __int128)fraction * ns / scale), &whole))
		return -ERANGE;
	*ret_ns = whole;
	return 0;
}

bool str_next_item(const char **s, const char **ret, size_t *ret_len)
{
	const char *end;

	if (!*s)
		return false;
	end = strchrnul(*s, ',');
	*ret = *s + strspn(*s, " ");
	*ret_len = *ret < end ? (size_t)(end - *ret) : 0;
	while (*ret_len && (*ret)[*ret_len - 1] == ' ')
		--*ret_len;
	*s = *end ? end + 1 : NULL;
	return true;
}

bool str_glob(const char *glob, size_t glob_len, const char *name)
{
	char pattern[128];

	if (glob_len >= sizeof(pattern))
		return false;
	memcpy(pattern, glob, glob_len);
	pattern[glob_len] = 0;
	return fnmatch(pattern, name, FNM_NOESCAPE) == 0;
}

#define MAX_WORD 48 /* more than this is near to no name */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

u32 str_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	u32 rows[3][MAX_WORD + 1], *before = rows[0], *last = rows[1], *row = rows[2], *free_row;
	bool same;

	if (a_len > MAX_WORD || b_len > MAX_WORD)
		return UINT32_MAX;
	for (u32 j = 0; j <= b_len; j++)
		row[j] = j;
	for (u32 i = 1; i <= a_len; i++) {
		free_row = before;
		before = last;
		last = row;
		row = free_row;
		row[0] = i;
		for (u32 j = 1; j <= b_len; j++) {
			same = lower(a[i - 1]) == lower(b[j - 1]);
			row[j] = MIN(last[j - 1] + !same, MIN(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
	}
	return row[b_len];
}
