// SPDX-License-Identifier: BSD-2-Clause
#include "trace/decode.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"

static size_t left(const struct decode_input *in)
{
	return (size_t)(in->end - in->p);
}

static int get_varint(struct decode_input *in, u64 *ret)
{
	u64 v = 0;

	for (int shift = 0; shift < 64 && in->p < in->end; shift += 7) {
		u8 byte = *in->p++;

		v |= (u64)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

static u64 unzigzag(u64 v)
{
	return v >> 1 ^ -(v & 1);
}

static u64 load64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Value i of a packed run of this width. Reads up to 8 bytes beyond it. */
static u64 unpack_one(const u8 *p, u64 i, unsigned int width)
{
	u64 bit = i * width;
	u64 v = load64(p + bit / 8) >> bit % 8;

	if (width + bit % 8 > 64)
		v |= (u64)p[bit / 8 + 8] << (64 - bit % 8);
	return width == 64 ? v : v & ((1ull << width) - 1);
}

/* n values; returns the largest. A group of 8 begins at a byte, which makes the shifts constant. */
static u32 unpack_narrow(const u8 *p, u32 *v, u32 n, unsigned int width)
{
	u32 mask = (u32)((1ull << width) - 1), max = 0, one;
	u32 i = 0;

	if (width <= 8) {
		for (; i + 8 <= n; i += 8, p += width) {
			u64 bits = load64(p);

			for (int j = 0; j < 8; j++) {
				one = (u32)(bits >> j * width) & mask;
				v[i + (u32)j] = one;
				max = MAX(max, one);
			}
		}
	} else if (width <= 16) {
		for (; i + 8 <= n; i += 8, p += width) {
			u64 low = load64(p), high = load64(p + width / 2);
			unsigned int odd = width % 2 * 4;

			for (unsigned int j = 0; j < 4; j++) {
				one = (u32)(low >> j * width) & mask;
				v[i + j] = one;
				max = MAX(max, one);
				one = (u32)(high >> (j * width + odd)) & mask;
				v[i + 4 + j] = one;
				max = MAX(max, one);
			}
		}
	}
	for (u32 k = 0; i < n; i++, k++) {
		v[i] = (u32)unpack_one(p, k, width);
		max = MAX(max, v[i]);
	}
	return max;
}

static int decode_run(struct decode_input *in, u32 *v, u32 n, unsigned int width, u32 limit)
{
	u32 bytes = (width + 7) / 8, one = 0;

	if (left(in) < bytes)
		return -EBADMSG;
	memcpy(&one, in->p, bytes);
	in->p += bytes;
	if (one >= limit)
		return -EBADMSG;
	for (u32 i = 0; i < n; i++)
		v[i] = one;
	return 0;
}

int decode_indices(struct decode_input *in, u32 *v, u32 n, unsigned int width, u32 limit)
{
	u64 head, nr, bytes;
	u32 take;
	int r;

	if (width > 32)
		return -EBADMSG;
	while (n) {
		r = get_varint(in, &head);
		if (r < 0)
			return r;
		nr = head >> 1;
		if (!nr || nr > UINT32_MAX)
			return -EBADMSG;
		if (head & 1) {
			bytes = nr * width;
			take = (u32)MIN(nr * 8, n);
			if (bytes > left(in) || unpack_narrow(in->p, v, take, width) >= limit)
				return -EBADMSG;
			in->p += bytes;
		} else {
			take = (u32)MIN(nr, n);
			r = decode_run(in, v, take, width, limit);
			if (r < 0)
				return r;
		}
		v += take;
		n -= take;
	}
	return 0;
}

/* Eight bytes that are 0 or 1, from eight bits. */
static u64 spread_bits(u8 bits)
{
	return ((bits * 0x0101010101010101ull & 0x8040201008040201ull) + 0x7f7f7f7f7f7f7f7full) >>
		       7 &
	       0x0101010101010101ull;
}

static u32 unpack_levels(const u8 *bits, u8 *valid, u32 n)
{
	u32 nr = 0, take;
	u64 bytes;

	for (u32 i = 0; i < n; i += 8) {
		take = MIN(n - i, 8u);
		bytes = spread_bits(bits[i / 8]);
		if (take < 8)
			bytes &= (1ull << 8 * take) - 1;
		memcpy(valid + i, &bytes, take);
		nr += (u32)__builtin_popcountll(bytes);
	}
	return nr;
}

int decode_levels(struct decode_input *in, u8 *valid, u32 n, u32 *ret_nr)
{
	struct decode_input levels;
	u32 len, take, nr_valid = 0;
	u64 head, nr;
	int r;

	if (left(in) < sizeof(len))
		return -EBADMSG;
	memcpy(&len, in->p, sizeof(len));
	in->p += sizeof(len);
	if (len > left(in))
		return -EBADMSG;
	levels = (struct decode_input){ in->p, in->p + len };
	in->p += len;
	while (n) {
		r = get_varint(&levels, &head);
		if (r < 0)
			return r;
		nr = head >> 1;
		if (!nr || nr > UINT32_MAX || !left(&levels))
			return -EBADMSG;
		if (head & 1) {
			take = (u32)MIN(nr * 8, n);
			if (nr > left(&levels))
				return -EBADMSG;
			nr_valid += unpack_levels(levels.p, valid, take);
			levels.p += nr;
		} else {
			take = (u32)MIN(nr, n);
			if (*levels.p > 1)
				return -EBADMSG;
			memset(valid, *levels.p, take);
			nr_valid += *levels.p++ ? take : 0;
		}
		valid += take;
		n -= take;
	}
	*ret_nr = nr_valid;
	return 0;
}

/* One miniblock: sums up value + min, of values of this width. */
static u64 add_deltas(const u8 *p, u64 *v, u32 n, unsigned int width, u64 prev, u64 min)
{
	u64 mask = width == 64 ? UINT64_MAX : (1ull << width) - 1;

	if (!width) {
		for (u32 i = 0; i < n; i++)
			v[i] = prev += min;
	} else if (width <= 56) {
		for (u32 i = 0, bit = 0; i < n; i++, bit += width)
			v[i] = prev += min + (load64(p + bit / 8) >> bit % 8 & mask);
	} else {
		for (u32 i = 0; i < n; i++)
			v[i] = prev += min + unpack_one(p, i, width);
	}
	return prev;
}

/* One block, of up to *nr_left values behind v[-1]. */
static int decode_block(struct decode_input *in, u64 **v, u32 *nr_left, u64 nr_minis, u32 per_mini)
{
	const u8 *widths;
	u64 min, bytes;
	u32 take;
	int r;

	r = get_varint(in, &min);
	if (r < 0)
		return r;
	if (left(in) < nr_minis)
		return -EBADMSG;
	widths = in->p;
	in->p += nr_minis;
	for (u64 m = 0; m < nr_minis && *nr_left; m++) {
		bytes = (u64)widths[m] * per_mini / 8;
		if (widths[m] > 64 || bytes > left(in))
			return -EBADMSG;
		take = MIN(per_mini, *nr_left);
		(void)add_deltas(in->p, *v, take, widths[m], (*v)[-1], unzigzag(min));
		in->p += bytes;
		*v += take;
		*nr_left -= take;
	}
	return 0;
}

int decode_delta(struct decode_input *in, u64 *v, u32 n)
{
	u64 block, nr_minis, total, first;
	u32 nr_left;
	int r;

	if (get_varint(in, &block) < 0 || get_varint(in, &nr_minis) < 0 ||
	    get_varint(in, &total) < 0 || get_varint(in, &first) < 0)
		return -EBADMSG;
	if (!block || block > 65536 || !nr_minis || nr_minis > block || block % nr_minis ||
	    block / nr_minis % 32 || total != n)
		return -EBADMSG;
	if (!n)
		return 0;
	*v++ = unzigzag(first);
	for (nr_left = n - 1; nr_left;) {
		r = decode_block(in, &v, &nr_left, nr_minis, (u32)(block / nr_minis));
		if (r < 0)
			return r;
	}
	return 0;
}

int decode_bools(struct decode_input *in, u64 *v, u32 n)
{
	if (left(in) < (n + 7) / 8)
		return -EBADMSG;
	for (u32 i = 0; i < n; i++)
		v[i] = in->p[i / 8] >> i % 8 & 1;
	in->p += (n + 7) / 8;
	return 0;
}
