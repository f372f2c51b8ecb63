// SPDX-License-Identifier: BSD-2-Clause
#include "base/opt.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"

/* What a user can give us at most in one list. */
#define MAX_LIST 4096

struct parser {
	const struct opt_group *groups;
	void *opts;
	char **word; /* the next one */
	struct diag *d;
	u32 nr_operands;
	bool stopped;
};

static const struct opt *row_or_next_group(struct opt_iter *it)
{
	while (it->group->rows && !it->row->metavar) {
		it->group++;
		it->row = it->group->rows;
	}
	return it->group->rows ? it->row : NULL;
}

const struct opt *opt_first(struct opt_iter *it, const struct opt_group *groups)
{
	*it = (struct opt_iter){ .group = groups, .row = groups->rows };
	return row_or_next_group(it);
}

const struct opt *opt_next(struct opt_iter *it)
{
	it->row++;
	return row_or_next_group(it);
}

/* "--name", or the metavar of an operand; for sentences. */
static const char *dashes(const struct opt *o)
{
	return o->name ? "--" : "";
}

static const char *spoken(const struct opt *o)
{
	return o->name ? o->name : o->metavar;
}

static int bad_number(const struct opt *o, int r, const char *text, size_t len, const char *what,
		      struct diag *d)
{
	if (r == -ERANGE)
		return diag_err(d, -EINVAL, "%s%s: '%.*s' is too large", dashes(o), spoken(o),
				(int)len, text);
	return diag_err(d, -EINVAL, "%s%s: '%.*s' is not %s", dashes(o), spoken(o), (int)len, text,
			what);
}

static int check_range(const struct opt *o, u64 v, const char *text, size_t len, struct diag *d)
{
	if (v < o->min)
		return diag_err(d, -EINVAL, "%s%s: '%.*s' is too small", dashes(o), spoken(o),
				(int)len, text);
	if (o->max && v > o->max)
		return bad_number(o, -ERANGE, text, len, "", d);
	if (o->power_of_two && v & (v - 1))
		return bad_number(o, -EINVAL, text, len, "a power of two", d);
	return 0;
}

static int parse_number(const struct opt *o, const char *text, size_t len, u64 *ret, struct diag *d)
{
	const char *what = "a number";
	int r;

	switch (o->type) {
	case OPT_SIZE:
		what = "a size (such as 4096, 64K, 16M or 1G)";
		r = str_to_size(text, len, ret);
		break;
	case OPT_DURATION:
		what = "a duration (such as 10s, 2m, 1h or 500ms)";
		r = str_to_duration(text, len, o->bare_ns, ret);
		break;
	default:
		r = str_to_u64(text, len, ret);
	}
	if (r < 0)
		return bad_number(o, r, text, len, what, d);
	return check_range(o, *ret, text, len, d);
}

static int add_string(struct opt_strings *list, const struct opt *o, const char *text,
		      struct diag *d)
{
	const char **v;

	if (list->nr == MAX_LIST)
		return diag_err(d, -EINVAL, "%s%s: more than %d values", dashes(o), spoken(o),
				MAX_LIST);
	v = reallocarray(list->v, list->nr + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v[list->nr++] = text;
	list->v = v;
	return 0;
}

static int add_ids(struct opt_ids *list, const struct opt *o, const char *text, struct diag *d)
{
	const char *item;
	size_t len;
	u32 *v;
	u64 id;
	int r;

	while (str_next_item(&text, &item, &len)) {
		r = parse_number(o, item, len, &id, d);
		if (r < 0)
			return r;
		if (id > UINT32_MAX)
			return bad_number(o, -ERANGE, item, len, "", d);
		if (list->nr == MAX_LIST)
			return diag_err(d, -EINVAL, "%s%s: more than %d values", dashes(o),
					spoken(o), MAX_LIST);
		v = reallocarray(list->v, list->nr + 1, sizeof(*v));
		if (!v)
			return -ENOMEM;
		v[list->nr++] = (u32)id;
		list->v = v;
	}
	return 0;
}

static int set_range(struct opt_range *to, const struct opt *o, const char *text, struct diag *d)
{
	struct opt_range range = { .to = UINT64_MAX };
	const char *dash = strchrnul(text, '-');
	const char *what = "a range (such as 100-200, 100-, -200 or 100)";
	size_t len = (size_t)(dash - text);
	int r = 0;

	if (len)
		r = str_to_u64(text, len, &range.from);
	if (!r && !*dash)
		range.to = range.from;
	if (!r && *dash && dash[1])
		r = str_to_u64(dash + 1, strlen(dash + 1), &range.to);
	if (!r && (!strcmp(text, "-") || !*text))
		r = -EINVAL;
	if (r < 0)
		return bad_number(o, r, text, strlen(text), what, d);
	if (range.from > range.to)
		return diag_err(d, -EINVAL, "%s%s: '%s' ends before it begins", dashes(o),
				spoken(o), text);
	*to = range;
	return 0;
}

static int set_choice(int *to, const struct opt *o, const char *text, struct diag *d)
{
	_cleanup_(buf_done) struct buf words = {};

	for (int i = 0; o->choices[i]; i++) {
		if (!strcmp(o->choices[i], text)) {
			*to = i;
			return 0;
		}
		buf_printf(&words, "%s%s",
			   !i                  ? ""
			   : o->choices[i + 1] ? ", "
					       : " or ",
			   o->choices[i]);
	}
	buf_putc(&words, 0);
	if (words.failed)
		return -ENOMEM;
	return diag_err(d, -EINVAL, "%s%s: '%s' is not one of %s", dashes(o), spoken(o), text,
			words.data);
}

static int store(const struct opt_group *g, const struct opt *o, void *opts, const char *arg,
		 struct diag *d)
{
	void *to = (char *)opts + g->base + o->off;
	u64 v;
	int r;

	switch ((enum opt_type)o->type) {
	case OPT_FLAG:
	case OPT_STOP:
		*(bool *)to = true;
		return 0;
	case OPT_SET:
		*(int *)to = o->value;
		return 0;
	case OPT_STRING:
		*(const char **)to = arg;
		return 0;
	case OPT_STRINGS:
		return add_string(to, o, arg, d);
	case OPT_IDS:
		return add_ids(to, o, arg, d);
	case OPT_U64:
	case OPT_SIZE:
	case OPT_DURATION:
		r = parse_number(o, arg, strlen(arg), &v, d);
		if (!r)
			*(u64 *)to = v;
		return r;
	case OPT_RANGE:
		return set_range(to, o, arg, d);
	case OPT_CHOICE:
		return set_choice(to, o, arg, d);
	case OPT_REST:
		break;
	}
	return 0;
}

static int ambiguous(const struct parser *p, const char *name, size_t len)
{
	_cleanup_(buf_done) struct buf words = {};
	struct opt_iter it;

	for (const struct opt *o = opt_first(&it, p->groups); o; o = opt_next(&it))
		if (o->name && !strncmp(o->name, name, len))
			buf_printf(&words, "%s--%s", words.len ? ", " : "", o->name);
	buf_putc(&words, 0);
	if (words.failed)
		return -ENOMEM;
	return diag_err(p->d, -EINVAL, "option --%.*s is ambiguous: %s", (int)len, name,
			words.data);
}

/* The row of this long name, or of the only one that it begins. */
static int find_long(const struct parser *p, const char *name, size_t len, struct opt_iter *ret)
{
	struct opt_iter it;
	u32 nr = 0;

	for (const struct opt *o = opt_first(&it, p->groups); o; o = opt_next(&it)) {
		if (!o->name || !len || strncmp(o->name, name, len))
			continue;
		*ret = it;
		if (!o->name[len])
			return 0;
		nr++;
	}
	if (nr > 1)
		return ambiguous(p, name, len);
	if (!nr)
		return diag_err(p->d, -EINVAL, "there is no option --%.*s", (int)len, name);
	return 0;
}

static int find_short(const struct parser *p, char c, struct opt_iter *ret)
{
	for (const struct opt *o = opt_first(ret, p->groups); o; o = opt_next(ret))
		if (o->short_name == c)
			return 0;
	return diag_err(p->d, -EINVAL, "there is no option -%c", c);
}

/* The argument that stands in the next word. */
static int next_arg(struct parser *p, const struct opt *o, bool is_long, const char **ret)
{
	if (!*p->word && is_long)
		return diag_err(p->d, -EINVAL, "option --%s needs %s", o->name, o->metavar);
	if (!*p->word)
		return diag_err(p->d, -EINVAL, "option -%c needs %s", o->short_name, o->metavar);
	*ret = *p->word++;
	return 0;
}

static int parse_long(struct parser *p, const char *name)
{
	const char *arg = strchrnul(name, '=');
	struct opt_iter at = {};
	size_t len = (size_t)(arg - name);
	int r = find_long(p, name, len, &at);

	if (r < 0)
		return r;
	arg = *arg ? arg + 1 : NULL;
	if (arg && !opt_has_arg(at.row))
		return diag_err(p->d, -EINVAL, "option --%s takes no argument", at.row->name);
	if (!arg && opt_has_arg(at.row)) {
		r = next_arg(p, at.row, true, &arg);
		if (r < 0)
			return r;
	}
	p->stopped |= at.row->type == OPT_STOP;
	return store(at.group, at.row, p->opts, arg, p->d);
}

/* One word of short options: -abc, -oARG or -o ARG. */
static int parse_short(struct parser *p, const char *letters)
{
	struct opt_iter at = {};
	const char *arg;
	int r;

	for (; *letters && !p->stopped; letters++) {
		r = find_short(p, *letters, &at);
		if (r < 0)
			return r;
		arg = letters[1] ? letters + 1 : NULL;
		if (opt_has_arg(at.row) && !arg) {
			r = next_arg(p, at.row, false, &arg);
			if (r < 0)
				return r;
		}
		p->stopped |= at.row->type == OPT_STOP;
		r = store(at.group, at.row, p->opts, arg, p->d);
		if (r < 0 || opt_has_arg(at.row))
			return r;
	}
	return 0;
}

/* The row of the n-th operand; a list takes all that follow. */
static const struct opt *find_operand(const struct parser *p, u32 n, struct opt_iter *it)
{
	const struct opt *last = NULL;

	for (const struct opt *o = opt_first(it, p->groups); o; o = opt_next(it)) {
		if (o->name)
			continue;
		last = o;
		if (!n-- || o->type == OPT_STRINGS || o->type == OPT_REST)
			return o;
	}
	return last && last->type == OPT_STRINGS ? last : NULL;
}

/* *ret_rest: this and all that follows was taken. */
static int parse_operand(struct parser *p, bool *ret_rest)
{
	struct opt_iter it;
	const struct opt *o = find_operand(p, p->nr_operands, &it);

	*ret_rest = false;
	if (!o)
		return diag_err(p->d, -EINVAL, "unexpected argument '%s'", *p->word);
	p->nr_operands++;
	if (o->type == OPT_REST) {
		*(char ***)((char *)p->opts + it.group->base + o->off) = p->word;
		*ret_rest = true;
		return 0;
	}
	return store(it.group, o, p->opts, *p->word++, p->d);
}

static int check_required(const struct parser *p)
{
	struct opt_iter it;
	u32 place = 0;

	for (const struct opt *o = opt_first(&it, p->groups); o; o = opt_next(&it)) {
		if (!o->name && o->required && place >= p->nr_operands)
			return diag_err(p->d, -EINVAL, "%s is missing", o->metavar);
		place += !o->name;
	}
	return 0;
}

int opt_parse(const struct opt_group *groups, void *opts, char **words, struct diag *d)
{
	struct parser p = { .groups = groups, .opts = opts, .word = words, .d = d };
	bool only_operands = false, rest = false;
	const char *word;
	int r = 0;

	while (!r && !rest && !p.stopped && (word = *p.word)) {
		if (only_operands || word[0] != '-' || !word[1]) {
			r = parse_operand(&p, &rest);
		} else {
			p.word++;
			if (word[1] != '-')
				r = parse_short(&p, word + 1);
			else if (word[2])
				r = parse_long(&p, word + 2);
			else
				only_operands = true;
		}
	}
	if (r < 0 || p.stopped)
		return r;
	return check_required(&p);
}

void opt_done(const struct opt_group *groups, void *opts)
{
	struct opt_iter it;
	struct opt_strings *strings;
	struct opt_ids *ids;

	for (const struct opt *o = opt_first(&it, groups); o; o = opt_next(&it)) {
		void *at = (char *)opts + it.group->base + o->off;

		if (o->type == OPT_STRINGS) {
			strings = at;
			free(strings->v);
			*strings = (struct opt_strings){};
		} else if (o->type == OPT_IDS) {
			ids = at;
			free(ids->v);
			*ids = (struct opt_ids){};
		}
	}
}
