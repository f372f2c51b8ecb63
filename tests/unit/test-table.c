// SPDX-License-Identifier: BSD-2-Clause
#include "test.h"

#include "cmd/table.h"

/* What show_x() appends, as a string. */
#define SHOWN(call)                            \
	({                                     \
		static char text_[512];        \
		struct buf b = {};             \
		call;                          \
		buf_putc(&b, '\0');            \
		check(b.len <= sizeof(text_)); \
		memcpy(text_, b.data, b.len);  \
		buf_done(&b);                  \
		(const char *)text_;           \
	})

TEST(durations)
{
	check_str(SHOWN(show_dur(&b, 0)), "0");
	check_str(SHOWN(show_dur(&b, 7)), "7ns");
	check_str(SHOWN(show_dur(&b, 999)), "999ns");
	check_str(SHOWN(show_dur(&b, 1000)), "1.00us");
	check_str(SHOWN(show_dur(&b, 9994)), "9.99us");
	check_str(SHOWN(show_dur(&b, 9995)), "10.0us");
	check_str(SHOWN(show_dur(&b, 99949)), "99.9us");
	check_str(SHOWN(show_dur(&b, 99950)), "100us");
	check_str(SHOWN(show_dur(&b, 999499)), "999us");
	check_str(SHOWN(show_dur(&b, 999500)), "1.00ms");
	check_str(SHOWN(show_dur(&b, 999499999)), "999ms");
	check_str(SHOWN(show_dur(&b, 999500000)), "1.00s");
	check_str(SHOWN(show_dur(&b, 59999000000)), "60.0s");
	check_str(SHOWN(show_dur(&b, 599400000000)), "599s");
	check_str(SHOWN(show_dur(&b, 599500000000)), "10m00s");
	check_str(SHOWN(show_dur(&b, 3723000000000)), "62m03s");
	check_str(SHOWN(show_dur(&b, 36000000000000)), "10h00m");
	check_str(SHOWN(show_dur(&b, UINT64_MAX)), "5124095h34m");
}

TEST(sizes)
{
	check_str(SHOWN(show_size(&b, 0)), "0");
	check_str(SHOWN(show_size(&b, 999)), "999");
	check_str(SHOWN(show_size(&b, 1023)), "1023");
	check_str(SHOWN(show_size(&b, 1024)), "1K");
	check_str(SHOWN(show_size(&b, 1536)), "1.50K");
	check_str(SHOWN(show_size(&b, 128 * 1024)), "128K");
	check_str(SHOWN(show_size(&b, 1000 * 1024)), "0.98M");
	check_str(SHOWN(show_size(&b, 5ull << 40)), "5T");
	check_str(SHOWN(show_size(&b, UINT64_MAX)), "16.0E");
}

TEST(counts_and_shares)
{
	check_str(SHOWN(show_count(&b, 0)), "0");
	check_str(SHOWN(show_count(&b, 999)), "999");
	check_str(SHOWN(show_count(&b, 1000)), "1,000");
	check_str(SHOWN(show_count(&b, 99999999)), "99,999,999");
	check_str(SHOWN(show_count(&b, 100000000)), "100M");
	check_str(SHOWN(show_count(&b, 12345678901ull)), "12.3G");
	check_str(SHOWN(show_exact(&b, UINT64_MAX)), "18,446,744,073,709,551,615");
	check_str(SHOWN(show_share(&b, 0, 10)), "");
	check_str(SHOWN(show_share(&b, 1, 0)), "");
	check_str(SHOWN(show_share(&b, 1, 1000)), "<1%");
	check_str(SHOWN(show_share(&b, 999, 1000)), ">99%");
	check_str(SHOWN(show_share(&b, 1000, 1000)), "100%");
	check_str(SHOWN(show_share(&b, UINT64_MAX / 2, UINT64_MAX)), "50%");
}

#define TEXT(s) s, sizeof(s) - 1

/* A name is one line and nothing but a name. */
TEST(texts)
{
	check_str(SHOWN(show_text(&b, TEXT("/home/ann/a b"))), "/home/ann/a b");
	check_str(SHOWN(show_text(&b, TEXT(" a b "))), " a b\\x20");
	check_str(SHOWN(show_text(&b, TEXT("a\nb\033[31m\177"))), "a\\x0ab\\x1b[31m\\x7f");
	check_str(SHOWN(show_text(&b, TEXT("gr\xc3\xbc\xc3\x9f"))), "gr\xc3\xbc\xc3\x9f");
	check_str(SHOWN(show_text(&b, TEXT("\xc3"))), "\\xc3");
	check_str(SHOWN(show_text(&b, TEXT("\xc0\xaf"))), "\\xc0\\xaf"); /* too long a form */
	check_str(SHOWN(show_text(&b, TEXT("\xed\xa0\x80"))), "\\xed\\xa0\\x80"); /* half a pair */
	check_str(SHOWN(show_text(&b, TEXT("\xe2\x80\xae"
					   "a"))),
		  "\\xe2\\x80\\xaea"); /* right to left */
	check_str(SHOWN(show_text(&b, TEXT("\xc2\x9b"
					   "1m"))),
		  "\\xc2\\x9b1m"); /* a C1 control */
	check_str(SHOWN(show_utf8(&b, TEXT("a\xff\n"))), "a\xef\xbf\xbd\n");
	check_eq(text_width(TEXT("gr\xc3\xbc\xc3\x9f")), 4);
}

TEST(cut_texts)
{
	check_str(SHOWN(show_short(&b, TEXT("abcdefghij"), 10, false)), "abcdefghij");
	check_str(SHOWN(show_short(&b, TEXT("abcdefghij"), 9, false)), "ab...ghij");
	check_str(SHOWN(show_short(&b, TEXT("abcdefghij"), 9, true)), "abcdef...");
	check_str(SHOWN(show_short(&b, TEXT("abcdefghij"), 2, false)), "ab");
	check_str(SHOWN(show_short(&b, TEXT("abcdefghij"), 0, false)), "abcdefghij");
	check_str(SHOWN(show_short(&b, TEXT("\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"), 5,
				   true)),
		  "\xc3\xbc\xc3\xbc...");
}

static void one_row(struct table *t)
{
	table_put(t, "a");
	table_count(t, 0);
	table_dur(t, 1500);
	table_size(t, 2048);
	show_text(&t->text, TEXT("/a/long/path/to/some/file"));
	table_end_cell(t);
}

TEST(tables)
{
	static const struct table_col cols[] = {
		{ "name", .left = true },
		{ "empty" },
		{ "took", .group = "all", .drop = 1 },
		{ "bytes", .group = "all" },
		{ "path", .left = true },
	};
	struct table t;

	table_init(&t, cols, ARRAY_SIZE(cols));
	one_row(&t);
	check_str(SHOWN(table_print(&t, &b, 1, 0)),
		  "       --- all ----\n"
		  " name    took bytes  path\n"
		  " a     1.50us    2K  /a/long/path/to/some/file\n");
	/* What may be dropped goes, for the last column to have room; then that is cut. */
	check_str(SHOWN(table_print(&t, &b, 1, 34)), "        all\n"
						     " name  bytes  path\n"
						     " a        2K  /a/lo...to/some/file\n");
	table_done(&t);
}

/* No line is wider than the page, whatever is in the cells. */
TEST(tables_fit)
{
	static const struct table_col cols[] = {
		{ "n" },
		{ "x", .group = "g", .drop = 2 },
		{ "y", .group = "g", .drop = 1 },
		{ "text", .left = true },
	};
	struct table t;

	table_init(&t, cols, ARRAY_SIZE(cols));
	for (u64 v = 1; v; v <<= 1) {
		table_count(&t, v);
		table_dur(&t, v);
		table_size(&t, v);
		for (u64 i = v; i; i >>= 1)
			buf_puts(&t.text, "word ");
		table_end_cell(&t);
	}
	for (u32 width = 30; width < 140; width++) {
		struct buf b = {};

		table_print(&t, &b, 2, width);
		for (char *p = b.data, *end; p < b.data + b.len; p = end + 1) {
			end = memchr(p, '\n', (size_t)(b.data + b.len - p));
			check(end);
			check((u32)(end - p) <= width);
		}
		buf_done(&b);
	}
	table_done(&t);
}

TESTS(durations, sizes, counts_and_shares, texts, cut_texts, tables, tables_fit)
