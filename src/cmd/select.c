// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/select.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "schema/select.h"
#include "schema/values.h"
#include "sink/sink.h"

u64 select_all(void)
{
	u64 events = 0;

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (!schema_is_core(schema_event(slot)))
			events |= 1ull << slot;
	return events;
}

u64 select_default(void)
{
	u64 events = select_all();

	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (schema_is_on_request(schema_event(slot)))
			events &= ~(1ull << slot);
	return events;
}

int select_streams(const struct opt_strings *words, bool with_core, u64 *ret_events, struct diag *d)
{
	u64 events = words->nr ? 0 : select_all(), more;
	int r;

	for (u32 i = 0; i < words->nr; i++) {
		r = select_events(words->v[i], with_core ? SELECT_CORE : SELECT_NO_CORE, &more, d);
		if (r < 0)
			return r;
		events |= more;
	}
	*ret_events = events;
	return 0;
}

int select_samples(const struct opt_strings *words, u32 nr[SN_NR_EVENTS], struct diag *d)
{
	const char *list, *item;
	size_t len;
	int r = 0;

	for (u32 i = 0; i < words->nr; i++) {
		list = words->v[i];
		while (!r && str_next_item(&list, &item, &len)) {
			_cleanup_(freep) char *text = strndup(item, len);

			r = text ? select_sample(text, nr, d) : -ENOMEM;
		}
	}
	return r;
}

/* clang-format off */
#define X(name) #name,
static const char *const calls[] = { SN_CALLS(X) };
static const char *const blk_ops[] = { SN_BLK_OPS(X) };
#undef X
/* clang-format on */

/* The name that was meant, by a third of its letters; or none. */
static const char *nearest_op(const char *word, size_t len)
{
	u32 best = (u32)len / 3 + 1, n;
	const char *name = NULL, *tried;

	for (u32 i = 1; i < ARRAY_SIZE(calls) + ARRAY_SIZE(blk_ops); i++) {
		tried = i < ARRAY_SIZE(calls) ? calls[i] : blk_ops[i - ARRAY_SIZE(calls)];
		n = str_distance(word, len, tried, strlen(tried));
		name = n < best ? tried : name;
		best = MIN(n, best);
	}
	return name;
}

static int unknown_op(const char *word, size_t len, struct diag *d)
{
	const char *meant = nearest_op(word, len);

	(void)diag_hint(d, 0, "'sonde list --ops' shows the operations");
	if (!meant)
		return diag_err(d, -EINVAL, "--op: there is no operation '%.*s'", (int)len, word);
	return diag_err(d, -EINVAL, "--op: there is no operation '%.*s': did you mean '%s'?",
			(int)len, word, meant);
}

static bool is_op(const char *name, const char *word, size_t len)
{
	return strlen(name) == len && !memcmp(name, word, len);
}

static void add_call(struct op_set *set, u32 call)
{
	set->calls.bits[call / 64] |= 1ull << call % 64;
}

/* False: there is none of that name. */
static bool add_op(struct op_set *set, const char *word, size_t len)
{
	bool found = false;

	for (u32 i = 0; i < ARRAY_SIZE(calls); i++)
		if (is_op(calls[i], word, len)) {
			add_call(set, i);
			found = true;
		}
	for (u32 i = 0; i < ARRAY_SIZE(blk_ops); i++)
		if (is_op(blk_ops[i], word, len)) {
			set->blk_ops |= 1u << i;
			found = true;
		}
	return found;
}

bool op_set_meets(const struct op_set *a, const struct op_set *b)
{
	for (u32 i = 0; i < SN_CALL_WORDS; i++)
		if (a->calls.bits[i] & b->calls.bits[i])
			return true;
	return a->blk_ops & b->blk_ops;
}

int select_ops(const struct opt_strings *words, struct op_set *ret, struct diag *d)
{
	const char *list, *item;
	size_t len;

	memset(ret, words->nr ? 0 : 0xff, sizeof(*ret));
	for (u32 i = 0; i < words->nr; i++) {
		list = words->v[i];
		while (str_next_item(&list, &item, &len))
			if (!add_op(ret, item, len))
				return unknown_op(item, len, d);
	}
	return 0;
}

void select_ops_of(u32 slot, struct op_set *ret)
{
	*ret = (struct op_set){};
#define X(name) add_call(ret, SN_CALL_##name);
#define G(event, calls)                \
	if (slot == SN_SLOT_##event) { \
		calls                  \
	}
	SN_SYSTEM_CALLS(G, X)
	SN_KERNEL_CALLS(G, X)
	SN_REQUEST_CALLS(G, X)
#undef G
#undef X
	if (slot == SN_SLOT_block_io)
		ret->blk_ops = (1u << SN_NR_BLK_OPS) - 1;
}

void select_put_ops(struct buf *b, u32 slot)
{
	struct op_set set;

	select_ops_of(slot, &set);
	for (u32 i = 0; i < SN_NR_CALLS; i++)
		if (sn_has_call(&set.calls, i))
			buf_printf(b, " %s", calls[i]);
	for (u32 i = 0; i < SN_NR_BLK_OPS; i++)
		if (set.blk_ops >> i & 1 && i != SN_BLK_OP_unknown)
			buf_printf(b, " %s", blk_ops[i]);
}

void fields_done(struct fields *f)
{
	free(f->names);
	free(f->text);
	*f = (struct fields){};
}

static int check_once(const char *const *names, u32 nr, struct diag *d)
{
	for (u32 i = 0; i < nr; i++)
		for (u32 k = 0; k < i; k++)
			if (!strcmp(names[i], names[k]))
				return diag_err(d, -EINVAL, "field '%s' is named twice", names[i]);
	return 0;
}

static int check_field(const char *name, u64 events, struct diag *d)
{
	for (u32 slot = 0; slot < SN_NR_EVENTS; slot++)
		if (events & 1ull << slot && schema_column(schema_event(slot), name) >= 0)
			return 0;
	(void)diag_hint(d, 0, "'sonde list -v' shows the fields of each event");
	return diag_err(d, -EINVAL, "none of the events has a field '%s'", name);
}

/* Cuts text at its commas into names, and ends these with NULL. A comma is passed before it is cut. */
static u32 cut(char *text, const char **names)
{
	const char *rest = text, *item;
	size_t len;
	u32 nr = 0;

	while (str_next_item(&rest, &item, &len)) {
		text[(size_t)(item - text) + len] = 0;
		names[nr++] = item;
	}
	names[nr] = NULL;
	return nr;
}

static int read_fields(const struct opt_strings *words, u64 events, struct fields *ret, bool *wall,
		       struct diag *d)
{
	_cleanup_(buf_done) struct buf text = {};
	_cleanup_(fields_done) struct fields f = {};
	u32 nr = words->nr;
	int r;

	if (!words->nr) {
		*ret = f;
		return 0;
	}
	for (u32 i = 0; i < words->nr; i++) {
		buf_printf(&text, "%s%s", i ? "," : "", words->v[i]);
		for (const char *p = words->v[i]; (p = strchr(p, ',')); p++)
			nr++;
	}
	buf_putc(&text, 0);
	if (text.failed)
		return -ENOMEM;
	f.text = TAKE_PTR(text.data);
	f.names = calloc(nr + 1, sizeof(*f.names));
	if (!f.names)
		return -ENOMEM;
	nr = cut(f.text, f.names);
	for (u32 i = 0; i < nr; i++) {
		if (wall && !strcmp(f.names[i], SINK_WALL)) {
			*wall = true;
			continue;
		}
		r = check_field(f.names[i], events, d);
		if (r < 0)
			return r;
	}
	r = check_once(f.names, nr, d);
	if (r < 0)
		return r;
	*ret = f;
	f = (struct fields){};
	return 0;
}

int select_fields(const struct opt_strings *words, u64 events, struct fields *ret, struct diag *d)
{
	return read_fields(words, events, ret, NULL, d);
}

int select_fields_or_wall(const struct opt_strings *words, u64 events, struct fields *ret,
			  bool *ret_wall, struct diag *d)
{
	bool wall = false;
	int r = read_fields(words, events, ret, &wall, d);

	if (r >= 0)
		*ret_wall = wall;
	return r;
}
