// SPDX-License-Identifier: BSD-2-Clause
#include "schema/pattern.h"

#include <errno.h>
#include <string.h>

struct parser {
	const char *text;
	size_t pos;
	int depth;
	bool is_glob;
	struct pattern *tree;
	struct diag *d;
};

static int parse_or(struct parser *p);

/* Says what is wrong at text[at]; people count characters from 1. */
static int bad(struct parser *p, size_t at, const char *what)
{
	return diag_err(p->d, -EINVAL, "%s at character %zu of \"%s\"", what, at + 1, p->text);
}

static int too_large(struct parser *p, const char *what)
{
	return diag_err(p->d, -E2BIG, "%s at character %zu of \"%s\"", what, p->pos + 1, p->text);
}

/* A new node's index, or an error. */
static int node(struct parser *p, struct pattern_node n)
{
	if (p->tree->nr_nodes == PATTERN_MAX_NODES)
		return too_large(p, "the pattern is too long");
	p->tree->nodes[p->tree->nr_nodes] = n;
	return (int)p->tree->nr_nodes++;
}

static int set_node(struct parser *p, struct byte_set set)
{
	return node(p, (struct pattern_node){ .op = PATTERN_SET, .set = set });
}

static int pair(struct parser *p, enum pattern_op op, int left, int right)
{
	if (left < 0)
		return left;
	if (right < 0)
		return right;
	return node(p, (struct pattern_node){ .op = op, .left = (u16)left, .right = (u16)right });
}

static int repeat(struct parser *p, int left, u16 min, u16 max)
{
	if (left < 0)
		return left;
	return node(p, (struct pattern_node){
			       .op = PATTERN_REPEAT, .left = (u16)left, .min = min, .max = max });
}

static void set_add(struct byte_set *set, u8 first, u8 last)
{
	for (unsigned int byte = first; byte <= last; byte++)
		set->words[byte / 64] |= 1ull << byte % 64;
}

/* All bytes but those of set; NUL ends a name and is in none. */
static struct byte_set set_not(struct byte_set set)
{
	for (size_t i = 0; i < ARRAY_SIZE(set.words); i++)
		set.words[i] = ~set.words[i];
	set.words[0] &= ~1ull;
	return set;
}

static int byte_node(struct parser *p, char c)
{
	struct byte_set set = {};

	set_add(&set, (u8)c, (u8)c);
	return set_node(p, set);
}

static int any_node(struct parser *p)
{
	return set_node(p, set_not((struct byte_set){}));
}

/* Any number of any bytes. */
static int any_star(struct parser *p)
{
	return repeat(p, any_node(p), 0, PATTERN_NO_MAX);
}

/* The classes of the C locale, as first and last bytes of ranges. */
static const struct {
	const char *name, *ranges;
} classes[] = {
	{ "alnum", "09AZaz" },   { "alpha", "AZaz" },
	{ "blank", "\t\t  " },   { "cntrl", "\1\37\177\177" },
	{ "digit", "09" },       { "graph", "!~" },
	{ "lower", "az" },       { "print", " ~" },
	{ "punct", "!/:@[`{~" }, { "space", "\t\r  " },
	{ "upper", "AZ" },       { "xdigit", "09AFaf" },
};

static bool class_add(struct byte_set *set, const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		if (strlen(classes[i].name) != len || memcmp(classes[i].name, name, len))
			continue;
		for (const char *r = classes[i].ranges; *r; r += 2)
			set_add(set, (u8)r[0], (u8)r[1]);
		return true;
	}
	return false;
}

/* "[:alpha:]", with pos at its bracket. */
static int bracket_class(struct parser *p, struct byte_set *set)
{
	const char *name = p->text + p->pos + 2, *end = strstr(name, ":]");

	if (!end || !class_add(set, name, (size_t)(end - name)))
		return bad(p, p->pos, "there is no such class of characters");
	p->pos = (size_t)(end + 2 - p->text);
	return 0;
}

/* One byte in brackets: a member, or an end of a range. */
static int bracket_byte(struct parser *p, u8 *ret_byte)
{
	const char *s = p->text + p->pos;

	if (s[0] == '[' && (s[1] == '.' || s[1] == '='))
		return bad(p, p->pos, "there are no collating elements");
	if (s[0] == '[' && s[1] == ':')
		return bad(p, p->pos, "a range cannot end with a class");
	if (p->is_glob && s[0] == '\\') {
		p->pos++;
		s++;
	}
	if (!*s)
		return bad(p, p->pos, "a bracket is open");
	*ret_byte = (u8)*s;
	p->pos++;
	return 0;
}

static int bracket_range(struct parser *p, struct byte_set *set)
{
	const char *s = p->text + p->pos;
	size_t at = p->pos;
	u8 first, last;
	int r;

	if (s[0] == '[' && s[1] == ':')
		return bracket_class(p, set);
	r = bracket_byte(p, &first);
	if (r < 0)
		return r;
	s = p->text + p->pos;
	if (s[0] != '-' || s[1] == ']' || !s[1]) {
		set_add(set, first, first);
		return 0;
	}
	p->pos++;
	r = bracket_byte(p, &last);
	if (r < 0)
		return r;
	if (first > last)
		return bad(p, at, "the range ends before it begins");
	set_add(set, first, last);
	return 0;
}

/* "[a-z]", with pos at its bracket. */
static int bracket(struct parser *p)
{
	size_t at = p->pos++, first;
	struct byte_set set = {};
	const char *s;
	bool negated;
	int r;

	negated = p->text[p->pos] == '^' || (p->is_glob && p->text[p->pos] == '!');
	first = p->pos += negated;
	for (;;) {
		s = p->text + p->pos;
		if (!*s)
			return bad(p, at, "no ] closes the [");
		if (*s == ']' && p->pos > first)
			break;
		/* POSIX leaves open what [a-m-z] means. */
		if (*s == '-' && s[1] != ']' && p->pos > first)
			return bad(p, p->pos, "a - that is meant as such comes first or last");
		r = bracket_range(p, &set);
		if (r < 0)
			return r;
	}
	p->pos++;
	return set_node(p, negated ? set_not(set) : set);
}

/* A backslash in a regular expression, and what it escapes. */
static int escape(struct parser *p)
{
	char c = p->text[p->pos + 1];
	struct byte_set set = {};

	if (!c)
		return bad(p, p->pos, "there is nothing behind the \\");
	if (strchr("wWsS", c)) {
		if (c == 'w' || c == 'W')
			set_add(&set, '_', '_');
		(void)class_add(&set, c == 'w' || c == 'W' ? "alnum" : "space", 5);
		p->pos += 2;
		return set_node(p, c == 'w' || c == 's' ? set : set_not(set));
	}
	/* Elsewhere these are borders of words, references and classes. */
	if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || strchr("<>`'", c))
		return bad(p, p->pos, "there is no such escape");
	p->pos += 2;
	return byte_node(p, c);
}

static int group(struct parser *p)
{
	size_t at = p->pos++;
	int n;

	if (p->depth == PATTERN_MAX_DEPTH)
		return too_large(p, "parentheses are nested too deeply");
	p->depth++;
	n = parse_or(p);
	p->depth--;
	if (n < 0)
		return n;
	if (p->text[p->pos] != ')')
		return bad(p, at, "no ) closes the (");
	p->pos++;
	return n;
}

/* Digits: their number, -1 without any, and too much as one more than the limit. */
static int repeat_number(struct parser *p)
{
	int n = -1;

	for (; p->text[p->pos] >= '0' && p->text[p->pos] <= '9'; p->pos++)
		n = MIN(10 * MAX(n, 0) + p->text[p->pos] - '0', PATTERN_MAX_REPEAT + 1);
	return n;
}

/* "{2}", "{2,}", "{,3}" or "{2,3}", with pos at its brace. */
static int repeat_braces(struct parser *p, int left)
{
	size_t at = p->pos++;
	int min, max;
	bool comma;

	min = max = repeat_number(p);
	comma = p->text[p->pos] == ',';
	if (comma) {
		p->pos++;
		max = repeat_number(p);
	}
	if ((min < 0 && !comma) || p->text[p->pos] != '}')
		return bad(p, at, "this is no {m,n}");
	if (min > PATTERN_MAX_REPEAT || max > PATTERN_MAX_REPEAT)
		return bad(p, at, "more than 255 repetitions");
	if (max >= 0 && min > max)
		return bad(p, at, "the least number of repetitions is above the most");
	p->pos++;
	return repeat(p, left, (u16)MAX(min, 0), max < 0 ? PATTERN_NO_MAX : (u16)max);
}

static int repetitions(struct parser *p, int n)
{
	while (n >= 0) {
		switch (p->text[p->pos]) {
		case '*':
			p->pos++;
			n = repeat(p, n, 0, PATTERN_NO_MAX);
			break;
		case '+':
			p->pos++;
			n = repeat(p, n, 1, PATTERN_NO_MAX);
			break;
		case '?':
			p->pos++;
			n = repeat(p, n, 0, 1);
			break;
		case '{':
			n = repeat_braces(p, n);
			break;
		default:
			return n;
		}
	}
	return n;
}

/* What stands for itself, with its repetitions. A ^ and a $ cannot be repeated. */
static int atom(struct parser *p)
{
	char c = p->text[p->pos];

	switch (c) {
	case '^':
		p->pos++;
		return node(p, (struct pattern_node){ .op = PATTERN_BEGIN });
	case '$':
		p->pos++;
		return node(p, (struct pattern_node){ .op = PATTERN_END });
	case '*':
	case '+':
	case '?':
	case '{':
		return bad(p, p->pos, "there is nothing to repeat");
	case '(':
		return repetitions(p, group(p));
	case '[':
		return repetitions(p, bracket(p));
	case '\\':
		return repetitions(p, escape(p));
	case '.':
		p->pos++;
		return repetitions(p, any_node(p));
	default:
		p->pos++;
		return repetitions(p, byte_node(p, c));
	}
}

static int parse_cat(struct parser *p)
{
	int n = node(p, (struct pattern_node){ .op = PATTERN_EMPTY });

	while (n >= 0 && p->text[p->pos] && !strchr("|/)", p->text[p->pos]))
		n = pair(p, PATTERN_CAT, n, atom(p));
	return n;
}

static int parse_or(struct parser *p)
{
	int n = parse_cat(p);

	while (n >= 0 && p->text[p->pos] == '|') {
		p->pos++;
		n = pair(p, PATTERN_OR, n, parse_cat(p));
	}
	return n;
}

/* "/expression/": found anywhere in a name. */
static int regex(struct parser *p)
{
	size_t at = p->pos++;
	int n;

	if (p->text[p->pos] == '/')
		return bad(p, at, "the regular expression is empty");
	n = parse_or(p);
	if (n < 0)
		return n;
	if (p->text[p->pos] == ')')
		return bad(p, p->pos, "no ( opens the )");
	if (p->text[p->pos] != '/')
		return bad(p, at, "no / closes the regular expression that begins");
	p->pos++;
	if (p->text[p->pos] && p->text[p->pos] != ',')
		return bad(p, p->pos, "the regular expression ended before what stands");
	n = pair(p, PATTERN_CAT, any_star(p), n);
	return pair(p, PATTERN_CAT, n, any_star(p));
}

static int glob_atom(struct parser *p)
{
	char c = p->text[p->pos];

	switch (c) {
	case '*':
		p->pos++;
		return any_star(p);
	case '?':
		p->pos++;
		return any_node(p);
	case '[':
		return bracket(p);
	case '\\':
		c = p->text[++p->pos];
		if (!c)
			return bad(p, p->pos - 1, "there is nothing behind the \\");
		break;
	}
	p->pos++;
	return byte_node(p, c);
}

static int glob(struct parser *p)
{
	size_t at = p->pos;
	int n = node(p, (struct pattern_node){ .op = PATTERN_EMPTY });

	while (n >= 0 && p->text[p->pos] && p->text[p->pos] != ',')
		n = pair(p, PATTERN_CAT, n, glob_atom(p));
	if (n >= 0 && p->pos == at)
		return bad(p, at, "a pattern is missing");
	return n;
}

int pattern_parse(const char *text, size_t *pos, struct pattern *ret, struct diag *d)
{
	struct parser p = { .text = text, .pos = *pos, .tree = ret, .d = d };
	int n;

	ret->nr_nodes = 0;
	p.is_glob = text[*pos] != '/';
	n = p.is_glob ? glob(&p) : regex(&p);
	if (n < 0)
		return n;
	ret->root = (u16)n;
	*pos = p.pos;
	return 0;
}
