// SPDX-License-Identifier: BSD-2-Clause
/*
 * Merging rings, on memory laid out as BPF ring buffers are: what the live tests
 * cannot provoke at will, as records that go over the end or come late.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include "kernel/cpus.h"
#include "kernel/ring.h"
#include "test.h"

#define RING_BYTES 4096u

/* A ring and the producer's side of it. */
struct fake {
	int fd;
	u8 *own;  /* the consumer's page */
	u8 *rest; /* the producer's page, then the data */
	size_t page;
};

static struct fake fake_new(void)
{
	struct fake f = { .fd = memfd_create("ring", MFD_CLOEXEC),
			  .page = (size_t)sysconf(_SC_PAGESIZE) };

	check(f.fd >= 0);
	check_eq(ftruncate(f.fd, (off_t)(2 * f.page + RING_BYTES)), 0);
	f.own = mmap(NULL, f.page, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd, 0);
	f.rest = mmap(NULL, f.page + RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd,
		      (off_t)f.page);
	check(f.own != MAP_FAILED && f.rest != MAP_FAILED);
	return f;
}

static u64 *producer(struct fake *f)
{
	return (u64 *)f->rest;
}

static u64 consumer(const struct fake *f)
{
	return *(const u64 *)f->own;
}

static void put_bytes(struct fake *f, u64 at, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		f->rest[f->page + ((at + i) & (RING_BYTES - 1))] = ((const u8 *)p)[i];
}

/* Appends a record of size bytes with this time; flags are the ring buffer's. */
static void put(struct fake *f, u64 ts, u32 size, u32 flags)
{
	struct sn_hdr hdr = { .ts = ts, .tid = size };
	u32 head[2] = { size | flags, 0 };
	u64 at = *producer(f);

	put_bytes(f, at, head, sizeof(head));
	if (size >= sizeof(hdr))
		put_bytes(f, at + sizeof(head), &hdr, sizeof(hdr));
	*producer(f) = at + ALIGN_UP(size + sizeof(head), 8);
}

struct seen {
	u64 ts[256];
	u32 nr;
	bool sizes_match;
};

static int see(void *ctx, const struct sn_hdr *rec, size_t size)
{
	struct seen *s = ctx;

	s->ts[s->nr++] = rec->ts;
	s->sizes_match &= rec->tid == size;
	return 0;
}

static s64 drain(struct rings *r, struct seen *s)
{
	return rings_drain(r, 0, &(struct ring_sink){ see, NULL, s });
}

static struct rings *rings_of(struct fake *f, u32 nr)
{
	struct rings *r;

	check_eq(rings_new(&r), 0);
	for (u32 i = 0; i < nr; i++)
		check_eq(rings_add(r, f[i].fd, RING_BYTES, NULL), 0);
	return r;
}

TEST(merges_by_time)
{
	struct fake f[2] = { fake_new(), fake_new() };
	struct seen s = { .sizes_match = true };
	struct rings *r = rings_of(f, 2);

	put(&f[0], 10, 48, 0);
	put(&f[0], 40, 64, 0);
	put(&f[1], 20, 48, 0);
	put(&f[1], 30, 48, 0);
	put(&f[1], 50, 48, 0);
	check_eq(drain(r, &s), 5);
	for (u32 i = 0; i < 5; i++)
		check_eq(s.ts[i], 10 * (i + 1));
	check(s.sizes_match);
	check_eq(rings_stats(r)->late, 0);
	check_eq(consumer(&f[0]), *producer(&f[0]));
	check_eq(consumer(&f[1]), *producer(&f[1]));
	rings_free(r);
}

/* A name has the time of the row it names, and must be there before it. */
TEST(of_equals_the_first_ring_is_first)
{
	struct fake f[2] = { fake_new(), fake_new() };
	struct seen s = { .sizes_match = true };
	struct rings *r = rings_of(f, 2);

	put(&f[1], 5, 48, 0);
	put(&f[1], 7, 48, 0); /* the row */
	put(&f[0], 7, 96, 0); /* its name */
	check_eq(drain(r, &s), 3);
	check_eq(s.ts[0], 5);
	check(s.sizes_match);
	rings_free(r);
}

TEST(passes_over_what_was_discarded)
{
	struct fake f[1] = { fake_new() };
	struct seen s = { .sizes_match = true };
	struct rings *r = rings_of(f, 1);

	put(&f[0], 1, 48, BPF_RINGBUF_DISCARD_BIT);
	put(&f[0], 2, 48, 0);
	put(&f[0], 3, 200, BPF_RINGBUF_DISCARD_BIT);
	check_eq(drain(r, &s), 1);
	check_eq(s.ts[0], 2);
	check_eq(consumer(&f[0]), *producer(&f[0]));
	rings_free(r);
}

/* A record that is being written ends the drain of its ring, not of the others. */
TEST(waits_for_what_is_being_written)
{
	struct fake f[2] = { fake_new(), fake_new() };
	struct seen s = { .sizes_match = true };
	struct rings *r = rings_of(f, 2);
	u32 done = 48;

	put(&f[0], 1, 48, BPF_RINGBUF_BUSY_BIT);
	put(&f[0], 2, 48, 0);
	put(&f[1], 3, 48, 0);
	check_eq(drain(r, &s), 1);
	check_eq(s.ts[0], 3);
	put_bytes(&f[0], 0, &done, sizeof(done));
	check_eq(drain(r, &s), 2);
	check_eq(rings_stats(r)->late, 2); /* handed out all the same, and counted */
	rings_free(r);
}

TEST(joins_records_that_go_over_the_end)
{
	struct fake f[1] = { fake_new() };
	struct seen s = { .sizes_match = true };
	struct rings *r = rings_of(f, 1);

	for (u64 i = 0; i < 100; i++) {
		put(&f[0], i + 1, 104, 0);
		check_eq(drain(r, &s), 1);
		check_eq(s.ts[i], i + 1);
	}
	check(s.sizes_match);
	rings_free(r);
}

TEST(counts_what_is_no_record)
{
	struct fake f[1] = { fake_new() };
	struct seen s = { .sizes_match = true };
	struct rings *r = rings_of(f, 1);

	put(&f[0], 1, 8, 0);
	put(&f[0], 2, 48, 0);
	check_eq(drain(r, &s), 1);
	check_eq(rings_stats(r)->malformed, 1);
	rings_free(r);
}

static int refuse(void *ctx, const struct sn_hdr *rec, size_t size)
{
	return -EPIPE;
}

TEST(stops_when_told_to)
{
	struct fake f[1] = { fake_new() };
	struct rings *r = rings_of(f, 1);

	put(&f[0], 1, 48, 0);
	put(&f[0], 2, 48, 0);
	check_eq(rings_drain(r, 0, &(struct ring_sink){ refuse }), -EPIPE);
	rings_free(r);
}

/* There is room for six records, once; fuller than that is crowded. */
static bool six_are_a_crowd(void *ctx)
{
	return ((const struct seen *)ctx)->nr >= 6;
}

/* Eight bytes before a record of 56: 64 records fill the ring, and eight are released at once. */
static void put_many(struct fake *f, u64 from, u64 to)
{
	for (u64 ts = from; ts <= to; ts++)
		put(f, ts, 56, 0);
}

TEST(leaves_records_in_the_ring_while_it_is_crowded)
{
	struct fake f[1] = { fake_new() };
	struct seen s = { .sizes_match = true };
	struct rings *r = rings_of(f, 1);
	const struct ring_sink to = { see, six_are_a_crowd, &s };

	put_many(&f[0], 1, 24);
	check_eq(rings_drain(r, 1, &to), 8);
	check(rings_wait(r));
	check_eq(consumer(&f[0]), 8 * 64);
	check_eq(rings_drain(r, 1, &to), 0);
	check(rings_wait(r));

	/* More than half: those that would be too many are handed out. */
	put_many(&f[0], 25, 64);
	check_eq(rings_drain(r, 1, &to), 32);
	check(rings_wait(r));

	/* At the end nothing comes any more: all wait, however many. */
	put_many(&f[0], 65, 84);
	check_eq(rings_drain(r, 0, &to), 0);
	check(rings_wait(r));
	s.nr = 0;
	check_eq(rings_drain(r, 0, &to), 8);
	check_eq(s.ts[0], 41);
	s.nr = 0;
	check_eq(drain(r, &s), 36);
	check(!rings_wait(r));
	check_eq(s.ts[35], 84);
	check_eq(rings_stats(r)->late, 0);
	rings_free(r);
}

/* However many rings they come from. */
TEST(asks_for_a_crowd_after_so_many_records_of_all)
{
	struct fake f[2] = { fake_new(), fake_new() };
	struct seen s = { .sizes_match = true };
	struct rings *r = rings_of(f, 2);

	for (u64 ts = 1; ts <= 20; ts++)
		put_many(&f[ts % 2], ts, ts);
	check_eq(rings_drain(r, 1, &(struct ring_sink){ see, six_are_a_crowd, &s }), 8);
	check(rings_wait(r));
	rings_free(r);
}

TEST(parses_cpu_lists_with_gaps)
{
	u32 *list;

	check_eq(cpus_parse("0-2,5,8-9\n", &list), 6);
	check_eq(list[2], 2);
	check_eq(list[3], 5);
	check_eq(list[5], 9);
	free(list);
	check_eq(cpus_parse("", &list), -EINVAL);
	check_eq(cpus_parse("3-1", &list), -EINVAL);
	check_eq(cpus_parse("1,x", &list), -EINVAL);
}

TESTS(merges_by_time, of_equals_the_first_ring_is_first, passes_over_what_was_discarded,
      waits_for_what_is_being_written, joins_records_that_go_over_the_end, counts_what_is_no_record,
      stops_when_told_to, leaves_records_in_the_ring_while_it_is_crowded,
      asks_for_a_crowd_after_so_many_records_of_all, parses_cpu_lists_with_gaps)
