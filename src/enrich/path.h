/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths of files, by device, inode number and generation. When its bytes run
 * out, the files that were not asked for lately are forgotten.
 */
#ifndef SONDE_ENRICH_PATH_H
#define SONDE_ENRICH_PATH_H

#include "base/hash.h"
#include "base/intern.h"

struct path_key {
	u64 ino;
	u32 dev; /* as the kernel has it: major << 20 | minor */
	u32 gen; /* 0 is also unknown */
};

struct path {
	struct path_key key;
	const struct istr *name; /* NULL: the file has no name that is known */
	u8 how;                  /* enum sn_known */
	bool truncated;
	bool used;  /* since the last look for something to drop */
	bool taken; /* false: this place of the table is free */
};

struct paths {
	struct intern *pool;
	struct path *table; /* open addressing, linear */
	u32 size;           /* a power of two */
	u32 nr;
	u32 hand; /* where the look for something to drop goes on */
	u64 max_table_bytes;
	u64 dropped;
	u32 nr_snapshot; /* entries that came from a look at open descriptors */
};

int path_init(struct paths *ps, struct intern *pool, u64 max_table_bytes);
void path_done(struct paths *ps);

static inline u32 path_place(const struct paths *ps, const struct path_key *key)
{
	return (u32)hash_u64(hash_u64((u64)key->dev << 32 | key->gen) ^ key->ino) & (ps->size - 1);
}

/* The entry, valid until another is added or dropped; or NULL. */
static inline struct path *path_find(const struct paths *ps, const struct path_key *key)
{
	struct path *p;

	for (u32 i = path_place(ps, key);; i = (i + 1) & (ps->size - 1)) {
		p = &ps->table[i];
		if (!p->taken)
			return NULL;
		if (p->key.ino == key->ino && p->key.dev == key->dev && p->key.gen == key->gen)
			return p;
	}
}

/*
 * From now on the file has this name, how known by how (enum sn_known). No name
 * (len 0) leaves the last one; unlinked then says that it is gone, unknown that it is
 * another one. -ENOMEM.
 */
int path_learn(struct paths *ps, const struct path_key *key, const char *name, size_t len, u8 how,
	       bool truncated);

/* Forgets one file; false if there is none. */
bool path_drop(struct paths *ps);

#endif
