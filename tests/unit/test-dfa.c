// SPDX-License-Identifier: BSD-2-Clause
/* The automaton of --comm, held against fnmatch(3) and regexec(3). */
#include <errno.h>
#include <fnmatch.h>
#include <regex.h>

#include "base/buf.h"
#include "schema/dfa.h"
#include "test.h"

#define NR_PATTERNS 5000
#define NR_NAMES 24

static struct sn_dfa dfa;
static struct diag said;
static u64 random_state;

/* xorshift64*; each test has a seed of its own. */
static u32 random_below(u32 n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (u32)((random_state * 0x2545f4914f6cdd1dull) >> 32) % n;
}

static char random_of(const char *set)
{
	return set[random_below((u32)strlen(set))];
}

static int compile(const char *pattern)
{
	memset(&said, 0, sizeof(said));
	return dfa_compile(&pattern, 1, &dfa, &said);
}

/* Walks as the kernel's side does: old bytes stand behind the NUL. */
static bool matches(const char *name)
{
	char comm[SN_COMM_SIZE];
	size_t len = strlen(name);

	memset(comm, 'a', sizeof(comm));
	memcpy(comm, name, len < 15 ? len + 1 : 15);
	return sn_dfa_match(&dfa, comm);
}

/* A name of 0..15 bytes, most of them bytes that patterns speak of. */
static void random_name(char name[SN_COMM_SIZE])
{
	u32 len = random_below(SN_COMM_SIZE);

	if (random_below(2))
		len = random_below(5);
	for (u32 i = 0; i < len; i++)
		name[i] = random_below(12) ? random_of("aaabbbc-_/0A")
					   : (char)(1 + random_below(255));
	name[len] = '\0';
}

static const char *const classes[] = { "alnum", "alpha", "blank", "cntrl", "digit", "graph",
				       "lower", "print", "punct", "space", "upper", "xdigit" };

/* A bracket expression that POSIX defines. */
static void random_bracket(struct buf *b, bool is_glob)
{
	char first, last;

	buf_putc(b, '[');
	if (!random_below(3))
		buf_putc(b, is_glob && random_below(2) ? '!' : '^');
	if (!random_below(8))
		buf_putc(b, ']');
	if (!random_below(8))
		buf_putc(b, 'c');
	for (u32 n = 1 + random_below(3); n; n--) {
		switch (random_below(4)) {
		case 0:
			first = random_of("aAb0");
			last = (char)(first + (char)random_below(6));
			buf_printf(b, "%c-%c", first, last);
			break;
		case 1:
			buf_printf(b, "[:%s:]", classes[random_below(ARRAY_SIZE(classes))]);
			break;
		case 2:
			if (is_glob)
				buf_printf(b, "\\%c", random_of("]a-\\["));
			else
				buf_putc(b, random_of("\\*$/,"));
			break;
		default:
			buf_putc(b, random_of("abc_/0,\xff\x80"));
		}
	}
	if (!random_below(6))
		buf_putc(b, '-');
	buf_putc(b, ']');
}

static void random_glob(struct buf *b)
{
	for (u32 n = 1 + random_below(7); n; n--) {
		switch (random_below(9)) {
		case 0:
		case 1:
			buf_putc(b, '*');
			break;
		case 2:
			buf_putc(b, '?');
			break;
		case 3:
			random_bracket(b, true);
			break;
		case 4:
			buf_printf(b, "\\%c", random_of("a*?[\\,/]"));
			break;
		default:
			buf_putc(b, random_of("aaabbc-_0A]\xff"));
		}
	}
}

static void random_regex(struct buf *b, int depth)
{
	bool can_repeat;
	u32 m;

	for (u32 n = random_below(5) + (depth == 0); n; n--) {
		can_repeat = true;
		switch (random_below(12)) {
		case 0:
			buf_putc(b, '.');
			break;
		case 1:
			random_bracket(b, false);
			break;
		case 2:
			buf_printf(b, "\\%c", random_of(".*+?()[]{}|^$\\/wWsS-"));
			break;
		case 3:
			buf_putc(b, random_of("^$"));
			can_repeat = false;
			break;
		case 4:
		case 5:
			buf_putc(b, '(');
			if (depth < 4)
				random_regex(b, depth + 1);
			if (depth < 4 && random_below(2)) {
				buf_putc(b, '|');
				random_regex(b, depth + 1);
			}
			buf_putc(b, ')');
			break;
		default:
			buf_putc(b, random_of("aaabbc-_0A]},\xff"));
		}
		if (!can_repeat || random_below(3))
			continue;
		m = random_below(4);
		switch (random_below(7)) {
		case 0:
			buf_printf(b, "{%u}", m);
			break;
		case 1:
			buf_printf(b, "{%u,}", m);
			break;
		case 2:
			buf_printf(b, "{%u,%u}", m, m + random_below(3));
			break;
		case 3:
			buf_putc(b, '?');
			break;
		case 4:
			buf_putc(b, '+');
			break;
		default:
			buf_putc(b, '*');
		}
	}
}

/* What was compared; a property that holds of nothing is no property. */
struct tally {
	u32 nr_tables, nr_too_large, nr_hopeless, nr_yes, nr_no;
};

/* Compiles what is well formed. False: there is no table, for a reason that is allowed. */
static bool compile_valid(const char *pattern, struct tally *tally)
{
	int r = compile(pattern);

	if (r == -E2BIG) {
		tally->nr_too_large++;
		return false;
	}
	if (r == -EINVAL && !strncmp(said.text, "no thread's name can match", 26)) {
		tally->nr_hopeless++;
		return false;
	}
	if (r)
		printf("# %s\n", said.text);
	check_eq(r, 0);
	tally->nr_tables++;
	return true;
}

static void compare(const char *pattern, const char *name, bool got, bool want, struct tally *tally)
{
	if (got != want)
		printf("# \"%s\" %s \"%s\"\n", pattern, got ? "takes" : "refuses", name);
	check_eq(got, want);
	want ? tally->nr_yes++ : tally->nr_no++;
}

static void say_tally(const struct tally *t)
{
	printf("# %u tables, %u too large, %u match nothing; %u names matched, %u did not\n",
	       t->nr_tables, t->nr_too_large, t->nr_hopeless, t->nr_yes, t->nr_no);
}

TEST(globs_as_fnmatch)
{
	struct tally tally = {};
	char name[SN_COMM_SIZE];
	bool has_table;

	random_state = 1;
	for (int i = 0; i < NR_PATTERNS; i++) {
		struct buf b = {};

		do {
			b.len = 0;
			random_glob(&b);
		} while (b.data[0] == '/');
		buf_putc(&b, '\0');
		has_table = compile_valid(b.data, &tally);
		for (int j = 0; j < NR_NAMES; j++) {
			random_name(name);
			compare(b.data, name, has_table && matches(name), !fnmatch(b.data, name, 0),
				&tally);
		}
		buf_done(&b);
	}
	say_tally(&tally);
	check(tally.nr_tables > NR_PATTERNS * 9 / 10);
	check_eq(tally.nr_too_large, 0);
	check(tally.nr_yes > NR_PATTERNS && tally.nr_no > NR_PATTERNS);
}

/* glibc holds "$." for a match of a newline, with or without REG_NEWLINE: leave those out. */
static bool regexec_knows(const char *regex, const char *name)
{
	return !strchr(name, '\n') || !strpbrk(regex, "^$");
}

TEST(regexes_as_regexec)
{
	struct tally tally = {};
	char name[SN_COMM_SIZE];
	bool has_table;
	regex_t regex;

	random_state = 2;
	for (int i = 0; i < NR_PATTERNS; i++) {
		struct buf b = {};
		u32 nr_too_large = tally.nr_too_large;

		buf_putc(&b, '/');
		random_regex(&b, 0);
		buf_puts(&b, "/");
		buf_putc(&b, '\0');
		has_table = compile_valid(b.data, &tally);
		b.data[b.len - 2] = '\0';
		check_eq(regcomp(&regex, b.data + 1, REG_EXTENDED | REG_NOSUB), 0);
		for (int j = 0; j < NR_NAMES && nr_too_large == tally.nr_too_large; j++) {
			random_name(name);
			if (!regexec_knows(b.data, name))
				continue;
			compare(b.data, name, has_table && matches(name),
				!regexec(&regex, name, 0, NULL, 0), &tally);
		}
		regfree(&regex);
		buf_done(&b);
	}
	say_tally(&tally);
	check(tally.nr_tables > NR_PATTERNS * 8 / 10);
	check(tally.nr_too_large < NR_PATTERNS / 50);
	check(tally.nr_yes > NR_PATTERNS && tally.nr_no > NR_PATTERNS);
}

TEST(classes_as_regexec)
{
	char pattern[32], name[2] = {};
	regex_t regex;

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		(void)snprintf(pattern, sizeof(pattern), "/^[[:%s:]]$/", classes[i]);
		check_eq(compile(pattern), 0);
		pattern[strlen(pattern) - 1] = '\0';
		check_eq(regcomp(&regex, pattern + 1, REG_EXTENDED | REG_NOSUB), 0);
		for (int byte = 1; byte < 256; byte++) {
			name[0] = (char)byte;
			check_eq(matches(name), !regexec(&regex, name, 0, NULL, 0));
		}
		regfree(&regex);
	}
}

/* What is refused here though regcomp(3) takes it: open in POSIX, or not meant. */
static bool may_refuse(const char *regex)
{
	static const char *const open[] = { ")", "[.", "[=", "\\", "{", "" };

	for (int i = 0; open[i][0]; i++)
		if (strstr(regex, open[i]))
			return true;
	return !regex[0] || strchr(regex, '/') || !strncmp(said.text, "no thread's name", 16);
}

TEST(any_text_as_regcomp)
{
	u32 nr_both = 0, nr_neither = 0, nr_stricter = 0;
	char text[16], pattern[20], name[SN_COMM_SIZE];
	struct tally tally = {};
	regex_t regex;
	int ours, theirs;
	u32 len;

	random_state = 3;
	for (int i = 0; i < 2 * NR_PATTERNS; i++) {
		len = random_below(sizeof(text));
		for (u32 j = 0; j < len; j++)
			text[j] = random_of("aaabbbcc.[]^-()|*+?{,}12$\\:=/");
		text[len] = '\0';
		(void)snprintf(pattern, sizeof(pattern), "/%s/", text);
		ours = compile(pattern);
		check(ours == 0 || ours == -EINVAL || ours == -E2BIG);
		if (strchr(text, '/'))
			continue;
		theirs = regcomp(&regex, text, REG_EXTENDED | REG_NOSUB);
		if (ours == 0 && theirs)
			printf("# %s is not refused\n", pattern);
		check(ours || !theirs);
		if (ours && !theirs && !may_refuse(text))
			printf("# %s: %s\n", pattern, said.text);
		check(!ours || theirs || may_refuse(text));
		nr_both += !ours && !theirs;
		nr_neither += ours && theirs;
		nr_stricter += ours && !theirs;
		for (int j = 0; !ours && j < NR_NAMES; j++) {
			random_name(name);
			if (!regexec_knows(text, name))
				continue;
			compare(pattern, name, matches(name), !regexec(&regex, name, 0, NULL, 0),
				&tally);
		}
		if (!theirs)
			regfree(&regex);
	}
	printf("# %u taken by both, %u by neither, %u refused here only\n", nr_both, nr_neither,
	       nr_stricter);
	check(nr_both > 1000 && nr_neither > 1000 && tally.nr_yes > 1000 && tally.nr_no > 1000);
}

TEST(any_text_as_glob)
{
	struct tally tally = {};
	char text[16], name[SN_COMM_SIZE];
	u32 len;

	random_state = 4;
	for (int i = 0; i < 2 * NR_PATTERNS; i++) {
		len = 1 + random_below(sizeof(text) - 1);
		for (u32 j = 0; j < len; j++)
			text[j] = random_of("aaabbbcc*?[]!^-\\:_/");
		text[len] = '\0';
		if (text[0] == '/' || compile(text))
			continue;
		tally.nr_tables++;
		for (int j = 0; j < NR_NAMES; j++) {
			random_name(name);
			compare(text, name, matches(name), !fnmatch(text, name, 0), &tally);
		}
	}
	say_tally(&tally);
	check(tally.nr_tables > NR_PATTERNS && tally.nr_yes > 1000 && tally.nr_no > 1000);
}

/* Lists and repeated options are one question: does any pattern match? */
TEST(lists_are_or)
{
	const char *words[] = { "nginx", "php-fpm*,/^kworker/", "a\\,b,[,x]y", "/a{1,2}$/,z" };

	memset(&said, 0, sizeof(said));
	check_eq(dfa_compile(words, ARRAY_SIZE(words), &dfa, &said), 0);
	check(matches("nginx") && matches("php-fpm8.2") && matches("kworker/0:1"));
	check(matches("a,b") && matches(",y") && matches("xy") && matches("baa") && matches("z"));
	check(!matches("") && !matches("nginx2") && !matches("an nginx") && !matches("php"));
	check(!matches("a") == false && !matches("b") && !matches("y") && !matches("a "));

	check_eq(dfa_compile(words, 1, &dfa, &said), 0);
	check(matches("nginx") && !matches("z"));
}

TEST(a_whole_name_has_15_bytes)
{
	check_eq(compile("abcdefghijklmno"), 0);
	check(matches("abcdefghijklmno") && !matches("abcdefghijklmn"));
	check_eq(compile("?*"), 0);
	check(!matches("") && matches("a"));
	check_eq(compile("/^.{15}$/"), 0);
	check(matches("abcdefghijklmno") && !matches("abcdefghijklmn"));

	check_eq(compile("ab,systemd-journald,c"), -EINVAL);
	check_str(said.text,
		  "no thread's name can match \"systemd-journald\": names have at most 15 bytes");
	check_str(said.hint, "the kernel cuts longer names: give their first 15 bytes");
	check_eq(compile("/a$b/"), -EINVAL);
	check_eq(compile("/.{16}/"), -EINVAL);
	check_eq(compile("/[^\x01-\xff]/"), -EINVAL);
	check_eq(compile("systemd-journa*"), 0);
}

static const struct {
	const char *pattern, *text;
} errors[] = {
	{ "", "a pattern is missing at character 1 of \"\"" },
	{ "a,,b", "a pattern is missing at character 3 of \"a,,b\"" },
	{ "a,", "a pattern is missing at character 3 of \"a,\"" },
	{ "a[b", "no ] closes the [ at character 2 of \"a[b\"" },
	{ "[]", "no ] closes the [ at character 1 of \"[]\"" },
	{ "[a-z", "no ] closes the [ at character 1 of \"[a-z\"" },
	{ "[a\\", "a bracket is open at character 4 of \"[a\\\"" },
	{ "a\\", "there is nothing behind the \\ at character 2 of \"a\\\"" },
	{ "[z-a]", "the range ends before it begins at character 2 of \"[z-a]\"" },
	{ "[a-m-z]",
	  "a - that is meant as such comes first or last at character 5 of \"[a-m-z]\"" },
	{ "[[:alhpa:]]", "there is no such class of characters at character 2 of \"[[:alhpa:]]\"" },
	{ "[[=a=]]", "there are no collating elements at character 2 of \"[[=a=]]\"" },
	{ "[a-[:digit:]]", "a range cannot end with a class at character 4 of \"[a-[:digit:]]\"" },
	{ "//", "the regular expression is empty at character 1 of \"//\"" },
	{ "x,/ab", "no / closes the regular expression that begins at character 3 of \"x,/ab\"" },
	{ "/usr/bin/x",
	  "the regular expression ended before what stands at character 6 of \"/usr/bin/x\"" },
	{ "/a(b/", "no ) closes the ( at character 3 of \"/a(b/\"" },
	{ "/ab)/", "no ( opens the ) at character 4 of \"/ab)/\"" },
	{ "/a|*/", "there is nothing to repeat at character 4 of \"/a|*/\"" },
	{ "/^*/", "there is nothing to repeat at character 3 of \"/^*/\"" },
	{ "/a{/", "this is no {m,n} at character 3 of \"/a{/\"" },
	{ "/a{3,2}/",
	  "the least number of repetitions is above the most at character 3 of \"/a{3,2}/\"" },
	{ "/a{99999999999999}/",
	  "more than 255 repetitions at character 3 of \"/a{99999999999999}/\"" },
	{ "/\\bx/", "there is no such escape at character 2 of \"/\\bx/\"" },
	{ "/(a)\\1/", "there is no such escape at character 5 of \"/(a)\\1/\"" },
};

TEST(errors_say_where)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		check_eq(compile(errors[i].pattern), -EINVAL);
		check_str(said.text, errors[i].text);
	}
	memset(&said, 0, sizeof(said));
	check_eq(dfa_compile(NULL, 0, &dfa, &said), -EINVAL);
	check_str(said.text, "no pattern for names is given");
}

/* n times a, then b, then a NUL. */
static const char *repeated(struct buf *b, const char *begin, const char *a, int n, const char *end)
{
	b->len = 0;
	buf_puts(b, begin);
	for (int i = 0; i < n; i++)
		buf_puts(b, a);
	buf_puts(b, end);
	buf_putc(b, '\0');
	return b->data;
}

static void check_too_large(const char *pattern)
{
	static struct sn_dfa before;

	check_eq(compile("x*"), 0);
	before = dfa;
	check_eq(compile(pattern), -E2BIG);
	check(said.text[0]);
	check(!memcmp(&before, &dfa, sizeof(dfa)));
}

TEST(limits)
{
	struct buf b = {};

	check_too_large("/a.{9}b.{3}/");
	check_str(said.text,
		  "the patterns for names are too large for the table that the kernel walks");
	check_str(said.hint, "fewer or simpler patterns; counted repetitions cost most");
	check_too_large("/((((a{255}){255}){255}){255}){255}/");
	check_too_large("/(((((a{0}){255}){255}){255}){255}){255}/");
	check_too_large(repeated(&b, "/", "a", 5000, "/"));
	check_too_large(repeated(&b, "/", "(", 100000, "/"));
	check_too_large(repeated(&b, "/a", "*", 100000, "/"));
	check_too_large(repeated(&b, "", "[a-z]", 100000, ""));
	check_too_large(repeated(&b, "", "*?", 100000, ""));
	check_eq(compile(repeated(&b, "", "*", 300, "")), 0);
	check(matches("") && matches("a"));
	check_eq(compile(repeated(&b, "/", "(", 60, "")), -EINVAL);
	buf_done(&b);
}

/* Many names, as a long list has: all fit, all are told apart. */
TEST(many_names)
{
	struct buf b = {};
	char name[SN_COMM_SIZE];

	for (int i = 0; i < 32; i++)
		buf_printf(&b, "%sworker-%c%d", i ? "," : "", 'a' + i, i * 37);
	buf_putc(&b, '\0');
	if (compile(b.data))
		printf("# %s\n", said.text);
	for (int i = 0; i < 32; i++) {
		(void)snprintf(name, sizeof(name), "worker-%c%d", 'a' + i, i * 37);
		check(matches(name));
		(void)snprintf(name, sizeof(name), "worker-%c%d", 'a' + i, i * 37 + 1);
		check(!matches(name));
	}
	buf_done(&b);
}

TESTS(globs_as_fnmatch, regexes_as_regexec, classes_as_regexec, any_text_as_regcomp,
      any_text_as_glob, lists_are_or, a_whole_name_has_15_bytes, errors_say_where, limits,
      many_names)
