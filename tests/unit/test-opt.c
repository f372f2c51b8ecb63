// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>

#include "base/opt.h"
#include "base/str.h"
#include "test.h"

struct inner {
	u64 size;
	int tri;
};

struct outer {
	bool flag, other, stop;
	const char *text, *operand;
	struct opt_strings list, operands;
	struct opt_ids ids;
	u64 number, time;
	struct opt_range range;
	int choice;
	struct inner in;
	char **rest;
};

static const char *const words_ab[] = { "alpha", "beta", NULL };

/* clang-format off */
#define AT(member) .off = offsetof(struct outer, member)
static const struct opt outer_rows[] = {
	{ .name = "flag", .short_name = 'f', .metavar = "", .type = OPT_FLAG, AT(flag) },
	{ .name = "flagship", .short_name = 'g', .metavar = "", .type = OPT_FLAG, AT(other) },
	{ .name = "stop", .short_name = 'h', .metavar = "", .type = OPT_STOP, AT(stop) },
	{ .name = "text", .short_name = 't', .metavar = "TEXT", .type = OPT_STRING, AT(text) },
	{ .name = "list", .metavar = "X", .type = OPT_STRINGS, AT(list) },
	{ .name = "ids", .short_name = 'i', .metavar = "IDS", .type = OPT_IDS, AT(ids),
	  .min = 1, .max = 4194304 },
	{ .name = "number", .short_name = 'n', .metavar = "N", .type = OPT_U64, AT(number),
	  .min = 2, .max = 10 },
	{ .name = "time", .metavar = "TIME", .type = OPT_DURATION, AT(time), .bare_ns = 1000000000 },
	{ .name = "range", .metavar = "A-B", .type = OPT_RANGE, AT(range) },
	{ .name = "choice", .metavar = "C", .type = OPT_CHOICE, AT(choice), .choices = words_ab },
	{ .metavar = "OPERAND", .type = OPT_STRING, AT(operand), .required = true },
	{ .metavar = "MORE", .type = OPT_STRINGS, AT(operands) },
	{}
};
static const struct opt inner_rows[] = {
	{ .name = "size", .metavar = "SIZE", .type = OPT_SIZE, .off = offsetof(struct inner, size),
	  .power_of_two = true },
	{ .name = "yes", .metavar = "", .type = OPT_SET, .value = 1, .off = offsetof(struct inner, tri) },
	{ .name = "no", .metavar = "", .type = OPT_SET, .value = 2, .off = offsetof(struct inner, tri) },
	{}
};
static const struct opt none[] = { {} };
static const struct opt_group groups[] = {
	{ "none", none, 0 },
	{ "outer", outer_rows, 0 },
	{ "inner", inner_rows, offsetof(struct outer, in) },
	{}
};
static const struct opt cmd_rows[] = {
	{ .name = "flag", .short_name = 'f', .metavar = "", .type = OPT_FLAG, AT(flag) },
	{ .metavar = "CMD", .type = OPT_REST, AT(rest) },
	{}
};
static const struct opt_group cmd_groups[] = { { "cmd", cmd_rows, 0 }, {} };
/* clang-format on */

static struct outer o;
static struct diag d;

static int parse_with(const struct opt_group *with, const char *const *words)
{
	opt_done(groups, &o);
	o = (struct outer){ .choice = -1 };
	d = (struct diag){};
	return opt_parse(with, &o, (char **)words, &d);
}

#define parse(...) parse_with(groups, (const char *[]){ __VA_ARGS__, NULL })

#define refused(sentence, ...)                         \
	do {                                           \
		check_eq(parse(__VA_ARGS__), -EINVAL); \
		check_str(d.text, sentence);           \
	} while (0)

TEST(flags_and_values)
{
	check_eq(parse("op", "--flag", "--text", "a b", "--number=7", "--choice=beta"), 0);
	check(o.flag && !o.other && !o.stop);
	check_str(o.operand, "op");
	check_str(o.text, "a b");
	check_eq(o.number, 7);
	check_eq(o.choice, 1);
	check_eq(parse("--text=", "op"), 0);
	check_str(o.text, "");
	check_eq(parse("--text", "-x", "op"), 0);
	check_str(o.text, "-x");
	check_eq(parse("--text=a", "--text=b=c", "op"), 0);
	check_str(o.text, "b=c");
}

TEST(short_options)
{
	check_eq(parse("-fgt", "val", "op", "-n3"), 0);
	check(o.flag && o.other);
	check_str(o.text, "val");
	check_eq(o.number, 3);
	check_eq(parse("-ftval", "op"), 0);
	check_str(o.text, "val");
	check_eq(parse("-"), 0);
	check_str(o.operand, "-");
	refused("there is no option -x", "-fx", "op");
	refused("option -t needs TEXT", "op", "-ft");
}

TEST(groups_have_their_own_struct)
{
	check_eq(parse("op", "--size", "4K", "--no"), 0);
	check_eq(o.in.size, 4096);
	check_eq(o.in.tri, 2);
	check_eq(parse("op", "--no", "--yes"), 0);
	check_eq(o.in.tri, 1);
}

TEST(prefixes)
{
	check_eq(parse("op", "--te", "x"), 0);
	check_str(o.text, "x");
	check_eq(parse("op", "--flag"), 0); /* whole name, though it begins another */
	check(o.flag && !o.other);
	check_eq(parse("op", "--flags"), 0);
	check(o.other);
	refused("option --fl is ambiguous: --flag, --flagship", "op", "--fl");
	refused("option --t is ambiguous: --text, --time", "op", "--t=1");
	refused("there is no option --texts", "op", "--texts");
	refused("there is no option --", "op", "--=x");
}

TEST(what_is_missing_or_too_much)
{
	refused("option --text needs TEXT", "op", "--text");
	refused("option --flag takes no argument", "op", "--flag=1");
	refused("OPERAND is missing", "--flag");
	check_eq(parse("--stop"), 0);
	check(o.stop);
	check_eq(parse("-fh", "--no-such", "-n", "x"), 0);
	check(o.stop && o.flag);
	check_eq(parse_with(cmd_groups, (const char *[]){ NULL }), 0);
	check(!o.rest);
}

TEST(operands)
{
	check_eq(parse("a", "--flag", "b", "c"), 0);
	check_str(o.operand, "a");
	check_eq(o.operands.nr, 2);
	check_str(o.operands.v[1], "c");
	check_eq(parse("a", "--", "--flag", "--"), 0);
	check(!o.flag);
	check_eq(o.operands.nr, 2);
	check_str(o.operands.v[0], "--flag");
	check_str(o.operands.v[1], "--");
}

TEST(the_rest_is_not_looked_at)
{
	const char *words[] = { "-f", "ls", "-l", "--flag=3", NULL };
	const char *dashed[] = { "--", "-f", NULL };
	const char *two[] = { "-f", "--", "--", "x", NULL };

	check_eq(parse_with(cmd_groups, words), 0);
	check(o.flag && o.rest == (char **)words + 1);
	check_eq(parse_with(cmd_groups, dashed), 0);
	check(!o.flag && o.rest == (char **)dashed + 1);
	check_eq(parse_with(cmd_groups, two), 0);
	check(o.rest == (char **)two + 2);
	check_eq(parse_with(cmd_groups, (const char *[]){ "--", NULL }), 0);
	check(!o.rest);
}

TEST(numbers)
{
	check_eq(parse("op", "-n", "10"), 0);
	check_eq(o.number, 10);
	refused("--number: '1' is too small", "op", "-n", "1");
	refused("--number: '11' is too large", "op", "-n", "11");
	refused("--number: '3x' is not a number", "op", "-n3x");
	refused("--number: '' is not a number", "op", "--number=");
	refused("--number: '-3' is not a number", "op", "--number", "-3");
	refused("--number: '+3' is not a number", "op", "--number", "+3");
	refused("--number: ' 3' is not a number", "op", "--number", " 3");
	refused("--number: '0x3' is not a number", "op", "--number", "0x3");
	refused("--number: '18446744073709551616' is too large", "op", "--number",
		"18446744073709551616");
	refused("--size: '3K' is not a power of two", "op", "--size", "3K");
	refused("--size: '4KB' is not a size (such as 4096, 64K, 16M or 1G)", "op", "--size",
		"4KB");
	refused("--size: '16777216T' is too large", "op", "--size", "16777216T");
	refused("--time: '10x' is not a duration (such as 10s, 2m, 1h or 500ms)", "op", "--time",
		"10x");
}

TEST(ids)
{
	check_eq(parse("op", "-i", "1,22", "-i3"), 0);
	check_eq(o.ids.nr, 3);
	check_eq(o.ids.v[1], 22);
	check_eq(o.ids.v[2], 3);
	refused("--ids: '' is not a number", "op", "-i", "1,,2");
	refused("--ids: '0' is too small", "op", "-i", "1,0");
	refused("--ids: '4194305' is too large", "op", "-i", "4194305");
	refused("--ids: '1-3' is not a number", "op", "-i", "1-3");
}

static void check_range(const char *word, u64 from, u64 to)
{
	check_eq(parse("op", "--range", word), 0);
	check(o.range.from == from && o.range.to == to);
}

TEST(ranges)
{
	check_range("5-7", 5, 7);
	check_range("5-5", 5, 5);
	check_range("5-", 5, UINT64_MAX);
	check_range("-7", 0, 7);
	check_range("9", 9, 9);
	refused("--range: '7-5' ends before it begins", "op", "--range=7-5");
	refused("--range: '-' is not a range (such as 100-200, 100-, -200 or 100)", "op",
		"--range=-");
	refused("--range: '' is not a range (such as 100-200, 100-, -200 or 100)", "op",
		"--range=");
	refused("--range: '1-2-3' is not a range (such as 100-200, 100-, -200 or 100)", "op",
		"--range=1-2-3");
}

TEST(choices)
{
	check_eq(parse("op", "--choice", "alpha"), 0);
	check_eq(o.choice, 0);
	refused("--choice: 'alp' is not one of alpha or beta", "op", "--choice", "alp");
}

static s64 duration(const char *s, u64 bare_ns)
{
	u64 ns = 0;
	int r = str_to_duration(s, strlen(s), bare_ns, &ns);

	return r < 0 ? r : (s64)ns;
}

TEST(durations)
{
	check_eq(duration("500ms", 0), 500000000);
	check_eq(duration("10s", 0), 10000000000);
	check_eq(duration("2m", 0), 120000000000);
	check_eq(duration("1h", 0), 3600000000000);
	check_eq(duration("1d", 0), 86400000000000);
	check_eq(duration("3us", 0), 3000);
	check_eq(duration("7ns", 0), 7);
	check_eq(duration("1.5s", 0), 1500000000);
	check_eq(duration("0.000000001s", 0), 1);
	check_eq(duration("0.1ns", 0), 0);
	check_eq(duration("1.0000000019s", 0), 1000000001);
	check_eq(duration("4", 1000000000), 4000000000);
	check_eq(duration("0.25", 1000000000), 250000000);
	check_eq(duration("4", 0), -EINVAL);
	check_eq(duration("", 1), -EINVAL);
	check_eq(duration("s", 1), -EINVAL);
	check_eq(duration("1.s", 1), -EINVAL);
	check_eq(duration(".5s", 1), 500000000);
	check_eq(duration(".25", 1000000000), 250000000);
	check_eq(duration(".", 1), -EINVAL);
	check_eq(duration(".s", 1), -EINVAL);
	check_eq(duration("..5s", 1), -EINVAL);
	check_eq(duration("1 s", 1), -EINVAL);
	check_eq(duration("1S", 1), -EINVAL);
	check_eq(duration("-1s", 1), -EINVAL);
	check_eq(duration("99999999999h", 1), -ERANGE);
	check_eq(duration("99999999999999999999s", 1), -ERANGE);
}

TEST(globs_and_lists)
{
	const char *list = "a,,bc,", *item;
	const char *blanks = " a b , ,c";
	size_t len;

	check(str_next_item(&list, &item, &len) && len == 1 && *item == 'a');
	check(str_next_item(&list, &item, &len) && len == 0);
	check(str_next_item(&list, &item, &len) && len == 2);
	check(str_next_item(&list, &item, &len) && len == 0);
	check(!str_next_item(&list, &item, &len));
	check(str_next_item(&blanks, &item, &len) && len == 3 && !memcmp(item, "a b", 3));
	check(str_next_item(&blanks, &item, &len) && len == 0);
	check(str_next_item(&blanks, &item, &len) && len == 1 && *item == 'c');
	check(!str_next_item(&blanks, &item, &len));
	check(str_glob("vfs_*", 5, "vfs_read") && !str_glob("vfs_*", 5, "block_io"));
	check(str_glob("vfs_r*xxx", 6, "vfs_read"));
	check(!str_glob("*", 0, "x"));
}

TESTS(flags_and_values, short_options, groups_have_their_own_struct, prefixes,
      what_is_missing_or_too_much, operands, the_rest_is_not_looked_at, numbers, ids, ranges,
      choices, durations, globs_and_lists)
