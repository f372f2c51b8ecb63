// SPDX-License-Identifier: BSD-2-Clause
#include "base/intern.h"

#include <string.h>

#include "base/hash.h"

void intern_done(struct intern *pool)
{
	struct istr *s, *next;

	for (u32 i = 0; i < pool->nr_buckets; i++) {
		for (s = pool->buckets[i]; s; s = next) {
			next = s->next;
			free(s);
		}
	}
	free(pool->buckets);
	*pool = (struct intern){};
}

static bool grow(struct intern *pool)
{
	u32 nr_buckets = pool->nr_buckets ? pool->nr_buckets * 2 : 256;
	struct istr **buckets = calloc(nr_buckets, sizeof(struct istr *));
	struct istr *s, *next;

	if (!buckets)
		return false;
	for (u32 i = 0; i < pool->nr_buckets; i++) {
		for (s = pool->buckets[i]; s; s = next) {
			next = s->next;
			s->next = buckets[s->hash & (nr_buckets - 1)];
			buckets[s->hash & (nr_buckets - 1)] = s;
		}
	}
	free(pool->buckets);
	pool->buckets = buckets;
	pool->nr_buckets = nr_buckets;
	return true;
}

const struct istr *intern(struct intern *pool, const char *s, size_t len)
{
	u32 hash = (u32)hash_bytes(s, len);
	struct istr *found, **bucket;

	if (len > UINT32_MAX)
		return NULL;
	if (pool->nr >= pool->nr_buckets && !grow(pool) && !pool->nr_buckets)
		return NULL;
	bucket = &pool->buckets[hash & (pool->nr_buckets - 1)];
	for (found = *bucket; found; found = found->next)
		if (found->hash == hash && found->len == len && !memcmp(found->s, s, len))
			return intern_ref(found);

	found = malloc(sizeof(*found) + len + 1);
	if (!found)
		return NULL;
	*found = (struct istr){
		.next = *bucket,
		.hash = hash,
		.len = (u32)len,
		.refs = 1,
		.serial = ++pool->last_serial,
	};
	memcpy(found->s, s, len);
	found->s[len] = '\0';
	*bucket = found;
	pool->nr++;
	pool->bytes += sizeof(*found) + len + 1;
	return found;
}

const struct istr *intern_ref(const struct istr *s)
{
	/* A count that is full stays full: the object then lives as long as its pool. */
	if (s && s->refs < UINT32_MAX)
		((struct istr *)s)->refs++;
	return s;
}

void intern_put(struct intern *pool, const struct istr *s)
{
	struct istr **at;

	if (!s || s->refs == UINT32_MAX || --((struct istr *)s)->refs)
		return;
	for (at = &pool->buckets[s->hash & (pool->nr_buckets - 1)]; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	pool->nr--;
	pool->bytes -= sizeof(*s) + s->len + 1;
	free((struct istr *)s);
}
