// SPDX-License-Identifier: BSD-2-Clause
#include "trace/encode.h"

#include <errno.h>

#include "base/hash.h"
#include "trace/thrift.h"

/* Values that a dictionary is judged by before the rest is looked at. */
#define DICT_SAMPLE 512u

static u64 load64(const void *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void store64(void *p, u64 v)
{
	memcpy(p, &v, sizeof(v));
}

/* Eight indices of up to 16 bits each, as width bytes; may write 8 bytes beyond. */
static void pack8(u8 *to, const u32 *v, unsigned int width)
{
	u64 low = v[0] | (u64)v[1] << width | (u64)v[2] << 2 * width | (u64)v[3] << 3 * width;
	u64 high = v[4] | (u64)v[5] << width | (u64)v[6] << 2 * width | (u64)v[7] << 3 * width;
	unsigned int half = 4 * width;

	if (half == 64) {
		store64(to, low);
		store64(to + 8, high);
		return;
	}
	store64(to, low | high << half);
	store64(to + 8, high >> (64 - half));
}

/* n values, a multiple of 8, as n * width / 8 bytes; may write 8 bytes beyond. */
static u8 *pack(u8 *to, const u64 *v, u32 n, unsigned int width)
{
	unsigned int nr_bits = 0;
	u64 acc = 0;

	for (u32 i = 0; i < n; i++) {
		acc |= v[i] << nr_bits;
		nr_bits += width;
		if (nr_bits >= 64) {
			store64(to, acc);
			to += 8;
			nr_bits -= 64;
			acc = nr_bits ? v[i] >> (width - nr_bits) : 0;
		}
	}
	store64(to, acc);
	return to + nr_bits / 8;
}

/* A bit-packed run; n is padded with zeros to a multiple of 8. */
static void put_packed(struct buf *b, const u32 *v, u32 n, unsigned int width)
{
	u32 nr_groups = (n + 7) / 8;
	u32 rest[8] = {};
	u64 wide[8];
	u8 *to;

	if (!n)
		return;
	thrift_put_varint(b, (u64)nr_groups << 1 | 1);
	to = (u8 *)buf_room(b, (size_t)nr_groups * width + 16);
	if (!to)
		return;
	b->len += (size_t)nr_groups * width;
	for (u32 i = 0; i < n; i += 8, to += width) {
		const u32 *from = v + i;

		if (n - i < 8) {
			memcpy(rest, from, (n - i) * sizeof(*from));
			from = rest;
		}
		if (width <= 16) {
			pack8(to, from, width);
			continue;
		}
		for (int j = 0; j < 8; j++)
			wide[j] = from[j];
		(void)pack(to, wide, 8, width);
	}
}

void encode_index_run(struct buf *b, u32 v, u32 n, unsigned int width)
{
	thrift_put_varint(b, (u64)n << 1);
	buf_put(b, &v, (width + 7) / 8);
}

static bool is_uniform(const u32 *v)
{
	u64 pair = v[0] | (u64)v[0] << 32;

	return !((load64(v) ^ pair) | (load64(v + 2) ^ pair) | (load64(v + 4) ^ pair) |
		 (load64(v + 6) ^ pair));
}

void encode_indices(struct buf *b, const u32 *v, u32 n, unsigned int width)
{
	/* A run must save more than the two headers it costs. */
	u32 min_run = MAX(8u, 64 / width);
	u32 packed_from = 0, run;

	for (u32 i = 0; i + 8 <= n;) {
		if (!is_uniform(v + i)) {
			i += 8;
			continue;
		}
		for (run = 8; i + run < n && v[i + run] == v[i];)
			run++;
		if (run < min_run && i + run < n) {
			i += 8;
			continue;
		}
		put_packed(b, v + packed_from, i - packed_from, width);
		encode_index_run(b, v[i], run, width);
		i += run;
		packed_from = i;
	}
	put_packed(b, v + packed_from, n - packed_from, width);
}

/* Bit i of the result is byte i of eight bytes that are 0 or 1. */
static u8 pack_bytes(u64 bytes)
{
	return (u8)(bytes * 0x0102040810204080ull >> 56);
}

static u8 pack_valid(const u8 *valid, u32 n)
{
	u64 bytes = 0;

	memcpy(&bytes, valid, MIN(n, 8u));
	return pack_bytes(bytes);
}

static void put_length(struct buf *b, size_t at)
{
	u32 len;

	if (b->failed)
		return;
	len = (u32)(b->len - at - sizeof(len));
	memcpy(b->data + at, &len, sizeof(len));
}

void encode_levels(struct buf *b, const u8 *valid, u32 n)
{
	u32 nr_groups = (n + 7) / 8;
	size_t at = b->len;
	u8 *to;

	buf_put(b, &(u32){ 0 }, sizeof(u32));
	thrift_put_varint(b, (u64)nr_groups << 1 | 1);
	to = (u8 *)buf_room(b, nr_groups);
	if (!to)
		return;
	for (u32 i = 0; i < nr_groups; i++)
		to[i] = pack_valid(valid + 8 * (size_t)i, n - 8 * i);
	b->len += nr_groups;
	put_length(b, at);
}

void encode_level_run(struct buf *b, bool valid, u32 n)
{
	size_t at = b->len;

	buf_put(b, &(u32){ 0 }, sizeof(u32));
	if (n)
		encode_index_run(b, valid, n, 1);
	put_length(b, at);
}

enum { BLOCK = 128, MINI = 32 };

/* The power of two below a smallest difference, or 0: the same in most blocks. */
static s64 round_min(s64 min)
{
	u64 below = ~(u64)min;

	if (min >= 0)
		return 0;
	return (s64)(UINT64_MAX << (below ? 64 - __builtin_clzll(below) : 0));
}

/*
 * Differences of n values, the first from prev, less the smallest (or a round number
 * below it), padded with zeros to BLOCK. Returns what was subtracted.
 */
static s64 deltas(u64 *to, const u64 *v, u32 n, u64 prev, unsigned int width, bool whole)
{
	s64 min = INT64_MAX;

	for (u32 i = 0; i < n; i++) {
		/* Of 32 bits, differences wrap at 32 bits: other readers have no more. */
		to[i] = width == 4 ? (u64)(s64)(s32)(u32)(v[i] - prev) : v[i] - prev;
		prev = v[i];
		min = MIN(min, (s64)to[i]);
	}
	if (whole)
		min = round_min(min);
	for (u32 i = 0; i < n; i++)
		to[i] -= (u64)min;
	memset(to + n, 0, (BLOCK - n) * sizeof(*to));
	return min;
}

static void put_block(struct buf *b, const u64 *v, u32 n, u64 prev, unsigned int width, bool whole)
{
	u64 delta[BLOCK], used;
	u8 *widths, *to;

	thrift_put_zigzag(b, deltas(delta, v, n, prev, width, whole));
	widths = (u8 *)b->data + b->len;
	to = widths + BLOCK / MINI;
	memset(widths, 0, BLOCK / MINI);
	for (u32 from = 0; from < n; from += MINI, widths++) {
		used = 0;
		for (u32 i = from; i < from + MINI; i++)
			used |= delta[i];
		if (!used)
			continue;
		*widths = (u8)(64 - __builtin_clzll(used));
		if (whole)
			*widths = ALIGN_UP(*widths, 8);
		to = pack(to, delta + from, MINI, *widths);
	}
	b->len = (size_t)(to - (u8 *)b->data);
}

void encode_delta(struct buf *b, const u64 *v, u32 n, unsigned int width, bool whole)
{
	size_t per_block = 10 + BLOCK / MINI + BLOCK * sizeof(u64);
	u64 first = n ? v[0] : 0;

	thrift_put_varint(b, BLOCK);
	thrift_put_varint(b, BLOCK / MINI);
	thrift_put_varint(b, n);
	thrift_put_zigzag(b, width == 4 ? (s64)(s32)(u32)first : (s64)first);
	if (!buf_room(b, (n / BLOCK + 1) * per_block + 16))
		return;
	for (u32 i = 1; i < n; i += BLOCK)
		put_block(b, v + i, MIN(n - i, (u32)BLOCK), v[i - 1], width, whole);
}

void encode_plain(struct buf *b, const u64 *v, u32 n, unsigned int width)
{
	u32 *to;

	if (width == 8) {
		buf_put(b, v, (size_t)n * 8);
		return;
	}
	to = (u32 *)(void *)buf_room(b, (size_t)n * 4);
	if (!to)
		return;
	for (u32 i = 0; i < n; i++)
		memcpy(to + i, v + i, sizeof(u32));
	b->len += (size_t)n * 4;
}

void encode_bools(struct buf *b, const u64 *v, u32 n)
{
	u8 *to = (u8 *)buf_room(b, (n + 7) / 8);

	if (!to)
		return;
	memset(to, 0, (n + 7) / 8);
	for (u32 i = 0; i < n; i++)
		to[i / 8] |= (u8)(!!v[i] << i % 8);
	b->len += (n + 7) / 8;
}

void encode_bool_run(struct buf *b, bool v, u32 n)
{
	u32 size = (n + 7) / 8;
	u8 *to = (u8 *)buf_room(b, size);

	if (!to || !n)
		return;
	memset(to, v ? 0xff : 0, size);
	if (n % 8)
		to[size - 1] &= (u8)((1u << n % 8) - 1);
	b->len += size;
}

void encode_dict_done(struct encode_dict *d)
{
	free(d->values);
	free(d->table);
	free(d->order);
	free(d->sorted);
	*d = (struct encode_dict){};
}

static u32 place(const struct encode_dict *d, u64 v)
{
	return (u32)(hash_u64(v) >> 20) & (d->table_size - 1);
}

static int resize(struct encode_dict *d, u32 size)
{
	u32 *table, at;
	u64 *values;

	if (size > d->table_cap) {
		table = malloc(size * sizeof(*table));
		if (!table)
			return -ENOMEM;
		free(d->table);
		d->table = table;
		d->table_cap = size;
	}
	if (size / 2 > d->cap) {
		values = realloc(d->values, size / 2 * sizeof(*values));
		if (!values)
			return -ENOMEM;
		d->values = values;
		d->cap = size / 2;
	}
	d->table_size = size;
	memset(d->table, 0, size * sizeof(*d->table));
	for (u32 i = 0; i < d->nr; i++) {
		for (at = place(d, d->values[i]); d->table[at];)
			at = (at + 1) & (size - 1);
		d->table[at] = i + 1;
	}
	return 0;
}

static int dict_add(struct encode_dict *d, const u64 *v, u32 n, u32 limit, u32 *index)
{
	u32 at, found;
	int r;

	for (u32 i = 0; i < n; i++) {
		for (at = place(d, v[i]);; at = (at + 1) & (d->table_size - 1)) {
			found = d->table[at];
			if (!found || d->values[found - 1] == v[i])
				break;
		}
		if (!found) {
			if (d->nr == limit)
				return 0;
			d->values[d->nr] = v[i];
			d->table[at] = found = ++d->nr;
			if (d->nr == d->table_size / 2) {
				r = resize(d, d->table_size * 4);
				if (r < 0)
					return r;
			}
		}
		index[i] = found - 1;
	}
	return 1;
}

int encode_dict_build(struct encode_dict *d, const u64 *v, u32 n, u32 limit, u32 *index)
{
	u32 sample = MIN(n, DICT_SAMPLE);
	int r;

	d->nr = 0;
	r = resize(d, 2 * DICT_SAMPLE);
	if (r < 0)
		return r;
	r = dict_add(d, v, sample, limit, index);
	if (r != 1 || n == sample)
		return r;
	if (limit < n && d->nr > sample * 3 / 4)
		return 0;
	return dict_add(d, v + sample, n - sample, limit, index + sample);
}

static int make_order(struct encode_dict *d)
{
	if (d->nr <= d->cap_order)
		return 0;
	free(d->order);
	free(d->sorted);
	d->order = malloc(2 * d->cap * sizeof(*d->order));
	d->sorted = malloc(d->cap * sizeof(*d->sorted));
	d->cap_order = d->order && d->sorted ? d->cap : 0;
	return d->cap_order ? 0 : -ENOMEM;
}

/* One pass of a radix sort: from in the order of this byte, those that have the same as they were. */
static void sort_by_byte(const u64 *values, const u32 *from, u32 *to, u32 n, unsigned int shift)
{
	u32 place[256] = {}, at = 0, nr;

	for (u32 i = 0; i < n; i++)
		place[values[i] >> shift & 0xff]++;
	for (u32 i = 0; i < ARRAY_SIZE(place); i++) {
		nr = place[i];
		place[i] = at;
		at += nr;
	}
	for (u32 i = 0; i < n; i++)
		to[place[values[from[i]] >> shift & 0xff]++] = from[i];
}

int encode_dict_sort(struct encode_dict *d, u32 *index, u32 n)
{
	u32 *from, *to, *swap;
	u64 differ = 0;

	if (make_order(d) < 0)
		return -ENOMEM;
	from = d->order;
	to = d->order + d->cap_order;
	for (u32 i = 0; i < d->nr; i++) {
		from[i] = i;
		differ |= d->values[i] ^ d->values[0];
	}
	for (unsigned int shift = 0; shift < 64; shift += 8) {
		if (!(differ >> shift & 0xff))
			continue;
		sort_by_byte(d->values, from, to, d->nr, shift);
		swap = from;
		from = to;
		to = swap;
	}
	for (u32 i = 0; i < d->nr; i++) {
		d->sorted[i] = d->values[from[i]];
		to[from[i]] = i;
	}
	memcpy(d->values, d->sorted, d->nr * sizeof(*d->values));
	for (u32 i = 0; i < n; i++)
		index[i] = to[index[i]];
	return 0;
}
