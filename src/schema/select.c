// SPDX-License-Identifier: BSD-2-Clause
#include "schema/select.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "schema/schema.h"

static bool is_name(const char *name, size_t name_len, const char *word, size_t len)
{
	return name_len == len && !memcmp(name, word, len);
}

/* The events of one word; 0 if there are none. */
static u64 match(const char *word, size_t len, enum select_core core)
{
	const struct sn_event *ev;
	const char *domain;
	u64 events = 0;
	size_t n;

	for (unsigned int slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		if (schema_is_core(ev) && core != SELECT_CORE)
			continue;
		domain = schema_domain(ev, &n);
		if (is_name(domain, n, word, len) || str_glob(word, len, ev->name))
			events |= 1ull << slot;
	}
	return events;
}

struct nearest {
	const char *name;
	size_t len;
	u32 distance; /* less than this is nearer */
};

/* Is the word nearer to key than to what was found before? Then name is what was meant. */
static void try_name(struct nearest *best, const char *word, size_t len, const char *key,
		     size_t key_len, const char *name, size_t name_len)
{
	u32 n;

	n = str_distance(word, len, key, key_len);
	if (n < best->distance)
		*best = (struct nearest){ name, name_len, n };
}

/* The name that was meant, by a third of the word's letters; or none. */
static struct nearest find_nearest(const char *word, size_t len, enum select_core core)
{
	struct nearest best = { .distance = (u32)len / 3 + 1 };
	const struct sn_event *ev;
	const char *domain;
	size_t n, domain_len;

	for (unsigned int slot = 0; slot < SN_NR_EVENTS; slot++) {
		ev = schema_event(slot);
		if (schema_is_core(ev) && core != SELECT_CORE)
			continue;
		domain = schema_domain(ev, &domain_len);
		n = strlen(ev->name);
		try_name(&best, word, len, domain, domain_len, domain, domain_len);
		try_name(&best, word, len, ev->name, n, ev->name, n);
		if (domain == ev->name) /* "open" for vfs_open */
			try_name(&best, word, len, ev->name + domain_len + 1, n - domain_len - 1,
				 ev->name, n);
	}
	return best;
}

static int unknown(const char *word, size_t len, enum select_core core, struct diag *d)
{
	struct nearest best = find_nearest(word, len, core);

	if (core != SELECT_CORE && match(word, len, SELECT_CORE))
		return diag_err(d, -EINVAL, "\"%.*s\" is a part of every trace, no stream",
				(int)len, word);
	diag_hint(d, -EINVAL, "'sonde list' shows the streams");
	for (size_t i = 0; i < len; i++)
		if (strchr("*?[", word[i]))
			return diag_err(d, -EINVAL, "no stream matches \"%.*s\"", (int)len, word);
	if (!best.name)
		return diag_err(d, -EINVAL, "unknown stream \"%.*s\"", (int)len, word);
	return diag_err(d, -EINVAL, "unknown stream \"%.*s\": did you mean \"%.*s\"?", (int)len,
			word, (int)best.len, best.name);
}

int select_events(const char *list, enum select_core core, u64 *ret_events, struct diag *d)
{
	const char *rest = list, *word;
	u64 events = 0, more;
	size_t len;

	if (!*list)
		return diag_err(d, -EINVAL, "the list of streams is empty");
	while (str_next_item(&rest, &word, &len)) {
		if (!len)
			return diag_err(d, -EINVAL,
					"a stream is missing at character %zu of \"%s\"",
					(size_t)(word - list) + 1, list);
		more = match(word, len, core);
		if (!more)
			return unknown(word, len, core, d);
		events |= more;
	}
	*ret_events = events;
	return 0;
}

int select_sample(const char *text, u32 nr[SN_NR_EVENTS], struct diag *d)
{
	const char *equals = strrchr(text, '=');
	u64 events, n;
	size_t len;

	if (!equals || equals == text)
		return diag_err(d, -EINVAL, "\"%s\" is not STREAM=N", text);
	len = (size_t)(equals - text);
	events = match(text, len, SELECT_NO_CORE);
	if (!events)
		return unknown(text, len, SELECT_NO_CORE, d);
	if (str_to_u64(equals + 1, strlen(equals + 1), &n) < 0 || !n || n > UINT32_MAX)
		return diag_err(d, -EINVAL, "the N of \"%s\" is no number from 1 to %u", text,
				UINT32_MAX);
	for (unsigned int slot = 0; slot < SN_NR_EVENTS; slot++)
		if (events >> slot & 1)
			nr[slot] = (u32)n;
	return 0;
}
