/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interned strings: equal strings are one object, so they compare by pointer.
 * An object lives until each reference to it was put back, or as long as its
 * pool: who never puts back need not count. Not thread safe.
 */
#ifndef SONDE_BASE_INTERN_H
#define SONDE_BASE_INTERN_H

#include "base/macro.h"

struct istr {
	struct istr *next;
	u32 hash;
	u32 len;
	u32 refs;
	u32 serial; /* tells it from another string that later lies at its address */
	char s[];   /* len bytes and a NUL; may hold NULs of its own */
};

struct intern {
	struct istr **buckets;
	u32 nr_buckets; /* a power of two, or 0 */
	u32 nr;
	u32 last_serial;
	size_t bytes; /* what all objects take together */
};

void intern_done(struct intern *pool);

/* A reference to the pool's object for these bytes, or NULL when memory is short. */
const struct istr *intern(struct intern *pool, const char *s, size_t len);
/* Another reference to s, which may be NULL. */
const struct istr *intern_ref(const struct istr *s);
/* Gives a reference back; the last one frees s, which may be NULL. */
void intern_put(struct intern *pool, const struct istr *s);

#endif
