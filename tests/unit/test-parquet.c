// SPDX-License-Identifier: BSD-2-Clause
/* The encodings of Parquet, each against its reverse, on values that are meant to hurt. */
#include "test.h"

#include <errno.h>

#include "trace/decode.h"
#include "trace/encode.h"
#include "trace/parquet.h"
#include "trace/text.h"
#include "trace/thrift.h"

enum { MAX_VALUES = 5000 };

static u64 random_state = 0x9e3779b97f4a7c15ull;

static u64 next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static u64 random_of_bits(unsigned int bits)
{
	return bits ? next_random() >> (64 - bits) : 0;
}

/* The buffer's bytes as something to decode: exactly as long, so that a sanitizer sees more. */
struct copy {
	u8 *p;
	struct decode_input in;
};

static struct copy copy_bytes(const struct buf *b, size_t len)
{
	struct copy c = { .p = calloc(1, len + DECODE_PADDING) };

	check(c.p);
	if (len)
		memcpy(c.p, b->data, len);
	c.in = (struct decode_input){ c.p, c.p + len };
	return c;
}

/* Numbers of several characters, the extremes of 64 bits among them. */
static void fill(u64 *v, u32 n, unsigned int manner)
{
	static const u64 extremes[] = {
		0,          1,         UINT64_MAX,           INT64_MAX, (u64)INT64_MIN,
		UINT32_MAX, INT32_MAX, 0xffffffff80000000ull
	};
	u64 at = next_random();

	for (u32 i = 0; i < n; i++) {
		switch (manner) {
		case 0:
			v[i] = 42;
			break;
		case 1:
			v[i] = at += random_of_bits(10);
			break;
		case 2:
			v[i] = extremes[next_random() % ARRAY_SIZE(extremes)];
			break;
		case 3:
			v[i] = next_random();
			break;
		default:
			v[i] = random_of_bits((unsigned int)(next_random() % 65));
		}
	}
}

static void check_delta(const u64 *v, u32 n, unsigned int width, bool whole)
{
	static u64 got[MAX_VALUES + 1];
	struct buf b = {};
	struct copy c;

	encode_delta(&b, v, n, width, whole);
	check(!b.failed);
	c = copy_bytes(&b, b.len);
	got[n] = 0x55;
	check_eq(decode_delta(&c.in, got, n), 0);
	check(c.in.p == c.in.end);
	check_eq(got[n], 0x55);
	for (u32 i = 0; i < n; i++)
		check(width == 4 ? (u32)got[i] == (u32)v[i] : got[i] == v[i]);
	free(c.p);
	buf_done(&b);
}

TEST(delta_round_trip)
{
	static const u32 lengths[] = { 0,   1,   2,   31,  32,   33,        127,
				       128, 129, 130, 257, 1000, MAX_VALUES };
	static u64 v[MAX_VALUES];

	for (unsigned int manner = 0; manner < 5; manner++) {
		for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
			fill(v, lengths[i], manner);
			check_delta(v, lengths[i], 8, false);
			check_delta(v, lengths[i], 8, true);
			for (u32 k = 0; k < lengths[i]; k++)
				v[k] = manner % 2 ? (u64)(s64)(s32)v[k] : (u32)v[k];
			check_delta(v, lengths[i], 4, false);
			check_delta(v, lengths[i], 4, true);
		}
	}
}

/* Of 32 bits no width above 32 may appear, nor a smallest delta that needs more. */
TEST(delta_of_32_bits_stays_in_32_bits)
{
	const u64 v[] = { 0, UINT32_MAX, 0, UINT32_MAX, 7, 0x80000000u };
	struct buf b = {};
	struct decode_input in;
	struct thrift_reader r;
	s64 min;

	for (int whole = 0; whole < 2; whole++) {
		b.len = 0;
		encode_delta(&b, v, ARRAY_SIZE(v), 4, whole);
		r = (struct thrift_reader){ (u8 *)b.data, (u8 *)b.data + b.len };
		for (int i = 0; i < 4; i++)
			(void)thrift_get_varint(&r);
		min = thrift_get_zigzag(&r);
		check(!r.failed && min >= INT32_MIN && min <= INT32_MAX);
		in = (struct decode_input){ r.p, r.end };
		for (int i = 0; i < 4; i++)
			check(in.p[i] <= 32 && (!whole || in.p[i] % 8 == 0));
	}
	buf_done(&b);
}

static void check_indices(const u32 *v, u32 n, unsigned int width, u32 limit)
{
	static u32 got[MAX_VALUES + 1];
	struct buf b = {};
	struct copy c;

	encode_indices(&b, v, n, width);
	check(!b.failed);
	c = copy_bytes(&b, b.len);
	got[n] = 0x55;
	check_eq(decode_indices(&c.in, got, n, width, limit), 0);
	check(c.in.p == c.in.end);
	check_eq(got[n], 0x55);
	check(!n || !memcmp(got, v, n * sizeof(*v)));
	free(c.p);
	buf_done(&b);
}

/* Runs of random length among changing values. */
static void fill_indices(u32 *v, u32 n, u32 limit, u32 max_run)
{
	u32 run = 0, one = 0;

	for (u32 i = 0; i < n; i++, run--) {
		if (!run) {
			run = 1 + (u32)next_random() % max_run;
			one = (u32)next_random() % limit;
		}
		v[i] = one;
	}
}

TEST(indices_round_trip)
{
	static const u32 runs[] = { 1, 3, 12, 40, 3000 };
	static u32 v[MAX_VALUES];

	for (unsigned int width = 1; width <= 32; width++) {
		u32 limit = width == 32 ? UINT32_MAX : 1u << width;

		for (u32 i = 0; i < ARRAY_SIZE(runs); i++) {
			u32 n = (u32)next_random() % MAX_VALUES;

			fill_indices(v, n, limit, runs[i]);
			check_indices(v, n, width, limit);
			for (n = 0; n < 40; n++)
				check_indices(v, n, width, limit);
		}
	}
}

TEST(index_outside_of_the_dictionary_is_refused)
{
	const u32 packed[] = { 0, 1, 2, 3, 0, 1, 2, 3, 0 },
		  run[16] = { 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3 };
	const u32 *v[] = { packed, run };
	u32 got[16];

	for (int i = 0; i < 2; i++) {
		struct buf b = {};
		struct copy c;

		encode_indices(&b, v[i], 9, 2);
		c = copy_bytes(&b, b.len);
		check_eq(decode_indices(&c.in, got, 9, 2, 3), -EBADMSG);
		free(c.p);
		buf_done(&b);
	}
}

static void check_levels(const u8 *valid, u32 n)
{
	static u8 got[MAX_VALUES + 1];
	u32 nr = 0, want = 0;
	struct buf b = {};
	struct copy c;

	for (u32 i = 0; i < n; i++)
		want += valid[i];
	encode_levels(&b, valid, n);
	c = copy_bytes(&b, b.len);
	got[n] = 0x55;
	check_eq(decode_levels(&c.in, got, n, &nr), 0);
	check(c.in.p == c.in.end);
	check_eq(nr, want);
	check_eq(got[n], 0x55);
	check(!n || !memcmp(got, valid, n));
	free(c.p);
	buf_done(&b);
}

TEST(levels_round_trip)
{
	static u8 valid[MAX_VALUES];

	for (u32 n = 0; n < 300; n++) {
		for (u32 i = 0; i < n; i++)
			valid[i] = (u8)(next_random() % 5 != 0);
		check_levels(valid, n);
	}
	memset(valid, 0, sizeof(valid));
	check_levels(valid, MAX_VALUES);
	memset(valid, 1, sizeof(valid));
	check_levels(valid, MAX_VALUES);
}

TEST(level_run_is_all_or_nothing)
{
	u8 got[100];
	u32 nr;

	for (int valid = 0; valid < 2; valid++) {
		struct buf b = {};
		struct copy c;

		encode_level_run(&b, valid, sizeof(got));
		c = copy_bytes(&b, b.len);
		check_eq(decode_levels(&c.in, got, sizeof(got), &nr), 0);
		check_eq(nr, valid ? sizeof(got) : 0);
		for (u32 i = 0; i < sizeof(got); i++)
			check_eq(got[i], valid);
		free(c.p);
		buf_done(&b);
	}
}

TEST(bools_round_trip)
{
	u64 v[70], got[70];

	for (u32 n = 0; n < ARRAY_SIZE(v); n++) {
		struct buf b = {};
		struct copy c;

		for (u32 i = 0; i < n; i++)
			v[i] = next_random() % 3 ? 0 : next_random();
		encode_bools(&b, v, n);
		encode_bool_run(&b, true, n);
		encode_bool_run(&b, false, n);
		c = copy_bytes(&b, b.len);
		check_eq(decode_bools(&c.in, got, n), 0);
		for (u32 i = 0; i < n; i++)
			check_eq(got[i], v[i] != 0);
		for (u64 want = 2; want-- > 0;) {
			check_eq(decode_bools(&c.in, got, n), 0);
			for (u32 i = 0; i < n; i++)
				check_eq(got[i], want);
		}
		check(c.in.p == c.in.end);
		free(c.p);
		buf_done(&b);
	}
}

/* Every shorter input is refused, whatever is cut off; none reads beyond its end. */
TEST(cut_input_is_refused)
{
	static u64 v[300], got[300];
	static u32 index[300], got_index[300];
	static u8 valid[300], got_valid[300];
	struct buf delta = {}, indices = {}, levels = {}, bools = {};
	u32 nr;

	fill(v, 300, 3);
	for (u32 i = 0; i < 300; i++) {
		index[i] = i < 150 ? i : 7;
		valid[i] = i % 3 == 0;
	}
	encode_delta(&delta, v, 300, 8, false);
	encode_indices(&indices, index, 300, 9);
	encode_levels(&levels, valid, 300);
	encode_bools(&bools, v, 300);
	for (size_t len = 0; len < delta.len; len++) {
		struct copy c = copy_bytes(&delta, len);

		check_eq(decode_delta(&c.in, got, 300), -EBADMSG);
		free(c.p);
	}
	for (size_t len = 0; len < indices.len; len++) {
		struct copy c = copy_bytes(&indices, len);

		check_eq(decode_indices(&c.in, got_index, 300, 9, 300), -EBADMSG);
		free(c.p);
	}
	for (size_t len = 0; len < levels.len; len++) {
		struct copy c = copy_bytes(&levels, len);

		check_eq(decode_levels(&c.in, got_valid, 300, &nr), -EBADMSG);
		free(c.p);
	}
	for (size_t len = 0; len < bools.len; len++) {
		struct copy c = copy_bytes(&bools, len);

		check_eq(decode_bools(&c.in, got, 300), -EBADMSG);
		free(c.p);
	}
	buf_done(&delta);
	buf_done(&indices);
	buf_done(&levels);
	buf_done(&bools);
}

/* Random bytes: any answer, but no fault and nothing written behind the output. */
TEST(garbage_is_survived)
{
	static u64 got[1001];
	static u32 index[1001];
	static u8 valid[1001];
	struct buf b = {};
	u32 nr;

	for (int round = 0; round < 20000; round++) {
		struct copy c;

		b.len = 0;
		for (u32 i = (u32)next_random() % 60; i; i--)
			buf_putc(&b, (char)(next_random() >> (next_random() % 3 ? 60 : 40)));
		c = copy_bytes(&b, b.len);
		got[1000] = index[1000] = valid[1000] = 0x55;
		(void)decode_delta(&(struct decode_input){ c.in.p, c.in.end }, got,
				   (u32)random_of_bits(9));
		(void)decode_indices(&(struct decode_input){ c.in.p, c.in.end }, index, 1000,
				     (unsigned int)(next_random() % 40), 1000);
		(void)decode_levels(&(struct decode_input){ c.in.p, c.in.end }, valid, 1000, &nr);
		check(got[1000] == 0x55 && index[1000] == 0x55 && valid[1000] == 0x55);
		free(c.p);
	}
	buf_done(&b);
}

TEST(dictionary_numbers_in_order_of_first_use)
{
	const u64 v[] = { 7, UINT64_MAX, 7, 0, UINT64_MAX, 1 };
	const u32 want[] = { 0, 1, 0, 2, 1, 3 };
	struct encode_dict d = {};
	u32 index[ARRAY_SIZE(v)];

	check_eq(encode_dict_build(&d, v, ARRAY_SIZE(v), 4, index), 1);
	check_eq(d.nr, 4);
	check(!memcmp(index, want, sizeof(want)));
	check_eq(encode_dict_build(&d, v, ARRAY_SIZE(v), 3, index), 0);
	encode_dict_done(&d);
}

TEST(dictionary_grows_to_its_limit)
{
	enum { N = 40000 };
	static u64 v[N];
	static u32 index[N];
	struct encode_dict d = {};

	for (u32 i = 0; i < N; i++)
		v[i] = (u64)(i / 4) << 40 | 3;
	check_eq(encode_dict_build(&d, v, N, N / 4, index), 1);
	check_eq(d.nr, N / 4);
	for (u32 i = 0; i < N; i++)
		check(d.values[index[i]] == v[i]);
	check_eq(encode_dict_build(&d, v, N, N / 4 - 1, index), 0);
	/* Most of the first ones differ: not worth it, unless there is no other way. */
	for (u32 i = 0; i < N; i++)
		v[i] = next_random();
	check_eq(encode_dict_build(&d, v, N, N / 2, index), 0);
	check_eq(encode_dict_build(&d, v, N, UINT32_MAX, index), 1);
	check_eq(d.nr, N);
	encode_dict_done(&d);
}

TEST(sorted_dictionary_says_the_same)
{
	enum { N = 5000 };
	static u64 v[N];
	static u32 index[N];
	struct encode_dict d = {};

	for (unsigned int bits = 1; bits <= 64; bits += 9) {
		for (u32 i = 0; i < N; i++)
			v[i] = random_of_bits(bits) << (64 - bits) / 2;
		check_eq(encode_dict_build(&d, v, N, UINT32_MAX, index), 1);
		check_eq(encode_dict_sort(&d, index, N), 0);
		for (u32 i = 1; i < d.nr; i++)
			check(d.values[i - 1] < d.values[i]);
		for (u32 i = 0; i < N; i++)
			check(d.values[index[i]] == v[i]);
	}
	encode_dict_done(&d);
}

TEST(thrift_round_trip)
{
	struct thrift_writer w = {};
	struct thrift_reader r;
	struct buf b = {};
	int id = 0, inner = 0;
	u32 len;
	u8 t;

	w.b = &b;
	thrift_int(&w, 1, THRIFT_I32, INT32_MIN);
	thrift_int(&w, 3, THRIFT_I64, INT64_MAX);
	thrift_string(&w, 4, "text");
	thrift_list(&w, 5, THRIFT_I32, 20);
	for (int i = 0; i < 20; i++)
		thrift_put_zigzag(&b, -i);
	thrift_struct(&w, 6);
	thrift_bool(&w, 2, true);
	thrift_end(&w);
	thrift_int(&w, 20, THRIFT_I8, -5);
	buf_putc(&b, THRIFT_STOP);

	r = (struct thrift_reader){ (u8 *)b.data, (u8 *)b.data + b.len };
	check(thrift_next(&r, &id, &t) && id == 1 && thrift_get_int(&r, t) == INT32_MIN);
	check(thrift_next(&r, &id, &t) && id == 3 && thrift_get_int(&r, t) == INT64_MAX);
	check(thrift_next(&r, &id, &t) && id == 4);
	check(!memcmp(thrift_get_binary(&r, t, &len), "text", 4) && len == 4);
	check(thrift_next(&r, &id, &t) && id == 5 && thrift_get_list(&r, t, THRIFT_I32) == 20);
	for (int i = 0; i < 20; i++)
		check_eq(thrift_get_zigzag(&r), -i);
	check(thrift_next(&r, &id, &t) && id == 6 && t == THRIFT_STRUCT);
	check(thrift_next(&r, &inner, &t) && inner == 2 && t == THRIFT_TRUE);
	check(!thrift_next(&r, &inner, &t));
	check(thrift_next(&r, &id, &t) && id == 20 && thrift_get_int(&r, t) == -5);
	check(!thrift_next(&r, &id, &t) && !r.failed && r.p == r.end);

	/* The same, unread, and cut short at every byte. */
	for (size_t n = 0; n <= b.len; n++) {
		u8 *cut = malloc(n + 1);

		memcpy(cut, b.data, n);
		r = (struct thrift_reader){ cut, cut + n };
		for (id = 0; thrift_next(&r, &id, &t);)
			thrift_skip(&r, t);
		check_eq(r.failed, n < b.len);
		free(cut);
	}
	buf_done(&b);
}

TEST(thrift_is_not_led_astray)
{
	static const char *const bad[] = {
		"\x18\xff\xff\xff\xff\x0f",     /* text longer than its bytes */
		"\x19\xf5\xff\xff\xff\xff\x0f", /* a list of four thousand million */
		"\x15\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", /* a number without an end */
		"\x1d",                                         /* a type that there is not */
		"\x17\x01",                                     /* half a double */
		"\x1b\xff\xff\xff\xff\xff\xff\xff\x0f\x11", /* a map of things that take no bytes */
		"\x05\xff\xff\xff\xff\x0f\x01",             /* a field id beyond 16 bits */
	};
	struct thrift_reader r;
	char deep[1000];
	int id;
	u8 t;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		const u8 *p = (const u8 *)bad[i];

		r = (struct thrift_reader){ p, p + strlen(bad[i]) };
		for (id = 0; thrift_next(&r, &id, &t);)
			thrift_skip(&r, t);
		check(r.failed);
	}
	memset(deep, 0x1c, sizeof(deep));
	r = (struct thrift_reader){ (u8 *)deep, (u8 *)deep + sizeof(deep) };
	for (id = 0; thrift_next(&r, &id, &t);)
		thrift_skip(&r, t);
	check(r.failed);
}

/* Written out of the definition, character by character, and not as the code under test does it. */
static bool is_utf8(const u8 *p, size_t len)
{
	while (len) {
		u32 c = p[0];
		size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
		static const u32 first[] = { 0, 0, 0x80, 0x800, 0x10000 };

		if (!n || n > len)
			return false;
		c &= n == 1 ? 0x7f : 0x7fu >> n;
		for (size_t i = 1; i < n; i++) {
			if (p[i] >> 6 != 2)
				return false;
			c = c << 6 | (p[i] & 0x3f);
		}
		if (c < first[n] || c > 0x10ffff || c >> 11 == 0x1b)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

TEST(any_bytes_are_stored_as_utf8_and_come_back)
{
	static const char *const pieces[] = { "a",
					      "path/",
					      "\xc3\xa9",
					      "\xe2\x82\xac",
					      "\xf0\x9f\x98\x80",
					      "\xff",
					      "\xc3",
					      "\xe2\x82",
					      "\xed\xa0\x80",
					      "\xc0\x80",
					      "\xf4\x8f\xbc\x80",
					      "\xf4\x8f\xbf\xbf",
					      "\xf4\x90\x80\x80",
					      "\xf4",
					      "\x80",
					      "\xf4\x8f\xbb\xbf" };
	struct buf in = {}, stored = {}, out = {};

	for (int round = 0; round < 50000; round++) {
		in.len = stored.len = out.len = 0;
		for (u32 i = (u32)next_random() % 12; i; i--)
			if (next_random() % 8)
				buf_puts(&in, pieces[next_random() % ARRAY_SIZE(pieces)]);
			else
				buf_putc(&in, (char)next_random());
		(void)buf_room(&in, 1);
		text_store(&stored, in.data, in.len);
		(void)buf_room(&stored, 1);
		check(is_utf8((u8 *)stored.data, stored.len));
		text_load(&out, stored.data, stored.len);
		check_eq(out.len, in.len);
		check(!in.len || !memcmp(out.data, in.data, in.len));
		check_eq(text_is_escaped(stored.data, stored.len),
			 !text_is_storable(in.data, in.len));
		check(is_utf8((u8 *)in.data, in.len) || !text_is_storable(in.data, in.len));
		check(!text_is_storable(in.data, in.len) || stored.len == in.len);
	}
	buf_done(&in);
	buf_done(&stored);
	buf_done(&out);
}

TEST(crc_is_that_of_gzip)
{
	struct parquet_crc c;

	parquet_crc_init(&c);
	check_eq(parquet_crc(&c, "", 0), 0);
	check_eq(parquet_crc(&c, "123456789", 9), 0xcbf43926);
	check_eq(parquet_crc(&c, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
}

TESTS(delta_round_trip, delta_of_32_bits_stays_in_32_bits, indices_round_trip,
      index_outside_of_the_dictionary_is_refused, levels_round_trip, level_run_is_all_or_nothing,
      bools_round_trip, cut_input_is_refused, garbage_is_survived,
      dictionary_numbers_in_order_of_first_use, dictionary_grows_to_its_limit,
      sorted_dictionary_says_the_same, thrift_round_trip, thrift_is_not_led_astray,
      any_bytes_are_stored_as_utf8_and_come_back, crc_is_that_of_gzip)
