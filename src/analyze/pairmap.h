/* SPDX-License-Identifier: BSD-2-Clause */
/* A hash table from a pair of numbers to a small number: the index of what belongs to them. */
#ifndef SONDE_ANALYZE_PAIRMAP_H
#define SONDE_ANALYZE_PAIRMAP_H

#include "base/hash.h"
#include "base/macro.h"

#define PAIRMAP_NONE UINT32_MAX

struct pairmap_entry {
	u64 a, b;
	u32 value; /* PAIRMAP_NONE: the place is free */
	u32 pad;
};

struct pairmap {
	struct pairmap_entry *table;
	u32 size; /* a power of two, or 0 */
	u32 nr;
};

void pairmap_done(struct pairmap *m);
/*
 * The place of the pair's value, which is PAIRMAP_NONE if the pair is new; the
 * caller then has to store one. Lives until the next call. NULL when memory is short.
 */
u32 *pairmap_put(struct pairmap *m, u64 a, u64 b);

/*
 * The pair's item in an array of them that grows with the map, whose values are indices: zeros where the pair is new. items: the
 * address of the pointer to the first one. Lives until the next call. NULL when memory is short.
 */
void *pairmap_item(struct pairmap *m, u64 a, u64 b, void *items, size_t size, u32 *nr, u32 *cap);

static inline u32 pairmap_start(const struct pairmap *m, u64 a, u64 b)
{
	return (u32)hash_u64(hash_u64(a) + b) & (m->size - 1);
}

static inline u32 pairmap_get(const struct pairmap *m, u64 a, u64 b)
{
	u32 at;

	if (!m->nr)
		return PAIRMAP_NONE;
	for (at = pairmap_start(m, a, b); m->table[at].value != PAIRMAP_NONE;
	     at = (at + 1) & (m->size - 1))
		if (m->table[at].a == a && m->table[at].b == b)
			break;
	return m->table[at].value;
}

#endif
