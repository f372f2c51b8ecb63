// SPDX-License-Identifier: BSD-2-Clause
#include "trace/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/log.h"
#include "base/thread.h"
#include "trace/part.h"
#include "trace/pool.h"
#include "trace/trace_dir.h"

/* A batch is flushed early when its strings take this much. */
#define MAX_STRING_BYTES (4u << 20)
/* How often batches that were not needed are freed. */
#define SWEEP_NS 5000000000ull
/*
 * A write that fails is tried again after 50, 100 and 200 ms. If that does not
 * help its rows are lost, and later batches of the event try once each, at
 * distances that grow from 0.1 to 10 s.
 */
#define NR_RETRIES 3u
#define FIRST_RETRY_NS 50000000ull
#define FIRST_PAUSE_NS 100000000ull
#define MAX_PAUSE_NS 10000000000ull
/* An event that could try so long ago has no rows to try with: it is not known to fail still. */
#define MAX_FAILING_NS 5000000000ull

/* Rows that are lost by one cause and not yet written down in lost/. */
struct hole {
	u64 nr, first_ns, last_ns;
};

struct stream {
	const struct sn_event *ev;
	/* Of the putting thread: */
	struct batch *current;
	u64 first_tick_ns; /* when the oldest row of current was first seen waiting; 0 is not yet */
	struct hole holes[SN_NR_CAUSES];
	bool has_holes;
	/* Of the writing thread: */
	struct part part;
	unsigned int nr_failures; /* in a row; 0: it does not fail */
	u64 pause_until_ns;
	struct hole failed[SN_NR_CAUSES]; /* rows that could not be written; under the lock */
	/* Of both: */
	_Atomic u64 put, written, lost;
	_Atomic u64 untold; /* rows of lost/ that could not be written, and will be put again */
};

struct trace_writer {
	struct trace_dir dir;
	struct trace_writer_opts opts;
	struct stream streams[SN_NR_EVENTS];
	struct part_dir part_dir; /* of the writing thread */
	struct pool pool;
	pthread_t thread;
	bool has_thread;
	u64 next_sweep_ns;

	pthread_mutex_t lock;
	pthread_cond_t wake;         /* a batch, or the end */
	pthread_cond_t done;         /* a batch is done */
	struct batch *first, **last; /* those that wait */
	_Atomic u32 nr_waiting;      /* and the one that is being written */
	bool is_finishing, is_stopping;
	int error;
	struct diag diag;    /* of the first error */
	struct diag failure; /* of the last */
	_Atomic u64 bytes;
	_Atomic bool has_failed; /* some stream has .failed */
	_Atomic u32 nr_failing;  /* streams */
	_Atomic u32 fail_cause;  /* enum sn_cause, of the last failure; 0 if nothing fails */
	_Atomic u64 lost[SN_NR_CAUSES];
};

static u64 clock_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

static void hole_add(struct hole *h, u64 nr, u64 first_ns, u64 last_ns)
{
	h->first_ns = h->nr ? MIN(h->first_ns, first_ns) : first_ns;
	h->last_ns = h->nr ? MAX(h->last_ns, last_ns) : last_ns;
	h->nr += nr;
}

static void count_lost(struct trace_writer *w, struct stream *s, u32 cause, u64 nr)
{
	atomic_fetch_add(&s->lost, nr);
	atomic_fetch_add(&w->lost[cause], nr);
}

/* The writing thread's side. */

static u32 cause_of(int err)
{
	switch (err) {
	case -ENOSPC:
	case -EDQUOT:
		return SN_CAUSE_disk_full;
	case -EROFS:
		return SN_CAUSE_read_only;
	default:
		return SN_CAUSE_write_error;
	}
}

static bool is_cause_of_writer(u64 cause)
{
	return cause == SN_CAUSE_writer || cause == SN_CAUSE_disk_full ||
	       cause == SN_CAUSE_read_only || cause == SN_CAUSE_write_error;
}

static u64 value(const struct batch *b, const char *column, u32 row)
{
	return column_num(&b->columns[schema_column(b->ev, column)], row);
}

/* A row of lost/ that could not be written: what it says of this writer is to be said again. */
static bool reopen_hole(struct trace_writer *w, const struct batch *b, u32 row)
{
	const struct sn_event *of = schema_by_id((u16)value(b, "of", row));
	u64 cause = value(b, "cause", row);

	if (!of || !is_cause_of_writer(cause))
		return false;
	hole_add(&w->streams[of->slot].failed[cause], value(b, "nr", row),
		 value(b, "first_ns", row), value(b, "last_ns", row));
	return true;
}

/* The rows of a batch that could not be written become a hole. */
static void lose_batch(struct trace_writer *w, struct stream *s, const struct batch *b, u32 cause)
{
	u64 ts, nr_untold = 0;

	(void)pthread_mutex_lock(&w->lock);
	for (u32 i = 0; i < b->nr; i++) {
		if (b->ev->id == SN_EV_lost && reopen_hole(w, b, i)) {
			nr_untold++;
			continue;
		}
		ts = column_num(&b->columns[0], i);
		hole_add(&s->failed[cause], 1, ts, ts);
	}
	(void)pthread_mutex_unlock(&w->lock);
	atomic_fetch_add(&s->untold, nr_untold);
	count_lost(w, s, cause, b->nr - nr_untold);
	atomic_store(&w->has_failed, true);
}

/* Waits between two tries; false if there is no time for that any more. */
static bool wait_for_retry(struct trace_writer *w, u64 ns)
{
	u64 until = clock_now() + ns;
	struct timespec t = { (time_t)(until / 1000000000), (long)(until % 1000000000) };
	int r = 0;

	(void)pthread_mutex_lock(&w->lock);
	while (!w->is_finishing && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&w->wake, &w->lock, &t);
	(void)pthread_mutex_unlock(&w->lock);
	return r == ETIMEDOUT;
}

/* Whether to try at all, after failures. */
static bool may_write(struct trace_writer *w, const struct stream *s, u64 now_ns)
{
	bool is_finishing;

	if (!s->nr_failures || now_ns >= s->pause_until_ns)
		return true;
	(void)pthread_mutex_lock(&w->lock);
	is_finishing = w->is_finishing;
	(void)pthread_mutex_unlock(&w->lock);
	return is_finishing;
}

static void note_error(struct trace_writer *w, int err, const struct diag *d)
{
	atomic_store(&w->fail_cause, cause_of(err));
	(void)pthread_mutex_lock(&w->lock);
	if (!w->error) {
		w->error = err;
		w->diag = *d;
	}
	w->failure = *d;
	(void)pthread_mutex_unlock(&w->lock);
}

static void note_failure(struct trace_writer *w, struct stream *s)
{
	u64 pause_ns = FIRST_PAUSE_NS << MIN(s->nr_failures, 10u);

	s->pause_until_ns = clock_now() + MIN(pause_ns, MAX_PAUSE_NS);
	if (!s->nr_failures++)
		atomic_fetch_add(&w->nr_failing, 1);
}

/* Of this event, and of those that have nothing to try with. */
static void note_success(struct trace_writer *w, const struct stream *s)
{
	u64 now = w->nr_failing ? clock_now() : 0;

	for (u32 i = 0; w->nr_failing && i < SN_NR_EVENTS; i++) {
		struct stream *f = &w->streams[i];

		if (!f->nr_failures || (f != s && now < f->pause_until_ns + MAX_FAILING_NS))
			continue;
		f->nr_failures = 0;
		atomic_fetch_sub(&w->nr_failing, 1);
	}
	if (!w->nr_failing)
		atomic_store(&w->fail_cause, 0);
}

static int write_batch(struct trace_writer *w, struct stream *s, const struct batch *b)
{
	unsigned int nr_retries = s->nr_failures ? 0 : NR_RETRIES;
	u64 begun_ns = clock_now();
	struct diag d;
	int r;

	for (unsigned int i = 0;; i++) {
		d = (struct diag){};
		r = part_write(&w->part_dir, &s->part, b, clock_now(), &d);
		if (r == 0)
			break;
		note_error(w, r, &d);
		log_debug(trace, "%s", d.text);
		if (i == nr_retries || !wait_for_retry(w, FIRST_RETRY_NS << i)) {
			note_failure(w, s);
			return r;
		}
	}
	note_success(w, s);
	atomic_fetch_add(&s->written, b->nr);
	atomic_store(&w->bytes, w->part_dir.bytes);
	log_debug(trace, "%s: %u rows written in %llu us; %llu bytes in all", b->ev->name, b->nr,
		  (unsigned long long)(clock_now() - begun_ns) / 1000,
		  (unsigned long long)w->part_dir.bytes);
	return 0;
}

static void do_batch(struct trace_writer *w, struct batch *b)
{
	struct stream *s = &w->streams[b->ev->slot];

	if (!may_write(w, s, clock_now()) || write_batch(w, s, b) < 0)
		lose_batch(w, s, b, w->fail_cause);
	pool_give(&w->pool, b);
}

static void *run(void *arg)
{
	struct trace_writer *w = arg;
	struct batch *b;

	(void)pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->first && !w->is_stopping)
			(void)pthread_cond_wait(&w->wake, &w->lock);
		b = w->first;
		if (!b)
			break;
		w->first = b->next;
		if (!w->first)
			w->last = &w->first;
		(void)pthread_mutex_unlock(&w->lock);
		do_batch(w, b);
		(void)pthread_mutex_lock(&w->lock);
		w->nr_waiting--;
		(void)pthread_cond_broadcast(&w->done);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* The putting thread's side. */

/* Hands the current batch to the writing thread. */
static void submit(struct trace_writer *w, struct stream *s)
{
	struct batch *b = TAKE_PTR(s->current);

	pool_close(&w->pool, b);
	b->next = NULL;
	s->first_tick_ns = 0;
	(void)pthread_mutex_lock(&w->lock);
	*w->last = b;
	w->last = &b->next;
	w->nr_waiting++;
	(void)pthread_cond_broadcast(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
}

/* A batch with room for a row, or NULL: then the row is lost. */
static struct batch *room(struct trace_writer *w, struct stream *s)
{
	if (s->current && s->current->nr == s->current->cap && !pool_grow(&w->pool, s->current))
		submit(w, s);
	if (!s->current)
		s->current = pool_take(&w->pool, s->ev);
	return s->current;
}

static int put(struct trace_writer *w, struct stream *s, const void *rec, size_t size,
	       const struct sn_names *names)
{
	struct batch *b = room(w, s);
	int r;

	r = b ? batch_append(b, rec, size, names) : -ENOBUFS;
	if (r < 0)
		return r;
	if (b->nr == w->opts.rows_per_group ||
	    (b->nr % POOL_FIRST_ROWS == 0 && pool_count_strings(&w->pool, b) > MAX_STRING_BYTES))
		submit(w, s);
	return 0;
}

/* Writes down the holes of an event, once there is room for that. */
static void put_holes_of(struct trace_writer *w, struct stream *of)
{
	struct stream *s = &w->streams[SN_SLOT_lost];

	for (u32 cause = 0; cause < SN_NR_CAUSES; cause++) {
		struct hole *h = &of->holes[cause];
		struct sn_lost rec = {
			.hdr = { .ts = h->last_ns, .id = SN_EV_lost },
			.first_ns = h->first_ns,
			.last_ns = h->last_ns,
			.nr = h->nr,
			.of = of->ev->id,
			.cause = cause,
		};

		if (!h->nr)
			continue;
		if (put(w, s, &rec, sizeof(rec), NULL) < 0)
			return;
		atomic_fetch_add(&s->put, 1);
		*h = (struct hole){};
	}
	of->has_holes = false;
}

int trace_writer_put(struct trace_writer *w, const struct sn_event *ev, const void *rec,
		     size_t size, const struct sn_names *names)
{
	struct stream *s = &w->streams[ev->slot];
	struct sn_hdr hdr;
	u32 cause;
	int r;

	if (size < ev->size)
		return -EINVAL;
	r = put(w, s, rec, size, names);
	if (r == -EINVAL)
		return r;
	atomic_store_explicit(&s->put, s->put + 1, memory_order_relaxed);
	if (r < 0) {
		/* Where nothing can be written, that is why too much waits. */
		cause = w->fail_cause ?: SN_CAUSE_writer;
		memcpy(&hdr, rec, sizeof(hdr));
		hole_add(&s->holes[cause], 1, hdr.ts, hdr.ts);
		s->has_holes = true;
		count_lost(w, s, cause, 1);
	} else if (s->has_holes && ev->id != SN_EV_lost) {
		put_holes_of(w, s);
	}
	return 0;
}

/* Takes over the holes that the writing thread made. */
static void take_failed(struct trace_writer *w, struct stream *s)
{
	struct hole failed[SN_NR_CAUSES];

	(void)pthread_mutex_lock(&w->lock);
	memcpy(failed, s->failed, sizeof(failed));
	memset(s->failed, 0, sizeof(s->failed));
	(void)pthread_mutex_unlock(&w->lock);
	for (u32 i = 0; i < SN_NR_CAUSES; i++) {
		if (!failed[i].nr)
			continue;
		hole_add(&s->holes[i], failed[i].nr, failed[i].first_ns, failed[i].last_ns);
		s->has_holes = true;
	}
}

/* Holes that the writing thread made, and those of events that have no rows any more. */
static void put_holes(struct trace_writer *w)
{
	bool has_failed = atomic_exchange(&w->has_failed, false);

	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		struct stream *s = &w->streams[i];

		if (has_failed)
			take_failed(w, s);
		if (s->has_holes)
			put_holes_of(w, s);
	}
}

void trace_writer_tick(struct trace_writer *w, u64 now_ns)
{
	if (!w->nr_failing)
		put_holes(w);
	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		struct stream *s = &w->streams[i];

		if (!s->current || !s->current->nr)
			continue;
		if (!s->first_tick_ns)
			s->first_tick_ns = now_ns;
		if (now_ns - s->first_tick_ns >= w->opts.flush_ns)
			submit(w, s);
	}
	if (now_ns >= w->next_sweep_ns) {
		w->next_sweep_ns = now_ns + SWEEP_NS;
		pool_sweep(&w->pool);
	}
}

static int start_thread(struct trace_writer *w)
{
	int r = thread_start(&w->thread, "sonde-writer", run, w);

	w->has_thread = r == 0;
	return r;
}

static void init_locks(struct trace_writer *w)
{
	pthread_condattr_t attr;

	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->wake, &attr);
	(void)pthread_cond_init(&w->done, &attr);
	(void)pthread_condattr_destroy(&attr);
}

static void set_opts(struct trace_writer *w, const struct trace_writer_opts *opts)
{
	struct trace_writer_opts *o = &w->opts;

	if (opts)
		*o = *opts;
	o->rows_per_group = MIN(o->rows_per_group ?: 32768u, (u32)PARQUET_MAX_GROUP_ROWS);
	o->groups_per_part = MIN(o->groups_per_part ?: 64u, (u32)PARQUET_MAX_GROUPS);
	o->flush_ns = o->flush_ns ?: 2000000000ull;
	o->max_batch_bytes = o->max_batch_bytes ?: 20ull << 20;
	o->zstd_level = o->zstd_level ?: 1;
	w->part_dir.limits = (struct part_limits){
		.nr_groups = o->groups_per_part,
		.size_bytes = o->rotate_bytes,
		.age_ns = o->rotate_ns,
	};
}

int trace_writer_open(const char *dir, const struct trace_writer_opts *opts,
		      struct trace_writer **ret, struct diag *d)
{
	_cleanup_(trace_writer_freep) struct trace_writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	init_locks(w);
	set_opts(w, opts);
	pool_init(&w->pool, w->opts.max_batch_bytes, w->opts.rows_per_group);
	w->last = &w->first;
	trace_dir_init(&w->dir);
	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		w->streams[i].ev = schema_event(i);
		w->streams[i].part.ev = schema_event(i);
	}
	w->part_dir.encoder = parquet_encoder_new(w->opts.zstd_level);
	if (!w->part_dir.encoder)
		return diag_err(d, -ENOMEM, "out of memory");
	r = trace_dir_make(&w->dir, dir, d);
	if (r < 0)
		return r;
	w->part_dir.fd = w->dir.fd;
	w->part_dir.name = w->dir.name;
	w->part_dir.tidy = tidy_new(w->dir.fd);
	r = w->part_dir.tidy ? start_thread(w) : -ENOMEM;
	if (r < 0) {
		trace_dir_remove(&w->dir);
		return diag_errno(d, r, "cannot start a thread");
	}
	*ret = TAKE_PTR(w);
	return 0;
}

int trace_writer_manifest(struct trace_writer *w, const char *json, size_t len, struct diag *d)
{
	return trace_dir_manifest(&w->dir, json, len, d);
}

void trace_writer_manifest_behind(struct trace_writer *w, const char *json, size_t len)
{
	trace_dir_manifest_behind(&w->dir, json, len);
}

int trace_writer_error(struct trace_writer *w, struct diag *d)
{
	int r;

	(void)pthread_mutex_lock(&w->lock);
	r = w->error;
	if (r)
		(void)diag_err(d, r, "%s", w->diag.text);
	(void)pthread_mutex_unlock(&w->lock);
	return r;
}

/* Of the batches that are being filled, the one with the most rows goes on its way. */
static void submit_fullest(struct trace_writer *w)
{
	struct stream *fullest = NULL;

	for (u32 i = 0; i < SN_NR_EVENTS; i++)
		if (w->streams[i].current &&
		    (!fullest || w->streams[i].current->nr > fullest->current->nr))
			fullest = &w->streams[i];
	if (fullest && fullest->current->nr)
		submit(w, fullest);
}

bool trace_writer_is_crowded(struct trace_writer *w)
{
	if (w->nr_failing || !pool_is_crowded(&w->pool))
		return false;
	if (!w->nr_waiting)
		submit_fullest(w);
	return w->nr_waiting;
}

bool trace_writer_is_failing(struct trace_writer *w, struct diag *d)
{
	if (!w->nr_failing)
		return false;
	(void)pthread_mutex_lock(&w->lock);
	*d = w->failure;
	(void)pthread_mutex_unlock(&w->lock);
	return true;
}

void trace_writer_counts(const struct trace_writer *w, const struct sn_event *ev,
			 struct trace_writer_counts *ret)
{
	const struct stream *s = &w->streams[ev->slot];

	*ret = (struct trace_writer_counts){ s->put - s->untold, s->written, s->lost };
}

void trace_writer_losses(const struct trace_writer *w, struct trace_writer_losses *ret)
{
	for (u32 i = 0; i < SN_NR_CAUSES; i++)
		ret->by_cause[i] = w->lost[i];
}

u64 trace_writer_bytes(const struct trace_writer *w)
{
	return w->bytes - tidy_saved_bytes(w->part_dir.tidy);
}

static void submit_all(struct trace_writer *w)
{
	for (u32 i = 0; i < SN_NR_EVENTS; i++)
		if (w->streams[i].current && w->streams[i].current->nr)
			submit(w, &w->streams[i]);
}

/* Waits until nothing waits for the writing thread. */
static void drain(struct trace_writer *w)
{
	(void)pthread_mutex_lock(&w->lock);
	while (w->nr_waiting)
		(void)pthread_cond_wait(&w->done, &w->lock);
	(void)pthread_mutex_unlock(&w->lock);
}

static void stop_thread(struct trace_writer *w)
{
	if (!w->has_thread)
		return;
	(void)pthread_mutex_lock(&w->lock);
	w->is_finishing = true;
	w->is_stopping = true;
	(void)pthread_cond_broadcast(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
	(void)pthread_join(w->thread, NULL);
	w->has_thread = false;
}

int trace_writer_finish(struct trace_writer *w, struct diag *d)
{
	if (!w->has_thread)
		return trace_writer_error(w, d);
	(void)pthread_mutex_lock(&w->lock);
	w->is_finishing = true;
	(void)pthread_cond_broadcast(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
	submit_all(w);
	drain(w);
	trace_dir_free_reserve(&w->dir);
	put_holes(w);
	submit_all(w);
	stop_thread(w);
	for (u32 i = 0; i < SN_NR_EVENTS; i++)
		part_end(&w->part_dir, &w->streams[i].part);
	tidy_wait(w->part_dir.tidy);
	return trace_writer_error(w, d);
}

void trace_writer_give(struct trace_writer *w, uid_t uid, gid_t gid)
{
	trace_dir_give(&w->dir, uid, gid);
}

void trace_writer_discard(struct trace_writer *w)
{
	stop_thread(w);
	tidy_wait(w->part_dir.tidy);
	trace_dir_remove(&w->dir);
}

void trace_writer_free(struct trace_writer *w)
{
	struct batch *b;

	if (!w)
		return;
	stop_thread(w);
	while ((b = w->first)) {
		w->first = b->next;
		pool_give(&w->pool, b);
	}
	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		pool_give(&w->pool, w->streams[i].current);
		part_done(&w->streams[i].part);
	}
	pool_done(&w->pool);
	tidy_free(w->part_dir.tidy);
	buf_done(&w->part_dir.out);
	parquet_encoder_free(w->part_dir.encoder);
	trace_dir_done(&w->dir);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_cond_destroy(&w->done);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}
