// SPDX-License-Identifier: BSD-2-Clause
#include "trace/pool.h"

static u32 row_bytes(const struct sn_event *ev)
{
	u32 n = 0;

	for (u32 i = 0; i < ev->nr_columns; i++)
		n += ev->columns[i].width + (ev->columns[i].nullable ? 1u : 0u);
	return n;
}

static size_t string_bytes(const struct batch *b)
{
	const struct strings *dict;
	size_t n = 0;

	for (u32 i = 0; i < b->ev->nr_columns; i++) {
		dict = &b->columns[i].dict;
		n += dict->bytes.cap + dict->cap * sizeof(*dict->ends) +
		     dict->table_size * sizeof(*dict->table);
	}
	return n;
}

void pool_init(struct pool *p, u64 max_bytes, u32 max_rows)
{
	*p = (struct pool){ .max_rows = max_rows, .max_bytes = max_bytes };
	(void)pthread_mutex_init(&p->lock, NULL);
	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		p->events[i].has_priority = schema_has_priority(schema_event(i));
		p->events[i].row_bytes = row_bytes(schema_event(i));
		p->events[i].next_rows = POOL_FIRST_ROWS;
	}
}

static struct batch *take_spare(struct pool *p, struct pool_event *e)
{
	struct batch *b;

	(void)pthread_mutex_lock(&p->lock);
	b = e->spares;
	if (b) {
		e->spares = b->next;
		e->nr_spares--;
		e->min_spares = MIN(e->min_spares, e->nr_spares);
		p->spare_bytes -= b->counted;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return b;
}

static void free_batch(struct pool *p, struct batch *b)
{
	atomic_fetch_sub(&p->events[b->ev->slot].nr, 1);
	atomic_fetch_sub(&p->bytes, b->counted);
	batch_free(b);
}

void pool_done(struct pool *p)
{
	struct batch *b;

	for (u32 i = 0; i < SN_NR_EVENTS; i++)
		while ((b = take_spare(p, &p->events[i])))
			free_batch(p, b);
	(void)pthread_mutex_destroy(&p->lock);
}

static bool fits(const struct pool *p, const struct pool_event *e, u64 bytes)
{
	return p->bytes + bytes <= p->max_bytes + (e->has_priority ? p->max_bytes / 4 : 0);
}

/* How many rows a new batch may have: fewer than the last one where memory is short. 0: none. */
static u32 rows_to_take(struct pool *p, struct pool_event *e)
{
	u32 rows = MIN(e->next_rows, p->max_rows);
	struct batch *b;

	for (u32 i = 0; i < SN_NR_EVENTS; i++)
		while (!fits(p, e, (u64)rows * e->row_bytes) && (b = take_spare(p, &p->events[i])))
			free_batch(p, b);
	while (!fits(p, e, (u64)rows * e->row_bytes) && rows > POOL_FIRST_ROWS)
		rows = MAX(rows / 2, POOL_FIRST_ROWS);
	return fits(p, e, (u64)rows * e->row_bytes) || !e->nr ? rows : 0;
}

struct batch *pool_take(struct pool *p, const struct sn_event *ev)
{
	struct pool_event *e = &p->events[ev->slot];
	struct batch *b = take_spare(p, e);
	u32 rows;

	if (b)
		return b;
	rows = rows_to_take(p, e);
	b = rows ? batch_new(ev, rows) : NULL;
	if (!b)
		return NULL;
	b->counted = (u64)rows * e->row_bytes;
	atomic_fetch_add(&p->bytes, b->counted);
	atomic_fetch_add(&e->nr, 1);
	return b;
}

bool pool_grow(struct pool *p, struct batch *b)
{
	struct pool_event *e = &p->events[b->ev->slot];
	u32 rows = MIN(b->cap * 2, p->max_rows);
	u64 more = (u64)(rows - b->cap) * e->row_bytes;

	if (rows == b->cap || !fits(p, e, more) || batch_grow(b, rows) < 0)
		return false;
	b->counted += more;
	atomic_fetch_add(&p->bytes, more);
	return true;
}

size_t pool_count_strings(struct pool *p, struct batch *b)
{
	size_t strings = string_bytes(b);
	u64 now = (u64)b->cap * p->events[b->ev->slot].row_bytes + strings;

	/* They never take less. */
	atomic_fetch_add(&p->bytes, now - b->counted);
	b->counted = now;
	return strings;
}

static bool is_nearly_empty(const struct batch *b)
{
	return b->nr < b->cap / 4;
}

void pool_close(struct pool *p, struct batch *b)
{
	u32 rows = is_nearly_empty(b) ? b->cap / 4 : b->cap;

	(void)pool_count_strings(p, b);
	p->events[b->ev->slot].next_rows = MAX(rows, POOL_FIRST_ROWS);
}

void pool_give(struct pool *p, struct batch *b)
{
	struct pool_event *e;

	if (!b)
		return;
	e = &p->events[b->ev->slot];
	if (is_nearly_empty(b)) {
		free_batch(p, b);
		return;
	}
	batch_clear(b);
	(void)pthread_mutex_lock(&p->lock);
	b->next = e->spares;
	e->spares = b;
	e->nr_spares++;
	p->spare_bytes += b->counted;
	(void)pthread_mutex_unlock(&p->lock);
}

bool pool_is_crowded(const struct pool *p)
{
	return p->bytes - p->spare_bytes > p->max_bytes / 4 * 3;
}

void pool_sweep(struct pool *p)
{
	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		struct pool_event *e = &p->events[i];
		u32 nr;

		(void)pthread_mutex_lock(&p->lock);
		nr = e->min_spares;
		e->min_spares = e->nr_spares - nr;
		(void)pthread_mutex_unlock(&p->lock);
		if (nr && !e->min_spares)
			e->next_rows = POOL_FIRST_ROWS;
		while (nr--)
			free_batch(p, take_spare(p, e));
	}
}
