// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* Read positions go back to the kernel at least this often, in bytes; of a small ring each eighth. */
#define RELEASE_BYTES (64 << 10)
/* In parts of a thousand. Of the ring of names the last quarter is not for these. */
#define NEARLY_FULL 500

struct ring {
	u64 *consumer_pos; /* ours, read by the kernel */
	const u64 *producer_pos;
	const u8 *data;
	u64 size; /* power of two */
	u64 pos;  /* read up to here */
	u64 released;
	u64 end;                   /* where the producer stood when the drain began */
	const struct sn_hdr *head; /* next record, or NULL */
	u32 head_size;
	u8 *joined; /* a record that goes over the end is put together here */
	size_t joined_size;
};

struct rings {
	struct ring *rings;
	u32 nr;
	u64 last_ts;
	u32 fill;
	bool waits;
	u64 unasked; /* bytes that were handed out since it was asked for a crowd */
	size_t page;
	struct rings_stats stats;
};

int rings_new(struct rings **ret)
{
	struct rings *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->page = (size_t)sysconf(_SC_PAGESIZE);
	*ret = r;
	return 0;
}

/* The data is mapped once, not twice as the kernel offers: it counts as resident memory. */
int rings_add(struct rings *r, int fd, u32 bytes, struct diag *d)
{
	struct ring *more = realloc(r->rings, (r->nr + 1) * sizeof(*more)), *ring;
	void *own, *data;

	if (!more)
		return -ENOMEM;
	r->rings = more;
	own = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (own == MAP_FAILED)
		return diag_errno(d, -errno, "cannot map a ring");
	data = mmap(NULL, r->page + bytes, PROT_READ, MAP_SHARED, fd, (off_t)r->page);
	if (data == MAP_FAILED) {
		int err = -errno;

		(void)munmap(own, r->page);
		return diag_errno(d, err, "cannot map a ring of %u KiB", bytes / 1024);
	}
	ring = &r->rings[r->nr++];
	*ring = (struct ring){
		.consumer_pos = own,
		.producer_pos = data,
		.data = (const u8 *)data + r->page,
		.size = bytes,
	};
	return 0;
}

void rings_free(struct rings *r)
{
	if (!r)
		return;
	for (u32 i = 0; i < r->nr; i++) {
		(void)munmap(r->rings[i].consumer_pos, r->page);
		(void)munmap((void *)r->rings[i].producer_pos, r->page + r->rings[i].size);
		free(r->rings[i].joined);
	}
	free(r->rings);
	free(r);
}

static const void *join(struct ring *ring, u64 at, u32 size)
{
	u64 off = at & (ring->size - 1), first = ring->size - off;

	if (size <= first)
		return ring->data + off;
	if (ring->joined_size < size) {
		u8 *more = realloc(ring->joined, size);

		if (!more)
			return NULL;
		ring->joined = more;
		ring->joined_size = size;
	}
	memcpy(ring->joined, ring->data + off, first);
	memcpy(ring->joined + first, ring->data, size - first);
	return ring->joined;
}

static void release(struct ring *ring)
{
	__atomic_store_n(ring->consumer_pos, ring->pos, __ATOMIC_RELEASE);
	ring->released = ring->pos;
}

/* Finds the next finished record, if there is one before the end of this drain. */
static void look(struct rings *r, struct ring *ring)
{
	const u32 *at;
	u32 len;

	ring->head = NULL;
	while (ring->pos < ring->end) {
		/* a record's header is aligned to 8 bytes and never goes over the end */
		at = (const u32 *)(ring->data + (ring->pos & (ring->size - 1)));
		len = __atomic_load_n(at, __ATOMIC_ACQUIRE);
		if (len & BPF_RINGBUF_BUSY_BIT)
			return;
		ring->head_size = len & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		if (!(len & BPF_RINGBUF_DISCARD_BIT)) {
			ring->head = join(ring, ring->pos + BPF_RINGBUF_HDR_SZ, ring->head_size);
			if (ring->head && ring->head_size >= sizeof(struct sn_hdr))
				return;
			ring->head = NULL;
			r->stats.malformed++;
		}
		ring->pos += ALIGN_UP(ring->head_size + BPF_RINGBUF_HDR_SZ, 8);
	}
}

static u64 step_of(const struct ring *ring)
{
	return MIN(RELEASE_BYTES, ring->size / 8);
}

static void advance(struct rings *r, struct ring *ring)
{
	u32 size = ALIGN_UP(ring->head_size + BPF_RINGBUF_HDR_SZ, 8);

	ring->pos += size;
	r->unasked += size;
	if (ring->pos - ring->released >= step_of(ring))
		release(ring);
	look(r, ring);
}

/* The ring with the oldest record, and the age of the next oldest. */
static struct ring *oldest(struct rings *r, u64 *ret_next_ts)
{
	struct ring *best = NULL;

	*ret_next_ts = UINT64_MAX;
	for (u32 i = 0; i < r->nr; i++) {
		struct ring *ring = &r->rings[i];

		if (!ring->head)
			continue;
		if (!best || ring->head->ts < best->head->ts) {
			if (best)
				*ret_next_ts = best->head->ts;
			best = ring;
		} else if (ring->head->ts < *ret_next_ts) {
			*ret_next_ts = ring->head->ts;
		}
	}
	return best;
}

static u64 now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

/* How full the fullest is. */
static void measure(struct rings *r)
{
	const struct ring *ring;
	u64 fill;

	r->fill = 0;
	for (u32 i = 0; i < r->nr; i++) {
		ring = &r->rings[i];
		fill = __atomic_load_n(ring->producer_pos, __ATOMIC_ACQUIRE) - ring->released;
		r->stats.max_fill_bytes = MAX(r->stats.max_fill_bytes, fill);
		r->fill = MAX(r->fill, (u32)(fill * 1000 / ring->size));
	}
}

static bool must_wait(struct rings *r, u64 window_ns, const struct ring_sink *to)
{
	r->unasked = 0;
	if (!to->is_crowded || !to->is_crowded(to->ctx))
		return false;
	measure(r);
	return !window_ns || r->fill < NEARLY_FULL;
}

s64 rings_drain(struct rings *r, u64 window_ns, const struct ring_sink *to)
{
	u64 until = window_ns ? now_ns() - window_ns : UINT64_MAX, next_ts;
	struct ring *ring;
	s64 nr = 0;
	int err = 0;

	for (u32 i = 0; i < r->nr; i++) {
		ring = &r->rings[i];
		ring->end = __atomic_load_n(ring->producer_pos, __ATOMIC_ACQUIRE);
		look(r, ring);
	}
	measure(r);
	r->waits = must_wait(r, window_ns, to);

	while (!err && !r->waits && (ring = oldest(r, &next_ts)) && ring->head->ts <= until) {
		/* stay with this ring as long as it is the oldest; of equals the first added is */
		do {
			if (ring->head->ts < r->last_ts)
				r->stats.late++;
			else
				r->last_ts = ring->head->ts;
			err = to->fn(to->ctx, ring->head, ring->head_size);
			nr++;
			advance(r, ring);
			if (r->unasked >= step_of(ring))
				r->waits = must_wait(r, window_ns, to);
		} while (!err && !r->waits && ring->head && ring->head->ts < next_ts &&
			 ring->head->ts <= until);
	}
	for (u32 i = 0; i < r->nr; i++)
		if (r->rings[i].pos != r->rings[i].released)
			release(&r->rings[i]);
	r->stats.records += (u64)nr;
	return err < 0 ? err : nr;
}

bool rings_wait(const struct rings *r)
{
	return r->waits;
}

u32 rings_fill(const struct rings *r)
{
	return r->fill;
}

const struct rings_stats *rings_stats(const struct rings *r)
{
	return &r->stats;
}
