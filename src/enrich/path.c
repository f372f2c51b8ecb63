// SPDX-License-Identifier: BSD-2-Clause
#include "enrich/path.h"

#include <errno.h>

#include "base/macro.h"
#include "schema/values.h"

#define FIRST_SIZE 1024u

int path_init(struct paths *ps, struct intern *pool, u64 max_table_bytes)
{
	*ps = (struct paths){
		.pool = pool,
		.size = FIRST_SIZE,
		.max_table_bytes = max_table_bytes,
		.table = calloc(FIRST_SIZE, sizeof(struct path)),
	};
	return ps->table ? 0 : -ENOMEM;
}

void path_done(struct paths *ps)
{
	for (u32 i = 0; ps->table && i < ps->size; i++)
		if (ps->table[i].taken)
			intern_put(ps->pool, ps->table[i].name);
	free(ps->table);
	*ps = (struct paths){};
}

static struct path *free_place(const struct paths *ps, const struct path_key *key)
{
	u32 i = path_place(ps, key);

	while (ps->table[i].taken)
		i = (i + 1) & (ps->size - 1);
	return &ps->table[i];
}

static bool grow(struct paths *ps)
{
	struct paths new = *ps;

	new.size = ps->size * 2;
	if (new.size * sizeof(*new.table) > ps->max_table_bytes)
		return false;
	new.table = calloc(new.size, sizeof(*new.table));
	if (!new.table)
		return false;
	for (u32 i = 0; i < ps->size; i++)
		if (ps->table[i].taken)
			*free_place(&new, &ps->table[i].key) = ps->table[i];
	new.hand = 0;
	free(ps->table);
	*ps = new;
	return true;
}

/* Moves up what had to step aside for the removed one, so that no search ends too early. */
static void remove_at(struct paths *ps, u32 hole)
{
	u32 mask = ps->size - 1, home;

	ps->nr_snapshot -= ps->table[hole].how == SN_KNOWN_snapshot;
	intern_put(ps->pool, ps->table[hole].name);
	for (u32 i = (hole + 1) & mask; ps->table[i].taken; i = (i + 1) & mask) {
		home = path_place(ps, &ps->table[i].key);
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			ps->table[hole] = ps->table[i];
			hole = i;
		}
	}
	ps->table[hole] = (struct path){};
	ps->nr--;
}

bool path_drop(struct paths *ps)
{
	struct path *p;

	if (!ps->nr)
		return false;
	for (;; ps->hand = (ps->hand + 1) & (ps->size - 1)) {
		p = &ps->table[ps->hand];
		if (p->taken && !p->used)
			break;
		p->used = false;
	}
	remove_at(ps, ps->hand);
	ps->dropped++;
	return true;
}

int path_learn(struct paths *ps, const struct path_key *key, const char *name, size_t len, u8 how,
	       bool truncated)
{
	const struct istr *s = len ? intern(ps->pool, name, len) : NULL;
	struct path *p = path_find(ps, key);

	if (len && !s)
		return -ENOMEM;
	if (!p) {
		/* Three quarters full is where searches begin to grow long. */
		if (ps->nr >= ps->size / 4 * 3 && !grow(ps))
			(void)path_drop(ps);
		p = free_place(ps, key);
		*p = (struct path){ .key = *key, .used = true, .taken = true };
		ps->nr++;
	}
	if (!s && how != SN_KNOWN_unlinked && how != SN_KNOWN_unknown)
		return 0;
	ps->nr_snapshot += (how == SN_KNOWN_snapshot) - (p->how == SN_KNOWN_snapshot);
	p->how = how;
	if (s || how == SN_KNOWN_unknown) {
		intern_put(ps->pool, p->name);
		p->name = s;
		p->truncated = truncated;
	}
	return 0;
}
