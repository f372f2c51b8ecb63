// SPDX-License-Identifier: BSD-2-Clause
#include "trace/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "schema/values.h"
#include "trace/names.h"
#include "trace/part.h"

/* Rows that an event's first batch has room for; it doubles as rows come. */
#define FIRST_ROWS 256u
/* A batch is flushed early when its strings take this much. */
#define MAX_STRING_BYTES (4u << 20)
/* An unused batch is kept this long for the next one. */
#define KEEP_SPARE_NS 5000000000ull
/*
 * A write that fails is tried again after 50, 100 and 200 ms. If that does not
 * help its rows are lost, and later batches try once each, at distances that grow
 * from 0.1 to 10 s, until so many have failed in a row that it is given up.
 */
#define NR_RETRIES 3u
#define FIRST_RETRY_NS 50000000ull
#define MAX_FAILURES 100u
#define FIRST_PAUSE_NS 100000000ull
#define MAX_PAUSE_NS 10000000000ull

/* Rows that are lost and not yet written down in lost/. */
struct hole {
	u64 nr, first_ns, last_ns;
};

struct stream {
	const struct sn_event *ev;
	/* Of the putting thread: */
	struct batch *current;
	u64 first_tick_ns; /* when the oldest row of current was first seen waiting; 0 is not yet */
	struct hole hole;
	u32 next_cap;
	/* Of the writing thread: */
	struct part part;
	/* Under the lock: */
	struct batch *spare;
	u64 spare_ns;
	struct hole failed; /* rows that could not be written */
	/* Of both: */
	_Atomic u64 put, written, lost;
};

struct job {
	struct job *next;
	struct batch *batch;
	u64 bytes;
};

struct trace_writer {
	char *dir;
	struct trace_writer_opts opts;
	struct stream streams[SN_NR_EVENTS];
	struct part_dir part_dir; /* of the writing thread, but for .fd */
	pthread_t thread;
	bool has_thread;
	u64 next_sweep_ns;

	pthread_mutex_t lock;
	pthread_cond_t wake; /* a job, or the end */
	pthread_cond_t done; /* a job is done */
	struct job *first, **last;
	bool is_finishing, is_stopping;
	int error;
	struct diag diag;
	_Atomic u64 waiting_bytes, bytes;
	_Atomic bool has_failed; /* some stream has .failed */
	_Atomic bool is_broken;  /* the last write failed */

	/* Of the writing thread: */
	unsigned int nr_failures; /* in a row */
	u64 pause_until_ns;
};

static u64 clock_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* Bytes of the strings of a batch. */
static size_t string_bytes(const struct batch *b)
{
	size_t n = 0;

	for (u32 i = 0; i < b->ev->nr_columns; i++)
		if (b->columns[i].rep == SN_STRING)
			n += b->columns[i].dict.bytes.cap;
	return n;
}

static u64 batch_bytes(const struct batch *b)
{
	u64 n = sizeof(*b) + string_bytes(b), row = 0;

	for (u32 i = 0; i < b->ev->nr_columns; i++)
		row += b->columns[i].width + (b->columns[i].valid ? 1u : 0u);
	return n + row * b->cap;
}

static void hole_add(struct hole *h, u64 nr, u64 first_ns, u64 last_ns)
{
	h->first_ns = h->nr ? MIN(h->first_ns, first_ns) : first_ns;
	h->last_ns = h->nr ? MAX(h->last_ns, last_ns) : last_ns;
	h->nr += nr;
}

/* The writing thread's side. */

static u64 value(const struct batch *b, const char *column, u32 row)
{
	return column_num(&b->columns[schema_column(b->ev, column)], row);
}

/* A row of lost/ that could not be written: what it says of this writer is to be said again. */
static bool reopen_hole(struct trace_writer *w, const struct batch *b, u32 row)
{
	const struct sn_event *of = schema_by_id((u16)value(b, "of", row));

	if (!of || value(b, "cause", row) != SN_CAUSE_writer)
		return false;
	hole_add(&w->streams[of->slot].failed, value(b, "nr", row), value(b, "first_ns", row),
		 value(b, "last_ns", row));
	return true;
}

/* The rows of a batch that could not be written become a hole. */
static void lose_batch(struct trace_writer *w, struct stream *s, const struct batch *b)
{
	u64 ts;

	atomic_fetch_add(&s->lost, b->nr);
	(void)pthread_mutex_lock(&w->lock);
	for (u32 i = 0; i < b->nr; i++) {
		if (b->ev->id == SN_EV_lost && reopen_hole(w, b, i))
			continue;
		ts = column_num(&b->columns[0], i);
		hole_add(&s->failed, 1, ts, ts);
	}
	(void)pthread_mutex_unlock(&w->lock);
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
static bool may_write(struct trace_writer *w, u64 now_ns)
{
	bool is_finishing;

	if (!w->nr_failures)
		return true;
	(void)pthread_mutex_lock(&w->lock);
	is_finishing = w->is_finishing;
	(void)pthread_mutex_unlock(&w->lock);
	return w->nr_failures < MAX_FAILURES && (is_finishing || now_ns >= w->pause_until_ns);
}

static int write_batch(struct trace_writer *w, struct stream *s, const struct batch *b)
{
	unsigned int nr_retries = w->nr_failures ? 0 : NR_RETRIES;
	struct diag d = {};
	u64 pause_ns;
	int r;

	for (unsigned int i = 0;; i++) {
		r = part_write(&w->part_dir, &s->part, b, clock_now(), &d);
		if (r == 0)
			break;
		(void)pthread_mutex_lock(&w->lock);
		if (!w->error) {
			w->error = r;
			w->diag = d;
		}
		(void)pthread_mutex_unlock(&w->lock);
		if (i == nr_retries || !wait_for_retry(w, FIRST_RETRY_NS << i))
			break;
	}
	if (r < 0) {
		pause_ns = FIRST_PAUSE_NS << MIN(w->nr_failures, 10u);
		w->pause_until_ns = clock_now() + MIN(pause_ns, MAX_PAUSE_NS);
		w->nr_failures++;
		atomic_store(&w->is_broken, true);
		return r;
	}
	w->nr_failures = 0;
	atomic_store(&w->is_broken, false);
	atomic_fetch_add(&s->written, b->nr);
	atomic_store(&w->bytes, w->part_dir.bytes);
	return 0;
}

static void do_job(struct trace_writer *w, struct job *job)
{
	struct batch *b = job->batch;
	struct stream *s = &w->streams[b->ev->slot];
	bool is_worth_keeping = b->nr >= b->cap / 4;

	if (!may_write(w, clock_now()) || write_batch(w, s, b) < 0)
		lose_batch(w, s, b);
	if (is_worth_keeping)
		batch_clear(b);
	(void)pthread_mutex_lock(&w->lock);
	if (is_worth_keeping && !s->spare) {
		s->spare = b;
		s->spare_ns = clock_now();
		b = NULL;
	}
	atomic_fetch_sub(&w->waiting_bytes, job->bytes);
	(void)pthread_cond_broadcast(&w->done);
	(void)pthread_mutex_unlock(&w->lock);
	batch_free(b);
	free(job);
}

static void *run(void *arg)
{
	struct trace_writer *w = arg;
	struct job *job;

	(void)pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->first && !w->is_stopping)
			(void)pthread_cond_wait(&w->wake, &w->lock);
		job = w->first;
		if (!job)
			break;
		w->first = job->next;
		if (!w->first)
			w->last = &w->first;
		(void)pthread_mutex_unlock(&w->lock);
		do_job(w, job);
		(void)pthread_mutex_lock(&w->lock);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* The putting thread's side. */

/* Hands the current batch to the writing thread; -ENOBUFS if too much waits there already. */
static int submit(struct trace_writer *w, struct stream *s)
{
	u64 bytes, waiting = atomic_load(&w->waiting_bytes);
	struct job *job;

	/* A batch is never too large for an empty queue. */
	bytes = batch_bytes(s->current);
	if (waiting && waiting + bytes > w->opts.max_waiting_bytes)
		return -ENOBUFS;
	job = malloc(sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = (struct job){ .batch = s->current, .bytes = bytes };
	s->next_cap = MAX(FIRST_ROWS, s->current->cap);
	if (s->current->nr < s->current->cap / 4)
		s->next_cap = MAX(FIRST_ROWS, s->current->cap / 4);
	s->current = NULL;
	s->first_tick_ns = 0;
	(void)pthread_mutex_lock(&w->lock);
	*w->last = job;
	w->last = &job->next;
	atomic_fetch_add(&w->waiting_bytes, bytes);
	(void)pthread_cond_broadcast(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
	return 0;
}

static struct batch *take_batch(struct trace_writer *w, struct stream *s)
{
	struct batch *b;

	(void)pthread_mutex_lock(&w->lock);
	b = TAKE_PTR(s->spare);
	(void)pthread_mutex_unlock(&w->lock);
	return b ? b : batch_new(s->ev, MIN(s->next_cap, w->opts.rows_per_group));
}

/* A batch with room for a row, or NULL: then the row is lost. */
static struct batch *room(struct trace_writer *w, struct stream *s)
{
	struct batch *b = s->current;

	if (b && b->nr == b->cap && b->cap < w->opts.rows_per_group &&
	    batch_grow(b, MIN(b->cap * 2, w->opts.rows_per_group)) < 0)
		return NULL;
	if (b && b->nr == b->cap) {
		if (submit(w, s) < 0)
			return NULL;
		b = NULL;
	}
	if (!b)
		b = s->current = take_batch(w, s);
	return b;
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
	    (b->nr % FIRST_ROWS == 0 && string_bytes(b) > MAX_STRING_BYTES))
		(void)submit(w, s); /* or later */
	return 0;
}

/* Writes down a hole, once there is room for that. */
static void put_hole(struct trace_writer *w, const struct sn_event *of, struct hole *h)
{
	struct stream *s = &w->streams[SN_SLOT_lost];
	struct sn_lost rec = {
		.hdr = { .ts = h->last_ns, .id = SN_EV_lost },
		.first_ns = h->first_ns,
		.last_ns = h->last_ns,
		.nr = h->nr,
		.of = of->id,
		.cause = SN_CAUSE_writer,
	};

	if (put(w, s, &rec, sizeof(rec), NULL) < 0)
		return;
	atomic_fetch_add(&s->put, 1);
	*h = (struct hole){};
}

int trace_writer_put(struct trace_writer *w, const struct sn_event *ev, const void *rec,
		     size_t size, const struct sn_names *names)
{
	struct stream *s = &w->streams[ev->slot];
	struct sn_hdr hdr;
	int r;

	if (size < ev->size)
		return -EINVAL;
	r = put(w, s, rec, size, names);
	if (r == -EINVAL)
		return r;
	atomic_store_explicit(&s->put, s->put + 1, memory_order_relaxed);
	if (r < 0) {
		memcpy(&hdr, rec, sizeof(hdr));
		hole_add(&s->hole, 1, hdr.ts, hdr.ts);
		atomic_fetch_add(&s->lost, 1);
	} else if (s->hole.nr && ev->id != SN_EV_lost) {
		put_hole(w, ev, &s->hole);
	}
	return 0;
}

/* Holes that the writing thread made, and those of events that have no rows any more. */
static void put_holes(struct trace_writer *w)
{
	struct hole failed;

	if (atomic_exchange(&w->has_failed, false)) {
		for (u32 i = 0; i < SN_NR_EVENTS; i++) {
			struct stream *s = &w->streams[i];

			(void)pthread_mutex_lock(&w->lock);
			failed = s->failed;
			s->failed = (struct hole){};
			(void)pthread_mutex_unlock(&w->lock);
			if (failed.nr)
				hole_add(&s->hole, failed.nr, failed.first_ns, failed.last_ns);
		}
	}
	for (u32 i = 0; i < SN_NR_EVENTS; i++)
		if (w->streams[i].hole.nr)
			put_hole(w, w->streams[i].ev, &w->streams[i].hole);
}

/* Frees batches that nobody has needed for a while. */
static void sweep(struct trace_writer *w, u64 now_ns)
{
	struct batch *b;

	w->next_sweep_ns = now_ns + KEEP_SPARE_NS / 4;
	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		struct stream *s = &w->streams[i];

		b = NULL;
		(void)pthread_mutex_lock(&w->lock);
		if (s->spare && clock_now() - s->spare_ns >= KEEP_SPARE_NS)
			b = TAKE_PTR(s->spare);
		(void)pthread_mutex_unlock(&w->lock);
		if (b)
			s->next_cap = FIRST_ROWS;
		batch_free(b);
	}
}

void trace_writer_tick(struct trace_writer *w, u64 now_ns)
{
	if (!atomic_load(&w->is_broken))
		put_holes(w);
	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		struct stream *s = &w->streams[i];

		if (!s->current || !s->current->nr)
			continue;
		if (!s->first_tick_ns)
			s->first_tick_ns = now_ns;
		if (now_ns - s->first_tick_ns >= w->opts.flush_ns)
			(void)submit(w, s);
	}
	if (now_ns >= w->next_sweep_ns)
		sweep(w, now_ns);
}

static bool dir_is_empty(int fd)
{
	const struct dirent *e;
	bool is_empty = true;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir) {
		closep(&copy);
		return false;
	}
	while (is_empty && (e = readdir(dir)))
		is_empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
	(void)closedir(dir);
	return is_empty;
}

/* Others see nothing of a trace unless its owner lets them: it tells what everybody did. */
static int make_dir(const char *dir, int *ret_fd, struct diag *d)
{
	_cleanup_(closep) int fd = -1;
	bool is_new = mkdir(dir, 0700) == 0;

	if (!is_new && errno != EEXIST)
		return diag_errno(d, -errno, "cannot make the directory %s", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOTDIR)
		return diag_err(d, -EEXIST, "%s exists and is no directory", dir);
	if (fd < 0)
		return diag_errno(d, -errno, "cannot open the directory %s", dir);
	if (!is_new && !dir_is_empty(fd))
		return diag_err(d, -EEXIST, "%s exists and is not empty", dir);
	/* Held until the trace is closed: repairing it meanwhile would cut what is being written. */
	(void)flock(fd, LOCK_EX | LOCK_NB);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int start_thread(struct trace_writer *w)
{
	sigset_t all, old;
	int r;

	/* Signals are the caller's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&w->thread, NULL, run, w);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0) {
		w->has_thread = true;
		(void)pthread_setname_np(w->thread, "sonde-writer");
	}
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
	o->max_waiting_bytes = o->max_waiting_bytes ?: 16ull << 20;
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
	w->last = &w->first;
	w->part_dir.fd = -1;
	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		w->streams[i].ev = schema_event(i);
		w->streams[i].part.ev = schema_event(i);
		w->streams[i].next_cap = FIRST_ROWS;
	}
	w->dir = strdup(dir);
	w->part_dir.name = w->dir;
	w->part_dir.encoder = parquet_encoder_new(w->opts.zstd_level);
	if (!w->dir || !w->part_dir.encoder)
		return diag_err(d, -ENOMEM, "out of memory");
	r = make_dir(dir, &w->part_dir.fd, d);
	if (r < 0)
		return r;
	w->part_dir.tidy = tidy_new(w->part_dir.fd);
	r = w->part_dir.tidy ? start_thread(w) : -ENOMEM;
	if (r < 0)
		return diag_errno(d, r, "cannot start a thread");
	*ret = TAKE_PTR(w);
	return 0;
}

static int write_manifest(int dirfd, const char *json, size_t len)
{
	_cleanup_(closep) int fd = -1;
	ssize_t r;

	fd = openat(dirfd, NAMES_MANIFEST_NEW,
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	for (size_t n = 0; n < len; n += (size_t)r) {
		r = write(fd, json + n, len - n);
		if (r < 0 && errno == EINTR)
			r = 0;
		else if (r <= 0)
			return r < 0 ? -errno : -EIO;
	}
	if (fsync(fd) < 0 || renameat(dirfd, NAMES_MANIFEST_NEW, dirfd, NAMES_MANIFEST) < 0)
		return -errno;
	return 0;
}

int trace_writer_manifest(struct trace_writer *w, const char *json, size_t len, struct diag *d)
{
	int r = write_manifest(w->part_dir.fd, json, len);

	if (r == 0)
		return 0;
	(void)unlinkat(w->part_dir.fd, NAMES_MANIFEST_NEW, 0);
	return diag_errno(d, r, "cannot write %s/%s", w->dir, NAMES_MANIFEST);
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

void trace_writer_counts(const struct trace_writer *w, const struct sn_event *ev,
			 struct trace_writer_counts *ret)
{
	const struct stream *s = &w->streams[ev->slot];

	*ret = (struct trace_writer_counts){ s->put, s->written, s->lost };
}

u64 trace_writer_bytes(const struct trace_writer *w)
{
	return w->bytes - tidy_saved_bytes(w->part_dir.tidy);
}

/* Waits until no more than this waits for the writing thread. */
static void drain(struct trace_writer *w, u64 bytes)
{
	(void)pthread_mutex_lock(&w->lock);
	while (atomic_load(&w->waiting_bytes) > bytes)
		(void)pthread_cond_wait(&w->done, &w->lock);
	(void)pthread_mutex_unlock(&w->lock);
}

/* Submits a batch, and waits for room where there is none. */
static void submit_surely(struct trace_writer *w, struct stream *s)
{
	struct batch *b = s->current;

	if (!b || !b->nr)
		return;
	if (submit(w, s) == 0)
		return;
	drain(w, 0);
	if (submit(w, s) == 0)
		return;
	/* Not even memory for a job: the writing thread is idle, its part can be played here. */
	lose_batch(w, s, b);
	batch_free(TAKE_PTR(s->current));
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
	for (u32 i = 0; i < SN_NR_EVENTS; i++)
		submit_surely(w, &w->streams[i]);
	drain(w, 0);
	put_holes(w);
	submit_surely(w, &w->streams[SN_SLOT_lost]);
	stop_thread(w);
	for (u32 i = 0; i < SN_NR_EVENTS; i++)
		part_end(&w->part_dir, &w->streams[i].part);
	tidy_wait(w->part_dir.tidy);
	return trace_writer_error(w, d);
}

void trace_writer_free(struct trace_writer *w)
{
	struct job *job;

	if (!w)
		return;
	stop_thread(w);
	while ((job = w->first)) {
		w->first = job->next;
		batch_free(job->batch);
		free(job);
	}
	for (u32 i = 0; i < SN_NR_EVENTS; i++) {
		batch_free(w->streams[i].current);
		batch_free(w->streams[i].spare);
		part_done(&w->streams[i].part);
	}
	tidy_free(w->part_dir.tidy);
	buf_done(&w->part_dir.out);
	parquet_encoder_free(w->part_dir.encoder);
	closep(&w->part_dir.fd);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_cond_destroy(&w->done);
	(void)pthread_mutex_destroy(&w->lock);
	free(w->dir);
	free(w);
}
