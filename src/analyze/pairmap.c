// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/pairmap.h"

#include <stdlib.h>
#include <string.h>

void pairmap_done(struct pairmap *m)
{
	free(m->table);
	*m = (struct pairmap){};
}

static struct pairmap_entry *place(const struct pairmap *m, u64 a, u64 b)
{
	u32 at = pairmap_start(m, a, b);

	while (m->table[at].value != PAIRMAP_NONE && (m->table[at].a != a || m->table[at].b != b))
		at = (at + 1) & (m->size - 1);
	return &m->table[at];
}

static bool grow(struct pairmap *m)
{
	struct pairmap bigger = { .size = m->size ? m->size * 2 : 64, .nr = m->nr };

	if (!bigger.size)
		return false;
	bigger.table = malloc(bigger.size * sizeof(*bigger.table));
	if (!bigger.table)
		return false;
	for (u32 i = 0; i < bigger.size; i++)
		bigger.table[i] = (struct pairmap_entry){ .value = PAIRMAP_NONE };
	for (u32 i = 0; i < m->size; i++)
		if (m->table[i].value != PAIRMAP_NONE)
			*place(&bigger, m->table[i].a, m->table[i].b) = m->table[i];
	free(m->table);
	*m = bigger;
	return true;
}

u32 *pairmap_put(struct pairmap *m, u64 a, u64 b)
{
	struct pairmap_entry *e;

	if (m->nr >= m->size / 2 && !grow(m))
		return NULL;
	e = place(m, a, b);
	if (e->value == PAIRMAP_NONE) {
		e->a = a;
		e->b = b;
		m->nr++;
	}
	return &e->value;
}

void *pairmap_item(struct pairmap *m, u64 a, u64 b, void *items, size_t size, u32 *nr, u32 *cap)
{
	u32 *value = pairmap_put(m, a, b), more = *cap ? *cap * 2 : 64;
	char *first;

	if (!value)
		return NULL;
	memcpy(&first, items, sizeof(first));
	if (*value != PAIRMAP_NONE)
		return first + *value * size;
	if (*nr == *cap) {
		first = reallocarray(first, more, size);
		if (!first)
			return NULL;
		memcpy(items, &first, sizeof(first));
		*cap = more;
	}
	*value = (*nr)++;
	return memset(first + *value * size, 0, size);
}
